package day

import (
	"context"
	"fmt"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/catalog"
	"licenseguard/shared/enforce"
	"licenseguard/shared/licensefile"
)

const oracleName = "Oracle Database Enterprise"

// person is somebody who decides about enforcement.
func (d *Day) person(name string) *enforce.Operator {
	return &enforce.Operator{Store: d.Pipeline.Store, Catalog: catalog.Embedded(), Now: d.Now, By: name}
}

// oracleCount changes how many Oracle licenses there are.
func (d *Day) oracleCount(ctx context.Context, count int64) error {
	wanted, err := licensefile.Read(licenses, Account, Region)
	if err != nil {
		return err
	}
	for _, c := range wanted {
		if c.Name != oracleName {
			continue
		}
		c.Count = &count
		if _, err := d.Pipeline.Tracker.Configure(ctx, c, "demo"); err != nil {
			return err
		}
	}
	return d.Pipeline.Drain(ctx)
}

func (d *Day) contractEnds(ctx context.Context) error { return d.oracleCount(ctx, 8) }

func (d *Day) renewed(ctx context.Context) error { return d.oracleCount(ctx, 32) }

// plan asks what waits for a person, as licenseguard enforcement plan does.
func (d *Day) plan(ctx context.Context) error {
	p, err := d.person("alice").Plan(ctx)
	if err != nil {
		return err
	}
	d.hash = p.Hash
	console.Plan(d.out, p)
	console.Approval(d.out, p, "")
	return nil
}

func (d *Day) approve(ctx context.Context) error {
	_, approved, err := d.person("alice").Apply(ctx, d.hash)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "          alice approved %d answers of plan %s\n", approved, d.hash)
	return d.Pipeline.Drain(ctx)
}

// takeBack undoes what the plan did.
func (d *Day) takeBack(ctx context.Context) error {
	entries, err := d.Pipeline.Store.Journal(ctx, d.now.AddDate(0, 0, -1))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Plan != d.hash || !enforce.Undoable(e) {
			continue
		}
		if err := d.person("bob").Undo(ctx, e); err != nil {
			return err
		}
		fmt.Fprintf(d.out, "          bob takes back: %s was %s\n", e.Instance.AWSID(), e.Action)
	}
	return d.Pipeline.Drain(ctx)
}
