package ledgercodec

import (
	"strings"

	"licenseguard/shared/license"
)

// How an id is kept.
const (
	idPacked = iota // its last digits are among the digits, what comes before is a text
	idText
	idSame // as the one it is compared with
)

// idDigits is how many hexadecimal digits an id of AWS has.
const idDigits = 17

// id writes or reads the id of a resource, which often is the same as another.
func (t *table) id(v *license.ResourceID, as license.ResourceID) {
	kind, s := int64(idText), string(*v)
	if !t.reading {
		switch {
		case as != "" && *v == as:
			kind, s = idSame, ""
		case t.packed(s, idDigits):
			kind, s = idPacked, s[:len(s)-idDigits]
		}
	}
	t.number(&kind)
	text(t, &s)
	if !t.reading {
		return
	}
	switch kind {
	case idPacked:
		s += t.unpacked(idDigits)
	case idSame:
		s = string(as)
	}
	*v = license.ResourceID(s)
}

// eventID writes or reads the id of an event, which AWS makes a UUID.
func (t *table) eventID(v *string) {
	const digits, parts = 32, 5
	kind, s := int64(idText), *v
	if !t.reading && len(s) == digits+parts-1 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' {
		if bare := strings.ReplaceAll(s, "-", ""); len(bare) == digits && t.packed(bare, digits) {
			kind, s = idPacked, ""
		}
	}
	t.number(&kind)
	text(t, &s)
	if t.reading && kind == idPacked {
		if d := t.unpacked(digits); d != "" {
			s = d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
		}
	}
	if t.reading {
		*v = s
	}
}

// packed keeps the last n characters of s if all are hexadecimal digits.
func (c *columns) packed(s string, n int) bool {
	if len(s) < n {
		return false
	}
	for _, d := range []byte(s[len(s)-n:]) {
		if (d < '0' || d > '9') && (d < 'a' || d > 'f') {
			return false
		}
	}
	c.digits = append(c.digits, s[len(s)-n:]...)
	return true
}

func (c *columns) unpacked(n int) string {
	if len(c.digits) < n {
		c.fail("the digits of ids are cut off")
		return ""
	}
	s := string(c.digits[:n])
	c.digits = c.digits[n:]
	return s
}
