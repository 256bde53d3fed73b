package evidence_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
)

// TestTheSecondVerifierAgrees: the one in Python, written from the format alone, finds
// right what is right, and in each mutated pack names the file, too.
func TestTheSecondVerifierAgrees(t *testing.T) {
	t.Parallel()
	python := python3(t)
	total := 4 * len(mutations)
	if testing.Short() {
		total = len(mutations)
	}
	pack, key, sealed := sealedPack(t, 4)
	head := sealed[len(sealed)-1].Head
	w := &mutated{key, evidencetest.NewKey(), sealed}
	dir := t.TempDir()
	public := writeKey(t, dir, key)
	packs := []evidencetest.Bucket{pack} // the first is right
	names := [][]string{nil}
	for seed := range total {
		r := rand.New(rand.NewPCG(uint64(seed), 8))
		b := maps.Clone(pack)
		named, _, ok := mutations[seed%len(mutations)].apply(r, b, w)
		if !ok {
			continue
		}
		packs, names = append(packs, b), append(names, named)
	}
	second := inPython(t, python, public, head.String(), dir, packs)
	for i, want := range []int{0, 1} { // as a program
		folder := filepath.Join(dir, fmt.Sprint("pack", i))
		out, err := exec.CommandContext(t.Context(), python, "../../scripts/verify_evidence.py", folder, public, head.String()).CombinedOutput()
		code := 0
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if code != want {
			t.Errorf("as a program on pack %d: exit code %d, want %d\n%s", i, code, want, out)
		}
	}
	options := evidence.Options{Keys: []evidence.PublicKey{key.Public()}, Head: &head}
	for i, b := range packs {
		first := verify(t, b, options).Findings
		switch {
		case i == 0:
			if len(first)+len(second[i]) > 0 {
				t.Errorf("a pack that is right: %v, %v", first, second[i])
			}
		case len(first) == 0 || len(second[i]) == 0:
			t.Errorf("pack %d, %v: %v, in Python %v", i, names[i], first, second[i])
		case !slices.ContainsFunc(names[i], func(n string) bool { return strings.Contains(second[i][0], n) }):
			t.Errorf("pack %d: Python does not name %v first: %v", i, names[i], second[i])
		case first[0].Row > 0 && !strings.HasSuffix(second[i][0], fmt.Sprintf("row %d", first[0].Row)):
			t.Errorf("pack %d: %v, in Python %v", i, first[0], second[i])
		}
	}
	if len(packs) < total*9/10 {
		t.Errorf("only %d packs were judged", len(packs))
	}
}

// TestTheSecondVerifierSeesWhatIsHidden: it finds right what shows a vendor's licenses
// whole, and each way to hide something of them.
func TestTheSecondVerifierSeesWhatIsHidden(t *testing.T) {
	t.Parallel()
	python := python3(t)
	r := rand.New(rand.NewPCG(1, 9))
	pack, key, head := vendorsPack(t, r, 4)
	shown := disclose(t, pack, "Oracle")
	packs, names := []evidencetest.Bucket{shown, disclose(t, pack, "", "lic-3")}, []string{"right", "right"}
	for name, c := range hidings(t) {
		for range 3 {
			b := maps.Clone(shown)
			c.hide(r, pack, b, "changes/dt=2026-11-02/changes.jsonl")
			packs, names = append(packs, b), append(names, name)
		}
	}
	dir := t.TempDir()
	public := writeKey(t, dir, key)
	for i, found := range inPython(t, python, public, head.String(), dir, packs) {
		if (len(found) == 0) != (names[i] == "right") {
			t.Errorf("%s: %v", names[i], found)
		}
	}
}

func python3(t *testing.T) string {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("CI runs every test: there is no python3")
	}
	if err != nil {
		t.Skip("not run: there is no python3")
	}
	return python
}

// writeKey writes the public key as people get it.
func writeKey(t *testing.T, dir string, key evidencetest.Key) string {
	t.Helper()
	der, err := key.PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(dir, "key.pub")
	if err := os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return public
}

// driver runs the script's own function on folders that are named on its input.
const driver = `
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("verify_evidence", sys.argv[1])
v = importlib.util.module_from_spec(spec)
spec.loader.exec_module(v)
key, key_id = v.public_key(open(sys.argv[2], "rb").read())
for line in sys.stdin:
    print(json.dumps(["%s: %s" % f for f in v.verify(line.rstrip("\n"), key, key_id, sys.argv[3])]))
`

// inPython gives the findings of each pack.
func inPython(t *testing.T, python, key, head, dir string, packs []evidencetest.Bucket) [][]string {
	t.Helper()
	var input bytes.Buffer
	for i, b := range packs {
		folder := filepath.Join(dir, fmt.Sprint("pack", i))
		for path, body := range b {
			at := filepath.Join(folder, filepath.FromSlash(path))
			if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, body, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		fmt.Fprintln(&input, folder)
	}
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), python, "-c", driver, "../../scripts/verify_evidence.py", key, head)
	c.Stdin, c.Stdout, c.Stderr = &input, &out, &errs
	c.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if err := c.Run(); err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var findings [][]string
	for lines := bufio.NewScanner(&out); lines.Scan(); {
		var one []string
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		findings = append(findings, one)
	}
	if len(findings) != len(packs) {
		t.Fatalf("%d packs were judged of %d", len(findings), len(packs))
	}
	return findings
}
