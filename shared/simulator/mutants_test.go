package simulator

var mutants = []mutant{
	// The store and its committer.
	{"check, then write", 100, "", []edit{
		{"simulator/store.go", "; gone || before == nil && c.License.Revision != 1 || before != nil && before.Revision != c.License.Revision-1 {", "; gone && false {"}}},
	{"a conflict is taken for success", 100, "", []edit{
		{"ledger/committer.go", "if attempt == maxAttempts {", "if attempt == 1 && b.Configuration == nil { return next, result, nil }\n\t\tif attempt == maxAttempts {"}}},
	{"after a conflict the claims are forgotten", 100, "", []edit{
		{"ledger/committer.go", "if l = conflict.Newer; l == nil {", "b.Claims = nil\n\t\tif l = conflict.Newer; l == nil {"}}},
	{"a touched page is not written", 100, "", []edit{
		{"ledger/fold.go", "pages = append(pages, p)", "if p != 1 { pages = append(pages, p) }"}}},

	// The fences.
	{"no fence by generation", 200, "", []edit{
		{"ledger/claim.go", "switch c.Generation.Compare(m.Generation) {", "switch max(0, c.Generation.Compare(m.Generation)) {"},
		{"track/sighting.go", "return c < 0 || c == 0 &&", "return c == 0 &&"}}},
	{"no fence by observation", 400, "", []edit{
		{"ledger/claim.go", "return c.Observed.Before(m.Observed)", "return false"},
		{"track/sighting.go", "return c < 0 || c == 0 && after.Observed.Before(before.Observed)", "return c < 0"}}},
	{"a new launch keeps the old answer", 3000, "", []edit{
		{"ledger/claim.go", `m.FirstSeen, m.Answered, m.Cause = c.Observed, "", ""`, `m.FirstSeen, m.Cause = c.Observed, ""`}}},

	// Counting and cover.
	{"a counter beside the record", 100, "", []edit{
		{"ledger/finish.go", "f.l.Totals = t", "t.Over = f.old.Totals.Over\n\tf.l.Totals = t"}}},
	{"licenses bound to hosts are not counted", 100, "", []edit{
		{"ledger/finish.go", "t.Affinity += e.Licenses", "t.Affinity += 0"}}},
	{"the id before the launch", 100, "", []edit{
		{"ledger/cover.go", "if c := a.First.Compare(b.First); c != 0 {", "if c := cmp.Compare(a.Resource, b.Resource); c != 0 {"}}},
	{"the youngest is promoted", 100, "", []edit{
		{"ledger/cover.go", "f.sortByPlace(waiting)", "f.sortByPlace(waiting)\n\tslices.Reverse(waiting)"}}},
	{"cover is taken after the settle window", 100, "", []edit{
		{"ledger/cover.go", "f.now.Before(e.Since.Add(f.l.Configuration.Enforcement.Settle))", "!f.now.Before(e.Since)"}}},
	{"the expiry leaves the count", 100, "", []edit{
		{"license/configuration.go", "if !c.Expiry.IsZero() && !now.Before(c.Expiry) {", "if false {"}}},
	{"the end of an affinity never falls due", 900, "", []edit{
		{"ledger/finish.go", "earlier(e.AffinityUntil)", "_ = e"}}},
	{"a dated rule never falls due", 2400, "", []edit{
		{"ledger/finish.go", "earlier(f.l.Configuration.NextChange(f.now))", ""}}},
	{"no inherited association", 200, "", []edit{
		{"license/association.go", "if offered || before.Kind.Inherited() {", "if offered {"}}},

	// Alerts.
	{"an alert is not armed again", 100, "", []edit{
		{"ledger/alerts.go", "a.Exceeded, a.Raised = exceeded, raised", "a.Exceeded, a.Raised = exceeded || a.Exceeded, raised"}}},
	{"no notice of the expiry", 100, "", []edit{
		{"ledger/alerts.go", "f.raise(AlertExpiry, notice, nil)", ""}}},
	{"an alert before the change log", 100, "", []edit{
		{"publish/publisher.go", "if err := p.log(ctx, group); err != nil {", "if err := error(nil); err != nil || group == nil {"},
		{"publish/publisher.go", "return p.metrics(changes)", "for _, group := range byLicense(changes) {\n\t\tif err := p.log(ctx, group); err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n\treturn p.metrics(changes)"}}},
	{"an alert is marked before it is sent", 100, "", []edit{
		{"publish/publisher.go", "if err != nil || sent {", "if err != nil || sent || p.Marks.Mark(ctx, a.ID, p.Now()) != nil {"}}},
	{"an alert is not marked", 100, "", []edit{
		{"publish/publisher.go", "return p.Marks.Mark(ctx, a.ID, p.Now())", "return nil"}}},
	{"the marks are not asked", 100, "", []edit{
		{"publish/publisher.go", "if err != nil || sent {", "_ = sent\n\tif err != nil {"}}},
	{"a failed batch of the stream is passed", 100, "", []edit{
		{"adapter/handler/publish.go", "return records[0].Sequence", `return ""`}}},
	{"a failed alert is acknowledged", 100, "", []edit{
		{"adapter/handler/publish.go", "response.BatchItemFailures = append(response.BatchItemFailures, events.SQSBatchItemFailure{ItemIdentifier: r.MessageId})", ""}}},

	// Policy.
	{"what is found is answered", 100, "", []edit{
		{"ledger/cover.go", "case m.FirstSeen.After(launch.Add(discoveryWindow)):", "case false:"}}},
	{"what ran before a lower count is answered", 1100, "", []edit{
		{"ledger/cover.go", "case !launch.After(known) || m.Late:", "case m.Late:"}}},
	{"what lost its cover to a lower count is answered", 1100, "", []edit{
		{"ledger/cover.go", "return ByChange })", "return ByLaunch })"}}},
	{"a restart is taken for a launch", 700, "", []edit{
		{"ledger/cover.go", "case !m.Known.IsZero() && !m.Known.After(known):", "case false:"}}},
	{"an estimate is answered", 100, "", []edit{
		{"ledger/answer.go", "over := e.Verdict == Over && l.surelyOver(e, now)", "over := e.Verdict == Over"}}},
	{"the expired are answered", 700, "", []edit{
		{"ledger/answer.go", "case c.Expired(now):", "case false:"}}},
	{"no settle window", 100, "", []edit{
		{"ledger/answer.go", "a.NotBefore = since.Add(c.Enforcement.Settle)", "a.NotBefore = since"}}},
	{"no time for tags", 100, "", []edit{
		{"ledger/answer.go", "m.Generation.Launch.Add(tagsTime)", "m.Generation.Launch.Add(0)"}}},
	{"no budget", 100, "", []edit{
		{"ledger/grant.go", "if over := len(recent) - most; over >= 0 {", "if over := len(recent) - most; over >= 1000 {"}}},
	{"observe acts", 100, "", []edit{
		{"ledger/grant.go", "case answer.Mode == license.Observe:", "case false:"},
		{"enforce/enforcer.go", "if answer.Mode == license.Observe {", "if false {"}}},

	// Enforcement.
	{"no license is read again", 100, "", []edit{
		{"enforce/act.go", "seen, ok, err = e.confirm(ctx, &p, g.Intent, r)", "seen, ok, err = e.look(ctx, l, &p, r)"}}},
	{"no look", 100, "", []edit{
		{"enforce/enforcer.go", "_, ok, err := e.look(ctx, l, p, r)", "ok, err := true, error(nil)"},
		{"enforce/act.go", "if seen, ok, err = e.look(ctx, l, p, r); !ok || err != nil {", "if _ = l; false {"}}},
	{"no second look", 100, "", []edit{
		{"enforce/act.go", "if seen, ok, err = e.look(ctx, l, p, r); !ok || err != nil {", "if _ = l; false {"}}},
	{"the last look sees no guard", 100, "", []edit{
		{"enforce/enforcer.go", "		p.Action = action", "		_ = action"}}},
	{"another launch is stopped", 1600, "", []edit{
		{"enforce/enforcer.go", "case !in.LaunchTime.Equal(p.Launch):", "case false:"}}},
	{"a failed stop is taken for done", 3000, Hostile, []edit{
		{"enforce/act.go", "case err != nil:", "case err != nil && p.Action == license.Tag:"}}},
	{"no outcome is recorded", 100, "", []edit{
		{"enforce/act.go", "if _, _, err := e.committer().Apply(ctx, id, ledger.Batch{Outcomes: outcomes}); err != nil {", "if err := error(nil); err != nil {"}}},
	{"what failed is dropped", 300, Harsh, []edit{
		{"enforce/enforcer.go", "err := e.Store.PutAction(ctx, p)", "err := e.Store.DropAction(ctx, p)"}}},
	{"a lost action is not recovered", 400, "", []edit{
		{"enforce/queue.go", "if !answer.Wanted() || m.Intent.Live(at) {", "if true {"}}},
	{"a failed record of the stream is passed", 200, Harsh, []edit{
		{"adapter/handler/enforce.go", "return r.Sequence", `return ""`}}},

	// People and their brakes.
	{"a pause holds nothing", 300, Hostile, []edit{
		{"enforce/act.go", "if _, held := brakes.Held(account, p.License); held {", "if _, held := brakes.Held(account, p.License); held && false {"},
		{"enforce/enforcer.go", "case held && p.Mode != license.Observe:", "case held && false:"}}},
	{"a pause holds only the next batch", 3000, Hostile, []edit{
		{"enforce/act.go", "if _, held := brakes.Held(account, p.License); held {", "if _, held := brakes.Held(account, p.License); held && false {"}}},
	{"the brakes are not read before an action", 300, Hostile, []edit{
		{"enforce/act.go", "brakes, err := e.Store.LoadBrakes(ctx)", "brakes, err := &ledger.Brakes{}, error(nil)"}}},
	{"a breaker holds nothing", 300, Hostile, []edit{
		{"ledger/brakes.go", "if h.Scope.Covers(account, id) {", "if h.Scope.Covers(account, id) && !h.Breaker {"}}},
	{"the account has no budget", 1000, Hostile, []edit{
		{"ledger/brakes.go", "case accountSpent >= accountMost:", "case false:"}}},
	{"the fleet has no budget", 1000, Hostile, []edit{
		{"ledger/brakes.go", "case fleetSpent >= fleetMost:", "case false:"}}},
	{"what is spent is not kept", 1000, Hostile, []edit{
		{"ledger/brakes.go", "b.Spent = append(b.Spent, Spent{Key: key, Instance: instance, At: now})", ""}}},
	{"brakes: check, then write", 3000, Hostile, []edit{
		{"simulator/store.go", "if b.Revision != m.brakes.Revision+1 {", "if false {"}}},
	{"a plan is applied whatever moved", 1000, Hostile, []edit{
		{"enforce/operator.go", "if now.Hash != p.Hash {", "if false {"},
		{"ledger/plan.go", "if p.Basis() != a.Basis {", "if false {"}}},
	{"an approval outlives the verdict", 9000, Hostile, []edit{
		{"ledger/answer.go", "&& !at.Before(e.Since) &&", "&&"}}},
	{"what a change made is answered unapproved", 1000, Hostile, []edit{
		{"ledger/answer.go", "return l.byLaunch(m, now) || l.approved(e, m, now)", "return true"}}},
	{"an exemption protects nothing", 1000, Hostile, []edit{
		{"ledger/guard.go", "if _, ok := l.Configuration.Exempt(instance, now); ok {", "if false {"}}},
	{"the end of an exemption is a launch", 1000, Hostile, []edit{
		{"ledger/answer.go", "return !l.Configuration.ExemptSince(m.Instance, launch)", "return true"},
		{"ledger/fold.go", "	f.endExemptions(pages)", ""}}},
	{"what was undone is answered again", 3000, Hostile, []edit{
		{"ledger/answer.go", "case exemption.Undo:", "case exemption.Undo && false:"}}},
	{"the tag of an exemption protects nothing", 3000, Hostile, []edit{
		{"ledger/guard.go", "case guard == GuardExemptTag && !enforcement.TagsExempt:", "case guard == GuardExemptTag:"}}},
	{"a member of a group is simply stopped", 300, Hostile, []edit{
		{"ledger/guard.go", "return enforcement.AutoScaling.Action(), guard", "return license.Stop, guard"}}},
	{"stops out of hours", 1000, Hostile, []edit{
		{"ledger/answer.go", "if hours := c.Enforcement.Hours; !hours.IsZero() {", "if hours := c.Enforcement.Hours; false {"}}},
	{"no time of grace", 1000, Hostile, []edit{
		{"ledger/answer.go", "a.NotBefore = a.NotBefore.Add(c.Enforcement.Grace)", ""}}},
	{"an undo leaves the tags", 3000, Hostile, []edit{
		{"enforce/undo.go", "if err := e.restoreTags(ctx, p, in); err != nil {", "if err := error(nil); err != nil {"}}},
	{"an undo starts nothing", 3000, Hostile, []edit{
		{"enforce/undo.go", "if err := e.Instances.Start(ctx, s, id); err != nil {", "if err := error(nil); err != nil {"}}},

	// Tracking.
	{"a partial failure acknowledges everything", 100, "", []edit{
		{"track/handle.go", "if r.failed[license.NewResourceID(s.Account, s.Region, p.hint.ID)] != nil {", "if false {"}}},
	{"nothing is buried", 100, "", []edit{
		{"track/handle.go", "if err := b.t.DeadLetters.Bury(ctx, d); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a failed tick is acknowledged", 100, "", []edit{
		{"track/handle.go", "changes, err := b.t.FoldDue(ctx)", "changes, err := b.t.FoldDue(ctx)\n\terr = nil"}}},
	{"an old description is believed", 100, "", []edit{
		{"track/handle.go", "if known && contradicts(p, in) && !final {", "if known && contradicts(p, in) && !final && false {"}}},
	{"configurations are not read again", 1600, "", []edit{
		{"track/sighting.go", "moved, err := t.refresh(ctx)", "moved, err := false, error(nil)"}}},
	{"facts are not written", 100, "", []edit{
		{"track/sighting.go", "if err := t.Store.SaveFacts(ctx, changed); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a change of a configuration claims nothing", 100, "", []edit{
		{"track/configure.go", "if err := t.Reassociate(ctx); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a sweep does not ask directly", 100, "", []edit{
		{"track/sweep.go", "for look := range 2 {", "for look := range 0 {"}}},
	{"a sweep asks directly only once", 300, "", []edit{
		{"track/sweep.go", "for look := range 2 {", "for look := range 1 {"}}},
	{"a sweep releases what a failed page did not list", 100, "", []edit{
		{"track/sweep.go", `return report, fmt.Errorf("sweep %s: nothing was released: %w", s, err)`, "report.Took = 0"},
		{"track/sweep.go", "for look := range 2 {", "for look := range 0 {"}}},
	{"a sweep releases nothing", 100, "", []edit{
		{"track/sweep.go", "if err := t.release(ctx, s, missing, t.lookAgain, &report); err != nil {", "_ = missing\n\tif err := error(nil); err != nil {"}}},
	{"lost facts are not adopted", 1500, "", []edit{
		{"track/sweep.go", "if err := t.adopt(ctx, s, &report); err != nil {", "if err := error(nil); err != nil {"}}},
	{"a dated rule does not claim what stopped before", 400, "", []edit{
		{"track/handle.go", "failed = append(failed, t.countStopped(ctx))", ""}}},
}

// rareMutants are bugs that were there, or that only few seeds would show.
var rareMutants = []struct {
	mutant
	pkg, test string
}{
	{mutant{name: "an intent is anybody's", edits: []edit{
		{"ledger/grant.go", "case m.Intent.Live(f.now) && !m.Intent.At.Equal(g.Intent) &&", "case false &&"}}}, "ledger", "TestAnotherRunsIntent"},
	{mutant{name: "an end before its start leaves no fence", edits: []edit{
		{"ledger/claim.go", "if c.Gone || !consumes && !f.ended(c) {", "if c.Gone || !consumes {"}}}, "ledger", "TestAnEndBeforeItsStart"},
	{mutant{name: "held by a later association, answered as launched", edits: []edit{
		{"ledger/claim.go", `m.Cause = "" // what it was launched under`, `_ = m // what it was launched under`}}}, "ledger", "TestHeldByAnotherAssociationIsListed"},
	{mutant{name: "a contradiction buries another message", edits: []edit{
		{"track/handle.go", "if len(left) < len(byID[id]) {", "if len(left) == 0 {"}}}, "track", "TestContradictionOfAnother"},
	{mutant{name: "a page that only the head has is not written", edits: []edit{
		{"adapter/dynamoledger/commit.go", "if err := s.writeHeld(ctx, c, before); err != nil {", "if err := error(nil); err != nil {"}}}, "adapter/dynamoledger", "TestPagesUnderFaults"},
	{mutant{name: "a page that comes late replaces a newer one", edits: []edit{
		{"adapter/dynamoledger/commit.go", `aws.String("attribute_not_exists(PK) OR Rev < :rev")`, "nil"}}}, "adapter/dynamoledger", "TestPagesUnderFaults"},
	{mutant{name: "an approval outlives the launch", edits: []edit{
		{"ledger/answer.go", "&& !at.Before(m.FirstSeen) &&", "&&"}}}, "ledger", "TestAnApprovalIsForOneLaunch"},
	{mutant{name: "an approval never ends", edits: []edit{
		{"ledger/answer.go", "now.Before(at.Add(approvalTime)) &&", ""}}}, "ledger", "TestAnApprovalEnds"},
	{mutant{name: "a group is made smaller at each try", edits: []edit{
		{"enforce/act.go", "if p.Capacity == nil {", "if true {"}}}, "enforce", "TestAGroupIsMadeSmallerOnce"},
	{mutant{name: "a group that grew is made smaller again", edits: []edit{
		{"enforce/act.go", "	p.Lowered = true", "	p.Lowered = false"}}}, "enforce", "TestAGroupThatGrewAgain"},
	{mutant{name: "another mode answers what ran before", edits: []edit{
		{"license/amend.go", "wanted.Enforcement.Mode != old.Enforcement.Mode ||", ""}}}, "api", "TestNoRequestStopsWhatRuns"},
	{mutant{name: "a later expiry answers what ran before", edits: []edit{
		{"license/amend.go", "wanted.Expired(now) != old.Expired(now)", "false"}}}, "api", "TestNoRequestStopsWhatRuns"},
	{mutant{name: "what is not judged yet is deleted", edits: []edit{
		{"registrar/delete.go", "l, _, err := r.committer().Apply(ctx, id, ledger.Batch{})", "l, err := r.Store.Load(ctx, id)"}}}, "registrar", "TestDeleteOfWhatIsNotJudgedYet"},
	{mutant{name: "an undo is taken for done when an old exemption drops out", edits: []edit{
		{"enforce/operator.go", "			again = false", "			again = again && len(c.Exemptions) == 1"}}}, "enforce", "TestUndoWhileAnExemptionIsForgotten"},
	{mutant{name: "the end of an exemption is forgotten with it", edits: []edit{
		{"ledger/fold.go", "	f.endExemptions(pages)", ""}}}, "ledger", "TestTheFoldNotesTheEndOfAnExemption"},
	{mutant{name: "what may have been done is given back", edits: []edit{
		{"enforce/brake.go", "	if u.fresh[p.Key()] {", "	if true {"}}}, "enforce", "TestWhatMayHaveBeenDoneStaysSpent"},
	{mutant{name: "a second try's tags are taken for those of before", edits: []edit{
		{"enforce/act.go", "if p.Replaced == nil {", "if true {"}}}, "enforce", "TestUndoAfterASecondTry"},
	{mutant{name: "no breaker where a budget runs out", edits: []edit{
		{"enforce/brake.go", "for _, scope := range slices.Sorted(maps.Keys(not.waiting)) {", "for _, scope := range slices.Sorted(maps.Keys(not.waiting))[:0] {"}}}, "enforce", "TestNoRoomNoStop"},
	{mutant{name: "what EC2 refuses opens no breaker", edits: []edit{
		{"enforce/brake.go", "if b.Refuse(p.Key(), p.Instance, now) {", "if b.Refuse(p.Key(), p.Instance, now) && false {"}}}, "enforce", "TestRefusalsOpenTheBreaker"},
	{mutant{name: "drift opens no breaker", edits: []edit{
		{"enforce/brake.go", "if b.Swept(s.Account, fleet[s.Account], s.Corrected) {", "if b.Swept(s.Account, fleet[s.Account], s.Corrected) && false {"}}}, "enforce", "TestDriftOpensTheBreaker"},
	{mutant{name: "a sweep of an empty account knows no license", edits: []edit{
		{"track/sweep.go", "if _, err := t.refresh(ctx); err != nil {", "if err := error(nil); err != nil {"}}}, "track", "TestSweepOfAnEmptyAccount"},
	{mutant{name: "messages of an unreachable account are tried for ever", edits: []edit{
		{"track/handle.go", "!errors.Is(err, ErrUnreachable) || p.message.Receives < lastReceive", "true"}}}, "track", "TestAnUnreachableAccountKeepsItsNumbers"},
	{mutant{name: "an instance of another Region is looked for here", edits: []edit{
		{"track/handle.go", "if scopeOf(&p.event) == s {", "if p.event.Account == s.Account {"}}}, "track", "TestOneBatchOfManyScopes"},
	{mutant{name: "what another scope holds is missing in this one", edits: []edit{
		{"track/holdings.go", "s := Scope{Account: account, Region: region}", "s := Scope{Account: account, Region: region[:0] + t.Regions[0]}"}}}, "track", "TestASweepOfOneScopeLeavesTheOthers"},
	{mutant{name: "a group is made smaller at each overrun of a launch", edits: []edit{
		{"ledger/cover.go", "m.Answered != string(DoneLowered) {", "true {"}}}, "ledger", "TestAGroupIsLoweredOnceForALaunch"},
	{mutant{name: "a slow clock takes a tightening back", edits: []edit{
		{"license/amend.go", "wanted.TightenedAt = later(wanted.TightenedAt, old.TightenedAt)", ""}}}, "license", "TestAmendWithASlowClock"},
	{mutant{name: "a later license is not told of an undo", edits: []edit{
		{"track/sighting.go", "Undone: t.undone[f.Instance.ID].After(f.Generation.Launch),", ""}}}, "track", "TestAnUndoTellsLaterLicenses"},
	{mutant{name: "what is found out of an image after the launch is offered before it", edits: []edit{
		{"track/sighting.go", "h.OfferedTo(&f.Instance, t.offered(h))", "t.offered(h)"}}}, "track", "TestOverrunByACopyIsByLaunch"},
	{mutant{name: "what was found out late is forgotten by the next look", edits: []edit{
		{"track/lineage.go", "out[i].Found = a.Found", "_ = a"}}}, "track", "TestOverrunByACopyIsByLaunch"},
	{mutant{name: "a start by an undo is a launch", edits: []edit{
		{"ledger/claim.go", "lateAssociation(c) || c.Undone", "lateAssociation(c)"}}}, "ledger", "TestAStartByAnUndoIsListed"},
}
