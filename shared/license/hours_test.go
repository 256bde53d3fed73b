package license_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
	_ "time/tzdata"

	"licenseguard/shared/license"
)

func TestHoursNext(t *testing.T) {
	t.Parallel()
	utc := func(text string) time.Time {
		at, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct{ name, hours, at, want string }{
		{"always", "", "2026-11-22 03:00", "2026-11-22 03:00"},
		{"within", "Mon-Fri 08:00-18:00 UTC", "2026-11-20 08:00", "2026-11-20 08:00"},
		{"before", "Mon-Fri 08:00-18:00 UTC", "2026-11-20 07:59", "2026-11-20 08:00"},
		{"the end is out", "Mon-Fri 08:00-18:00 UTC", "2026-11-20 18:00", "2026-11-23 08:00"},
		{"Sunday", "Mon-Fri 08:00-18:00 UTC", "2026-11-22 12:00", "2026-11-23 08:00"},
		{"another zone", "Mon-Fri 08:00-18:00 America/New_York", "2026-11-20 12:00", "2026-11-20 13:00"},
		{"its day is another one", "Mon 00:00-24:00 Pacific/Auckland", "2026-11-22 11:30", "2026-11-22 11:30"},
		{"summer time begins", "Sun 08:00-09:00 Europe/Berlin", "2026-03-29 00:30", "2026-03-29 06:00"},
		{"a week later", "Fri 08:00-09:00 UTC", "2026-11-20 09:00", "2026-11-27 08:00"},
		{"over the week's end", "Fri-Mon 08:00-09:00 UTC", "2026-11-22 10:00", "2026-11-23 08:00"},
		{"two days as a tag has them", "Tue+Thu 10:00-24:00 UTC", "2026-11-25 00:00", "2026-11-26 10:00"},
		{"two days", "Tue,Thu 10:00-24:00 UTC", "2026-11-24 23:59", "2026-11-24 23:59"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h, err := license.ParseHours(test.hours)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.Next(utc(test.at)); !got.Equal(utc(test.want)) {
				t.Errorf("next after %s is %s; want %s", test.at, got, test.want)
			}
			data, err := json.Marshal(struct{ H license.Hours }{h})
			var back struct{ H license.Hours }
			if err != nil || json.Unmarshal(data, &back) != nil || !back.H.Equal(h) || back.H.IsZero() != h.IsZero() {
				t.Errorf("%s is read as %v, %v", data, back.H, err)
			}
		})
	}
}

func TestHoursRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{" ", "always", "Mon-Fri 08:00-18:00", "Mon-Fri 18:00-08:00 UTC", "Mon-Fri 08:00-08:00 UTC", "Mo-Fr 08:00-18:00 UTC",
		"Mon-Fri 8:00-18:00 UTC", "Mon-Fri 08:00-25:00 UTC", "Mon-Fri 08:60-18:00 UTC", "Mon-Fri 08:00-18:00 Nowhere/Town", "Mon-Fri 08:00-18:00 Local",
		"Mon- 08:00-18:00 UTC", "Mon-Fri 08:00-24:01 UTC", "Mon-Fri -1:00-18:00 UTC", "Mon-Fri 08:00-18:00 ../../etc/passwd"} {
		_, err := license.ParseHours(text)
		var field *license.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%q: %v; want a FieldError", text, err)
		}
	}
}

// TestHoursOfAnUnknownZone: a program without zones stops nothing.
func TestHoursOfAnUnknownZone(t *testing.T) {
	t.Parallel()
	var h license.Hours
	if err := h.UnmarshalText([]byte("Mon-Fri 08:00-18:00 Nowhere/Town")); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	if next := h.Next(at); next.Before(at.AddDate(50, 0, 0)) {
		t.Errorf("the next is %s; want none", next)
	}
}

func FuzzParseHours(f *testing.F) {
	for _, text := range []string{"", "Mon-Fri 08:00-18:00 UTC", "Sat,Sun 00:00-24:00 Europe/Berlin", "Fri-Mon 08:00-09:00 UTC", "x"} {
		f.Add(text)
	}
	at := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		h, err := license.ParseHours(text)
		if err != nil {
			return
		}
		next := h.Next(at)
		if next.Before(at) || next.Sub(at) > 8*24*time.Hour || !h.Next(next).Equal(next) {
			t.Fatalf("%q: next after %s is %s, and after that %s", text, at, next, h.Next(next))
		}
	})
}
