package simulator

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
)

// Many plays the seeds from first to last on several cores and hands over each
// result, one at a time but in no order. It ends early when each returns false.
func Many(o Options, first, last uint64, workers int, each func(Result) bool) {
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // every run is thrown away
	var mu sync.Mutex
	var wg sync.WaitGroup
	next, stopped := first, false
	for range max(1, min(workers, runtime.GOMAXPROCS(0))) {
		wg.Go(func() {
			for {
				mu.Lock()
				seed := next
				if stopped || seed > last || seed < first {
					mu.Unlock()
					return
				}
				next++
				mu.Unlock()
				mine := o
				mine.Seed = seed
				r := Run(mine)
				mu.Lock()
				stopped = stopped || !each(r)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// Add adds what happened in another run.
func (s *Stats) Add(o Stats) {
	sum, more := reflect.ValueOf(s).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		sum.Field(i).SetInt(sum.Field(i).Int() + more.Field(i).Int())
	}
}

// ParseSeeds reads a range such as 1..1000.
func ParseSeeds(text string) (first, last uint64, err error) {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		to = from
	}
	first, errFrom := strconv.ParseUint(from, 10, 64)
	last, errTo := strconv.ParseUint(to, 10, 64)
	if errFrom != nil || errTo != nil || first > last {
		return 0, 0, fmt.Errorf("seeds %q: give two numbers, such as 1..1000", text)
	}
	return first, last, nil
}
