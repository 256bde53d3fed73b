package evidence

import (
	"context"
	"fmt"
	"maps"
	"slices"
)

// Shown is what a verification found of a pack that shows some licenses only.
type Shown struct {
	Disclosure
	// Vendors are those, by the rows that are shown, of which every license is; OneByOne
	// are licenses of no such vendor: there may be others of theirs.
	Vendors          []string `json:"vendors"`
	OneByOne         []string `json:"oneByOne"`
	Rows             int64    `json:"rows"`
	WithheldRows     int64    `json:"withheldRows"`
	WithheldLicenses int      `json:"withheldLicenses"`
	// Uncounted are commits whose rows do not say how many they are, as those of before
	// there was a number: that none of them is left out is not proven.
	Uncounted int `json:"uncounted"`
}

// disclosed checks a pack that shows some licenses: every license of the vendors that it
// claims to show is among them; of each, every row that was sealed is there; and what is
// there is what was sealed.
func (v *verification) disclosed(ctx context.Context, d *Disclosure) error {
	out := &Shown{Disclosure: *d, Vendors: []string{}, OneByOne: slices.Clone(d.Licenses)}
	v.report.Shown = out
	withheld, vendors := make(map[string]bool), make(map[string]string)
	for _, m := range v.days {
		for i := range m.Files {
			e := &m.Files[i]
			v.complete(m.Day, e, d)
			for _, s := range e.Revisions {
				if !slices.Contains(d.Licenses, s.License) {
					withheld[s.License] = true
				}
			}
			switch size, there := v.files[e.Path]; {
			case e.shows(d.Licenses):
				v.named[e.Path], v.named[e.Path+extProof] = true, true
				rows, err := v.shownRows(ctx, m.Day, e)
				if err != nil {
					return err
				}
				v.commits(m.Day, e, d, rows, vendors)
				out.Rows += int64(len(rows))
				out.WithheldRows += e.Rows - int64(len(rows))
			case e.Log():
				out.WithheldRows += e.Rows
			case there: // copied whole
				v.named[e.Path] = true
				if err := v.copied(ctx, m.Day, e, size); err != nil {
					return err
				}
			}
		}
	}
	v.report.Rows, out.WithheldLicenses = out.Rows, len(withheld)
	v.vendors(d, vendors)
	return nil
}

// vendors names those that are shown whole: of the groups that are claimed, by the rows.
func (v *verification) vendors(d *Disclosure, byGroup map[string]string) {
	whole := make(map[string]bool)
	for _, group := range d.Groups {
		vendor, shown := byGroup[group]
		if !shown {
			v.find(Finding{Kind: Missing, Path: DisclosureFile, Text: "it claims to show every license of the vendor " + group + ", of which no row is there"})
			continue
		}
		whole[vendor] = true
	}
	for _, group := range slices.Sorted(maps.Keys(byGroup)) {
		if vendor := byGroup[group]; whole[vendor] && !slices.Contains(d.Groups, group) {
			v.find(Finding{Kind: Missing, Path: DisclosureFile, Text: fmt.Sprintf("it claims to show every license of %s; the group %s is of that vendor too, and not claimed", vendor, group)})
		}
	}
	v.report.Shown.Vendors = slices.AppendSeq(v.report.Shown.Vendors, maps.Keys(whole))
	slices.Sort(v.report.Shown.Vendors)
}

// copied checks a file that is no log and was copied whole.
func (v *verification) copied(ctx context.Context, day string, e *Entry, size int64) error {
	f := Finding{Kind: Altered, Day: day, Path: e.Path, Text: "its bytes are not those that were sealed"}
	if size < 0 {
		f.Kind, f.Text = Missing, "it is no file, but a link or the like"
		v.find(f)
		return nil
	}
	sum, err := v.hash(ctx, e.Path, make([]byte, 256<<10))
	if err == nil && sum != e.SHA256 {
		v.find(f)
	}
	return err
}

// complete finds licenses of a vendor that the pack claims to show, and does not.
func (v *verification) complete(day string, e *Entry, d *Disclosure) {
	for _, g := range e.Groups {
		if !slices.Contains(d.Groups, g.ID) {
			continue
		}
		for _, license := range g.Licenses {
			v.report.Shown.OneByOne = slices.DeleteFunc(v.report.Shown.OneByOne, func(other string) bool { return other == license })
			if !slices.Contains(d.Licenses, license) {
				v.find(Finding{Kind: Missing, Day: day, Path: e.Path, Text: fmt.Sprintf("license %s is of the vendor %s, all of whose licenses the pack claims to show, and is left out", license, g.ID)})
			}
		}
	}
}

// shownRows reads the rows that are shown of a log file, if with their proof they give
// the root that was signed.
func (v *verification) shownRows(ctx context.Context, day string, e *Entry) ([][]byte, error) {
	wrong := func(kind Kind, path, text string) ([][]byte, error) {
		v.find(Finding{Kind: kind, Day: day, Path: path, Text: text})
		return nil, nil
	}
	for _, path := range []string{e.Path, e.Path + extProof} {
		if size, there := v.files[path]; !there || size < 0 {
			return wrong(Missing, path, "it is missing, and holds rows of a license that the pack shows")
		}
	}
	data, err := v.read(ctx, e.Path, e.Size+moreThanSealed)
	if err != nil {
		return nil, err
	}
	text, err := v.read(ctx, e.Path+extProof, e.Size+moreThanSealed)
	if err != nil {
		return nil, err
	}
	rows, leaves := lines(data), leavesOf(data)
	p, err := decodeProof(text, int(e.Rows))
	if err != nil {
		return wrong(Altered, e.Path+extProof, err.Error())
	}
	root, err := p.root(int(e.Rows), leaves)
	if err != nil {
		return wrong(Altered, e.Path, err.Error())
	}
	if root != e.Root || len(data) > 0 && data[len(data)-1] != '\n' {
		return wrong(Altered, e.Path, "its rows and their proof do not give the root that was signed: a row or the proof was altered")
	}
	v.report.Files++
	v.report.Bytes += int64(len(data))
	return rows, nil
}

// commits checks that of each commit of a license that is shown every row is there, and
// that a group is of one vendor. It notes the vendor of each group.
func (v *verification) commits(day string, e *Entry, d *Disclosure, rows [][]byte, vendors map[string]string) {
	if rows == nil {
		return
	}
	type commit struct {
		license  string
		revision int64
	}
	there := make(map[commit][]commitRow)
	for i, row := range rows {
		r, err := identify(row)
		if err != nil || !slices.Contains(d.Licenses, r.License) {
			v.find(Finding{Kind: Extra, Day: day, Path: e.Path, Row: i + 1, Text: fmt.Sprintf("it is of %q, which the pack does not claim to show", r.License)})
			continue
		}
		there[commit{r.License, r.Revision}] = append(there[commit{r.License, r.Revision}], r)
		if text := v.grouped(e, r, vendors); text != "" {
			v.find(Finding{Kind: Broken, Day: day, Path: e.Path, Row: i + 1, Text: text})
		}
	}
	for _, s := range e.Revisions {
		if !slices.Contains(d.Licenses, s.License) {
			continue
		}
		for revision := s.First; revision <= s.Last; revision++ {
			all := there[commit{s.License, revision}]
			switch text := left(all); {
			case text != "":
				v.find(Finding{Kind: Gap, Day: day, Path: e.Path, Text: fmt.Sprintf("license %s, revision %d: %s", s.License, revision, text)})
			case all[0].Rows == 0:
				v.report.Shown.Uncounted++
			}
		}
	}
}

// left says what is left out of a commit, or "".
func left(rows []commitRow) string {
	if len(rows) == 0 {
		return "it is left out"
	}
	want := rows[0].Rows
	if want == 0 {
		return ""
	}
	numbers := make(map[int]bool)
	for _, r := range rows {
		numbers[r.Row] = true
	}
	for n := 1; n <= want; n++ {
		if !numbers[n] {
			return fmt.Sprintf("row %d of %d is left out", n, want)
		}
	}
	return ""
}

// grouped says what is wrong with the group of a row, or "".
func (v *verification) grouped(e *Entry, r commitRow, vendors map[string]string) string {
	if r.Vendor == "" && r.Group == "" {
		return ""
	}
	if !slices.ContainsFunc(e.Groups, func(g Group) bool { return g.ID == r.Group && slices.Contains(g.Licenses, r.License) }) {
		return "its vendor's group " + r.Group + " is not the one that the manifest tells"
	}
	if known, ok := vendors[r.Group]; ok && known != r.Vendor {
		return fmt.Sprintf("its group %s is of %s here and of %s before: a group is of one vendor", r.Group, r.Vendor, known)
	}
	vendors[r.Group] = r.Vendor
	return ""
}

// onlyShown leaves out what a pack does not show.
func (c spanSet) onlyShown(d *Disclosure) {
	if d != nil {
		maps.DeleteFunc(c, func(license string, _ []Span) bool { return !slices.Contains(d.Licenses, license) })
	}
}
