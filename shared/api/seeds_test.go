package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/license"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestSeeds plays the commands of the tutorial that this project began with, as the
// AWS CLI puts them on the wire, against one ledger. testdata/seeds holds a request
// and its golden answer a file, in the order of their names. The id that a create
// answers stands as <NAME> in what follows.
func TestSeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(license.Running, 0)
	files, err := filepath.Glob("testdata/seeds/*.json")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	slices.Sort(files)
	var ids []string // lic-…, and what stands for it
	for _, file := range files {
		var pair struct {
			Target   string
			Request  json.RawMessage
			Response json.RawMessage
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, &pair); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var back []string
		for i := 0; i < len(ids); i += 2 {
			back = append(back, ids[i+1], ids[i])
		}
		request := strings.NewReplacer(back...).Replace(string(pair.Request))
		status, _, out := w.post(pair.Target, []byte(request))
		if status != 200 {
			t.Errorf("%s: status %d, %v", file, status, out)
			continue
		}
		answer := string(marshal(t, out))
		if strings.HasSuffix(pair.Target, ".CreateLicenseConfiguration") {
			ids = append(ids, licID.FindString(answer), "<"+strings.TrimSuffix(filepath.Base(file), ".json")[3:]+">")
		}
		answer = strings.NewReplacer(ids...).Replace(answer)
		var golden bytes.Buffer
		pair.Response = json.RawMessage(answer)
		encoder := json.NewEncoder(&golden)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(pair); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, golden.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if !bytes.Equal(golden.Bytes(), data) {
			t.Errorf("%s: the answer is\n%s", file, golden.Bytes())
		}
	}
	// The list is in the order of the ids, which are random.
	names := arns(list(w.do("ListLicenseConfigurations", object{}), "LicenseConfigurations"), "Name")
	for _, name := range []string{"Windows Server 2022 Datacenter", "SQL Server 2022 Standard", "Oracle Database Enterprise", "Third-Party App License"} {
		if names[name] != 1 {
			t.Errorf("%s is listed %d times", name, names[name])
		}
	}
}

var licID = regexp.MustCompile(`lic-[0-9a-f]{32}`)
