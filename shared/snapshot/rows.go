package snapshot

import (
	"strings"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Position is one license at an instant. The tags are the columns of the
// Athena table and of the CSV.
type Position struct {
	ReportDate       string  `parquet:"report_date"`
	RecordedAt       string  `parquet:"recorded_at"`
	ARN              string  `parquet:"license_configuration_arn"`
	ID               string  `parquet:"license_configuration_id"`
	Name             string  `parquet:"name"`
	OwnerAccountID   string  `parquet:"owner_account_id"`
	CountingType     string  `parquet:"license_counting_type"`
	Rules            string  `parquet:"license_rules"`
	Count            *int64  `parquet:"license_count,optional"`
	HardLimit        bool    `parquet:"license_count_hard_limit"`
	Status           string  `parquet:"status"`
	Consumed         int64   `parquet:"consumed_licenses"`
	Available        *int64  `parquet:"available_licenses,optional"`
	Covered          int64   `parquet:"covered_licenses"`
	Over             int64   `parquet:"over_licenses"`
	AgainstRules     int64   `parquet:"against_rules_licenses"`
	Running          int64   `parquet:"running_licenses"`
	Stopped          int64   `parquet:"stopped_licenses"`
	Affinity         int64   `parquet:"affinity_licenses"`
	Reserved         int64   `parquet:"reserved_licenses"`
	Estimated        int64   `parquet:"estimated_licenses"`
	Percent          float64 `parquet:"percent"`
	InstanceConsumed int64   `parquet:"ec2_instance_consumed"`
	HostConsumed     int64   `parquet:"ec2_host_consumed"`
	RDSConsumed      int64   `parquet:"rds_consumed"`
	NodeConsumed     int64   `parquet:"systems_manager_managed_instance_consumed"`
	Instances        int64   `parquet:"ec2_instance_associations"`
	Hosts            int64   `parquet:"ec2_host_associations"`
	AMIs             int64   `parquet:"ec2_ami_associations"`
	RuleVersion      int64   `parquet:"rule_version"`
	Revision         int64   `parquet:"revision"`
	// Stale is what of Consumed is used by nodes that fell silent, of StaleNodes; without
	// them Consumed would be WithoutStale. What is true lies between the two.
	Stale        int64 `parquet:"stale_licenses"`
	StaleNodes   int64 `parquet:"stale_nodes"`
	WithoutStale int64 `parquet:"consumed_without_stale"`
}

// StaleAfter is how long a managed node may tell nothing of itself before what it uses
// is shown as stale: an agent tells every few minutes, an inventory every half hour to a
// day (Systems Manager user guide, 2026).
const StaleAfter = 48 * time.Hour

// Usage is what one resource consumes of one license at an instant. A
// Dedicated Host that is counted as a whole has one row, with its instances in
// Members.
type Usage struct {
	ReportDate      string `parquet:"report_date"`
	RecordedAt      string `parquet:"recorded_at"`
	ARN             string `parquet:"license_configuration_arn"`
	ID              string `parquet:"license_configuration_id"`
	ResourceARN     string `parquet:"resource_arn"`
	ResourceName    string `parquet:"resource_name"` // the instance's Name tag
	ResourceType    string `parquet:"resource_type"`
	ResourceStatus  string `parquet:"resource_status"`
	ResourceOwnerID string `parquet:"resource_owner_id"`
	InstanceType    string `parquet:"instance_type"`
	AssociationTime string `parquet:"association_time"`
	Consumed        int64  `parquet:"consumed_licenses"`
	Verdict         string `parquet:"verdict"`
	Reason          string `parquet:"reason"` // ami ami-…, tag key=value, …
	RuleExplanation string `parquet:"rule_explanation"`
	BrokenRules     string `parquet:"broken_rules"`
	Cause           string `parquet:"cause"`
	Answered        string `parquet:"answered"`
	HostID          string `parquet:"host_id"`
	Members         string `parquet:"members"`
	FirstSeen       string `parquet:"first_seen"`
	LastSeen        string `parquet:"last_seen"`
	Estimated       bool   `parquet:"estimated"`
	Revision        int64  `parquet:"revision"`
	Confirmed       string `parquet:"confirmed"`   // when a node last told of itself, to within a few hours; last_seen of others
	StaleSince      string `parquet:"stale_since"` // of a node that has told nothing for StaleAfter
	Tags            string `parquet:"tags"`        // the instance's, as one object of JSON; "{}" for a host
}

// NotCounted is how the status of a disabled license is reported: its numbers
// are observed, but count for nothing.
const NotCounted = "DISABLED (not counted)"

// PositionOf returns the position of a license.
func PositionOf(l *ledger.License, now time.Time) Position {
	c := &l.Configuration
	t, used := l.Totals, l.UsedBy()
	p := Position{
		ReportDate: now.UTC().Format(time.DateOnly), RecordedAt: stamp(now), ARN: c.ARN, ID: c.ID, Name: c.Name, OwnerAccountID: ownerOf(c.ARN),
		CountingType: string(c.CountingType), HardLimit: c.HardLimit, Status: string(c.Status),
		Consumed: t.Deployed(), Covered: t.Covered, Over: t.Over, AgainstRules: t.Broken, Running: t.Running, Stopped: t.Stopped,
		Affinity: t.Affinity, Reserved: t.Reserved, Estimated: t.Estimated,
		InstanceConsumed: used[license.EC2Instance], HostConsumed: used[license.EC2Host], RDSConsumed: used[license.Database], NodeConsumed: used[license.ManagedNode],
		RuleVersion: int64(l.RuleVersion), Revision: l.Revision,
	}
	if _, v := c.RulesAt(now); v > 0 {
		p.Rules = strings.Join(c.Rules[v-1].Text, " ")
	}
	if c.Status == license.Disabled {
		p.Status = NotCounted
	}
	p.Instances, p.Hosts, p.AMIs = associations(l)
	p.WithoutStale = p.Consumed
	if count, ok := c.CountAt(now); ok {
		available := max(0, count-t.Deployed())
		p.Count, p.Available = &count, &available
		if count > 0 {
			p.Percent = 100 * float64(t.Deployed()) / float64(count)
		}
	}
	return p
}

// WithUsages returns the position with what its usages tell of stale nodes.
func (p Position) WithUsages(usages []Usage) Position {
	p.Stale, p.StaleNodes = 0, 0
	for i := range usages {
		if usages[i].StaleSince != "" {
			p.Stale += usages[i].Consumed
			p.StaleNodes++
		}
	}
	p.WithoutStale = p.Consumed - p.Stale
	return p
}

// associations counts the resources that a license applies to, consuming or not.
func associations(l *ledger.License) (instances, hosts, amis int64) {
	for i := range l.Entries {
		if l.Entries[i].Resource.Type() == license.EC2Host && l.Entries[i].Verdict != ledger.Released {
			hosts++
		}
		for j := range l.Entries[i].Members {
			if m := &l.Entries[i].Members[j]; !m.Gone && m.State != license.Terminated {
				instances++
			}
		}
	}
	for _, a := range l.Configuration.Associations {
		if a.Kind == license.ByAMI {
			amis++
		}
	}
	return instances, hosts, amis
}

// UsagesOf returns the usage of each resource that consumes the license, in
// the order in which cover is given. facts may lack resources.
func UsagesOf(l *ledger.License, facts map[license.ResourceID]ledger.Facts, now time.Time, catalog license.Catalog) []Usage {
	rules, _ := l.Configuration.RulesAt(now)
	var out []Usage
	for _, i := range l.InOrder() {
		e := &l.Entries[i]
		if e.Verdict == ledger.Released {
			continue
		}
		out = append(out, usageOf(l, e, rules, facts, now, catalog))
	}
	return out
}

func usageOf(l *ledger.License, e *ledger.Entry, rules license.Rules, facts map[license.ResourceID]ledger.Facts, now time.Time, catalog license.Catalog) Usage {
	account, _, awsID := e.Resource.Parts()
	u := Usage{
		ReportDate: now.UTC().Format(time.DateOnly), RecordedAt: stamp(now), ARN: l.Configuration.ARN, ID: l.Configuration.ID,
		ResourceARN: e.Resource.ARN(), ResourceType: string(e.Resource.Type()), ResourceOwnerID: account,
		Consumed: e.Licenses, Verdict: string(e.Verdict), Estimated: e.Estimated, Revision: l.Revision, Tags: "{}",
		RuleExplanation: ledger.Usage(&l.Configuration, rules, e, catalog).Explanation.String(),
	}
	if e.Resource.Type() == license.EC2Host {
		u.HostID, u.ResourceStatus, u.InstanceType = awsID, "available", e.Host.Family
	}
	var members []string
	for j := range e.Members {
		m := &e.Members[j]
		if !m.Consuming(&rules) {
			continue
		}
		members = append(members, m.Instance.AWSID()+" "+string(m.State))
		u.BrokenRules = joinText(u.BrokenRules, violations(m.Broken))
		u.FirstSeen, u.LastSeen, u.Cause, u.Answered = stamp(m.FirstSeen), stamp(m.Observed), string(m.Cause), m.Answered
		u.Reason = string(m.Kind) + " " + m.Value
		f := facts[m.Instance]
		u.Confirmed = u.LastSeen
		if m.Instance.Type() == license.ManagedNode {
			u.Confirmed = stamp(f.Confirmed)
			if Stale(&f, now) {
				u.StaleSince = stamp(f.Confirmed.Add(StaleAfter))
			}
		}
		for _, h := range f.Held {
			if h.ConfigurationID == l.Configuration.ID {
				u.AssociationTime = stamp(h.Since)
			}
		}
		if e.Resource.Type() != license.EC2Host {
			u.ResourceStatus, u.InstanceType, u.ResourceName, u.HostID = string(m.State), m.Type, f.Instance.Tags["Name"], f.Instance.HostID
			u.Tags = tagsText(f.Instance.Tags)
		}
	}
	if e.Resource.Type() == license.EC2Host {
		u.Members = strings.Join(members, ", ")
	}
	return u
}

// Stale reports whether a managed node has told nothing of itself for too long. It is
// counted on, until it is deregistered or a person decides otherwise.
func Stale(f *ledger.Facts, now time.Time) bool {
	return f.Instance.ID.Type() == license.ManagedNode && !f.Confirmed.IsZero() && now.Sub(f.Confirmed) >= StaleAfter
}

func violations(broken []license.Violation) string {
	var text string
	for _, v := range broken {
		text = joinText(text, v.String())
	}
	return text
}

func joinText(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func ownerOf(arn string) string {
	if parts := strings.Split(arn, ":"); len(parts) > 4 {
		return parts[4]
	}
	return ""
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05.000")
}
