package license

import "fmt"

// RuleError says which rule of a configuration is wrong, what was given, and
// what would be right.
type RuleError struct {
	Rule  string // the rule's name, or the text that is no rule
	Value string
	Want  string // what would be right, in words
}

func (e *RuleError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("rule %s: %s", quote(e.Rule), e.Want)
	}
	return fmt.Sprintf("rule %s has the value %s: %s", quote(e.Rule), quote(e.Value), e.Want)
}

// FieldError says which field of a configuration is wrong and what would be right.
type FieldError struct {
	Field string
	Value string
	Want  string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%s is %s: %s", e.Field, quote(e.Value), e.Want)
}

// quote makes foreign text safe and short for a message or a log line.
func quote(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most] + "…"
	}
	return fmt.Sprintf("%q", s)
}
