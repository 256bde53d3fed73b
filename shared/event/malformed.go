package event

import (
	"strconv"
	"strings"
)

// Malformed is the error for a body that can never be handled. Its text is
// safe for logs: what it repeats of the body is quoted and cut.
type Malformed struct {
	EventID string // "" if the body has no usable id
	Place   string // where, such as "detail.instance-id"; "body" for the whole
	Reason  string // what is wrong there, and what is wanted
}

// Error says which event, where and why.
func (m *Malformed) Error() string {
	id := "event without id"
	if m.EventID != "" {
		id = "event " + m.EventID
	}
	return id + ": " + m.Place + ": " + m.Reason
}

// quoteLimit is the most that an error repeats of a value, in bytes.
const quoteLimit = 100

// quote makes a value of the body safe for a log line.
func quote(value string) string {
	cut := len(value) > quoteLimit
	if cut {
		value = strings.ToValidUTF8(value[:quoteLimit], "")
	}
	quoted := strconv.QuoteToASCII(value)
	if len(quoted) > quoteLimit {
		quoted, cut = quoted[:quoteLimit], true
	}
	if cut {
		return strings.TrimSuffix(quoted, `"`) + `…"`
	}
	return quoted
}
