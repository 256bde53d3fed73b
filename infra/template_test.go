package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"licenseguard/shared/config"
)

// temporary is removed when all tests are done: the template is shared by them,
// so it outlives each one's own directory.
var temporary string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if temporary, err = os.MkdirTemp("", "licenseguard-infra-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(temporary)
	defer jsii.Close()
	return m.Run()
}

type resource struct {
	Type           string
	Properties     map[string]any
	DeletionPolicy string
}

type template struct {
	dir       string // of the assembly
	Resources map[string]resource
	Outputs   map[string]struct{ Value any }
}

// hub is the template with every default. A synthesis takes seconds, so all
// tests read the same one; cdk-nag checks it on the way.
func hub(t *testing.T) template {
	t.Helper()
	return plain.template(t)
}

// synthesizeInto runs the app as the command line would, on functions that are
// empty: what is in them is no matter to the template.
func synthesizeInto(dir string, context map[string]any, nag bool) (template, error) {
	got := template{dir: filepath.Join(dir, "cdk.out")}
	dist := filepath.Join(dir, "dist")
	if err := buildNothing(dist); err != nil {
		return got, err
	}
	all := map[string]any{contextDist: dist}
	maps.Copy(all, context)
	app := newApp(all, &got.dir)
	if nag {
		awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(&cdknag.NagPackProps{Verbose: jsii.Bool(true)}), nil)
	}
	if err := synthesize(app); err != nil {
		return got, err
	}
	text, err := os.ReadFile(filepath.Join(got.dir, config.DefaultStackName+".template.json"))
	if err != nil {
		return got, err
	}
	return got, json.Unmarshal(text, &got)
}

func buildNothing(dist string) error {
	for _, name := range allFunctions() {
		if err := os.MkdirAll(filepath.Join(dist, name), 0o755); err != nil {
			return err
		}
		// Each its own content, so that a mix-up of two functions shows.
		if err := os.WriteFile(filepath.Join(dist, name, "bootstrap"), []byte("#!/bin/sh\n# "+name+"\n"), 0o755); err != nil {
			return err
		}
	}
	return nil
}

// ofType are the ids of the resources of a type, sorted.
func (t template) ofType(kind string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(t.Resources)) {
		if t.Resources[id].Type == kind {
			ids = append(ids, id)
		}
	}
	return ids
}

// at follows a path through a resource's properties, as "Environment.Variables".
// It is nil where the path leads nowhere.
func (r resource) at(path string) any {
	var here any = r.Properties
	for step := range strings.SplitSeq(path, ".") {
		switch value := here.(type) {
		case map[string]any:
			here = value[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(value) {
				return nil
			}
			here = value[i]
		default:
			return nil
		}
	}
	return here
}

// compact is a value as JSON on one line: two values are the same if these are.
func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// target is the id that a Ref or Fn::GetAtt points at.
func target(value any) string {
	object, _ := value.(map[string]any)
	if id, ok := object["Ref"].(string); ok {
		return id
	}
	if parts, ok := object["Fn::GetAtt"].([]any); ok && len(parts) > 0 {
		id, _ := parts[0].(string)
		return id
	}
	return ""
}

// output is the id of the resource that an output points at.
func (t template) output(name string) string { return target(t.Outputs[name].Value) }

// function is the resource of a function, by its name.
func (t template) function(name string) (id string, r resource) {
	id = t.output(title(name) + "Function")
	return id, t.Resources[id]
}

// functions are those that the template has.
func (t template) functions() []string {
	return slices.DeleteFunc(allFunctions(), func(name string) bool { return t.output(title(name)+"Function") == "" })
}

func strs(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var out []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				out = append(out, s)
			} else {
				out = append(out, compact(item))
			}
		}
		return out
	case nil:
		return nil
	default:
		return []string{compact(v)}
	}
}
