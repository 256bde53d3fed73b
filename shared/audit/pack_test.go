package audit

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
	"licenseguard/shared/publish"
	"licenseguard/shared/registrar"
	"licenseguard/shared/timeline"
)

var from = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const hostile = `<script>alert("1")</script>=HYPERLINK("x")`

// request is two licenses: one that was over in March, and one of which the log has
// nothing.
func request(t *testing.T) Request {
	t.Helper()
	line := timeline.New()
	count := int64(10)
	add := func(revision int64, at time.Time, resource string, licenses int64, verdict string) {
		t.Helper()
		r := publish.Row{LicenseID: "lic-a", Name: hostile, Revision: revision, RecordedAt: at.Format("2006-01-02 15:04:05.000"), HappenedAt: at.Format("2006-01-02 15:04:05.000"),
			ResourceARN: resource, Licenses: licenses, Verdict: verdict, LicenseCount: &count, Explanation: "m5.large: 2 vCPU", Association: hostile}
		if err := line.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	add(1, from.AddDate(0, 0, 1), "", 0, "")
	add(2, from.AddDate(0, 1, 0), "arn:aws:ec2:us-east-1:123456789012:instance/i-1", 8, "covered")
	add(3, from.AddDate(0, 2, 0), "arn:aws:ec2:us-east-1:123456789012:instance/i-2", 4, "over")
	add(4, from.AddDate(0, 2, 1), "arn:aws:ec2:us-east-1:123456789012:instance/i-2", 0, "released")
	c := license.Configuration{ID: "lic-a", Name: hostile, CountingType: license.CountVCPU, Count: &count, HardLimit: true, Rules: []license.RuleVersion{{}, {Effective: from.AddDate(0, 1, 0), Text: []string{"#unitsPerLicense=2"}}},
		Exemptions: []license.Exemption{{Instance: license.NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0"), Owner: hostile, Reason: "r", Approver: "a", From: from, Until: from.AddDate(0, 1, 0)}}}
	before := c
	before.Count = nil
	return Request{From: from, To: from.AddDate(0, 6, 0), Made: from.AddDate(0, 7, 0), By: hostile, Line: line, Subjects: []Subject{
		{Configuration: c, Edits: []registrar.Edit{{Revision: 1, At: from.AddDate(0, 0, 1), By: "alice", Configuration: before},
			{Revision: 2, At: from.AddDate(0, 0, 2), By: hostile, Configuration: c, Differences: []license.Difference{{Field: "licenseCount", To: "10"}}}}},
		{Configuration: license.Configuration{ID: "lic-b", Name: "idle", CountingType: license.CountInstance}},
	}}
}

func open(t *testing.T, p *Pack) map[string]string {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(body)
	}
	return files
}

// TestPackSaysWhatTheLogSays: the peak, the hours and the time over, on the page and in
// the rows; who used it then; who decided.
func TestPackSaysWhatTheLogSays(t *testing.T) {
	t.Parallel()
	p, err := Make(request(t))
	if err != nil {
		t.Fatal(err)
	}
	whole := p.Chapters[0].Whole
	days := func(n int) float64 { return float64(n) * 24 }
	if want := 8*days(150) + 4*days(1); whole.High != 12 || !whole.HighAt.Equal(from.AddDate(0, 2, 0)) || whole.LicenseHours != want || whole.OverMinutes != days(1)*60 {
		t.Errorf("%+v, want %f license-hours", whole, want)
	}
	files := open(t, p)
	page := files["index.html"]
	for _, want := range []string{
		`<td class="n">10</td><td class="n over">12</td><td class="d">1 Mar 2026 00:00</td><td class="n">8</td><td class="n over">24 h 00 min</td>`,
		"12 licenses by 2 resources", "instance/i-2", "#unitsPerLicense=2", "licenseCount: – → 10", "no gap", "the log has nothing of it in this time", "<svg", "Exemptions in this time",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<img") || strings.Contains(page, "http://x") {
		t.Error("foreign text became markup")
	}
	for name, rows := range map[string]int{"peaks-by-month.csv": 6, "peaks-by-day.csv": 180, "in-use.csv": 4, "used-by-at-peak.csv": 2, "used-by-at-end.csv": 1, "rules.csv": 2,
		"decisions.csv": 1, "exemptions.csv": 1, "gaps.csv": 0} {
		all, err := csv.NewReader(strings.NewReader(files[name])).ReadAll()
		if err != nil || len(all) != rows+1 {
			t.Errorf("%s: %d rows, %v; want %d", name, len(all)-1, err, rows)
		}
		for _, row := range all {
			for _, cell := range row {
				if strings.HasPrefix(cell, "=") {
					t.Errorf("%s: the cell %q is a formula", name, cell)
				}
			}
		}
	}
	var one, two bytes.Buffer
	if p.Write(&one) != nil || p.Write(&two) != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the same pack gives other bytes")
	}
}

// TestRawAndAdjusted: what is annotated is out of the adjusted numbers only, and who
// approved it is on the page, also of one that was withdrawn.
func TestRawAndAdjusted(t *testing.T) {
	t.Parallel()
	r := request(t)
	c := &r.Subjects[0].Configuration
	note := license.Annotation{Resource: license.NewResourceID("123456789012", "us-east-1", "i-2"), From: from.AddDate(0, 2, 0), Until: from.AddDate(0, 2, 1),
		Kind: license.Migration, Reason: hostile, Approver: "eve", At: from.AddDate(0, 3, 0), By: "bob"}
	gone := note
	gone.Resource, gone.Withdrawn, gone.WithdrawnBy = license.NewResourceID("123456789012", "us-east-1", "i-1"), from.AddDate(0, 4, 0), "dora"
	c.Annotations = []license.Annotation{note, gone}
	p, err := Make(r)
	if err != nil {
		t.Fatal(err)
	}
	whole := p.Chapters[0].Whole
	if a := whole.Adjusted; whole.High != 12 || a == nil || a.High != 8 || a.OverMinutes != 0 || a.LicenseHours != whole.LicenseHours-4*24 {
		t.Errorf("%+v, adjusted %+v", whole, whole.Adjusted)
	}
	files := open(t, p)
	for _, want := range []string{`<td class="n">12</td><td class="n">8</td><td>1 Mar 2026 00:00</td>`, `<td class="n">–</td>`, "eve, 1 Apr 2026 00:00 by bob", "withdrawn 1 May 2026 00:00 by dora"} {
		if !strings.Contains(files["index.html"], want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	rows, err := csv.NewReader(strings.NewReader(files["annotations.csv"])).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][6] != "eve" || rows[2][10] != "dora" {
		t.Errorf("%v, %v", rows, err)
	}
	if months := files["peaks-by-month.csv"]; !strings.Contains(months, ",8,2026-03-") && !strings.Contains(months, ",8,2026-02-") {
		t.Errorf("no adjusted peak in\n%s", months)
	}
	if strings.Contains(files["index.html"], "<script") {
		t.Error("foreign text became markup")
	}
}

// TestProofLiesBeside: the evidence is in the pack as it was given, and the page says how
// to check it; without it the page says that it lacks.
func TestProofLiesBeside(t *testing.T) {
	t.Parallel()
	r := request(t)
	r.Vendor = "Oracle " + hostile
	for _, proof := range []*Proof{nil, {Files: []File{{"manifests/2026-06-30.json", []byte("{}")}}, Licenses: 1, Last: "2026-06-30"}} {
		r.Proof = proof
		p, err := Make(r)
		if err != nil {
			t.Fatal(err)
		}
		files := open(t, p)
		want := "rest on the word of whoever made it"
		if proof != nil {
			want = "of this license up to 2026-06-30"
		}
		if got := files["proof/manifests/2026-06-30.json"]; !strings.Contains(files["index.html"], want) || !strings.Contains(files["index.html"], "License use: Oracle &lt;script") || (got == "{}") != (proof != nil) {
			t.Errorf("%+v: it does not say %q", proof, want)
		}
	}
}

func TestGapsAreSaid(t *testing.T) {
	t.Parallel()
	r := request(t)
	for _, id := range []string{"lic-a", "lic-other"} {
		if err := r.Line.Add(&publish.Row{LicenseID: id, Revision: 9, RecordedAt: "2026-05-01 00:00:00.000", HappenedAt: "2026-05-01 00:00:00.000"}); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Make(r)
	if err != nil {
		t.Fatal(err)
	}
	if files := open(t, p); !strings.Contains(files["index.html"], "1 gaps") || !strings.Contains(files["gaps.csv"], "lic-a,5,8,") {
		t.Errorf("gaps %+v\n%s", p.Gaps, files["gaps.csv"])
	}
	r.Subjects = nil
	if _, err := Make(r); err == nil {
		t.Error("a pack about nothing")
	}
	r = request(t)
	r.To = r.From
	if _, err := Make(r); err == nil {
		t.Error("a pack about no time")
	}
}

// TestThinLosesNoPeak: however many changes, the highest of each column is shown, and
// what followed it.
func TestThinLosesNoPeak(t *testing.T) {
	t.Parallel()
	to := from.AddDate(1, 0, 0)
	var points []timeline.Point
	for i := range 50_000 {
		points = append(points, timeline.Point{At: from.Add(time.Duration(i) * 10 * time.Minute), Deployed: int64(i % 7)})
	}
	points[12_345].Deployed, points[49_999].Deployed = 99, 3
	thinned := thin(points, from, to)
	high := int64(0)
	for i, p := range thinned {
		high = max(high, p.Deployed)
		if i > 0 && !p.At.After(thinned[i-1].At) {
			t.Fatalf("point %d is at %s, after one at %s", i, p.At, thinned[i-1].At)
		}
	}
	if last := thinned[len(thinned)-1]; high != 99 || last.Deployed != 3 || len(thinned) > 2*most {
		t.Errorf("%d points, the highest %d, the last %+v", len(thinned), high, last)
	}
	for _, n := range []int64{1, 4, 7, 40, 99, 1234} {
		if s := step(n); s.top < n || s.top/s.by > 6 || s.top%s.by != 0 {
			t.Errorf("axis up to %d: %+v", n, s)
		}
	}
	for _, length := range []time.Duration{time.Hour, 24 * time.Hour, 30 * 24 * time.Hour, 365 * 24 * time.Hour, 3650 * 24 * time.Hour} {
		if n := len(ticks(from, from.Add(length))); n < 1 || n > 14 {
			t.Errorf("%s: %d ticks", fmt.Sprint(length), n)
		}
	}
}
