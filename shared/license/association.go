package license

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Association is one way in which a configuration applies to resources.
type Association struct {
	Kind  AssociationKind
	Value string // an AWS id or ARN; for a tag "key" or "key=value", where value may hold * and ?
	Since time.Time
}

// AssociationKind is what an association looks at.
type AssociationKind string

// The kinds of association. Tag is licenseguard's own. BySpecification is for what
// an instance names itself: the configuration of AWS License Manager with which it
// was launched, or which was put on it since. So a configuration that was taken
// over from there goes on under its old ARN.
const (
	ByAMI            AssociationKind = "ami"
	ByLaunchTemplate AssociationKind = "launch-template"
	ByInstance       AssociationKind = "instance"
	ByHost           AssociationKind = "host"
	ByTag            AssociationKind = "tag"
	BySpecification  AssociationKind = "license-specification"
	// ByProduct is how a resource has a license by whose products it was discovered;
	// no Association has this kind. Its value is the product's String.
	ByProduct AssociationKind = "product"
)

// Inherited reports whether a resource keeps the association that it got at
// launch after the configuration gave it up: so it is for AMIs and launch
// templates.
func (k AssociationKind) Inherited() bool { return k == ByAMI || k == ByLaunchTemplate }

var associationForm = map[AssociationKind]struct {
	form *regexp.Regexp
	want string
}{
	ByAMI:            {regexp.MustCompile(`^ami-[0-9A-Za-z-]{1,64}$`), "an AMI id such as ami-0123456789abcdef0"},
	ByLaunchTemplate: {regexp.MustCompile(`^lt-[0-9a-f]{8,17}$`), "a launch template id such as lt-0123456789abcdef0"},
	ByInstance:       {regexp.MustCompile(`^m?i-[0-9a-f]{8,17}$`), "an instance id such as i-0123456789abcdef0, or a managed node's such as mi-0123456789abcdef0"},
	ByHost:           {regexp.MustCompile(`^h-[0-9a-f]{8,17}$`), "a Dedicated Host id such as h-0123456789abcdef0"},
	BySpecification: {regexp.MustCompile(`^arn:aws[a-z-]*:license-manager:[a-z0-9-]+:[0-9]{12}:license-configuration[:/]lic-[0-9a-zA-Z]{1,64}$`),
		"the ARN of a license configuration such as arn:aws:license-manager:us-east-1:123456789012:license-configuration:lic-0123456789abcdef0123456789abcdef"},
	ByTag: {regexp.MustCompile(`^[^=*?\x00-\x1f]{1,128}(=[^\x00-\x1f]{0,256})?$`), "key or key=value; only the value may hold * and ?"},
}

// Validate returns a *FieldError when the association can match nothing.
func (a Association) Validate() error {
	known, ok := associationForm[a.Kind]
	if !ok {
		return &FieldError{Field: "associations", Value: string(a.Kind), Want: "the kinds are ami, launch-template, instance, host, tag and license-specification"}
	}
	if !known.form.MatchString(a.Value) {
		return &FieldError{Field: "associations." + string(a.Kind), Value: a.Value, Want: "give " + known.want}
	}
	return nil
}

// Matches reports whether the association applies to an instance by its
// present facts: one by AMI also to what was launched from a copy of it, see Ancestry.
func (a Association) Matches(in Instance) bool {
	switch a.Kind {
	case ByAMI:
		_, _, descends := in.Ancestor(a.Value)
		return in.ImageID != "" && in.ImageID == a.Value || descends
	case ByLaunchTemplate:
		return in.Tags[TagLaunchTemplate] != "" && in.Tags[TagLaunchTemplate] == a.Value
	case ByInstance:
		return in.ID.AWSID() == a.Value
	case ByHost:
		return in.HostID != "" && in.HostID == a.Value
	case ByTag:
		if in.ID.Type() == Database {
			return false // databases are looked for by products only, and are not all on record
		}
		key, pattern, hasValue := cutTag(a.Value)
		value, ok := in.Tags[key]
		return ok && (!hasValue || matchesWildcard(pattern, value))
	case BySpecification:
		return slices.ContainsFunc(in.Specifications, func(arn string) bool { return sameARN(arn, a.Value) })
	default:
		return false
	}
}

// sameARN reports whether two ARNs name one license configuration. Both spellings
// are met: AWS writes license-configuration:lic-…, some of its examples
// license-configuration/lic-….
func sameARN(a, b string) bool { return a != "" && CanonicalARN(a) == CanonicalARN(b) }

// CanonicalARN returns a license configuration's ARN as AWS writes it.
func CanonicalARN(arn string) string {
	return strings.Replace(arn, ":license-configuration/lic-", ":license-configuration:lic-", 1)
}

// AnswersTo reports whether an ARN is the configuration's own, or that of one which
// it goes on for: see BySpecification.
func (c *Configuration) AnswersTo(arn string) bool {
	return sameARN(arn, c.ARN) || slices.ContainsFunc(c.Associations, func(a Association) bool {
		return a.Kind == BySpecification && sameARN(arn, a.Value)
	})
}

func cutTag(s string) (key, pattern string, hasValue bool) {
	for i := range len(s) {
		if s[i] == '=' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// Held is an association as one resource has it: which configuration, through
// what, and since when.
type Held struct {
	ConfigurationID string
	Kind            AssociationKind
	Value           string
	Since           time.Time // when the resource got it
	Inherited       bool      // the configuration gave it up, the resource keeps it
	Ended           time.Time // when it ended; zero: it holds
}

// Associate returns the associations of an instance under the given
// configurations, at most one of each: the recorded one while it holds or is
// inherited, else what matches now, of several the one that will be inherited,
// of several images the nearest.
// A new one holds since the later of the association's and the launch's
// beginning, one by an ancestor of its image since that was found out, one by a tag or a specification, which can come at any time, since
// now at the earliest. held are the
// ones recorded so far; now is the start of the observation. The result is in
// the order of the configurations.
func Associate(configurations []Configuration, in Instance, held []Held, now time.Time) []Held {
	var out []Held
	for i := range configurations {
		c := &configurations[i]
		if h, ok := associateOne(c, in, held, now); ok {
			out = append(out, h)
		}
	}
	return out
}

func associateOne(c *Configuration, in Instance, held []Held, now time.Time) (Held, bool) {
	before, had := heldOf(held, c.ID)
	detached := slices.Contains(c.Detached, in.ID)
	if had && c.StillHolds(before, in) && !(detached && before.Kind.Inherited()) {
		offered := c.Offers(before.Kind, before.Value)
		if offered || before.Kind.Inherited() {
			before.Inherited = !offered
			return before, true
		}
	}
	var best *Association
	for i := range c.Associations {
		a := &c.Associations[i]
		if a.Matches(in) && !(detached && a.Kind.Inherited()) && (best == nil || a.before(best, &in)) {
			best = a
		}
	}
	if best == nil {
		d, ok := c.discovered(&in)
		return Held{ConfigurationID: c.ID, Kind: ByProduct, Value: d.Product, Since: d.Found}, ok
	}
	since := best.begin(in, now)
	if had && before.Since.Before(since) {
		since = before.Since
	}
	return Held{ConfigurationID: c.ID, Kind: best.Kind, Value: best.Value, Since: since}, true
}

// before reports whether an association is the better one of two that match.
func (a *Association) before(b *Association, in *Instance) bool {
	if a.Kind == ByAMI && b.Kind == ByAMI {
		return a.generations(in) < b.generations(in)
	}
	return a.Kind.Inherited() && !b.Kind.Inherited()
}

// Offers reports whether the configuration has the association, or the product.
func (c *Configuration) Offers(kind AssociationKind, value string) bool {
	if kind == ByProduct {
		return c.hasProduct(value)
	}
	return slices.ContainsFunc(c.Associations, func(a Association) bool { return a.Kind == kind && a.Value == value })
}

// begin returns since when an instance has the association that now matches.
func (a *Association) begin(in Instance, now time.Time) time.Time {
	since := in.LaunchTime
	if a.Kind == ByTag || a.Kind == BySpecification || since.IsZero() {
		since = now
	}
	if n, _, ok := in.Ancestor(a.Value); a.Kind == ByAMI && ok && n.Found.After(since) {
		since = n.Found
	}
	if a.Since.After(since) { // also after now: facts on record meet a new association
		since = a.Since
	}
	return since
}

// StillHolds reports whether the held association fits the instance. Its AMI
// and launch template never change, so one that does not fit was never its own.
func (c *Configuration) StillHolds(h Held, in Instance) bool {
	if h.Kind == ByProduct {
		d, ok := c.discovered(&in)
		return ok && d.Product == h.Value
	}
	return Association{Kind: h.Kind, Value: h.Value}.Matches(in)
}

func heldOf(held []Held, configurationID string) (Held, bool) {
	for _, h := range held {
		if h.ConfigurationID == configurationID {
			return h, true
		}
	}
	return Held{}, false
}

// String writes the association as "ami ami-0123456789abcdef0".
func (h Held) String() string {
	if h.Inherited {
		return fmt.Sprintf("%s %s (inherited at launch)", h.Kind, h.Value)
	}
	return fmt.Sprintf("%s %s", h.Kind, h.Value)
}
