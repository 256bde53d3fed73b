package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/shared/audit"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/ledger"
	"licenseguard/shared/registrar"
)

// auditing holds what the user gave to make a pack with.
type auditing struct {
	reader   reader
	log      changeLog
	record   coverageRecord
	from, to moment
	vendor   string
	evidence string
	out      string
}

func auditCommand() *cobra.Command {
	var a auditing
	c := &cobra.Command{
		Use: "audit [LICENSE]...", Short: "a pack for an auditor: a page to read, with curves, the rows behind it, and the proof",
		Long: `audit makes one ZIP file to hand over: a page to read, the rows behind it as CSV, and sealed evidence of these
licenses only: who gets it can check that nothing of them was altered or left out, and learns nothing of the others.

--vendor takes every license that is or was recorded under a vendor (the field vendor of a license, or its tag
licenseguard:vendor), also those deleted since. Named licenses are taken as they are named.`,
		Example: examples(`licenseguard audit --vendor Oracle --from 2026-01-01 --to 2027-01-01 --out oracle-2026.zip`,
			`licenseguard audit "Oracle Database Enterprise" --stack Licenseguard --from 2026-10-01`),
		ValidArgsFunction: a.reader.completeLicenses,
		RunE:              func(c *cobra.Command, args []string) error { return a.run(c, args) },
	}
	a.reader.place(c.Flags())
	a.log.flags(c)
	a.record.flags(c)
	c.Flags().Var(&a.from, "from", "from this instant on")
	c.Flags().Var(&a.to, "to", "until this instant (default: now)")
	c.Flags().StringVar(&a.vendor, "vendor", "", "all licenses of this vendor")
	c.Flags().StringVar(&a.evidence, "evidence", "", "sealed evidence, a folder or s3://BUCKET, or none (default: that of the stack, or beside the ledger in the folder)")
	c.Flags().StringVar(&a.out, "out", "audit.zip", "the file to write")
	return c
}

func (a *auditing) run(c *cobra.Command, names []string) error {
	ctx, out := c.Context(), c.OutOrStdout()
	switch {
	case a.from.IsZero():
		return badInput("say from when: --from 2026-01-01")
	case a.vendor != "" && len(names) > 0:
		return badInput("give --vendor or licenses, not both")
	}
	line, err := a.log.read(ctx, &a.reader)
	if err != nil {
		return err
	}
	request := audit.Request{From: a.from.Time, To: a.to.Time, Made: time.Now(), By: userName(), Line: line, Vendor: a.vendor}
	if a.to.IsZero() {
		request.To = request.Made
	}
	if request.Coverage, err = a.record.report(ctx, &a.reader, a.log, line, request.From, request.To, request.Made); err != nil {
		return err
	}
	var shown []string
	err = a.reader.read(ctx, func(store opened) (err error) {
		if request.Subjects, err = subjects(ctx, store, names, a.vendor); err != nil {
			return err
		}
		if request.Proof, shown, err = a.proof(ctx, request.Subjects); err != nil {
			return err
		}
		// What was once recorded under the vendor is in the evidence, so it is on the page.
		for _, s := range request.Subjects {
			shown = slices.DeleteFunc(shown, func(id string) bool { return id == s.Configuration.ID })
		}
		if len(shown) > 0 {
			more, err := subjects(ctx, store, shown, "")
			request.Subjects = append(request.Subjects, more...)
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	pack, err := audit.Make(request)
	if err != nil {
		return badInput("%w", err)
	}
	if err := writePack(pack, a.out); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %d licenses, %s to %s. Open index.html in it; the rows are beside it as CSV.\n", a.out, len(pack.Chapters),
		a.from.Format(time.RFC3339), request.To.Format(time.RFC3339))
	if request.Proof == nil {
		fmt.Fprintln(out, "It has no proof: there is no sealed evidence (--evidence names some; the function seal makes it each night).")
	} else {
		fmt.Fprintf(out, "proof/ in it shows each change up to %s. Who gets it checks it with the public key and a head, which you hand over by another way:\n  licenseguard verify proof --key evidence.pub --head HEAD\n", request.Proof.Last)
		if n := request.Proof.Unsealed; n > 0 {
			fmt.Fprintf(out, "Of %d licenses nothing is sealed yet: they are on the page, and not in the proof.\n", n)
		}
	}
	if n := len(pack.Gaps); n > 0 {
		fmt.Fprintf(out, "The change log has %d gaps; the page says so and gaps.csv lists them.\n", n)
	}
	if n := len(request.Coverage.Gaps); n > 0 {
		fmt.Fprintf(out, "%d times not all was watched; the page says what that can mean and coverage.csv lists them.\n", n)
	}
	return nil
}

// noEvidence says that a pack is to have none.
const noEvidence = "none"

// proof gathers what the evidence shows of the licenses, and which these are; nil where
// there is no evidence and none was asked for.
func (a *auditing) proof(ctx context.Context, of []audit.Subject) (*audit.Proof, []string, error) {
	place := a.evidence
	if place == "" {
		if place = a.sealed(ctx); place == "" {
			return nil, nil, nil
		}
	}
	if place == noEvidence {
		return nil, nil, nil
	}
	pack, err := packAt(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	var ids []string
	if a.vendor == "" {
		for _, s := range of {
			ids = append(ids, s.Configuration.ID)
		}
	}
	p := &audit.Proof{}
	shown, err := evidence.Disclose(ctx, pack, a.vendor, ids, []string{config.PrefixCoverage}, func(path string, body []byte) error {
		p.Files = append(p.Files, audit.File{Name: path, Body: bytes.Clone(body)})
		if day, ok := evidence.DayOf(path); ok {
			p.Last = max(p.Last, day)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w (--evidence none leaves the proof out)", place, err)
	}
	p.Licenses, p.Unsealed = len(shown.Licenses), len(shown.Unsealed)
	return p, shown.Licenses, nil
}

// sealed is where the evidence of the ledger is, or "".
func (a *auditing) sealed(ctx context.Context) string {
	if a.reader.stack != "" {
		if c, err := connect(ctx, a.reader.stack); err == nil && c.stack.Outputs[config.OutputEvidenceBucket] != "" {
			return schemeS3 + c.stack.Outputs[config.OutputEvidenceBucket]
		}
		return ""
	}
	dir, err := findFolder(a.reader.dir)
	if err != nil {
		return ""
	}
	place := filepath.Join(dir, "evidence")
	if _, err := os.Stat(filepath.Join(place, evidence.PrefixManifests)); err != nil {
		return ""
	}
	return place
}

// userName names who runs the command, as far as the system tells.
func userName() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	if u.Name != "" {
		return u.Name
	}
	return u.Username
}

// subjects returns the named licenses, also deleted ones; else those of a vendor, also
// deleted ones, or all that there are.
func subjects(ctx context.Context, store ledger.Store, names []string, vendor string) ([]audit.Subject, error) {
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return nil, err
	}
	var out []audit.Subject
	for i := range configurations {
		if len(names) == 0 && (vendor == "" || configurations[i].Vendor == vendor) {
			out = append(out, audit.Subject{Configuration: configurations[i]})
		}
	}
	if vendor != "" {
		deleted, err := store.DeletedConfigurations(ctx)
		if err != nil {
			return nil, err
		}
		for i := range deleted {
			if deleted[i].Vendor == vendor {
				out = append(out, audit.Subject{Configuration: deleted[i], Deleted: true})
			}
		}
		if len(out) == 0 {
			return nil, badInput("no license is recorded under the vendor %q; licenseguard license show LICENSE shows its vendor, and the field vendor or the tag licenseguard:vendor sets it", vendor)
		}
	}
	for _, name := range names {
		c, err := identify(configurations, name)
		deleted := err != nil
		if deleted {
			shown, gone := showDeleted(ctx, store, name, time.Time{})
			if gone != nil {
				return nil, err
			}
			c = shown.Configuration
		}
		out = append(out, audit.Subject{Configuration: c, Deleted: deleted})
	}
	for i := range out {
		edits, err := (&registrar.Registrar{Store: store}).History(ctx, out[i].Configuration.ID)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) { // it was set before there was a history
			return nil, err
		}
		out[i].Edits = edits
	}
	return out, nil
}

// writePack writes a pack beside its name first, so that no half of one is left
// under it.
func writePack(pack *audit.Pack, name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".audit-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(pack.Write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}
