package main

import (
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"licenseguard/shared/config"
)

// The context values that a deployment may set, in cdk.json or with "cdk -c".
const (
	contextEmails      = "emails"      // who gets alerts: a list, or one string with commas
	contextAccounts    = "accounts"    // whose events count; default: the stack's own account
	contextRetain      = "retain"      // keep table, key, bucket and logs when the stack goes; default true
	contextDist        = "dist"        // where the built functions lie; default "dist"
	contextDashboard   = "dashboard"   // make the dashboard; default true
	contextReserved    = "reserved"    // reserved concurrency, as "track=20,sweep=1"; default none
	contextConcurrency = "concurrency" // most batches that track works on at once; default 5
	contextWindow      = "window"      // seconds that track waits to fill a batch; default 1
	contextRunbook     = "runbook"     // where the runbook is read; default "docs/runbook.md"
)

// settings is what a deployment decides. Its zero value is not valid; readSettings
// fills the defaults.
type settings struct {
	emails      []string
	accounts    []string // empty: the stack's own
	retain      bool
	dist        string
	dashboard   bool
	reserved    map[string]int
	concurrency int
	window      int
	runbook     string
}

// readSettings reads context values; context answers nil for one that is not set.
// From cdk.json a value comes as JSON, from the command line always as a string,
// so both are understood. An error names the value and what is right.
func readSettings(context func(key string) any) (settings, error) {
	r := settingsReader{context: context}
	s := settings{
		emails:      r.emails(),
		accounts:    r.accounts(),
		retain:      r.truth(contextRetain, true),
		dist:        r.text(contextDist, "dist"),
		dashboard:   r.truth(contextDashboard, true),
		reserved:    r.reserved(),
		concurrency: r.number(contextConcurrency, 5, 2, 1000), // 2 is the least that Lambda takes
		window:      r.number(contextWindow, 1, 1, 300),       // a batch above 10 needs a window
		runbook:     r.text(contextRunbook, "docs/runbook.md"),
	}
	return s, errors.Join(r.errs...)
}

type settingsReader struct {
	context func(key string) any
	errs    []error
}

func (r *settingsReader) fail(key, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("context value %q: %s", key, fmt.Sprintf(format, args...)))
}

func (r *settingsReader) text(key, byDefault string) string {
	switch value := r.context(key).(type) {
	case nil:
		return byDefault
	case string:
		if value == "" {
			return byDefault
		}
		return value
	default:
		r.fail(key, "%v is not a string", value)
		return byDefault
	}
}

func (r *settingsReader) truth(key string, byDefault bool) bool {
	switch value := r.context(key).(type) {
	case nil:
		return byDefault
	case bool:
		return value
	case string:
		// Only these two: a typing error must not turn into "delete the ledger".
		if value == "true" || value == "false" {
			return value == "true"
		}
	}
	r.fail(key, "%v is neither true nor false", r.context(key))
	return byDefault
}

func (r *settingsReader) number(key string, byDefault, least, most int) int {
	n := byDefault
	switch value := r.context(key).(type) {
	case nil:
	case float64:
		n = int(value)
		if float64(n) != value {
			n = least - 1
		}
	case string:
		parsed, err := strconv.Atoi(value)
		if err != nil {
			parsed = least - 1
		}
		n = parsed
	default:
		n = least - 1
	}
	if n < least || n > most {
		r.fail(key, "%v is not a whole number from %d to %d", r.context(key), least, most)
		return byDefault
	}
	return n
}

// list reads a JSON list of strings or one string with commas.
func (r *settingsReader) list(key string) []string {
	var items []string
	switch value := r.context(key).(type) {
	case nil:
	case string:
		items = strings.Split(value, ",")
	case []any:
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				// A JSON number loses the leading zero of an account id.
				r.fail(key, "%v is not a string; put it in quotes", item)
				return nil
			}
			items = append(items, text)
		}
	default:
		r.fail(key, "%v is neither a list nor a string with commas", value)
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return slices.DeleteFunc(items, func(item string) bool { return item == "" })
}

func (r *settingsReader) emails() []string {
	emails := r.list(contextEmails)
	for i, email := range emails {
		address, err := mail.ParseAddress(email)
		if err != nil || address.Address != email {
			r.fail(contextEmails, "%q is not an e-mail address", email)
		}
		if slices.Contains(emails[:i], email) {
			r.fail(contextEmails, "%q is listed twice", email)
		}
	}
	return emails
}

func (r *settingsReader) accounts() []string {
	accounts := r.list(contextAccounts)
	if len(accounts) == 0 {
		return nil
	}
	parsed, err := config.ParseAccounts(strings.Join(accounts, ","))
	if err != nil {
		r.fail(contextAccounts, "%v", err)
	}
	return parsed
}

func (r *settingsReader) reserved() map[string]int {
	reserved := map[string]int{}
	for _, item := range r.list(contextReserved) {
		name, text, _ := strings.Cut(item, "=")
		n, err := strconv.Atoi(text)
		if !slices.Contains(config.Functions(), name) || err != nil || n < 1 {
			r.fail(contextReserved, "%q is not a function and a number, as track=20", item)
			continue
		}
		reserved[name] = n
	}
	return reserved
}
