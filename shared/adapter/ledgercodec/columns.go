package ledgercodec

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
)

// columns writes or reads tables whose fields are kept column by column, as
// differences to the row before: what is the same in all rows takes two bytes
// in all, and the ids of AWS take half of their digits. One function for each
// kind of row lists its fields, for both directions, so they cannot part.
type columns struct {
	reading bool
	texts   []string         // what words lacks, in order of first use
	numbers map[string]int64 // of texts, while writing
	digits  []byte           // hexadecimal digits of ids, in order
	base    int64            // milliseconds: the first time; others are distances from it
	based   bool
	body    []byte // the tables
	left    int    // rows that may still be read
	err     error  // the first stays
}

// format is the first byte of everything packed. A reader refuses what it does
// not know.
const format = 3

// maxRows bounds a table that is read, against a bomb in the store: an item of
// DynamoDB has no room for as many.
const maxRows = 1 << 16

// table is one table of columns. Its rows are written or read one after the
// other, their fields always in the same order.
type table struct {
	*columns
	rows   int // read, or written so far
	at     int // column of the next field
	row    int
	values [][]int64
}

// table begins a table. While reading, rows tells how many it has.
func (c *columns) table() *table {
	t := &table{columns: c, row: -1}
	if c.reading {
		t.read()
	}
	return t
}

// next begins a row.
func (t *table) next() {
	t.row++
	t.at = 0
	if t.reading && t.row >= t.rows {
		t.fail("a table has %d rows where more are wanted", t.rows)
	}
}

// done ends the table.
func (t *table) done() {
	if t.reading {
		if t.row+1 < t.rows {
			t.fail("a table has %d rows where %d are wanted", t.rows, t.row+1)
		}
		return
	}
	t.rows = t.row + 1
	t.write()
}

// How a column is kept. AWS tells the times of launches in whole seconds.
const (
	columnSame        = iota // one value for all rows
	columnDifferences        // to the row before
	columnThousands          // the same, in thousands
)

// write appends the table: its size, then its columns.
func (t *table) write() {
	t.body = binary.AppendUvarint(t.body, uint64(t.rows))
	t.body = binary.AppendUvarint(t.body, uint64(len(t.values)))
	for _, column := range t.values {
		kind, unit := columnKind(column)
		t.body = append(t.body, kind)
		if kind == columnSame {
			column = column[:1]
		}
		before := int64(0)
		for _, v := range column {
			t.body = binary.AppendVarint(t.body, (v-before)/unit)
			before = v
		}
	}
}

func columnKind(column []int64) (kind byte, unit int64) {
	same, thousands := true, true
	for _, v := range column {
		same = same && v == column[0]
		thousands = thousands && v%1000 == 0
	}
	switch {
	case same:
		return columnSame, 1
	case thousands:
		return columnThousands, 1000
	default:
		return columnDifferences, 1
	}
}

func (t *table) read() {
	rows, count := t.uvarint(uint64(t.left)), t.uvarint(math.MaxUint8)
	t.left -= rows
	t.rows, t.values = rows, make([][]int64, 0, count)
	for range count {
		column, v, unit := make([]int64, rows), int64(0), int64(1)
		kind := t.uvarint(columnThousands)
		if kind == columnThousands {
			unit = 1000
		}
		for i := range column {
			if i == 0 || kind != columnSame {
				v += t.varint() * unit
			}
			column[i] = v
		}
		if t.err != nil {
			return
		}
		t.values = append(t.values, column)
	}
}

func (c *columns) fail(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

func (c *columns) uvarint(most uint64) int {
	v, n := binary.Uvarint(c.body)
	if n <= 0 || v > most {
		c.fail("a number is cut off or over %d", most)
		c.body = nil
		return 0
	}
	c.body = c.body[n:]
	return int(v)
}

func (c *columns) varint() int64 {
	v, n := binary.Varint(c.body)
	if n <= 0 {
		c.fail("a number is cut off")
		c.body = nil
		return 0
	}
	c.body = c.body[n:]
	return v
}

// number writes or reads the next field.
func (t *table) number(v *int64) {
	at := t.at
	t.at++
	if !t.reading {
		if at == len(t.values) {
			t.values = append(t.values, make([]int64, 0, t.rows))
		}
		t.values[at] = append(t.values[at], *v)
		return
	}
	if at >= len(t.values) || t.row >= t.rows {
		t.fail("a row has %d fields, this program reads more", len(t.values))
		*v = 0
		return
	}
	*v = t.values[at][t.row]
}

// added is number for a field at the end of a row that rows written earlier lack: there
// it reads as zero.
func (t *table) added(v *int64) {
	if t.reading && t.at >= len(t.values) {
		t.at++
		*v = 0
		return
	}
	t.number(v)
}

func (t *table) int(v *int) {
	n := int64(*v)
	t.number(&n)
	if t.reading { // what is written may be read by others meanwhile
		*v = int(n)
	}
}

func (t *table) bool(v *bool) {
	n := int64(0)
	if *v {
		n = 1
	}
	t.number(&n)
	if t.reading {
		*v = n == 1
	}
}

// list writes the length of a list whose rows are in another table, or makes
// room for it.
func list[T any](t *table, v *[]T) {
	n := int64(len(*v))
	t.number(&n)
	if !t.reading || n == 0 {
		return
	}
	if n < 0 || n > int64(t.left) {
		t.fail("a list of %d rows", n)
		return
	}
	t.left -= int(n)
	*v = make([]T, n)
}

// time is kept as milliseconds from the base, a whole second; -1 is no time.
func (t *table) time(v *time.Time) { t.timeAfter(v, time.Time{}) }

// timeAfter is time for one that is mostly near another of the row.
func (t *table) timeAfter(v *time.Time, near time.Time) {
	n := int64(-1)
	if !t.reading && !v.IsZero() {
		ms := v.UnixMilli()
		if !t.based {
			t.base, t.based = ms-ms%1000, true
		}
		if n = ms - t.from(near); n < 0 {
			n--
		}
	}
	t.number(&n)
	if !t.reading {
		return
	}
	if n == -1 {
		*v = time.Time{}
		return
	}
	if n < 0 {
		n++
	}
	*v = time.UnixMilli(t.from(near) + n).UTC()
}

func (c *columns) from(near time.Time) int64 {
	if near.IsZero() {
		return c.base
	}
	return near.UnixMilli()
}

// bytes returns what was written: the format, the digits as they are, because
// they are random, and deflated the texts, the base and the tables.
func (c *columns) bytes() ([]byte, error) {
	if c.err != nil {
		return nil, c.err
	}
	out := binary.AppendUvarint([]byte{format}, uint64(len(c.digits)))
	if len(c.digits)%2 != 0 {
		c.digits = append(c.digits, '0')
	}
	out, err := hex.AppendDecode(out, c.digits)
	if err != nil {
		return nil, fmt.Errorf("pack digits: %w", err)
	}
	rest := binary.AppendUvarint(nil, uint64(len(c.texts)))
	for _, s := range c.texts {
		rest = append(binary.AppendUvarint(rest, uint64(len(s))), s...)
	}
	rest = binary.AppendVarint(rest, c.base)
	return deflate(out, append(rest, c.body...))
}

func newWriter() *columns { return &columns{numbers: make(map[string]int64)} }

// newReader reads what bytes gave.
func newReader(data []byte) (*columns, error) {
	switch {
	case len(data) == 0:
		return nil, errors.New("there is nothing")
	case data[0] != format:
		return nil, fmt.Errorf("format %d, this program reads %d", data[0], format)
	}
	c := &columns{reading: true, body: data[1:], left: 3 * maxRows}
	n := c.uvarint(2 * maxInflated)
	packed := c.take((n + 1) / 2)
	if c.err != nil {
		return nil, c.err
	}
	c.digits = hex.AppendEncode(nil, packed)[:n]
	var err error
	if c.body, err = inflate(c.body); err != nil {
		return nil, err
	}
	for range c.uvarint(maxRows) {
		c.texts = append(c.texts, string(c.take(c.uvarint(maxInflated))))
	}
	c.base = c.varint()
	return c, nil
}

func (c *columns) take(n int) []byte {
	if n > len(c.body) {
		c.fail("%d bytes where %d are left", n, len(c.body))
		return nil
	}
	out := c.body[:n]
	c.body = c.body[n:]
	return out
}

// end returns the first error, also for what was not read.
func (c *columns) end() error {
	if c.err == nil && len(c.body) > 0 {
		return errors.New("there is more than this program reads")
	}
	return c.err
}
