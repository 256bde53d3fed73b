package license

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Hours are times of the week, such as "Mon-Fri 08:00-18:00 Europe/Berlin". The
// zero value is always.
type Hours struct {
	text     string
	days     [7]bool // by time.Weekday
	from, to time.Duration
	zone     string
}

const hoursForm = `give days, times and a zone, such as "Mon-Fri 08:00-18:00 Europe/Berlin"`

// ParseHours reads Hours that a person gives. "" is always. The times are of one
// day: from is before to, which is at most 24:00. Between days + is the same as a
// comma, which the tags of AWS do not allow.
func ParseHours(text string) (Hours, error) {
	h, err := parseHours(text)
	if err != nil || h.IsZero() {
		return h, err
	}
	if zone := location(h.zone); zone == nil {
		return Hours{}, &FieldError{Field: "enforcement.hours", Value: text, Want: "name a zone as Europe/Berlin or UTC"}
	}
	return h, nil
}

// parseHours reads Hours; whether their zone is known, Next sees.
func parseHours(text string) (Hours, error) {
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
	for days := range strings.SplitSeq(strings.ReplaceAll(parts[0], "+", ","), ",") {
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
	if h.zone = parts[2]; h.zone == "" || h.zone == "Local" {
		return bad("name a zone as Europe/Berlin or UTC")
	}
	return h, nil
}

// locations has the zones that were asked for.
var locations sync.Map

// location returns a zone, or nil for an unknown one. A program that decides by
// hours links time/tzdata, for Lambda's images have no zones of their own.
func location(name string) *time.Location {
	if zone, ok := locations.Load(name); ok {
		return zone.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	locations.Store(name, zone)
	return zone
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
	hours, minutes, ok := strings.Cut(text, ":")
	h, errHours := strconv.ParseUint(hours, 10, 8)
	m, errMinutes := strconv.ParseUint(minutes, 10, 8)
	if !ok || len(text) != 5 || len(hours) != 2 || errHours != nil || errMinutes != nil || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, fmt.Errorf("%q is no time of a day", text)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute, nil
}

// never is for hours that cannot be told: nothing may happen in them.
const never = 100 * 365 * 24 * time.Hour

// Next returns t where it is within the hours, else when they begin next: in a
// hundred years where that cannot be told.
func (h Hours) Next(t time.Time) time.Time {
	if h.IsZero() {
		return t
	}
	zone := location(h.zone)
	if zone == nil {
		return t.Add(never)
	}
	local := t.In(zone)
	for day := range 15 { // a day whose hours the clock leaps over has none
		year, month, date := local.Date()
		at := func(d time.Duration) time.Time {
			return time.Date(year, month, date+day, int(d/time.Hour), int(d%time.Hour/time.Minute), 0, 0, zone)
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
	return t.Add(never) // not reached: at least one day is set
}

// IsZero reports whether the hours are always.
func (h Hours) IsZero() bool { return h.zone == "" }

// Equal reports whether two are written alike.
func (h Hours) Equal(o Hours) bool { return h.text == o.text }

func (h Hours) String() string { return h.text }

// MarshalText writes the hours as they were read.
func (h Hours) MarshalText() ([]byte, error) { return []byte(h.text), nil }

// UnmarshalText reads hours as they were kept.
func (h *Hours) UnmarshalText(text []byte) (err error) {
	*h, err = parseHours(string(text))
	return err
}
