package audit

import (
	"strings"
	"time"

	"licenseguard/shared/license"
	"licenseguard/shared/timeline"
)

type peakRow struct {
	ID           string  `parquet:"license_configuration_id"`
	Name         string  `parquet:"name"`
	From         string  `parquet:"from"`
	To           string  `parquet:"to"`
	Peak         int64   `parquet:"peak_licenses"`
	At           string  `parquet:"peak_at"`
	Count        *int64  `parquet:"license_count"`
	LicenseHours float64 `parquet:"license_hours"`
	OverMinutes  float64 `parquet:"over_minutes"`
	// Without what annotations leave out; empty where that is nothing.
	Adjusted            *int64   `parquet:"adjusted_peak_licenses"`
	AdjustedAt          string   `parquet:"adjusted_peak_at"`
	AdjustedHours       *float64 `parquet:"adjusted_license_hours"`
	AdjustedOverMinutes *float64 `parquet:"adjusted_over_minutes"`
}

func (p *Pack) peakRows(of func(*Chapter) []timeline.Peak) []peakRow {
	rows := []peakRow{}
	for i := range p.Chapters {
		for _, k := range of(&p.Chapters[i]) {
			row := peakRow{ID: k.ID, Name: k.Name, From: exact(k.From), To: exact(k.To), Peak: k.High, At: exact(k.HighAt), Count: k.Count, LicenseHours: k.LicenseHours, OverMinutes: k.OverMinutes}
			if a := k.Adjusted; a != nil {
				row.Adjusted, row.AdjustedAt, row.AdjustedHours, row.AdjustedOverMinutes = &a.High, exact(a.HighAt), &a.LicenseHours, &a.OverMinutes
			}
			rows = append(rows, row)
		}
	}
	return rows
}

type pointRow struct {
	ID    string `parquet:"license_configuration_id"`
	At    string `parquet:"from"`
	Used  int64  `parquet:"licenses_in_use"`
	Count *int64 `parquet:"license_count"`
}

func (p *Pack) pointRows() []pointRow {
	rows := []pointRow{}
	for _, c := range p.Chapters {
		for _, n := range c.Series {
			rows = append(rows, pointRow{c.Configuration.ID, exact(n.At), n.Deployed, n.Count})
		}
	}
	return rows
}

type useRow struct {
	ID          string `parquet:"license_configuration_id"`
	At          string `parquet:"at"`
	Resource    string `parquet:"resource_arn"`
	Licenses    int64  `parquet:"licenses"`
	Verdict     string `parquet:"verdict"`
	Explanation string `parquet:"explanation"`
	Through     string `parquet:"through"`
	Since       string `parquet:"since"`
	Recorded    string `parquet:"recorded_at"`
	EventID     string `parquet:"event_id"`
	RuleVersion int    `parquet:"rule_version"`
	Revision    int64  `parquet:"revision"`
	Estimated   bool   `parquet:"estimated"`
}

func (p *Pack) useRows(of func(*Chapter) timeline.Position) []useRow {
	rows := []useRow{}
	for i := range p.Chapters {
		at := of(&p.Chapters[i])
		for _, u := range at.Uses {
			rows = append(rows, useRow{at.ID, exact(at.At), u.Resource, u.Licenses, u.Verdict, u.Explanation, u.Association, exact(u.Since), exact(u.Recorded),
				u.EventID, u.RuleVersion, u.Revision, u.Estimated})
		}
	}
	return rows
}

type ruleRow struct {
	ID      string `parquet:"license_configuration_id"`
	Version int    `parquet:"rule_version"`
	From    string `parquet:"in_force_from"`
	Rules   string `parquet:"rules"`
}

func (p *Pack) ruleRows() []ruleRow {
	rows := []ruleRow{}
	for _, c := range p.Chapters {
		for i, v := range c.Configuration.Rules {
			rows = append(rows, ruleRow{c.Configuration.ID, i + 1, exact(v.Effective), strings.Join(v.Text, " ")})
		}
	}
	return rows
}

type decisionRow struct {
	ID       string `parquet:"license_configuration_id"`
	At       string `parquet:"at"`
	By       string `parquet:"by"`
	Revision int64  `parquet:"revision"`
	Field    string `parquet:"field"`
	From     string `parquet:"from"`
	To       string `parquet:"to"`
}

func (p *Pack) decisionRows() []decisionRow {
	rows := []decisionRow{}
	for _, c := range p.Chapters {
		for _, e := range c.Edits {
			row := decisionRow{ID: c.Configuration.ID, At: exact(e.At), By: e.By, Revision: e.Revision}
			if e.Deleted {
				row.Field = "deleted"
				rows = append(rows, row)
				continue
			}
			for _, d := range e.Differences {
				row.Field, row.From, row.To = d.Field, d.From, d.To
				rows = append(rows, row)
			}
		}
	}
	return rows
}

type exemptionRow struct {
	ID       string `parquet:"license_configuration_id"`
	Instance string `parquet:"instance_arn"`
	From     string `parquet:"from"`
	End      string `parquet:"until"`
	Owner    string `parquet:"owner"`
	Reason   string `parquet:"reason"`
	Approver string `parquet:"approver"`
}

// exemptionRows are those that held in the span, also ones that are forgotten by
// now: they are in the history.
func (p *Pack) exemptionRows() []exemptionRow {
	rows := []exemptionRow{}
	for i := range p.Chapters {
		for _, e := range p.exemptions(&p.Chapters[i]) {
			rows = append(rows, exemptionRow{p.Chapters[i].Configuration.ID, e.Instance.ARN(), exact(e.From), exact(e.End()), e.Owner, e.Reason, e.Approver})
		}
	}
	return rows
}

func (p *Pack) exemptions(c *Chapter) []license.Exemption {
	type key struct {
		instance license.ResourceID
		from     int64
	}
	last := make(map[key]license.Exemption)
	var order []key
	add := func(all []license.Exemption) {
		for _, e := range all {
			k := key{e.Instance, e.From.UnixMilli()}
			if _, known := last[k]; !known {
				order = append(order, k)
			}
			last[k] = e
		}
	}
	for _, e := range c.Edits {
		add(e.Configuration.Exemptions)
	}
	add(c.Configuration.Exemptions)
	var out []license.Exemption
	for _, k := range order {
		if e := last[k]; e.From.Before(p.To) && e.End().After(p.From) {
			out = append(out, e)
		}
	}
	return out
}

type annotationRow struct {
	ID          string `parquet:"license_configuration_id"`
	Resource    string `parquet:"resource_arn"`
	From        string `parquet:"from"`
	Until       string `parquet:"until"`
	Kind        string `parquet:"kind"`
	Reason      string `parquet:"reason"`
	Approver    string `parquet:"approver"`
	At          string `parquet:"recorded_at"`
	By          string `parquet:"recorded_by"`
	Withdrawn   string `parquet:"withdrawn_at"`
	WithdrawnBy string `parquet:"withdrawn_by"`
}

// annotationRows are all that touch the span, also ones that were withdrawn.
func (p *Pack) annotationRows() []annotationRow {
	rows := []annotationRow{}
	for i := range p.Chapters {
		for _, a := range p.annotations(&p.Chapters[i]) {
			rows = append(rows, annotationRow{p.Chapters[i].Configuration.ID, a.Resource.ARN(), exact(a.From), exact(a.Until), string(a.Kind), a.Reason, a.Approver,
				exact(a.At), a.By, exact(a.Withdrawn), a.WithdrawnBy})
		}
	}
	return rows
}

func (p *Pack) annotations(c *Chapter) (out []license.Annotation) {
	for _, a := range c.Configuration.Annotations {
		if a.From.Before(p.To) && p.From.Before(a.Until) {
			out = append(out, a)
		}
	}
	return out
}

type gapRow struct {
	ID   string `parquet:"license_configuration_id"`
	From int64  `parquet:"first_missing_revision"`
	To   int64  `parquet:"last_missing_revision"`
	Then string `parquet:"before"`
}

func (p *Pack) gapRows() []gapRow {
	rows := []gapRow{}
	for _, g := range p.Gaps {
		rows = append(rows, gapRow{g.License, g.From, g.To, exact(g.Then)})
	}
	return rows
}

// exact writes an instant with milliseconds, in UTC.
func exact(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
