// Package yeartest plays a year of a fleet for tests: what was true of it, kept
// without any code of the ledger or of what reads its log, and the log that the real
// fold and the real rows made of what was told.
//
// Tellings are as bad as they can be: late, hours late, twice, in disorder, also over
// a change of the rules, and lost, so that only the hourly sweep finds what happened.
//
// The truth is kept twice: by when things happened (Uses, Instants) and by when they
// were recorded (Steps, Found, Actions, Running).
package yeartest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"licenseguard/shared/license"
)

// Begin is when every year begins.
var Begin = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Fleet says which year is played; the same fleet gives the same year. Its licenses
// count vCPUs, cores and instances in turns. Of three or more the last is only tracked,
// and the one before it is deleted when two thirds of the time are over.
type Fleet struct {
	Seed      uint64
	Licenses  int
	Instances int           // of all licenses together; each holds one
	Span      time.Duration // a year, or less: what happens then follows closer
}

// Year is what there is to compare.
type Year struct {
	Begin, End time.Time
	Licenses   []*License
}

// Play plays the year of a fleet. The error says which license the fold does not get
// on with.
func (f Fleet) Play() (*Year, error) {
	y := &Year{Begin: Begin, End: Begin.Add(f.Span)}
	var all sync.WaitGroup
	failed := make([]error, f.Licenses)
	for n := range f.Licenses {
		l := f.license(n)
		y.Licenses = append(y.Licenses, l)
		all.Go(func() { failed[n] = l.play() })
	}
	all.Wait()
	return y, errors.Join(failed...)
}

// Rows is how many rows the log has.
func (y *Year) Rows() (n int) {
	for _, l := range y.Licenses {
		n += len(l.Log)
	}
	return n
}

// Heard is how what happened in the year was told.
func (y *Year) Heard() (sum Heard) {
	for _, l := range y.Licenses {
		sum.add(l.Heard)
	}
	return sum
}

// license makes a license with its machines and their runs; nothing is told yet.
func (f Fleet) license(n int) *License {
	l := &License{
		ID: fmt.Sprintf("lic-%032x", n+1), Name: fmt.Sprintf("product %d", n), Counting: []license.CountingType{license.CountVCPU, license.CountCore, license.CountInstance}[n%3],
		end: Begin.Add(f.Span), span: f.Span, machines: make(map[license.ResourceID]*Machine), dice: dice{rand.New(rand.NewPCG(f.Seed, uint64(n)))},
	}
	if f.Licenses >= 3 {
		l.tracked = n == f.Licenses-1
		if n == f.Licenses-2 {
			l.Ended = Begin.Add(f.Span * 2 / 3).Add(l.upTo(time.Hour))
		}
	}
	l.makeRules()
	for i := range f.Instances / f.Licenses {
		l.add(n, i)
	}
	return l
}

// dice draws what is left to chance.
type dice struct{ *rand.Rand }

// upTo draws a time of less than most, in milliseconds.
func (d dice) upTo(most time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(most))).Truncate(time.Millisecond)
}

// oneIn draws true once in so many times.
func (d dice) oneIn(n int) bool { return d.IntN(n) == 0 }
