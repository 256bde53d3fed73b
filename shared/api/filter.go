package api

import (
	"strings"

	"licenseguard/shared/telemetry"
)

// filter is Filter of the model: names and values are case-sensitive, and it takes
// one value.
type filter struct {
	Name   string   `json:"Name"`
	Values []string `json:"Values"`
}

const maxFilters = 10

// checkFilters returns an error unless every filter has a name of those given, with
// what it may hold (nil: anything), and one value.
func checkFilters(filters []filter, known map[string][]string) error {
	if len(filters) > maxFilters {
		return refusal(typeFilters, "%d filters: give at most %d", len(filters), maxFilters)
	}
	for _, f := range filters {
		legal, ok := known[f.Name]
		switch {
		case !ok:
			return invalid("Filters: there is no filter %q here; there are %s", telemetry.Clean(f.Name, 100), names(known))
		case len(f.Values) > 1:
			return refusal(typeFilters, "the filter %s has %d values: give one", f.Name, len(f.Values))
		case len(f.Values) == 0:
			return invalid("Filters: the filter %s has no value", f.Name)
		case legal != nil && !contains(legal, f.Values[0]):
			return invalid("Filters: %s is one of %s, not %q", f.Name, strings.Join(legal, ", "), telemetry.Clean(f.Values[0], 100))
		}
	}
	return nil
}

// passes reports whether every filter has the value that a function tells for its name.
func passes(filters []filter, value func(name string) string) bool {
	for _, f := range filters {
		if value(f.Name) != f.Values[0] {
			return false
		}
	}
	return true
}
