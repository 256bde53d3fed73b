package license

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // Lambda's images have no zones of their own
)

// Hours are times of the week, such as "Mon-Fri 08:00-18:00 Europe/Berlin". The
// zero value is always.
type Hours struct {
	text     string
	days     [7]bool // by time.Weekday
	from, to time.Duration
	zone     *time.Location
}

const hoursForm = `give days, times and a zone, such as "Mon-Fri 08:00-18:00 Europe/Berlin"`

// ParseHours reads Hours. "" is always. The times are of one day: from is before
// to, which is at most 24:00.
func ParseHours(text string) (Hours, error) {
	h := Hours{text: text}
	if text == "" {
		return h, nil
	}
	bad := func(want string) (Hours, error) {
		return Hours{}, &FieldError{Field: "enforcement.hours", Value: text, Want: want}
	}
	parts := strings.Split(text, " ")
	if len(parts) != 3 || len(text) > 100 {
		return bad(hoursForm)
	}
	for days := range strings.SplitSeq(parts[0], ",") {
		first, last, isRange := strings.Cut(days, "-")
		if !isRange {
			last = first
		}
		from, to := weekday(first), weekday(last)
		if from < 0 || to < 0 {
			return bad("the days are Mon, Tue, Wed, Thu, Fri, Sat and Sun, as Mon-Fri or Sat,Sun")
		}
		for d := from; ; d = (d + 1) % 7 {
			h.days[d] = true
			if d == to {
				break
			}
		}
	}
	from, to, _ := strings.Cut(parts[1], "-")
	var errFrom, errTo error
	h.from, errFrom = clock(from)
	h.to, errTo = clock(to)
	if errFrom != nil || errTo != nil || h.from >= h.to {
		return bad("give two times of one day, the earlier first, as 08:00-18:00; the day ends at 24:00")
	}
	zone, err := time.LoadLocation(parts[2])
	if err != nil || parts[2] == "Local" {
		return bad("name a zone as Europe/Berlin or UTC")
	}
	h.zone = zone
	return h, nil
}

func weekday(name string) int {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if d.String()[:3] == name {
			return int(d)
		}
	}
	return -1
}

func clock(text string) (time.Duration, error) {
	var hours, minutes int
	if _, err := fmt.Sscanf(text, "%02d:%02d", &hours, &minutes); err != nil || len(text) != 5 {
		return 0, fmt.Errorf("%q is no time", text)
	}
	d := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if hours < 0 || minutes < 0 || minutes > 59 || d > 24*time.Hour {
		return 0, fmt.Errorf("%q is no time of a day", text)
	}
	return d, nil
}

// Next returns t where it is within the hours, else when they begin next.
func (h Hours) Next(t time.Time) time.Time {
	if h.zone == nil {
		return t
	}
	local := t.In(h.zone)
	for day := range 15 { // a day whose hours the clock leaps over has none
		year, month, date := local.Date()
		at := func(d time.Duration) time.Time {
			return time.Date(year, month, date+day, int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, h.zone)
		}
		from, to := at(h.from), at(h.to)
		switch {
		case !h.days[from.Weekday()] || !t.Before(to) || !from.Before(to):
		case t.Before(from):
			return from.UTC()
		default:
			return t
		}
	}
	return t // not reached: at least one day is set
}

// IsZero reports whether the hours are always.
func (h Hours) IsZero() bool { return h.zone == nil }

// Equal reports whether two are written alike.
func (h Hours) Equal(o Hours) bool { return h.text == o.text }

func (h Hours) String() string { return h.text }

// MarshalText writes the hours as they were read.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.text), nil }

// UnmarshalText reads hours.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	*h, err = ParseHours(string(text))
	return err
}
