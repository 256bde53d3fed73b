package license

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Annotation says of what one resource used in some past time that it is to be left
// out of the adjusted peaks: vendors' terms often do not ask for licenses for a clone,
// a migration or a failover test. It changes no count, no cover, no alert and no raw
// peak; whether a vendor's terms allow it is for its approver to know.
type Annotation struct {
	Resource ResourceID // that used the license
	From     time.Time
	Until    time.Time // not included; at most 366 days after From
	Kind     AnnotationKind
	Reason   string
	Approver string
	At       time.Time // when it was recorded, and by whom
	By       string
	// Withdrawn is when a person took it back; it counts no more, and stays on record.
	Withdrawn   time.Time `json:",omitzero"`
	WithdrawnBy string    `json:",omitempty"`
}

// AnnotationKind says why a use is left out.
type AnnotationKind string

// The kinds.
const (
	Clone        AnnotationKind = "clone"
	Migration    AnnotationKind = "migration"
	FailoverTest AnnotationKind = "failover-test"
)

// AnnotationKinds lists them.
func AnnotationKinds() []AnnotationKind { return []AnnotationKind{Clone, Migration, FailoverTest} }

// What bounds annotations: none is ever forgotten, because peaks of years ago are
// settled by them; with checkSize there is room for some hundred in a license.
const (
	maxAnnotations = 500
	maxAnnotation  = 366 * 24 * time.Hour
)

// Holds reports whether the annotation counts: nobody withdrew it.
func (a Annotation) Holds() bool { return a.Withdrawn.IsZero() }

func (a Annotation) validate() error {
	bad := func(field, value, want string) error {
		return &FieldError{Field: "annotation." + field, Value: value, Want: want}
	}
	for _, t := range []struct{ field, value string }{{"reason", a.Reason}, {"approver", a.Approver}} {
		if strings.TrimSpace(t.value) == "" || len(t.value) > 256 || !printable(t.value) {
			return bad(t.field, t.value, "give 1 to 256 printable characters")
		}
	}
	account, region, id := a.Resource.Parts()
	switch {
	case account == "" || region == "" || id == "" || !printable(string(a.Resource)):
		return bad("resource", string(a.Resource), "give ACCOUNT/REGION/ID of the instance, host, node or database that used the license")
	case !slices.Contains(AnnotationKinds(), a.Kind):
		return bad("kind", string(a.Kind), "it is clone, migration or failover-test")
	case !a.Until.After(a.From):
		return bad("to", a.Until.Format(time.RFC3339), "it ends after it begins")
	case a.Until.Sub(a.From) > maxAnnotation:
		return bad("to", a.Until.Format(time.RFC3339), "give at most 366 days")
	}
	return nil
}

// WithAnnotation returns the configuration with one more annotation. An error is a
// *FieldError: also of one that overlaps another of the same resource, so that each
// hour has one reason.
func (c Configuration) WithAnnotation(a Annotation, now time.Time, by string) (Configuration, error) {
	now = now.UTC().Truncate(time.Millisecond)
	a.From, a.Until, a.At, a.By = a.From.UTC().Truncate(time.Millisecond), a.Until.UTC().Truncate(time.Millisecond), now, by
	if err := a.validate(); err != nil {
		return c, err
	}
	for _, o := range c.Annotations {
		if o.Holds() && o.Resource == a.Resource && o.From.Before(a.Until) && a.From.Before(o.Until) {
			return c, &FieldError{Field: "annotation.from", Value: a.From.Format(time.RFC3339),
				Want: fmt.Sprintf("it overlaps one from %s to %s; withdraw that first", o.From.Format(time.RFC3339), o.Until.Format(time.RFC3339))}
		}
	}
	if len(c.Annotations) >= maxAnnotations {
		return c, &FieldError{Field: "annotations", Value: fmt.Sprint(len(c.Annotations) + 1), Want: fmt.Sprintf("a license holds at most %d", maxAnnotations)}
	}
	c.Annotations = append(slices.Clone(c.Annotations), a)
	slices.SortStableFunc(c.Annotations, func(a, b Annotation) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Resource, b.Resource))
	})
	c.UpdatedAt, c.UpdatedBy = now, by
	return c, c.checkSize()
}

// WithoutAnnotation returns the configuration in which the annotation of a resource
// that begins at an instant is withdrawn. An error is a *FieldError.
func (c Configuration) WithoutAnnotation(resource ResourceID, from, now time.Time, by string) (Configuration, error) {
	now, from = now.UTC().Truncate(time.Millisecond), from.UTC().Truncate(time.Millisecond)
	c.Annotations = slices.Clone(c.Annotations)
	i := slices.IndexFunc(c.Annotations, func(a Annotation) bool { return a.Holds() && a.Resource == resource && a.From.Equal(from) })
	if i < 0 {
		return c, &FieldError{Field: "annotation.resource", Value: string(resource),
			Want: fmt.Sprintf("it has none that begins at %s; licenseguard annotation ls lists them", from.Format(time.RFC3339))}
	}
	c.Annotations[i].Withdrawn, c.Annotations[i].WithdrawnBy = now, by
	c.UpdatedAt, c.UpdatedBy = now, by
	return c, nil
}
