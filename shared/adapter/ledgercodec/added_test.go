package ledgercodec

import "testing"

// TestAddedFieldOfEarlierRows: what was packed before a field came reads as without it,
// and what is packed with it keeps it.
func TestAddedFieldOfEarlierRows(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		written bool
		want    int64
	}{"before": {false, 0}, "since": {true, 2}} {
		c := newWriter()
		row := c.table()
		for _, v := range []int64{7, 8} {
			row.next()
			row.number(&v)
			if extra := int64(2); tt.written {
				row.added(&extra)
			}
		}
		row.done()
		r := readAgain(t, c)
		row = r.table()
		for _, want := range []int64{7, 8} {
			var v int64
			extra := int64(99)
			row.next()
			row.number(&v)
			row.added(&extra)
			if v != want || extra != tt.want {
				t.Errorf("%s: %d and %d, want %d and %d", name, v, extra, want, tt.want)
			}
		}
		row.done()
		if err := r.end(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAddedTextOfEarlierRows: so does text, as the vendor of a change that was packed by
// the version before.
func TestAddedTextOfEarlierRows(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"before": "", "since": "Oracle"} {
		c := newWriter()
		row := c.table()
		row.next()
		kept := "lic-1"
		text(row, &kept)
		if want != "" {
			vendor := want
			addedText(row, &vendor)
		}
		row.done()
		r := readAgain(t, c)
		row = r.table()
		row.next()
		vendor := "left over"
		text(row, &kept)
		addedText(row, &vendor)
		row.done()
		if err := r.end(); err != nil || kept != "lic-1" || vendor != want {
			t.Errorf("%s: %q and %q, %v; want %q", name, kept, vendor, err, want)
		}
	}
}

// readAgain reads what was packed.
func readAgain(t *testing.T, c *columns) *columns {
	t.Helper()
	data, err := c.bytes()
	if err != nil {
		t.Fatal(err)
	}
	r, err := newReader(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
