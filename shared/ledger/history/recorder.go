package history

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// Recorder keeps the operations of many clients. It may be used by all of them
// at once.
type Recorder struct {
	// Now gives the times of calls and answers, which must never go back. A
	// simulator may count steps. Nil takes the clock.
	Now func() int64

	mu    sync.Mutex
	calls []*Call
}

// Call is one recorded operation.
type Call struct {
	recorder  *Recorder
	operation porcupine.Operation
	refused   bool
}

var begin = time.Now()

func (r *Recorder) now() int64 {
	if r.Now != nil {
		return r.Now()
	}
	return int64(time.Since(begin))
}

// Call notes that a client asks now. Until it is answered the operation counts
// as lost.
func (r *Recorder) Call(client int, op Operation) *Call {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &Call{recorder: r, operation: porcupine.Operation{ClientId: client, Input: op, Call: r.now(), Return: math.MaxInt64}}
	r.calls = append(r.calls, c)
	return c
}

// Answered notes the answer.
func (c *Call) Answered(a Answer) {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.operation.Output, c.operation.Return = a, c.recorder.now()
}

// Known notes an answer that found nothing left to do: by the instant of the
// answer the operation had happened, in this call or before it. A client that
// tries again by itself gets such an answer when its first try was applied and
// the answer to that was lost.
func (c *Call) Known(a Answer) {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.operation.Return = c.recorder.now()
	look := *c
	op := c.operation.Input.(Operation)
	op.known = true
	look.operation.Input, look.operation.Output = op, a
	c.recorder.calls = append(c.recorder.calls, &look)
}

// Lost notes that there was no answer: the operation may have happened, or may
// still happen at any time.
func (c *Call) Lost() {}

// Refused notes that the operation did not happen and never will.
func (c *Call) Refused() {
	c.recorder.mu.Lock()
	defer c.recorder.mu.Unlock()
	c.refused = true
}

// Len returns how many operations count, and how many of them were lost.
func (r *Recorder) Len() (all, lost int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range r.operations() {
		all++
		if op.Return == math.MaxInt64 {
			lost++
		}
	}
	return all, lost
}

func (r *Recorder) operations() []porcupine.Operation {
	var ops []porcupine.Operation
	for _, c := range r.calls {
		if !c.refused {
			ops = append(ops, c.operation)
		}
	}
	return ops
}

// The errors of Check.
var (
	ErrNotLinearizable = errors.New("the history is not linearizable")
	ErrUndecided       = errors.New("the history could not be checked in time")
)

// Check looks for an order that explains everything, for each license.
func (r *Recorder) Check(timeout time.Duration) error {
	r.mu.Lock()
	ops := r.operations()
	r.mu.Unlock()
	result, info := porcupine.CheckOperationsVerbose(model, ops, timeout)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return fmt.Errorf("%w: %d operations in %s", ErrUndecided, len(ops), timeout)
	default:
		return fmt.Errorf("%w: %s", ErrNotLinearizable, unexplained(ops, info))
	}
}

// unexplained tells how far the best order comes for the first license that
// has none, and what was asked and answered right after that.
func unexplained(ops []porcupine.Operation, info porcupine.LinearizationInfo) string {
	for p, orders := range info.PartialLinearizations() {
		part := partition(ops)[p]
		best := slices.MaxFunc(append(orders, nil), func(a, b []int) int { return len(a) - len(b) })
		if len(best) == len(part) {
			continue
		}
		s := initial()
		for _, i := range best {
			s, _ = s.step(part[i].Input.(Operation))
		}
		var left []string
		for i, op := range part {
			if !slices.Contains(best, i) && op.Output != nil && len(left) < 5 {
				left = append(left, describe(op.Input, op.Output))
			}
		}
		return fmt.Sprintf("an order explains %d of %d operations and leads to %s; then no one explains\n%s",
			len(best), len(part), s, strings.Join(left, "\n"))
	}
	return "no order explains it"
}

var model = porcupine.Model{
	Partition: partition,
	Init:      func() any { return initial() },
	Step: func(s, in, out any) (bool, any) {
		before, op := s.(*state), in.(Operation)
		next, answer := before.step(op)
		if op.known && next.key != before.key {
			return false, before
		}
		return out == nil || out.(Answer).equal(answer), next
	},
	Equal:             func(a, b any) bool { return a.(*state).key == b.(*state).key },
	DescribeOperation: describe,
}

func initial() *state {
	s := &state{instances: map[string]instance{}}
	s.key = s.String()
	return s
}

// partition cuts a history into those of its licenses, which have nothing to do
// with each other.
func partition(ops []porcupine.Operation) [][]porcupine.Operation {
	of := make(map[string]int)
	var parts [][]porcupine.Operation
	for _, op := range ops {
		id := op.Input.(Operation).License
		if _, ok := of[id]; !ok {
			of[id] = len(parts)
			parts = append(parts, nil)
		}
		parts[of[id]] = append(parts[of[id]], op)
	}
	return parts
}

func describe(in, out any) string {
	op := in.(Operation)
	what := "read"
	switch {
	case op.Limit != nil:
		what = fmt.Sprintf("limit %d, saw %+v", *op.Limit, op.Seen)
	case len(op.Seen) > 0:
		what = fmt.Sprintf("saw %+v", op.Seen)
	}
	if op.known {
		what += ", which was known"
	}
	if out == nil {
		return what + ": answer not told"
	}
	return fmt.Sprintf("%s: %+v", what, out)
}
