package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
)

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

func (r *reader) flags(c *cobra.Command) {
	r.place(c.Flags())
	c.Flags().BoolVar(&r.json, "json", false, "print JSON")
}

// place are the flags that say which ledger.
func (r *reader) place(set *pflag.FlagSet) {
	set.StringVar(&r.dir, "dir", "", "folder of the ledger")
	set.StringVar(&r.stack, "stack", "", "deployed stack whose ledger it is")
}

// typed writes the flags that say which ledger, with a space before.
func (r *reader) typed() string {
	switch {
	case r.stack != "":
		return " --stack " + quoted(r.stack)
	case r.dir != "":
		return " --dir " + quoted(r.dir)
	default:
		return ""
	}
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

// read opens the ledger that the flags name for as long as use takes.
func (r *reader) read(ctx context.Context, use func(opened) error) error {
	store, err := r.ledger(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	return use(store)
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

// named returns the index of the license of a name or id.
func (e everything) named(name string) (int, error) {
	i := slices.IndexFunc(e.positions, func(p snapshot.Position) bool { return p.ID == name || p.Name == name })
	if i < 0 {
		return 0, noSuchLicense(name)
	}
	return i, nil
}

func noSuchLicense(name string) error {
	return badInput("there is no license %q; licenseguard license ls lists names and ids", name)
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
		if errors.Is(err, ledger.ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return all, err
		}
		l, _ = ledger.Fold(l, ledger.Batch{}, now, catalog.Embedded())
		facts, err := store.LoadFacts(ctx, l.Instances())
		if err != nil {
			return all, err
		}
		all.licenses = append(all.licenses, l)
		used := snapshot.UsagesOf(l, facts, now, catalog.Embedded())
		all.positions = append(all.positions, snapshot.PositionOf(l, now).WithUsages(used))
		all.usages = append(all.usages, used)
	}
	return all, nil
}

// identify returns the configuration that a person names by name or id.
func identify(configurations []license.Configuration, text string) (license.Configuration, error) {
	var found []license.Configuration
	for _, c := range configurations {
		if c.ID == text || c.ARN == text {
			return c, nil
		}
		if c.Name == text {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return license.Configuration{}, noSuchLicense(text)
	case 1:
		return found[0], nil
	default:
		var ids []string
		for _, c := range found {
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		return license.Configuration{}, badInput("%d licenses are named %q; give the id of one: %s", len(found), text, strings.Join(ids, ", "))
	}
}
