package license

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// The comparators beside AWS's, which has exact ones only. They are licenseguard's
// own: AWS License Manager refuses a configuration that has them.
const (
	BeginsWith      = "BEGINS_WITH"
	MatchesWildcard = "MATCHES_WILDCARD" // * is any text, also none, ? one character
	InVersionRange  = "VERSION_RANGE"    // such as ">=15 <16"; see CompareVersions
	MatchesPattern  = "MATCHES"          // a regular expression (RE2) for the whole text
)

// maximumPattern bounds what a regular expression can cost, in the instructions that
// it comes to: people's patterns take some dozens.
const maximumPattern = 2000

// test returns what one value of a filter asks of a text. The error says what would
// be right.
func test(comparator, value string) (func(string) bool, error) {
	switch comparator {
	case Equals, NotEquals:
		return func(s string) bool { return s == value }, nil
	case BeginsWith:
		return func(s string) bool { return strings.HasPrefix(s, value) }, nil
	case MatchesWildcard:
		return func(s string) bool { return matchesWildcard(value, s) }, nil
	case InVersionRange:
		r, err := parseVersionRange(value)
		if err != nil {
			return nil, fmt.Errorf("a range of versions, 1 to %d of >=V >V <=V <V =V with spaces between, such as %q: %w", maximumBounds, ">=15 <16", err)
		}
		return r.has, nil
	case MatchesPattern:
		return pattern(value)
	default:
		return nil, fmt.Errorf("a known comparator")
	}
}

func pattern(value string) (func(string) bool, error) {
	const want = "a regular expression as RE2 has it, for the whole text"
	tree, err := syntax.Parse(value, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", want, err)
	}
	if patternSize(tree) > maximumPattern {
		return nil, fmt.Errorf("%s, with fewer repetitions", want)
	}
	re, err := regexp.Compile(`\A(?:` + value + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", want, err)
	}
	return re.MatchString, nil
}

// patternSize estimates how many instructions an expression comes to, before any of
// them is made.
func patternSize(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += patternSize(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maximumPattern+1)
}

// texts returns what a filter asks of a text: that one of its values holds.
func (f ProductFilter) texts() (func(string) bool, error) {
	tests := make([]func(string) bool, len(f.Values))
	for i, v := range f.Values {
		var err error
		if tests[i], err = test(f.Comparator, v); err != nil {
			return nil, err
		}
	}
	return func(s string) bool {
		return slices.ContainsFunc(tests, func(holds func(string) bool) bool { return holds(s) })
	}, nil
}
