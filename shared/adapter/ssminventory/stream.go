package ssminventory

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// errForm says that an answer is not in a form that is read.
var errForm = errors.New("not as documented")

// Bounds of one token.
const (
	maxText = 1024 // bytes of a text as it is written; the rest is cut off
	maxRun  = 64   // characters of a number or a word
)

// jsonReader goes through a JSON text token by token, and holds nothing but the token,
// of which a text is cut. encoding/json does the same at a twentieth of the speed, and
// holds each text whole. A value of another kind than is asked for is passed over. What
// Systems Manager itself writes (commas, colons) is taken for right; a text that breaks
// off is io.ErrUnexpectedEOF.
type jsonReader struct {
	r    *bufio.Reader
	text []byte
	full bool // what is left of the text is not kept
}

func newJSONReader(r io.Reader) *jsonReader { return &jsonReader{r: bufio.NewReaderSize(r, 64<<10)} }

// token is what begins a value or ends an object or array: one of {}[], '"' for a text,
// or 'x' for a number or a word.
type token byte

// next reads a token. Of a text it keeps what is within the bounds, if keep is true.
func (j *jsonReader) next(keep bool) (token, error) {
	for {
		b, err := j.r.ReadByte()
		if err != nil {
			return 0, brokenOff(err)
		}
		switch b {
		case ' ', '\t', '\r', '\n', ',', ':':
		case '{', '}', '[', ']':
			return token(b), nil
		case '"':
			return '"', j.readText(keep)
		default:
			return 'x', j.readRun()
		}
	}
}

func brokenOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readText reads a text up to its closing quote.
func (j *jsonReader) readText(keep bool) error {
	j.text, j.full = j.text[:0], !keep
	for {
		if _, err := j.r.Peek(1); err != nil {
			return brokenOff(err)
		}
		chunk, _ := j.r.Peek(j.r.Buffered())
		n := 0
		for n < len(chunk) && chunk[n] != '"' && chunk[n] != '\\' {
			n++
		}
		j.keep(chunk[:n])
		if n == len(chunk) {
			_, _ = j.r.Discard(n)
			continue
		}
		quote := chunk[n] == '"'
		_, _ = j.r.Discard(n + 1)
		if quote {
			return nil
		}
		if err := j.readEscape(); err != nil {
			return err
		}
	}
}

func (j *jsonReader) keep(text []byte) {
	if j.full {
		return
	}
	if room := maxText - len(j.text); len(text) > room {
		text, j.full = text[:room], true
	}
	j.text = append(j.text, text...)
}

// readEscape reads what follows a backslash. An escape is kept whole or not at all.
func (j *jsonReader) readEscape() error {
	var escape [6]byte
	escape[0] = '\\'
	n := 2
	for i := 1; i < n; i++ {
		b, err := j.r.ReadByte()
		if err != nil {
			return brokenOff(err)
		}
		escape[i] = b
		if i == 1 && b == 'u' {
			n = len(escape)
		}
	}
	j.full = j.full || len(j.text)+n > maxText
	j.keep(escape[:n])
	return nil
}

// readRun reads a number or a word.
func (j *jsonReader) readRun() error {
	for range maxRun {
		b, err := j.r.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch b {
		case ' ', '\t', '\r', '\n', ',', ':', '{', '}', '[', ']', '"':
			return j.r.UnreadByte()
		}
	}
	return errForm
}

// string returns the text that was read.
func (j *jsonReader) string() string {
	if bytes.IndexByte(j.text, '\\') < 0 {
		return string(bytes.ToValidUTF8(j.text, []byte("\ufffd")))
	}
	var s string
	if json.Unmarshal([]byte(`"`+string(j.text)+`"`), &s) != nil {
		return string(bytes.ToValidUTF8(j.text, []byte("\ufffd"))) // an escape that JSON does not know
	}
	return s
}

// object calls field with each key of the object that comes next; field must read the
// value, and the key is good until then. It reports whether an object came.
func (j *jsonReader) object(field func(key []byte) error) (bool, error) {
	first, err := j.next(false)
	if err != nil || first != '{' {
		return false, j.rest(first, err)
	}
	for {
		key, err := j.next(true)
		switch {
		case err != nil || key == '}':
			return true, err
		case key != '"':
			return true, errForm
		}
		if err := field(j.text); err != nil {
			return true, err
		}
	}
}

// array calls item for each object of the array that comes next, with a function that
// reads it as object does; item must call it. It reports whether an array came, and
// nothing but objects in it.
func (j *jsonReader) array(item func() error) (bool, error) {
	first, err := j.next(false)
	if err != nil || first != '[' {
		return false, j.rest(first, err)
	}
	clean := true
	for {
		b, err := j.peek()
		switch {
		case err != nil:
			return clean, err
		case b == ']':
			_, err := j.next(false)
			return clean, err
		case b == '{':
			err = item()
		default:
			clean = false
			err = j.skip()
		}
		if err != nil {
			return clean, err
		}
	}
}

// peek returns the first character of the next token, and leaves it.
func (j *jsonReader) peek() (byte, error) {
	for {
		b, err := j.r.ReadByte()
		if err != nil {
			return 0, brokenOff(err)
		}
		switch b {
		case ' ', '\t', '\r', '\n', ',', ':':
			continue
		}
		return b, j.r.UnreadByte()
	}
}

// into reads a text; any other value leaves it, and is false.
func (j *jsonReader) into(place *string) (bool, error) {
	t, err := j.next(true)
	if err == nil && t == '"' {
		*place = j.string()
		return true, nil
	}
	return false, j.rest(t, err)
}

// skip passes over the next value.
func (j *jsonReader) skip() error { return j.rest(j.next(false)) }

// rest passes over what a token opened.
func (j *jsonReader) rest(first token, err error) error {
	for depth := 0; err == nil; first, err = j.next(false) {
		switch first {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if depth > maxDepth || depth < 0 {
			return errForm
		}
		if depth == 0 {
			return nil
		}
	}
	return err
}
