package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

// The account and Region of a ledger in a folder in which nothing is yet.
const (
	localAccount = "123456789012"
	localRegion  = "us-east-1"
)

// watched tells whose instances a ledger in a folder counts: the account that owns its
// licenses, all accounts that it knows, and its Region.
func watched(ctx context.Context, store ledger.Store) (owner string, accounts []string, region string, err error) {
	owner, region = localAccount, localRegion
	configurations, _, err := store.Configurations(ctx)
	if err != nil {
		return "", nil, "", err
	}
	if len(configurations) == 0 { // the last one was deleted
		if configurations, err = store.DeletedConfigurations(ctx); err != nil {
			return "", nil, "", err
		}
	}
	found := map[string]bool{}
	for i := range configurations { // arn:aws:license-manager:REGION:ACCOUNT:license-configuration:ID
		if parts := strings.Split(configurations[i].ARN, ":"); len(parts) > 4 {
			if len(found) == 0 {
				owner, region = parts[4], parts[3]
			}
			found[parts[4]] = true
		}
	}
	brakes, err := store.LoadBrakes(ctx)
	if err != nil {
		return "", nil, "", err
	}
	for account := range brakes.Fleet { // as of the last sweep
		found[account] = true
	}
	if len(found) == 0 {
		found[owner] = true
	}
	return owner, slices.Sorted(maps.Keys(found)), region, nil
}

// eachOnRecord calls each for what is on record: of the accounts in the ledger's own Region,
// and of every account and Region that a sweep has seen.
func eachOnRecord(ctx context.Context, store ledger.Store, accounts []string, region string, each func(ledger.Facts) error) error {
	watches, err := track.Watches(ctx, store)
	if err != nil {
		return err
	}
	scopes := make(map[track.Scope]bool)
	for _, account := range accounts {
		scopes[track.Scope{Account: account, Region: region}] = true
	}
	for i := range watches {
		scopes[watches[i].Scope()] = true
	}
	for s := range scopes {
		if err := store.EachFacts(ctx, s.Account, s.Region, each); err != nil {
			return err
		}
	}
	return nil
}
