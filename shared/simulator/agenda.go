package simulator

import (
	"container/heap"
	"time"
)

// agenda is what happens at a known time, in order.
type agenda struct {
	items  appointments
	number int
}

type appointment struct {
	at     time.Time
	number int
	do     func()
}

func (a *agenda) add(at time.Time, do func()) {
	a.number++
	heap.Push(&a.items, appointment{at, a.number, do})
}

func (a *agenda) next() (time.Time, bool) {
	if len(a.items) == 0 {
		return time.Time{}, false
	}
	return a.items[0].at, true
}

func (a *agenda) pop() func() { return heap.Pop(&a.items).(appointment).do }

type appointments []appointment

func (a appointments) Len() int      { return len(a) }
func (a appointments) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a appointments) Less(i, j int) bool {
	if !a[i].at.Equal(a[j].at) {
		return a[i].at.Before(a[j].at)
	}
	return a[i].number < a[j].number
}
func (a *appointments) Push(x any) { *a = append(*a, x.(appointment)) }
func (a *appointments) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}
