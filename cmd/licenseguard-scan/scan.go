package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

// scan holds the flags.
type scan struct {
	file, region, role string
	accounts           []string
	json               bool
}

// found is what a scan found, for programs.
type found struct {
	Region    string
	Accounts  []string
	Instances int // seen, whether or not a license applies to them
	Positions []snapshot.Position
	Findings  []snapshot.Usage // what is over a count, against a rule, or estimated
}

func (s *scan) run(ctx context.Context, out io.Writer) error {
	if s.file == "" {
		return badInput("name a license file with -f")
	}
	if (len(s.accounts) > 0) != (s.role != "") {
		return badInput("give --accounts and --role together: the role is assumed in each account")
	}
	for _, account := range s.accounts {
		if _, err := config.ParseAccounts(account); err != nil {
			return badInput("--accounts: %w", err)
		}
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return badInput("%w", err)
	}
	c, err := awsclient.Load(ctx)
	if err != nil {
		return err
	}
	if s.region != "" {
		c.Region = s.region
	}
	if c.Region == "" {
		return badInput("no Region is set; give --region")
	}
	if len(s.accounts) == 0 {
		caller, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return fmt.Errorf("find out which account this is: %w", err)
		}
		s.accounts = []string{aws.ToString(caller.Account)}
	}
	licenses, err := licensefile.Read(data, s.accounts[0], c.Region)
	if err != nil {
		return badInput("%s: %w", s.file, err)
	}
	f, err := count(ctx, s.observers(c), s.accounts, c.Region, licenses)
	if err != nil {
		return err
	}
	if s.json {
		return console.JSON(out, f)
	}
	show(out, f)
	return nil
}

// observers are EC2 as each account sees it.
func (s *scan) observers(c aws.Config) observers {
	all := make(observers, len(s.accounts))
	for _, account := range s.accounts {
		own := c.Copy()
		if s.role != "" {
			arn := fmt.Sprintf("arn:aws:iam::%s:role/%s", account, s.role)
			own.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(c), arn))
		}
		all[account] = ec2cloud.New(ec2.NewFromConfig(own))
	}
	return all
}

// count sweeps the accounts once into a ledger that nobody keeps.
func count(ctx context.Context, seen track.Observer, accounts []string, region string, licenses []license.Configuration) (f found, err error) {
	dir, err := os.MkdirTemp("", "licenseguard-scan-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	store, err := boltledger.Open(filepath.Join(dir, "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	now := time.Now()
	tracker := &track.Tracker{Store: store, Observer: seen, Catalog: catalog.Embedded(), Accounts: accounts, Regions: []string{region},
		Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	for _, c := range licenses {
		if _, err := tracker.Configure(ctx, c, "scan"); err != nil {
			return f, badInput("license %q: %w", c.Name, err)
		}
	}
	f = found{Region: region, Accounts: accounts, Positions: []snapshot.Position{}, Findings: []snapshot.Usage{}}
	for _, account := range accounts {
		report, err := tracker.Sweep(ctx, track.Scope{Account: account, Region: region})
		if err != nil {
			return f, fmt.Errorf("account %s in %s: %w", account, region, err)
		}
		f.Instances += report.Instances
	}
	for _, c := range licenses {
		if err := f.add(ctx, store, c.ID, now); err != nil {
			return f, err
		}
	}
	return f, nil
}

func (f *found) add(ctx context.Context, store ledger.Store, id string, now time.Time) error {
	l, err := store.Load(ctx, id)
	if err != nil {
		return err
	}
	facts, err := store.LoadFacts(ctx, l.Instances())
	if err != nil {
		return err
	}
	f.Positions = append(f.Positions, snapshot.PositionOf(l, now))
	for _, u := range snapshot.UsagesOf(l, facts, now, catalog.Embedded()) {
		if u.Verdict == string(ledger.Over) || u.Verdict == string(ledger.Broken) || u.Estimated {
			f.Findings = append(f.Findings, u)
		}
	}
	return nil
}

func show(out io.Writer, f found) {
	fmt.Fprintf(out, "%d instances of account %v in %s; nothing was written.\n\n", f.Instances, f.Accounts, f.Region)
	console.Positions(out, f.Positions)
	for _, p := range f.Positions {
		var own []snapshot.Usage
		for _, u := range f.Findings {
			if u.ID == p.ID {
				own = append(own, u)
			}
		}
		if len(own) > 0 {
			console.Section(out, "%s: over, against a rule, or estimated", p.Name)
			console.Usage(out, own)
		}
	}
}

// observers is EC2 of several accounts.
type observers map[string]track.Observer

var _ track.Observer = observers{}

// Instances implements track.Observer.
func (o observers) Instances(ctx context.Context, s track.Scope, ids []string) ([]license.Instance, error) {
	return o[s.Account].Instances(ctx, s, ids)
}

// EachInstances implements track.Observer.
func (o observers) EachInstances(ctx context.Context, s track.Scope, each func([]license.Instance) error) error {
	return o[s.Account].EachInstances(ctx, s, each)
}

// Hosts implements track.Observer.
func (o observers) Hosts(ctx context.Context, s track.Scope, ids []string) ([]license.Host, error) {
	return o[s.Account].Hosts(ctx, s, ids)
}

// Images implements track.Observer.
func (o observers) Images(ctx context.Context, s track.Scope, ids []string) ([]track.Image, error) {
	return o[s.Account].Images(ctx, s, ids)
}

// InstanceTypes implements track.Observer.
func (o observers) InstanceTypes(ctx context.Context, s track.Scope, names []string) ([]license.InstanceType, error) {
	return o[s.Account].InstanceTypes(ctx, s, names)
}
