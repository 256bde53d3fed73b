package event_test

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"licenseguard/events"
	"licenseguard/shared/event"
)

var (
	idShape     = regexp.MustCompile(`^((i|mi|h|ami)-[0-9a-f]{8,17}|db:[a-z][a-z0-9-]{0,62})$`)
	regionShape = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
)

// FuzzParse holds that any body gives a valid event or a *Malformed.
func FuzzParse(f *testing.F) {
	for _, name := range events.Names() {
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := event.Parse(body)
		if err != nil {
			checkError(t, e, err)
			return
		}
		checkEvent(t, e)
		again, err := event.Parse(body)
		if err != nil || !reflect.DeepEqual(e, again) {
			t.Errorf("a second reading differs: %+v, %v", again, err)
		}
	})
}

func checkError(t *testing.T, e event.Event, err error) {
	t.Helper()
	var m *event.Malformed
	if !errors.As(err, &m) || m.Place == "" || m.Reason == "" {
		t.Fatalf("error %#v, want *event.Malformed with place and reason", err)
	}
	if !reflect.DeepEqual(e, event.Event{}) {
		t.Errorf("error and event %+v", e)
	}
	for _, r := range m.Error() {
		if !unicode.IsPrint(r) {
			t.Errorf("%U in %q", r, m.Error())
		}
	}
	if len(m.Error()) > 1000 {
		t.Errorf("%d bytes of error", len(m.Error()))
	}
}

func checkEvent(t *testing.T, e event.Event) {
	t.Helper()
	if e.ID == "" || e.Source == "" || e.DetailType == "" || !accountForm.MatchString(e.Account) ||
		!regionShape.MatchString(e.Region) || e.Time.IsZero() || e.Time.Nanosecond() != 0 {
		t.Errorf("envelope %+v", e)
	}
	empty := e.Kind == event.KindUnknown || e.Kind == event.KindTick
	if empty != (len(e.Resources) == 0) || len(e.Resources) > event.MaxHints {
		t.Errorf("%s with %d hints", e.Kind, len(e.Resources))
	}
	for _, h := range e.Resources {
		if !idShape.MatchString(h.ID) || (h.State != "") != (e.Kind == event.KindInstanceState) && e.Kind != event.KindDatabaseChanged {
			t.Errorf("%s with hint %+v", e.Kind, h)
		}
		if utf8.RuneCountInString(h.Note) > 200 || strings.ContainsFunc(h.Note, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("note %q", h.Note)
		}
		if utf8.RuneCountInString(h.LaunchedBy) > 200 || strings.ContainsFunc(h.LaunchedBy, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("launched by %q", h.LaunchedBy)
		}
	}
}
