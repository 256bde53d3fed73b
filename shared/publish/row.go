package publish

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Row is one line of the change log: what one commit did to one instance, or, without
// one, to the license.
// Together, license and revision number the commits; a number that is missing
// is a finding, rows that repeat (license, revision, instance) are one. The
// tags are the columns of the Athena tables, of the log and of its Parquet form.
type Row struct {
	LicenseID          string  `json:"license_configuration_id" parquet:"license_configuration_id"`
	Name               string  `json:"name" parquet:"name"`
	Revision           int64   `json:"revision" parquet:"revision"`
	RecordedAt         string  `json:"recorded_at" parquet:"recorded_at"`
	HappenedAt         string  `json:"happened_at" parquet:"happened_at"`
	UncertaintySeconds float64 `json:"uncertainty_seconds" parquet:"uncertainty_seconds"`
	Reason             string  `json:"reason" parquet:"reason"` // "observed", "configuration"
	ChangedBy          string  `json:"changed_by" parquet:"changed_by"`
	EventID            string  `json:"event_id" parquet:"event_id"`
	ResourceARN        string  `json:"resource_arn" parquet:"resource_arn"` // the consuming resource
	InstanceID         string  `json:"instance_id" parquet:"instance_id"`
	AccountID          string  `json:"account_id" parquet:"account_id"`
	Region             string  `json:"region" parquet:"region"`
	LaunchTime         string  `json:"launch_time" parquet:"launch_time"` // with state: the generation of the facts
	State              string  `json:"state" parquet:"state"`
	VerdictBefore      string  `json:"verdict_before" parquet:"verdict_before"`
	Verdict            string  `json:"verdict" parquet:"verdict"`
	Cause              string  `json:"cause" parquet:"cause"`
	LicensesBefore     int64   `json:"licenses_before" parquet:"licenses_before"`
	Licenses           int64   `json:"licenses" parquet:"licenses"`
	Estimated          bool    `json:"estimated" parquet:"estimated"`
	Explanation        string  `json:"explanation" parquet:"explanation"`
	BrokenRules        string  `json:"broken_rules" parquet:"broken_rules"`
	Association        string  `json:"association" parquet:"association"`
	RuleVersion        int     `json:"rule_version" parquet:"rule_version"`
	Answer             string  `json:"answer" parquet:"answer"`
	Action             string  `json:"action" parquet:"action"`
	Deployed           int64   `json:"deployed" parquet:"deployed"` // of the license, after the commit
	Covered            int64   `json:"covered" parquet:"covered"`
	LicenseCount       *int64  `json:"license_count" parquet:"license_count,optional"`
	LicenseARN         string  `json:"license_configuration_arn" parquet:"license_configuration_arn"`
	Vendor             string  `json:"vendor" parquet:"vendor"`
	// Which row of its commit it is, from 1, and of how many: none can be left out
	// unseen.
	CommitRow  int `json:"commit_row" parquet:"commit_row"`
	CommitRows int `json:"commit_rows" parquet:"commit_rows"`
}

// Rows returns the lines of one change. A change without deltas (an alert, a renamed
// configuration) has one line of its own, so that no revision is missing from the log;
// so has what a person changed, beside those of the resources that it touches.
func Rows(c *ledger.Change) []Row {
	base := Row{
		LicenseID: c.License, Name: c.Name, Vendor: c.Vendor, Revision: c.Revision, RecordedAt: stamp(c.Recorded), HappenedAt: stamp(c.Recorded),
		Reason: c.Reason, ChangedBy: c.By, Deployed: c.After.Deployed(), Covered: c.After.Covered, LicenseCount: c.Count,
		LicenseARN: c.ARN,
	}
	if base.Reason == "" {
		base.Reason = "observed"
	}
	rows := make([]Row, 0, len(c.Deltas)+1)
	if len(c.Deltas) == 0 || c.What != "" {
		own := base
		own.Explanation = c.What
		rows = append(rows, own)
	}
	for i := range c.Deltas {
		row := base
		row.fill(&c.Deltas[i])
		rows = append(rows, row)
	}
	for i := range rows {
		rows[i].CommitRow, rows[i].CommitRows = i+1, len(rows)
	}
	return rows
}

func (r *Row) fill(d *ledger.Delta) {
	r.HappenedAt, r.UncertaintySeconds = stamp(d.Happened), d.Uncertainty.Seconds()
	r.EventID, r.ResourceARN, r.InstanceID = d.EventID, d.Resource.ARN(), d.Instance.AWSID()
	r.AccountID, r.Region, _ = d.Resource.Parts()
	r.LaunchTime, r.State = stamp(d.Generation.Launch), string(d.State)
	r.VerdictBefore, r.Verdict, r.Cause = string(d.From), string(d.To), string(d.Cause)
	r.LicensesBefore, r.Licenses, r.Estimated = d.Before, d.Licenses, d.Estimated
	r.Explanation, r.BrokenRules = d.Explanation.String(), joinViolations(d.Broken)
	r.Association, r.RuleVersion, r.Action = d.Association, d.RuleVersion, d.Action
	switch {
	case d.Answer.Wanted():
		r.Answer = fmt.Sprintf("%s (mode %s) not before %s: %s", d.Answer.Action, d.Answer.Mode, stamp(d.Answer.NotBefore), d.Answer.Why)
	default:
		r.Answer = d.Answer.Why
	}
}

func joinViolations(broken []license.Violation) string {
	texts := make([]string, len(broken))
	for i, v := range broken {
		texts[i] = v.String()
	}
	return strings.Join(texts, "; ")
}

// stamp writes a time as Athena's timestamp text, in UTC with milliseconds.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}

// logLines writes rows as lines of JSON.
func logLines(rows []Row) ([]byte, error) {
	var out []byte
	for i := range rows {
		line, err := json.Marshal(rows[i])
		if err != nil {
			return nil, fmt.Errorf("encode change log: %w", err)
		}
		out = append(append(out, line...), '\n')
	}
	return out, nil
}
