package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of an envelope.
const (
	// MaxSize is the largest body that Parse reads, in bytes. The limit of
	// EventBridge for an entry was 256 KB for years; it now takes 1 MiB, which
	// the events of AWS services do not need.
	MaxSize = 256 << 10

	// MaxHints is the most resources of one event. No call of AWS changes more
	// at once.
	MaxHints = 1000

	maxDepth = 64  // of arrays and objects in each other; CloudTrail needs ten
	maxID    = 128 // characters of an id
	maxName  = 256 // characters of a source or a detail-type
)

// envelope is an event without knowledge of its detail.
type envelope struct {
	event     Event // without Kind and Resources
	detail    object
	resources json.RawMessage
}

// parseEnvelope reads all of the body except the detail's fields. The id comes
// first, so that a later error can name it.
func parseEnvelope(body []byte) (envelope, *Malformed) {
	var e envelope
	top, m := parseTop(body)
	if m != nil {
		return e, m
	}
	var version, moment string
	for _, field := range []struct {
		key  string
		rule rule
		into *string
	}{
		{"id", rule{"an id", "1 to 128 printable characters", isName(maxID)}, &e.event.ID},
		{"version", rule{"a known version", `"0"`, func(s string) bool { return s == "0" }}, &version},
		{"detail-type", nameRule, &e.event.DetailType},
		{"source", nameRule, &e.event.Source},
		{"account", rule{"an account id", "12 digits", isAccount}, &e.event.Account},
		{"region", rule{"a Region", "such as us-east-1", isRegion}, &e.event.Region},
		{"time", rule{"a time", "such as 2006-01-02T15:04:05Z", e.event.setTime}, &moment},
	} {
		if *field.into, m = top.text(field.key, field.rule); m != nil {
			return e, m
		}
	}
	e.resources = top.fields["resources"]
	e.detail, m = top.object("detail")
	return e, m
}

// setTime takes an RFC 3339 time and reports whether s is one. A year that has
// not four digits could not be written again.
func (e *Event) setTime(s string) bool {
	at, err := time.Parse(time.RFC3339, s)
	e.Time = at.UTC().Truncate(time.Second)
	return err == nil && 1970 <= e.Time.Year() && e.Time.Year() <= 9999
}

// parseTop reads the body as one JSON object.
func parseTop(body []byte) (object, *Malformed) {
	top := object{}
	switch {
	case len(body) > MaxSize:
		return top, &Malformed{Place: "body", Reason: "is " + strconv.Itoa(len(body)) +
			" bytes (want at most " + strconv.Itoa(MaxSize) + ")"}
	case len(bytes.TrimSpace(body)) == 0:
		return top, &Malformed{Place: "body", Reason: "is empty (want one EventBridge event as JSON)"}
	case depth(body) > maxDepth:
		return top, &Malformed{Place: "body", Reason: "is nested deeper than " + strconv.Itoa(maxDepth) + " levels"}
	}
	err := json.Unmarshal(body, &top.fields)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return top, &Malformed{Place: "body", Reason: "is not JSON, starts " + quote(string(body[:min(len(body), 40)])) +
			" (want one EventBridge event)"}
	case err != nil || top.fields == nil:
		return top, &Malformed{Place: "body", Reason: "is not a JSON object (want one EventBridge event)"}
	}
	return top, nil
}

// depth returns how deep arrays and objects of a JSON text stand in each other.
func depth(text []byte) int {
	deepest, level := 0, 0
	inString := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			level++
			deepest = max(deepest, level)
		case c == '}' || c == ']':
			level--
		}
	}
	return deepest
}

// object is a JSON object at a place of the body. Names are matched exactly,
// which decoding into a struct would not do.
type object struct {
	place  string // "" for the top
	fields map[string]json.RawMessage
}

func (o object) at(key string) string {
	if o.place == "" {
		return key
	}
	return o.place + "." + key
}

// rule is what a string of the body must be.
type rule struct {
	is   string // "an EC2 instance id"
	want string // "i- and 8 to 17 hex digits"
	ok   func(string) bool
}

// broken is the error for a value that is not as the rule wants it.
func (r rule) broken(place, value string) *Malformed {
	return &Malformed{Place: place, Reason: quote(value) + " is not " + r.is + " (want " + r.want + ")"}
}

// missing is the error for a value that is not there.
func (r rule) missing(place string) *Malformed {
	return &Malformed{Place: place, Reason: "is missing (want " + r.is + ": " + r.want + ")"}
}

// text returns the string of a key, which must be as the rule wants it.
func (o object) text(key string, r rule) (string, *Malformed) {
	raw, present := o.fields[key]
	if !present {
		return "", r.missing(o.at(key))
	}
	s, ok := unquote(raw)
	if !ok {
		return "", &Malformed{Place: o.at(key), Reason: "is not a string (want " + r.is + ": " + r.want + ")"}
	}
	if !r.ok(s) {
		return "", r.broken(o.at(key), s)
	}
	return s, nil
}

// optional returns the string of a key, or "" if there is none.
func (o object) optional(key string) string {
	s, _ := unquote(o.fields[key])
	return s
}

// unquote returns the text of a JSON string, and false for any other value.
// Nearly all strings of an event have no escapes and are taken as they are.
func unquote(raw json.RawMessage) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), true
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// object returns the object of a key.
func (o object) object(key string) (object, *Malformed) {
	inner := object{place: o.at(key)}
	raw, present := o.fields[key]
	if !present {
		return inner, &Malformed{Place: inner.place, Reason: "is missing (want a JSON object)"}
	}
	if json.Unmarshal(raw, &inner.fields) != nil || inner.fields == nil {
		return inner, &Malformed{Place: inner.place, Reason: "is not a JSON object"}
	}
	return inner, nil
}

var nameRule = rule{"a name", "1 to 256 printable characters", isName(maxName)}

// isName returns a check for 1 to limit printable characters.
func isName(limit int) func(string) bool {
	return func(s string) bool {
		if s == "" || utf8.RuneCountInString(s) > limit {
			return false
		}
		for _, r := range s {
			if !unicode.IsPrint(r) || r == utf8.RuneError {
				return false
			}
		}
		return true
	}
}

func isAccount(s string) bool { return len(s) == 12 && all(s, isDigit) }

// isRegion reports whether s is two letters, words, and a digit, with hyphens
// between.
func isRegion(s string) bool {
	last := len(s) - 2
	if last < 4 || last > 62 || s[last] != '-' || !isDigit(s[last+1]) || !all(s[:2], isLower) || s[2] != '-' {
		return false
	}
	letters := 0
	for _, c := range []byte(s[3 : last+1]) {
		switch {
		case isLower(c):
			letters++
		case c == '-' && letters > 0:
			letters = 0
		default:
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
