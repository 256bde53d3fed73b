package api_test

import (
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func rdsProduct(filters ...string) []any {
	var all []any
	for i := 0; i < len(filters); i += 2 {
		all = append(all, object{"ProductInformationFilterName": filters[i], "ProductInformationFilterValue": []any{filters[i+1]}, "ProductInformationFilterComparator": "EQUALS"})
	}
	return []any{object{"ResourceType": "RDS", "ProductInformationFilterList": all}}
}

// TestDatabasesOnTheWire: what AWS's clients see of a database that a license found.
func TestDatabasesOnTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	arn := w.create(object{"ProductInformationList": rdsProduct("Engine Edition", "oracle-ee")})
	id := license.NewResourceID(account, region, "db:payroll")
	in := license.Instance{ID: id, Type: "db.r5.xlarge", TypeFacts: license.InstanceType{Name: "db.r5.xlarge", VCPUs: 4, Cores: 2, ThreadsPerCore: 2},
		State: license.Running, LaunchTime: w.now.Add(-time.Hour), Tenancy: license.TenancyMultiAZ,
		Discoveries: []license.Discovery{{ConfigurationID: w.id(arn), Product: `RDS: Engine Edition EQUALS "oracle-ee"`, What: "oracle-ee 19, Multi-AZ", Found: w.now}}}
	if err := w.store.SaveFacts(t.Context(), []ledger.Facts{{Instance: in, Observed: w.now, FirstSeen: w.now, Generation: ledger.Generation{Launch: in.LaunchTime}, Guard: ledger.GuardOutside}}); err != nil {
		t.Fatal(err)
	}
	w.reassociate()
	const databaseARN = "arn:aws:rds:" + region + ":" + account + ":db:payroll"
	usage := w.all("ListUsageForLicenseConfiguration", "LicenseConfigurationUsageList", object{"LicenseConfigurationArn": arn,
		"Filters": []any{object{"Name": "resourceType", "Values": []any{"RDS"}}}})
	if len(usage) != 1 || usage[0]["ResourceArn"] != databaseARN || usage[0]["ResourceType"] != "RDS" || usage[0]["ConsumedLicenses"] != 8.0 {
		t.Errorf("usage %v, want 8 licenses: 4 vCPUs and the standby's", usage)
	}
	associations := w.all("ListAssociationsForLicenseConfiguration", "LicenseConfigurationAssociations", object{"LicenseConfigurationArn": arn})
	if len(associations) != 1 || associations[0]["ResourceArn"] != databaseARN || associations[0]["ResourceType"] != "RDS" {
		t.Errorf("associations %v", associations)
	}
	inventory := w.all("ListResourceInventory", "ResourceInventoryList", object{})
	if len(inventory) != 1 {
		t.Fatalf("inventory %v", inventory)
	}
	equal(t, "inventory", inventory[0], object{"ResourceId": "payroll", "ResourceType": "RDS", "ResourceArn": databaseARN, "ResourceOwningAccountId": account,
		"Region": region, "InstanceType": "db.r5.xlarge"})
	equal(t, "consumed", w.get(arn)["ConsumedLicenses"], 8.0)

	w.now = w.now.Add(time.Hour)
	w.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn, "LicenseRules": []any{"#countStandby=False"}})
	equal(t, "consumed by contract", w.get(arn)["ConsumedLicenses"], 4.0)
	equal(t, "rules", w.get(arn)["LicenseRules"], []any{"#countStandby=False"})
}

// TestDatabaseConfigurations: what License Manager refuses for databases.
func TestDatabaseConfigurations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	product := rdsProduct("Engine Edition", "db2-se")
	for name, in := range map[string]object{
		"a rule":           {"Name": "A", "LicenseCountingType": "vCPU", "ProductInformationList": product, "LicenseRules": []any{"#minimumVcpus=2"}},
		"stopped ones":     {"Name": "A", "LicenseCountingType": "vCPU", "ProductInformationList": product, "LicenseRules": []any{"#includedStoppedInstances=True"}},
		"a hard limit":     {"Name": "A", "LicenseCountingType": "vCPU", "ProductInformationList": product, "LicenseCount": 1, "LicenseCountHardLimit": true},
		"another counting": {"Name": "A", "LicenseCountingType": "Instance", "ProductInformationList": product},
		"two products":     {"Name": "A", "LicenseCountingType": "vCPU", "ProductInformationList": append(rdsProduct("License Pack", "ols"), product...)},
	} {
		if m := w.refused("InvalidParameterValueException", "CreateLicenseConfiguration", in); m == "" {
			t.Errorf("%s is refused without a word", name)
		}
	}
}
