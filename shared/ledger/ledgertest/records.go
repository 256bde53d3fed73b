package ledgertest

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// factsOf returns full facts of the n-th instance.
func factsOf(n int) ledger.Facts {
	c := Launch("lic-1", n)
	c.Instance.Tags = map[string]string{"Name": `=HYPERLINK("http://x")`, "newline": "a\nb", "": "", "empty": ""}
	return ledger.Facts{
		Instance: c.Instance, Host: license.Host{ID: license.NewResourceID(account, region, "h-1"), Cores: 48}, Generation: c.Generation,
		Guard: ledger.GuardProtected, Held: []license.Held{*c.Held}, Observed: c.Observed, FirstSeen: c.Observed, EventID: c.EventID,
	}
}

func facts(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	want := make(map[license.ResourceID]ledger.Facts)
	var list []ledger.Facts
	ids := []license.ResourceID{InstanceID(5000)}
	for n := range 120 {
		f := factsOf(n)
		want[f.Instance.ID] = f
		list, ids = append(list, f), append(ids, f.Instance.ID)
	}
	save(t, store, list...)
	got, err := store.LoadFacts(ctx, ids)
	if diff := gocmp.Diff(want, got, asStored()); diff != "" || err != nil {
		t.Errorf("facts: %v (-want +got):\n%s", err, diff)
	}
	// The same resource twice in one call is no error; the last one stays.
	older, newer := factsOf(1), factsOf(1)
	newer.EventID = "newer"
	save(t, store, older, newer)
	got, err = store.LoadFacts(ctx, []license.ResourceID{InstanceID(1), InstanceID(1)})
	if err != nil || len(got) != 1 || got[InstanceID(1)].EventID != "newer" {
		t.Errorf("facts saved twice: %v, %v; want the newer", got[InstanceID(1)].EventID, err)
	}
}

func save(t testing.TB, store ledger.Store, list ...ledger.Facts) {
	t.Helper()
	if err := store.SaveFacts(t.Context(), list); err != nil {
		t.Fatalf("SaveFacts: %v", err)
	}
}

func eachFacts(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	var want []license.ResourceID
	for n := range 40 {
		f := factsOf(n)
		save(t, store, f)
		want = append(want, f.Instance.ID)
	}
	for _, other := range [][2]string{{account, region + "2"}, {account, "eu"}, {"223456789012", region}} {
		f := factsOf(1)
		f.Instance.ID = license.NewResourceID(other[0], other[1], f.Instance.ID.AWSID())
		save(t, store, f)
	}
	var got []license.ResourceID
	err := store.EachFacts(ctx, account, region, func(f ledger.Facts) error {
		got = append(got, f.Instance.ID)
		f.EventID = "written while listing"
		return store.SaveFacts(ctx, []ledger.Facts{f})
	})
	slices.Sort(got)
	slices.Sort(want)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("EachFacts gave %d records, %v; want %d, each once", len(got), err, len(want))
	}
	calls, enough := 0, errors.New("enough")
	err = store.EachFacts(ctx, account, region, func(ledger.Facts) error { calls++; return enough })
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("EachFacts called %d times and returned %v; want once and the error", calls, err)
	}
	err = store.EachFacts(ctx, "999999999999", region, func(f ledger.Facts) error { return errors.New("a record of another account") })
	if err != nil {
		t.Error(err)
	}
}

// manyFacts are more than a store may give in one answer.
func manyFacts(t *testing.T, store ledger.Store) {
	var list []ledger.Facts
	for n := range 60 {
		f := factsOf(n * 16) // all in one shard of their ids' last digit
		f.Instance.Tags = map[string]string{"long": strings.Repeat("x", 40_000)}
		list = append(list, f)
	}
	save(t, store, list...)
	seen := make(map[license.ResourceID]bool)
	err := store.EachFacts(t.Context(), account, region, func(f ledger.Facts) error { seen[f.Instance.ID] = true; return nil })
	if err != nil || len(seen) != len(list) {
		t.Errorf("%d records, %v; want %d", len(seen), err, len(list))
	}
}

func actions(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	a := ledger.PendingAction{License: "lic-1", Instance: InstanceID(1), Launch: Start, Action: license.Stop, Mode: license.Stop,
		NotBefore: Start.Add(time.Minute), Why: ledger.WhyOver, Guard: ledger.GuardManaged, Attempts: 1, LastError: "no\nanswer", Revision: 7}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, want ...ledger.PendingAction) {
		t.Helper()
		got, err := store.PendingActions(ctx)
		slices.SortFunc(got, func(a, b ledger.PendingAction) int { return cmp.Compare(a.Key(), b.Key()) })
		if diff := gocmp.Diff(want, got, asStored()); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	must(store.DropAction(ctx, a))
	must(store.AddAction(ctx, a))
	changed := a
	changed.Attempts, changed.NotBefore = 9, Start.Add(time.Hour)
	must(store.AddAction(ctx, changed))
	want("an action added twice stays as it was", a)
	must(store.PutAction(ctx, changed))
	want("an action put again is replaced", changed)
	relaunched := a
	relaunched.Launch = Start.Add(time.Hour)
	must(store.PutAction(ctx, relaunched))
	want("another launch is another action", changed, relaunched)
	must(store.DropAction(ctx, a))
	must(store.DropAction(ctx, a))
	want("an action is dropped by its identity", relaunched)
}

func journal(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	entry := func(n int, action ledger.Done) ledger.JournalEntry {
		return ledger.JournalEntry{License: "lic-1", Instance: InstanceID(n), Launch: Start, Action: action, At: Start.Add(time.Duration(n) * time.Minute),
			Why: ledger.WhyOver, Before: license.Running, Tags: map[string]string{"licenseguard:status": "over"}, Replaced: map[string]string{"licenseguard:status": ""}}
	}
	record := func(e ledger.JournalEntry) {
		t.Helper()
		if err := store.Record(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []int{3, 1, 2} {
		record(entry(n, ledger.DoneStopped))
	}
	record(entry(2, ledger.DoneTagged))
	done := entry(2, ledger.DoneStopped)
	done.Done, done.Error = done.At.Add(time.Second), "no answer"
	record(done)
	got, err := store.Journal(ctx, Start.Add(2*time.Minute))
	slices.SortStableFunc(got, func(a, b ledger.JournalEntry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key(), b.Key())) })
	want := []ledger.JournalEntry{done, entry(2, ledger.DoneTagged), entry(3, ledger.DoneStopped)}
	if diff := gocmp.Diff(want, got, asStored()); diff != "" || err != nil {
		t.Errorf("journal: %v (-want +got):\n%s", err, diff)
	}
	all, err := store.Journal(ctx, time.Time{})
	if err != nil || len(all) != 4 || !slices.IsSortedFunc(all, func(a, b ledger.JournalEntry) int { return a.At.Compare(b.At) }) {
		t.Errorf("whole journal: %d entries, %v; want 4 in order of time", len(all), err)
	}
}

func marks(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	for _, id := range []string{"lic-1/limit-exceeded/0/r7", "lic-1/threshold/80/r7#", "Ü"} {
		for _, want := range []bool{false, true} {
			if marked, err := store.Marked(ctx, id); marked != want || err != nil {
				t.Errorf("Marked(%s): %v, %v; want %v", id, marked, err, want)
			}
			if err := store.Mark(ctx, id, Start); err != nil {
				t.Errorf("Mark(%s): %v", id, err)
			}
		}
	}
}
