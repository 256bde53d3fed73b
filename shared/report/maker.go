package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/snapshot"
)

// The types of reports (License Manager API reference, ReportType).
const (
	Summary = "LicenseConfigurationSummaryReport"
	Usage   = "LicenseConfigurationUsageReport"
)

// Store is what making reports needs of the ledger.
type Store interface {
	ledger.Licenses
	ledger.Resources
	ledger.Documents
}

// Maker makes the reports that are due.
type Maker struct {
	Store   Store
	Encoder snapshot.Encoder
	Archive snapshot.Archive
	Catalog license.Catalog
	Now     func() time.Time
}

// Folder returns where a generator's reports lie. The name is foreign text: in a key
// only what needs no escaping in a URL stands as it is.
func Folder(name string) string {
	escaped := url.PathEscape(name)
	if strings.Trim(escaped, ".") == "" { // "." and ".." are no folders to most programs
		escaped = strings.ReplaceAll(escaped, ".", "%2E")
	}
	return config.PrefixReports + escaped + "/"
}

// Run makes what is due and returns how many reports that were. One generator that
// fails leaves the others; its report stays due, and what failed is in its LastRun.
func (m *Maker) Run(ctx context.Context) (made int, err error) {
	generators, err := registrar.Generators(ctx, m.Store)
	if err != nil {
		return 0, fmt.Errorf("read report generators: %w", err)
	}
	var failed []error
	for i := range generators {
		done, err := m.run(ctx, &generators[i])
		if done {
			made++
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("report generator %q (%s): %w", generators[i].Name, generators[i].ID, err))
		}
	}
	return made, errors.Join(failed...)
}

func (m *Maker) run(ctx context.Context, g *registrar.Generator) (done bool, err error) {
	run, _, err := LastRun(ctx, m.Store, g.ID)
	if err != nil {
		return false, err
	}
	now := m.Now().UTC().Truncate(time.Millisecond)
	d, ok := dueAt(g, run.Slot, now)
	if !ok {
		return false, nil
	}
	run.At = now
	keys, err := m.make(ctx, g, d, now)
	if err != nil {
		run.Status, run.Reason = Failed, err.Error()
		return false, errors.Join(err, save(ctx, m.Store, g.ID, run))
	}
	run.Status, run.Reason, run.Made, run.Slot, run.Keys = Succeeded, lateness(d, now), now, d.slot, keys
	return true, save(ctx, m.Store, g.ID, run)
}

// punctual is how long after its instant a report is made in the ordinary way: the
// schedule is hourly.
const punctual = 2 * time.Hour

// lateness says what is to be known of a report that was not made in time, else "".
func lateness(d due, now time.Time) string {
	late := now.Sub(d.slot)
	if late < punctual && len(d.missed) == 0 {
		return ""
	}
	text := fmt.Sprintf("made %s after its time, %s; it says what was so at %s", late.Round(time.Minute), d.slot.Format(time.RFC3339), now.Format(time.RFC3339))
	if n := len(d.missed); n > 0 {
		text += fmt.Sprintf("; it stands for %d reports that were never made, for %s", n, d.missed[0].Format(time.RFC3339))
		if n > 1 {
			text += " to " + d.missed[n-1].Format(time.RFC3339)
		}
		text += " (licenseguard position --at answers for these)"
	}
	return text
}

// make writes the files of one report of each type of the generator.
func (m *Maker) make(ctx context.Context, g *registrar.Generator, d due, now time.Time) ([]string, error) {
	positions, usages, err := m.read(ctx, g, now)
	if err != nil {
		return nil, err
	}
	note := lateness(d, now)
	var keys []string
	for _, kind := range g.Types {
		name := fmt.Sprintf("%s%s/%s-%s", Folder(g.Name), d.slot.Format("2006/01/02"), g.ID, d.slot.Format("20060102T150405Z"))
		head := header{ID: g.ID, Generator: g.Name, Type: kind, For: d.slot, Made: now, Note: note}
		var files []file
		switch kind {
		case Summary:
			files, err = encode(name+"-summary", head, positions, m.Encoder.Positions)
		case Usage:
			files, err = encode(name+"-usage", head, usages, m.Encoder.Usages)
		default:
			err = fmt.Errorf("report type %q: want %s or %s", kind, Summary, Usage)
		}
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if err := m.Archive.Put(ctx, f.key, f.body, f.contentType); err != nil {
				return nil, fmt.Errorf("write %s: %w", f.key, err)
			}
			keys = append(keys, f.key)
		}
	}
	return keys, nil
}

// read returns the rows of the generator's licenses. One that is deleted meanwhile
// is left out.
func (m *Maker) read(ctx context.Context, g *registrar.Generator, now time.Time) (positions []snapshot.Position, usages []snapshot.Usage, err error) {
	configurations, _, err := m.Store.Configurations(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("read configurations: %w", err)
	}
	positions, usages = []snapshot.Position{}, []snapshot.Usage{}
	for i := range configurations {
		if !slices.Contains(g.Configurations, configurations[i].ARN) {
			continue
		}
		l, err := m.Store.Load(ctx, configurations[i].ID)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read license %s: %w", configurations[i].ID, err)
		}
		facts, err := m.Store.LoadFacts(ctx, l.Instances())
		if err != nil {
			return nil, nil, fmt.Errorf("read the facts of license %s: %w", configurations[i].ID, err)
		}
		positions = append(positions, snapshot.PositionOf(l, now))
		usages = append(usages, snapshot.UsagesOf(l, facts, now, m.Catalog)...)
	}
	return positions, usages, nil
}

type file struct {
	key, contentType string
	body             []byte
}

// header is what a report in JSON says of itself.
type header struct {
	ID        string    `json:"report_generator_id"`
	Generator string    `json:"report_generator_name"`
	Type      string    `json:"report_type"`
	For       time.Time `json:"report_for"`
	Made      time.Time `json:"made_at"`
	Note      string    `json:"note,omitempty"`
}

func encode[T any](name string, head header, rows []T, parquet func([]T) ([]byte, error)) ([]file, error) {
	table, err := parquet(rows)
	if err != nil {
		return nil, err
	}
	text, err := snapshot.CSV(rows)
	if err != nil {
		return nil, err
	}
	whole, err := json.MarshalIndent(struct {
		header
		Rows []map[string]any `json:"rows"`
	}{head, snapshot.Records(rows)}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode json: %w", err)
	}
	return []file{
		{name + ".csv", "text/csv; charset=utf-8", text},
		{name + ".json", "application/json", whole},
		{name + ".parquet", "application/vnd.apache.parquet", table},
	}, nil
}
