package history_test

import (
	"errors"
	"testing"
	"time"

	"licenseguard/shared/ledger/history"
)

const lic = "lic-1"

func runs(id string, launch, licenses int64) history.Sighting {
	return history.Sighting{Instance: id, Launch: launch, Licenses: licenses}
}

func ended(id string, launch, licenses int64) history.Sighting {
	return history.Sighting{Instance: id, Launch: launch, Licenses: licenses, Ended: true}
}

func saw(seen ...history.Sighting) history.Operation {
	return history.Operation{License: lic, Seen: seen}
}

func limit(n int64) history.Operation { return history.Operation{License: lic, Limit: &n} }

func answer(limit, covered, deployed int64, verdicts ...history.Verdict) history.Answer {
	return history.Answer{Limit: limit, Covered: covered, Deployed: deployed, Verdicts: verdicts}
}

// The specification itself, one operation after the other.
func TestSpecification(t *testing.T) {
	t.Parallel()
	r := recorder()
	for _, step := range []struct {
		op   history.Operation
		want history.Answer
	}{
		{saw(runs("b", 10, 2)), answer(0, 0, 2, history.Over)},
		{limit(5), answer(5, 2, 2)},
		{saw(runs("a", 10, 2), runs("c", 20, 2)), answer(5, 4, 6, history.Covered, history.Over)},
		{saw(runs("d", 30, 1)), answer(5, 5, 7, history.Covered)}, // the first in order that fits whole
		{limit(3), answer(3, 3, 7)},                               // d loses, then b, and d fits again
		{saw(ended("a", 9, 2)), answer(3, 3, 7, history.Covered)}, // of an earlier launch
		{saw(ended("a", 10, 2)), answer(3, 3, 5, history.None)},
		{saw(runs("a", 10, 2)), answer(3, 3, 5, history.None)}, // late
		{saw(ended("d", 30, 1)), answer(3, 2, 4, history.None)},
		{saw(runs("a", 40, 1)), answer(3, 3, 5, history.Covered)},
		{saw(ended("b", 10, 2)), answer(3, 3, 3, history.None)}, // c comes before a new one would
		{saw(runs("a", 50, 2)), answer(3, 2, 4, history.Over)},  // it grew
		{saw(ended("unknown", 1, 1)), answer(3, 2, 4, history.None)},
		{saw(runs("unknown", 1, 1)), answer(3, 2, 4, history.None)},                             // held up until then
		{saw(ended("c", 20, 2), runs("c", 60, 2)), answer(3, 2, 4, history.Over, history.Over)}, // both in one step
	} {
		r.Call(0, step.op).Answered(step.want)
	}
	if err := r.Check(time.Second); err != nil {
		t.Error(err)
	}
}

func recorder() *history.Recorder {
	var now int64
	return &history.Recorder{Now: func() int64 { now++; return now }}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	covered := answer(1, 1, 1, history.Covered)
	for name, test := range map[string]struct {
		record func(*history.Recorder)
		ok     bool
	}{
		"two at once, each the first": {func(r *history.Recorder) {
			a, b := r.Call(1, saw(runs("a", 1, 1))), r.Call(2, saw(runs("b", 2, 1)))
			a.Answered(covered)
			b.Answered(covered)
		}, false},
		"two at once, one after the other": {func(r *history.Recorder) {
			a, b := r.Call(1, saw(runs("a", 1, 1))), r.Call(2, saw(runs("b", 2, 1)))
			a.Answered(answer(1, 1, 2, history.Over))
			b.Answered(covered)
		}, true},
		"a read of the past": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Answered(covered)
			r.Call(2, history.Operation{License: lic}).Answered(answer(1, 0, 0))
		}, false},
		"a lost update": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Answered(covered)
			r.Call(2, saw(runs("b", 2, 1))).Answered(covered)
		}, false},
		"a lost answer, applied": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Lost()
			r.Call(2, saw(runs("b", 2, 1))).Answered(answer(1, 1, 2, history.Over))
		}, true},
		"a lost answer, not applied": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Lost()
			r.Call(2, saw(runs("b", 2, 1))).Answered(covered)
		}, true},
		"a lost answer, applied later": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Lost()
			r.Call(2, history.Operation{License: lic}).Answered(answer(1, 0, 0))
			r.Call(2, history.Operation{License: lic}).Answered(answer(1, 1, 1))
		}, true},
		"a lost answer, applied twice": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Lost()
			r.Call(1, saw(runs("a", 1, 1))).Known(answer(1, 1, 2, history.Covered))
		}, false},
		"refused": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Refused()
			r.Call(2, history.Operation{License: lic}).Answered(answer(1, 1, 1))
		}, false},
		"known after another": {func(r *history.Recorder) {
			a := r.Call(1, saw(runs("a", 1, 1))) // applied, then b, then a's client looks again
			r.Call(2, saw(runs("b", 2, 1))).Answered(answer(1, 1, 2, history.Over))
			a.Known(answer(1, 1, 2, history.Covered))
		}, true},
		"known, but not there": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Known(answer(1, 0, 0, history.None))
		}, false},
		"two licenses": {func(r *history.Recorder) {
			r.Call(1, saw(runs("a", 1, 1))).Answered(covered)
			r.Call(1, history.Operation{License: "lic-2"}).Answered(answer(0, 0, 0))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := recorder()
			r.Call(0, limit(1)).Answered(answer(1, 0, 0))
			test.record(r)
			err := r.Check(time.Second)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, history.ErrNotLinearizable) {
				t.Errorf("Check: %v; linearizable: %v", err, test.ok)
			}
		})
	}
}
