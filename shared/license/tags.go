package license

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a configuration's tags: those of AWS for tags in general (AWS General
// Reference, "Tagging AWS resources", 2026).
const (
	MaximumTags     = 50
	maximumTagKey   = 128 // characters
	maximumTagValue = 256
)

// ValidateTags returns a *FieldError for the first tag, in the order of the keys,
// that AWS would not take either. It does not ask whether one is a setting.
func ValidateTags(tags map[string]string) error {
	if len(tags) > MaximumTags {
		return &FieldError{Field: "tags", Value: strconv.Itoa(len(tags)), Want: "at most 50 tags"}
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		value := tags[key]
		switch {
		case key == "" || utf8.RuneCountInString(key) > maximumTagKey || !printable(key):
			return &FieldError{Field: "tags", Value: key, Want: "give keys of 1 to 128 printable characters"}
		case hasPrefixFold(key, "aws:"):
			return &FieldError{Field: "tags", Value: key, Want: "keys that begin with aws: belong to AWS"}
		case utf8.RuneCountInString(value) > maximumTagValue || !printable(value):
			return tagError(key, value, "give values of at most 256 printable characters")
		}
	}
	return nil
}

func tagError(key, value, want string) error {
	return &FieldError{Field: fmt.Sprintf("tags[%s]", quote(key)), Value: value, Want: want}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
