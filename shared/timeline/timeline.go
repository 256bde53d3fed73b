package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/publish"
)

// Timeline is the change log of all licenses, in memory: some 150 bytes a row.
type Timeline struct {
	licenses map[string]*track
	texts    map[string]string // each text once
	sorted   bool
}

// track is the log of one license.
type track struct {
	id   string
	rows []row
	all  *view // by everything that is known; nil: not made yet
}

// row is what one commit said of one resource, or of the license alone.
type row struct {
	revision    int64
	recorded    int64 // milliseconds
	happened    int64
	name        string
	resource    string // "": the row is about the license alone
	instance    string
	account     string
	verdict     string
	explanation string
	association string
	event       string
	ruleVersion int
	licenses    int64
	estimated   bool
	limited     bool
	count       int64
	launch      int64 // of the instance, in milliseconds; 0: none is told
	exact       bool  // when it happened was told by an event, or decided; else a look found it
	ended       bool  // the license was deleted
}

// New returns a timeline without rows.
func New() *Timeline {
	return &Timeline{licenses: make(map[string]*track), texts: make(map[string]string)}
}

// reasonObserved is that of what looks and events told, rather than people.
const reasonObserved = "observed"

// layout is how the log writes times, in UTC.
const layout = "2006-01-02 15:04:05.000"

// Add takes a row of the log; rows may come in any order, and twice. The error says
// which field is wrong.
func (t *Timeline) Add(r *publish.Row) error {
	if !strings.HasPrefix(r.LicenseID, "lic-") {
		return nil // enforcement's own log: it counts nothing
	}
	recorded, err := time.Parse(layout, r.RecordedAt)
	if err != nil {
		return fmt.Errorf("license %s, revision %d: recorded_at %q is no time: want %q", r.LicenseID, r.Revision, r.RecordedAt, layout)
	}
	happened, err := time.Parse(layout, r.HappenedAt)
	if err != nil {
		return fmt.Errorf("license %s, revision %d: happened_at %q is no time: want %q", r.LicenseID, r.Revision, r.HappenedAt, layout)
	}
	if r.Revision < 1 || r.Licenses < 0 {
		return fmt.Errorf("license %s: revision %d with %d licenses: want a revision from 1 and licenses from 0", r.LicenseID, r.Revision, r.Licenses)
	}
	l := t.licenses[r.LicenseID]
	if l == nil {
		l = &track{id: r.LicenseID}
		t.licenses[r.LicenseID] = l
	}
	next := row{
		revision: r.Revision, recorded: recorded.UnixMilli(), happened: happened.UnixMilli(), name: t.text(r.Name), resource: t.text(r.ResourceARN),
		instance: t.text(r.InstanceID), account: t.text(r.AccountID), verdict: t.text(r.Verdict), explanation: t.text(r.Explanation),
		association: t.text(r.Association), event: strings.Clone(r.EventID), ruleVersion: r.RuleVersion, licenses: r.Licenses, estimated: r.Estimated, ended: r.Reason == ledger.ReasonDeleted,
	}
	next.exact = r.EventID != "" && r.UncertaintySeconds > 0 || r.Reason != reasonObserved
	if launch, err := time.Parse(layout, r.LaunchTime); err == nil {
		next.launch = launch.UnixMilli()
	}
	if r.LicenseCount != nil {
		next.limited, next.count = true, *r.LicenseCount
	}
	l.rows, l.all, t.sorted = append(l.rows, next), nil, false
	return nil
}

func (t *Timeline) text(s string) string {
	if kept, ok := t.texts[s]; ok {
		return kept
	}
	s = strings.Clone(s)
	t.texts[s] = s
	return s
}

// sort puts the rows in the order of their commits, each once.
func (t *Timeline) sort() {
	if t.sorted {
		return
	}
	for _, l := range t.licenses {
		slices.SortStableFunc(l.rows, func(a, b row) int {
			return cmp.Or(cmp.Compare(a.revision, b.revision), cmp.Compare(a.resource, b.resource), cmp.Compare(a.instance, b.instance))
		})
		l.rows = slices.CompactFunc(l.rows, func(a, b row) bool {
			return a.revision == b.revision && a.resource == b.resource && a.instance == b.instance
		})
	}
	t.sorted = true
}

// ids returns the licenses in the order of their ids.
func (t *Timeline) ids() []string {
	ids := make([]string, 0, len(t.licenses))
	for id := range t.licenses {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Gap is a stretch of revisions that the log lacks: what was committed there is not
// known.
type Gap struct {
	License     string
	From, To    int64     // the first and the last revision that are missing
	After, Then time.Time // when the commits around them were recorded
}

// Gaps returns the revisions that are missing, by license. The log of a license
// begins with revision 1.
func (t *Timeline) Gaps() []Gap {
	t.sort()
	var gaps []Gap
	for _, id := range t.ids() {
		last, at := int64(0), time.Time{}
		for _, r := range t.licenses[id].rows {
			if r.revision > last+1 {
				gaps = append(gaps, Gap{License: id, From: last + 1, To: r.revision - 1, After: at, Then: instant(r.recorded)})
			}
			last, at = r.revision, instant(r.recorded)
		}
	}
	return gaps
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }
