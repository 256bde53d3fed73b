package evidence

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"licenseguard/shared/config"
)

// Pack is what is verified.
type Pack interface {
	// Files lists all files with their sizes. A size below zero is of something
	// that is no file, such as a link.
	Files(ctx context.Context) (map[string]int64, error)
	Open(ctx context.Context, path string) (io.ReadCloser, error)
}

// Options say what a pack is held against. Nothing of it may come from the pack.
type Options struct {
	Keys    []PublicKey // at least one
	Head    *Head       // without one, the end of the pack is what the pack says it is
	Since   string      // the first day that is looked at; "": the pack is whole
	Workers int         // files hashed at once; 0: as many as there are cores
}

// Report is what a verification found.
type Report struct {
	Ledger     string    `json:"ledger"`
	First      string    `json:"firstDay"`
	Last       string    `json:"lastDay"`
	Days       int       `json:"days"` // whose manifests are right
	Files      int       `json:"files"`
	Bytes      int64     `json:"bytes"` // hashed
	Rows       int64     `json:"rows"`
	Head       string    `json:"head"`       // of the last manifest that is right
	HeadProven bool      `json:"headProven"` // a head from outside names a manifest of the pack
	Findings   []Finding `json:"findings"`   // in the order of the chain, then of the files
	Unchecked  int       `json:"unchecked"`  // files that only a wrong manifest can name
	// Shown is of a pack that shows some licenses only; nil of a whole one.
	Shown *Shown `json:"shown,omitempty"`
}

// Verify checks a pack: first the chain of manifests, from the first day on, then
// each file by its hash, then that no revision is missing and no file too many. Rows
// are read only in a file that fails. An error means that the pack could not be read.
func Verify(ctx context.Context, pack Pack, o Options) (*Report, error) {
	if len(o.Keys) == 0 {
		return nil, errors.New("there is no public key to verify with")
	}
	files, err := pack.Files(ctx)
	if err != nil {
		return nil, err
	}
	v := &verification{pack: pack, options: o, files: files, named: make(map[string]bool), report: &Report{Findings: []Finding{}}}
	if err := v.chain(ctx); err != nil {
		return nil, err
	}
	d, err := v.disclosure(ctx)
	if err != nil {
		return nil, err
	}
	if d != nil {
		err = v.disclosed(ctx, d)
	} else {
		err = v.contents(ctx)
	}
	if err != nil {
		return nil, err
	}
	if !v.doubtful {
		v.revisions(d)
	}
	v.extra()
	return v.report, nil
}

type verification struct {
	pack     Pack
	options  Options
	files    map[string]int64
	named    map[string]bool // files that have their place
	doubtful bool            // a manifest is wrong or missing
	days     []*Manifest     // those that are right, in order
	report   *Report
}

func (v *verification) find(f Finding) { v.report.Findings = append(v.report.Findings, f) }

// contents hashes the files that the manifests name.
func (v *verification) contents(ctx context.Context) error {
	var entries []*Entry
	var days []string
	homes := make(map[Hash]string) // where each content belongs
	for _, m := range v.days {
		for i := range m.Files {
			e := &m.Files[i]
			entries, days = append(entries, e), append(days, m.Day)
			v.named[e.Path], homes[e.SHA256] = true, e.Path
			v.report.Rows += e.Rows
		}
	}
	sums, err := v.hashAll(ctx, entries)
	if err != nil {
		return err
	}
	v.report.Files = len(entries)
	for i, e := range entries {
		if sums[i].err == nil && sums[i].hash == e.SHA256 {
			v.report.Bytes += e.Size
			continue
		}
		f, err := v.wrong(ctx, e, sums[i], homes)
		if err != nil {
			return err
		}
		f.Day = days[i]
		v.find(f)
	}
	return nil
}

// errMissing is the error of a file that is not there, or is none.
var errMissing = errors.New("it is missing")

type sum struct {
	hash Hash
	err  error
}

// hashAll hashes files on as many cores as are asked for. An error of one file is
// kept with it; one of the context ends all.
func (v *verification) hashAll(ctx context.Context, entries []*Entry) ([]sum, error) {
	sums := make([]sum, len(entries))
	workers := v.options.Workers
	if workers == 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(workers, len(entries)) {
		group.Go(func() {
			buffer := make([]byte, 256<<10)
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(entries) {
					return
				}
				if size, there := v.files[entries[i].Path]; !there || size < 0 {
					sums[i].err = errMissing
					continue
				}
				sums[i].hash, sums[i].err = v.hash(ctx, entries[i].Path, buffer)
			}
		})
	}
	group.Wait()
	return sums, ctx.Err()
}

func (v *verification) hash(ctx context.Context, path string, buffer []byte) (Hash, error) {
	r, err := v.pack.Open(ctx, path)
	if err != nil {
		return Hash{}, err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{r}, buffer); err != nil {
		return Hash{}, err
	}
	return Hash(h.Sum(nil)), nil
}

// wrong says what is wrong with a file.
func (v *verification) wrong(ctx context.Context, e *Entry, got sum, homes map[Hash]string) (Finding, error) {
	f := Finding{Kind: Altered, Path: e.Path, Text: "its bytes are not those that were sealed"}
	if errors.Is(got.err, errMissing) {
		f.Kind, f.Text = Missing, "it is missing"
		if size, there := v.files[e.Path]; there && size < 0 {
			f.Text = "it is no file, but a link or the like"
		}
		other, err := v.moved(ctx, e)
		if other != "" {
			f.Kind, f.Text = Order, "it is missing here; its bytes are in "+other
			v.named[other] = true
		}
		return f, err
	}
	if got.err != nil {
		return f, fmt.Errorf("read %s: %w", e.Path, got.err)
	}
	if home := homes[got.hash]; home != "" {
		f.Kind, f.Text = Order, "it holds the bytes of "+home
		return f, nil
	}
	if !e.Log() {
		if size := v.files[e.Path]; size != e.Size {
			f.Text = fmt.Sprintf("it has %d bytes; %d were sealed", size, e.Size)
		}
		return f, nil
	}
	return v.row(ctx, e, f)
}

// moved finds a missing file under a name that no manifest knows.
func (v *verification) moved(ctx context.Context, e *Entry) (string, error) {
	buffer := make([]byte, 256<<10)
	for _, path := range slices.Sorted(maps.Keys(v.files)) {
		if v.named[path] || v.files[path] != e.Size || strings.HasPrefix(path, PrefixManifests) {
			continue
		}
		got, err := v.hash(ctx, path, buffer)
		if err != nil {
			return "", fmt.Errorf("read %s: %w", path, err)
		}
		if got == e.SHA256 {
			return path, nil
		}
	}
	return "", nil
}

// revisions finds commits that are in no file: of each license there must be every
// revision between the first and the last.
func (v *verification) revisions(d *Disclosure) {
	known := make(spanSet)
	for _, m := range v.days {
		for i := range m.Files {
			for _, s := range m.Files[i].Revisions {
				known.add(s)
			}
		}
	}
	known.onlyShown(d)
	for _, license := range slices.Sorted(maps.Keys(known)) {
		spans := known[license]
		for i := 1; i < len(spans); i++ {
			from, to := spans[i-1].Last+1, spans[i].First-1
			day, path := v.tells(Span{license, spans[i].First, spans[i].First})
			f := Finding{Kind: Gap, Day: day, Path: path, Text: fmt.Sprintf("license %s: revision %d is missing before revision %d", license, from, to+1)}
			if from < to {
				f.Text = fmt.Sprintf("license %s: revisions %d to %d are missing before revision %d", license, from, to, to+1)
			}
			v.find(f)
		}
	}
}

// tells finds the file that tells of a revision.
func (v *verification) tells(s Span) (day, path string) {
	for _, m := range v.days {
		for i := range m.Files {
			c := make(spanSet)
			for _, o := range m.Files[i].Revisions {
				c.add(o)
			}
			if c.covers(s) {
				return m.Day, m.Files[i].Path
			}
		}
	}
	return "", ""
}

// extra finds files that no manifest names. Where a manifest is wrong it may be the
// one that named them, so they are only counted.
func (v *verification) extra() {
	for _, path := range slices.Sorted(maps.Keys(v.files)) {
		if v.named[path] || v.before(path) {
			continue
		}
		if v.doubtful && !strings.HasPrefix(path, PrefixManifests) {
			v.report.Unchecked++
			continue
		}
		v.find(Finding{Kind: Extra, Path: path, Text: "no manifest names it"})
	}
}

// before reports whether a file is of a day that is not looked at.
func (v *verification) before(path string) bool {
	_, day, found := strings.Cut(path, "/"+config.DatePartition+"=")
	if !found {
		day, found = strings.CutPrefix(path, PrefixManifests)
	}
	return found && v.options.Since != "" && len(day) > len(dayLayout) && day[:len(dayLayout)] < v.options.Since
}
