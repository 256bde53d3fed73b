package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Faulty wraps a store so that its calls fail. fail is asked at each call, with
// the name of its method: before keeps the call from being applied, after lets
// it be applied and its answer be lost. Either is what the caller gets.
func Faulty(store ledger.Store, fail func(op string) (before, after error)) ledger.Store {
	return &faulty{store: store, fail: fail}
}

type faulty struct {
	store ledger.Store
	fail  func(op string) (before, after error)
}

var _ ledger.Store = (*faulty)(nil)

// do calls a method that answers only with an error.
func (f *faulty) do(op string, call func() error) error {
	before, after := f.fail(op)
	if before != nil {
		return before
	}
	if err := call(); err != nil {
		return err
	}
	return after
}

// ask calls a method that answers with a value; a lost answer has none.
func ask[T any](f *faulty, op string, call func() (T, error)) (answer T, err error) {
	err = f.do(op, func() error {
		answer, err = call()
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return answer, nil
}

func (f *faulty) Load(ctx context.Context, id string) (*ledger.License, error) {
	return ask(f, "Load", func() (*ledger.License, error) { return f.store.Load(ctx, id) })
}

func (f *faulty) Commit(ctx context.Context, c ledger.Commit) error {
	return f.do("Commit", func() error { return f.store.Commit(ctx, c) })
}

func (f *faulty) Configurations(ctx context.Context) (list []license.Configuration, epoch int64, err error) {
	list, err = ask(f, "Configurations", func() (list []license.Configuration, err error) {
		list, epoch, err = f.store.Configurations(ctx)
		return list, err
	})
	return list, epoch, err
}

func (f *faulty) Epoch(ctx context.Context) (int64, error) {
	return ask(f, "Epoch", func() (int64, error) { return f.store.Epoch(ctx) })
}

func (f *faulty) DueLicenses(ctx context.Context, now time.Time) ([]string, error) {
	return ask(f, "DueLicenses", func() ([]string, error) { return f.store.DueLicenses(ctx, now) })
}

func (f *faulty) History(ctx context.Context, id string) ([]ledger.Version, error) {
	return ask(f, "History", func() ([]ledger.Version, error) { return f.store.History(ctx, id) })
}

func (f *faulty) DeletedConfigurations(ctx context.Context) ([]license.Configuration, error) {
	return ask(f, "DeletedConfigurations", func() ([]license.Configuration, error) { return f.store.DeletedConfigurations(ctx) })
}

func (f *faulty) LoadDocument(ctx context.Context, kind ledger.DocumentKind, id string) (ledger.Document, error) {
	return ask(f, "LoadDocument", func() (ledger.Document, error) { return f.store.LoadDocument(ctx, kind, id) })
}

func (f *faulty) Documents(ctx context.Context, kind ledger.DocumentKind, prefix string) ([]ledger.Document, error) {
	return ask(f, "Documents", func() ([]ledger.Document, error) { return f.store.Documents(ctx, kind, prefix) })
}

func (f *faulty) PutDocument(ctx context.Context, d ledger.Document) error {
	return f.do("PutDocument", func() error { return f.store.PutDocument(ctx, d) })
}

func (f *faulty) DropDocument(ctx context.Context, kind ledger.DocumentKind, id string) error {
	return f.do("DropDocument", func() error { return f.store.DropDocument(ctx, kind, id) })
}

func (f *faulty) LoadFacts(ctx context.Context, ids []license.ResourceID) (map[license.ResourceID]ledger.Facts, error) {
	return ask(f, "LoadFacts", func() (map[license.ResourceID]ledger.Facts, error) { return f.store.LoadFacts(ctx, ids) })
}

func (f *faulty) SaveFacts(ctx context.Context, facts []ledger.Facts) error {
	return f.do("SaveFacts", func() error { return f.store.SaveFacts(ctx, facts) })
}

func (f *faulty) EachFacts(ctx context.Context, account, region string, each func(ledger.Facts) error) error {
	return f.do("EachFacts", func() error { return f.store.EachFacts(ctx, account, region, each) })
}

func (f *faulty) AddAction(ctx context.Context, a ledger.PendingAction) error {
	return f.do("AddAction", func() error { return f.store.AddAction(ctx, a) })
}

func (f *faulty) PutAction(ctx context.Context, a ledger.PendingAction) error {
	return f.do("PutAction", func() error { return f.store.PutAction(ctx, a) })
}

func (f *faulty) DropAction(ctx context.Context, a ledger.PendingAction) error {
	return f.do("DropAction", func() error { return f.store.DropAction(ctx, a) })
}

func (f *faulty) PendingActions(ctx context.Context) ([]ledger.PendingAction, error) {
	return ask(f, "PendingActions", func() ([]ledger.PendingAction, error) { return f.store.PendingActions(ctx) })
}

func (f *faulty) Record(ctx context.Context, e ledger.JournalEntry) error {
	return f.do("Record", func() error { return f.store.Record(ctx, e) })
}

func (f *faulty) Journal(ctx context.Context, since time.Time) ([]ledger.JournalEntry, error) {
	return ask(f, "Journal", func() ([]ledger.JournalEntry, error) { return f.store.Journal(ctx, since) })
}

func (f *faulty) LoadBrakes(ctx context.Context) (*ledger.Brakes, error) {
	return ask(f, "LoadBrakes", func() (*ledger.Brakes, error) { return f.store.LoadBrakes(ctx) })
}

func (f *faulty) CommitBrakes(ctx context.Context, b *ledger.Brakes, c *ledger.Change) error {
	return f.do("CommitBrakes", func() error { return f.store.CommitBrakes(ctx, b, c) })
}

func (f *faulty) SavePlan(ctx context.Context, p ledger.Plan) error {
	return f.do("SavePlan", func() error { return f.store.SavePlan(ctx, p) })
}

func (f *faulty) LoadPlan(ctx context.Context, hash string) (ledger.Plan, error) {
	return ask(f, "LoadPlan", func() (ledger.Plan, error) { return f.store.LoadPlan(ctx, hash) })
}

func (f *faulty) Marked(ctx context.Context, id string) (bool, error) {
	return ask(f, "Marked", func() (bool, error) { return f.store.Marked(ctx, id) })
}

func (f *faulty) Mark(ctx context.Context, id string, at time.Time) error {
	return f.do("Mark", func() error { return f.store.Mark(ctx, id, at) })
}

// faultsEndExact tries each batch again until it is taken, while a third of the
// calls fail: what was applied in secret must not count twice.
func faultsEndExact(t *testing.T, store ledger.Store) {
	const id, size = "lic-1", 140
	create(t, store, Configuration(t, id, 50))
	chance := rand.New(rand.NewPCG(1, 2))
	unreliable := Faulty(store, func(op string) (before, after error) {
		switch chance.IntN(6) {
		case 0:
			return fmt.Errorf("%s: no connection", op), nil
		case 1:
			return nil, fmt.Errorf("%s: the answer was lost", op)
		default:
			return nil, nil
		}
	})
	for n := range size {
		for attempt := 1; ; attempt++ {
			_, _, err := committer(unreliable).Apply(t.Context(), id, ledger.Batch{Claims: []ledger.Claim{Launch(id, n)}})
			if err == nil {
				break
			}
			var conflict *ledger.Conflict
			if errors.As(err, &conflict) || attempt == 50 {
				t.Fatalf("instance %d, attempt %d: %v", n, attempt, err)
			}
		}
	}
	l := load(t, store, id)
	checkTotals(t, l)
	if l.Totals.Running != size || l.Totals.Covered != 50 || l.Revision != 1+size {
		t.Errorf("revision %d, totals %+v; want %d running, each by one commit", l.Revision, l.Totals, size)
	}
}
