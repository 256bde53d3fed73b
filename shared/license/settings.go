package license

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SettingPrefix begins the keys of tags that are settings. AWS License Manager has
// no fields for them, and every one of its clients can tag.
const SettingPrefix = "licenseguard:"

// Setting is what a tag of a configuration sets. Its values can be written with
// the characters that AWS allows in tags: letters, digits, spaces and _.:/=+-@.
type Setting struct {
	Key    string
	Sets   string // the field, as the license file names it
	Values string // what is right, in words

	set   func(c *Configuration, value string) error // its error says what is right
	reset func(c *Configuration, old string)         // takes back what the old value set
	in    func(c *Configuration) string
}

// In returns the value that stands for what a configuration has now.
func (s Setting) In(c *Configuration) string { return s.in(c) }

// Default returns the value that stands for what a configuration has without the
// tag; "" where that is nothing.
func (s Setting) Default() string { return s.in(&Configuration{Enforcement: DefaultEnforcement()}) }

// Settings lists the settings, in the order of docs/settings-tags.md.
func Settings() []Setting {
	return []Setting{
		choice("on-violation", "enforcement.mode", func(e *Enforcement) *Mode { return &e.Mode },
			[]string{"notify", "tag", "stop"}, []Mode{Observe, Tag, Stop}),
		period("grace", func(e *Enforcement) *time.Duration { return &e.Grace }, "0s to 720h"),
		period("settle", func(e *Enforcement) *time.Duration { return &e.Settle }, "0s to 24h"),
		hoursSetting(),
		{
			Key: SettingPrefix + "actions-per-hour", Sets: "enforcement.actionsPerHour", Values: "1 to 1000",
			set: func(c *Configuration, value string) (err error) {
				c.Enforcement.ActionsPerHour, err = strconv.Atoi(value)
				return err
			},
			reset: func(c *Configuration, _ string) { c.Enforcement.ActionsPerHour = DefaultActionsPerHour },
			in:    func(c *Configuration) string { return strconv.Itoa(c.Enforcement.normalized().ActionsPerHour) },
		},
		choice("auto-scaling", "enforcement.autoScaling", func(e *Enforcement) *AutoScalingPolicy { return &e.AutoScaling },
			[]string{"alert", "detach", "lower"}, []AutoScalingPolicy{AutoScalingAlert, AutoScalingDetach, AutoScalingLower}),
		period("escalate-after", func(e *Enforcement) *time.Duration { return &e.EscalateAfter }, "1h to 720h"),
		period("restart-grace", func(e *Enforcement) *time.Duration { return &e.RestartGrace }, "0s to 168h"),
		choice("tags-exempt", "enforcement.tagsExempt", func(e *Enforcement) *bool { return &e.TagsExempt },
			[]string{"false", "true"}, []bool{false, true}),
		thresholdsSetting(),
		{
			Key: SettingPrefix + "vendor", Sets: "vendor", Values: "who audits the license, at most 100 characters, the same for all licenses of the vendor",
			set: func(c *Configuration, value string) error {
				if value == "" {
					return errors.New("no vendor is none")
				}
				c.Vendor = value
				return nil
			},
			reset: func(c *Configuration, _ string) { c.Vendor = "" },
			in:    func(c *Configuration) string { return c.Vendor },
		},
		associationSetting("associate-tag", ByTag, "one or more `key` or `key=value`, with spaces between them; in them @. is any text, @- any one character, @_ a space, @@ an @"),
		associationSetting("associate-launch-template", ByLaunchTemplate, "one or more launch template ids, with spaces between them"),
	}
}

// WithTags returns the configuration with exactly these tags, and with the settings
// that they say: each setting among them is set, one whose tag was there and is no
// more returns to its default, and what no tag was ever given for stays as it is.
// The error is a *FieldError that names the tag. c is not modified.
func (c Configuration) WithTags(tags map[string]string) (Configuration, error) {
	if err := ValidateTags(tags); err != nil {
		return c, err
	}
	if err := knownSettings(tags); err != nil {
		return c, err
	}
	next := c
	next.Tags = maps.Clone(tags)
	next.Associations = slices.Clone(c.Associations)
	for _, s := range Settings() {
		value, is := tags[s.Key]
		old, was := c.Tags[s.Key]
		if was && (!is || old != value) {
			s.reset(&next, old)
		}
		if !is {
			continue
		}
		if err := s.apply(&next, value); err != nil {
			return c, err
		}
	}
	return next, nil
}

// apply sets the field and checks it by itself, so that the error names the tag.
func (s Setting) apply(c *Configuration, value string) error {
	alone := Configuration{Enforcement: DefaultEnforcement()}
	err := s.set(&alone, value)
	if err == nil {
		err = alone.Enforcement.validate()
	}
	if err != nil {
		want := "give " + s.Values
		var field *FieldError
		if errors.As(err, &field) { // it says more exactly what is right
			want = field.Want
		}
		return tagError(s.Key, value, want)
	}
	return s.set(c, value)
}

// knownSettings refuses what looks like a setting and is none.
func knownSettings(tags map[string]string) error {
	var known []string
	for _, s := range Settings() {
		known = append(known, s.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		if hasPrefixFold(key, SettingPrefix) && !slices.Contains(known, key) {
			return tagError(key, tags[key], "there is no such setting; they are "+strings.Join(known, ", "))
		}
	}
	return nil
}

// choice is a setting with a few values, of which the first is the default.
func choice[T comparable](name, sets string, field func(*Enforcement) *T, words []string, values []T) Setting {
	want := strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	return Setting{
		Key: SettingPrefix + name, Sets: sets, Values: want,
		set: func(c *Configuration, value string) error {
			i := slices.Index(words, value)
			if i < 0 {
				return &FieldError{Want: "it is " + want}
			}
			*field(&c.Enforcement) = values[i]
			return nil
		},
		reset: func(c *Configuration, _ string) { *field(&c.Enforcement) = values[0] },
		in: func(c *Configuration) string {
			e := c.Enforcement.normalized()
			if i := slices.Index(values, *field(&e)); i >= 0 {
				return words[i]
			}
			return fmt.Sprint(*field(&e)) // what validate refuses
		},
	}
}

// period is a setting of how long something lasts, in the range that validate holds.
func period(name string, field func(*Enforcement) *time.Duration, values string) Setting {
	return Setting{
		Key: SettingPrefix + name, Sets: "enforcement." + camel(name), Values: "a time such as 90s, 15m or 2h: " + values,
		set: func(c *Configuration, value string) error {
			d, err := time.ParseDuration(value)
			if err != nil {
				return err
			}
			*field(&c.Enforcement) = d
			return nil
		},
		reset: func(c *Configuration, _ string) {
			e := DefaultEnforcement()
			*field(&c.Enforcement) = *field(&e)
		},
		in: func(c *Configuration) string {
			e := c.Enforcement.normalized()
			return briefly(*field(&e))
		},
	}
}

// camel writes escalate-after as escalateAfter.
func camel(name string) string {
	parts := strings.Split(name, "-")
	for i, p := range parts[1:] {
		parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
	}
	return strings.Join(parts, "")
}

// briefly writes 2h0m0s as 2h.
func briefly(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

const always = "always"

func hoursSetting() Setting {
	return Setting{
		Key: SettingPrefix + "hours", Sets: "enforcement.hours", Values: "`always`, or days, times and a zone, such as Mon-Thu+Sat 08:00-18:00 Europe/Berlin",
		set: func(c *Configuration, value string) (err error) {
			if value == "" {
				return errors.New("no hours are never, not always")
			}
			if value == always {
				value = ""
			}
			c.Enforcement.Hours, err = ParseHours(value)
			return err
		},
		reset: func(c *Configuration, _ string) { c.Enforcement.Hours = Hours{} },
		in: func(c *Configuration) string {
			if c.Enforcement.Hours.IsZero() {
				return always
			}
			return strings.ReplaceAll(c.Enforcement.Hours.String(), ",", "+")
		},
	}
}

const none = "none"

func thresholdsSetting() Setting {
	want := "percentages of the count from 1 to 100, with spaces or commas between them, or `none`"
	return Setting{
		Key: SettingPrefix + "alert-at", Sets: "thresholds", Values: want,
		set: func(c *Configuration, value string) error {
			percentages := strings.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == ',' })
			if value == none {
				percentages = nil
			} else if len(percentages) == 0 {
				return errors.New("none are named")
			}
			c.Thresholds = []int{}
			for _, text := range percentages {
				n, err := strconv.Atoi(text)
				if err != nil || n < 1 || n > 100 {
					return fmt.Errorf("%q is no percentage", text)
				}
				c.Thresholds = append(c.Thresholds, n)
			}
			slices.Sort(c.Thresholds)
			c.Thresholds = slices.Compact(c.Thresholds)
			return nil
		},
		reset: func(c *Configuration, _ string) { c.Thresholds = DefaultThresholds() },
		in: func(c *Configuration) string {
			thresholds := slices.Clone(c.Thresholds)
			switch {
			case thresholds == nil:
				thresholds = DefaultThresholds()
			case len(thresholds) == 0:
				return none
			}
			slices.Sort(thresholds)
			return strings.Trim(fmt.Sprint(slices.Compact(thresholds)), "[]")
		},
	}
}

// associationSetting adds associations of a kind, which AWS's clients cannot make.
func associationSetting(name string, kind AssociationKind, values string) Setting {
	read := func(value string) (out []Association, err error) {
		for _, text := range strings.Fields(value) {
			if kind == ByTag {
				if text, err = unescaped(text); err != nil {
					return nil, err
				}
			}
			a := Association{Kind: kind, Value: text}
			if err := a.Validate(); err != nil {
				return nil, err
			}
			out = append(out, a)
		}
		if len(out) == 0 {
			return nil, errors.New("it names none")
		}
		return out, nil
	}
	return Setting{
		Key: SettingPrefix + name, Sets: "associations", Values: values,
		set: func(c *Configuration, value string) error {
			wanted, err := read(value)
			for _, a := range wanted {
				if !c.Offers(a.Kind, a.Value) {
					c.Associations = append(c.Associations, a)
				}
			}
			return err
		},
		reset: func(c *Configuration, old string) {
			given, _ := read(old)
			c.Associations = slices.DeleteFunc(slices.Clone(c.Associations), func(a Association) bool {
				return slices.ContainsFunc(given, func(g Association) bool { return g.Kind == a.Kind && g.Value == a.Value })
			})
		},
		in: func(c *Configuration) string {
			var out []string
			for _, a := range c.Associations {
				if a.Kind == kind && kind == ByTag {
					out = append(out, escaper.Replace(a.Value))
				} else if a.Kind == kind {
					out = append(out, a.Value)
				}
			}
			return strings.Join(out, " ")
		},
	}
}

// escaper writes what a tag's value may not hold, or what ends one of several.
var escaper = strings.NewReplacer("*", "@.", "?", "@-", " ", "@_", "@", "@@")

// unescaped reads it.
func unescaped(text string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '@' {
			b.WriteByte(text[i])
			continue
		}
		i++
		at := -1
		if i < len(text) {
			at = strings.IndexByte(".-_@", text[i])
		}
		if at < 0 {
			return "", &FieldError{Want: "after an @ comes . for any text, - for any one character, _ for a space, or another @ for itself"}
		}
		b.WriteByte("*? @"[at])
	}
	return b.String(), nil
}
