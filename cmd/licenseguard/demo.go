package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"licenseguard/cmd/internal/console"
	"licenseguard/cmd/licenseguard/internal/day"
	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/telemetry"
)

const defaultDir = ".licenseguard"

// files are the inputs of a run on a user's own fleet.
type files struct{ dir, fleet, licenses, hosts string }

func (f *files) flags(set *pflag.FlagSet) {
	set.StringVar(&f.dir, "dir", defaultDir, "folder for ledger and reports")
	set.StringVar(&f.fleet, "fleet", "", "output of aws ec2 describe-instances")
	set.StringVar(&f.licenses, "licenses", "", "license file (YAML)")
	set.StringVar(&f.hosts, "hosts", "", "output of aws ec2 describe-hosts")
}

func (f *files) own() bool { return f.fleet != "" || f.licenses != "" || f.hosts != "" }

// input is what the files hold.
type input struct {
	instances []license.Instance
	hosts     []license.Host
	licenses  []license.Configuration
	accounts  []string
	region    string
}

func (f *files) read() (input, error) {
	if f.fleet == "" || f.licenses == "" {
		return input{}, badInput("give both --fleet and --licenses (make demo FLEET=FILE LICENSES=FILE)")
	}
	return f.readGiven(input{})
}

// readGiven reads the files that are given; the rest stays as in is.
func (f *files) readGiven(in input) (input, error) {
	if f.fleet != "" {
		if err := f.readFleet(&in); err != nil {
			return in, err
		}
	} else if f.hosts != "" {
		return in, badInput("--hosts needs --fleet beside it")
	}
	if f.licenses == "" {
		return in, nil
	}
	data, err := readFile(f.licenses)
	if err != nil {
		return in, err
	}
	if in.licenses, err = licensefile.Read(data, in.accounts[0], in.region); err != nil {
		return in, badInput("licenses %s: %w", f.licenses, err)
	}
	return in, nil
}

func (f *files) readFleet(in *input) error {
	data, err := readFile(f.fleet)
	if err != nil {
		return err
	}
	in.accounts = nil
	if in.instances, in.region, err = fleet.ReadInstances(data); err != nil {
		return badInput("fleet %s: %w", f.fleet, err)
	}
	if len(in.instances) == 0 {
		return badInput("fleet %s: it has no instances", f.fleet)
	}
	for _, i := range in.instances {
		if account, _, _ := i.ID.Parts(); !slices.Contains(in.accounts, account) {
			in.accounts = append(in.accounts, account)
		}
	}
	slices.Sort(in.accounts)
	if f.hosts == "" {
		return nil
	}
	if data, err = readFile(f.hosts); err != nil {
		return err
	}
	if in.hosts, err = fleet.ReadHosts(data, in.region); err != nil {
		return badInput("hosts %s: %w", f.hosts, err)
	}
	return nil
}

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, badInput("%w", err)
	}
	if info.Size() > fleet.MaxFile {
		return nil, badInput("%s has %d bytes; at most %d are read", path, info.Size(), int64(fleet.MaxFile))
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, badInput("%w", err)
	}
	return data, nil
}

func demoCommand() *cobra.Command {
	var f files
	c := &cobra.Command{
		Use: "demo", Short: "play a fleet's day, or count your own fleet", Args: atMost(0),
		Example: examples("licenseguard demo", "aws ec2 describe-instances --output json > fleet.json", "licenseguard demo --fleet fleet.json --licenses licenses.yaml"),
		RunE:    func(c *cobra.Command, _ []string) error { return demo(c.Context(), f, c.OutOrStdout()) },
	}
	f.flags(c.Flags())
	return c
}

func demo(ctx context.Context, f files, out io.Writer) error {
	if f.own() {
		return countOwn(ctx, f, out)
	}
	dir := filepath.Join(f.dir, "demo")
	if err := os.RemoveAll(dir); err != nil { // each demonstration begins with an empty ledger
		return err
	}
	d, err := day.Open(dir, out, logTo(dir))
	if err != nil {
		return err
	}
	defer d.Pipeline.Close()
	fmt.Fprintln(out, "A fleet's day, played on the handlers that run in Lambda, on an embedded ledger.")
	if err := d.Play(ctx); err != nil {
		return err
	}
	sealed, err := sealDay(ctx, dir, d.Now())
	if err != nil {
		return err
	}
	return summary(ctx, out, d.Pipeline, d.Now(), dir, sealed)
}

// countOwn counts a user's fleet as a first sweep would.
func countOwn(ctx context.Context, f files, out io.Writer) error {
	in, err := f.read()
	if err != nil {
		return err
	}
	dir := filepath.Join(f.dir, "fleet")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	now := time.Now
	p, err := openOwn(dir, in, fleet.New(now, in.instances, in.hosts), now)
	if err != nil {
		return err
	}
	defer p.Close()
	fmt.Fprintf(out, "%d instances of account %v in %s, %d licenses. Nothing is written to AWS.\n", len(in.instances), in.accounts, in.region, len(in.licenses))
	if err := configureAndSweep(ctx, p, in, f.licenses); err != nil {
		return err
	}
	if _, err := p.Snapshot(ctx); err != nil {
		return err
	}
	return summary(ctx, out, p, now(), dir, nil)
}

func openOwn(dir string, in input, account *fleet.Fleet, now func() time.Time) (*pipeline.Pipeline, error) {
	return pipeline.Open(pipeline.Options{Dir: dir, Fleet: account, Accounts: in.accounts, Region: in.region, Now: now, Log: logTo(dir)})
}

func configureAndSweep(ctx context.Context, p *pipeline.Pipeline, in input, name string) error {
	if err := configure(ctx, p, in, name); err != nil {
		return err
	}
	if _, err := p.Sweep(ctx); err != nil {
		return err
	}
	return p.Tick(ctx)
}

// configure brings the licenses in line with the file.
func configure(ctx context.Context, p *pipeline.Pipeline, in input, name string) error {
	present, _, err := p.Store.Configurations(ctx)
	if err != nil {
		return err
	}
	deleted, err := p.Store.DeletedConfigurations(ctx)
	if err != nil {
		return err
	}
	licenses, err := licensefile.Resolve(in.licenses, present, deleted, in.accounts[0], in.region)
	if err != nil {
		return badInput("licenses %s: %w", name, err)
	}
	for _, c := range licenses {
		if _, err := p.Tracker.Configure(ctx, c, "file "+filepath.Base(name)); err != nil {
			return badInput("licenses %s: license %q: %w", name, c.Name, err)
		}
	}
	return nil
}

// summary prints what a person wants to know at the end: the positions last, before
// them what was sealed.
func summary(ctx context.Context, out io.Writer, p *pipeline.Pipeline, now time.Time, dir string, sealed []string) error {
	all, err := readAll(ctx, p.Store, now)
	if err != nil {
		return err
	}
	console.Section(out, "Who consumes what, and why")
	for i, position := range all.positions {
		fmt.Fprintf(out, "\n%s (%s)\n", position.Name, position.ID)
		console.Usage(out, all.usages[i])
	}
	entries, err := p.Store.Journal(ctx, time.Time{})
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		approvers, err := approvers(ctx, p.Store, entries)
		if err != nil {
			return err
		}
		console.Section(out, "What was, or would have been, done to instances")
		console.Journal(out, entries, all.names(), approvers)
	}
	if len(p.Alerts) > 0 {
		console.Section(out, "Alerts sent")
		for _, a := range p.Alerts {
			fmt.Fprintf(out, "  ✉ %s\n", a.Subject)
		}
		fmt.Fprintf(out, "\nThe last one in full:\n\n%s", indent(p.Alerts[len(p.Alerts)-1].Message))
	}
	console.Section(out, "Files written under %s", dir)
	for _, path := range lastFiles(p.Files, 8) {
		fmt.Fprintf(out, "  %s\n", path)
	}
	if len(sealed) > 0 {
		console.Section(out, "The night after, the day is sealed as evidence")
		for _, line := range sealed {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	console.Section(out, "License positions on %s", now.UTC().Format("2 January 2006 15:04 UTC"))
	console.Positions(out, all.positions)
	return nil
}

// lastFiles names the last files and says how many came before them.
func lastFiles(files []string, most int) []string {
	files = slices.Compact(slices.Sorted(slices.Values(files)))
	if len(files) <= most {
		return files
	}
	return append([]string{fmt.Sprintf("%d files of the change log, among them:", len(files)-most)}, files[len(files)-most:]...)
}

func indent(s string) string {
	out := make([]byte, 0, len(s)+64)
	start := true
	for i := range len(s) {
		if start && s[i] != '\n' {
			out = append(out, "    "...)
		}
		out = append(out, s[i])
		start = s[i] == '\n'
	}
	return string(out)
}

// logTo writes the functions' logs into the folder; people read the output.
func logTo(dir string) *slog.Logger {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return slog.New(slog.DiscardHandler)
	}
	f, err := os.OpenFile(filepath.Join(dir, "log.jsonl"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return slog.New(slog.DiscardHandler)
	}
	return telemetry.Logger(f, "local")
}
