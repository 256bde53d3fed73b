package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func TestScope(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"all", "account/123456789012", "license/lic-1"} {
		if s, err := ledger.ParseScope(text); err != nil || string(s) != text {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "All", "account/", "account/12345678901x", "account/1234567890123", "license/", "license/a b", "lic-1", "all/1"} {
		if _, err := ledger.ParseScope(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

func FuzzParseScope(f *testing.F) {
	for _, text := range []string{"all", "account/123456789012", "license/lic-1", "account/x", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := ledger.ParseScope(text); err == nil && string(s) != text {
			t.Fatalf("%q gives %q", text, s)
		}
	})
}

func TestHolds(t *testing.T) {
	t.Parallel()
	var b ledger.Brakes
	held := func(account, id string) bool { _, ok := b.Held(account, id); return ok }
	if held("1", "lic-1") {
		t.Error("held by nothing")
	}
	b.Pause(ledger.Hold{Scope: ledger.AccountScope("1"), By: "alice"})
	b.Pause(ledger.Hold{Scope: ledger.LicenseScope("lic-2"), By: "breaker", Breaker: true})
	if !held("1", "lic-1") || !held("2", "lic-2") || held("2", "lic-1") {
		t.Error("an account's hold is for the account, a license's for the license")
	}
	if b.Pause(ledger.Hold{Scope: ledger.AccountScope("1"), By: "bob"}) {
		t.Error("what is held is held again")
	}
	if h, ok := b.Resume(ledger.AccountScope("1")); !ok || h.By != "alice" || held("1", "lic-1") {
		t.Errorf("resumed %+v, %v", h, ok)
	}
	if _, ok := b.Resume(ledger.AccountScope("1")); ok {
		t.Error("resumed twice")
	}
}

// TestBudgets: whatever is asked, in whatever order and by clocks that differ by
// seconds, what is granted never exceeds a budget within 60 minutes, and where a
// budget says when it has room, it has.
func TestBudgets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limits := ledger.Limits{AccountPerHour: rapid.IntRange(1, 5).Draw(t, "account"), FleetPercent: rapid.IntRange(1, 30).Draw(t, "percent"), FleetLeast: rapid.IntRange(1, 8).Draw(t, "least")}
		b := ledger.Brakes{Limits: limits}
		fleet := rapid.IntRange(0, 60).Draw(t, "fleet")
		b.Swept("1", fleet, 0)
		most := max(limits.FleetLeast, (fleet*limits.FleetPercent+99)/100)
		type taken struct {
			account string
			at      time.Time
		}
		var all []taken
		now := t0
		for n := range rapid.IntRange(1, 60).Draw(t, "asked") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute)
			account := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "of")
			instance := license.NewResourceID(account, "us-east-1", fmt.Sprintf("i-%d", n))
			ran, retry := b.Spend(fmt.Sprint(n), instance, now)
			if ran != "" {
				c := b
				if again, _ := c.Spend(fmt.Sprint(n), instance, retry); again == ran {
					t.Fatalf("%s ran out at %s, has room at %s, and has not", ran, now, retry)
				}
				continue
			}
			// EC2 takes it up to two minutes later.
			all = append(all, taken{account, now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "later")) * time.Second)})
		}
		for _, last := range all {
			inAll, inAccount := 0, 0
			for _, o := range all {
				if age := last.at.Sub(o.at); age >= 0 && age < time.Hour {
					inAll++
					if o.account == last.account {
						inAccount++
					}
				}
			}
			if inAll > most || inAccount > limits.AccountPerHour {
				t.Fatalf("%d of %d in all, %d of %d in account %s within the hour before %s", inAll, most, inAccount, limits.AccountPerHour, last.account, last.at)
			}
		}
	})
}

func TestASecondTrySpendsNothing(t *testing.T) {
	t.Parallel()
	b := ledger.Brakes{Limits: ledger.Limits{AccountPerHour: 1}}
	for n := range 5 {
		if ran, _ := b.Spend("same", id(1), t0.Add(time.Duration(n)*time.Hour/2)); ran != "" {
			t.Fatalf("try %d: %s ran out", n+1, ran)
		}
	}
	if ran, _ := b.Spend("other", id(2), t0.Add(2*time.Hour)); ran != ledger.AccountScope("123456789012") {
		t.Errorf("the other: %q; want the account's budget spent by the last try", ran)
	}
	b.Unspend([]string{"same"})
	if ran, _ := b.Spend("other", id(2), t0.Add(2*time.Hour)); ran != "" {
		t.Errorf("after it was given back: %q", ran)
	}
}

func TestBreakers(t *testing.T) {
	t.Parallel()
	b := ledger.Brakes{}
	var opened []bool
	for n := range 6 {
		opened = append(opened, b.Refuse("k", id(n%3), t0.Add(time.Duration(n)*time.Minute))) // three instances, again and again
	}
	for n := range 2 {
		opened = append(opened, b.Refuse("k", id(10+n), t0.Add(10*time.Minute)))
	}
	if want := []bool{false, false, false, false, false, false, false, true}; !slices.Equal(opened, want) {
		t.Errorf("opened %v; want %v: at the fifth instance", opened, want)
	}
	if b.Refuse("k", id(20), t0.Add(2*time.Hour)) {
		t.Error("opened by what is hours old")
	}
	if b.Swept("1", 100, 90) {
		t.Error("the first sweep opens a breaker")
	}
	if b.Swept("1", 100, 25) || !b.Swept("1", 100, 26) {
		t.Error("a quarter is drift, more opens the breaker")
	}
	if b.Swept("2", 5, 0) || b.Swept("2", 5, 19) {
		t.Error("a few corrections of a small fleet open a breaker")
	}
}
