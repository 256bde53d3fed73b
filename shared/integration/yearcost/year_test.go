package yearcost_test

import (
	"testing"

	"licenseguard/shared/query"
)

// daily is what an average day takes.
type daily struct {
	folders          map[string]dailyFolder
	put, get, list   float64
	macs, signatures float64
	sends, messages  float64
}

// dailyFolder is a day of one prefix.
type dailyFolder struct {
	objects, large, bytes, largeBytes, footers float64
	columns                                    map[string]float64
}

func (d *daily) folder(name string) dailyFolder { return d.folders[name] }

// aDay divides what was counted by the days.
func (c *counts) aDay(days int) *daily {
	n := float64(days)
	d := &daily{folders: make(map[string]dailyFolder), put: float64(c.put) / n, get: float64(c.get) / n, list: float64(c.list) / n,
		macs: float64(c.macs) / n, signatures: float64(c.signatures) / n, sends: float64(c.sends) / n, messages: float64(c.messages) / n}
	for name, f := range c.folders {
		day := dailyFolder{objects: float64(f.objects) / n, large: float64(f.large) / n, bytes: float64(f.bytes) / n, largeBytes: float64(f.largeBytes) / n,
			footers: float64(f.footers) / n, columns: make(map[string]float64)}
		for c, bytes := range f.columns {
			day.columns[c] = float64(bytes) / n
		}
		d.folders[name] = day
	}
	return d
}

// bill is a year's, in dollars.
type bill struct {
	storage, requests, kms, messages float64
	// What the named queries take that are each asked once a day, for all there is: of the
	// log, and of the history where it is asked instead.
	onLog, onHistory asking
}

// asking is what queries are billed.
type asking struct{ bytes, dollars float64 }

func (a *asking) add(r reading) {
	a.bytes += max(r.bytes, leastScan)
	a.dollars += r.dollars()
}

// total leaves the queries out: who asks how often is everybody's own.
func (b bill) total() float64 { return b.storage + b.requests + b.kms + b.messages }

// year multiplies: everything grows by the same amount each day, and what is stored
// stays, in Standard-IA after 90 days if it is large enough.
func (d *daily) year(t *testing.T) (b bill) {
	t.Helper()
	for _, f := range d.folders {
		for day := range yearDays {
			age := float64(yearDays - day)
			soon := min(age, infrequentAfter)
			b.storage += f.bytes / gibibyte * soon / monthDays * perGBMonth
			b.storage += (f.bytes - f.largeBytes) / gibibyte * (age - soon) / monthDays * perGBMonth
			b.storage += f.largeBytes / gibibyte * (age - soon) / monthDays * perGBMonthInfrequent
			if age > infrequentAfter {
				b.requests += f.large * perTransition
			}
		}
	}
	b.requests += yearDays * ((d.put+d.list)*perPut + d.get*perGet)
	b.kms = keys*12*perKeyMonth + yearDays*(d.macs*perMAC+d.signatures*perSignature)
	b.messages = yearDays * (d.messages*perBusEvent + 3*d.sends*perQueueRequest) // sent, received, deleted
	for _, q := range query.Named() {
		for day := range yearDays {
			b.onLog.add(d.read(t, q, float64(day+1), false))
			b.onHistory.add(d.read(t, q, float64(day+1), true))
		}
	}
	return b
}

// gigabytes is what a year leaves under some prefixes.
func (d *daily) gigabytes(names ...string) (sum float64) {
	for _, name := range names {
		sum += d.folder(name).bytes * yearDays / gibibyte
	}
	return sum
}
