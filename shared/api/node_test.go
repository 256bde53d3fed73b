package api_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/track"
)

// TestManagedNodes: a node that was found by its software is listed, used and
// associated as a managed instance of Systems Manager; our own comparators pass over
// the protocol, and a wrong one is refused by name.
func TestManagedNodes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	product := func(comparator, value string) []any {
		return []any{object{"ResourceType": "SSM_MANAGED", "ProductInformationFilterList": []any{
			object{"ProductInformationFilterName": "Application Name", "ProductInformationFilterComparator": "BEGINS_WITH", "ProductInformationFilterValue": []any{"SQL Server"}},
			object{"ProductInformationFilterName": "Application Version", "ProductInformationFilterComparator": comparator, "ProductInformationFilterValue": []any{value}}}}}
	}
	arn := w.create(object{"ProductInformationList": product("VERSION_RANGE", ">=15 <16")})
	c, _, err := w.store.Configurations(t.Context())
	if err != nil || len(c) != 1 {
		t.Fatal(c, err)
	}
	const node = "arn:aws:ssm:us-east-1:123456789012:managed-instance/mi-0123456789abcdef0"
	guest, _ := license.Guest{CPUs: "8", Cores: "4", Sockets: "2"}.Type()
	in := license.Instance{ID: license.NewResourceID(account, region, "mi-0123456789abcdef0"), Type: guest.Name, TypeFacts: guest, State: license.Running, LaunchTime: start.Add(-time.Hour),
		Discoveries: []license.Discovery{{ConfigurationID: c[0].ID, Product: c[0].Products[0].String(), What: "SQL Server 15.0", Found: start.Add(-time.Minute)}}}
	if err := w.store.SaveFacts(t.Context(), []ledger.Facts{{Instance: in, Generation: ledger.Generation{Launch: in.LaunchTime}, Observed: start.Add(-time.Minute), FirstSeen: start.Add(-time.Hour)}}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
	tracker := &track.Tracker{Store: w.store, Observer: registrar.OnRecord{Store: w.store}, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return w.now }, Log: slog.New(slog.DiscardHandler)}
	if err := tracker.Reassociate(t.Context()); err != nil {
		t.Fatal(err)
	}
	const kind = "SYSTEMS_MANAGER_MANAGED_INSTANCE"
	of := object{"LicenseConfigurationArn": arn}
	for name, got := range map[string][]object{
		"usage":       w.all("ListUsageForLicenseConfiguration", "LicenseConfigurationUsageList", object{"LicenseConfigurationArn": arn, "Filters": []any{object{"Name": "resourceType", "Values": []any{kind}}}}),
		"association": w.all("ListAssociationsForLicenseConfiguration", "LicenseConfigurationAssociations", of),
		"inventory":   w.all("ListResourceInventory", "ResourceInventoryList", object{}),
	} {
		if len(got) != 1 || got[0]["ResourceType"] != kind || got[0]["ResourceArn"] != node {
			t.Errorf("%s: %v", name, got)
		}
		if name == "usage" && len(got) == 1 && got[0]["ConsumedLicenses"] != float64(8) {
			t.Errorf("usage: %v", got)
		}
	}
	if message := w.refused("InvalidParameterValueException", "UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "ProductInformationList": product("VERSION_RANGE", "15")}); !strings.Contains(message, "give a range of versions") {
		t.Error(message)
	}
}

// TestDiscoveryTime: when everything was last looked through is when the oldest sweep
// of what is watched began; without products, or before, nothing is said.
func TestDiscoveryTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	plain := w.create(object{})
	products := w.create(object{"Name": "found", "ProductInformationList": []any{object{"ResourceType": "SSM_MANAGED", "ProductInformationFilterList": []any{
		object{"ProductInformationFilterName": "Application Name", "ProductInformationFilterComparator": "EQUALS", "ProductInformationFilterValue": []any{"SQL Server"}}}}}})
	told := func(arn string) any {
		t.Helper()
		return w.do("GetLicenseConfiguration", object{"LicenseConfigurationArn": arn})["AutomatedDiscoveryInformation"]
	}
	if got := told(products); got != nil {
		t.Errorf("before any sweep: %v", got)
	}
	for i, region := range []string{"eu-west-1", "us-east-1"} {
		watch, _ := json.Marshal(track.Watch{Account: account, Region: region, Complete: start.Add(time.Duration(i) * time.Hour)})
		if err := w.store.PutDocument(t.Context(), ledger.Document{Kind: ledger.Watched, ID: account + "/" + region, Revision: 1, Data: watch}); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "discovery", told(products), object{"LastRunTime": float64(start.Unix())})
	if got := told(plain); got != nil {
		t.Errorf("without products: %v", got)
	}
}
