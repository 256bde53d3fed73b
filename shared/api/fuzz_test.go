package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"licenseguard/shared/license"
)

// FuzzHandler sends any body to any operation: no panic, no 500, and the answer is
// JSON with a type where it is an error.
func FuzzHandler(f *testing.F) {
	data, err := os.ReadFile("testdata/operations.txt")
	if err != nil {
		f.Fatal(err)
	}
	targets := []string{"Licenseguard.GetHistory", "Licenseguard.Simulate", "", "x"}
	for _, name := range strings.Fields(string(data)) {
		targets = append(targets, "AWSLicenseManager."+name)
	}
	asked := newWorld(f)
	for i, target := range targets {
		if _, _, out := asked.post(target, []byte("{}")); out["__type"] == "UnknownOperationException" {
			f.Add(uint8(i), []byte("{}"))
			continue
		}
		for _, body := range []object{
			{}, {"LicenseConfigurationArn": "ARN"}, {"Name": "A", "LicenseCountingType": "vCPU", "LicenseCount": 1, "LicenseRules": []any{"#minimumVcpus=1"}},
			{"ResourceArn": instanceARN(0), "AddLicenseSpecifications": specifications("ARN")}, {"ResourceArn": "ARN", "Tags": []any{object{"Key": "a", "Value": "b"}}},
			{"MaxResults": 1, "NextToken": "x", "Filters": []any{object{"Name": "licenseCountingType", "Values": []any{"vCPU"}, "Condition": "EQUALS", "Value": "x"}}},
			{"ReportGeneratorName": "a", "Type": []any{"LicenseConfigurationUsageReport"}, "ReportContext": object{"licenseConfigurationArns": []any{"ARN"}, "reportStartDate": 1e300},
				"ReportFrequency": object{"value": 1, "period": "DAY"}, "ClientToken": "x"},
			{"LicenseConfigurationArn": "ARN", "LicenseExpiry": 9007199254740993, "ProductInformationList": []any{object{"ResourceType": "RDS", "ProductInformationFilterList": []any{
				object{"ProductInformationFilterName": "Engine Edition", "ProductInformationFilterComparator": "EQUALS", "ProductInformationFilterValue": []any{"oracle-ee"}}}}}},
		} {
			f.Add(uint8(i), marshal(f, body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		w := newWorld(t) // a world of its own, so that what fails once fails again
		w.run(license.Running, 0, 1)
		arn := w.create(object{"LicenseCount": 4, "LicenseCountHardLimit": true})
		w.do("UpdateLicenseSpecificationsForResource", w.associate(imageARN, arn))
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(bytes.ReplaceAll(body, []byte(`"ARN"`), []byte(`"`+arn+`"`))))
		target := targets[int(which)%len(targets)]
		r.Header.Set("Content-Type", "application/x-amz-json-1.1")
		r.Header.Set("X-Amz-Target", target)
		recorder := httptest.NewRecorder()
		w.h.ServeHTTP(recorder, r)
		answer, err := io.ReadAll(recorder.Body)
		if err != nil {
			t.Fatal(err)
		}
		var out object
		if err := json.Unmarshal(answer, &out); err != nil {
			t.Fatalf("%s: the answer is no JSON: %q", target, answer)
		}
		kind, failed := out["__type"].(string)
		if recorder.Code >= 500 || failed != (recorder.Code != 200) || failed && kind == "" {
			t.Fatalf("%s: status %d, %s", target, recorder.Code, answer)
		}
	})
}
