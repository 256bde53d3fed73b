package evidence

import (
	"context"
	"fmt"
	"slices"
)

// moreThanSealed is how many bytes beyond its size are read of a log that fails.
const moreThanSealed = 1 << 20

// row finds the first row of a log file that is wrong, by the leaf hashes beside it.
// These count only if they give the root that was signed.
func (v *verification) row(ctx context.Context, e *Entry, f Finding) (Finding, error) {
	data, err := v.read(ctx, e.Path, e.Size+moreThanSealed)
	if err != nil {
		return f, err
	}
	got := leavesOf(data)
	want, err := v.leaves(ctx, e)
	if err != nil {
		return f, err
	}
	if want == nil {
		f.Text = fmt.Sprintf("its bytes are not those that were sealed; it has %d rows, %d were sealed, and without %s the row cannot be named", len(got), e.Rows, e.Leaves())
		return f, nil
	}
	f.Row, f.Kind, f.Text = differs(got, want)
	if f.Row == 0 { // every row is right: only newlines can be wrong
		f.Text = "its rows are right, but not how its lines end"
	}
	return f, nil
}

// leaves reads the leaf hashes of a log file; nil if they are not those that were
// sealed.
func (v *verification) leaves(ctx context.Context, e *Entry) ([]Hash, error) {
	size := int64(len(Hash{}))
	if v.files[e.Leaves()] != e.Rows*size {
		return nil, nil
	}
	data, err := v.read(ctx, e.Leaves(), e.Rows*size)
	if err != nil {
		return nil, err
	}
	var leaves []Hash
	for chunk := range slices.Chunk(data, int(size)) {
		leaves = append(leaves, Hash(chunk))
	}
	if Root(leaves) != e.Root {
		return nil, nil
	}
	return leaves, nil
}

// differs finds the first row that is wrong, counted from 1, and what happened to it.
func differs(got, want []Hash) (int, Kind, string) {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	row, left := i+1, len(want)-len(got)
	switch {
	case i == len(got) && i == len(want):
		return 0, Altered, ""
	case i == len(got):
		return row, Missing, fmt.Sprintf("the file ends before it; %d rows are missing", left)
	case i == len(want):
		return row, Extra, fmt.Sprintf("the file goes on after the %d rows that were sealed", len(want))
	}
	home := slices.Index(want, got[i])
	rest := slices.Index(got[i:], want[i])
	switch {
	case rest < 0 && slices.Equal(got[i:min(len(got), i+1)], want[i+1:min(len(want), i+2)]):
		return row, Missing, "the row is missing"
	case rest < 0 && home < 0:
		return row, Altered, "the row was altered"
	case home < 0:
		return row, Extra, "a row stands here that was not sealed"
	case rest < 0:
		return row, Order, fmt.Sprintf("the row is gone; row %d stands here", home+1)
	case home < i:
		return row, Extra, fmt.Sprintf("row %d stands here once more", home+1)
	default:
		return row, Order, fmt.Sprintf("row %d stands here, and this one at %d", home+1, i+rest+1)
	}
}
