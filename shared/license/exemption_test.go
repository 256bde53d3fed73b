package license_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/license"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func exemption(change func(*license.Exemption)) license.Exemption {
	e := license.Exemption{Instance: license.NewResourceID("123456789012", "us-east-1", "i-0123456789abcdef0"), Owner: "team db", Reason: "migration",
		Approver: "alice", Until: noon.AddDate(0, 0, 30)}
	if change != nil {
		change(&e)
	}
	return e
}

func TestExemption(t *testing.T) {
	t.Parallel()
	c := valid()
	c, err := c.WithExemption(exemption(nil), noon, "alice")
	if err != nil {
		t.Fatal(err)
	}
	id := exemption(nil).Instance
	if e, ok := c.Exempt(id, noon.AddDate(0, 0, 29)); !ok || !e.Notice().Equal(noon.AddDate(0, 0, 23)) {
		t.Errorf("%+v, %v; want it in force, with a notice a week before its end", e, ok)
	}
	if _, ok := c.Exempt(id, noon.AddDate(0, 0, 30)); ok {
		t.Error("it is in force after its end")
	}
	if c.NextChange(noon) != noon.AddDate(0, 0, 23) || c.NextChange(noon.AddDate(0, 0, 24)) != noon.AddDate(0, 0, 30) {
		t.Errorf("due at %s, then %s", c.NextChange(noon), c.NextChange(noon.AddDate(0, 0, 24)))
	}
	if !c.ExemptSince(id, noon.AddDate(0, 0, 29)) || c.ExemptSince(id, noon.AddDate(0, 0, 31)) {
		t.Error("an end after a launch counts, one before does not")
	}
	ended, err := c.WithoutExemption(id, noon.Add(time.Hour), "bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ended.Exempt(id, noon.Add(time.Hour)); ok || len(ended.Exemptions) != 1 || ended.UpdatedBy != "bob" {
		t.Errorf("%+v; want it ended, and kept", ended.Exemptions)
	}
	if _, ok := c.Exempt(id, noon.Add(time.Hour)); !ok {
		t.Error("the configuration before was changed")
	}
	if _, err := ended.WithoutExemption(id, noon.Add(2*time.Hour), "bob"); err == nil {
		t.Error("what is ended can be ended")
	}
	other := ended
	other.Name = "renamed"
	if amended, err := license.Amend(&c, other, noon.Add(time.Hour), "file"); err != nil || len(amended.Exemptions) != 1 || !amended.Exemptions[0].Ended.IsZero() {
		t.Errorf("an amendment has the exemptions %+v, %v; want those there are", amended.Exemptions, err)
	}
}

// TestTheExemptionOfAnUndoStays: the instance may not have been started yet.
func TestTheExemptionOfAnUndoStays(t *testing.T) {
	t.Parallel()
	c, err := valid().WithExemption(exemption(func(e *license.Exemption) { e.Undo = true }), noon, "alice")
	if err != nil {
		t.Fatal(err)
	}
	id := exemption(nil).Instance
	if _, err := c.WithoutExemption(id, noon.Add(time.Hour), "bob"); err == nil || !strings.Contains(err.Error(), "an undo leaves it alone until") {
		t.Errorf("%v; want a refusal that says why", err)
	}
	if c, err = c.WithExemption(exemption(nil), noon, "alice"); err != nil {
		t.Fatal(err)
	}
	if c, err = c.WithoutExemption(id, noon.Add(time.Hour), "bob"); err != nil {
		t.Fatal(err)
	}
	if e, ok := c.Exempt(id, noon.Add(time.Hour)); !ok || !e.Undo {
		t.Errorf("%+v, %v; want the undo's in force", e, ok)
	}
}

func TestExemptionRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*license.Exemption)
	}{
		{"no owner", func(e *license.Exemption) { e.Owner = " " }},
		{"no reason", func(e *license.Exemption) { e.Reason = "" }},
		{"no approver", func(e *license.Exemption) { e.Approver = "" }},
		{"hostile text", func(e *license.Exemption) { e.Reason = "fine\x1b[2J" }},
		{"an image", func(e *license.Exemption) { e.Instance = "123456789012/us-east-1/ami-1" }},
		{"only an id", func(e *license.Exemption) { e.Instance = "i-0123456789abcdef0" }},
		{"over before it begins", func(e *license.Exemption) { e.Until = noon }},
		{"for ever", func(e *license.Exemption) { e.Until = noon.AddDate(2, 0, 0) }},
		{"no end", func(e *license.Exemption) { e.Until = time.Time{} }},
	} {
		_, err := valid().WithExemption(exemption(test.change), noon, "alice")
		var field *license.FieldError
		if !errors.As(err, &field) {
			t.Errorf("%s: %v; want a FieldError", test.name, err)
		}
	}
	c, err := valid(), error(nil)
	for range 1000 {
		if c, err = c.WithExemption(exemption(nil), noon, "alice"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.WithExemption(exemption(nil), noon, "alice"); err == nil {
		t.Error("the 1,001st is taken")
	}
	later := noon.AddDate(0, 0, 33) // three days after their end
	if c, err = c.WithExemption(exemption(func(e *license.Exemption) { e.Until = later.Add(time.Hour) }), later, "alice"); err != nil || len(c.Exemptions) != 1 {
		t.Errorf("%d are kept, %v; want those that ended gone", len(c.Exemptions), err)
	}
}
