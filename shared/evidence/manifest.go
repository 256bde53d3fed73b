package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Version is the version of the format that is written, and the only one read.
const Version = 1

// The folder of the manifests, and how the names of its files end. The leaves of a
// log file lie beside it.
const (
	PrefixManifests = "manifests/"
	extManifest     = ".json"
	extSignature    = ".sig"
	extLeaves       = ".leaves"
)

const dayLayout = time.DateOnly

// Manifest is what is said of one day (UTC). Every day since the first has one,
// also one on which nothing happened.
type Manifest struct {
	Version  int     `json:"version"`
	Ledger   string  `json:"ledger"`   // whose evidence it is; the same in the whole pack
	Sequence int64   `json:"sequence"` // 0 is the first day
	Day      string  `json:"day"`
	Sealed   string  `json:"sealed"`   // when it was made, RFC 3339 in UTC
	Previous Hash    `json:"previous"` // SHA-256 of the manifest before, as bytes; zeros for the first
	History  []Hash  `json:"history"`  // the peaks of the tree of all manifests before
	Key      Hash    `json:"key"`      // SHA-256 of the public key, as SubjectPublicKeyInfo in DER
	Files    []Entry `json:"files"`    // in order of path, each once
	Root     Hash    `json:"root"`     // of the Merkle tree of Files
}

// Entry is one file.
type Entry struct {
	Path      string  `json:"path"`
	Size      int64   `json:"size"`
	SHA256    Hash    `json:"sha256"`
	Rows      int64   `json:"rows,omitempty"`      // a log file's lines
	Root      Hash    `json:"root,omitzero"`       // of the Merkle tree of its lines
	Revisions []Span  `json:"revisions,omitempty"` // what its lines tell of, in order of license and revision
	Groups    []Group `json:"groups,omitempty"`    // licenses by vendor, in order of the ids; none of those without a vendor
}

// Group is the licenses of one vendor. A license that changed its vendor is in both.
type Group struct {
	ID       string   `json:"group"` // 32 hexadecimal digits that stand for the vendor
	Licenses []string `json:"licenses"`
}

// Span is the revisions of a license from First to Last, none missing.
type Span struct {
	License string `json:"license"`
	First   int64  `json:"first"`
	Last    int64  `json:"last"`
}

// Log reports whether the file is a log, whose lines can be named.
func (e *Entry) Log() bool { return e.Rows > 0 }

// Leaves is the path of the file that holds the leaf hashes of a log.
func (e *Entry) Leaves() string { return e.Path + extLeaves }

// Path is where the manifest of a day lies, and SignaturePath its signature.
func Path(day string) string { return PrefixManifests + day + extManifest }

// SignaturePath is where the signature of a day's manifest lies.
func SignaturePath(day string) string { return PrefixManifests + day + extSignature }

// Encode writes the one form of a manifest. What it is hashed and signed as are
// these bytes.
func (m *Manifest) Encode() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "{\"version\":%d,\n\"ledger\":%q,\n\"sequence\":%d,\n\"day\":%q,\n\"sealed\":%q,\n\"previous\":\"%s\",\n\"history\":[",
		m.Version, m.Ledger, m.Sequence, m.Day, m.Sealed, m.Previous)
	for i, h := range m.History {
		fmt.Fprintf(&b, "%s%q", comma(i), h.String())
	}
	fmt.Fprintf(&b, "],\n\"key\":\"%s\",\n\"files\":[", m.Key)
	for i := range m.Files {
		fmt.Fprintf(&b, "%s\n", comma(i))
		m.Files[i].encode(&b)
	}
	fmt.Fprintf(&b, "\n],\n\"root\":\"%s\"}\n", m.Root)
	return b.Bytes()
}

func (e *Entry) encode(b *bytes.Buffer) {
	fmt.Fprintf(b, `{"path":%q,"size":%d,"sha256":"%s"`, e.Path, e.Size, e.SHA256)
	if e.Log() {
		fmt.Fprintf(b, `,"rows":%d,"root":"%s","revisions":[`, e.Rows, e.Root)
		for i, s := range e.Revisions {
			fmt.Fprintf(b, `%s{"license":%q,"first":%d,"last":%d}`, comma(i), s.License, s.First, s.Last)
		}
		b.WriteByte(']')
		for i, g := range e.Groups {
			fmt.Fprintf(b, `%s{"group":%q,"licenses":["%s"]}`, [2]string{`,"groups":[`, ","}[min(i, 1)], g.ID, strings.Join(g.Licenses, `","`))
		}
		if len(e.Groups) > 0 {
			b.WriteByte(']')
		}
	}
	b.WriteByte('}')
}

func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}

// filesRoot is the root of the Merkle tree of the files, whose leaves are their
// entries as they are written.
func (m *Manifest) filesRoot() Hash {
	leaves := make([]Hash, len(m.Files))
	var b bytes.Buffer
	for i := range m.Files {
		b.Reset()
		m.Files[i].encode(&b)
		leaves[i] = LeafHash(b.Bytes())
	}
	return Root(leaves)
}

// Decode reads a manifest. It takes no other bytes than those that Encode would
// write, so that two readers cannot understand the same bytes differently.
func Decode(data []byte) (*Manifest, error) {
	var m Manifest
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read manifest: something follows it")
	}
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if !bytes.Equal(m.Encode(), data) {
		return nil, errors.New("read manifest: it is not written as the format says (order of fields, spaces, lines)")
	}
	return &m, nil
}

// What text may hold: nothing that JSON would quote, and no way out of the folder.
var (
	plainPath    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._=-]*(/[A-Za-z0-9][A-Za-z0-9._=-]*)*$`)
	plainName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/ -]{0,199}$`)
	plainGroup   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	plainLicense = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
)

// check refuses what no sealer writes.
func (m *Manifest) check() error {
	day, err := time.Parse(dayLayout, m.Day)
	switch {
	case m.Version != Version:
		return fmt.Errorf("its version is %d; this program reads version %d", m.Version, Version)
	case !plainName.MatchString(m.Ledger):
		return errors.New("ledger is no plain name")
	case m.Sequence < 0 || len(m.History) != bits.OnesCount64(uint64(m.Sequence)):
		return errors.New("history does not fit to sequence")
	case err != nil || day.Format(dayLayout) != m.Day:
		return fmt.Errorf("day %q is none, as 2006-01-02", m.Day)
	}
	if at, err := time.Parse(time.RFC3339, m.Sealed); err != nil || at.UTC().Format(time.RFC3339) != m.Sealed {
		return fmt.Errorf("sealed %q is no time in UTC, as 2006-01-02T15:04:05Z", m.Sealed)
	}
	for i := range m.Files {
		if i > 0 && m.Files[i-1].Path >= m.Files[i].Path {
			return fmt.Errorf("file %q is out of order or twice", m.Files[i].Path)
		}
		if err := m.Files[i].check(); err != nil {
			return fmt.Errorf("file %q: %w", m.Files[i].Path, err)
		}
	}
	if root := m.filesRoot(); root != m.Root {
		return fmt.Errorf("root is %s, its files give %s", m.Root, root)
	}
	return nil
}

func (e *Entry) check() error {
	if !plainPath.MatchString(e.Path) || strings.HasPrefix(e.Path, PrefixManifests) {
		return errors.New("path is no plain path of a file")
	}
	if e.Size < 0 || e.Rows < 0 {
		return errors.New("a number is below zero")
	}
	if !e.Log() && (e.Root != Hash{} || len(e.Revisions)+len(e.Groups) > 0) {
		return errors.New("it has no rows, but a root, revisions or groups")
	}
	for i, g := range e.Groups {
		if !plainGroup.MatchString(g.ID) || i > 0 && e.Groups[i-1].ID >= g.ID || len(g.Licenses) == 0 || !slices.IsSorted(g.Licenses) {
			return fmt.Errorf("group %q is none, or out of order", g.ID)
		}
		for _, l := range g.Licenses {
			if !plainLicense.MatchString(l) {
				return fmt.Errorf("group %s holds %q, which is no license", g.ID, l)
			}
		}
	}
	for i, s := range e.Revisions {
		if !plainLicense.MatchString(s.License) || s.First < 0 || s.Last < s.First {
			return fmt.Errorf("%+v are no revisions", s)
		}
		if i > 0 {
			p := e.Revisions[i-1]
			if p.License > s.License || p.License == s.License && p.Last+1 >= s.First {
				return fmt.Errorf("revisions of %s are out of order", s.License)
			}
		}
	}
	return nil
}

// Next is what follows a manifest of these bytes, without day, time, key and files.
// The first manifest follows nil.
func (m *Manifest) next(encoded []byte) Manifest {
	if m == nil {
		return Manifest{Version: Version}
	}
	tree := Tree{m.Sequence, m.History}.Append(LeafHash(encoded))
	return Manifest{Version: Version, Ledger: m.Ledger, Sequence: tree.Size, Previous: Sum(encoded), History: tree.Peaks}
}

// Head names one manifest, and with it everything before. It is what is told
// to people, and given to a verification from outside the pack.
type Head struct {
	Sequence int64
	Hash     Hash
}

// String is the head as ParseHead reads it.
func (h Head) String() string { return fmt.Sprintf("%d:%s", h.Sequence, h.Hash) }

// ParseHead reads a head, as 12:64 hexadecimal digits.
func ParseHead(text string) (Head, error) {
	var h Head
	number, hash, _ := strings.Cut(text, ":")
	if _, err := fmt.Sscanf(number, "%d", &h.Sequence); err != nil || h.Sequence < 0 || fmt.Sprint(h.Sequence) != number {
		return Head{}, fmt.Errorf("head %q is not a sequence number and a hash, as 12:64 hexadecimal digits", text)
	}
	if err := h.Hash.UnmarshalText([]byte(hash)); err != nil {
		return Head{}, fmt.Errorf("head %q: %w", text, err)
	}
	return h, nil
}

// dayAfter is the day so many days later.
func dayAfter(day string, days int) string {
	at, err := time.Parse(dayLayout, day)
	if err != nil {
		return ""
	}
	return at.AddDate(0, 0, days).Format(dayLayout)
}

// days is how many days after another a day is.
func days(from, to string) int64 {
	a, err1 := time.Parse(dayLayout, from)
	b, err2 := time.Parse(dayLayout, to)
	if err1 != nil || err2 != nil {
		return 0
	}
	return int64(b.Sub(a).Hours()) / 24
}
