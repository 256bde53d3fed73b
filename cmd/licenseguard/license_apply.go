package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/registrar"
	"licenseguard/shared/telemetry"
)

// applying holds the flags of license apply.
type applying struct {
	decider
	file, expect string
	dry          bool
}

func licenseApply() *cobra.Command {
	var a applying
	c := &cobra.Command{
		Use: "apply -f FILE", Short: "bring a ledger in line with a file of licenses",
		Long: `Bring a ledger in line with a file of licenses. It prints its plan first, and does it only if nobody
changed one of these licenses meanwhile; then it prints what moved and writes nothing. With --expect it does
exactly the plan of that hash, as license diff or --dry-run printed it. A second time it changes nothing.
Licenses that the file does not name are not touched. One without an id in the file is the one of that name.`,
		Example: examples("licenseguard license apply -f licenses.yaml --stack Licenseguard", "licenseguard license apply -f licenses.yaml --dry-run",
			"licenseguard license apply -f licenses.yaml --expect 84f2c28a8be5"),
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.apply(c) },
	}
	a.flags(c)
	fileFlag(c, &a.file)
	c.Flags().BoolVar(&a.dry, "dry-run", false, "show the plan, write nothing")
	c.Flags().StringVar(&a.expect, "expect", "", "the hash of the plan to do; any other is refused")
	return c
}

// oldApplyCommand takes the file as an argument, and means the default stack.
func oldApplyCommand() *cobra.Command {
	var a applying
	c := &cobra.Command{
		Use: "apply FILE", Short: "now: license apply -f FILE", Args: one("name a license file"),
		RunE: func(c *cobra.Command, args []string) error {
			if a.file = args[0]; a.stack == "" && a.dir == "" {
				a.stack = config.DefaultStackName
			}
			return a.apply(c)
		},
	}
	a.flags(c)
	c.Flags().BoolVar(&a.dry, "dry-run", false, "show the plan, write nothing")
	return c
}

// outcome is what became of a file, for programs.
type outcome struct {
	Plan     string // its hash
	Applied  bool
	Licenses []planned
}

func (a *applying) apply(c *cobra.Command) error {
	out := c.OutOrStdout()
	return a.withApplier(c, a.file, func(w *workbench) error {
		plan, err := w.compare(c.Context(), w.wanted)
		if err != nil {
			return err
		}
		hash := hashOf(plan)
		if !a.json {
			printPlan(out, plan, a.dry)
			fmt.Fprintf(out, "Plan %s\n", hash)
		}
		if a.expect != "" && a.expect != hash {
			return fmt.Errorf("plan %s has gone stale: what the file would change now is plan %s; nothing was written", telemetry.Clean(a.expect, 40), hash)
		}
		if a.dry {
			if a.json {
				return console.JSON(out, outcome{Plan: hash, Licenses: plan})
			}
			return nil
		}
		done, err := w.carryOut(c.Context(), plan)
		err = errors.Join(err, w.drain(c.Context()))
		if a.json {
			return errors.Join(err, console.JSON(out, outcome{Plan: hash, Applied: err == nil, Licenses: merged(plan, done)}))
		}
		printDone(out, plan, done, err)
		return err
	})
}

// merged is the plan with what really came of it.
func merged(plan, done []planned) []planned {
	for _, d := range done {
		for i := range plan {
			if plan[i].ID == d.ID {
				plan[i].After = d.After
			}
		}
	}
	return plan
}

func printDone(out io.Writer, plan, done []planned, err error) {
	for _, d := range done {
		for _, p := range plan {
			if p.ID == d.ID && p.After.Consumed != d.After.Consumed {
				fmt.Fprintf(out, "%s with the instances of its associations: in use %d, covered %d, over %d\n",
					telemetry.Clean(d.License, 400), d.After.Consumed, d.After.Covered, d.After.Over)
			}
		}
	}
	counts := counted(done)
	if err != nil {
		if len(done) > 0 {
			fmt.Fprintf(out, "Before it failed, created %d and changed %d.\n", counts[created], counts[changed])
		}
		return
	}
	fmt.Fprintf(out, "Created %d, changed %d, left %d as they were. Licenses that the file does not name are not touched.\n",
		counts[created], counts[changed], counted(plan)[unchanged])
}

// workbench is an applier with what it is to apply, on a ledger in a folder or a
// deployed one.
type workbench struct {
	applier
	wanted []license.Configuration
	drain  func(context.Context) error
}

// withApplier reads a license file and lets work compare and apply it on the ledger
// that the flags name.
func (d *decider) withApplier(c *cobra.Command, file string, work func(*workbench) error) error {
	if file == "" {
		return badInput("name a license file with -f")
	}
	data, err := readFile(file)
	if err != nil {
		return err
	}
	if d.stack != "" {
		return d.onStack(c.Context(), file, data, work)
	}
	desk, p, err := d.openFolder(c.OutOrStdout())
	if err != nil {
		return err
	}
	defer desk.close()
	account, accounts, region, err := watched(c.Context(), p.Store)
	if err != nil {
		return err
	}
	w := workbench{drain: desk.drain, applier: applier{by: desk.By + ", file " + filepath.Base(file),
		Registrar: registrarOf(p.Store, account, region, accounts)}}
	return w.with(file, data, work)
}

// registrarOf writes the configurations of an account that counts the instances of accounts.
func registrarOf(store registrar.Store, account, region string, accounts []string) *registrar.Registrar {
	return &registrar.Registrar{Store: store, Catalog: catalog.Embedded(), Account: account, Region: region, Accounts: accounts,
		Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

func (w *workbench) with(file string, data []byte, work func(*workbench) error) (err error) {
	if w.wanted, err = licensefile.Read(data, w.Account, w.Region); err != nil {
		return badInput("%s: %w", file, err)
	}
	return work(w)
}

// onStack watches the accounts that the deployed functions watch.
func (d *decider) onStack(ctx context.Context, file string, data []byte, work func(*workbench) error) error {
	desk, c, err := d.openStack(ctx, io.Discard)
	if err != nil {
		return err
	}
	function := c.stack.Outputs[config.OutputTrackFunction]
	deployed, err := lambda.NewFromConfig(c.aws).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return fmt.Errorf("find out which accounts are watched: %w", err)
	}
	var list, regions string
	if deployed.Environment != nil {
		list, regions = deployed.Environment.Variables[config.EnvAccounts], deployed.Environment.Variables[config.EnvRegions]
	}
	accounts, err := config.ParseAccounts(list)
	if err != nil {
		return fmt.Errorf("function %s: %s: %w", function, config.EnvAccounts, err)
	}
	w := workbench{drain: desk.drain, applier: applier{by: desk.By + ", file " + filepath.Base(file),
		Registrar: registrarOf(desk.store, c.stack.Account, c.stack.Region, accounts)}}
	if regions != "" {
		if w.Regions, err = config.ParseRegions(regions); err != nil {
			return fmt.Errorf("function %s: %s: %w", function, config.EnvRegions, err)
		}
	}
	return w.with(file, data, work)
}
