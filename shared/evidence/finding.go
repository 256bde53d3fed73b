package evidence

import "fmt"

// Kind is what is wrong, in one word.
type Kind string

// The kinds of finding.
const (
	Missing  Kind = "missing"   // a file or a day is not there
	Extra    Kind = "extra"     // a file is there that no manifest names
	Altered  Kind = "altered"   // bytes differ from what was sealed
	Order    Kind = "order"     // bytes that were sealed are in another place
	Unsigned Kind = "signature" // a signature does not fit
	Foreign  Kind = "key"       // signed with a key that was not given
	Broken   Kind = "chain"     // a manifest does not follow the one before
	Rolled   Kind = "head"      // the pack does not hold the head that was given
	Gap      Kind = "revision"  // a commit of a license is in no file
)

// Finding is one thing that is wrong, and where.
type Finding struct {
	Kind Kind   `json:"kind"`
	Day  string `json:"day,omitempty"` // of the manifest
	Path string `json:"path,omitempty"`
	Row  int    `json:"row,omitempty"` // counted from 1
	Text string `json:"text"`
}

// String names the place before what is wrong there.
func (f Finding) String() string {
	switch {
	case f.Row > 0:
		return fmt.Sprintf("%s row %d: %s", f.Path, f.Row, f.Text)
	case f.Path != "":
		return f.Path + ": " + f.Text
	default:
		return f.Text
	}
}
