package sqsqueue

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxAttribute is how many bytes of foreign text one attribute gets: enough for
// a reason, and all of them together leave the message its room.
const maxAttribute = 1024

// cleanAttribute puts foreign text on one line of bounded length.
func cleanAttribute(s string) string {
	if len(s) > 4*maxAttribute {
		s = s[:4*maxAttribute]
	}
	s = strings.Join(strings.FieldsFunc(strings.Map(allowed, s), func(r rune) bool {
		return r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\u0085' || r == '\u2028' || r == '\u2029' || r < ' ' || 0x7f <= r && r <= 0x9f
	}), " ")
	if len(s) > maxAttribute {
		s = cut(s, maxAttribute-len("…")) + "…"
	}
	return s
}

// cleanBody makes a body that SQS takes of at most so many bytes. The note says
// what was changed, "" for nothing.
func cleanBody(s string, most int) (body, note string) {
	body = strings.Map(allowed, s)
	if body != s {
		note = "characters that SQS refuses were replaced"
	}
	if len(body) > most {
		body = cut(body, most)
		note = strings.TrimPrefix(note+fmt.Sprintf("; cut from %d to %d bytes", len(s), len(body)), "; ")
	}
	if body == "" {
		return "(empty)", "the body was empty"
	}
	return body, note
}

// allowed keeps the characters of XML, which are those that SQS takes.
func allowed(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r',
		' ' <= r && r <= 0xD7FF, 0xE000 <= r && r <= 0xFFFD, 0x10000 <= r && r <= 0x10FFFF:
		return r
	default:
		return utf8.RuneError
	}
}

// cut returns at most so many bytes of valid text, without half a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
