package config_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/config"
)

var accountID = regexp.MustCompile(`^\d{12}$`)

// FuzzParseAccounts: what is taken are account ids, and they are read alike from
// their own list.
func FuzzParseAccounts(f *testing.F) {
	for _, list := range []string{"123456789012", "123456789012, 012345678901", ",", "", "12345678901２", "123456789012 123456789012"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		accounts, err := config.ParseAccounts(list)
		if err != nil {
			return
		}
		for _, a := range accounts {
			if !accountID.MatchString(a) {
				t.Fatalf("%q was taken for an account", a)
			}
		}
		if again, err := config.ParseAccounts(strings.Join(accounts, ",")); err != nil || !slices.Equal(again, accounts) {
			t.Fatalf("%q, then %q, %v", accounts, again, err)
		}
	})
}

// FuzzParseRegions: what is taken are Regions, each once, and they are read alike from
// their own list.
func FuzzParseRegions(f *testing.F) {
	for _, list := range []string{"us-east-1", "us-gov-west-1, eu-west-3", ",", "", "us-east-1a", "US-EAST-1", "us-east-1,us-east-1", "ap-southeast-10\n"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		regions, err := config.ParseRegions(list)
		if err != nil {
			return
		}
		for i, r := range regions {
			if strings.ContainsAny(r, " ,\n:/*?") || slices.Contains(regions[:i], r) {
				t.Fatalf("%q was taken for a Region", r)
			}
		}
		if again, err := config.ParseRegions(strings.Join(regions, ",")); err != nil || !slices.Equal(again, regions) {
			t.Fatalf("%q, then %q, %v", regions, again, err)
		}
	})
}
