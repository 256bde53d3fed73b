package main

import (
	"iter"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"licenseguard/shared/config"
)

// A variant is a way to deploy that gives enforce another role.
type variant struct {
	name        string
	groups      bool     // it may change Auto Scaling groups
	admission   bool     // there are the functions that prevent launches
	managed     *tag     // it may touch only what has this tag
	instances   []string // it may touch only these ids
	synthesized func() (template, error)
}

func newVariant(v variant, context map[string]any) variant {
	v.synthesized = sync.OnceValues(func() (template, error) {
		all := map[string]any{contextEmails: "ops@example.com, audit@example.com"}
		maps.Copy(all, context)
		return synthesizeInto(filepath.Join(temporary, v.name), all, true)
	})
	return v
}

var (
	// plain has every default.
	plain   = newVariant(variant{name: "plain"}, nil)
	groups  = newVariant(variant{name: "groups", groups: true}, map[string]any{contextAutoScaling: "true"})
	managed = newVariant(variant{name: "managed", groups: true, managed: &tag{"Licensing", "managed"}}, map[string]any{
		contextAutoScaling: "true", contextManaged: "Licensing=managed",
	})
	listed = newVariant(variant{name: "listed", instances: []string{"i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"}}, map[string]any{
		contextInstances: []any{"i-0aaaaaaaaaaaaaaa1", instanceHere("i-0aaaaaaaaaaaaaaa2")},
	})
	// prevents has what prevents launches, and enforce changes no group.
	prevents = newVariant(variant{name: "prevents", admission: true, managed: &tag{"Licensing", "managed"}}, map[string]any{
		contextAdmission: "true", contextStackHook: "fail", contextManaged: "Licensing=managed",
	})
	// both narrows in both ways, with as much as is taken.
	longest = tag{strings.Repeat("k", 128), strings.Repeat("v", 256)}
	both    = newVariant(variant{name: "both", managed: &longest, instances: someInstances(instancesAtMost)}, map[string]any{
		contextInstances: strings.Join(someInstances(instancesAtMost), ","), contextManaged: longest.key + "=" + longest.value,
	})
)

// variants are all of them with their templates.
func variants(t *testing.T) iter.Seq2[variant, template] {
	t.Helper()
	return func(yield func(variant, template) bool) {
		for _, v := range []variant{plain, groups, managed, prevents, listed, both} {
			if !yield(v, v.template(t)) {
				return
			}
		}
	}
}

func (v variant) template(t *testing.T) template {
	t.Helper()
	got, err := v.synthesized()
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// functions are those that are deployed.
func (v variant) functions() []string {
	if v.admission {
		return allFunctions()
	}
	return config.Functions()
}
