package main

import (
	"path/filepath"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

const (
	leftOwner = "111122223333"
	leftHome  = "eu-central-1"
)

// left is a ledger in a folder with one license, on which a test works.
func left(t *testing.T, wanted license.Configuration, work func(*boltledger.Store, *ledger.License) error) (dir string) {
	t.Helper()
	dir = t.TempDir()
	store, err := boltledger.Open(filepath.Join(dir, ledgerFile), boltledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	made, err := registrarOf(store, leftOwner, leftHome, []string{leftOwner}).Create(t.Context(), wanted, "me")
	if err == nil {
		err = work(store, made.License)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// A ledger whose last license was deleted is still of its account and Region.
func TestALedgerKeepsItsAccount(t *testing.T) {
	t.Parallel()
	dir := left(t, license.Configuration{Name: "A", CountingType: license.CountVCPU}, func(store *boltledger.Store, l *ledger.License) error {
		return registrarOf(store, leftOwner, leftHome, []string{leftOwner}).Delete(t.Context(), l.Configuration.ID, "me")
	})
	store, err := openFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	owner, accounts, region, err := watched(t.Context(), store)
	if err != nil || owner != leftOwner || region != leftHome || len(accounts) != 1 || accounts[0] != leftOwner {
		t.Errorf("%s in %s, accounts %v, %v; want %s in %s", owner, region, accounts, err, leftOwner, leftHome)
	}
}

// A host to which a rule binds licenses is explained, also when nothing runs on it.
func TestABoundHostIsExplained(t *testing.T) {
	t.Parallel()
	now := time.Now().UTC().Truncate(time.Millisecond)
	host := license.NewResourceID(leftOwner, leftHome, "h-0123456789abcdef0")
	rules := []license.RuleVersion{{Text: []string{"#licenseAffinityToHost=14"}}}
	dir := left(t, license.Configuration{Name: "A", CountingType: license.CountCore, Rules: rules}, func(store *boltledger.Store, made *ledger.License) error {
		l := made.Clone()
		l.Revision++
		l.Due, l.Totals = now.Add(24*time.Hour), ledger.Totals{Affinity: 48, Hosts: 48}
		l.Entries = []ledger.Entry{{Resource: host, First: now.Add(-time.Hour), Licenses: 48, Host: ledger.HostFacts{Family: "m5", Cores: 48, Sockets: 2},
			Verdict: ledger.Tracked, RuleVersion: 1, Assigned: now.Add(-13 * 24 * time.Hour), AffinityUntil: now.Add(24 * time.Hour)}}
		return store.Commit(t.Context(), ledger.Commit{License: l, Change: &ledger.Change{License: l.Configuration.ID, Revision: l.Revision, Recorded: now}})
	})
	say(t, exitOK, []string{"explain", host.AWSID(), "--dir", dir}, host.AWSID()+" under A", "= 48 licenses", "No instance uses it", "until "+stamp(now.Add(24*time.Hour)))
	say(t, exitOK, []string{"explain", host.AWSID(), "--dir", dir, "--json"}, `"Licenses": 48`)
}
