package license_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

// The ledger keeps a configuration in one item of 400 KB (DynamoDB quotas, 2026).
const item = 400 << 10

// What would not fit into the ledger is refused with words, and what is accepted
// fits, whatever else is in it.
func TestAConfigurationFitsTheLedger(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	product := license.Product{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{{Name: "Application Name", Comparator: license.Equals}}}
	for range 50 {
		product.Filters[0].Values = append(product.Filters[0].Values, strings.Repeat("<", 256))
	}
	var c license.Configuration
	products := 0
	for n := range 50 {
		wanted := license.Configuration{ID: "lic-1", Name: "A", CountingType: license.CountVCPU}
		for range n {
			wanted.Products = append(wanted.Products, product)
		}
		made, err := license.Amend(nil, wanted, now, "me")
		if err != nil {
			var field *license.FieldError
			if !errors.As(err, &field) || field.Field != "configuration" {
				t.Fatalf("%d products: %v", n, err)
			}
			break
		}
		c, products = made, n
	}
	if products == 0 || products > 20 {
		t.Fatalf("%d products of %d bytes were taken", products, len(encode(t, product)))
	}
	taken := 0
	for i := range 1000 {
		next, err := c.WithExemption(license.Exemption{Instance: license.NewResourceID("123456789012", "us-east-1", fmt.Sprintf("i-%017x", i)),
			Owner: "o", Approver: "a", Reason: strings.Repeat("&", 256), Until: now.Add(time.Hour)}, now, "me")
		if err != nil {
			var field *license.FieldError
			if !errors.As(err, &field) || field.Field != "exemptions" {
				t.Fatal(err)
			}
			break
		}
		c, taken = next, i+1
	}
	if size := len(encode(t, c)); size > item-10_000 || taken < 50 {
		t.Errorf("%d bytes with %d exemptions", size, taken)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
