package api_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func TestConfigurationLifeCycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := []any{"#honorVcpuOptimization=True", "#minimumVcpus=2", "#allowedTenancy=EC2-Default"}
	products := []any{object{"ResourceType": "SSM_MANAGED", "ProductInformationFilterList": []any{object{"ProductInformationFilterName": "Application Name",
		"ProductInformationFilterComparator": "EQUALS", "ProductInformationFilterValue": []any{"Oracle"}}}}}
	arn := w.create(object{"Name": "Oracle", "Description": "EE", "LicenseCount": 8, "LicenseCountHardLimit": true, "LicenseRules": rules,
		"LicenseExpiry": 1893456000, "DisassociateWhenNotFound": true, "ProductInformationList": products,
		"Tags": []any{object{"Key": "Vendor", "Value": "Oracle"}, object{"Key": "licenseguard:on-violation", "Value": "tag"}}})
	if !strings.HasPrefix(arn, "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-") || len(arn) != len("arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-")+32 {
		t.Fatalf("ARN %s", arn)
	}
	got := w.get(arn)
	for member, want := range (object{"LicenseConfigurationArn": arn, "LicenseConfigurationId": arn[strings.LastIndex(arn, ":")+1:], "Name": "Oracle", "Description": "EE",
		"LicenseCountingType": "vCPU", "LicenseCount": 8.0, "LicenseCountHardLimit": true, "ConsumedLicenses": 0.0, "Status": "AVAILABLE",
		"OwnerAccountId": account, "LicenseExpiry": 1893456000.0, "DisassociateWhenNotFound": true}) {
		if got[member] != want {
			t.Errorf("%s is %v, want %v", member, got[member], want)
		}
	}
	equal(t, "LicenseRules", got["LicenseRules"], rules)
	equal(t, "ProductInformationList", got["ProductInformationList"], products)
	equal(t, "Tags", got["Tags"], []any{object{"Key": "Vendor", "Value": "Oracle"}, object{"Key": "licenseguard:on-violation", "Value": "tag"}})
	equal(t, "ConsumedLicenseSummaryList", got["ConsumedLicenseSummaryList"], []any{
		object{"ResourceType": "EC2_INSTANCE", "ConsumedLicenses": 0}, object{"ResourceType": "EC2_HOST", "ConsumedLicenses": 0},
		object{"ResourceType": "SYSTEMS_MANAGER_MANAGED_INSTANCE", "ConsumedLicenses": 0}, object{"ResourceType": "RDS", "ConsumedLicenses": 0}})
	listed := list(w.do("ListLicenseConfigurations", object{}), "LicenseConfigurations")
	if len(listed) != 1 || listed[0]["Tags"] != nil || listed[0]["Name"] != "Oracle" {
		t.Errorf("the list is %v; want one, without tags", listed)
	}

	w.now = w.now.Add(time.Minute)
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "Name": "Oracle 2", "Description": "", "LicenseCount": 4, "LicenseCountHardLimit": false,
		"LicenseConfigurationStatus": "DISABLED", "LicenseRules": []any{"#allowedInstanceTypes=m5.*"}, "LicenseExpiry": 0, "ProductInformationList": []any{}})
	got = w.get(arn)
	for member, want := range (object{"Name": "Oracle 2", "Description": nil, "LicenseCount": 4.0, "LicenseCountHardLimit": false, "Status": "DISABLED", "LicenseExpiry": nil}) {
		if got[member] != want {
			t.Errorf("after the update %s is %v, want %v", member, got[member], want)
		}
	}
	equal(t, "LicenseRules", got["LicenseRules"], []any{"#allowedInstanceTypes=m5.*"})

	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": arn})
	for _, name := range []string{"GetLicenseConfiguration", "UpdateLicenseConfiguration", "DeleteLicenseConfiguration", "ListUsageForLicenseConfiguration",
		"ListAssociationsForLicenseConfiguration", "ListFailuresForLicenseConfigurationOperations"} {
		if m := w.refused("InvalidParameterValueException", name, object{"LicenseConfigurationArn": arn}); !strings.HasPrefix(m, "Invalid license configuration ARN: "+arn) {
			t.Errorf("%s after the end: %s", name, m)
		}
	}
}

func TestRefusedConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]struct {
		in   object
		kind string
		want string
	}{
		"no name":          {object{"LicenseCountingType": "vCPU"}, "", "Name is required"},
		"empty name":       {object{"Name": "", "LicenseCountingType": "vCPU"}, "", "Name is"},
		"null name":        {object{"Name": nil, "LicenseCountingType": "vCPU"}, "", "Name is required"},
		"counting type":    {object{"Name": "A", "LicenseCountingType": "vcpu"}, "", "LicenseCountingType is"},
		"negative count":   {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseCount": -1}, "", "LicenseCount is"},
		"hard without":     {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseCountHardLimit": true}, "", "LicenseCountHardLimit is"},
		"rule":             {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseRules": []any{"#licenseAffinityToHost=14"}}, "", "licenseAffinityToHost"},
		"milliseconds":     {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseExpiry": 1893456000000}, "", "LicenseExpiry"},
		"tag twice":        {object{"Name": "A", "LicenseCountingType": "vCPU", "Tags": []any{object{"Key": "a"}, object{"Key": "a"}}}, "", "twice"},
		"aws tag":          {object{"Name": "A", "LicenseCountingType": "vCPU", "Tags": []any{object{"Key": "aws:x"}}}, "", "aws:"},
		"setting":          {object{"Name": "A", "LicenseCountingType": "vCPU", "Tags": []any{object{"Key": "licenseguard:on-violation", "Value": "explode"}}}, "", "on-violation"},
		"product":          {object{"Name": "A", "LicenseCountingType": "vCPU", "ProductInformationList": []any{object{"ResourceType": "X", "ProductInformationFilterList": []any{}}}}, "", "ProductInformationList"},
		"name is a number": {object{"Name": 5, "LicenseCountingType": "vCPU"}, "SerializationException", "Name: give a string"},
		"count is text":    {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseCount": "5"}, "SerializationException", "LicenseCount: give a whole number"},
		"count is broken":  {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseCount": 1.5}, "SerializationException", "LicenseCount: give a whole number"},
		"rule is a number": {object{"Name": "A", "LicenseCountingType": "vCPU", "LicenseRules": []any{"#minimumVcpus=1", 5}}, "SerializationException", "LicenseRules[1]"},
		"tag is text":      {object{"Name": "A", "LicenseCountingType": "vCPU", "Tags": []any{"a"}}, "SerializationException", "Tags[0]"},
	} {
		kind := c.kind
		if kind == "" {
			kind = "InvalidParameterValueException"
		}
		if m := w.refused(kind, "CreateLicenseConfiguration", c.in); !strings.Contains(m, c.want) {
			t.Errorf("%s: %q does not say %q", name, m, c.want)
		}
	}
	if n := len(list(w.do("ListLicenseConfigurations", object{}), "LicenseConfigurations")); n != 0 {
		t.Errorf("%d configurations were made", n)
	}
	arn := w.create(object{"LicenseCount": 5})
	for name, in := range map[string]object{
		"status": {"LicenseConfigurationStatus": "GONE"}, "no status": {"LicenseConfigurationStatus": ""}, "name": {"Name": " "}, "count": {"LicenseCount": -5},
	} {
		in["LicenseConfigurationArn"] = arn
		if m := w.refused("InvalidParameterValueException", "UpdateLicenseConfiguration", in); strings.Contains(m, "Invalid license configuration ARN") {
			t.Errorf("%s: %s, by which clients take it for gone", name, m)
		}
	}
	w.refused("InvalidParameterValueException", "UpdateLicenseConfiguration", object{"Name": "x"})
	if edits := w.history(arn); len(edits) != 1 {
		t.Errorf("refused updates left %d versions", len(edits)-1)
	}
}

// ARNs as tutorials write them, with a slash, are understood; another account's are not.
func TestFormsOfARNs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{})
	w.get(strings.Replace(arn, "license-configuration:", "license-configuration/", 1))
	for _, wrong := range []string{"", "x", strings.Replace(arn, account, "999999999999", 1), strings.Replace(arn, region, "eu-west-1", 1), arn + "0", arn[len(arn)-36:]} {
		if m := w.refused("InvalidParameterValueException", "GetLicenseConfiguration", object{"LicenseConfigurationArn": wrong}); !strings.HasPrefix(m, "Invalid license configuration ARN") {
			t.Errorf("%q: %s", wrong, m)
		}
	}
}

// A configuration that goes on for one of AWS's answers to the ARN that that one had,
// also after its end.
func TestForeignARN(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const foreign = "arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef"
	o, err := w.h.Registrar.Create(t.Context(), license.Configuration{Name: "A", CountingType: license.CountVCPU, Enforcement: license.DefaultEnforcement(),
		Associations: []license.Association{{Kind: license.BySpecification, Value: foreign}}}, "import")
	if err != nil {
		t.Fatal(err)
	}
	own := o.License.Configuration.ARN
	if got := w.get(foreign)["LicenseConfigurationArn"]; got != own {
		t.Errorf("it answers as %v, want %v", got, own)
	}
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": foreign, "LicenseCount": 5})
	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": foreign}) // nothing uses it
	if n := len(w.history(foreign)); n != 3 {
		t.Errorf("%d versions, want 3", n)
	}
}

// What clients send again and again makes no versions, and rules stay byte for byte.
func TestUpdateThatChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := []any{"#minimumVcpus=2", "#maximumVcpus=8"}
	arn := w.create(object{"LicenseCount": 5, "LicenseRules": rules, "Tags": []any{object{"Key": "a", "Value": "b"}}})
	w.now = w.now.Add(time.Hour)
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "Name": "A", "LicenseCount": 5, "LicenseRules": rules})
	w.do("TagResource", object{"ResourceArn": arn, "Tags": []any{object{"Key": "a", "Value": "b"}}})
	w.do("UntagResource", object{"ResourceArn": arn, "TagKeys": []any{"c"}})
	if edits := w.history(arn); len(edits) != 1 {
		t.Errorf("%d versions, want 1: %v", len(edits), edits)
	}
}

// Rules that a person planned for later stay when a client changes the present ones.
func TestPlannedRulesStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"LicenseRules": []any{"#minimumVcpus=2"}})
	id := arn[strings.LastIndex(arn, ":")+1:]
	_, err := w.h.Registrar.Change(t.Context(), id, nil, "planner", func(c license.Configuration) (license.Configuration, error) {
		c.Rules = append(slices.Clone(c.Rules), license.RuleVersion{Effective: start.Add(48 * time.Hour), Text: []string{"#minimumVcpus=8"}})
		return c, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseRules": []any{"#minimumVcpus=4"}})
	for after, want := range map[time.Duration]string{2 * time.Hour: "#minimumVcpus=4", 49 * time.Hour: "#minimumVcpus=8"} {
		w.now = start.Add(after)
		equal(t, "rules", w.get(arn)["LicenseRules"], []any{want})
	}
}

// Two updates that were begun on one version: one wins, the other is told and writes
// nothing.
func TestOverlappingUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"LicenseCount": 5})
	id := arn[strings.LastIndex(arn, ":")+1:]
	seen, err := w.store.Load(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	// The handler reads the configuration, then somebody else's change comes.
	gate := &gatedStore{Store: w.store, before: func() {
		w.h.Registrar.Store = w.store
		w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseCount": 7})
	}}
	w.h.Registrar.Store = gate
	w.now = w.now.Add(time.Minute)
	m := w.refused("ConflictException", "UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseCount": 6, "Name": "B"})
	if !strings.Contains(m, "somebody") {
		t.Errorf("the conflict does not say who: %s", m)
	}
	got := w.get(arn)
	if got["LicenseCount"] != 7.0 || got["Name"] != "A" {
		t.Errorf("count %v, name %v; want 7 and A", got["LicenseCount"], got["Name"])
	}
	if edits := w.history(arn); len(edits) != 2 {
		t.Errorf("%d versions, want 2: %v", len(edits), edits)
	}
	// A count that came between is no change of a person: the update is tried again.
	commits := 0
	w.h.Registrar.Store = &gatedStore{Store: w.store, before: func() {
		commits++
		now := &ledger.Committer{Store: w.store, Catalog: w.h.Catalog, Now: w.h.Now}
		l, err := w.store.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		in := license.Instance{ID: resource(1), Type: "m5.xlarge", State: license.Running, LaunchTime: start}
		if _, err := now.Claim(t.Context(), l, []ledger.Claim{{Instance: in, Generation: ledger.Generation{Launch: start, Rank: 1}, Observed: start, Happened: start,
			Held: &license.Held{ConfigurationID: id, Kind: license.ByAMI, Value: image, Since: start}}}); err != nil {
			t.Fatal(err)
		}
	}}
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseCount": 9})
	if got := w.get(arn); commits != 1 || got["LicenseCount"] != 9.0 || got["ConsumedLicenses"] != 4.0 {
		t.Errorf("after a count between: %d commits, count %v, consumed %v; want 1, 9, 4", commits, got["LicenseCount"], got["ConsumedLicenses"])
	}
	if seen.Configuration.Count == nil || *seen.Configuration.Count != 5 {
		t.Error("what was read was modified")
	}
}

// gatedStore lets something happen once, just before the first commit.
type gatedStore struct {
	ledger.Store
	once   sync.Once
	before func()
}

// Commit implements ledger.Licenses.
func (s *gatedStore) Commit(ctx context.Context, c ledger.Commit) error {
	s.once.Do(s.before)
	return s.Store.Commit(ctx, c)
}

// Many at once: every answer is a success or a conflict, and the history has exactly
// the successes.
func TestConcurrentUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"LicenseCount": 1000})
	const rivals = 16
	codes := make(chan any, rivals)
	var group sync.WaitGroup
	for i := range rivals {
		group.Go(func() {
			_, _, out := w.post("AWSLicenseManager.UpdateLicenseConfiguration", marshal(t, object{"LicenseConfigurationArn": arn, "LicenseCount": i}))
			codes <- out["__type"]
		})
	}
	group.Wait()
	close(codes)
	won := 0
	for code := range codes {
		switch code {
		case nil:
			won++
		case "ConflictException":
		default:
			t.Errorf("answered %v", code)
		}
	}
	if edits := w.history(arn); won == 0 || len(edits) != won+1 {
		t.Errorf("%d won, %d versions", won, len(edits))
	}
}

// Tags that are set at the same moment all stay.
func TestConcurrentTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{})
	var group sync.WaitGroup
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		group.Go(func() {
			w.do("TagResource", object{"ResourceArn": arn, "Tags": []any{object{"Key": key, "Value": "1"}}})
		})
	}
	group.Wait()
	if n := len(list(w.do("ListTagsForResource", object{"ResourceArn": arn}), "Tags")); n != 8 {
		t.Errorf("%d tags, want 8", n)
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"LicenseCount": 1, "LicenseCountHardLimit": true, "Tags": []any{object{"Key": "Vendor", "Value": "x"}}})
	w.do("TagResource", object{"ResourceArn": arn, "Tags": []any{object{"Key": "licenseguard:on-violation", "Value": "stop"}, object{"Key": "Vendor", "Value": "y"}}})
	l, err := w.store.Load(t.Context(), arn[strings.LastIndex(arn, ":")+1:])
	if err != nil || l.Configuration.Enforcement.Mode != license.Stop {
		t.Fatalf("mode %v, %v; want stop", l.Configuration.Enforcement.Mode, err)
	}
	equal(t, "Tags", w.do("ListTagsForResource", object{"ResourceArn": arn})["Tags"],
		[]any{object{"Key": "Vendor", "Value": "y"}, object{"Key": "licenseguard:on-violation", "Value": "stop"}})
	w.refused("InvalidParameterValueException", "UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseRules": []any{"#includedStoppedInstances=True"}})
	w.do("UntagResource", object{"ResourceArn": arn, "TagKeys": []any{"licenseguard:on-violation"}})
	if l, err = w.store.Load(t.Context(), l.Configuration.ID); err != nil || l.Configuration.Enforcement.Mode != license.Observe {
		t.Errorf("mode %v, %v; want observe again", l.Configuration.Enforcement.Mode, err)
	}
	for _, wrong := range []string{"arn:aws:license-manager::123456789012:license:l-1", "x"} {
		w.refused("InvalidParameterValueException", "TagResource", object{"ResourceArn": wrong, "Tags": []any{object{"Key": "a"}}})
		w.refused("InvalidParameterValueException", "ListTagsForResource", object{"ResourceArn": wrong})
	}
}

// history asks for all versions of a configuration.
func (w *world) history(arn string) []object {
	w.t.Helper()
	status, _, out := w.post("Licenseguard.GetHistory", marshal(w.t, object{"LicenseConfigurationArn": arn}))
	if status != 200 {
		w.t.Fatalf("GetHistory: %v", out)
	}
	return list(out, "Versions")
}

func TestHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"LicenseCount": 5, "LicenseRules": []any{"#minimumVcpus=2"}})
	w.now = w.now.Add(time.Hour)
	w.h.User = "another"
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseCount": 3, "Name": "B"})
	w.now = w.now.Add(time.Hour)
	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": arn})
	edits := w.history(arn)
	if len(edits) != 3 {
		t.Fatalf("%d versions, want 3: %v", len(edits), edits)
	}
	if edits[0]["ChangedBy"] != "somebody" || edits[0]["ChangedAt"] != float64(start.Unix()) || edits[0]["Deleted"] != nil {
		t.Errorf("the first: %v", edits[0])
	}
	equal(t, "second", edits[1]["Changes"], []any{object{"Field": "name", "From": "A", "To": "B"}, object{"Field": "licenseCount", "From": "5", "To": "3"}})
	if edits[1]["ChangedBy"] != "another" || edits[2]["Deleted"] != true || edits[2]["ChangedBy"] != "another" {
		t.Errorf("the last two: %v", edits[1:])
	}
	_, _, out := w.post("Licenseguard.GetHistory", marshal(t, object{"LicenseConfigurationArn": arn, "MaxResults": 2}))
	_, _, out = w.post("Licenseguard.GetHistory", marshal(t, object{"LicenseConfigurationArn": arn, "MaxResults": 2, "NextToken": out["NextToken"]}))
	if rest := list(out, "Versions"); len(rest) != 1 || rest[0]["Deleted"] != true {
		t.Errorf("the second page: %v", out)
	}
	_, _, out = w.post("Licenseguard.GetHistory", marshal(t, object{"LicenseConfigurationArn": arn + "0"}))
	if out["__type"] != "InvalidParameterValueException" {
		t.Errorf("an unknown one: %v", out)
	}
}
