package evidence_test

import (
	"bytes"
	"testing"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence/evidencetest"
)

// TestEveryTableIsSealed: positions, usage and what was watched, also where a day has
// nothing else; one altered byte of each is found.
func TestEveryTableIsSealed(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	var names []string
	for _, prefix := range []string{config.PrefixPositions, config.PrefixUsage, config.PrefixCoverage} {
		name := prefix + "dt=2026-11-01/table-20261101T080000Z.parquet"
		source[name], names = []byte("rows of "+prefix), append(names, name)
	}
	seal(t, source, vault, key, at(1, 2))
	if r := verify(t, vault, with(key)); len(r.Findings) != 0 || r.Files != len(names) {
		t.Fatalf("%+v", r)
	}
	for _, name := range names {
		vault[name] = bytes.ToUpper(source[name])
		if r := verify(t, vault, with(key)); len(r.Findings) != 1 || r.Findings[0].Path != name {
			t.Errorf("%s was altered: %+v", name, r.Findings)
		}
		vault[name] = source[name]
	}
}
