package config_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/config"
)

func right() map[string]string {
	return map[string]string{
		config.EnvLedgerTable:        "ledger-1",
		config.EnvAccounts:           "123456789012, 210987654321",
		config.EnvDeadLetterQueueURL: "https://sqs.us-east-1.amazonaws.com/123456789012/dlq",
		config.EnvReportBucket:       "reports-1",
		config.EnvAlertQueueURL:      "https://sqs.us-east-1.amazonaws.com/123456789012/alerts",
		config.EnvEventQueueURL:      "http://127.0.0.1:5000/123456789012/events",
		config.EnvAlertTopicARN:      "arn:aws-us-gov:sns:us-gov-west-1:123456789012:alerts",
		config.EnvEventBusName:       "licenseguard",
		config.EnvAutoScaling:        "true",
		config.EnvOwnAccount:         "123456789012",
		config.EnvSpokeExternalID:    "a-secret-of-ours",
		config.EnvEvidenceBucket:     "evidence-1",
		config.EnvSigningKeyARN:      "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		config.EnvNamesKeyARN:        "arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab",
		config.EnvLedgerName:         "Licenseguard 123456789012 us-gov-west-1",
		config.EnvRegion:             "us-gov-west-1",
	}
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// load reads every struct, so that one table can break every variable.
func load(env map[string]string) (got []any, errs []error) {
	add := func(v any, err error) {
		got = append(got, v)
		if err != nil {
			errs = append(errs, err)
		}
	}
	get := lookup(env)
	track, err := config.LoadTrack(get)
	add(track, err)
	sweep, err := config.LoadSweep(get)
	add(sweep, err)
	enforce, err := config.LoadEnforce(get)
	add(enforce, err)
	publish, err := config.LoadPublish(get)
	add(publish, err)
	snapshot, err := config.LoadSnapshot(get)
	add(snapshot, err)
	seal, err := config.LoadSeal(get)
	add(seal, err)
	api, err := config.LoadAPI(get)
	add(api, err)
	return got, errs
}

func TestLoad(t *testing.T) {
	t.Parallel()
	got, errs := load(right())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	accounts := []string{"123456789012", "210987654321"}
	env := right()
	watched := config.Watched{accounts, []string{"us-gov-west-1"}, "us-gov-west-1", "123456789012", "a-secret-of-ours"}
	want := []any{
		config.Track{"ledger-1", env[config.EnvDeadLetterQueueURL], watched},
		config.Sweep{"ledger-1", watched},
		config.Enforce{"ledger-1", watched, true},
		config.Publish{
			"ledger-1", "reports-1", env[config.EnvAlertQueueURL], env[config.EnvEventQueueURL],
			env[config.EnvAlertTopicARN], "licenseguard",
		},
		config.Snapshot{"ledger-1", "reports-1"},
		config.Seal{"reports-1", "evidence-1", accounts, "us-gov-west-1", env[config.EnvSigningKeyARN], env[config.EnvNamesKeyARN], env[config.EnvLedgerName], env[config.EnvAlertTopicARN]},
		config.API{"ledger-1", accounts, []string{"us-gov-west-1"}, "us-gov-west-1", "123456789012", "reports-1", env[config.EnvAlertTopicARN]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLoadNamesTheWrongVariable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, variable, value string
		loaders               int
	}{
		{"short table", config.EnvLedgerTable, "x", 6},
		{"table is an ARN", config.EnvLedgerTable, "arn:aws:dynamodb:us-east-1:123456789012:table/x", 6},
		{"account of 11 digits", config.EnvAccounts, "12345678901", 5},
		{"trailing comma", config.EnvAccounts, "123456789012,", 5},
		{"account twice", config.EnvAccounts, "123456789012,123456789012", 5},
		{"region is a zone", config.EnvRegion, "us-east-1a", 5},
		{"region of the list is a zone", config.EnvRegions, "us-gov-west-1,us-east-1a", 4},
		{"region twice", config.EnvRegions, "us-gov-west-1, us-gov-west-1", 4},
		{"own account by name", config.EnvOwnAccount, "hub", 3},
		{"short external id", config.EnvSpokeExternalID, "short", 3},
		{"external id with a space", config.EnvSpokeExternalID, "not an external id", 3},
		{"groups perhaps", config.EnvAutoScaling, "yes", 1},
		{"queue by name", config.EnvDeadLetterQueueURL, "dlq", 1},
		{"queue by ARN", config.EnvAlertQueueURL, "arn:aws:sqs:us-east-1:123456789012:alerts", 1},
		{"queue without path", config.EnvEventQueueURL, "https://sqs.us-east-1.amazonaws.com/", 1},
		{"bucket with capitals", config.EnvReportBucket, "Reports", 4},
		{"evidence bucket with capitals", config.EnvEvidenceBucket, "Evidence", 1},
		{"key by its id", config.EnvSigningKeyARN, "1234abcd-12ab-34cd-56ef-1234567890ab", 1},
		{"key by its alias", config.EnvNamesKeyARN, "arn:aws:kms:us-east-1:123456789012:alias/names", 1},
		{"ledger's name in quotes", config.EnvLedgerName, "\"a\"", 1},
		{"topic by name", config.EnvAlertTopicARN, "alerts", 3},
		{"bus by ARN", config.EnvEventBusName, "arn:aws:events:us-east-1:123456789012:event-bus/x", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := right()
			env[tt.variable] = tt.value
			wantErrors(t, env, tt.variable, tt.loaders)
		})
	}
	for variable := range maps.Keys(right()) {
		t.Run("without "+variable, func(t *testing.T) {
			t.Parallel()
			env := right()
			delete(env, variable)
			wantErrors(t, env, variable+" is not set", 0)
			env[variable] = ""
			wantErrors(t, env, variable+" is not set", 0)
		})
	}
}

func TestLoadWatched(t *testing.T) {
	t.Parallel()
	const here, hub, other = "us-gov-west-1", "123456789012", "210987654321"
	tests := []struct {
		name string
		set  map[string]string
		want config.Watched
	}{
		{"one account", map[string]string{config.EnvAccounts: hub, config.EnvOwnAccount: "", config.EnvSpokeExternalID: ""},
			config.Watched{[]string{hub}, []string{here}, here, "", ""}},
		{"one account in two Regions", map[string]string{config.EnvAccounts: hub, config.EnvOwnAccount: "", config.EnvSpokeExternalID: "", config.EnvRegions: here + ", us-gov-east-1"},
			config.Watched{[]string{hub}, []string{here, "us-gov-east-1"}, here, "", ""}},
		{"one account, another", map[string]string{config.EnvAccounts: other}, config.Watched{[]string{other}, []string{here}, here, hub, "a-secret-of-ours"}},
		{"the own account is said", map[string]string{config.EnvAccounts: hub, config.EnvSpokeExternalID: ""}, config.Watched{[]string{hub}, []string{here}, here, hub, ""}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := right()
			maps.Copy(env, tt.set)
			got, err := config.LoadSweep(lookup(env))
			if diff := cmp.Diff(tt.want, got.Watched); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

// wantErrors checks that every loader that reads the variable names it and says
// what is right. Zero loaders means at least one.
func wantErrors(t *testing.T, env map[string]string, mention string, loaders int) {
	t.Helper()
	_, errs := load(env)
	if len(errs) == 0 || (loaders > 0 && len(errs) != loaders) {
		t.Fatalf("got %d errors, want %d: %v", len(errs), loaders, errs)
	}
	for _, err := range errs {
		if !strings.Contains(err.Error(), mention) || !strings.Contains(err.Error(), "it must be") {
			t.Errorf("error %q: want %q and what is right", err, mention)
		}
	}
}

func TestLoadReportsEveryVariableAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.LoadTrack(lookup(nil))
	if err == nil {
		t.Fatal("want an error")
	}
	for _, name := range []string{config.EnvLedgerTable, config.EnvDeadLetterQueueURL, config.EnvAccounts, config.EnvRegion} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("error does not mention %s:\n%v", name, err)
		}
	}
}
