package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/track"
	"licenseguard/shared/whatif"
)

// simulating holds the flags of simulate.
type simulating struct {
	reader
	launch  whatif.Launch
	tags    []string
	tenancy string
	license string // that is launched into, or changed
	file    string
	count   int64
	at      string
}

func simulateCommand() *cobra.Command {
	var s simulating
	c := &cobra.Command{
		Use: "simulate", Short: "what launches or changed licenses would do, resource by resource; does nothing",
		Long: `What launches, a license file or another count would do, license by license and resource by resource, by the
same rules that count. It does nothing. With --type it launches; with -f, or with --license and --count, it
changes licenses; with both it changes them first.`,
		Example: examples("licenseguard simulate --type m5.2xlarge --count 10 --ami ami-0123456789abcdef0",
			"licenseguard simulate --type m5.large --tag Software=oracle-ee --at 2026-12-01", "licenseguard simulate -f licenses.yaml --stack Licenseguard",
			`licenseguard simulate --license "Oracle Database Enterprise" --count 8`),
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return s.read(c.Context(), func(store opened) error {
				outcome, err := s.simulate(c.Context(), store, time.Now())
				if err != nil {
					return asInput(err)
				}
				if s.json {
					return console.JSON(c.OutOrStdout(), outcome)
				}
				console.Simulation(c.OutOrStdout(), outcome)
				return nil
			})
		},
	}
	s.reader.flags(c)
	fileFlag(c, &s.file)
	set := c.Flags()
	set.StringVar(&s.launch.Type, "type", "", "instance type to launch")
	set.Int64Var(&s.count, "count", 1, "how many to launch; without --type, the count that --license gets")
	set.StringVar(&s.launch.Image, "ami", "", "image of the launch")
	set.StringVar(&s.launch.LaunchTemplate, "launch-template", "", "launch template of the launch")
	set.StringArrayVar(&s.tags, "tag", nil, "KEY=VALUE of the launch; may be repeated")
	set.StringVar(&s.tenancy, "tenancy", "", "EC2-Default, EC2-DedicatedInstance or EC2-DedicatedHost")
	set.StringVar(&s.launch.Host, "host", "", "Dedicated Host of the launch")
	set.StringVar(&s.launch.Account, "account", "", "account of the launch; the one that owns the licenses, unless it is another")
	set.StringVar(&s.license, "license", "", "license that the launch is for, by its first association; without --type, the one that is changed")
	set.StringVar(&s.at, "at", "", "when: 2026-12-31, 2026-12-31T18:00:00Z or 72h; now, if left out")
	_ = c.RegisterFlagCompletionFunc("license", s.completeLicenses)
	c.PreRunE = func(c *cobra.Command, _ []string) error { return s.check(c.Flags().Changed("count")) }
	return c
}

// check looks for what cannot be meant.
func (s *simulating) check(counted bool) error {
	switch launches := s.launch.Type != ""; {
	case !launches && s.file == "" && (s.license == "" || !counted):
		return badInput("say what would be: --type for a launch, -f for a license file, or --license and --count")
	case !launches && (s.launch.Image != "" || len(s.tags) > 0 || s.launch.Host != "" || s.tenancy != "" || s.launch.LaunchTemplate != ""):
		return badInput("a launch needs --type")
	case !launches && s.file != "" && s.license != "":
		return badInput("give -f or --license, not both")
	}
	for _, t := range s.tags {
		if key, _, ok := strings.Cut(t, "="); !ok || key == "" {
			return badInput("--tag %q: give KEY=VALUE", t)
		}
	}
	return nil
}

func (s *simulating) simulate(ctx context.Context, store ledger.Store, now time.Time) (whatif.Outcome, error) {
	owner, accounts, region, err := watched(ctx, store)
	if err != nil {
		return whatif.Outcome{}, err
	}
	world, err := worldOf(ctx, store, accounts, region)
	if err != nil {
		return whatif.Outcome{}, err
	}
	var p whatif.Plan
	if s.at != "" {
		if p.At, err = end(s.at, now); err != nil {
			return whatif.Outcome{}, err
		}
	}
	if p.Configurations, err = s.changes(ctx, store, owner, region); err != nil {
		return whatif.Outcome{}, err
	}
	if s.launch.Type != "" {
		l, err := s.launched(world, owner, region)
		if err != nil {
			return whatif.Outcome{}, err
		}
		p.Launches = []whatif.Launch{l}
	}
	return whatif.Simulate(world, p, now)
}

func (s *simulating) launched(world whatif.World, owner, region string) (whatif.Launch, error) {
	l := s.launch
	l.Region, l.Count, l.Tenancy = region, int(s.count), license.Tenancy(s.tenancy)
	if l.Account == "" {
		l.Account = owner
	}
	if len(s.tags) > 0 {
		l.Tags = make(map[string]string, len(s.tags))
	}
	for _, t := range s.tags {
		key, value, _ := strings.Cut(t, "=")
		l.Tags[key] = value
	}
	if s.license == "" {
		return l, nil
	}
	var all []license.Configuration
	for _, known := range world.Licenses {
		all = append(all, known.Configuration)
	}
	c, err := identify(all, s.license)
	if err != nil {
		return l, err
	}
	return into(c, l)
}

// into lets a launch be one that a license applies to, by the first of its
// associations that a launch can have.
func into(c license.Configuration, l whatif.Launch) (whatif.Launch, error) {
	for _, a := range c.Associations {
		switch {
		case a.Kind == license.ByAMI && (l.Image == "" || l.Image == a.Value):
			l.Image = a.Value
		case a.Kind == license.ByLaunchTemplate && (l.LaunchTemplate == "" || l.LaunchTemplate == a.Value):
			l.LaunchTemplate = a.Value
		case a.Kind == license.ByHost && (l.Host == "" || l.Host == a.Value):
			l.Host = a.Value
		case a.Kind == license.BySpecification:
			l.Specifications = []string{a.Value}
		case a.Kind == license.ByTag:
			key, pattern, _ := strings.Cut(a.Value, "=")
			if _, given := l.Tags[key]; given {
				continue
			}
			if l.Tags == nil {
				l.Tags = map[string]string{}
			}
			l.Tags[key] = strings.NewReplacer("*", "", "?", "x").Replace(pattern)
		default:
			continue
		}
		return l, nil
	}
	return l, badInput("license %q has no association that a launch could fit; give --ami or --tag instead", c.Name)
}

// changes are the configurations as they would be.
func (s *simulating) changes(ctx context.Context, store ledger.Store, owner, region string) ([]license.Configuration, error) {
	present, _, err := store.Configurations(ctx)
	if err != nil {
		return nil, err
	}
	if s.file == "" {
		if s.launch.Type != "" {
			return nil, nil
		}
		c, err := identify(present, s.license)
		c.Count = &s.count
		return []license.Configuration{c}, err
	}
	data, err := readFile(s.file)
	if err != nil {
		return nil, err
	}
	wanted, err := licensefile.Read(data, owner, region)
	if err != nil {
		return nil, badInput("%s: %w", s.file, err)
	}
	deleted, err := store.DeletedConfigurations(ctx)
	if err != nil {
		return nil, err
	}
	if wanted, err = licensefile.Resolve(wanted, present, deleted, owner, region); err != nil {
		return nil, badInput("%s: %w", s.file, err)
	}
	return wanted, nil
}

// worldOf is what is on record.
func worldOf(ctx context.Context, store ledger.Store, accounts []string, region string) (whatif.World, error) {
	w := whatif.World{Catalog: catalog.Embedded()}
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return w, err
	}
	for i := range configurations {
		l, err := store.Load(ctx, configurations[i].ID)
		if err != nil {
			return w, err
		}
		w.Licenses = append(w.Licenses, l)
	}
	if w.Origins, err = track.Origins(ctx, store, func(string, error) {}); err != nil {
		return w, err
	}
	err = eachOnRecord(ctx, store, accounts, region, func(f ledger.Facts) error {
		w.Facts = append(w.Facts, f)
		return nil
	})
	return w, err
}
