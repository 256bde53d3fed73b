package license_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

// TestAnnotations: who approved what, and when, is kept; absurd ones and overlaps are
// refused with the field; a file leaves them alone; a withdrawn one stays on record.
func TestAnnotations(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	c, err := license.Amend(nil, license.Configuration{ID: "lic-a", Name: "a", CountingType: license.CountVCPU}, now, "ann")
	if err != nil {
		t.Fatal(err)
	}
	good := license.Annotation{Resource: license.NewResourceID("123456789012", "us-east-1", "i-1"), From: now.Add(-48 * time.Hour), Until: now.Add(-24 * time.Hour),
		Kind: license.Clone, Reason: "copy for a test", Approver: "eve"}
	with, err := c.WithAnnotation(good, now, "bob")
	if err != nil || len(with.Annotations) != 1 || len(c.Annotations) != 0 {
		t.Fatalf("%+v, %v", with.Annotations, err)
	}
	if a := with.Annotations[0]; a.Approver != "eve" || a.By != "bob" || !a.At.Equal(now) || with.UpdatedBy != "bob" || !with.TightenedAt.Equal(c.TightenedAt) {
		t.Errorf("%+v", with)
	}
	for field, change := range map[string]func(*license.Annotation){
		"annotation.kind":     func(a *license.Annotation) { a.Kind = "holiday" },
		"annotation.reason":   func(a *license.Annotation) { a.Reason = " " },
		"annotation.approver": func(a *license.Annotation) { a.Approver = "\u202eeve" },
		"annotation.resource": func(a *license.Annotation) { a.Resource = "i-1" },
		"annotation.to":       func(a *license.Annotation) { a.Until = a.From },
		"annotation.from":     func(a *license.Annotation) { a.From = a.Until.Add(-time.Minute) }, // overlaps
	} {
		a := good
		if field != "annotation.from" {
			a.Resource = license.NewResourceID("123456789012", "us-east-1", "i-2")
		}
		change(&a)
		var wrong *license.FieldError
		if _, err := with.WithAnnotation(a, now, "bob"); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	touching := good
	touching.From, touching.Until = good.Until, now
	if two, err := with.WithAnnotation(touching, now, "bob"); err != nil || len(two.Annotations) != 2 {
		t.Errorf("one that touches: %v", err)
	}
	kept, err := license.Amend(&with, license.Configuration{ID: "lic-a", Name: "b", CountingType: license.CountVCPU}, now.Add(time.Hour), "ann")
	if err != nil || len(kept.Annotations) != 1 {
		t.Errorf("a file dropped them: %+v, %v", kept.Annotations, err)
	}
	if _, err := with.WithoutAnnotation(good.Resource, now, now, "bob"); err == nil || !strings.Contains(err.Error(), "none that begins at") {
		t.Errorf("what is not there was withdrawn: %v", err)
	}
	without, err := with.WithoutAnnotation(good.Resource, good.From, now.Add(time.Hour), "dora")
	if err != nil || len(without.Annotations) != 1 || without.Annotations[0].Holds() || without.Annotations[0].WithdrawnBy != "dora" || !with.Annotations[0].Holds() {
		t.Errorf("%+v, %v", without.Annotations, err)
	}
	if again, err := without.WithAnnotation(good, now.Add(2*time.Hour), "bob"); err != nil || len(again.Annotations) != 2 {
		t.Errorf("after the withdrawal: %v", err)
	}
	for _, d := range license.Differences(&c, &with) {
		if d.Field == "annotations" && strings.Contains(d.To, "i-1 from 2026-11-20T09:00:00Z to 2026-11-21T09:00:00Z: clone") && !strings.Contains(d.To, "eve") {
			return
		}
	}
	t.Errorf("differences %+v", license.Differences(&c, &with))
}
