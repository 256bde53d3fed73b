package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
)

// explanation is why one instance counts as it does under one license.
type explanation struct {
	License     string
	Name        string
	Resource    string
	Instance    string
	State       license.State
	Launch      time.Time
	Association string
	Lineage     []string `json:",omitempty"` // of its image, a step each
	Verdict     ledger.Verdict
	Cause       ledger.Cause `json:",omitempty"`
	Licenses    int64
	Estimated   bool
	Arithmetic  string
	Steps       []string // of the arithmetic, in words
	Inputs      license.Explanation
	Rules       []string
	RuleVersion int
	RulesFrom   time.Time
	Broken      []string `json:",omitempty"`
	Why         []string // of the verdict, in words
	Answer      string   `json:",omitempty"`
	Machine     string
	Since       time.Time `json:",omitzero"`  // of the association
	Recovered   []string  `json:",omitempty"` // which hosts the consuming one took the place of
	EventID     string    `json:",omitempty"`
	LaunchedBy  string    `json:",omitempty"`
	FirstSeen   time.Time `json:",omitzero"`
	Observed    time.Time `json:",omitzero"`
	Discovery   string    `json:",omitempty"` // what a product found, since when, and whether and why it is lost
	Confirmed   time.Time `json:",omitzero"`  // when a managed node last told of itself
	Stale       bool      `json:",omitempty"` // that is too long ago
}

func explainCommand() *cobra.Command {
	var r reader
	c := &cobra.Command{
		Use: "explain RESOURCE", Short: "why an instance, a host or a database counts as it does, from event to count",
		Long: `Why an instance, a Dedicated Host or a database of RDS (db:NAME) counts as it does under each license: what was seen, through which
association a license applies, the rules in force, the arithmetic step by step, the verdict and its reason,
and what is or would be answered.`,
		Example: examples("licenseguard explain i-0123456789abcdef0", "licenseguard explain h-0123456789abcdef0 --stack Licenseguard",
			"licenseguard explain arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0 --json"),
		Args: one("name an instance, a Dedicated Host or a database, such as i-0123456789abcdef0 or db:payroll"),
		RunE: func(c *cobra.Command, args []string) error {
			return r.read(c.Context(), func(store opened) error { return explain(c, &r, store, args[0]) })
		},
	}
	r.flags(c)
	return c
}

func explain(c *cobra.Command, r *reader, store opened, resource string) error {
	now, out := time.Now(), c.OutOrStdout()
	named := resourceNamed(resource)
	all, err := readAll(c.Context(), store, now)
	if err != nil {
		return err
	}
	recoveries, err := recoveries(c.Context(), store)
	if err != nil {
		return err
	}
	found := []explanation{}
	for _, l := range all.licenses {
		for i := range l.Entries {
			if e := &l.Entries[i]; len(e.Members) == 0 && e.Verdict != ledger.Released && named(e.Resource) {
				found = append(found, explainBound(l, e, now))
			}
			for j := range l.Entries[i].Members {
				m := &l.Entries[i].Members[j]
				if !named(m.Instance) && !named(l.Entries[i].Resource) {
					continue
				}
				facts, err := store.LoadFacts(c.Context(), []license.ResourceID{m.Instance})
				if err != nil {
					return err
				}
				found = append(found, explainMember(l, &l.Entries[i], m, facts[m.Instance], now))
			}
		}
	}
	for i := range found {
		found[i].Recovered = recoveredOnto(recoveries, found[i].Resource)
	}
	if r.json {
		return console.JSON(out, found)
	}
	if len(found) == 0 {
		for _, r := range recoveries {
			if named(r.From) {
				fmt.Fprintf(out, "It failed (%s); its licenses moved to %s, as seen %s.\n", r.State, r.To.AWSID(), stamp(r.Seen))
			}
		}
		return explainUnheld(c.Context(), store, named, resource, len(all.licenses), out)
	}
	for i, e := range found {
		if i > 0 {
			fmt.Fprintln(out)
		}
		printExplanation(out, e)
	}
	return nil
}

// resourceNamed reports whether a resource is meant by an AWS id, by ACCOUNT/REGION/id
// or by an ARN.
func resourceNamed(text string) func(license.ResourceID) bool {
	return func(id license.ResourceID) bool {
		return id != "" && (id.AWSID() == text || string(id) == text || id.ARN() == text)
	}
}

// explainUnheld tells what is known of an instance that no license holds.
func explainUnheld(ctx context.Context, store opened, named func(license.ResourceID) bool, text string, licenses int, out io.Writer) error {
	_, accounts, region, err := watched(ctx, store)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "No license holds %s.\n", telemetry.Clean(text, 400))
	known := false
	err = eachOnRecord(ctx, store, accounts, region, func(f ledger.Facts) error {
		if named(f.Instance.ID) {
			known = true
			fmt.Fprintf(out, "It is on record: %s.\nNone of the %s applies to it by image %s, by its tags, or otherwise; licenseguard license show tells what one applies to.\n",
				machineOf(&f.Instance), plural(licenses, "license", "licenses"), cmp.Or(f.Instance.ImageID, "(unknown)"))
			for _, d := range f.Instance.Discoveries {
				fmt.Fprintf(out, "  %s\n", telemetry.Clean(d.ConfigurationID+": "+d.String(), 600))
			}
			for _, step := range f.Instance.Lineage() {
				fmt.Fprintf(out, "  %s\n", telemetry.Clean(step, 400))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !known {
		fmt.Fprintln(out, "It is not on record either: no event and no sweep told of it.")
	}
	return nil
}

func explainMember(l *ledger.License, e *ledger.Entry, m *ledger.Member, facts ledger.Facts, now time.Time) explanation {
	rules, version := l.Configuration.RulesAt(now)
	usage := ledger.Usage(&l.Configuration, rules, e, catalog.Embedded())
	x := explanation{License: l.Configuration.ID, Name: l.Configuration.Name, Resource: e.Resource.AWSID(), Instance: m.Instance.AWSID(), State: m.State,
		Launch: m.Generation.Launch, Association: string(m.Kind) + " " + m.Value, Verdict: e.Verdict, Cause: m.Cause, Licenses: e.Licenses,
		Estimated: e.Estimated, Arithmetic: usage.Explanation.String(), Steps: usage.Explanation.Steps(), Inputs: usage.Explanation, RuleVersion: version,
		FirstSeen: m.FirstSeen, Observed: m.Observed, EventID: facts.EventID, LaunchedBy: facts.LaunchedBy, Machine: machineOf(&facts.Instance), Lineage: facts.Instance.Lineage()}
	if version > 0 {
		x.Rules, x.RulesFrom = l.Configuration.Rules[version-1].Text, l.Configuration.Rules[version-1].Effective
	}
	for _, h := range facts.Held {
		if h.ConfigurationID == l.Configuration.ID {
			x.Association, x.Since = h.String(), h.Since
		}
	}
	if d, ok := facts.Instance.Discovery(l.Configuration.ID); ok {
		x.Discovery = d.String()
	}
	x.Confirmed, x.Stale = facts.Confirmed, snapshot.Stale(&facts, now)
	for _, v := range m.Broken {
		x.Broken = append(x.Broken, v.String())
	}
	x.Why, x.Answer = verdictWhy(l, e, m, now), answerWords(l, e, m, now)
	return x
}

// explainBound explains a host on which nothing is any more, and whose licenses are
// bound to it.
func explainBound(l *ledger.License, e *ledger.Entry, now time.Time) explanation {
	x := explainMember(l, e, &ledger.Member{}, ledger.Facts{}, now)
	x.Association = ""
	x.Why = append(x.Why, fmt.Sprintf("No instance uses it; a rule binds its licenses to it until %s.", stamp(e.AffinityUntil)))
	return x
}

// recoveries returns the failures of hosts on record.
func recoveries(ctx context.Context, store ledger.Documents) ([]ledger.Recovery, error) {
	documents, err := store.Documents(ctx, ledger.HostRecovery, "")
	if err != nil {
		return nil, fmt.Errorf("read the recoveries of hosts: %w", err)
	}
	out := make([]ledger.Recovery, len(documents))
	for i, d := range documents {
		if err := json.Unmarshal(d.Data, &out[i]); err != nil {
			return nil, fmt.Errorf("read the recovery %s: %w", d.ID, err)
		}
	}
	return out, nil
}

func recoveredOnto(recoveries []ledger.Recovery, host string) (out []string) {
	for _, r := range recoveries {
		if r.To.AWSID() == host {
			out = append(out, fmt.Sprintf("it took the place of %s, which failed (%s)", r.From.AWSID(), r.State), "and its licenses, as seen "+stamp(r.Seen))
		}
	}
	return out
}

func answerWords(l *ledger.License, e *ledger.Entry, m *ledger.Member, now time.Time) string {
	answer := l.Answer(e, m, now)
	switch {
	case m.Answered != "":
		return answeredWords(ledger.Done(m.Answered))
	case answer.Wanted() && answer.Mode == license.Observe:
		return fmt.Sprintf("none, because it observes; it would %s: %s", answer.Action, answer.Why)
	case answer.Wanted():
		return fmt.Sprintf("%s (mode %s) not before %s: %s", answer.Action, answer.Mode, stamp(answer.NotBefore), answer.Why)
	default:
		return answer.Why
	}
}

// answeredWords says what was done; of what has no words here, its own.
func answeredWords(done ledger.Done) string {
	switch done {
	case ledger.DoneWouldStop:
		return "would-stop: said that it would be stopped, and nothing done, because it observes"
	case ledger.DoneWouldTag:
		return "would-tag: said that it would be tagged, and nothing done, because it observes"
	case ledger.DoneUndone:
		return "undone: a person took the answer back"
	default:
		return string(done)
	}
}

// verdictWhy gives the reasons of a verdict, a sentence each.
func verdictWhy(l *ledger.License, e *ledger.Entry, m *ledger.Member, now time.Time) (why []string) {
	say := func(format string, args ...any) { why = append(why, fmt.Sprintf(format, args...)) }
	count, _ := l.Configuration.CountAt(now)
	others := l.Totals.Covered
	if e.Verdict == ledger.Covered {
		others -= e.Licenses
	}
	switch e.Verdict {
	case ledger.Covered:
		say("%d licensed; %d cover others, so %d are free and these %d fit.", count, others, count-others, e.Licenses)
	case ledger.Over:
		say("%d licensed; %d cover what was launched before, so %d are free and these %d do not fit.", count, others, max(0, count-others), e.Licenses)
	case ledger.Broken:
		say("It breaks a rule; what breaks a rule is never covered.")
	case ledger.Tracked:
		say("The license has no count: it is counted, and limited by nothing.")
	case ledger.Ignored:
		say("The license is disabled: what uses it counts for nothing.")
	case ledger.Released:
		say("It uses no license now, because it is %s.", released(m))
	}
	if l.Configuration.Expired(now) {
		say("The licenses ended on %s.", stamp(l.Configuration.Expiry))
	}
	switch m.Cause {
	case ledger.ByLaunch:
		say("It was launched when the limit was known: it is answered without asking.")
	case ledger.ByChange:
		say("A changed count, rule, association, status or mode made it so: only a person answers that.")
	case ledger.ByFind:
		say("It was running long before it was first seen: only a person answers that.")
	}
	return why
}

func released(m *ledger.Member) string {
	if m.Gone {
		return "no longer associated"
	}
	return string(m.State)
}

// machineOf says what an instance is, for a count.
func machineOf(in *license.Instance) string {
	if in.ID == "" {
		return ""
	}
	parts := []string{in.Type, string(in.State)}
	if in.Tenancy != "" {
		parts = append(parts, string(in.Tenancy))
	}
	if in.HostID != "" {
		parts = append(parts, "on host "+in.HostID)
	}
	if o := in.CPUOptions; o.Known() {
		parts = append(parts, fmt.Sprintf("%d cores with %d threads", o.Cores, o.ThreadsPerCore))
	}
	account, region, _ := in.ID.Parts()
	return strings.Join(append(parts, "in account "+account+", "+region), ", ")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func printExplanation(out io.Writer, e explanation) {
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", label, telemetry.Clean(value, 600))
		}
	}
	more := func(values []string) {
		for _, v := range values {
			line("", v)
		}
	}
	fmt.Fprintf(out, "%s under %s (%s)\n", cmp.Or(e.Instance, e.Resource), telemetry.Clean(e.Name, 400), e.License)
	if e.Resource != e.Instance {
		line("counted on", e.Resource+", a Dedicated Host that counts as a whole")
		more(e.Recovered)
	}
	if e.Instance != "" {
		line("event", e.EventID)
		began := "launched"
		if strings.HasPrefix(e.Instance, license.DatabasePrefix) {
			began = "created"
		}
		line(began, stamp(e.Launch)+by(e.LaunchedBy))
		line("seen", fmt.Sprintf("first %s, last looked at %s", stamp(e.FirstSeen), stamp(e.Observed)))
		line("machine", cmp.Or(e.Machine, string(e.State)))
		line("applies by", e.Association+since(e.Since))
		line("", e.Discovery)
		if !e.Confirmed.IsZero() {
			line("told", confirmedWords(e))
		}
		more(e.Lineage)
	}
	line("rules", fmt.Sprintf("version %d, since %s: %s", e.RuleVersion, stamp(e.RulesFrom), cmp.Or(strings.Join(e.Rules, " "), "none")))
	line("count", e.Arithmetic)
	more(e.Steps)
	line("breaks", strings.Join(e.Broken, "; "))
	line("verdict", strings.TrimSpace(string(e.Verdict)+" "+string(e.Cause)))
	more(e.Why)
	line("answer", cmp.Or(e.Answer, "none"))
}

func confirmedWords(e explanation) string {
	text := "last by the node itself " + stamp(e.Confirmed)
	if e.Stale {
		text += "; stale since " + stamp(e.Confirmed.Add(snapshot.StaleAfter)) + ": it counts until it is deregistered"
	}
	return text
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", since " + stamp(t)
}
