package license

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
)

// CompareVersions returns -1, 0 or 1 as version a is before, the same as, or after b.
//
// A version is a row of numbers and words; whatever else stands between only divides
// them. Part by part, numbers compare as numbers of any length and words as text in
// lower case, a word is after every number, and a part that is missing is 0. So 9.10 is
// after 9.9, 15 is 15.0.0, and 7.0 Update 3 is after 7.0.9; 2.0rc1 is after 2.0, too,
// because nobody can tell a candidate from an update by its letters.
func CompareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a = nextPart(a)
		y, b = nextPart(b)
		if c := comparePart(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// nextPart cuts the first number or word off.
func nextPart(s string) (part, rest string) {
	s = strings.TrimLeftFunc(s, func(r rune) bool { return !isDigit(r) && !isLetter(r) })
	kind := isLetter
	if s != "" && isDigit(rune(s[0])) {
		kind = isDigit
	}
	n := strings.IndexFunc(s, func(r rune) bool { return !kind(r) })
	if n < 0 {
		n = len(s)
	}
	return s[:n], s[n:]
}

func isDigit(r rune) bool { return '0' <= r && r <= '9' }

func isLetter(r rune) bool { return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' }

func comparePart(a, b string) int {
	wordA, wordB := a != "" && !isDigit(rune(a[0])), b != "" && !isDigit(rune(b[0]))
	switch {
	case wordA && wordB:
		return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
	case wordA:
		return 1
	case wordB:
		return -1
	}
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// versionRange is what a version must be: all of its bounds hold.
type versionRange []versionBound

type versionBound struct{ comparison, version string }

var boundForm = regexp.MustCompile(`^(>=|<=|>|<|=)([0-9][0-9A-Za-z.+~:_-]{0,63})$`)

const maximumBounds = 4

// parseVersionRange reads bounds such as ">=15 <16".
func parseVersionRange(text string) (versionRange, error) {
	var r versionRange
	for _, word := range strings.Fields(text) {
		m := boundForm.FindStringSubmatch(word)
		if m == nil {
			return nil, fmt.Errorf("%s is no bound", quote(word))
		}
		r = append(r, versionBound{m[1], m[2]})
	}
	if len(r) == 0 || len(r) > maximumBounds {
		return nil, fmt.Errorf("it has %d bounds", len(r))
	}
	return r, nil
}

// has reports whether a version is in the range. A text without a number is no
// version and in no range.
func (r versionRange) has(version string) bool {
	if !strings.ContainsFunc(version, isDigit) {
		return false
	}
	for _, b := range r {
		c := CompareVersions(version, b.version)
		ok := false
		switch b.comparison {
		case ">=":
			ok = c >= 0
		case ">":
			ok = c > 0
		case "<=":
			ok = c <= 0
		case "<":
			ok = c < 0
		case "=":
			ok = c == 0
		}
		if !ok {
			return false
		}
	}
	return true
}
