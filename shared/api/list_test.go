package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/report"
)

func arns(objects []object, member string) map[string]int {
	out := make(map[string]int)
	for _, o := range objects {
		arn, _ := o[member].(string)
		out[arn]++
	}
	return out
}

// Pages repeat and lose nothing that is there all the time, whatever comes and goes.
func TestPagesUnderChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stay := make(map[string]int)
	for range 30 {
		stay[w.create(object{})] = 1
	}
	doomed := []string{w.create(object{}), w.create(object{}), w.create(object{})}
	got := make(map[string]int)
	in := object{"MaxResults": 7}
	for pages := 0; ; pages++ {
		out := w.do("ListLicenseConfigurations", in)
		for arn, n := range arns(list(out, "LicenseConfigurations"), "LicenseConfigurationArn") {
			got[arn] += n
		}
		token, _ := out["NextToken"].(string)
		if token == "" {
			break
		}
		in["NextToken"] = token
		w.create(object{"Name": "between"})
		if pages < len(doomed) {
			w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": doomed[pages]})
		}
	}
	for arn := range stay {
		if got[arn] != 1 {
			t.Errorf("%s was listed %d times", arn, got[arn])
		}
	}
	for arn, n := range got {
		if n > 1 {
			t.Errorf("%s was listed %d times", arn, n)
		}
	}
}

func TestConfigurationFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0)
	soft := w.create(object{"LicenseCount": 2})
	hard := w.create(object{"LicenseCount": 50, "LicenseCountHardLimit": true})
	each := w.create(object{"LicenseCountingType": "Instance"})
	w.do("UpdateLicenseSpecificationsForResource", w.associate(imageARN, soft, hard, each))
	filter := func(name string, values ...any) object { return object{"Name": name, "Values": values} }
	for name, c := range map[string]struct {
		in   object
		want []string
	}{
		"all":           {object{}, []string{soft, hard, each}},
		"counting":      {object{"Filters": []any{filter("licenseCountingType", "vCPU")}}, []string{soft, hard}},
		"hard":          {object{"Filters": []any{filter("enforceLicenseCount", "true")}}, []string{hard}},
		"not hard":      {object{"Filters": []any{filter("enforceLicenseCount", "false")}}, []string{soft, each}},
		"exceeded":      {object{"Filters": []any{filter("usagelimitExceeded", "true")}}, []string{soft}},
		"not exceeded":  {object{"Filters": []any{filter("usagelimitExceeded", "false")}}, []string{hard, each}},
		"two":           {object{"Filters": []any{filter("licenseCountingType", "vCPU"), filter("usagelimitExceeded", "false")}}, []string{hard}},
		"by ARN":        {object{"LicenseConfigurationArns": []any{each, strings.Replace(hard, "n:lic", "n/lic", 1)}}, []string{hard, each}},
		"ARN and kind":  {object{"LicenseConfigurationArns": []any{each, hard}, "Filters": []any{filter("licenseCountingType", "vCPU")}}, []string{hard}},
		"one at a time": {object{"MaxResults": 1, "Filters": []any{filter("usagelimitExceeded", "false")}}, []string{hard, each}},
	} {
		for _, operation := range []string{"ListLicenseConfigurations", "ListLicenseConfigurationsForOrganization"} {
			got := arns(w.all(operation, "LicenseConfigurations", maps.Clone(c.in)), "LicenseConfigurationArn")
			if len(got) != len(c.want) {
				t.Errorf("%s: %d, want %d", name, len(got), len(c.want))
			}
			for _, arn := range c.want {
				if got[arn] != 1 {
					t.Errorf("%s: %s was listed %d times", name, arn, got[arn])
				}
			}
		}
	}
	usage := func(f object) int {
		return len(list(w.do("ListUsageForLicenseConfiguration", object{"LicenseConfigurationArn": soft, "Filters": []any{f}}), "LicenseConfigurationUsageList"))
	}
	for name, c := range map[string]struct {
		filter object
		want   int
	}{
		"ARN": {filter("resourceArn", instanceARN(0)), 1}, "another ARN": {filter("resourceArn", instanceARN(1)), 0},
		"type": {filter("resourceType", "EC2_INSTANCE"), 1}, "another type": {filter("resourceType", "EC2_HOST"), 0},
		"account": {filter("resourceAccount", account), 1}, "another account": {filter("resourceAccount", "999999999999"), 0},
	} {
		if got := usage(c.filter); got != c.want {
			t.Errorf("usage by %s: %d, want %d", name, got, c.want)
		}
	}
}

func TestRefusedLists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{})
	w.create(object{})
	token := w.do("ListLicenseConfigurations", object{"MaxResults": 1})["NextToken"]
	many := make([]any, 11)
	for i := range many {
		many[i] = object{"Name": "licenseCountingType", "Values": []any{"vCPU"}}
	}
	for name, in := range map[string]object{
		"none":             {"MaxResults": 0},
		"negative":         {"MaxResults": -1},
		"too many":         {"MaxResults": 101},
		"token":            {"NextToken": "x"},
		"padded token":     {"NextToken": fmt.Sprint(token) + "="},
		"another's token":  {"NextToken": token, "Filters": []any{object{"Name": "licenseCountingType", "Values": []any{"vCPU"}}}},
		"filter":           {"Filters": []any{object{"Name": "name", "Values": []any{"A"}}}},
		"filter's case":    {"Filters": []any{object{"Name": "LicenseCountingType", "Values": []any{"vCPU"}}}},
		"value's case":     {"Filters": []any{object{"Name": "licenseCountingType", "Values": []any{"vcpu"}}}},
		"no value":         {"Filters": []any{object{"Name": "licenseCountingType"}}},
		"no name":          {"Filters": []any{object{"Values": []any{"A"}}}},
		"an unknown ARN":   {"LicenseConfigurationArns": []any{arn + "0"}},
		"no boolean":       {"Filters": []any{object{"Name": "usagelimitExceeded", "Values": []any{"yes"}}}},
		"an ARN of no one": {"LicenseConfigurationArns": []any{""}},
	} {
		if m := w.refused("InvalidParameterValueException", "ListLicenseConfigurations", in); m == "" {
			t.Error(name)
		}
	}
	w.refused("InvalidParameterValueException", "ListResourceInventory", object{"NextToken": token})
	two := object{"Filters": []any{object{"Name": "licenseCountingType", "Values": []any{"vCPU", "Core"}}}}
	w.refused("FilterLimitExceededException", "ListLicenseConfigurations", two)
	w.refused("FilterLimitExceededException", "ListLicenseConfigurations", object{"Filters": many})
	w.refused("FilterLimitExceededException", "ListUsageForLicenseConfiguration", object{"LicenseConfigurationArn": arn, "Filters": []any{object{"Name": "resourceArn", "Values": []any{"a", "b"}}}})
	w.refused("InvalidParameterValueException", "ListUsageForLicenseConfiguration", object{"LicenseConfigurationArn": arn, "Filters": []any{object{"Name": "resourceType", "Values": []any{"VM"}}}})
	for _, name := range []string{"ListUsageForLicenseConfiguration", "ListAssociationsForLicenseConfiguration", "ListFailuresForLicenseConfigurationOperations"} {
		w.refused("InvalidParameterValueException", name, object{})
		w.refused("InvalidParameterValueException", name, object{"LicenseConfigurationArn": arn, "MaxResults": 1000})
		w.refused("InvalidParameterValueException", name, object{"LicenseConfigurationArn": arn, "NextToken": "!"})
	}
	w.refused("InvalidParameterValueException", "ListLicenseSpecificationsForResource", object{"ResourceArn": imageARN, "NextToken": "eyJ9"})
	w.refused("InvalidParameterValueException", "ListLicenseSpecificationsForResource", object{})
}

// The rows of the usage list add up to what the configuration shows.
func TestUsageAddsUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const fleet = 250
	for i := range fleet {
		w.run(license.Running, i)
	}
	arn := w.create(object{"LicenseCount": 400, "LicenseCountHardLimit": true})
	w.do("UpdateLicenseSpecificationsForResource", w.associate(imageARN, arn))
	sum, seen := 0.0, make(map[string]bool)
	for _, u := range w.all("ListUsageForLicenseConfiguration", "LicenseConfigurationUsageList", object{"LicenseConfigurationArn": arn, "MaxResults": 33}) {
		sum += u["ConsumedLicenses"].(float64)
		seen[u["ResourceArn"].(string)] = true
	}
	if got := w.get(arn)["ConsumedLicenses"]; sum != got || sum != 4*fleet || len(seen) != fleet {
		t.Errorf("%d resources add up to %v, the configuration says %v", len(seen), sum, got)
	}
	if n := len(w.all("ListAssociationsForLicenseConfiguration", "LicenseConfigurationAssociations", object{"LicenseConfigurationArn": arn})); n != fleet+1 {
		t.Errorf("%d associations, want %d", n, fleet+1)
	}
}

func TestInventory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0, 1, 2)
	w.run(license.Stopped, 3)
	w.run(license.Terminated, 4)
	facts, err := w.store.LoadFacts(t.Context(), []license.ResourceID{resource(1)})
	if err != nil {
		t.Fatal(err)
	}
	f := facts[resource(1)]
	f.Instance.UsageOperation = "RunInstances:0010"
	if err := w.store.SaveFacts(t.Context(), []ledger.Facts{f}); err != nil {
		t.Fatal(err)
	}
	all := w.all("ListResourceInventory", "ResourceInventoryList", object{"MaxResults": 3})
	if len(all) != 4 {
		t.Fatalf("%d resources, want 4: %v", len(all), all)
	}
	equal(t, "the first", all[0], object{"ResourceId": instanceID(0), "ResourceType": "EC2_INSTANCE", "ResourceArn": instanceARN(0), "Platform": "Windows",
		"ResourceOwningAccountId": account, "UsageOperation": "RunInstances:0002", "AmiId": image, "Region": region, "InstanceType": "m5.xlarge"})
	filter := func(name, condition, value string) object {
		return object{"Filters": []any{object{"Name": name, "Condition": condition, "Value": value}}}
	}
	for name, c := range map[string]struct {
		in   object
		want int
	}{
		"account":           {filter("account_id", "EQUALS", account), 4},
		"not the account":   {filter("account_id", "NOT_EQUALS", account), 0},
		"platform":          {filter("platform", "EQUALS", "Windows"), 3},
		"platform begins":   {filter("platform", "BEGINS_WITH", "Red Hat"), 1},
		"resource":          {filter("resource_id", "EQUALS", instanceID(2)), 1},
		"not the resource":  {filter("resource_id", "NOT_EQUALS", instanceID(2)), 3},
		"tag":               {filter("tag:Name", "EQUALS", "server 3"), 1},
		"not the tag":       {filter("tag:Name", "NOT_EQUALS", "server 3"), 3},
		"a tag nobody has":  {filter("tag:None", "EQUALS", ""), 0},
		"not that tag":      {filter("tag:None", "NOT_EQUALS", ""), 4},
		"case is different": {filter("platform", "EQUALS", "windows"), 0},
	} {
		if got := len(list(w.do("ListResourceInventory", c.in), "ResourceInventoryList")); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	w.refused("InvalidParameterValueException", "ListResourceInventory", filter("color", "EQUALS", "red"))
	w.refused("InvalidParameterValueException", "ListResourceInventory", filter("platform", "CONTAINS", "x"))
	w.refused("InvalidParameterValueException", "ListResourceInventory", filter("tag:", "EQUALS", "x"))
	for _, name := range []string{"application_name", "license_included"} {
		if m := w.refused("FailedDependencyException", "ListResourceInventory", filter(name, "EQUALS", "sql-server-web")); !strings.Contains(m, "inventory") {
			t.Errorf("%s: %s", name, m)
		}
	}
}

func TestReceivedLicenses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	equal(t, "received", w.do("ListReceivedLicenses", object{"MaxResults": 10, "Filters": []any{object{"Name": "Status", "Values": []any{"AVAILABLE"}}}}), object{"Licenses": []any{}})
	for _, in := range []object{{"LicenseArns": []any{"x"}}, {"MaxResults": 101}} {
		w.refused("ValidationException", "ListReceivedLicenses", in)
	}
	for _, in := range []object{{"NextToken": "x"}, {"Filters": []any{object{"Name": "Color", "Values": []any{"x"}}}},
		{"Filters": []any{object{"Name": "Status", "Values": []any{"x"}}}}} {
		w.refused("InvalidParameterValueException", "ListReceivedLicenses", in)
	}
}

func TestServiceSettings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	equal(t, "at first", w.do("GetServiceSettings", object{}), object{"S3BucketArn": bucket, "SnsTopicArn": topic,
		"OrganizationConfiguration": object{"EnableIntegration": false}, "EnableCrossAccountsDiscovery": false})
	w.do("UpdateServiceSettings", object{"OrganizationConfiguration": object{"EnableIntegration": true}, "EnableCrossAccountsDiscovery": true, "SnsTopicArn": topic, "S3BucketArn": bucket})
	w.do("UpdateServiceSettings", object{"EnabledDiscoverySourceRegions": []any{"eu-west-1"}})
	equal(t, "at last", w.do("GetServiceSettings", object{}), object{"S3BucketArn": bucket, "SnsTopicArn": topic,
		"OrganizationConfiguration": object{"EnableIntegration": true}, "EnableCrossAccountsDiscovery": true,
		"CrossRegionDiscoveryHomeRegion": region, "CrossRegionDiscoverySourceRegions": []any{"eu-west-1"}})
	if m := w.refused("InvalidParameterValueException", "UpdateServiceSettings", object{"SnsTopicArn": topic + "2"}); !strings.Contains(m, "docs/settings.md") {
		t.Errorf("the refusal does not say where: %s", m)
	}
	w.refused("InvalidParameterValueException", "UpdateServiceSettings", object{"S3BucketArn": "arn:aws:s3:::another"})
	w.refused("InvalidParameterValueException", "UpdateServiceSettings", object{"EnabledDiscoverySourceRegions": []any{"the moon"}})
	w.refused("ValidationException", "UpdateServiceSettings", object{"OrganizationConfiguration": object{}})
}

func TestReportGenerators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.create(object{}), w.create(object{})
	wish := func(change func(object)) object {
		in := object{"ReportGeneratorName": "daily", "Type": []any{"LicenseConfigurationSummaryReport", "LicenseConfigurationUsageReport"},
			"ReportContext": object{"licenseConfigurationArns": []any{a}}, "ReportFrequency": object{"value": 1, "period": "DAY"}, "ClientToken": "token-1",
			"Description": "for audit", "Tags": []any{object{"Key": "a", "Value": "b"}}}
		change(in)
		return in
	}
	same := func(object) {}
	arn, _ := w.do("CreateLicenseManagerReportGenerator", wish(same))["LicenseManagerReportGeneratorArn"].(string)
	if !strings.HasPrefix(arn, "arn:aws:license-manager:us-east-1:123456789012:report-generator:r-") {
		t.Fatalf("ARN %q", arn)
	}
	if again := w.do("CreateLicenseManagerReportGenerator", wish(same))["LicenseManagerReportGeneratorArn"]; again != arn {
		t.Errorf("the same call made another: %v", again)
	}
	w.refused("InvalidParameterValueException", "CreateLicenseManagerReportGenerator", wish(func(in object) { in["ReportGeneratorName"] = "weekly" }))
	equal(t, "generator", w.do("GetLicenseManagerReportGenerator", object{"LicenseManagerReportGeneratorArn": arn}), object{"ReportGenerator": object{
		"ReportGeneratorName": "daily", "ReportType": []any{"LicenseConfigurationSummaryReport", "LicenseConfigurationUsageReport"},
		"ReportContext": object{"licenseConfigurationArns": []any{a}}, "ReportFrequency": object{"value": 1, "period": "DAY"},
		"LicenseManagerReportGeneratorArn": arn, "ReportCreatorAccount": account, "Description": "for audit", "CreateTime": "2026-11-20T08:00:00Z",
		"S3Location": object{"bucket": strings.TrimPrefix(bucket, "arn:aws:s3:::"), "keyPrefix": "Reports/daily/"},
		"Tags":       []any{object{"Key": "a", "Value": "b"}}}})
	if m := w.refused("InvalidParameterValueException", "DeleteLicenseConfiguration", object{"LicenseConfigurationArn": a}); !strings.Contains(m, "report generator") {
		t.Errorf("the refusal to delete: %s", m)
	}
	w.do("UpdateLicenseManagerReportGenerator", wish(func(in object) {
		delete(in, "Tags")
		in["LicenseManagerReportGeneratorArn"], in["ReportGeneratorName"], in["ClientToken"] = arn, "monthly", "token-2"
		in["ReportContext"], in["ReportFrequency"] = object{"licenseConfigurationArns": []any{b}}, object{"period": "MONTH"}
	}))
	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": a})
	w.do("TagResource", object{"ResourceArn": arn, "Tags": []any{object{"Key": "c", "Value": "d"}}})
	w.do("UntagResource", object{"ResourceArn": arn, "TagKeys": []any{"a"}})
	equal(t, "tags", w.do("ListTagsForResource", object{"ResourceArn": arn}), object{"Tags": []any{object{"Key": "c", "Value": "d"}}})
	for i := range 5 {
		w.do("CreateLicenseManagerReportGenerator", wish(func(in object) {
			in["ClientToken"], in["ReportContext"] = fmt.Sprint("more-", i), object{"licenseConfigurationArns": []any{b}}
		}))
	}
	if n := len(w.all("ListLicenseManagerReportGenerators", "ReportGenerators", object{"MaxResults": 4})); n != 6 {
		t.Errorf("%d generators, want 6", n)
	}
	by := func(arn string) int {
		return len(w.all("ListLicenseManagerReportGenerators", "ReportGenerators", object{"Filters": []any{object{"Name": "LicenseConfigurationArn", "Values": []any{arn}}}}))
	}
	if by(a) != 0 || by(b) != 6 {
		t.Errorf("by configuration: %d and %d, want 0 and 6", by(a), by(b))
	}
	run, _ := json.Marshal(report.Run{Status: report.Failed, Reason: "AccessDenied", Made: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)})
	if err := w.store.PutDocument(t.Context(), ledger.Document{Kind: ledger.ReportRuns, ID: arn[strings.LastIndexByte(arn, ':')+1:], Revision: 1, Data: run}); err != nil {
		t.Fatal(err)
	}
	shown, _ := w.do("GetLicenseManagerReportGenerator", object{"LicenseManagerReportGeneratorArn": arn})["ReportGenerator"].(object)
	for name, want := range map[string]string{"LastRunStatus": "FAILED", "LastRunFailureReason": "AccessDenied", "LastReportGenerationTime": "2026-11-20T09:00:00Z"} {
		if shown[name] != want {
			t.Errorf("%s is %v, want %v", name, shown[name], want)
		}
	}
	w.do("DeleteLicenseManagerReportGenerator", object{"LicenseManagerReportGeneratorArn": arn})
	for _, name := range []string{"GetLicenseManagerReportGenerator", "DeleteLicenseManagerReportGenerator"} {
		w.refused("ResourceNotFoundException", name, object{"LicenseManagerReportGeneratorArn": arn})
		w.refused("ResourceNotFoundException", name, object{"LicenseManagerReportGeneratorArn": "x"})
	}
	w.refused("ResourceNotFoundException", "UpdateLicenseManagerReportGenerator", wish(func(in object) { in["LicenseManagerReportGeneratorArn"] = arn }))
	left := list(w.do("ListLicenseManagerReportGenerators", object{"MaxResults": 1}), "ReportGenerators")[0]
	for name, change := range map[string]func(object){
		"name":      func(in object) { in["ReportGeneratorName"] = "" },
		"long name": func(in object) { in["ReportGeneratorName"] = strings.Repeat("x", 101) },
		"no type":   func(in object) { in["Type"] = []any{} },
		"type":      func(in object) { in["Type"] = []any{"Report"} },
		"type twice": func(in object) {
			in["Type"] = []any{"LicenseConfigurationUsageReport", "LicenseConfigurationUsageReport"}
		},
		"period":       func(in object) { in["ReportFrequency"] = object{"value": 1, "period": "YEAR"} },
		"value":        func(in object) { in["ReportFrequency"] = object{"value": 2, "period": "DAY"} },
		"context":      func(in object) { in["ReportContext"] = object{} },
		"gone":         func(in object) { in["ReportContext"] = object{"licenseConfigurationArns": []any{a}} },
		"asset groups": func(in object) { in["ReportContext"] = object{"licenseAssetGroupArns": []any{a}} },
		"dates": func(in object) {
			in["ReportContext"] = object{"licenseConfigurationArns": []any{b}, "reportStartDate": 200, "reportEndDate": 100}
		},
		"no token":   func(in object) { delete(in, "ClientToken") },
		"long token": func(in object) { in["ClientToken"] = strings.Repeat("x", 37) },
	} {
		in := wish(func(in object) {
			in["ClientToken"], in["ReportContext"] = "fresh", object{"licenseConfigurationArns": []any{b}}
			change(in)
		})
		kind := "InvalidParameterValueException"
		if slices.Contains([]string{"name", "long name", "no token", "long token"}, name) {
			kind = "ValidationException"
		}
		w.refused(kind, "CreateLicenseManagerReportGenerator", in)
		in["LicenseManagerReportGeneratorArn"] = left["LicenseManagerReportGeneratorArn"]
		w.refused(kind, "UpdateLicenseManagerReportGenerator", in)
	}
	equal(t, "after refused updates", list(w.do("ListLicenseManagerReportGenerators", object{"MaxResults": 1}), "ReportGenerators")[0], left)
}

// A report may begin before 1970: it is told as it was given, and spoils no list.
func TestReportsOfBefore1970(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	license := w.create(nil)
	for _, from := range []float64{-1.5, -0.001, -62135596799.25, 1.001} {
		arn := w.do("CreateLicenseManagerReportGenerator", object{"ReportGeneratorName": "old", "Type": []any{"LicenseConfigurationUsageReport"},
			"ReportContext":   object{"licenseConfigurationArns": []any{license}, "reportStartDate": from},
			"ReportFrequency": object{"value": 1, "period": "DAY"}, "ClientToken": fmt.Sprint(from)})["LicenseManagerReportGeneratorArn"]
		got := w.do("GetLicenseManagerReportGenerator", object{"LicenseManagerReportGeneratorArn": arn})["ReportGenerator"].(object)["ReportContext"].(object)["reportStartDate"]
		equal(t, "start", got, from)
	}
	if n := len(w.all("ListLicenseManagerReportGenerators", "ReportGenerators", object{})); n != 4 {
		t.Errorf("%d generators, want 4", n)
	}
}

// A host to which licenses are bound is associated, also when nothing runs on it.
func TestABoundHostIsAssociated(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"LicenseCountingType": "Core", "LicenseRules": []any{"#licenseAffinityToHost=14"}})
	l, err := w.store.Load(t.Context(), arn[len(arn)-len("lic-")-32:])
	if err != nil {
		t.Fatal(err)
	}
	host := license.NewResourceID(account, region, "h-0123456789abcdef0")
	l.Revision++
	l.Due, l.Totals = start.Add(24*time.Hour), ledger.Totals{Affinity: 48, Hosts: 48}
	l.Entries = []ledger.Entry{{Resource: host, First: start, Licenses: 48, Host: ledger.HostFacts{Family: "m5", Cores: 48, Sockets: 2}, Verdict: ledger.Tracked,
		RuleVersion: 1, Assigned: start.Add(-13 * 24 * time.Hour), AffinityUntil: start.Add(24 * time.Hour)}}
	if err := w.store.Commit(t.Context(), ledger.Commit{License: l, Change: &ledger.Change{License: l.Configuration.ID, Revision: l.Revision}}); err != nil {
		t.Fatal(err)
	}
	in := object{"LicenseConfigurationArn": arn}
	for name, member := range map[string]string{"ListUsageForLicenseConfiguration": "LicenseConfigurationUsageList", "ListAssociationsForLicenseConfiguration": "LicenseConfigurationAssociations"} {
		if all := w.all(name, member, in); len(all) != 1 || all[0]["ResourceArn"] != host.ARN() {
			t.Errorf("%s: %v", name, all)
		}
	}
}
