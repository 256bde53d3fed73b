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
