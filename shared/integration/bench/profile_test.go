package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"licenseguard/shared/integration/meter"
)

// profile runs a design once more and says where its time goes: in this process
// or waiting for DynamoDB Local, and what takes this process's part.
func (d *design) profile(b *bench, length time.Duration) []string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "cpu")
	f, err := os.Create(path)
	b.must(err)
	defer f.Close()
	b.meter.Take()
	before, _, err := usage()
	b.must(err)
	b.must(pprof.StartCPUProfile(f))
	start := time.Now()
	changes, err := d.run(b.Context(), start.Add(length))
	took := time.Since(start)
	pprof.StopCPUProfile()
	b.must(err)
	after, _, err := usage()
	b.must(err)
	r := b.meter.Take()
	lines := []string{fmt.Sprintf("What is left of %q: %.0f µs a change; CPU of this process %.0f µs of it; waiting: %s", d.name, took.Seconds()*1e6/float64(changes),
		(after-before).Seconds()*1e6/float64(changes), waits(r))}
	if t := meter.Sum(r.Waited, "TransactWriteItems"); t > 0 {
		lines[0] += fmt.Sprintf(" transactions %.0f %%", 100*float64(t)/float64(meter.Sum(r.Waited)))
	}
	out, err := exec.CommandContext(b.Context(), "go", "tool", "pprof", "-top", "-cum", "-nodecount=80", "-show=licenseguard/shared/(ledger|track|adapter|event)|encoding/json|aws-sdk-go|smithy", path).Output()
	if err != nil {
		return append(lines, "  (no profile: "+err.Error()+")")
	}
	found := 0
	for line := range strings.Lines(string(out)) {
		cells := strings.Fields(line)
		if len(cells) > 5 && strings.HasSuffix(cells[4], "%") && found < 8 && !strings.Contains(line, "bench_test") {
			found++
			lines = append(lines, fmt.Sprintf("  %7s  %s", cells[4], cells[5]))
		}
	}
	return lines
}
