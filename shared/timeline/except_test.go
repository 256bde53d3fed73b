package timeline_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"licenseguard/shared/publish"
	"licenseguard/shared/timeline"
)

// TestAdjustedPeaks: with exceptions, peaks, hours and minutes over are those of a log
// in which the excepted resources never were in that time. Exceptions touch, nest,
// begin in the middle of a use and name resources that used nothing.
func TestAdjustedPeaks(t *testing.T) {
	t.Parallel()
	const id, resources = "lic-a", 6
	from := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	to := from.AddDate(0, 0, 20)
	minutes := int(to.Sub(from) / time.Minute)
	for seed := range uint64(50) {
		d := rand.New(rand.NewPCG(seed, 7))
		arn := func(n int) string { return fmt.Sprintf("arn:aws:ec2:us-east-1:123456789012:instance/i-%d", n) }
		count := int64(8)
		line, revision := timeline.New(), int64(0)
		used := make([][]int64, resources) // by minute
		add := func(minute int, resource string, licenses int64) {
			revision++
			at := from.Add(time.Duration(minute) * time.Minute).Format("2006-01-02 15:04:05.000")
			if err := line.Add(&publish.Row{LicenseID: id, Revision: revision, RecordedAt: at, HappenedAt: at, ResourceARN: resource, Licenses: licenses, LicenseCount: &count}); err != nil {
				t.Fatal(err)
			}
		}
		add(0, "", 0)
		for n := range resources {
			used[n] = make([]int64, minutes)
			for at := d.IntN(3000); at < minutes; at += 1 + d.IntN(3000) {
				licenses := d.Int64N(5)
				add(at, arn(n), licenses)
				for m := at; m < minutes; m++ {
					used[n][m] = licenses
				}
			}
		}
		var except []timeline.Exception
		for range d.IntN(8) {
			n, begin, length := d.IntN(resources+1), d.IntN(minutes), 1+d.IntN(5000)
			for range 1 + d.IntN(2) { // the second touches the first
				except = append(except, timeline.Exception{License: id, Resource: arn(n), From: from.Add(time.Duration(begin) * time.Minute), To: from.Add(time.Duration(begin+length) * time.Minute)})
				for m := begin; m < min(minutes, begin+length) && n < resources; m++ {
					used[n][m] = 0
				}
				begin += length
			}
		}
		except = append(except, timeline.Exception{License: "lic-other", Resource: arn(0), From: from, To: to})
		d.Shuffle(len(except), func(i, j int) { except[i], except[j] = except[j], except[i] })
		days, err := line.Peaks(timeline.Daily, from, to, except...)
		if err != nil || len(days) != 20 {
			t.Fatalf("%d days, %v", len(days), err)
		}
		plain, err := line.Peaks(timeline.Daily, from, to)
		if err != nil {
			t.Fatal(err)
		}
		for i, raw := range days {
			got := timeline.Adjusted{High: raw.High, HighAt: raw.HighAt, LicenseHours: raw.LicenseHours, OverMinutes: raw.OverMinutes}
			if raw.Adjusted != nil {
				got = *raw.Adjusted
			}
			if raw.Adjusted = nil; !reflect.DeepEqual(raw, plain[i]) {
				t.Fatalf("seed %d, day %d: the raw peak is %+v with exceptions and %+v without", seed, i, raw, plain[i])
			}
			high, total, over := int64(-1), int64(0), 0
			for m := i * 1440; m < (i+1)*1440; m++ {
				sum := int64(0)
				for n := range used {
					sum += used[n][m]
				}
				high, total = max(high, sum), total+sum
				if sum > count {
					over++
				}
			}
			if got.High != high || fmt.Sprintf("%.6f", got.LicenseHours) != fmt.Sprintf("%.6f", float64(total)/60) || got.OverMinutes != float64(over) {
				t.Fatalf("seed %d, day %d: peak %d, %f license-hours, %f minutes over; want %d, %f, %d", seed, i, got.High, got.LicenseHours, got.OverMinutes, high, float64(total)/60, over)
			}
		}
	}
}
