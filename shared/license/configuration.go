package license

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Configuration is a license configuration (console: self-managed license): how
// many licenses there are, how they are counted, which rules their use keeps,
// and how an overrun is answered.
type Configuration struct {
	ID           string // "lic-" and 32 hex digits
	ARN          string // arn:aws:license-manager:REGION:ACCOUNT:license-configuration:ID
	Name         string
	Vendor       string `json:",omitempty"` // who audits it: what is sealed and handed out is kept apart by it
	Description  string
	CountingType CountingType
	Count        *int64 // how many licenses there are; nil: track only, no limit
	HardLimit    bool   // an overrun is answered, not only alerted
	Status       Status
	Rules        []RuleVersion // in order of their effective date; never empty once valid
	Expiry       time.Time     // the licenses end; zero: never
	Tags         map[string]string
	Associations []Association
	// Detached are instances that a person took from the license, though they came
	// from an AMI or a launch template that gave it to them.
	Detached    []ResourceID `json:",omitempty"`
	Enforcement Enforcement
	Exemptions  []Exemption  `json:",omitempty"` // in order of their beginning
	Annotations []Annotation `json:",omitempty"` // in order of their beginning
	// Products name software by which resources are discovered; see Product.
	Products []Product `json:",omitempty"`
	// DisassociateWhenNotFound ends the use of what was discovered when the software
	// is found no more.
	DisassociateWhenNotFound bool      `json:",omitempty"`
	Thresholds               []int     // percent of the count at which to alert, ascending
	TightenedAt              time.Time // the last change that could make an overrun out of what ran before
	// AnswersFrom is the last change of how overruns are answered (mode, status,
	// kind of limit, end of the licenses): those of earlier launches wait for a
	// person.
	AnswersFrom time.Time
	UpdatedAt   time.Time
	UpdatedBy   string
}

// Status says whether a configuration is in force.
type Status string

// The statuses that License Manager knows.
const (
	Available Status = "AVAILABLE"
	Disabled  Status = "DISABLED"
)

// RuleVersion is the rules of a configuration from their effective date until
// that of the next version.
type RuleVersion struct {
	Effective time.Time
	Text      []string // as stored and echoed, "#name=value"
	Rules     Rules    `json:"-"`
}

// DefaultThresholds are the percentages of the count at which an alert is sent
// when a configuration names none. An overrun is always alerted.
func DefaultThresholds() []int { return []int{80, 90, 100} }

var (
	idForm = regexp.MustCompile(`^lic-[0-9a-zA-Z]{1,64}$`)
)

// maxDetached bounds what one configuration holds, like maxExemptions.
const maxDetached = 1000

// MaximumCount is the largest license count.
const MaximumCount = 1_000_000_000

// Normalized returns the configuration with defaults filled in and rules parsed
// and stored canonically, or the first error found: a *FieldError or a
// *RuleError. It does not check dates against a clock; see Amend.
func (c Configuration) Normalized() (Configuration, error) {
	if c.Status == "" {
		c.Status = Available
	}
	c.Enforcement = c.Enforcement.normalized()
	if c.Thresholds == nil {
		c.Thresholds = DefaultThresholds()
	}
	c.Thresholds = slices.Clone(c.Thresholds)
	slices.Sort(c.Thresholds)
	c.Thresholds = slices.Compact(c.Thresholds)
	if !slices.Contains(CountingTypes(), c.CountingType) {
		return c, &FieldError{Field: "countingType", Value: string(c.CountingType),
			Want: "the counting types are " + joinTypes(CountingTypes()) + ", spelled so"}
	}
	if len(c.Rules) == 0 {
		c.Rules = []RuleVersion{{}}
	}
	c.Associations = slices.Clone(c.Associations)
	for i := range c.Associations {
		if a := &c.Associations[i]; a.Kind == BySpecification {
			a.Value = CanonicalARN(a.Value)
		}
	}
	c.Rules = slices.Clone(c.Rules)
	for i := range c.Rules {
		parsed, text, err := ParseRules(c.CountingType, c.Rules[i].Text)
		if err != nil {
			return c, err
		}
		if !slices.ContainsFunc(text, func(t string) bool { return strings.HasPrefix(t, "#"+ruleCountStandby+"=") }) {
			parsed.CountStandby = c.countsStandby()
		}
		c.Rules[i].Rules, c.Rules[i].Text = parsed, text
	}
	slices.SortStableFunc(c.Rules, func(a, b RuleVersion) int { return a.Effective.Compare(b.Effective) })
	return c, c.validate()
}

func (c Configuration) validate() error {
	bad := func(field, value, want string) error { return &FieldError{Field: field, Value: value, Want: want} }
	switch {
	case !idForm.MatchString(c.ID):
		return bad("id", c.ID, "give lic- and letters or digits, such as lic-0123456789abcdef0123456789abcdef")
	case strings.TrimSpace(c.Name) == "" || len(c.Name) > 256 || !printable(c.Name):
		return bad("name", c.Name, "give 1 to 256 printable characters")
	case len(c.Vendor) > 100 || !printable(c.Vendor) || c.Vendor != strings.TrimSpace(c.Vendor):
		return bad("vendor", c.Vendor, "give at most 100 printable characters without spaces around them, the same for all licenses of the vendor")
	case len(c.Description) > 1024 || !printable(c.Description):
		return bad("description", c.Description, "give at most 1,024 printable characters")
	case c.Count != nil && (*c.Count < 0 || *c.Count > MaximumCount):
		return bad("licenseCount", strconv.FormatInt(*c.Count, 10), "give 0 to 1,000,000,000, or leave it out to track only")
	case c.HardLimit && c.Count == nil:
		return bad("licenseCountHardLimit", "true", "a hard limit needs a licenseCount")
	case c.Status != Available && c.Status != Disabled:
		return bad("status", string(c.Status), "it is AVAILABLE or DISABLED")
	case len(c.Tags) > MaximumTags: // the rest is checked where they are given: see ValidateTags
		return bad("tags", strconv.Itoa(len(c.Tags)), "at most 50 tags")
	case len(c.Detached) > maxDetached:
		return bad("detached", strconv.Itoa(len(c.Detached)), "at most 1,000 instances are taken from a license one by one; disassociate their AMI")
	case len(c.Associations) > 500:
		return bad("associations", strconv.Itoa(len(c.Associations)), "at most 500 associations; use a tag for more")
	}
	for _, t := range c.Thresholds {
		if t < 1 || t > 100 {
			return bad("thresholds", strconv.Itoa(t), "give percentages from 1 to 100")
		}
	}
	for _, a := range c.Associations {
		if err := a.Validate(); err != nil {
			return err
		}
	}
	for _, e := range c.Exemptions {
		if err := e.validate(); err != nil {
			return err
		}
	}
	for _, a := range c.Annotations {
		if err := a.validate(); err != nil {
			return err
		}
	}
	if err := c.Enforcement.validate(); err != nil {
		return err
	}
	if err := c.validateStop(len(c.Rules) - 1); err != nil {
		return err
	}
	return c.validateProducts(len(c.Rules) - 1)
}

// printable reports whether people see the text as it is: no control characters
// and none that turn the direction of writing.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
	})
}

// validateStop refuses to stop where that frees nothing: under the rule
// versions from the given index on, since those before are history.
func (c Configuration) validateStop(from int) error {
	if c.Enforcement.Mode != Stop {
		return nil
	}
	for _, v := range c.Rules[from:] {
		if v.Rules.IncludeStopped {
			return &FieldError{Field: "enforcement.mode", Value: string(Stop),
				Want: "stopping frees nothing where includedStoppedInstances=True counts stopped instances; use tag or observe"}
		}
	}
	return nil
}

// RulesAt returns the rules in force at an instant and the number of their
// version, counted from 1. Before the first effective date the first version
// applies.
func (c Configuration) RulesAt(now time.Time) (Rules, int) {
	version := 0
	for i := range c.Rules {
		if i == 0 || !c.Rules[i].Effective.After(now) {
			version = i
		}
	}
	if len(c.Rules) == 0 {
		return Rules{}, 0
	}
	return c.Rules[version].Rules, version + 1
}

// CountAt returns how many licenses there are at an instant: none after the
// expiry. ok is false for a configuration that only tracks.
func (c Configuration) CountAt(now time.Time) (count int64, ok bool) {
	if c.Count == nil {
		return 0, false
	}
	if !c.Expiry.IsZero() && !now.Before(c.Expiry) {
		return 0, true
	}
	return *c.Count, true
}

// Expired reports whether the licenses have ended.
func (c Configuration) Expired(now time.Time) bool {
	return !c.Expiry.IsZero() && !now.Before(c.Expiry)
}

// NextChange returns the next instant after now at which the configuration
// changes by itself (a rule version begins, the licenses expire), or zero.
func (c Configuration) NextChange(now time.Time) time.Time {
	var next time.Time
	earlier := func(t time.Time) {
		if t.After(now) && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, v := range c.Rules {
		earlier(v.Effective)
	}
	earlier(c.Expiry)
	for _, e := range c.Exemptions {
		earlier(e.Notice())
		earlier(e.End())
	}
	return next
}
