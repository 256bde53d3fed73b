package simulator

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// hours are those that licenses have: mostly none. The simulation begins on a
// Friday at eight.
var hours = []license.Hours{{}, {}, {}, {}, {}, {}, mustHours("Mon-Fri 07:00-09:00 UTC"), mustHours("Sat,Sun 00:00-24:00 UTC")}

func mustHours(text string) license.Hours {
	h, err := license.ParseHours(text)
	if err != nil {
		panic(err) // the texts are constant
	}
	return h
}

// inHours reads them in its own way. Near the edges clocks may differ.
func inHours(text string, at time.Time, skew time.Duration) bool {
	in := func(at time.Time) bool {
		weekend := at.Weekday() == time.Saturday || at.Weekday() == time.Sunday
		switch text {
		case "":
			return true
		case "Sat,Sun 00:00-24:00 UTC":
			return weekend
		default:
			return !weekend && (at.Hour() == 7 || at.Hour() == 8)
		}
	}
	return in(at.Add(-2*skew)) || in(at.Add(2*skew))
}

// command is a person at work on enforcement. What fails is not tried again.
func (s *Sim) command(name string, do func(ctx context.Context, o *enforce.Operator) error, done func()) {
	b := s.newBox("person")
	s.run(b, name, func(ctx context.Context) error { return do(ctx, b.operator) }, func(bool) { done() })
}

// limit sets budgets so small that they matter.
func (s *Sim) limit() {
	d := s.dice
	limits := ledger.Limits{AccountPerHour: pick(d, 1, 2, 5, 20), FleetPercent: pick(d, 1, 10, 50), FleetLeast: pick(d, 1, 2, 5), RefusedPerHour: pick(d, 2, 5, 50), DriftPercent: pick(d, 10, 25, 100)}
	s.command("limits", func(ctx context.Context, o *enforce.Operator) error { return o.Limit(ctx, limits) }, func() {})
}

// operate is one thing that a person does about enforcement.
func (s *Sim) operate() {
	d := s.dice
	scope := s.scope()
	switch d.IntN(8) {
	case 0, 1, 2:
		s.planAndApply()
	case 3:
		s.command("pauses", func(ctx context.Context, o *enforce.Operator) error {
			_, err := o.Pause(ctx, scope, "a look at it")
			return err
		}, func() {
			s.after(d.between(time.Minute, 20*time.Minute), func() { s.resume(scope) })
		})
	case 4, 5:
		s.exemptOne()
	default:
		s.undoOne()
	}
}

func (s *Sim) scope() ledger.Scope {
	ids := slices.Sorted(maps.Keys(s.store.licenses))
	return pick(s.dice, ledger.ScopeAll, ledger.AccountScope(s.accounts[s.dice.IntN(len(s.accounts))]), ledger.LicenseScope(ids[s.dice.IntN(len(ids))]))
}

func (s *Sim) resume(scope ledger.Scope) {
	s.command("resumes", func(ctx context.Context, o *enforce.Operator) error {
		_, ok, err := o.Resume(ctx, scope)
		if ok {
			s.stats.Resumed++
		}
		return err
	}, func() {})
}

// resumeAll is a person who ends what holds enforcement, once all is calm.
func (s *Sim) resumeAll() {
	for _, h := range slices.Clone(s.store.brakes.Holds) {
		s.resume(h.Scope)
	}
	s.advance(time.Time{})
}

// planAndApply is a person who reads a plan for a while and then applies it.
func (s *Sim) planAndApply() {
	var p ledger.Plan
	var failed error
	s.command("plans", func(ctx context.Context, o *enforce.Operator) error {
		p, failed = o.Plan(ctx)
		return failed
	}, func() {
		if failed != nil || p.Hash == "" {
			return
		}
		s.stats.Planned++
		s.after(s.dice.between(0, pick(s.dice, 2*time.Second, 5*time.Minute)), func() {
			s.command(applyName, func(ctx context.Context, o *enforce.Operator) error {
				_, approved, err := o.Apply(ctx, p.Hash)
				s.stats.Approved += approved
				var moved *enforce.MovedError
				if errors.As(err, &moved) {
					s.stats.Moved++
					if len(moved.Difference) == 0 {
						s.violate("plan %s is refused, and nobody says what moved", p.Hash)
					}
				}
				return err
			}, func() {})
		})
	})
}

const applyName = "applies a plan"

func (s *Sim) exemptOne() {
	d := s.dice
	if len(s.cloud.machines) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(s.store.licenses))
	id, instance := ids[d.IntN(len(ids))], s.cloud.machines[d.IntN(len(s.cloud.machines))].in.ID
	if l := s.store.licenses[id]; len(l.Entries) > 0 && d.chance(0.7) {
		if held := l.Instances(); len(held) > 0 {
			instance = held[d.IntN(len(held))]
		}
	}
	until := s.now.Add(d.between(time.Minute, pick(d, 20*time.Minute, 5*time.Hour)))
	s.command("exempts", func(ctx context.Context, o *enforce.Operator) error {
		err := o.Exempt(ctx, id, license.Exemption{Instance: instance, Owner: "=owner", Reason: "needed", Until: until})
		if err == nil {
			s.stats.Exempted++
		}
		return err
	}, func() {
		if d.chance(0.3) {
			s.after(d.between(time.Minute, 20*time.Minute), func() {
				s.command("ends an exemption", func(ctx context.Context, o *enforce.Operator) error { return o.Unexempt(ctx, id, instance) }, func() {})
			})
		}
	})
}

func (s *Sim) undoOne() {
	var done []ledger.JournalEntry
	for _, key := range slices.Sorted(maps.Keys(s.store.journal)) {
		if e := s.store.journal[key]; enforce.Undoable(e) {
			done = append(done, e)
		}
	}
	if len(done) == 0 {
		return
	}
	entry := done[s.dice.IntN(len(done))]
	s.command("undoes", func(ctx context.Context, o *enforce.Operator) error { return o.Undo(ctx, entry) }, func() {})
}
