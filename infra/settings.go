package main

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"licenseguard/shared/config"
)

// The context values that a deployment may set, in cdk.json or with "cdk -c".
const (
	contextEmails      = "emails"           // who gets alerts: a list, or one string with commas
	contextAccounts    = "accounts"         // whose events count; default: the stack's own account
	contextRegions     = "regions"          // in which Regions; default: the stack's own
	contextExternalID  = "externalId"       // what the roles in other accounts want to hear; needed where accounts are listed beside the own one
	contextOrg         = "organization"     // the organization whose accounts may send events, as o-a1b2c3d4e5; default: each listed account
	contextStackSet    = "stackset"         // organizational units in whose accounts the spoke is made, a list; default none
	contextSpokeActs   = "spokeEnforcement" // let enforce act in other accounts; default false
	contextRetain      = "retain"           // keep table, key, bucket and logs when the stack goes; default true
	contextDist        = "dist"             // where the built functions lie; default "dist"
	contextDashboard   = "dashboard"        // make the dashboard; default true
	contextReserved    = "reserved"         // reserved concurrency, as "track=20,sweep=1"; default none
	contextConcurrency = "concurrency"      // most batches that track works on at once; default 5
	contextWindow      = "window"           // seconds that track waits to fill a batch; default 1
	contextRunbook     = "runbook"          // where the runbook is read; default "docs/runbook.md"
	contextManaged     = "managed"          // only what has this tag is touched, as "Licensing=managed"; default anything
	contextInstances   = "instances"        // only these are touched: ids or ARNs, a list or one string with commas; default any
	contextAutoScaling = "autoscaling"      // let enforce detach from Auto Scaling groups and lower them; default false
	contextInventory   = "inventoryBucket"  // of a Resource Data Sync of Systems Manager, whose objects are events; default none
	contextAdmission   = "admission"        // answer launch hooks of Auto Scaling groups; default false
	contextStackHook   = "stackhook"        // ask before CloudFormation makes a stack: "off", "warn" or "fail"; default off
	contextLock        = "lock"             // how what is sealed is locked: off, governance or compliance; default governance
	contextLockDays    = "lockdays"         // for how many days; default 730
)

// What CloudFormation does where the hook says no.
const (
	stackHookOff  = ""
	stackHookWarn = "WARN"
	stackHookFail = "FAIL"
)

// settings is what a deployment decides. Its zero value is not valid; readSettings
// fills the defaults.
type settings struct {
	emails      []string
	accounts    []string // empty: the stack's own
	regions     []string // empty: the stack's own
	externalID  string   // empty: there are no other accounts
	org         string
	units       []string // in which a StackSet makes the spoke
	spokeActs   bool
	spokeBody   string // the spoke's template, for the StackSet
	retain      bool
	dist        string
	dashboard   bool
	reserved    map[string]int
	concurrency int
	window      int
	runbook     string
	reach       reach
	autoScaling bool
	lock        string
	lockDays    int
	admission   bool
	stackHook   string // as CloudFormation calls it

	inventoryBucket string
}

// readSettings reads context values; context answers nil for one that is not set.
// From cdk.json a value comes as JSON, from the command line always as a string,
// so both are understood. An error names the value and what is right.
func readSettings(context func(key string) any) (settings, error) {
	r := settingsReader{context: context}
	s := settings{
		emails:      r.emails(),
		accounts:    r.accounts(),
		regions:     r.regions(),
		externalID:  r.form(contextExternalID, externalID, "8 to 128 of A-Z a-z 0-9 + = , . @ : / _ -"),
		org:         r.form(contextOrg, organizationID, "the id of an organization, as o-a1b2c3d4e5"),
		units:       r.units(),
		spokeActs:   r.truth(contextSpokeActs, false),
		retain:      r.truth(contextRetain, true),
		dist:        r.text(contextDist, "dist"),
		dashboard:   r.truth(contextDashboard, true),
		reserved:    r.reserved(),
		concurrency: r.number(contextConcurrency, 5, 2, 1000), // 2 is the least that Lambda takes
		window:      r.number(contextWindow, 1, 1, 300),       // a batch above 10 needs a window
		runbook:     r.text(contextRunbook, "docs/runbook.md"),
		reach:       reach{managed: r.managed(), instances: r.instances()},
		autoScaling: r.truth(contextAutoScaling, false),
		lock:        r.lock(),
		lockDays:    r.number(contextLockDays, 730, 1, 36_500), // Object Lock takes up to 100 years
		admission:   r.truth(contextAdmission, false),
		stackHook:   r.stackHook(),

		inventoryBucket: r.text(contextInventory, ""),
	}
	if s.inventoryBucket != "" && !bucketName.MatchString(s.inventoryBucket) {
		r.fail(contextInventory, "%q is not the name of a bucket: 3 to 63 of a-z 0-9 . -", s.inventoryBucket)
	}
	if s.admission && len(s.reach.instances) > 0 {
		r.fail(contextAdmission, "launches are not listed before they are there; use %q, which looks at the group's tags, or leave out %q", contextManaged, contextInstances)
	}
	if s.autoScaling && len(s.reach.instances) > 0 {
		r.fail(contextAutoScaling, "a group's calls cannot be kept to listed instances; use %q, which looks at the group's tags, or leave out %q", contextManaged, contextInstances)
	}
	if n := len(s.reach.instances) * max(len(s.regions), 1); n > instancesAtMost {
		r.fail(contextInstances, "%d instances in each of %d Regions are listed; a role has room for %d: give them a tag and use %q",
			len(s.reach.instances), len(s.regions), instancesAtMost, contextManaged)
	}
	if len(s.accounts) > 1 && s.externalID == "" {
		r.fail(contextExternalID, "it is needed with %d accounts: choose a text that nobody guesses, and give it to the spoke stacks, too", len(s.accounts))
	}
	if s.externalID != "" && len(s.accounts) == 0 {
		r.fail(contextAccounts, "list the accounts that are watched, the stack's own among them, where there is an %q", contextExternalID)
	}
	if len(s.units) > 0 && (s.org == "" || s.externalID == "") {
		r.fail(contextStackSet, "it needs %q and %q", contextOrg, contextExternalID)
	}
	return s, errors.Join(r.errs...)
}

// fleet reports whether more than the stack's own account and Region is watched.
func (s settings) fleet() bool { return s.externalID != "" || len(s.regions) > 0 }

type settingsReader struct {
	context func(key string) any
	errs    []error
}

func (r *settingsReader) fail(key, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("context value %q: %s", key, fmt.Sprintf(format, args...)))
}

func (r *settingsReader) text(key, byDefault string) string {
	switch value := r.context(key).(type) {
	case nil:
		return byDefault
	case string:
		if value == "" {
			return byDefault
		}
		return value
	default:
		r.fail(key, "%v is not a string", value)
		return byDefault
	}
}

func (r *settingsReader) truth(key string, byDefault bool) bool {
	switch value := r.context(key).(type) {
	case nil:
		return byDefault
	case bool:
		return value
	case string:
		// Only these two: a typing error must not turn into "delete the ledger".
		if value == "true" || value == "false" {
			return value == "true"
		}
	}
	r.fail(key, "%v is neither true nor false", r.context(key))
	return byDefault
}

func (r *settingsReader) stackHook() string {
	switch text := r.text(contextStackHook, "off"); text {
	case "off":
		return stackHookOff
	case "warn":
		return stackHookWarn
	case "fail":
		return stackHookFail
	default:
		r.fail(contextStackHook, "%q is none of off, warn and fail", text)
		return stackHookOff
	}
}

func (r *settingsReader) number(key string, byDefault, least, most int) int {
	n := byDefault
	switch value := r.context(key).(type) {
	case nil:
	case float64:
		n = int(value)
		if float64(n) != value {
			n = least - 1
		}
	case string:
		parsed, err := strconv.Atoi(value)
		if err != nil {
			parsed = least - 1
		}
		n = parsed
	default:
		n = least - 1
	}
	if n < least || n > most {
		r.fail(key, "%v is not a whole number from %d to %d", r.context(key), least, most)
		return byDefault
	}
	return n
}

func (r *settingsReader) lock() string {
	lock := r.text(contextLock, lockGovernance)
	if !slices.Contains([]string{lockOff, lockGovernance, lockCompliance}, lock) {
		r.fail(contextLock, "%q is neither %s, %s nor %s", lock, lockOff, lockGovernance, lockCompliance)
	}
	return lock
}

// list reads a JSON list of strings or one string with commas.
func (r *settingsReader) list(key string) []string {
	var items []string
	switch value := r.context(key).(type) {
	case nil:
	case string:
		items = strings.Split(value, ",")
	case []any:
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				// A JSON number loses the leading zero of an account id.
				r.fail(key, "%v is not a string; put it in quotes", item)
				return nil
			}
			items = append(items, text)
		}
	default:
		r.fail(key, "%v is neither a list nor a string with commas", value)
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return slices.DeleteFunc(items, func(item string) bool { return item == "" })
}

func (r *settingsReader) emails() []string {
	emails := r.list(contextEmails)
	for i, email := range emails {
		address, err := mail.ParseAddress(email)
		if err != nil || address.Address != email {
			r.fail(contextEmails, "%q is not an e-mail address", email)
		}
		if slices.Contains(emails[:i], email) {
			r.fail(contextEmails, "%q is listed twice", email)
		}
	}
	return emails
}

func (r *settingsReader) accounts() []string {
	accounts := r.list(contextAccounts)
	if len(accounts) == 0 {
		return nil
	}
	parsed, err := config.ParseAccounts(strings.Join(accounts, ","))
	if err != nil {
		r.fail(contextAccounts, "%v", err)
	}
	if len(parsed) > accountsAtMost {
		r.fail(contextAccounts, "%d are listed; the pattern of a rule has room for %d", len(parsed), accountsAtMost)
	}
	return parsed
}

// accountsAtMost is what fits into an event pattern of 2,048 characters (EventBridge
// quotas, 2026) beside the longest of our patterns.
const accountsAtMost = 90

func (r *settingsReader) regions() []string {
	regions := r.list(contextRegions)
	if len(regions) == 0 {
		return nil
	}
	parsed, err := config.ParseRegions(strings.Join(regions, ","))
	if err != nil {
		r.fail(contextRegions, "%v", err)
	}
	return parsed
}

var (
	externalID     = regexp.MustCompile(`^[A-Za-z0-9+=,.@:/_-]{8,128}$`)
	organizationID = regexp.MustCompile(`^o-[a-z0-9]{10,32}$`)
	unitID         = regexp.MustCompile(`^(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})$`)
)

func (r *settingsReader) form(key string, form *regexp.Regexp, want string) string {
	text := r.text(key, "")
	if text != "" && !form.MatchString(text) {
		r.fail(key, "%q is not %s", text, want)
	}
	return text
}

func (r *settingsReader) units() []string {
	units := r.list(contextStackSet)
	for _, unit := range units {
		if !unitID.MatchString(unit) {
			r.fail(contextStackSet, "%q is not an organizational unit or root, as ou-ab12-cd34ef56", unit)
		}
	}
	return units
}

func (r *settingsReader) reserved() map[string]int {
	reserved := map[string]int{}
	for _, item := range r.list(contextReserved) {
		name, text, _ := strings.Cut(item, "=")
		n, err := strconv.Atoi(text)
		if !slices.Contains(allFunctions(), name) || err != nil || n < 1 {
			r.fail(contextReserved, "%q is not a function and a number, as track=20", item)
			continue
		}
		reserved[name] = n
	}
	return reserved
}

// allFunctions are those that a deployment can have.
func allFunctions() []string { return slices.Concat(config.Functions(), config.OptionalFunctions()) }

// What AWS takes as a tag. None of these letters is a wildcard or a variable of IAM.
var (
	tagKey   = regexp.MustCompile(`^[\p{L}\p{N} _.:/+@-]{1,128}$`)
	tagValue = regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]{1,256}$`)
)

func (r *settingsReader) managed() *tag {
	text := r.text(contextManaged, "")
	if text == "" {
		return nil
	}
	key, value, _ := strings.Cut(text, "=")
	switch {
	case !tagKey.MatchString(key) || !tagValue.MatchString(value) || strings.TrimSpace(key) != key || strings.TrimSpace(value) != value:
		r.fail(contextManaged, "%q is not a tag's key and value, as Licensing=managed: letters, digits, inner spaces and _.:/+-@, at most 128 and 256 of them", text)
	case strings.HasPrefix(strings.ToLower(key), "aws:"):
		r.fail(contextManaged, "%q begins with aws:, which only AWS may write; use a key of your own", key)
	case slices.ContainsFunc([]string{config.TagStatus, config.TagReason}, func(ours string) bool { return strings.EqualFold(key, ours) }):
		// IAM compares the key of aws:ResourceTag in any case.
		r.fail(contextManaged, "enforce itself writes %q, so it would hold nothing back; use a key of your own", key)
	}
	return &tag{key, value}
}

// bucketName has none of the letters that mean something in an event pattern.
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

var (
	instanceID  = regexp.MustCompile(`^i-(?:[0-9a-f]{8}|[0-9a-f]{17})$`)
	instanceARN = regexp.MustCompile(`^arn:aws[a-z-]*:ec2:[a-z]{2}(?:-[a-z]+)+-[0-9]:[0-9]{12}:instance/(i-[0-9a-f]+)$`)
)

func (r *settingsReader) instances() []string {
	instances := r.list(contextInstances)
	seen := map[string]bool{}
	for _, instance := range instances {
		id := instance
		if match := instanceARN.FindStringSubmatch(instance); match != nil {
			id = match[1]
		}
		if !instanceID.MatchString(id) {
			r.fail(contextInstances, "%q is neither an id, as i-0123456789abcdef0, nor an ARN, as arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0", instance)
		}
		if seen[id] {
			r.fail(contextInstances, "%q is listed twice", instance)
		}
		seen[id] = true
	}
	if len(instances) > instancesAtMost {
		r.fail(contextInstances, "%d are listed; a role has room for %d: give them a tag and use %q", len(instances), instancesAtMost, contextManaged)
	}
	return instances
}
