package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/track"
)

func (w *world) id(arn string) string { return arn[strings.LastIndex(arn, ":")+1:] }

func TestAssociateAnAMI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0, 1)
	a, b := w.create(object{"LicenseCount": 100}), w.create(object{"Name": "B", "LicenseCountingType": "Instance"})
	w.now = w.now.Add(time.Minute)
	w.do("UpdateLicenseSpecificationsForResource", w.associate(imageARN, a))
	w.do("UpdateLicenseSpecificationsForResource", object{"ResourceArn": imageARN, "AddLicenseSpecifications": specifications(b), "RemoveLicenseSpecifications": []any{}})
	if n := len(list(w.do("ListLicenseSpecificationsForResource", object{"ResourceArn": imageARN}), "LicenseSpecifications")); n != 2 {
		t.Errorf("the AMI has %d specifications, want 2", n)
	}
	if got := w.get(a); got["ConsumedLicenses"] != 8.0 {
		t.Errorf("consumed %v, want 8: what runs of the AMI already counts, too", got["ConsumedLicenses"])
	}
	equal(t, "summary", w.get(a)["ManagedResourceSummaryList"], []any{
		object{"ResourceType": "EC2_INSTANCE", "AssociationCount": 2}, object{"ResourceType": "EC2_HOST", "AssociationCount": 0},
		object{"ResourceType": "EC2_AMI", "AssociationCount": 1}, object{"ResourceType": "SYSTEMS_MANAGER_MANAGED_INSTANCE", "AssociationCount": 0},
		object{"ResourceType": "RDS", "AssociationCount": 0}})
	at := float64(w.now.Unix())
	equal(t, "associations", w.do("ListAssociationsForLicenseConfiguration", object{"LicenseConfigurationArn": a})["LicenseConfigurationAssociations"], []any{
		object{"ResourceArn": instanceARN(0), "ResourceType": "EC2_INSTANCE", "ResourceOwnerId": account, "AssociationTime": at},
		object{"ResourceArn": instanceARN(1), "ResourceType": "EC2_INSTANCE", "ResourceOwnerId": account, "AssociationTime": at},
		object{"ResourceArn": imageARN, "ResourceType": "EC2_AMI", "ResourceOwnerId": account, "AssociationTime": at}})
	equal(t, "usage", w.do("ListUsageForLicenseConfiguration", object{"LicenseConfigurationArn": b})["LicenseConfigurationUsageList"], []any{
		object{"ResourceArn": instanceARN(0), "ResourceType": "EC2_INSTANCE", "ResourceStatus": "running", "ResourceOwnerId": account, "AssociationTime": at, "ConsumedLicenses": 1},
		object{"ResourceArn": instanceARN(1), "ResourceType": "EC2_INSTANCE", "ResourceStatus": "running", "ResourceOwnerId": account, "AssociationTime": at, "ConsumedLicenses": 1}})
	equal(t, "specifications of an instance", w.do("ListLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(0), "MaxResults": 1})["LicenseSpecifications"],
		specifications(min(a, b)))

	m := w.refused("InvalidParameterValueException", "DeleteLicenseConfiguration", object{"LicenseConfigurationArn": a})
	if !strings.Contains(m, "2 resources use 8 licenses") || !strings.Contains(m, image) || strings.Contains(m, "Invalid license configuration ARN") {
		t.Errorf("the refusal to delete: %s", m)
	}
	for range 2 { // again changes nothing
		w.do("UpdateLicenseSpecificationsForResource", object{"ResourceArn": imageARN, "RemoveLicenseSpecifications": specifications(a)})
	}
	if n := len(w.history(a)); n != 3 {
		t.Errorf("%d versions, want 3", n)
	}
	w.refused("InvalidParameterValueException", "DeleteLicenseConfiguration", object{"LicenseConfigurationArn": a}) // still used

	// An instance keeps what it inherited until it is taken from it, which lasts.
	for _, n := range []int{0, 1, 0} {
		w.do("UpdateLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(n), "RemoveLicenseSpecifications": specifications(a)})
	}
	last := w.history(a)[len(w.history(a))-1]
	equal(t, "the last change", last["Changes"], []any{object{"Field": "detached", "From": "i-00000000000000001", "To": "i-00000000000000001, i-00000000000000002"}})
	w.reassociate()
	if got := w.get(a); got["ConsumedLicenses"] != 0.0 {
		t.Errorf("consumed %v after both were taken away and all was looked at again, want 0", got["ConsumedLicenses"])
	}
	w.do("UpdateLicenseSpecificationsForResource", w.associate(instanceARN(1), a))
	if got := w.get(a); got["ConsumedLicenses"] != 4.0 {
		t.Errorf("consumed %v with one of them associated again, want 4", got["ConsumedLicenses"])
	}
	w.do("UpdateLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(1), "RemoveLicenseSpecifications": specifications(a)})
	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": a})
}

// A hard limit hides no use: the association is kept, the use counted, the client
// told, the attempt listed; and nothing is stopped that nobody approved.
func TestManualAssociationThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0, 1, 2)
	arn := w.create(object{"LicenseCount": 4, "LicenseCountHardLimit": true, "Tags": []any{object{"Key": "licenseguard:on-violation", "Value": "stop"}}})
	w.now = w.now.Add(time.Minute)
	w.do("UpdateLicenseSpecificationsForResource", w.associate(instanceARN(0), arn))
	w.now = w.now.Add(time.Minute)
	m := w.refused("LicenseUsageException", "UpdateLicenseSpecificationsForResource", w.associate(instanceARN(1), arn))
	if !strings.Contains(m, "is kept") || !strings.Contains(m, "needs 4 licenses") {
		t.Errorf("the message: %s", m)
	}
	failedAt := w.now
	w.now = w.now.Add(time.Minute)
	w.refused("LicenseUsageException", "UpdateLicenseSpecificationsForResource", w.associate(instanceARN(1), arn)) // the same again
	if got := w.get(arn); got["ConsumedLicenses"] != 8.0 {
		t.Errorf("consumed %v, want 8: over-use is not hidden", got["ConsumedLicenses"])
	}
	failures := list(w.do("ListFailuresForLicenseConfigurationOperations", object{"LicenseConfigurationArn": arn}), "LicenseOperationFailureList")
	if len(failures) != 1 {
		t.Fatalf("%d failures listed, want 1: %v", len(failures), failures)
	}
	for member, want := range (object{"ResourceArn": instanceARN(1), "ResourceType": "EC2_INSTANCE", "ResourceOwnerId": account, "FailureTime": float64(failedAt.Unix()),
		"OperationName": "UpdateLicenseSpecificationsForResource", "OperationRequestedBy": "somebody"}) {
		if failures[0][member] != want {
			t.Errorf("%s is %v, want %v", member, failures[0][member], want)
		}
	}
	if n := len(list(w.do("ListLicenseConfigurations", object{"Filters": []any{object{"Name": "usagelimitExceeded", "Values": []any{"true"}}}}), "LicenseConfigurations")); n != 1 {
		t.Errorf("%d configurations are exceeded, want 1", n)
	}

	// Long after every window, policy asks for no stop.
	w.now = w.now.Add(2 * time.Hour)
	l, err := w.store.Load(t.Context(), w.id(arn))
	if err != nil {
		t.Fatal(err)
	}
	_, member := l.Find(resource(1))
	if member == nil || member.Cause != ledger.ByChange {
		t.Fatalf("the cause is %+v, want a change", member)
	}
	next, result := ledger.Fold(l, ledger.Batch{Grants: []ledger.Grant{{Instance: resource(1), Launch: member.Generation.Launch, Action: license.Stop}}}, w.now, w.h.Catalog)
	if _, m := next.Find(resource(1)); m.Intent.Live(w.now) || len(result.Grants) != 1 || result.Grants[0].Refused != ledger.RefusedCovered {
		t.Errorf("a stop that nobody approved: %+v", result.Grants)
	}
	pending, err := w.store.PendingActions(t.Context())
	if err != nil || len(pending) != 0 {
		t.Errorf("pending: %v, %v", pending, err)
	}
}

func TestManualAssociationAgainstARule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0)
	arn := w.create(object{"LicenseRules": []any{"#minimumVcpus=8"}})
	m := w.refused("LicenseUsageException", "UpdateLicenseSpecificationsForResource", w.associate(instanceARN(0), arn))
	if !strings.Contains(m, "minimumVcpus") {
		t.Errorf("the message names no rule: %s", m)
	}
	if n := len(list(w.do("ListFailuresForLicenseConfigurationOperations", object{"LicenseConfigurationArn": arn}), "LicenseOperationFailureList")); n != 1 {
		t.Errorf("%d failures, want 1", n)
	}
	if got := w.get(arn); got["ConsumedLicenses"] != 4.0 {
		t.Errorf("consumed %v, want 4", got["ConsumedLicenses"])
	}
}

// A soft limit alerts and refuses nothing.
func TestManualAssociationOverASoftLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0)
	arn := w.create(object{"LicenseCount": 1})
	w.do("UpdateLicenseSpecificationsForResource", w.associate(instanceARN(0), arn))
	if got := w.get(arn); got["ConsumedLicenses"] != 4.0 {
		t.Errorf("consumed %v, want 4", got["ConsumedLicenses"])
	}
	w.do("UpdateLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(0), "RemoveLicenseSpecifications": specifications(arn)})
	if got := w.get(arn); got["ConsumedLicenses"] != 0.0 {
		t.Errorf("after the removal consumed %v, want 0", got["ConsumedLicenses"])
	}
	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": arn})
	equal(t, "specifications", w.do("ListLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(0)})["LicenseSpecifications"], []any{})
}

// Nothing is done unless all of it can be done.
func TestRefusedAssociations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.ShuttingDown, 5)
	w.run(license.Terminated, 6)
	arn := w.create(object{})
	gone := arn[:len(arn)-1] + "x"
	const operation = "UpdateLicenseSpecificationsForResource"
	for _, state := range []int{5, 6} {
		w.refused("InvalidResourceStateException", operation, w.associate(instanceARN(state), arn))
	}
	for name, in := range map[string]object{
		"an unknown configuration": w.associate(imageARN, arn, gone),
		"both":                     {"ResourceArn": imageARN, "AddLicenseSpecifications": specifications(arn), "RemoveLicenseSpecifications": specifications(arn)},
		"neither":                  {"ResourceArn": imageARN},
		"no resource":              {"AddLicenseSpecifications": specifications(arn)},
		"a launch template":        w.associate("arn:aws:ec2:us-east-1:123456789012:launch-template/lt-0123456789abcdef0", arn),
		"a database":               w.associate("arn:aws:rds:us-east-1:123456789012:db:x", arn),
		"another Region":           w.associate("arn:aws:ec2:eu-west-1::image/"+image, arn),
		"another account":          w.associate("arn:aws:ec2:us-east-1:999999999999:instance/"+instanceID(0), arn),
		"no instance id":           w.associate("arn:aws:ec2:us-east-1:123456789012:instance/x", arn),
		"a scope for an instance":  {"ResourceArn": instanceARN(0), "AddLicenseSpecifications": []any{object{"LicenseConfigurationArn": arn, "AmiAssociationScope": "cross-account"}}},
		"an unknown scope":         {"ResourceArn": imageARN, "AddLicenseSpecifications": []any{object{"LicenseConfigurationArn": arn, "AmiAssociationScope": "all"}}},
	} {
		if m := w.refused("InvalidParameterValueException", operation, in); name != "an unknown configuration" && strings.Contains(m, "Invalid license configuration ARN") {
			t.Errorf("%s: %s", name, m)
		}
	}
	if n := len(w.history(arn)); n != 1 {
		t.Errorf("refused associations left %d versions", n-1)
	}
	w.do(operation, object{"ResourceArn": imageARN, "AddLicenseSpecifications": []any{object{"LicenseConfigurationArn": arn, "AmiAssociationScope": "cross-account"}}})
}

// An instance that is not on record yet is associated when it is seen.
func TestAssociationBeforeTheInstance(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{})
	w.do("UpdateLicenseSpecificationsForResource", w.associate(instanceARN(3), arn))
	w.run(license.Running, 3)
	w.do("UpdateLicenseSpecificationsForResource", w.associate(instanceARN(4), arn)) // another is no reason to look
	if got := w.get(arn); got["ConsumedLicenses"] != 0.0 {
		t.Errorf("consumed %v: nobody saw it yet", got["ConsumedLicenses"])
	}
	equal(t, "specifications", w.do("ListLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(3)})["LicenseSpecifications"], specifications(arn))
}

// A host is associated; its instances' cores count on it.
func TestAssociateAHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	host := license.NewResourceID(account, region, "h-0123456789abcdef0")
	facts := ledger.Facts{Instance: license.Instance{ID: resource(0), Type: "r5.xlarge", State: license.Running, LaunchTime: start.Add(-time.Hour), ImageID: image,
		Tenancy: license.TenancyDedicatedHost, HostID: host.AWSID()}, Host: license.Host{ID: host, Family: "r5", Cores: 48, Sockets: 2},
		Generation: ledger.Generation{Launch: start.Add(-time.Hour), Rank: 1}, Observed: start.Add(-time.Minute), FirstSeen: start.Add(-time.Hour)}
	if err := w.store.SaveFacts(t.Context(), []ledger.Facts{facts}); err != nil {
		t.Fatal(err)
	}
	hostARN := "arn:aws:ec2:us-east-1:123456789012:dedicated-host/" + host.AWSID()
	arn := w.create(object{"LicenseCountingType": "Core", "LicenseCount": 32, "LicenseCountHardLimit": true})
	w.refused("LicenseUsageException", "UpdateLicenseSpecificationsForResource", w.associate(hostARN, arn))
	equal(t, "usage", w.do("ListUsageForLicenseConfiguration", object{"LicenseConfigurationArn": arn, "Filters": []any{object{"Name": "resourceType", "Values": []any{"EC2_HOST"}}}})["LicenseConfigurationUsageList"],
		[]any{object{"ResourceArn": hostARN, "ResourceType": "EC2_HOST", "ResourceStatus": "available", "ResourceOwnerId": account,
			"AssociationTime": float64(start.Unix()), "ConsumedLicenses": 48}})
	equal(t, "specifications", w.do("ListLicenseSpecificationsForResource", object{"ResourceArn": hostARN})["LicenseSpecifications"], specifications(arn))
	equal(t, "consumed", w.get(arn)["ConsumedLicenseSummaryList"].([]any)[1], object{"ResourceType": "EC2_HOST", "ConsumedLicenses": 48})
}

// The newest failures are kept.
func TestFailuresArePagedAndBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{})
	for i := range 1003 {
		err := w.store.PutDocument(t.Context(), ledger.Document{Kind: ledger.AssociationFailure, Revision: 1, Data: []byte(`{"Resource":"123456789012/us-east-1/i-0123456789abcdef0","At":"2026-11-01T00:00:00Z"}`),
			ID: fmt.Sprintf("%s#%013d#i-0", w.id(arn), i)})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.run(license.Running, 0)
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseRules": []any{"#minimumVcpus=8"}})
	w.refused("LicenseUsageException", "UpdateLicenseSpecificationsForResource", w.associate(instanceARN(0), arn))
	all := w.all("ListFailuresForLicenseConfigurationOperations", "LicenseOperationFailureList", object{"LicenseConfigurationArn": arn, "MaxResults": 99})
	if len(all) != 1000 || all[999]["ResourceArn"] != instanceARN(0) {
		t.Errorf("%d failures, the last %v; want 1000 with the newest at the end", len(all), all[len(all)-1])
	}
	w.do("UpdateLicenseSpecificationsForResource", object{"ResourceArn": instanceARN(0), "RemoveLicenseSpecifications": specifications(arn)})
	w.do("DeleteLicenseConfiguration", object{"LicenseConfigurationArn": arn})
	if left, err := w.store.Documents(t.Context(), ledger.AssociationFailure, ""); err != nil || len(left) != 0 {
		t.Errorf("%d failures outlive the license, %v", len(left), err)
	}
}

// reassociate applies the associations to all that is on record, as a sweep does.
func (w *world) reassociate() {
	w.t.Helper()
	tracker := track.Tracker{Store: w.store, Observer: registrar.OnRecord{Store: w.store}, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: w.h.Now, Log: w.h.Log}
	if err := tracker.Reassociate(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}
