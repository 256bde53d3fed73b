package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"licenseguard/cmd/licenseguard/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
)

// What becomes of a license.
const (
	created   = "created"
	changed   = "changed"
	unchanged = "unchanged"
)

// planned is one license of the file, compared with the ledger. After is what
// it comes to: once applied, with every instance it is associated with; in a dry
// run, with the instances that hold it already.
type planned struct {
	License, ID string
	Result      string
	Differences []difference       `json:",omitempty"`
	Before      *snapshot.Position `json:",omitempty"`
	After       *snapshot.Position `json:",omitempty"`

	wanted license.Configuration
}

// difference is one field that the file wants otherwise.
type difference struct{ Field, From, To string }

func apply(ctx context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("apply", flag.ContinueOnError)
	var name string
	stackFlag(set, &name)
	dry := set.Bool("dry-run", false, "show what would change, write nothing")
	asJSON := set.Bool("json", false, "print JSON")
	rest, err := parse(set, args, 1)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return badInput("name a license file")
	}
	data, err := readFile(rest[0])
	if err != nil {
		return err
	}
	c, err := connect(ctx, name)
	if err != nil {
		return err
	}
	wanted, err := licensefile.Read(data, c.stack.Account, c.stack.Region)
	if err != nil {
		return badInput("%s: %w", rest[0], err)
	}
	a, err := c.applier(ctx, rest[0])
	if err != nil {
		return err
	}
	plan, err := a.run(ctx, wanted, *dry)
	if *asJSON {
		return errors.Join(err, console.JSON(out, plan))
	}
	if err == nil || len(plan) > 0 {
		printPlan(out, plan, *dry)
	}
	return err
}

// applier brings a ledger in line with a file.
type applier struct {
	tracker *track.Tracker
	by      string // who, for the change log
}

// applier watches the accounts that the deployed functions watch.
func (c cloud) applier(ctx context.Context, file string) (applier, error) {
	caller, err := sts.NewFromConfig(c.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return applier{}, fmt.Errorf("find out who is asking: %w", err)
	}
	function := c.stack.Outputs[config.OutputTrackFunction]
	deployed, err := lambda.NewFromConfig(c.aws).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return applier{}, fmt.Errorf("find out which accounts are watched: %w", err)
	}
	var watched string
	if deployed.Environment != nil {
		watched = deployed.Environment.Variables[config.EnvAccounts]
	}
	accounts, err := config.ParseAccounts(watched)
	if err != nil {
		return applier{}, fmt.Errorf("function %s: %s: %w", function, config.EnvAccounts, err)
	}
	store := c.ledger()
	return applier{by: aws.ToString(caller.Arn) + ", file " + filepath.Base(file), tracker: &track.Tracker{
		Store: store, Observer: onRecord{store}, Catalog: catalog.Embedded(), Accounts: accounts, Region: c.stack.Region,
		Now: time.Now, Log: telemetry.Logger(io.Discard, "apply"),
	}}, nil
}

// run compares every license before it writes the first, so that a mistake
// leaves the ledger as it was. What it returns beside an error was done.
func (a applier) run(ctx context.Context, wanted []license.Configuration, dry bool) ([]planned, error) {
	plan := make([]planned, 0, len(wanted))
	for _, w := range wanted {
		p, err := a.compare(ctx, w)
		if err != nil {
			return nil, err
		}
		plan = append(plan, p)
	}
	if dry {
		return plan, nil
	}
	for i := range plan {
		if plan[i].Result == unchanged {
			continue
		}
		l, err := a.tracker.Configure(ctx, plan[i].wanted, a.by)
		if err != nil {
			return plan[:i], fmt.Errorf("license %q: %w", plan[i].License, err)
		}
		after := snapshot.PositionOf(l, a.tracker.Now())
		plan[i].After = &after
	}
	return plan, nil
}

func (a applier) compare(ctx context.Context, wanted license.Configuration) (planned, error) {
	now := a.tracker.Now()
	p := planned{License: wanted.Name, ID: wanted.ID, Result: created, wanted: wanted}
	l, err := a.tracker.Store.Load(ctx, wanted.ID)
	var old *license.Configuration
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		l = &ledger.License{Configuration: license.Configuration{ID: wanted.ID}}
	case err != nil:
		return p, err
	default:
		old = &l.Configuration
		before := snapshot.PositionOf(l, now)
		p.Before, p.Result = &before, changed
	}
	amended, err := license.Amend(old, wanted, now, a.by)
	if err != nil {
		return p, badInput("license %q: %w", wanted.Name, err)
	}
	if p.Differences = differences(old, &amended); old != nil && len(p.Differences) == 0 {
		p.Result, p.After = unchanged, p.Before
		return p, nil
	}
	next, _ := ledger.Fold(l, ledger.Batch{Configuration: &amended, By: a.by}, now, a.tracker.Catalog)
	after := snapshot.PositionOf(next, now)
	p.After = &after
	return p, nil
}

// differences lists the fields that differ, in the order of the file.
func differences(old, wanted *license.Configuration) []difference {
	before := make([]field, 0)
	if old != nil {
		before = fields(old)
	}
	var out []difference
	for i, f := range fields(wanted) {
		var from string
		if i < len(before) {
			from = before[i].value
		}
		if from != f.value {
			out = append(out, difference{f.name, from, f.value})
		}
	}
	return out
}

type field struct{ name, value string }

// fields are what a person sets, under the names of the license file. A value
// that is not set is empty.
func fields(c *license.Configuration) []field {
	count, expiry := "", ""
	if c.Count != nil {
		count = fmt.Sprint(*c.Count)
	}
	if !c.Expiry.IsZero() {
		expiry = c.Expiry.UTC().Format(time.RFC3339)
	}
	var rules, associations, tags, products []string
	for i, v := range c.Rules {
		text := strings.Join(v.Text, " ")
		if i > 0 {
			text = "from " + v.Effective.UTC().Format(time.RFC3339) + ": " + text
		}
		rules = append(rules, text)
	}
	for _, one := range c.Associations {
		associations = append(associations, string(one.Kind)+" "+one.Value)
	}
	for _, key := range slices.Sorted(maps.Keys(c.Tags)) {
		tags = append(tags, key+"="+c.Tags[key])
	}
	slices.Sort(associations)
	for _, p := range c.Products {
		products = append(products, p.String())
	}
	return []field{
		{"name", c.Name},
		{"description", c.Description},
		{"countingType", string(c.CountingType)},
		{"licenseCount", count},
		{"hardLimit", fmt.Sprint(c.HardLimit)},
		{"status", string(c.Status)},
		{"rules", strings.Join(rules, "; ")},
		{"expiry", expiry},
		{"tags", strings.Join(tags, ", ")},
		{"associations", strings.Join(associations, ", ")},
		{"enforcement.mode", string(c.Enforcement.Mode)},
		{"enforcement.actionsPerHour", fmt.Sprint(c.Enforcement.ActionsPerHour)},
		{"enforcement.settle", c.Enforcement.Settle.String()},
		{"enforcement.grace", c.Enforcement.Grace.String()},
		{"enforcement.hours", c.Enforcement.Hours.String()},
		{"enforcement.autoScaling", string(c.Enforcement.AutoScaling)},
		{"enforcement.escalateAfter", c.Enforcement.EscalateAfter.String()},
		{"enforcement.tagsExempt", fmt.Sprint(c.Enforcement.TagsExempt)},
		{"enforcement.restartGrace", c.Enforcement.RestartGrace.String()},
		{"products", strings.Join(products, "; ")},
		{"disassociateWhenNotFound", fmt.Sprint(c.DisassociateWhenNotFound)},
		{"thresholds", strings.Trim(fmt.Sprint(c.Thresholds), "[]")},
	}
}

func printPlan(out io.Writer, plan []planned, dry bool) {
	counts := map[string]int{}
	for _, p := range plan {
		counts[p.Result]++
		if p.Result == unchanged {
			continue
		}
		fmt.Fprintf(out, "%s %s (%s)\n", p.Result, telemetry.Clean(p.License, 400), p.ID)
		for _, d := range p.Differences {
			if d.From == "" {
				fmt.Fprintf(out, "  %-28s %s\n", d.Field, telemetry.Clean(d.To, 400))
				continue
			}
			fmt.Fprintf(out, "  %-28s %s → %s\n", d.Field, telemetry.Clean(d.From, 400), telemetry.Clean(orNone(d.To), 400))
		}
		before := snapshot.Position{}
		if p.Before != nil {
			before = *p.Before
		}
		fmt.Fprintf(out, "  %-28s in use %d → %d, covered %d → %d, over %d → %d\n\n", "comes to",
			before.Consumed, p.After.Consumed, before.Covered, p.After.Covered, before.Over, p.After.Over)
	}
	if dry {
		fmt.Fprintf(out, "Would create %d, change %d, leave %d as they are. Nothing was written, and instances that only a new association brings in are not counted above.\n",
			counts[created], counts[changed], counts[unchanged])
		return
	}
	fmt.Fprintf(out, "Created %d, changed %d, left %d as they were. Licenses that the file does not name are not touched.\n",
		counts[created], counts[changed], counts[unchanged])
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// onRecord observes nothing: it answers from the ledger, which is as much as a
// change of a license needs. The next event or sweep brings what is newer.
type onRecord struct{ store ledger.Resources }

var (
	_ track.Observer = onRecord{}

	errNotObserved = errors.New("this command does not observe instances; licenseguard sweep does")
)

// Instances implements track.Observer.
func (onRecord) Instances(context.Context, track.Scope, []string) ([]license.Instance, error) {
	return nil, errNotObserved
}

// EachInstances implements track.Observer.
func (onRecord) EachInstances(context.Context, track.Scope, func([]license.Instance) error) error {
	return errNotObserved
}

// Hosts implements track.Observer.
func (o onRecord) Hosts(ctx context.Context, s track.Scope, ids []string) ([]license.Host, error) {
	found := make(map[license.ResourceID]license.Host)
	err := o.store.EachFacts(ctx, s.Account, s.Region, func(f ledger.Facts) error {
		if f.Host.ID != "" && slices.Contains(ids, f.Host.ID.AWSID()) {
			found[f.Host.ID] = f.Host
		}
		return nil
	})
	return slices.Collect(maps.Values(found)), err
}

// InstanceTypes implements track.Observer. A type that is new since the last
// sweep is counted as that one counted it.
func (onRecord) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, errNotObserved
}
