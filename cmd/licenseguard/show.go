package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"licenseguard/cmd/licenseguard/internal/console"
	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/snapshot"
)

// everything is what the ledger holds at an instant.
type everything struct {
	licenses  []*ledger.License
	positions []snapshot.Position
	usages    [][]snapshot.Usage
}

// names gives the licenses' names by id.
func (e everything) names() map[string]string {
	names := make(map[string]string, len(e.positions))
	for _, p := range e.positions {
		names[p.ID] = p.Name
	}
	return names
}

// readAll reads the ledger. What is due at the instant asked is applied.
func readAll(ctx context.Context, store ledger.Store, now time.Time) (everything, error) {
	var all everything
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return all, err
	}
	for _, c := range configurations {
		l, err := store.Load(ctx, c.ID)
		if err != nil {
			return all, err
		}
		l, _ = ledger.Fold(l, ledger.Batch{}, now, catalog.Embedded())
		facts, err := store.LoadFacts(ctx, l.Instances())
		if err != nil {
			return all, err
		}
		all.licenses = append(all.licenses, l)
		all.positions = append(all.positions, snapshot.PositionOf(l, now))
		all.usages = append(all.usages, snapshot.UsagesOf(l, facts, now, catalog.Embedded()))
	}
	return all, nil
}

// reader holds the flags of the commands that only read.
type reader struct {
	dir, stack string
	json       bool
}

// opened is a ledger to read, in a folder or deployed.
type opened struct {
	ledger.Store
	close func() error
}

// Close lets the ledger go.
func (o opened) Close() error { return o.close() }

func (r *reader) flags(set *flag.FlagSet) {
	set.StringVar(&r.dir, "dir", "", "folder of the ledger")
	set.StringVar(&r.stack, "stack", "", "deployed stack whose ledger it is")
	set.BoolVar(&r.json, "json", false, "print JSON")
}

// open reads the flags and opens the ledger that they name.
func (r *reader) open(ctx context.Context, name string, args []string, most int) (opened, []string, error) {
	return r.openWith(ctx, name, args, most, func(*flag.FlagSet) {})
}

// openWith is open for a command with flags of its own.
func (r *reader) openWith(ctx context.Context, name string, args []string, most int, more func(*flag.FlagSet)) (opened, []string, error) {
	set := flag.NewFlagSet(name, flag.ContinueOnError)
	more(set)
	r.flags(set)
	rest, err := parse(set, args, most)
	if err != nil {
		return opened{}, nil, err
	}
	store, err := r.ledger(ctx)
	return store, rest, err
}

// ledger opens the ledger that the flags name.
func (r *reader) ledger(ctx context.Context) (opened, error) {
	if r.stack == "" {
		return openFolder(r.dir)
	}
	if r.dir != "" {
		return opened{}, badInput("give --dir or --stack, not both")
	}
	c, err := connect(ctx, r.stack)
	if err != nil {
		return opened{}, err
	}
	return opened{c.ledger(), func() error { return nil }}, nil
}

// openFolder opens the ledger in a folder.
func openFolder(dir string) (opened, error) {
	dir, err := findFolder(dir)
	if err != nil {
		return opened{}, err
	}
	store, err := boltledger.Open(filepath.Join(dir, ledgerFile), boltledger.Options{})
	if err != nil {
		return opened{}, err
	}
	return opened{store, store.Close}, nil
}

const ledgerFile = "ledger.db"

// findFolder returns a folder that has a ledger. Without one, it is the folder
// that make up or a demonstration left.
func findFolder(dir string) (string, error) {
	candidates := []string{dir}
	if dir == "" {
		candidates = []string{defaultDir, filepath.Join(defaultDir, "fleet"), filepath.Join(defaultDir, "demo")}
	}
	for _, dir := range candidates {
		if _, err := os.Stat(filepath.Join(dir, ledgerFile)); err == nil {
			return dir, nil
		}
	}
	return "", badInput("no ledger in %s; make one with make demo or make up", strings.Join(candidates, ", "))
}

func positions(ctx context.Context, args []string, out io.Writer) error {
	var r reader
	store, _, err := r.open(ctx, "positions", args, 0)
	if err != nil {
		return err
	}
	defer store.Close()
	all, err := readAll(ctx, store, time.Now())
	if err != nil {
		return err
	}
	if r.json {
		return console.JSON(out, all.positions)
	}
	console.Positions(out, all.positions)
	return nil
}

func usage(ctx context.Context, args []string, out io.Writer) error {
	var r reader
	store, rest, err := r.open(ctx, "usage", args, 1)
	if err != nil {
		return err
	}
	defer store.Close()
	all, err := readAll(ctx, store, time.Now())
	if err != nil {
		return err
	}
	shown := []snapshot.Usage{}
	found := false
	for i, p := range all.positions {
		if len(rest) > 0 && rest[0] != p.ID && rest[0] != p.Name {
			continue
		}
		found = true
		shown = append(shown, all.usages[i]...)
		if !r.json {
			fmt.Fprintf(out, "%s (%s)\n", p.Name, p.ID)
			console.Usage(out, all.usages[i])
			fmt.Fprintln(out)
		}
	}
	if !found && len(rest) > 0 {
		return badInput("there is no license %q; licenseguard positions --json lists names and ids", rest[0])
	}
	if r.json {
		return console.JSON(out, shown)
	}
	return nil
}

// explanation is why one instance counts as it does under one license.
type explanation struct {
	License     string
	Name        string
	Resource    string
	Instance    string
	State       license.State
	Launch      time.Time
	Association string
	Verdict     ledger.Verdict
	Cause       ledger.Cause `json:",omitempty"`
	Licenses    int64
	Estimated   bool
	Arithmetic  string
	Inputs      license.Explanation
	Rules       []string
	RuleVersion int
	Broken      []string `json:",omitempty"`
	Answer      string   `json:",omitempty"`
	EventID     string   `json:",omitempty"`
}

func explain(ctx context.Context, args []string, out io.Writer) error {
	var r reader
	store, rest, err := r.open(ctx, "explain", args, 1)
	if err != nil {
		return err
	}
	defer store.Close()
	if len(rest) == 0 {
		return badInput("name an instance, such as i-0123456789abcdef0")
	}
	now := time.Now()
	all, err := readAll(ctx, store, now)
	if err != nil {
		return err
	}
	found := []explanation{}
	for _, l := range all.licenses {
		for i := range l.Entries {
			for j := range l.Entries[i].Members {
				m := &l.Entries[i].Members[j]
				if m.Instance.AWSID() != rest[0] {
					continue
				}
				x := explainMember(l, &l.Entries[i], m, now)
				facts, err := store.LoadFacts(ctx, []license.ResourceID{m.Instance})
				if err != nil {
					return err
				}
				x.EventID = facts[m.Instance].EventID
				found = append(found, x)
			}
		}
	}
	if r.json {
		return console.JSON(out, found)
	}
	if len(found) == 0 {
		fmt.Fprintf(out, "No license holds %s.\n", rest[0])
	}
	for _, e := range found {
		printExplanation(out, e)
	}
	return nil
}

func explainMember(l *ledger.License, e *ledger.Entry, m *ledger.Member, now time.Time) explanation {
	rules, version := l.Configuration.RulesAt(now)
	usage := ledger.Usage(&l.Configuration, rules, e, catalog.Embedded())
	x := explanation{License: l.Configuration.ID, Name: l.Configuration.Name, Resource: e.Resource.AWSID(), Instance: m.Instance.AWSID(), State: m.State,
		Launch: m.Generation.Launch, Association: string(m.Kind) + " " + m.Value, Verdict: e.Verdict, Cause: m.Cause, Licenses: e.Licenses,
		Estimated: e.Estimated, Arithmetic: usage.Explanation.String(), Inputs: usage.Explanation, RuleVersion: version}
	if version > 0 {
		x.Rules = l.Configuration.Rules[version-1].Text
	}
	for _, v := range m.Broken {
		x.Broken = append(x.Broken, v.String())
	}
	switch answer := l.Answer(e, m, now); {
	case answer.Wanted():
		x.Answer = fmt.Sprintf("%s (mode %s) not before %s: %s", answer.Action, answer.Mode, answer.NotBefore.UTC().Format(time.RFC3339), answer.Why)
	default:
		x.Answer = answer.Why
	}
	if m.Answered != "" {
		x.Answer = m.Answered
	}
	return x
}

func printExplanation(out io.Writer, e explanation) {
	line := func(label, value string) {
		if value != "" {
			fmt.Fprintf(out, "  %-12s %s\n", label, value)
		}
	}
	fmt.Fprintf(out, "%s under %s (%s)\n", e.Instance, e.Name, e.License)
	if e.Resource != e.Instance {
		line("counted on", e.Resource)
	}
	line("verdict", strings.TrimSpace(string(e.Verdict)+" "+string(e.Cause)))
	line("count", e.Arithmetic)
	line("applies by", e.Association)
	line("state", fmt.Sprintf("%s, launched %s", e.State, e.Launch.UTC().Format(time.RFC3339)))
	line("rules", fmt.Sprintf("version %d: %s", e.RuleVersion, cmp.Or(strings.Join(e.Rules, " "), "none")))
	line("breaks", strings.Join(e.Broken, "; "))
	line("answer", e.Answer)
	line("event", e.EventID)
}

func journal(ctx context.Context, args []string, out io.Writer) error {
	var r reader
	store, _, err := r.open(ctx, "journal", args, 0)
	if err != nil {
		return err
	}
	defer store.Close()
	entries, err := store.Journal(ctx, time.Time{})
	if err != nil {
		return err
	}
	if r.json {
		return console.JSON(out, append([]ledger.JournalEntry{}, entries...))
	}
	all, err := readAll(ctx, store, time.Now())
	if err != nil {
		return err
	}
	approvers, err := approvers(ctx, store, entries)
	if err != nil {
		return err
	}
	console.Journal(out, entries, all.names(), approvers)
	return nil
}

// approvers gives who approved the plans of entries, by their hashes.
func approvers(ctx context.Context, store ledger.Store, entries []ledger.JournalEntry) (map[string]string, error) {
	found := make(map[string]string)
	for i := range entries {
		hash := entries[i].Plan
		if _, known := found[hash]; known || hash == "" {
			continue
		}
		p, err := store.LoadPlan(ctx, hash)
		if err != nil && !errors.Is(err, ledger.ErrNoPlan) {
			return nil, err
		}
		approval, _ := p.Approved()
		found[hash] = approval.By
	}
	return found, nil
}

func check(_ context.Context, args []string, out io.Writer) error {
	set := flag.NewFlagSet("check", flag.ContinueOnError)
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
	licenses, err := licensefile.Read(data, "000000000000", "us-east-1")
	if err != nil {
		return badInput("%s: %w", rest[0], err)
	}
	if *asJSON {
		return console.JSON(out, licenses)
	}
	for _, c := range licenses {
		fmt.Fprintf(out, "ok  %s: %s, mode %s, rules %s\n", c.Name, c.CountingType, c.Enforcement.Mode, strings.Join(c.Rules[0].Text, " "))
	}
	return nil
}
