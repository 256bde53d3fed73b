package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

func loadedAsCommitted(t *testing.T, store ledger.Store) {
	check(t, store, create(t, store, Configuration(t, "lic-1", 2)))
	check(t, store, apply(t, store, "lic-1", Launches("lic-1", 0, 5)))
	l := apply(t, store, "lic-1", []ledger.Claim{Terminate(Launch("lic-1", 1))})
	if got := l.Totals; got.Running != 4 || got.Covered != 2 || got.Over != 2 {
		t.Errorf("totals %+v; want 4 running, 2 covered, 2 over", got)
	}
	check(t, store, l)
}

// richLicense has what a store might lose: broken rules, intents, hosts, rule
// versions to come, foreign text.
func richLicense(t *testing.T, store ledger.Store) {
	count := int64(96)
	c := amend(t, nil, license.Configuration{
		ID: "lic-rich", Name: `=cmd|' /C calc'!A0 "quoted" <b> é 漢 🙂`, Description: "two\u2028lines", CountingType: license.CountCore, Count: &count, HardLimit: true,
		Tags: map[string]string{"cost": "=1+1", "": "empty key", "empty": ""}, Expiry: Start.AddDate(0, 1, 0), Thresholds: []int{50, 75},
		Rules: []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-DedicatedHost", "#licenseAffinityToHost=14"}},
			{Effective: Start.Add(24 * time.Hour), Text: []string{"#allowedTenancy=EC2-DedicatedHost"}}},
		Associations: []license.Association{{Kind: license.ByAMI, Value: ami}, {Kind: license.ByTag, Value: "team=a*"}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 3, Settle: time.Minute},
	}, Start.Add(-time.Hour))
	create(t, store, c)
	onHost, shared := Launch(c.ID, 1), Launch(c.ID, 2)
	onHost.Instance.HostID, onHost.Instance.Tenancy = "h-0123456789abcdef0", license.TenancyDedicatedHost
	onHost.Instance.CPUOptions = license.CPUOptions{Cores: 1, ThreadsPerCore: 2}
	onHost.Host = license.Host{ID: license.NewResourceID(account, region, "h-0123456789abcdef0"), Family: "m5", Cores: 48, Sockets: 2}
	shared.Guard, shared.Instance.Type = ledger.GuardAutoScaling, "zz9.unknown"
	shared.Instance.TypeFacts = license.InstanceType{Name: "zz9.unknown", VCPUs: 4, Cores: 2, ThreadsPerCore: 2}
	broken := Launch(c.ID, 3)
	l := apply(t, store, c.ID, []ledger.Claim{onHost, shared, broken})
	check(t, store, l)
	l, result, err := committer(store).Apply(t.Context(), c.ID, ledger.Batch{
		Grants: []ledger.Grant{{Instance: broken.Instance.ID, Launch: broken.Generation.Launch, Action: license.Stop}}})
	if err != nil || len(result.Grants) != 1 {
		t.Fatalf("grant: %+v, %v", result.Grants, err)
	}
	check(t, store, l)
	check(t, store, apply(t, store, c.ID, []ledger.Claim{Terminate(onHost)}))
}

func loadedIsCopy(t *testing.T, store ledger.Store) {
	create(t, store, Configuration(t, "lic-1", 2))
	want := apply(t, store, "lic-1", Launches("lic-1", 0, 3)).Clone()
	l := load(t, store, "lic-1")
	l.Entries[0].Members[0].State = license.Terminated
	l.Entries = l.Entries[:1]
	l.Configuration.Name = "other"
	l.Totals.Running = 99
	check(t, store, want)
}

func nextRevision(t *testing.T, store ledger.Store) {
	l := create(t, store, Configuration(t, "lic-1", 2))
	for name, revision := range map[string]int64{"the same revision": l.Revision, "a revision left out": l.Revision + 2} {
		c := step(t, l, Launch("lic-1", 0))
		c.License.Revision = revision
		wantConflict(t, name, store.Commit(t.Context(), c))
		check(t, store, l)
	}
	again := Configuration(t, "lic-1", 7)
	next, result := ledger.Fold(&ledger.License{Configuration: license.Configuration{ID: "lic-1"}}, ledger.Batch{Configuration: &again}, clock(), catalog.Embedded())
	wantConflict(t, "a second creation", store.Commit(t.Context(), ledger.Commit{License: next, Change: result.Change, Configured: true}))
	check(t, store, l)
	if epoch, err := store.Epoch(t.Context()); epoch != 1 || err != nil {
		t.Errorf("epoch %d, %v after refused commits; want 1", epoch, err)
	}
}

func wantConflict(t testing.TB, what string, err error) *ledger.Conflict {
	t.Helper()
	var conflict *ledger.Conflict
	if !errors.As(err, &conflict) {
		t.Fatalf("%s: error %v; want a *ledger.Conflict", what, err)
	}
	return conflict
}

// conflictNewer checks small and paged licenses, with and without a changed
// configuration in between.
func conflictNewer(t *testing.T, store ledger.Store) {
	for name, size := range map[string]int{"small": 3, "paged": 150} {
		id := "lic-" + name
		configuration := Configuration(t, id, 2)
		create(t, store, configuration)
		apply(t, store, id, Launches(id, 0, size))
		for _, reconfigured := range []bool{false, true} {
			late := load(t, store, id)
			won := apply(t, store, id, Launches(id, size, 1))
			if reconfigured {
				won = reconfigure(t, store, load(t, store, id), 1)
			}
			size++
			conflict := wantConflict(t, name, store.Commit(t.Context(), step(t, late, Launch(id, size+1000))))
			check(t, store, won)
			newer := conflict.Newer
			if newer == nil {
				newer = load(t, store, id)
			}
			if diff := cmp.Diff(won, newer, asStored()); diff != "" {
				t.Errorf("%s: what was committed (-) and the conflict's newer license (+):\n%s", name, diff)
			}
			c := step(t, newer, Launch(id, size+1000))
			if err := store.Commit(t.Context(), c); err != nil {
				t.Errorf("%s: commit after a conflict: %v", name, err)
			}
			check(t, store, c.License)
		}
	}
}

func reconfigure(t testing.TB, store ledger.Licenses, l *ledger.License, count int64) *ledger.License {
	t.Helper()
	wanted := l.Configuration
	wanted.Count = &count
	wanted = amend(t, &l.Configuration, wanted, clock())
	next, _, err := committer(store).ApplyTo(t.Context(), l, ledger.Batch{Configuration: &wanted, By: "tester"})
	if err != nil {
		t.Fatalf("reconfigure: %v", err)
	}
	return next
}

func pages(t *testing.T, store ledger.Store) {
	const id, size = "lic-1", 300
	create(t, store, Configuration(t, id, 100))
	l := apply(t, store, id, Launches(id, 0, size))
	if l.Pages < 3 {
		t.Fatalf("%d instances are in %d pages; want more, or this tests nothing", size, l.Pages)
	}
	check(t, store, l)
	var ended []ledger.Claim
	for n := 0; n < size; n += 3 {
		ended = append(ended, Terminate(Launch(id, n)))
	}
	l = apply(t, store, id, ended)
	check(t, store, l)
	if got := l.Totals; got.Running != 200 || got.Covered != 100 || got.Over != 100 {
		t.Errorf("totals %+v; want 200 running, 100 covered, 100 over", got)
	}
	check(t, store, apply(t, store, id, Launches(id, size, 70)))
}

// manyPages touches as many pages as one commit can, by a change of the rules.
func manyPages(t *testing.T, store ledger.Store) {
	const id, size = "lic-1", 6400
	create(t, store, Configuration(t, id, size))
	l := apply(t, store, id, Launches(id, 0, size))
	wanted := l.Configuration
	wanted.Rules = []license.RuleVersion{{Text: []string{"#allowedTenancy=EC2-DedicatedHost"}}}
	wanted = amend(t, &l.Configuration, wanted, clock())
	l, _, err := committer(store).ApplyTo(t.Context(), l, ledger.Batch{Configuration: &wanted, By: "tester"})
	if err != nil {
		t.Fatal(err)
	}
	if l.Totals.Broken != size || l.Totals.Deployed() != size {
		t.Errorf("totals %+v; want all %d to break the rule", l.Totals, size)
	}
	check(t, store, l)
}

func configurations(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	var want []license.Configuration
	for i, id := range []string{"lic-b", "lic-a", "lic-c"} {
		create(t, store, Configuration(t, id, int64(i)))
		want = append(want, Configuration(t, id, int64(i)))
	}
	slices.SortFunc(want, func(a, b license.Configuration) int { return map[bool]int{true: -1, false: 1}[a.ID < b.ID] })
	got, epoch, err := store.Configurations(ctx)
	if err != nil || epoch != 3 {
		t.Errorf("epoch %d, %v; want 3", epoch, err)
	}
	if diff := cmp.Diff(want, got, asStored()); diff != "" {
		t.Errorf("configurations (-want +got):\n%s", diff)
	}
	apply(t, store, "lic-a", Launches("lic-a", 0, 3))
	if epoch, err := store.Epoch(ctx); epoch != 3 || err != nil {
		t.Errorf("epoch %d, %v after a commit without a configuration; want 3", epoch, err)
	}
	l := reconfigure(t, store, load(t, store, "lic-a"), 77)
	check(t, store, l)
	if got, epoch, err = store.Configurations(ctx); err != nil || epoch != 4 || len(got) != 3 || *got[0].Count != 77 {
		t.Errorf("after a change: epoch %d, %v, %d configurations; want 4, 3 and the new count", epoch, err, len(got))
	}
}

func dueLicenses(t *testing.T, store ledger.Store) {
	ctx := t.Context()
	due := clock().Add(time.Hour)
	for id, expiry := range map[string]time.Time{"lic-never": {}, "lic-soon": due, "lic-later": due.Add(time.Millisecond)} {
		c := Configuration(t, id, 5)
		c.Expiry = expiry
		l := create(t, store, c)
		if !l.Due.Equal(expiry) {
			t.Fatalf("license %s is due at %s; want its expiry %s", id, l.Due, expiry)
		}
	}
	for _, test := range []struct {
		at   time.Time
		want []string
	}{
		{due.Add(-time.Millisecond), nil},
		{due, []string{"lic-soon"}},
		{due.Add(time.Second), []string{"lic-later", "lic-soon"}},
	} {
		got, err := store.DueLicenses(ctx, test.at)
		slices.Sort(got)
		if diff := cmp.Diff(test.want, got, asStored()); diff != "" || err != nil {
			t.Errorf("due at %s: %v (-want +got):\n%s", test.at, err, diff)
		}
	}
	l := load(t, store, "lic-soon")
	c := l.Configuration
	c.Expiry = time.Time{}
	if _, _, err := committer(store).ApplyTo(ctx, l, ledger.Batch{Configuration: &c}); err != nil {
		t.Fatal(err)
	}
	if got, err := store.DueLicenses(ctx, due.Add(time.Second)); !slices.Equal(got, []string{"lic-later"}) || err != nil {
		t.Errorf("due after one was cleared: %v, %v; want lic-later", got, err)
	}
}

// tornReads loads while a rival commits: each answer is of one revision.
func tornReads(t *testing.T, store ledger.Store) {
	const id, size, rounds = "lic-1", 200, 25
	create(t, store, Configuration(t, id, 1000))
	apply(t, store, id, Launches(id, 0, size))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			last := int64(0)
			for {
				l, err := store.Load(context.WithoutCancel(t.Context()), id)
				if err != nil {
					t.Errorf("Load beside commits: %v", err)
					return
				}
				checkTotals(t, l)
				if l.Revision < last {
					t.Errorf("revision %d after %d", l.Revision, last)
				}
				last = l.Revision
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for round := range rounds { // each touches the first, the middle and the last page
		claims := []ledger.Claim{Terminate(Launch(id, round)), Terminate(Launch(id, size/2+round)), Launch(id, size+round)}
		if _, _, err := committer(store).Apply(t.Context(), id, ledger.Batch{Claims: claims}); err != nil {
			t.Errorf("commit: %v", err)
		}
	}
	close(done)
	readers.Wait()
	if got := load(t, store, id).Totals.Running; got != size-rounds {
		t.Errorf("%d running; want %d", got, size-rounds)
	}
}

// rivals lets 16 committers fill one license, from inline entries into pages.
func rivals(t *testing.T, store ledger.Store) {
	const id, committers, each = "lic-1", 16, 12
	create(t, store, Configuration(t, id, 100))
	var mu sync.Mutex
	revisions := make(map[int64]string)
	var group sync.WaitGroup
	for i := range committers {
		group.Go(func() {
			for j := range each {
				claim := Launch(id, i*each+j)
				result, err := insist(t, store, id, claim)
				if err != nil || result.Change == nil {
					t.Errorf("commit of %s: change %v, %v", claim.Instance.ID, result.Change, err)
					return
				}
				mu.Lock()
				if other := revisions[result.Change.Revision]; other != "" {
					t.Errorf("revision %d was given to %s and %s", result.Change.Revision, other, claim.Instance.ID)
				}
				revisions[result.Change.Revision] = string(claim.Instance.ID)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	l := load(t, store, id)
	checkTotals(t, l)
	if got := l.Totals; got.Running != committers*each || got.Covered != 100 || got.Over != committers*each-100 {
		t.Errorf("totals %+v; want %d running, 100 covered", got, committers*each)
	}
	if l.Revision != 1+committers*each || len(revisions) != committers*each {
		t.Errorf("revision %d after %d commits", l.Revision, len(revisions))
	}
}

// insist applies a claim again when rivals came first each time, as a queue
// does that delivers again.
func insist(t testing.TB, store ledger.Licenses, id string, claim ledger.Claim) (result ledger.Result, err error) {
	for range 20 {
		_, result, err = committer(store).Apply(t.Context(), id, ledger.Batch{Claims: []ledger.Claim{claim}})
		var conflict *ledger.Conflict
		if !errors.As(err, &conflict) {
			break
		}
	}
	return result, err
}

func rivalCreation(t *testing.T, store ledger.Store) {
	c := Configuration(t, "lic-1", 1)
	var mu sync.Mutex
	created := 0
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			mine := c
			mine.Name = fmt.Sprintf("rival %d", i)
			next, result := ledger.Fold(&ledger.License{Configuration: license.Configuration{ID: c.ID}}, ledger.Batch{Configuration: &mine}, clock(), catalog.Embedded())
			err := store.Commit(t.Context(), ledger.Commit{License: next, Change: result.Change, Configured: true})
			var conflict *ledger.Conflict
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				created++
			case !errors.As(err, &conflict):
				t.Errorf("create: %v", err)
			}
		})
	}
	group.Wait()
	epoch, err := store.Epoch(t.Context())
	if created != 1 || epoch != 1 || err != nil {
		t.Errorf("created %d times, epoch %d, %v; want once", created, epoch, err)
	}
}
