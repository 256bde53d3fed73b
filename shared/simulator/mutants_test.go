package simulator

var mutants = []mutant{
	// The store and its committer.
	{"check, then write", 500, "", []edit{
		{"simulator/store.go", "if before == nil && c.License.Revision != 1 || before != nil && before.Revision != c.License.Revision-1 {", "if false {"}}},
	{"a conflict is taken for success", 500, "", []edit{
		{"ledger/committer.go", "if attempt == maxAttempts {", "if attempt == 1 && b.Configuration == nil { return next, result, nil }\n\t\tif attempt == maxAttempts {"}}},
	{"after a conflict the claims are forgotten", 500, "", []edit{
		{"ledger/committer.go", "if l = conflict.Newer; l == nil {", "b.Claims = nil\n\t\tif l = conflict.Newer; l == nil {"}}},
	{"a touched page is not written", 500, "", []edit{
		{"ledger/fold.go", "pages = append(pages, p)", "if p != 1 { pages = append(pages, p) }"}}},

	// The fences.
	{"no fence by generation", 500, "", []edit{
		{"ledger/claim.go", "switch c.Generation.Compare(m.Generation) {", "switch max(0, c.Generation.Compare(m.Generation)) {"}}},
	{"no fence by observation", 500, "", []edit{
		{"ledger/claim.go", "return c.Observed.Before(m.Observed)", "return false"}}},
	{"no fence for what is gone", 500, "", []edit{
		{"ledger/claim.go", "return !m.Observed.Before(c.Observed)", "return false"}}},
	{"what was gone stays gone", 500, "", []edit{
		{"ledger/claim.go", "m.State, m.Observed = license.Terminated, c.Observed", "m.State, m.Observed, m.Generation.Rank = license.Terminated, c.Observed, 5"}}},
	{"a new launch keeps the old answer", 500, "", []edit{
		{"ledger/claim.go", `m.FirstSeen, m.Answered, m.Cause = c.Observed, "", ""`, `m.FirstSeen, m.Cause = c.Observed, ""`}}},

	// Counting and cover.
	{"a counter beside the record", 500, "", []edit{
		{"ledger/finish.go", "f.l.Totals = t", "t.Over = f.old.Totals.Over\n\tf.l.Totals = t"}}},
	{"licenses bound to hosts are not counted", 500, "", []edit{
		{"ledger/finish.go", "t.Affinity += e.Licenses", "t.Affinity += 0"}}},
	{"the id before the launch", 500, "", []edit{
		{"ledger/cover.go", "if c := a.First.Compare(b.First); c != 0 {", "if c := cmp.Compare(a.Resource, b.Resource); c != 0 {"}}},
	{"the youngest is promoted", 500, "", []edit{
		{"ledger/cover.go", "f.sortByPlace(waiting)", "f.sortByPlace(waiting)\n\tslices.Reverse(waiting)"}}},
	{"cover is taken after the settle window", 500, "", []edit{
		{"ledger/cover.go", "f.now.Before(e.Since.Add(f.l.Configuration.Enforcement.Settle))", "!f.now.Before(e.Since)"}}},
	{"the expiry leaves the count", 500, "", []edit{
		{"license/configuration.go", "if !c.Expiry.IsZero() && !now.Before(c.Expiry) {", "if false {"}}},
	{"the end of an affinity never falls due", 500, "", []edit{
		{"ledger/finish.go", "earlier(e.AffinityUntil)", "_ = e"}}},
	{"a dated rule never falls due", 500, "", []edit{
		{"ledger/finish.go", "earlier(f.l.Configuration.NextChange(f.now))", ""}}},
	{"no inherited association", 500, "", []edit{
		{"license/association.go", "if offered || before.Kind.Inherited() {", "if offered {"}}},

	// Alerts.
	{"an alert is not armed again", 500, "", []edit{
		{"ledger/alerts.go", "a.Exceeded, a.Raised = exceeded, raised", "a.Exceeded, a.Raised = exceeded || a.Exceeded, raised"}}},
	{"no notice of the expiry", 500, "", []edit{
		{"ledger/alerts.go", "f.raise(AlertExpiry, notice, nil)", ""}}},
	{"an alert before the change log", 500, "", []edit{
		{"publish/publisher.go", "if err := p.log(ctx, group); err != nil {", "if err := error(nil); err != nil || group == nil {"},
		{"publish/publisher.go", "return p.metrics(changes)", "for _, group := range byLicense(changes) {\n\t\tif err := p.log(ctx, group); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\treturn p.metrics(changes)"}}},
	{"an alert is marked before it is sent", 500, "", []edit{
		{"publish/publisher.go", "if err != nil || sent {", "if err != nil || sent || p.Marks.Mark(ctx, a.ID, p.Now()) != nil {"}}},
	{"an alert is not marked", 500, "", []edit{
		{"publish/publisher.go", "return p.Marks.Mark(ctx, a.ID, p.Now())", "return nil"}}},
	{"the marks are not asked", 500, "", []edit{
		{"publish/publisher.go", "if err != nil || sent {", "_ = sent\n\tif err != nil {"}}},
	{"a failed batch of the stream is passed", 500, "", []edit{
		{"adapter/handler/publish.go", "return records[0].Sequence", `return ""`}}},
	{"a failed alert is acknowledged", 500, "", []edit{
		{"adapter/handler/publish.go", "response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})", ""}}},

	// Policy.
	{"what is found is answered", 500, "", []edit{
		{"ledger/cover.go", "case m.FirstSeen.After(launch.Add(discoveryWindow)):", "case false:"}}},
	{"a late association is answered", 500, "", []edit{
		{"ledger/claim.go", "return c.Offered.After(launch) ||", "return false ||"}}},
	{"what ran before a lower count is answered", 500, "", []edit{
		{"ledger/cover.go", "case !launch.After(known) || m.Late:", "case m.Late:"}}},
	{"what lost its cover to a lower count is answered", 500, "", []edit{
		{"ledger/cover.go", "return ByChange })", "return ByLaunch })"}}},
	{"a restart is taken for a launch", 500, "", []edit{
		{"ledger/cover.go", "case !m.Known.IsZero() && !m.Known.After(known):", "case false:"}}},
	{"an estimate is answered", 500, "", []edit{
		{"ledger/answer.go", "over := e.Verdict == Over && l.surelyOver(e, now)", "over := e.Verdict == Over"}}},
	{"the expired are answered", 500, "", []edit{
		{"ledger/answer.go", "case c.Expired(now):", "case false:"}}},
	{"no settle window", 500, "", []edit{
		{"ledger/answer.go", "NotBefore: since.Add(c.Enforcement.Settle), Why: WhyOver}", "NotBefore: since, Why: WhyOver}"}}},
	{"no time for tags", 500, "", []edit{
		{"ledger/answer.go", "m.Generation.Launch.Add(tagsTime)", "m.Generation.Launch.Add(0)"}}},
	{"no budget", 500, "", []edit{
		{"ledger/answer.go", "ActionsPerHour; over >= 0 {", "ActionsPerHour; over >= 1000 {"}}},
	{"observe acts", 500, "", []edit{
		{"ledger/answer.go", "case answer.Mode == license.Observe:", "case false:"},
		{"enforce/enforcer.go", "if answer.Mode == license.Observe {", "if false {"}}},

	// Enforcement.
	{"no license is read again", 500, "", []edit{
		{"enforce/act.go", "seen, ok, err = e.confirm(ctx, &p, r)", "seen, ok, err = e.look(ctx, l, &p, r)"}}},
	{"no look", 500, "", []edit{
		{"enforce/enforcer.go", "_, ok, err := e.look(ctx, l, p, r)", "ok, err := true, error(nil)"},
		{"enforce/act.go", "return e.look(ctx, l, p, r)", "_ = l\n\treturn seen, true, nil"}}},
	{"no second look", 500, "", []edit{
		{"enforce/act.go", "return e.look(ctx, l, p, r)", "_ = l\n\treturn seen, true, nil"}}},
	{"the last look sees no guard", 500, "", []edit{
		{"enforce/enforcer.go", "if p.Action == license.Stop && ledger.GuardOf(in, e.Catalog) != ledger.Unguarded {", "if false {"}}},
	{"another launch is stopped", 500, "", []edit{
		{"enforce/enforcer.go", "case !in.LaunchTime.Equal(p.Launch):", "case false:"}}},
	{"an ended association is answered", 1500, "", []edit{
		{"enforce/enforcer.go", "case !associated(l, p.Instance, in):", "case false:"}}},
	{"a failed stop is taken for done", 500, "", []edit{
		{"enforce/act.go", "case err != nil:", "case err != nil && p.Action == license.Tag:"}}},
	{"no outcome is recorded", 500, "", []edit{
		{"enforce/act.go", "if _, _, err := e.committer().Apply(ctx, id, ledger.Batch{Outcomes: outcomes}); err != nil {", "if err := error(nil); err != nil {"}}},
	{"what failed is dropped", 500, Harsh, []edit{
		{"enforce/enforcer.go", "return e.Store.PutAction(ctx, p)", "return e.Store.DropAction(ctx, p)"}}},
	{"a lost action is not recovered", 500, "", []edit{
		{"enforce/queue.go", "if !answer.Wanted() || m.Intent.Live(now) {", "if true {"}}},
	{"a failed record of the stream is passed", 500, Harsh, []edit{
		{"adapter/handler/enforce.go", "return r.Sequence", `return ""`}}},

	// Tracking.
	{"a partial failure acknowledges everything", 500, "", []edit{
		{"track/handle.go", "if r.failed[license.NewResourceID(s.Account, s.Region, p.hint.ID)] != nil {", "if false {"}}},
	{"nothing is buried", 500, "", []edit{
		{"track/handle.go", "if err := b.t.DeadLetters.Bury(ctx, d); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a failed tick is acknowledged", 500, "", []edit{
		{"track/handle.go", "changes, err := b.t.FoldDue(ctx)", "changes, err := b.t.FoldDue(ctx)\n\terr = nil"}}},
	{"an old description is believed", 500, "", []edit{
		{"track/handle.go", "if known && contradicts(p, in) && !final {", "if known && contradicts(p, in) && !final && false {"}}},
	{"configurations are not read again", 1500, "", []edit{
		{"track/sighting.go", "moved, err := t.refresh(ctx)", "moved, err := false, error(nil)"}}},
	{"facts are not written", 500, "", []edit{
		{"track/sighting.go", "if err := t.Store.SaveFacts(ctx, changed); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a change of a configuration claims nothing", 500, "", []edit{
		{"track/configure.go", "if err := t.Reassociate(ctx); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a sweep does not ask directly", 500, "", []edit{
		{"track/sweep.go", "for look := range 2 {", "for look := range 0 {"}}},
	{"a sweep asks directly only once", 500, "", []edit{
		{"track/sweep.go", "for look := range 2 {", "for look := range 1 {"}}},
	{"a sweep releases what a failed page did not list", 500, "", []edit{
		{"track/sweep.go", `return report, fmt.Errorf("sweep account %s: nothing was released: %w", account, err)`, "report.Took = 0"},
		{"track/sweep.go", "for look := range 2 {", "for look := range 0 {"}}},
	{"a sweep releases nothing", 500, "", []edit{
		{"track/sweep.go", "if err := t.release(ctx, s, missing, &report); err != nil {", "_ = missing\n\tif err := error(nil); err != nil {"}}},
	{"lost facts are not adopted", 500, "", []edit{
		{"track/sweep.go", "if err := t.adopt(ctx, s, &report); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a dated rule does not claim what stopped before", 500, "", []edit{
		{"track/handle.go", "failed = append(failed, t.countStopped(ctx))", ""}}},
}
