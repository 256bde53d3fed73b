package simulator

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/publish"
	"licenseguard/shared/snapshot"
)

// verify checks, when all is quiet, that the ledger equals the cloud, that all
// was answered and told, and that the log has it all.
func (s *Sim) verify() {
	if len(s.violations) > 0 {
		return
	}
	if s.profile.deaf {
		s.verifySwept()
		return
	}
	if len(s.processes) > 0 {
		s.violate("%s still runs", s.processes[0].name)
	}
	for name, q := range s.queues {
		if len(q.messages) > 0 {
			s.violate("queue %s still holds %d messages", name, len(q.messages))
		}
	}
	for _, r := range s.readers {
		if r.at < len(s.stream) {
			s.violate("%s read %d of %d records", r.role, r.at, len(s.stream))
		}
	}
	if len(s.store.actions) > 0 {
		s.violate("actions are left: %s", s.pendingText())
	}
	configurations, _, _ := s.store.Configurations(nil) //nolint:staticcheck // memory needs no context
	for i := range configurations {
		l := s.store.licenses[configurations[i].ID]
		s.checkLicense(l, s.now)
		if l.Unsettled {
			s.violate("%s is not settled", l.Configuration.ID)
		}
		s.recount(l)
		s.verifyPosition(l)
		s.verifyAnswers(l)
		if !s.profile.hostile {
			s.verifyExpiry(l)
			s.verifyLog(l)
		}
	}
	if s.profile.hostile {
		return
	}
	for id, n := range s.alerts {
		if n == 0 {
			s.violate("nobody was told of %s", id)
		}
	}
}

// recount counts the cloud by itself and compares.
func (s *Sim) recount(l *ledger.License) {
	c := &l.Configuration
	rules := rulesOf(s.rulesAt(c, s.now).Text)
	want := make(map[license.ResourceID]int64)
	for _, m := range s.cloud.machines {
		in := m.in
		if !consumes(rules, in.State) || !slices.Contains(s.accounts, m.account()) || !s.holds(c, in) {
			continue
		}
		size := sizes[in.Type]
		switch {
		case c.CountingType == license.CountInstance:
			want[in.ID] = 1
		case c.CountingType == license.CountVCPU && rules["honorVcpuOptimization"] == "True" && in.CPUOptions.Known():
			want[in.ID] = in.CPUOptions.Cores * in.CPUOptions.ThreadsPerCore
		case c.CountingType == license.CountVCPU:
			want[in.ID] = size.vcpus
		case in.HostID != "":
			want[license.NewResourceID(m.account(), m.scope().Region, in.HostID)] = hostUnits(c)
		case c.CountingType == license.CountSocket:
			want[in.ID] = 2
		case in.CPUOptions.Known():
			want[in.ID] = in.CPUOptions.Cores
		default:
			want[in.ID] = size.cores
		}
	}
	if days, err := strconv.Atoi(rules["licenseAffinityToHost"]); err == nil {
		for h, since := range s.assigned {
			if h.license == c.ID && s.now.Before(since.Add(time.Duration(days)*24*time.Hour)) {
				want[h.instance] = hostUnits(c)
			}
		}
	}
	var sum int64
	for _, n := range want {
		sum += n
	}
	got := make(map[license.ResourceID]int64)
	for i := range l.Entries {
		if e := &l.Entries[i]; e.Verdict != ledger.Released {
			got[e.Resource] = e.Licenses
		}
	}
	for id, n := range want {
		if got[id] != n {
			s.violate("%s: %s uses %d licenses, the ledger says %d", c.ID, id.AWSID(), n, got[id])
		}
	}
	for id, n := range got {
		if want[id] == 0 {
			s.violate("%s: %s uses no license, the ledger says %d", c.ID, id.AWSID(), n)
		}
	}
	if sum != l.Totals.Deployed() {
		s.violate("%s: %d deployed, the ledger says %d", c.ID, sum, l.Totals.Deployed())
	}
}

// hostUnits is what a Dedicated Host of the world uses.
func hostUnits(c *license.Configuration) int64 {
	if c.CountingType == license.CountSocket {
		return 2
	}
	return 48
}

func consumes(rules map[string]string, state license.State) bool {
	switch state {
	case license.Pending, license.Running, license.Stopping, license.ShuttingDown:
		return true
	default:
		return state == license.Stopped && rules["includedStoppedInstances"] == "True"
	}
}

// holds reports whether a license applies to an instance. Whether it keeps an
// AMI's association that was given up depends on whether anybody looked before;
// only there the ledger's facts are believed.
func (s *Sim) holds(c *license.Configuration, in license.Instance) bool {
	for _, a := range c.Associations {
		if a.Matches(in) {
			return true
		}
	}
	if a, ok := s.inherits[holding{c.ID, in.ID}]; ok && !s.factsWereLost {
		return a.Matches(in)
	}
	for a, until := range s.once[c.ID] {
		if a.Kind.Inherited() && a.Matches(in) && s.cloud.byID[in.ID.AWSID()].past[0].at.Before(until) {
			return slices.ContainsFunc(s.store.facts[in.ID].Held, func(h license.Held) bool { return h.ConfigurationID == c.ID && h.Ended.IsZero() })
		}
	}
	return false
}

func rulesOf(text []string) map[string]string {
	rules := make(map[string]string)
	for _, line := range text {
		name, value, _ := strings.Cut(strings.TrimPrefix(line, "#"), "=")
		rules[name] = value
	}
	return rules
}

// verifyAnswers: what was launched over a hard limit is answered, unless it
// rests on an estimate or on what only the ledger knows.
func (s *Sim) verifyAnswers(l *ledger.License) {
	c := &l.Configuration
	if expired(c, s.now) {
		return // nothing is stopped then
	}
	if !c.HardLimit || c.Status == license.Disabled || c.Enforcement.Mode == license.Observe {
		return
	}
	for i := range l.Entries {
		e := &l.Entries[i]
		for j := range e.Members {
			m := &e.Members[j]
			if s.profile.unswept && !s.called[holding{c.ID, m.Instance}] {
				continue // wanted since without a commit that says so: a sweep finds it
			}
			if a := l.Answer(e, m, s.now); a.Wanted() {
				s.violate("%s: %s is left without its answer: %+v", c.ID, m.Instance.AWSID(), a)
			}
			truth := s.cloud.byID[m.Instance.AWSID()].in
			if e.Verdict == ledger.Over && e.Resource == m.Instance && truth.State == license.Running && m.Answered == "" && l.Totals.Estimated == 0 && m.Cause == ledger.ByLaunch && !s.exempted[holding{c.ID, m.Instance}] {
				s.violate("%s: %s runs over the limit, launched after it, and was never answered: %s", c.ID, m.Instance.AWSID(), l.Answer(e, m, s.now).Why)
			}
			if m.Answered == string(ledger.DoneStopped) && truth.State == license.Running && truth.LaunchTime.Equal(m.Generation.Launch) {
				s.violate("%s: %s is noted as stopped, and runs", c.ID, m.Instance.AWSID())
			}
		}
	}
}

// verifySwept: after one sweep, and nothing else, the ledger is the cloud.
func (s *Sim) verifySwept() {
	for _, l := range s.store.licenses {
		s.checkLicense(l, s.now)
		s.recount(l)
		s.verifyPosition(l)
	}
}

// verifyPosition: what is reported is what the entries add up to.
func (s *Sim) verifyPosition(l *ledger.License) {
	p := snapshot.PositionOf(l, s.now)
	facts, _ := s.store.LoadFacts(nil, l.Instances()) //nolint:staticcheck // memory needs no context
	var consumed int64
	for _, u := range snapshot.UsagesOf(l, facts, s.now, catalog.Embedded()) {
		consumed += u.Consumed
	}
	if p.Consumed != l.Totals.Deployed() || p.Covered != l.Totals.Covered || p.Over != l.Totals.Over || consumed != p.Consumed {
		s.violate("%s: the position says %d, %d covered, %d over; its rows add up to %d; the totals are %+v", l.Configuration.ID, p.Consumed, p.Covered, p.Over, consumed, l.Totals)
	}
}

// verifyExpiry: the notice that holds now was sent.
func (s *Sim) verifyExpiry(l *ledger.License) {
	c := &l.Configuration
	if c.Expiry.IsZero() || c.Status == license.Disabled {
		return
	}
	for _, days := range []int{0, 30, 60, 90, 120} {
		if s.now.Before(c.Expiry.AddDate(0, 0, -days)) {
			continue
		}
		prefix := fmt.Sprintf("%s/%s/%d/", c.ID, ledger.AlertExpiry, days)
		for id := range s.alerts {
			if strings.HasPrefix(id, prefix) {
				return
			}
		}
		s.violate("%s ends at %s, and there was no notice of %d days", c.ID, c.Expiry, days)
		return
	}
}

// verifyLog: no revision is missing in the change log, and its rows lead to the
// license as it is.
func (s *Sim) verifyLog(l *ledger.License) {
	id := l.Configuration.ID
	revisions := make(map[int64][]publish.Row)
	for key, body := range s.archive {
		if !strings.Contains(key, "/"+id+"-") {
			continue
		}
		one := make(map[int64][]publish.Row)
		for line := range strings.Lines(body) {
			var row publish.Row
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				s.violate("%s: a row does not decode: %v", key, err)
				return
			}
			one[row.Revision] = append(one[row.Revision], row)
		}
		for r, rows := range one {
			revisions[r] = rows
		}
	}
	type last struct {
		row publish.Row
		on  bool
	}
	replay := make(map[string]last)
	rulesText := rulesOf(s.rulesAt(&l.Configuration, s.now).Text)
	for r := int64(1); r <= l.Revision; r++ {
		rows, ok := revisions[r]
		if !ok {
			s.violate("%s: revision %d is missing in the change log", id, r)
			return
		}
		for _, row := range rows {
			if row.InstanceID != "" {
				off := row.Verdict == string(ledger.Released) || !consumes(rulesText, license.State(row.State))
				replay[row.ResourceARN+" "+row.InstanceID] = last{row: row, on: !off}
			}
		}
		if r == l.Revision && rows[0].Deployed != l.Totals.Deployed() {
			s.violate("%s: the log ends with %d deployed, the ledger with %d", id, rows[0].Deployed, l.Totals.Deployed())
		}
	}
	rules, _ := l.Configuration.RulesAt(s.now)
	held := make(map[string]bool)
	for i := range l.Entries {
		e := &l.Entries[i]
		for j := range e.Members {
			m := &e.Members[j]
			key := e.Resource.ARN() + " " + m.Instance.AWSID()
			held[key] = true
			got := replay[key]
			if m.Consuming(&rules) && (got.row.Verdict != string(e.Verdict) || got.row.Licenses != e.Licenses || got.row.State != string(m.State)) {
				s.violate("%s: by the log %s is %s %s with %d licenses, by the ledger %s %s with %d", id, m.Instance.AWSID(),
					got.row.State, got.row.Verdict, got.row.Licenses, m.State, e.Verdict, e.Licenses)
			}
		}
	}
	for instance, got := range replay {
		if got.on && !held[instance] && strings.Contains(got.row.ResourceARN, ":instance/") { // a host's row is of the host
			s.violate("%s: by the log %s is %s, the ledger does not have it", id, instance, got.row.Verdict)
		}
	}
}
