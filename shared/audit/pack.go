package audit

import (
	"archive/zip"
	"fmt"
	"io"
	"time"

	"licenseguard/shared/coverage"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
)

// Request says what a pack is about.
type Request struct {
	From, To time.Time // To is not included
	Made     time.Time
	By       string // who made it
	Line     *timeline.Timeline
	Vendor   string // whose licenses they all are; "": they were chosen one by one
	Subjects []Subject
	Coverage *coverage.Report // what was watched; nil: it is not known
	Proof    *Proof           // nil: there is no evidence
}

// Proof is sealed evidence of the licenses, to be checked without trust in the pack.
type Proof struct {
	Files    []File // as package evidence discloses them
	Licenses int    // that they show
	Unsealed int    // of the pack's, of which nothing is sealed yet
	Last     string // the last day that is sealed
}

// File is a file of a pack.
type File struct {
	Name string
	Body []byte
}

// Subject is one license of a pack.
type Subject struct {
	Configuration license.Configuration // as it is now, or was last
	Edits         []registrar.Edit      // the whole history, oldest first
	Deleted       bool
}

// Pack is what is told of each license.
type Pack struct {
	Request
	Chapters []Chapter
	Gaps     []timeline.Gap // of the licenses that the pack is about
}

// Chapter is one license over the span. A license of which the log has nothing in
// that time has no Whole.
type Chapter struct {
	Subject
	Whole  *timeline.Peak  // the span as one period
	Months []timeline.Peak // cut at the span
	Days   []timeline.Peak
	Series []timeline.Point
	Peak   timeline.Position // when most was in use
	End    timeline.Position // at the end of the span
}

// Make gathers a pack. The error says what is wrong with the request.
func Make(r Request) (*Pack, error) {
	if len(r.Subjects) == 0 {
		return nil, fmt.Errorf("name the licenses that the pack is about")
	}
	p := &Pack{Request: r}
	var except []timeline.Exception
	for i := range r.Subjects {
		except = append(except, timeline.ExceptionsOf(&r.Subjects[i].Configuration)...)
	}
	months, err := r.Line.Peaks(timeline.Monthly, r.From, r.To, except...)
	if err != nil {
		return nil, err
	}
	days, err := r.Line.Peaks(timeline.Daily, r.From, r.To, except...)
	if err != nil {
		return nil, err
	}
	end := r.Line.Positions(r.To.Add(-time.Millisecond), time.Time{})
	about := make(map[string]bool)
	for _, s := range r.Subjects {
		id := s.Configuration.ID
		about[id] = true
		c := Chapter{Subject: s, Months: of(months, id), Days: of(days, id), Series: r.Line.Series(id, r.From, r.To)}
		if len(c.Months) > 0 {
			c.Whole = whole(c.Months)
			c.Peak = position(r.Line.Positions(c.Whole.HighAt, time.Time{}), id)
			c.End = position(end, id)
		}
		p.Chapters = append(p.Chapters, c)
	}
	for _, g := range r.Line.Gaps() {
		if about[g.License] {
			p.Gaps = append(p.Gaps, g)
		}
	}
	return p, nil
}

func of(peaks []timeline.Peak, id string) (out []timeline.Peak) {
	for _, p := range peaks {
		if p.ID == id {
			out = append(out, p)
		}
	}
	return out
}

func position(all []timeline.Position, id string) timeline.Position {
	for _, p := range all {
		if p.ID == id {
			return p
		}
	}
	return timeline.Position{ID: id}
}

// whole joins periods that follow each other.
func whole(peaks []timeline.Peak) *timeline.Peak {
	out := peaks[0]
	for _, p := range peaks[1:] {
		if p.High > out.High {
			out.High, out.HighAt, out.Count = p.High, p.HighAt, p.Count
		}
		out.To, out.Name = p.To, p.Name
		out.LicenseHours += p.LicenseHours
		out.OverMinutes += p.OverMinutes
	}
	out.Adjusted = adjusted(peaks)
	return &out
}

// adjusted joins the adjusted values of periods; nil where none has one.
func adjusted(peaks []timeline.Peak) *timeline.Adjusted {
	var out *timeline.Adjusted
	for _, p := range peaks {
		if p.Adjusted != nil {
			out = &timeline.Adjusted{High: -1}
		}
	}
	if out == nil {
		return nil
	}
	for _, p := range peaks {
		a := p.Adjusted
		if a == nil {
			a = &timeline.Adjusted{High: p.High, HighAt: p.HighAt, LicenseHours: p.LicenseHours, OverMinutes: p.OverMinutes}
		}
		if a.High > out.High {
			out.High, out.HighAt = a.High, a.HighAt
		}
		out.LicenseHours += a.LicenseHours
		out.OverMinutes += a.OverMinutes
	}
	return out
}

// folderOfProof is where the evidence is in a pack.
const folderOfProof = "proof/"

// Write writes the pack as a ZIP file: index.html, the rows as CSV, and the proof. The
// same pack gives the same bytes.
func (p *Pack) Write(w io.Writer) error {
	z := zip.NewWriter(w)
	for _, f := range []struct {
		name string
		make func() ([]byte, error)
	}{
		{"index.html", func() ([]byte, error) { return p.Page(), nil }},
		{"peaks-by-month.csv", func() ([]byte, error) {
			return snapshot.CSV(p.peakRows(func(c *Chapter) []timeline.Peak { return c.Months }))
		}},
		{"peaks-by-day.csv", func() ([]byte, error) {
			return snapshot.CSV(p.peakRows(func(c *Chapter) []timeline.Peak { return c.Days }))
		}},
		{"in-use.csv", func() ([]byte, error) { return snapshot.CSV(p.pointRows()) }},
		{"used-by-at-peak.csv", func() ([]byte, error) {
			return snapshot.CSV(p.useRows(func(c *Chapter) timeline.Position { return c.Peak }))
		}},
		{"used-by-at-end.csv", func() ([]byte, error) {
			return snapshot.CSV(p.useRows(func(c *Chapter) timeline.Position { return c.End }))
		}},
		{"rules.csv", func() ([]byte, error) { return snapshot.CSV(p.ruleRows()) }},
		{"decisions.csv", func() ([]byte, error) { return snapshot.CSV(p.decisionRows()) }},
		{"exemptions.csv", func() ([]byte, error) { return snapshot.CSV(p.exemptionRows()) }},
		{"annotations.csv", func() ([]byte, error) { return snapshot.CSV(p.annotationRows()) }},
		{"gaps.csv", func() ([]byte, error) { return snapshot.CSV(p.gapRows()) }},
		{"coverage.csv", func() ([]byte, error) { return snapshot.CSV(p.coverageRows()) }},
	} {
		body, err := f.make()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := p.add(z, File{f.name, body}); err != nil {
			return err
		}
	}
	if p.Proof != nil {
		for _, f := range p.Proof.Files {
			if err := p.add(z, File{folderOfProof + f.Name, f.Body}); err != nil {
				return err
			}
		}
	}
	return z.Close()
}

func (p *Pack) add(z *zip.Writer, f File) error {
	to, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: p.Made.UTC()})
	if err != nil {
		return err
	}
	_, err = to.Write(f.Body)
	return err
}
