package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/telemetry"
)

// decider holds the flags of the commands with which a person decides.
type decider struct {
	reader
	as string
}

func (d *decider) flags(c *cobra.Command) {
	d.reader.flags(c)
	c.Flags().StringVar(&d.as, "as", "", "who you are, for the record (with --dir only)")
}

// desk is where a named person decides: on a ledger in a folder or a deployed one.
type desk struct {
	*enforce.Operator
	store ledger.Store
	out   io.Writer
	// where names the ledger in a command to be typed next, with a space before.
	where string
	// soon says who does what was decided, and when.
	soon  string
	drain func(context.Context) error
	close func() error
}

// open opens the ledger that the flags name, for whoever asks.
func (d *decider) open(ctx context.Context, out io.Writer) (*desk, error) {
	if d.stack != "" {
		desk, _, err := d.openStack(ctx, out)
		return desk, err
	}
	desk, _, err := d.openFolder(out)
	return desk, err
}

// openFolder opens the ledger in a folder with what follows a commit.
func (d *decider) openFolder(out io.Writer) (*desk, *pipeline.Pipeline, error) {
	by := d.as
	if by == "" {
		u, err := user.Current()
		if err != nil {
			return nil, nil, badInput("who you are is not known (%w); say it with --as NAME", err)
		}
		by = u.Username
	}
	dir, err := findFolder(d.dir)
	if err != nil {
		return nil, nil, err
	}
	// The pipeline is what follows a commit: the change log, and the answers that
	// an approval asks for. Nothing is observed here, so its fleet is empty.
	p, err := pipeline.Open(pipeline.Options{Dir: dir, Fleet: fleet.New(time.Now, nil, nil), Now: time.Now, Log: logTo(dir)})
	if err != nil {
		return nil, nil, err
	}
	desk := &desk{Operator: operator(p.Store, by), store: p.Store, out: out, close: p.Close, where: d.typed(),
		soon: "licenseguard up does it within a minute, when it runs on this folder."}
	desk.drain = func(ctx context.Context) error {
		err := p.Drain(ctx)
		for _, a := range p.Alerts {
			if !d.json {
				fmt.Fprintf(out, "✉ %s\n", telemetry.Clean(a.Subject, 400))
			}
		}
		return err
	}
	return desk, p, nil
}

func (d *decider) openStack(ctx context.Context, out io.Writer) (*desk, cloud, error) {
	switch {
	case d.dir != "":
		return nil, cloud{}, badInput("give --dir or --stack, not both")
	case d.as != "":
		return nil, cloud{}, badInput("--as is for --dir only; with --stack you are who AWS says you are")
	}
	c, err := connect(ctx, d.stack)
	if err != nil {
		return nil, c, err
	}
	caller, err := sts.NewFromConfig(c.aws).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, c, fmt.Errorf("find out who is asking: %w", err)
	}
	store := c.ledger()
	nothing := func() error { return nil }
	return &desk{Operator: operator(store, aws.ToString(caller.Arn)), store: store, out: out, where: d.typed(),
		soon: "The function enforce does it within a minute.", close: nothing, drain: func(context.Context) error { return nil }}, c, nil
}

func operator(store ledger.Store, by string) *enforce.Operator {
	return &enforce.Operator{Store: store, Catalog: catalog.Embedded(), Now: time.Now, By: by}
}

// quoted writes a word as a shell reads it.
func quoted(s string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/:@%+=,-"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func (d *desk) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// decide makes c a command that opens a desk, works there, and hands on what it
// committed. What was wrong in the input exits as such.
func decide(c *cobra.Command, d *decider, work func(ctx context.Context, desk *desk, args []string) error) *cobra.Command {
	d.flags(c)
	if c.Args == nil {
		c.Args = atMost(0)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		desk, err := d.open(c.Context(), c.OutOrStdout())
		if err != nil {
			return err
		}
		return asInput(errors.Join(work(c.Context(), desk, args), desk.drain(c.Context()), desk.close()))
	}
	return c
}

// asInput tells mistakes in what a person set from failures.
func asInput(err error) error {
	var field *license.FieldError
	var rule *license.RuleError
	if errors.As(err, &field) || errors.As(err, &rule) {
		return badInput("%w", err)
	}
	return err
}

// names gives the licenses' names by id.
func (d *desk) names(ctx context.Context) (map[string]string, error) {
	configurations, _, err := d.store.Configurations(ctx)
	names := make(map[string]string, len(configurations))
	for i := range configurations {
		names[configurations[i].ID] = configurations[i].Name
	}
	return names, err
}

// license returns the id of the license that a person names by name or id.
func (d *desk) license(ctx context.Context, text string) (string, error) {
	configurations, _, err := d.store.Configurations(ctx)
	if err != nil {
		return "", err
	}
	c, err := identify(configurations, text)
	return c.ID, err
}

// instance returns the instance that a person names in full, or by an id that a
// license holds.
func (d *desk) instance(ctx context.Context, text string) (license.ResourceID, error) {
	account, region, id := license.ResourceID(text).Parts()
	if account != "" && region != "" && strings.HasPrefix(id, "i-") {
		return license.ResourceID(text), nil
	}
	if !strings.HasPrefix(text, "i-") || strings.Contains(text, "/") {
		return "", badInput("%q names no instance; give an id such as i-0123456789abcdef0, or ACCOUNT/REGION/i-…", text)
	}
	configurations, _, err := d.store.Configurations(ctx)
	if err != nil {
		return "", err
	}
	for i := range configurations {
		l, err := d.store.Load(ctx, configurations[i].ID)
		if err != nil {
			return "", err
		}
		for _, known := range l.Instances() {
			if known.AWSID() == text {
				return known, nil
			}
		}
	}
	return "", badInput("no license holds %s; give it in full, as 123456789012/us-east-1/%s", text, text)
}

// held tells what keeps enforcement from acting, if anything does.
func (d *desk) held(holds []ledger.Hold) {
	if len(holds) > 0 {
		d.say("Enforcement is held, and touches no instance within:")
		console.Holds(d.out, holds)
	}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
