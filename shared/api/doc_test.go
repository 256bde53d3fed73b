package api_test

import (
	"os"
	"strings"
	"testing"
)

// docs/api.md names every operation that is served, and every error that is answered.
func TestDocument(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	m, err := readModel()
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.Operations {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("%s is not in docs/api.md", name)
		}
	}
	source, err := os.ReadFile("errors.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, word := range strings.Split(string(source), `"`) {
		if strings.HasSuffix(word, "Exception") && !strings.Contains(word, " ") {
			if found++; !strings.Contains(string(data), "`"+word+"`") {
				t.Errorf("%s is not in docs/api.md", word)
			}
		}
	}
	if found < 12 {
		t.Errorf("only %d error types were found", found)
	}
}
