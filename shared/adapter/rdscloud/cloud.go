package rdscloud

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

var _ track.Databases = (*Cloud)(nil)

// api lists the calls that the adapter makes.
type api interface {
	DescribeDBInstances(context.Context, *rds.DescribeDBInstancesInput, ...func(*rds.Options)) (*rds.DescribeDBInstancesOutput, error)
	DescribeOptionGroups(context.Context, *rds.DescribeOptionGroupsInput, ...func(*rds.Options)) (*rds.DescribeOptionGroupsOutput, error)
}

// Cloud is RDS in accounts and Regions.
type Cloud struct{ in func(track.Scope) api }

// New returns the RDS of the client's account and Region.
func New(client *rds.Client) *Cloud {
	return &Cloud{func(track.Scope) api { return client }}
}

// NewFleet returns the RDS of many accounts and Regions, each with the client for it.
func NewFleet(client func(track.Scope) *rds.Client) *Cloud {
	return &Cloud{func(s track.Scope) api { return client(s) }}
}

const (
	databasesPerPage = 100    // the most that RDS gives (API reference, DescribeDBInstances, 2026)
	maxPages         = 10_000 // ends a listing whose markers never do
)

// databaseName is the form of a DB instance's identifier, which RDS keeps in lower case.
// Nothing else may reach a filter.
var databaseName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

// Databases implements track.Databases. The names go into a filter: as the identifier of
// the call, one that RDS does not know would fail it. Should RDS refuse a filter with
// such a name some day, all databases are listed instead: there are few in an account.
func (c *Cloud) Databases(ctx context.Context, s track.Scope, names []string) ([]license.DBInstance, error) {
	known := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !databaseName.MatchString(name) })
	if len(known) == 0 {
		return nil, nil
	}
	var out []license.DBInstance
	add := func(page []license.DBInstance) error {
		for _, d := range page {
			if slices.Contains(known, nameOf(d)) {
				out = append(out, d)
			}
		}
		return nil
	}
	err := c.eachPage(ctx, s, []types.Filter{{Name: aws.String("db-instance-id"), Values: known}}, add)
	var unknown *types.DBInstanceNotFoundFault
	if errors.As(err, &unknown) {
		out = nil
		err = c.eachPage(ctx, s, nil, add)
	}
	return out, err
}

// EachDatabase implements track.Databases.
func (c *Cloud) EachDatabase(ctx context.Context, s track.Scope, each func(page []license.DBInstance) error) error {
	return c.eachPage(ctx, s, nil, each)
}

func (c *Cloud) eachPage(ctx context.Context, s track.Scope, filters []types.Filter, each func([]license.DBInstance) error) error {
	in := &rds.DescribeDBInstancesInput{Filters: filters, MaxRecords: aws.Int32(databasesPerPage)}
	for range maxPages {
		out, err := c.in(s).DescribeDBInstances(ctx, in)
		if err != nil {
			return fmt.Errorf("describe DB instances: %w", err)
		}
		page, err := databasesOf(s, out.DBInstances)
		if err != nil {
			return err
		}
		if len(page) > 0 {
			if err := each(page); err != nil {
				return err
			}
		}
		if aws.ToString(out.Marker) == "" {
			return nil
		}
		in.Marker = out.Marker
	}
	return fmt.Errorf("RDS lists more than %d pages", maxPages)
}

// Options implements track.Databases.
func (c *Cloud) Options(ctx context.Context, s track.Scope, group string) ([]license.DBOption, error) {
	out, err := c.in(s).DescribeOptionGroups(ctx, &rds.DescribeOptionGroupsInput{OptionGroupName: aws.String(group)})
	var unknown *types.OptionGroupNotFoundFault
	if errors.As(err, &unknown) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("describe option groups: %w", err)
	}
	var options []license.DBOption
	for _, g := range out.OptionGroupsList {
		for i := range g.Options {
			options = append(options, optionOf(&g.Options[i]))
		}
	}
	return options, nil
}
