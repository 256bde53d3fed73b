package api_test

import (
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

func (w *world) simulate(in object) (status int, out object) {
	w.t.Helper()
	status, _, out = w.post("Licenseguard.Simulate", marshal(w.t, in))
	return status, out
}

// A launch in an account whose instances nobody counts is refused, for it would count
// nowhere.
func TestSimulateInAnotherAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.create(object{"Tags": []any{object{"Key": "licenseguard:associate-tag", "Value": "db"}}})
	status, _, out := w.post("Licenseguard.Simulate", marshal(t, object{"Launches": []any{
		object{"InstanceType": "m5.large", "AccountId": "210987654321", "Tags": []any{object{"Key": "db", "Value": ""}}}}}))
	if message, _ := out["message"].(string); status != 400 || !strings.Contains(message, "is not watched") {
		t.Errorf("status %d, %v; want that the account is not watched", status, out)
	}
}

func TestSimulate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0, 1)
	arn := w.create(object{"LicenseCount": 12, "LicenseCountHardLimit": true, "Tags": []any{object{"Key": "licenseguard:on-violation", "Value": "stop"}}})
	w.do("UpdateLicenseSpecificationsForResource", w.associate(imageARN, arn))
	w.now = w.now.Add(time.Hour)
	before := w.get(arn)
	for name, c := range map[string]struct {
		in                              object
		consumed, covered, over, broken float64
		moved                           float64
		answer                          string
	}{
		"a launch": {object{"Launches": []any{object{"InstanceType": "m5.xlarge", "Count": 2, "ImageId": image}}}, 16, 12, 4, 0, 2, "stop"},
		"a lower count": {object{"Configurations": []any{object{"LicenseConfigurationArn": arn, "LicenseCount": 4}}},
			8, 4, 4, 0, 1, "stop, once a person approves it"},
		"a rule": {object{"Configurations": []any{object{"LicenseConfigurationArn": arn, "LicenseRules": []any{"allowedInstanceTypes#m6i.large"}}}},
			8, 0, 0, 8, 2, "stop, once a person approves it"},
		"another mode": {object{"Launches": []any{object{"InstanceType": "m5.xlarge", "Count": 2, "ImageId": image}},
			"Configurations": []any{object{"LicenseConfigurationArn": arn, "Tags": []any{object{"Key": "licenseguard:on-violation", "Value": "notify"}}}}}, 16, 12, 4, 0, 2, "none; stop in another mode"},
	} {
		status, out := w.simulate(c.in)
		effects := list(out, "Licenses")
		if status != 200 || len(effects) != 1 {
			t.Fatalf("%s: status %d, %v", name, status, out)
		}
		e := effects[0]
		after := e["After"].(object)
		if after["ConsumedLicenses"] != c.consumed || after["CoveredLicenses"] != c.covered || after["OverLicenses"] != c.over || after["AgainstRules"] != c.broken {
			t.Errorf("%s: after %v", name, after)
		}
		resources := list(e, "Resources")
		last := resources[len(resources)-1]
		if e["ResourcesMoved"] != c.moved || float64(len(resources)) != c.moved || last["Why"] == "" || last["After"].(object)["Answer"] != c.answer {
			t.Errorf("%s: %v moved: %v", name, e["ResourcesMoved"], resources)
		}
	}
	equal(t, "the license after all", w.get(arn), before)
	status, out := w.simulate(object{"Configurations": []any{object{"Name": "New", "LicenseCountingType": "Instance", "LicenseCount": 1,
		"Tags": []any{object{"Key": "licenseguard:associate-tag", "Value": "Name"}}}}})
	if effects := list(out, "Licenses"); status != 200 || len(effects) != 1 || effects[0]["New"] != true || effects[0]["After"].(object)["ConsumedLicenses"] != 2.0 {
		t.Errorf("a new license: status %d, %v", status, out)
	}
	for name, in := range map[string]object{
		"nothing":       {},
		"no type":       {"Launches": []any{object{"Count": 1}}},
		"type":          {"Launches": []any{object{"InstanceType": "big"}}},
		"none":          {"Launches": []any{object{"InstanceType": "m5.large", "Count": 0}}},
		"too many":      {"Launches": []any{object{"InstanceType": "m5.large", "Count": 1 << 40}}},
		"past":          {"Launches": []any{object{"InstanceType": "m5.large"}}, "At": 1},
		"unknown":       {"Configurations": []any{object{"LicenseConfigurationArn": arn + "0"}}},
		"twice":         {"Configurations": []any{object{"LicenseConfigurationArn": arn}, object{"LicenseConfigurationArn": arn}}},
		"counting type": {"Configurations": []any{object{"Name": "x"}}},
		"count":         {"Configurations": []any{object{"LicenseConfigurationArn": arn, "LicenseCount": -1}}},
	} {
		if status, out := w.simulate(in); status != 400 || out["__type"] != "InvalidParameterValueException" {
			t.Errorf("%s: status %d, %v", name, status, out)
		} else if m, _ := out["message"].(string); strings.Contains(m, "panic") || m == "" {
			t.Errorf("%s: %s", name, m)
		}
	}
}
