package api_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// model is what AWS publishes of the answers of the operations that are served, as of
// botocore 1.43.11: every answer of every test is held against it.
type model struct {
	Operations map[string]struct {
		Output string
		Errors []string
	}
	Shapes map[string]shape
}

type shape struct {
	Type     string
	Members  map[string]string
	Member   string
	Required []string
	Enum     []string
}

var readModel = sync.OnceValues(func() (m model, err error) {
	data, err := os.ReadFile("testdata/model.json")
	if err == nil {
		err = json.Unmarshal(data, &m)
	}
	return m, err
})

// protocolErrors are those that an operation's model does not name.
var protocolErrors = []string{"UnknownOperationException", "SerializationException"}

// conform fails the test unless an answer is one that the model allows.
func conform(t testing.TB, target string, status int, out object) {
	t.Helper()
	m, err := readModel()
	if err != nil {
		t.Fatal(err)
	}
	name, ours := strings.CutPrefix(target, "AWSLicenseManager.")
	op, known := m.Operations[name]
	if !ours || !known {
		return
	}
	if status == 200 {
		m.check(t, name, op.Output, out)
		return
	}
	if kind, _ := out["__type"].(string); !slices.Contains(op.Errors, kind) && !slices.Contains(protocolErrors, kind) {
		t.Errorf("%s answers %s, which its model does not name", name, kind)
	}
}

func (m model) check(t testing.TB, path, name string, value any) {
	t.Helper()
	s := m.Shapes[name]
	ok := true
	switch s.Type {
	case "structure":
		var members map[string]any
		if members, ok = value.(map[string]any); ok {
			m.checkMembers(t, path, s, members)
		}
	case "list":
		var elements []any
		if elements, ok = value.([]any); ok {
			for i, e := range elements {
				m.check(t, fmt.Sprintf("%s[%d]", path, i), s.Member, e)
			}
		}
	case "string":
		var text string
		if text, ok = value.(string); ok && s.Enum != nil && !slices.Contains(s.Enum, text) {
			t.Errorf("%s is %q, which is none of %v", path, text, s.Enum)
		}
	case "boolean":
		_, ok = value.(bool)
	case "integer", "long":
		var n float64
		n, ok = value.(float64)
		ok = ok && n == float64(int64(n))
	case "timestamp":
		_, ok = value.(float64)
	default:
		t.Errorf("%s: the model has the type %q", path, s.Type)
	}
	if !ok {
		t.Errorf("%s is %v (%T), the model says %s", path, value, value, s.Type)
	}
}

func (m model) checkMembers(t testing.TB, path string, s shape, members map[string]any) {
	t.Helper()
	for name, v := range members {
		inner, known := s.Members[name]
		if !known {
			t.Errorf("%s.%s: the model has no such member", path, name)
			continue
		}
		m.check(t, path+"."+name, inner, v)
	}
	for _, name := range s.Required {
		if _, there := members[name]; !there {
			t.Errorf("%s.%s is required", path, name)
		}
	}
}

// A ValidationException is answered where the model has one, and only there.
func TestWhoValidates(t *testing.T) {
	t.Parallel()
	m, err := readModel()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	for name, op := range m.Operations {
		if name == "GetServiceSettings" {
			continue // it takes nothing that could be wrong
		}
		_, _, out := w.post("AWSLicenseManager."+name, []byte(`{"MaxResults":0,"ReportGeneratorName":null,"OrganizationConfiguration":{}}`))
		want := "InvalidParameterValueException"
		if slices.Contains(op.Errors, "ValidationException") {
			want = "ValidationException"
		}
		if out["__type"] != want {
			t.Errorf("%s: %v, want %s", name, out, want)
		}
	}
}
