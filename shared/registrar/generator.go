package registrar

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"licenseguard/shared/ledger"
)

// Generator defines a report that is made again and again (console: usage report).
// Package report makes the reports.
type Generator struct {
	ID             string // "r-" and 32 hex digits
	Name           string
	Types          []string
	Configurations []string // ARNs
	Period         string   // DAY, WEEK, MONTH or ONE_TIME
	From, To       time.Time
	Description    string
	Tags           map[string]string
	ClientToken    string
	CreatedAt      time.Time
	CreatedBy      string
	UpdatedAt      time.Time
	UpdatedBy      string

	revision int64
}

// ErrNoGenerator says that there is no such report generator.
var ErrNoGenerator = errors.New("no such report generator")

// ErrTokenUsed says that a client token was used for another definition.
var ErrTokenUsed = errors.New("this client token made another report generator; use a fresh one")

// GeneratorARN returns the Amazon Resource Name of a generator.
func (r *Registrar) GeneratorARN(id string) string {
	return fmt.Sprintf("arn:aws:license-manager:%s:%s:report-generator:%s", r.Region, r.Account, id)
}

// CreateGenerator makes a generator. Its id comes of the client token, so that the
// same call again finds what the first one made; the same token with another wish is
// ErrTokenUsed.
func (r *Registrar) CreateGenerator(ctx context.Context, g Generator, by string) (Generator, error) {
	sum := sha256.Sum256([]byte(r.Account + "\x00" + r.Region + "\x00" + g.ClientToken))
	now := r.Now().UTC().Truncate(time.Millisecond)
	g.ID, g.CreatedAt, g.CreatedBy, g.UpdatedAt, g.UpdatedBy = "r-"+hex.EncodeToString(sum[:16]), now, by, now, by
	err := r.putGenerator(ctx, g)
	var conflict *ledger.Conflict
	if !errors.As(err, &conflict) {
		return g, err
	}
	made, err := r.Generator(ctx, g.ID)
	if err == nil && !made.sameWish(&g) {
		err = ErrTokenUsed
	}
	return made, err
}

// sameWish compares what a client asks for.
func (g *Generator) sameWish(o *Generator) bool {
	wish := func(g Generator) string {
		g.CreatedAt, g.CreatedBy, g.UpdatedAt, g.UpdatedBy = time.Time{}, "", time.Time{}, ""
		data, _ := json.Marshal(g)
		return string(data)
	}
	return wish(*g) == wish(*o)
}

// Generator returns a generator; an unknown id is ErrNoGenerator.
func (r *Registrar) Generator(ctx context.Context, id string) (Generator, error) {
	d, err := r.Store.LoadDocument(ctx, ledger.ReportGenerators, id)
	if err != nil {
		return Generator{}, err
	}
	if d.Revision == 0 {
		return Generator{}, ErrNoGenerator
	}
	return decodeGenerator(d)
}

func decodeGenerator(d ledger.Document) (g Generator, err error) {
	if err := json.Unmarshal(d.Data, &g); err != nil {
		return g, fmt.Errorf("decode report generator %s: %w", d.ID, err)
	}
	g.revision = d.Revision
	return g, nil
}

// Generators returns all of them, in the order of their ids.
func (r *Registrar) Generators(ctx context.Context) ([]Generator, error) {
	return Generators(ctx, r.Store)
}

// Generators returns all generators that are kept, in the order of their ids.
func Generators(ctx context.Context, store ledger.Documents) ([]Generator, error) {
	documents, err := store.Documents(ctx, ledger.ReportGenerators, "")
	if err != nil {
		return nil, err
	}
	out := make([]Generator, 0, len(documents))
	for _, d := range documents {
		g, err := decodeGenerator(d)
		if err != nil {
			return nil, err
		}
		out = append(out, g)
	}
	return out, nil
}

func (r *Registrar) generatorsOf(ctx context.Context, arn string) ([]Generator, error) {
	all, err := r.Generators(ctx)
	return slices.DeleteFunc(all, func(g Generator) bool { return !slices.Contains(g.Configurations, arn) }), err
}

// ChangeGenerator gives the generator to a function and stores what that makes of it.
// When another change comes between, the function is asked again.
func (r *Registrar) ChangeGenerator(ctx context.Context, id, by string, change func(*Generator) error) error {
	for attempt := 1; ; attempt++ {
		g, err := r.Generator(ctx, id)
		if err != nil {
			return err
		}
		if err := change(&g); err != nil {
			return err
		}
		g.UpdatedAt, g.UpdatedBy = r.Now().UTC().Truncate(time.Millisecond), by
		err = r.putGenerator(ctx, g)
		var conflict *ledger.Conflict
		if !errors.As(err, &conflict) || attempt == attempts {
			return err
		}
	}
}

// DeleteGenerator ends a generator; an unknown id is ErrNoGenerator.
func (r *Registrar) DeleteGenerator(ctx context.Context, id string) error {
	if _, err := r.Generator(ctx, id); err != nil {
		return err
	}
	if err := r.Store.DropDocument(ctx, ledger.ReportGenerators, id); err != nil {
		return err
	}
	return r.Store.DropDocument(ctx, ledger.ReportRuns, id)
}

func (r *Registrar) putGenerator(ctx context.Context, g Generator) error {
	data, err := json.Marshal(g)
	if err != nil {
		return fmt.Errorf("encode report generator %s: %w", g.ID, err)
	}
	return r.Store.PutDocument(ctx, ledger.Document{Kind: ledger.ReportGenerators, ID: g.ID, Revision: g.revision + 1, Data: data})
}
