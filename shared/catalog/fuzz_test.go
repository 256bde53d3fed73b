package catalog_test

import (
	"testing"

	"licenseguard/shared/catalog"
)

// FuzzParse: no table makes it panic, and it gives a table or says why not.
func FuzzParse(f *testing.F) {
	f.Add("m5.large,2,1,2,false,false\n", "m5,48,2\n")
	f.Add("# source\nname,vcpus\nm5.large,-1\n", "")
	f.Add("\"", "m5,9999999999999999999,2")
	f.Fuzz(func(t *testing.T, types, hosts string) {
		table, err := catalog.Parse(types, hosts)
		if (table == nil) == (err == nil) {
			t.Fatalf("table %v and error %v", table, err)
		}
	})
}
