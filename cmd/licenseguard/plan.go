package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/registrar"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
)

// What becomes of a license.
const (
	created   = "created"
	changed   = "changed"
	unchanged = "unchanged"
)

// planned is one license of the file, compared with the ledger. After is what
// it comes to: once applied, with every instance it is associated with; in a
// plan, with the instances that hold it already.
type planned struct {
	License, ID string
	Result      string
	Differences []license.Difference `json:",omitempty"`
	Before      *snapshot.Position   `json:",omitempty"`
	After       *snapshot.Position   `json:",omitempty"`

	seen   *license.Configuration // what it was compared with; nil: there was none
	wanted license.Configuration
}

// hashOf identifies a plan: what the file wants, and what people had set before. How
// much of it is used is no part of that, because it moves all the time.
func hashOf(plan []planned) string {
	sum := sha256.New()
	for _, p := range plan {
		_ = json.NewEncoder(sum).Encode([]any{p.Result, wish(p.seen), wish(&p.wanted)})
	}
	return hex.EncodeToString(sum.Sum(nil))[:12]
}

// wish is what people set in a configuration, as text to compare: without who did it
// and when, and without exemptions, which have a way of their own. That of nil is "".
func wish(c *license.Configuration) string {
	if c == nil {
		return ""
	}
	w := *c
	w.Exemptions, w.UpdatedBy = nil, ""
	w.UpdatedAt, w.TightenedAt, w.AnswersFrom = time.Time{}, time.Time{}, time.Time{}
	data, err := json.Marshal(w)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// applier brings a ledger in line with a file.
type applier struct {
	*registrar.Registrar
	by string // who, for the change log
}

// compare plans what the file wants. It writes nothing.
func (a applier) compare(ctx context.Context, wanted []license.Configuration) ([]planned, error) {
	present, _, err := a.Store.Configurations(ctx)
	if err != nil {
		return nil, err
	}
	deleted, err := a.Store.DeletedConfigurations(ctx)
	if err != nil {
		return nil, err
	}
	if wanted, err = licensefile.Resolve(wanted, present, deleted, a.Account, a.Region); err != nil {
		return nil, badInput("%w", err)
	}
	plan := make([]planned, 0, len(wanted))
	for _, w := range wanted {
		p, err := a.compareOne(ctx, w)
		if err != nil {
			return nil, err
		}
		plan = append(plan, p)
	}
	return plan, nil
}

func (a applier) compareOne(ctx context.Context, wanted license.Configuration) (planned, error) {
	now := a.Now()
	p := planned{License: wanted.Name, ID: wanted.ID, Result: created, wanted: wanted}
	l, err := a.Store.Load(ctx, wanted.ID)
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		l = &ledger.License{Configuration: license.Configuration{ID: wanted.ID}}
	case err != nil:
		return p, err
	default:
		p.seen = &l.Configuration
		before := snapshot.PositionOf(l, now)
		p.Before, p.Result = &before, changed
	}
	amended, err := license.Amend(p.seen, wanted, now, a.by)
	if err != nil {
		return p, badInput("license %q: %w", wanted.Name, err)
	}
	if p.Differences = license.Differences(p.seen, &amended); p.seen != nil && len(p.Differences) == 0 {
		p.Result, p.After = unchanged, p.Before
		return p, nil
	}
	next, _ := ledger.Fold(l, ledger.Batch{Configuration: &amended, By: a.by}, now, a.Catalog)
	after := snapshot.PositionOf(next, now)
	p.After = &after
	return p, nil
}

// carryOut writes a plan. When a license is not as it was compared, it is refused: at
// first all are looked at, so that as a rule nothing at all is written then. done are
// the licenses that were written, also beside an error.
func (a applier) carryOut(ctx context.Context, plan []planned) (done []planned, err error) {
	for _, p := range plan {
		now, err := a.present(ctx, p.ID)
		if err != nil {
			return nil, err
		}
		if wish(p.seen) != wish(now) {
			return nil, stale(p, now)
		}
	}
	for _, p := range plan {
		if p.Result == unchanged {
			continue
		}
		o, err := a.write(ctx, p)
		if err != nil {
			return done, err
		}
		after := snapshot.PositionOf(o.License, a.Now())
		p.After = &after
		done = append(done, p)
		if o.Uncounted != nil {
			return done, fmt.Errorf("license %q is set; its instances are not counted again (the next sweep does): %w", p.License, o.Uncounted)
		}
	}
	return done, nil
}

// write commits one license of a plan, unless another commit came first.
func (a applier) write(ctx context.Context, p planned) (o registrar.Outcome, err error) {
	if p.seen == nil {
		o, err = a.Create(ctx, p.wanted, a.by)
	} else {
		o, err = a.Change(ctx, p.ID, p.seen, a.by, func(license.Configuration) (license.Configuration, error) { return p.wanted, nil })
	}
	var changed *registrar.Changed
	switch {
	case err == nil:
		return o, nil
	case !errors.As(err, &changed) && !errors.Is(err, ledger.ErrNotFound):
		return o, fmt.Errorf("license %q: %w", p.License, err)
	}
	now, loadErr := a.present(ctx, p.ID)
	if loadErr != nil {
		return o, errors.Join(err, loadErr)
	}
	return o, stale(p, now)
}

// present is the configuration as it is, or nil.
func (a applier) present(ctx context.Context, id string) (*license.Configuration, error) {
	l, err := a.Store.Load(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	return &l.Configuration, nil
}

// stale says what moved since a license was compared.
func stale(p planned, now *license.Configuration) error {
	var what strings.Builder
	switch {
	case now == nil:
		what.WriteString("it was deleted meanwhile")
	case p.seen == nil:
		fmt.Fprintf(&what, "%s made it meanwhile", now.UpdatedBy)
	default:
		fmt.Fprintf(&what, "%s changed it meanwhile, at %s:", now.UpdatedBy, stamp(now.UpdatedAt))
		for i, d := range license.Differences(p.seen, now) {
			if i > 0 {
				what.WriteByte(',')
			}
			fmt.Fprintf(&what, " %s %s → %s", d.Field, orNone(d.From), orNone(d.To))
		}
	}
	return fmt.Errorf("the plan has gone stale; license %q: %s; licenseguard license diff shows what the file would change now",
		telemetry.Clean(p.License, 400), telemetry.Clean(what.String(), 600))
}

// counted is how many licenses a plan creates, changes and leaves.
func counted(plan []planned) map[string]int {
	counts := map[string]int{}
	for _, p := range plan {
		counts[p.Result]++
	}
	return counts
}

// printPlan prints what differs; wouldBe is printed below a plan that is not carried
// out now.
func printPlan(out io.Writer, plan []planned, dry bool) {
	for _, p := range plan {
		if p.Result == unchanged {
			continue
		}
		fmt.Fprintf(out, "%s %s (%s)\n", p.Result, telemetry.Clean(p.License, 400), p.ID)
		printDifferences(out, p.Differences)
		before := snapshot.Position{}
		if p.Before != nil {
			before = *p.Before
		}
		fmt.Fprintf(out, "  %-28s in use %d → %d, covered %d → %d, over %d → %d\n\n", "comes to",
			before.Consumed, p.After.Consumed, before.Covered, p.After.Covered, before.Over, p.After.Over)
	}
	if counts := counted(plan); dry {
		fmt.Fprintf(out, "Would create %d, change %d, leave %d as they are. Nothing was written, and instances that only a new association brings in are not counted above.\n",
			counts[created], counts[changed], counts[unchanged])
	}
}

func printDifferences(out io.Writer, differences []license.Difference) {
	for _, d := range differences {
		if d.From == "" {
			fmt.Fprintf(out, "  %-28s %s\n", d.Field, telemetry.Clean(d.To, 400))
			continue
		}
		fmt.Fprintf(out, "  %-28s %s → %s\n", d.Field, telemetry.Clean(d.From, 400), telemetry.Clean(orNone(d.To), 400))
	}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
