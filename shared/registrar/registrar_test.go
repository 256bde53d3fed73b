package registrar_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
)

const (
	account = "123456789012"
	region  = "us-east-1"
)

var start = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

func open(t *testing.T) *boltledger.Store {
	t.Helper()
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func register(store registrar.Store) *registrar.Registrar {
	return &registrar.Registrar{Store: store, Catalog: catalog.Embedded(), Account: account, Region: region, Accounts: []string{account},
		Now: func() time.Time { return start }, Log: slog.New(slog.DiscardHandler), Wait: func(context.Context, int) error { return nil }}
}

func wish() license.Configuration {
	return license.Configuration{Name: "A", CountingType: license.CountVCPU, Enforcement: license.DefaultEnforcement()}
}

// store is a ledger whose parts can fail.
type store struct {
	*boltledger.Store
	commit func(ledger.Commit) (lost bool, err error) // before the commit; lost: do it, and lose the answer
	walk   error
	reads  int // walks over all facts
}

// Commit implements ledger.Licenses.
func (s *store) Commit(ctx context.Context, c ledger.Commit) error {
	if s.commit != nil {
		lost, err := s.commit(c)
		if lost {
			return errors.Join(s.Store.Commit(ctx, c), err)
		}
		if err != nil {
			return err
		}
	}
	return s.Store.Commit(ctx, c)
}

// EachFacts implements ledger.Resources.
func (s *store) EachFacts(ctx context.Context, account, region string, each func(ledger.Facts) error) error {
	s.reads++
	if s.walk != nil {
		return s.walk
	}
	return s.Store.EachFacts(ctx, account, region, each)
}

// A commit whose answer was lost was done, once, and is no conflict with oneself.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	s := &store{Store: open(t)}
	r := register(s)
	lose := true
	s.commit = func(ledger.Commit) (bool, error) {
		if !lose {
			return false, nil
		}
		lose = false
		return true, &ledger.Conflict{License: "x"} // as a client sees that repeats by itself
	}
	made, err := r.Create(t.Context(), wish(), "me")
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	id := made.License.Configuration.ID
	lose = true
	if _, err = r.Change(t.Context(), id, nil, "me", func(c license.Configuration) (license.Configuration, error) { c.Name = "B"; return c, nil }); err != nil {
		t.Fatalf("change: %v", err)
	}
	edits, err := r.History(t.Context(), id)
	if err != nil || len(edits) != 2 || edits[1].Configuration.Name != "B" {
		t.Errorf("history %+v, %v; want two versions", edits, err)
	}
}

// A person who decided on what has changed meanwhile is told.
func TestChangeOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	r := register(open(t))
	made, err := r.Create(t.Context(), wish(), "me")
	if err != nil {
		t.Fatal(err)
	}
	seen := made.License.Configuration
	rename := func(name string) func(license.Configuration) (license.Configuration, error) {
		return func(c license.Configuration) (license.Configuration, error) { c.Name = name; return c, nil }
	}
	if _, err := r.Change(t.Context(), seen.ID, &seen, "me", rename("B")); err != nil {
		t.Fatal(err)
	}
	var changed *registrar.Changed
	if _, err := r.Change(t.Context(), seen.ID, &seen, "you", rename("C")); !errors.As(err, &changed) || changed.By != "me" {
		t.Errorf("error %v, want that me changed it", err)
	}
	if _, err := r.Create(t.Context(), seen, "you"); !errors.As(err, &changed) {
		t.Errorf("a taken id: %v", err)
	}
	if _, err := r.Change(t.Context(), "lic-none", nil, "me", rename("D")); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
}

func run(t *testing.T, s registrar.Store, ids ...string) {
	t.Helper()
	for _, id := range ids {
		f := ledger.Facts{Instance: license.Instance{ID: license.NewResourceID(account, region, id), Type: "m5.xlarge", State: license.Running,
			LaunchTime: start.Add(-time.Hour), ImageID: "ami-1", Tenancy: license.TenancyDefault}, Generation: ledger.Generation{Launch: start.Add(-time.Hour), Rank: 1},
			Observed: start.Add(-time.Minute), FirstSeen: start.Add(-time.Hour)}
		if err := s.SaveFacts(t.Context(), []ledger.Facts{f}); err != nil {
			t.Fatal(err)
		}
	}
}

func associate(kind license.AssociationKind, value string) func(license.Configuration) (license.Configuration, error) {
	return func(c license.Configuration) (license.Configuration, error) {
		c.Associations = append(slices.Clone(c.Associations), license.Association{Kind: kind, Value: value})
		return c, nil
	}
}

// That instances could not be counted again does not undo the change, and is told.
func TestUncounted(t *testing.T) {
	t.Parallel()
	s := &store{Store: open(t)}
	r := register(s)
	run(t, s, "i-0123456789abcdef0")
	made, err := r.Create(t.Context(), wish(), "me")
	if err != nil {
		t.Fatal(err)
	}
	s.walk = errors.New("throttled")
	o, err := r.Change(t.Context(), made.License.Configuration.ID, nil, "me", associate(license.ByAMI, "ami-1"))
	if err != nil || !errors.Is(o.Uncounted, s.walk) || !o.Written {
		t.Fatalf("error %v, uncounted %v, written %v", err, o.Uncounted, o.Written)
	}
	l, err := s.Load(t.Context(), made.License.Configuration.ID)
	if err != nil || len(l.Configuration.Associations) != 1 {
		t.Errorf("associations %v, %v", l.Configuration.Associations, err)
	}
}

// A count costs no look at the fleet, and one instance's association only at its facts.
func TestWhatAChangeReads(t *testing.T) {
	t.Parallel()
	s := &store{Store: open(t)}
	r := register(s)
	run(t, s, "i-0123456789abcdef0", "i-0123456789abcdef1")
	made, err := r.Create(t.Context(), wish(), "me")
	if err != nil {
		t.Fatal(err)
	}
	id := made.License.Configuration.ID
	for _, step := range []struct {
		name     string
		change   func(license.Configuration) (license.Configuration, error)
		walks    int
		consumed int64
	}{
		{"count", func(c license.Configuration) (license.Configuration, error) {
			n := int64(9)
			c.Count = &n
			return c, nil
		}, 0, 0},
		{"instance", associate(license.ByInstance, "i-0123456789abcdef0"), 0, 4},
		{"AMI", associate(license.ByAMI, "ami-1"), 1, 8},
		{"nothing", func(c license.Configuration) (license.Configuration, error) { return c, nil }, 0, 8},
	} {
		s.reads = 0
		o, err := r.Change(t.Context(), id, nil, "me", step.change)
		if err != nil || o.Uncounted != nil {
			t.Fatalf("%s: %v, %v", step.name, err, o.Uncounted)
		}
		if got := o.License.Totals.Deployed(); s.reads != step.walks || got != step.consumed {
			t.Errorf("%s: %d walks over the facts, %d consumed; want %d and %d", step.name, s.reads, got, step.walks, step.consumed)
		}
	}
}

func TestDeleteIsRefusedWhileInUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		associations []license.Association
		instance     string
		refused      bool
	}{
		"an AMI":                     {[]license.Association{{Kind: license.ByAMI, Value: "ami-2"}}, "", true},
		"an instance":                {[]license.Association{{Kind: license.ByInstance, Value: "i-0123456789abcdef9"}}, "", true},
		"a host":                     {[]license.Association{{Kind: license.ByHost, Value: "h-0123456789abcdef9"}}, "", true},
		"a tag of nobody":            {[]license.Association{{Kind: license.ByTag, Value: "A=b"}}, "", false},
		"a launch template":          {[]license.Association{{Kind: license.ByLaunchTemplate, Value: "lt-0123456789abcdef9"}}, "", false},
		"a tag of what runs":         {[]license.Association{{Kind: license.ByTag, Value: "Role=db"}}, "i-0123456789abcdef0", true},
		"nothing":                    {nil, "", false},
		"nothing, while others' run": {nil, "i-0123456789abcdef0", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t)
			r := register(s)
			if c.instance != "" {
				run(t, s, c.instance)
				id := license.NewResourceID(account, region, c.instance)
				facts, err := s.LoadFacts(t.Context(), []license.ResourceID{id})
				if err != nil {
					t.Fatal(err)
				}
				f := facts[id]
				f.Instance.Tags = map[string]string{"Role": "db"}
				if err := s.SaveFacts(t.Context(), []ledger.Facts{f}); err != nil {
					t.Fatal(err)
				}
			}
			wanted := wish()
			wanted.Associations = c.associations
			made, err := r.Create(t.Context(), wanted, "me")
			if err != nil {
				t.Fatal(err)
			}
			id := made.License.Configuration.ID
			err = r.Delete(t.Context(), id, "me")
			var inUse *registrar.InUse
			if errors.As(err, &inUse) != c.refused || !c.refused && err != nil {
				t.Fatalf("error %v, want refused %v", err, c.refused)
			}
			_, err = s.Load(t.Context(), id)
			if gone := errors.Is(err, ledger.ErrNotFound); gone == c.refused {
				t.Errorf("gone: %v", gone)
			}
			if edits, err := r.History(t.Context(), id); err != nil || edits[len(edits)-1].Deleted == c.refused {
				t.Errorf("history %+v, %v", edits, err)
			}
		})
	}
}

// A launch that is counted between the look and the end stops the end.
func TestDeleteRacesWithALaunch(t *testing.T) {
	t.Parallel()
	s := &store{Store: open(t)}
	r := register(s)
	wanted := wish()
	wanted.Associations = []license.Association{{Kind: license.ByTag, Value: "Role=db"}}
	made, err := r.Create(t.Context(), wanted, "me")
	if err != nil {
		t.Fatal(err)
	}
	id := made.License.Configuration.ID
	raced := false
	s.commit = func(c ledger.Commit) (bool, error) {
		if !c.Deleted || raced {
			return false, nil
		}
		raced = true
		committer := &ledger.Committer{Store: s.Store, Catalog: catalog.Embedded(), Now: r.Now}
		l, err := s.Load(t.Context(), id)
		if err != nil {
			return false, err
		}
		in := license.Instance{ID: license.NewResourceID(account, region, "i-0123456789abcdef0"), Type: "m5.xlarge", State: license.Running, LaunchTime: start}
		_, err = committer.Claim(t.Context(), l, []ledger.Claim{{Instance: in, Generation: ledger.Generation{Launch: start, Rank: 1}, Observed: start, Happened: start,
			Held: &license.Held{ConfigurationID: id, Kind: license.ByTag, Value: "Role=db", Since: start}}})
		return false, err
	}
	var inUse *registrar.InUse
	if err := r.Delete(t.Context(), id, "me"); !errors.As(err, &inUse) || !raced {
		t.Errorf("error %v, raced %v; want in use", err, raced)
	}
}

// What a fold that was cut at its size did not judge yet is in use all the same.
func TestDeleteOfWhatIsNotJudgedYet(t *testing.T) {
	t.Parallel()
	s := open(t)
	r := register(s)
	made, err := r.Create(t.Context(), wish(), "me")
	if err != nil {
		t.Fatal(err)
	}
	l := made.License.Clone()
	id := license.NewResourceID(account, region, "i-0123456789abcdef0")
	l.Revision++
	l.Unsettled, l.Due = true, start
	l.Entries = []ledger.Entry{{Resource: id, First: start, Licenses: 4, Verdict: ledger.Released, RuleVersion: 1,
		Members: []ledger.Member{{Instance: id, Generation: ledger.Generation{Launch: start, Rank: 1}, State: license.Running, Observed: start, FirstSeen: start,
			Type: "m5.xlarge", Tenancy: license.TenancyDefault, Kind: license.ByTag, Value: "Role=db"}}}}
	if err := s.Commit(t.Context(), ledger.Commit{License: l, Change: &ledger.Change{License: l.Configuration.ID, Revision: l.Revision, Recorded: start}}); err != nil {
		t.Fatal(err)
	}
	var inUse *registrar.InUse
	if err := r.Delete(t.Context(), l.Configuration.ID, "me"); !errors.As(err, &inUse) {
		t.Errorf("error %v, want that it is in use", err)
	}
}
