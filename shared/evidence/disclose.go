package evidence

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// DisclosureFile says of a pack that it shows some licenses only. It claims, and proves
// nothing: a verifier holds it against the manifests.
const DisclosureFile = "disclosure.json"

// extProof ends the name of the proof that lies beside a log file of which some rows
// are shown.
const extProof = ".proof"

// Disclosure is what a pack shows of a whole one: every manifest, and of the log each
// row of some licenses.
type Disclosure struct {
	Version  int      `json:"version"`
	Groups   []string `json:"groups"` // vendors of which every license is shown
	Licenses []string `json:"licenses"`
	// Unsealed are licenses that were asked for and of which nothing is sealed: they are
	// new, or never were. They are no part of the claim.
	Unsealed []string `json:"-"`
}

// Disclose writes what a whole pack holds of a vendor, or of licenses, or both, as a
// pack of its own: who gets it can prove that nothing of them was altered or left out,
// and learns of all others only how many rows and commits of them there are. What is
// vendor-neutral (prefixes of neutral) is copied as it is. It needs no key.
func Disclose(ctx context.Context, pack Pack, vendor string, licenses []string, neutral []string, put func(path string, body []byte) error) (Disclosure, error) {
	files, err := pack.Files(ctx)
	if err != nil {
		return Disclosure{}, err
	}
	d := &discloser{v: &verification{pack: pack, files: files}, put: put, neutral: neutral,
		shown: Disclosure{Version: Version, Groups: []string{}, Licenses: slices.Compact(slices.Sorted(slices.Values(licenses)))}}
	if err := d.manifests(ctx); err != nil {
		return Disclosure{}, err
	}
	if vendor != "" {
		if err := d.vendor(ctx, vendor); err != nil {
			return Disclosure{}, err
		}
	}
	if len(d.shown.Licenses) == 0 {
		return Disclosure{}, errors.New("disclose: name a vendor or licenses")
	}
	d.known()
	if len(d.shown.Licenses) == 0 {
		return Disclosure{}, fmt.Errorf("no commit of %s is in the evidence", strings.Join(d.shown.Unsealed, ", "))
	}
	for _, m := range d.days {
		for i := range m.Files {
			if err := d.file(ctx, &m.Files[i]); err != nil {
				return Disclosure{}, err
			}
		}
	}
	text, err := json.MarshalIndent(d.shown, "", "  ")
	if err != nil {
		return Disclosure{}, err
	}
	return d.shown, put(DisclosureFile, append(text, '\n'))
}

type discloser struct {
	v       *verification
	days    []*Manifest
	shown   Disclosure
	neutral []string
	put     func(string, []byte) error
}

// manifests copies them all: they are what everything is proven by.
func (d *discloser) manifests(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(d.v.files)) {
		if path.Ext(name) != extManifest && path.Ext(name) != extSignature || !strings.HasPrefix(name, PrefixManifests) {
			continue
		}
		data, err := d.v.read(ctx, name, maxManifest)
		if err != nil {
			return err
		}
		if path.Ext(name) == extManifest {
			m, err := Decode(data)
			if err != nil {
				return fmt.Errorf("%s: %w; run licenseguard verify", name, err)
			}
			d.days = append(d.days, m)
		}
		if err := d.put(name, data); err != nil {
			return err
		}
	}
	if len(d.days) == 0 {
		return errors.New("there is no manifest; is this a folder of evidence?")
	}
	return nil
}

// vendor finds the groups that stand for a vendor, and takes every license that ever
// was in one of them.
func (d *discloser) vendor(ctx context.Context, vendor string) (err error) {
	if d.shown.Groups, err = d.groupsOf(ctx, vendor); err != nil {
		return err
	}
	for _, m := range d.days {
		for i := range m.Files {
			for _, g := range m.Files[i].Groups {
				if slices.Contains(d.shown.Groups, g.ID) {
					d.shown.Licenses = append(d.shown.Licenses, g.Licenses...)
				}
			}
		}
	}
	slices.Sort(d.shown.Licenses)
	d.shown.Licenses = slices.Compact(d.shown.Licenses)
	return nil
}

// known takes out the licenses of which the evidence has nothing: an id that never was
// would show as one that was never used.
func (d *discloser) known() {
	sealed := make(map[string]bool)
	for _, m := range d.days {
		for i := range m.Files {
			for _, s := range m.Files[i].Revisions {
				sealed[s.License] = true
			}
		}
	}
	for _, license := range d.shown.Licenses {
		if !sealed[license] {
			d.shown.Unsealed = append(d.shown.Unsealed, license)
		}
	}
	d.shown.Licenses = slices.DeleteFunc(d.shown.Licenses, func(license string) bool { return !sealed[license] })
}

// groupsOf finds a vendor's groups in the first files that have them: one, or more where
// the key of the groups was replaced.
func (d *discloser) groupsOf(ctx context.Context, vendor string) ([]string, error) {
	vendors := make(map[string]string) // by group
	for _, m := range d.days {
		for i := range m.Files {
			e := &m.Files[i]
			if !slices.ContainsFunc(e.Groups, func(g Group) bool { return vendors[g.ID] == "" }) {
				continue
			}
			data, err := d.v.read(ctx, e.Path, e.Size)
			if err != nil {
				return nil, err
			}
			for _, row := range lines(data) {
				if r, err := identify(row); err == nil && r.Group != "" {
					vendors[r.Group] = r.Vendor
				}
			}
		}
	}
	var groups []string
	for _, group := range slices.Sorted(maps.Keys(vendors)) {
		if vendors[group] == vendor {
			groups = append(groups, group)
		}
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("no row of the evidence is of a license whose vendor is %q; a license has one from the day on that it is set, and a day is sealed in the night after", vendor)
	}
	return groups, nil
}

// file writes what is shown of a file.
func (d *discloser) file(ctx context.Context, e *Entry) error {
	if slices.ContainsFunc(d.neutral, func(prefix string) bool { return strings.HasPrefix(e.Path, prefix) }) {
		data, err := d.v.read(ctx, e.Path, e.Size)
		if err != nil {
			return err
		}
		return d.put(e.Path, data)
	}
	if !e.shows(d.shown.Licenses) {
		return nil
	}
	data, err := d.v.read(ctx, e.Path, e.Size+1)
	if err != nil {
		return err
	}
	leaves := leavesOf(data)
	if Root(leaves) != e.Root {
		return fmt.Errorf("%s is not what was sealed; run licenseguard verify", e.Path)
	}
	var out bytes.Buffer
	var places []int
	for i, row := range lines(data) {
		r, err := identify(row)
		if err != nil {
			return fmt.Errorf("%s, row %d: %w", e.Path, i+1, err)
		}
		if slices.Contains(d.shown.Licenses, r.License) {
			places = append(places, i)
			out.Write(row)
			out.WriteByte('\n')
		}
	}
	if err := d.put(e.Path, out.Bytes()); err != nil {
		return err
	}
	return d.put(e.Path+extProof, prove(leaves, places).encode())
}

// shows reports whether a log file tells of any of some licenses.
func (e *Entry) shows(licenses []string) bool {
	return slices.ContainsFunc(e.Revisions, func(s Span) bool { return slices.Contains(licenses, s.License) })
}

// DayOf is the day of a manifest, by its path.
func DayOf(path string) (day string, ok bool) {
	name, ok := strings.CutPrefix(path, PrefixManifests)
	day, is := strings.CutSuffix(name, extManifest)
	return day, ok && is
}

// disclosure reads what a pack says it shows; nil where it is a whole one.
func (v *verification) disclosure(ctx context.Context) (*Disclosure, error) {
	if _, there := v.files[DisclosureFile]; !there {
		return nil, nil
	}
	v.named[DisclosureFile] = true
	data, err := v.read(ctx, DisclosureFile, maxManifest)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var d Disclosure
	if err := json.Unmarshal(data, &d); err != nil || d.Version != Version || len(d.Licenses) == 0 {
		v.find(Finding{Kind: Altered, Path: DisclosureFile, Text: "it does not say which licenses the pack shows, as the format wants it"})
		return &Disclosure{}, nil
	}
	return &d, nil
}
