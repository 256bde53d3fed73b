package main

import (
	"encoding/json"
	"testing"

	"licenseguard/shared/whatif"
)

// TestSimulate: 24 of 32 vCPUs are in use by three instances of 8; one more of three
// fits. Nothing of it is done.
func TestSimulate(t *testing.T) {
	t.Parallel()
	dir := demonstrated(t)
	before := say(t, exitOK, []string{"usage", "ls", "--json", "--dir", dir})
	const oracle = "Oracle Database Enterprise"
	fits := []string{"3 instances of m5.2xlarge: 1 would be in order, 2 would not.", "24 → 48", "24 → 32", "0 → 16", "i-new-0002", "new → over", "of 32 licenses 32 are taken", "Nothing was done."}
	say(t, exitOK, []string{"simulate", "--type", "m5.2xlarge", "--count", "3", "--ami", "ami-0ee55ff66aa77bb88", "--dir", dir}, fits...)
	say(t, exitOK, []string{"simulate", "--type", "m5.2xlarge", "--count", "3", "--license", oracle, "--dir", dir}, fits...)
	say(t, exitOK, []string{"simulate", "--license", oracle, "--count", "8", "--dir", dir}, "32 → 8", "covered → over", "once approved")
	say(t, exitOK, []string{"simulate", "--type", "m5.large", "--dir", dir}, "to 1 no license applies", "No license would stand otherwise")
	file := written(t, say(t, exitOK, []string{"license", "export", "--dir", dir}))
	say(t, exitOK, []string{"simulate", "-f", file, "--type", "t3.large", "--tag", "Software=sqlserver-x", "--at", "24h", "--dir", dir}, "1 would be in order", "SQL Server 2022 Standard")

	var got whatif.Outcome
	if err := json.Unmarshal([]byte(say(t, exitOK, []string{"simulate", "--json", "--license", oracle, "--count", "8", "--dir", dir})), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Licenses) != 1 || *got.Licenses[0].After.Count != 8 || got.Licenses[0].After.Over != 16 || len(got.Licenses[0].Changes) != 2 {
		t.Errorf("%+v", got)
	}
	for _, args := range [][]string{{}, {"--count", "3"}, {"--license", oracle}, {"--ami", "ami-1"}, {"--type", "m5.large", "--tag", "x"}, {"--type", "m5.large", "--count", "0"},
		{"--license", "none", "--count", "1"}, {"--license", oracle, "--count", "-1"}, {"--type", "m5.large", "--at", "2020-01-01"}, {"-f", "none.yaml"},
		{"--type", "m5.large", "--license", oracle, "--ami", "ami-12345678", "--launch-template", "lt-12345678"}} {
		say(t, exitUsage, append(append([]string{"simulate"}, args...), "--dir", dir), "licenseguard simulate: ")
	}
	if after := say(t, exitOK, []string{"usage", "ls", "--json", "--dir", dir}); len(after) != len(before) {
		t.Errorf("simulating changed the usage from\n%s\nto\n%s", before, after)
	}
}
