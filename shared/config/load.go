package config

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Lookup answers what an environment variable holds and whether it is set.
// os.LookupEnv is one.
type Lookup func(name string) (value string, set bool)

// Track is the environment of the function track.
type Track struct {
	LedgerTable        string
	DeadLetterQueueURL string
	Watched
}

// Watched is what the functions look at: every Region of every account.
type Watched struct {
	Accounts   []string
	Regions    []string // by default the function's own
	Region     string   // the function's own
	Account    string   // the function's own; "" where only one account is watched, which then is
	ExternalID string   // what the roles of other accounts want to hear; "" where there are none
}

// Sweep is the environment of the function sweep.
type Sweep struct {
	LedgerTable string
	Watched
}

// Enforce is the environment of the function enforce.
type Enforce struct {
	LedgerTable string
	Watched
	AutoScaling bool // whether Auto Scaling groups may be changed
}

// Admit is the environment of the function admit, which answers for its own account and
// Region alone.
type Admit struct {
	LedgerTable        string
	DeadLetterQueueURL string
	Accounts           []string
	Region             string
}

// CfnHook is the environment of the function cfnhook.
type CfnHook struct {
	LedgerTable string
	Region      string
}

// Publish is the environment of the function publish.
type Publish struct {
	LedgerTable   string
	ReportBucket  string
	AlertQueueURL string
	EventQueueURL string
	AlertTopicARN string
	EventBusName  string
}

// Snapshot is the environment of the function snapshot.
type Snapshot struct {
	LedgerTable  string
	ReportBucket string
}

// Seal is the environment of the function seal.
type Seal struct {
	ReportBucket   string
	EvidenceBucket string
	Accounts       []string // that have folders of their own in the history
	Region         string
	SigningKeyARN  string
	NamesKeyARN    string
	LedgerName     string
	AlertTopicARN  string
}

// API is the environment of the functions api and apiread.
type API struct {
	LedgerTable   string
	Accounts      []string
	Regions       []string // by default the function's own
	Region        string
	Account       string // the stack's own, to which the licenses belong
	ReportBucket  string
	AlertTopicARN string
}

// LoadTrack reads the environment of track. Its error lists every variable that
// is wrong and says what is right.
func LoadTrack(lookup func(string) (string, bool)) (Track, error) {
	r := reader{lookup: lookup}
	t := Track{
		LedgerTable:        r.ledgerTable(),
		DeadLetterQueueURL: r.queueURL(EnvDeadLetterQueueURL),
		Watched:            r.watched(),
	}
	return t, r.err()
}

// LoadSweep reads the environment of sweep, with errors as in [LoadTrack].
func LoadSweep(lookup func(string) (string, bool)) (Sweep, error) {
	r := reader{lookup: lookup}
	s := Sweep{LedgerTable: r.ledgerTable(), Watched: r.watched()}
	return s, r.err()
}

// LoadEnforce reads the environment of enforce, with errors as in [LoadTrack].
func LoadEnforce(lookup func(string) (string, bool)) (Enforce, error) {
	r := reader{lookup: lookup}
	e := Enforce{LedgerTable: r.ledgerTable(), Watched: r.watched(),
		AutoScaling: r.matching(EnvAutoScaling, truth, "true or false") == "true"}
	return e, r.err()
}

// LoadAdmit reads the environment of admit, with errors as in [LoadTrack].
func LoadAdmit(lookup func(string) (string, bool)) (Admit, error) {
	r := reader{lookup: lookup}
	a := Admit{LedgerTable: r.ledgerTable(), DeadLetterQueueURL: r.queueURL(EnvDeadLetterQueueURL), Accounts: r.accounts(), Region: r.region()}
	return a, r.err()
}

// LoadCfnHook reads the environment of cfnhook, with errors as in [LoadTrack].
func LoadCfnHook(lookup func(string) (string, bool)) (CfnHook, error) {
	r := reader{lookup: lookup}
	h := CfnHook{LedgerTable: r.ledgerTable(), Region: r.region()}
	return h, r.err()
}

// LoadPublish reads the environment of publish, with errors as in [LoadTrack].
func LoadPublish(lookup func(string) (string, bool)) (Publish, error) {
	r := reader{lookup: lookup}
	p := Publish{
		LedgerTable:   r.ledgerTable(),
		ReportBucket:  r.reportBucket(),
		AlertQueueURL: r.queueURL(EnvAlertQueueURL),
		EventQueueURL: r.queueURL(EnvEventQueueURL),
		AlertTopicARN: r.alertTopic(),
		EventBusName:  r.matching(EnvEventBusName, busName, "the name of an event bus: 1 to 256 of A-Z a-z 0-9 . _ - /"),
	}
	return p, r.err()
}

// LoadSnapshot reads the environment of snapshot, with errors as in [LoadTrack].
func LoadSnapshot(lookup func(string) (string, bool)) (Snapshot, error) {
	r := reader{lookup: lookup}
	s := Snapshot{LedgerTable: r.ledgerTable(), ReportBucket: r.reportBucket()}
	return s, r.err()
}

// LoadSeal reads the environment of seal, with errors as in [LoadTrack].
func LoadSeal(lookup func(string) (string, bool)) (Seal, error) {
	r := reader{lookup: lookup}
	s := Seal{
		ReportBucket:   r.reportBucket(),
		Accounts:       r.accounts(),
		Region:         r.region(),
		EvidenceBucket: r.matching(EnvEvidenceBucket, bucketName, "the name of the evidence bucket: 3 to 63 of a-z 0-9 . -"),
		SigningKeyARN:  r.key(EnvSigningKeyARN),
		NamesKeyARN:    r.key(EnvNamesKeyARN),
		LedgerName:     r.matching(EnvLedgerName, ledgerName, "the name of the ledger: 1 to 200 of A-Z a-z 0-9 . _ : / - and inner spaces"),
		AlertTopicARN:  r.alertTopic(),
	}
	return s, r.err()
}

// LoadAPI reads the environment of api and apiread, with errors as in [LoadTrack].
func LoadAPI(lookup func(string) (string, bool)) (API, error) {
	r := reader{lookup: lookup}
	a := API{LedgerTable: r.ledgerTable(), Accounts: r.accounts(), Regions: r.regions(), Region: r.region(), ReportBucket: r.reportBucket(), AlertTopicARN: r.alertTopic()}
	if parts := strings.Split(a.AlertTopicARN, ":"); len(parts) > 4 {
		a.Account = parts[4]
	}
	return a, r.err()
}

var (
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	tableName  = regexp.MustCompile(`^[A-Za-z0-9_.-]{3,255}$`)
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	busName    = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,256}$`)
	topicARN   = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$`)
	externalID = regexp.MustCompile(`^[A-Za-z0-9+=,.@:/_-]{8,128}$`)
	keyARN     = regexp.MustCompile(`^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,256}$`)
	ledgerName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._:/ -]{0,198}[A-Za-z0-9])?$`)
	truth      = regexp.MustCompile(`^(true|false)$`)
	regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
)

// ParseAccounts reads account ids separated by commas; spaces around an id are
// dropped. It refuses an empty list, an id that is not 12 digits and an id that
// comes twice.
func ParseAccounts(list string) ([]string, error) {
	ids := strings.Split(list, ",")
	for i, id := range ids {
		ids[i] = strings.TrimSpace(id)
		if !accountID.MatchString(ids[i]) {
			return nil, fmt.Errorf("%q is not an account id of 12 digits", ids[i])
		}
		if slices.Contains(ids[:i], ids[i]) {
			return nil, fmt.Errorf("account %s is listed twice", ids[i])
		}
	}
	return ids, nil
}

// ParseRegions reads Regions separated by commas; spaces around one are dropped. It
// refuses an empty list, what is no Region and one that comes twice.
func ParseRegions(list string) ([]string, error) {
	regions := strings.Split(list, ",")
	for i, region := range regions {
		regions[i] = strings.TrimSpace(region)
		if !regionName.MatchString(regions[i]) {
			return nil, fmt.Errorf("%q is not a Region", regions[i])
		}
		if slices.Contains(regions[:i], regions[i]) {
			return nil, fmt.Errorf("Region %s is listed twice", regions[i])
		}
	}
	return regions, nil
}

// reader collects the errors of all variables, so that a wrong deployment is
// put right in one go.
type reader struct {
	lookup Lookup
	errs   []error
}

func (r *reader) err() error { return errors.Join(r.errs...) }

func (r *reader) value(name, want string) (string, bool) {
	value, ok := r.lookup(name)
	if !ok || value == "" {
		r.errs = append(r.errs, fmt.Errorf("%s is not set: it must be %s", name, want))
		return "", false
	}
	return value, true
}

func (r *reader) matching(name string, pattern *regexp.Regexp, want string) string {
	value, ok := r.value(name, want)
	if ok && !pattern.MatchString(value) {
		r.errs = append(r.errs, fmt.Errorf("%s is %q: it must be %s", name, value, want))
		return ""
	}
	return value
}

func (r *reader) ledgerTable() string {
	return r.matching(EnvLedgerTable, tableName, "the name of the ledger table: 3 to 255 of A-Z a-z 0-9 _ . -")
}

func (r *reader) reportBucket() string {
	return r.matching(EnvReportBucket, bucketName, "the name of the report bucket: 3 to 63 of a-z 0-9 . -")
}

func (r *reader) alertTopic() string {
	return r.matching(EnvAlertTopicARN, topicARN, "the ARN of an SNS topic, as arn:aws:sns:us-east-1:123456789012:alerts")
}

func (r *reader) key(name string) string {
	return r.matching(name, keyARN, "the ARN of a KMS key, as arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab")
}

func (r *reader) region() string {
	return r.matching(EnvRegion, regionName, "an AWS Region, as us-east-1")
}

func (r *reader) accounts() []string {
	const want = "account ids of 12 digits, separated by commas"
	value, ok := r.value(EnvAccounts, want)
	if !ok {
		return nil
	}
	ids, err := ParseAccounts(value)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s: %w: it must be %s", EnvAccounts, err, want))
	}
	return ids
}

// regions are by default the function's own.
func (r *reader) regions() []string {
	const want = "Regions separated by commas, as us-east-1,eu-west-1; without it, the function's own"
	list, ok := r.lookup(EnvRegions)
	if !ok || list == "" {
		if own, ok := r.lookup(EnvRegion); ok && own != "" {
			return []string{own}
		}
		return nil // that the Region is missing is said elsewhere
	}
	regions, err := ParseRegions(list)
	if err != nil {
		r.errs = append(r.errs, fmt.Errorf("%s: %w: it must be %s", EnvRegions, err, want))
	}
	return regions
}

// watched reads what is looked at. In other accounts a role lets us in, and wants an
// external id: so that nobody else can have us look there.
func (r *reader) watched() Watched {
	w := Watched{Accounts: r.accounts(), Regions: r.regions(), Region: r.region()}
	if len(w.Accounts) < 2 && !r.set(EnvOwnAccount) {
		return w
	}
	w.Account = r.matching(EnvOwnAccount, accountID, "the function's own account, of 12 digits, where others are watched, too")
	if slices.ContainsFunc(w.Accounts, func(account string) bool { return account != w.Account }) {
		w.ExternalID = r.matching(EnvSpokeExternalID, externalID, "the external id of the roles in other accounts: 8 to 128 of A-Z a-z 0-9 + = , . @ : / _ -")
	}
	return w
}

func (r *reader) set(name string) bool {
	value, ok := r.lookup(name)
	return ok && value != ""
}

// queueURL accepts plain http too: local stacks have no certificates, and on AWS
// the queue policy refuses whatever does not come over TLS.
func (r *reader) queueURL(name string) string {
	const want = "the URL of an SQS queue, as https://sqs.us-east-1.amazonaws.com/123456789012/queue"
	value, ok := r.value(name, want)
	if !ok {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		r.errs = append(r.errs, fmt.Errorf("%s is %q: it must be %s", name, value, want))
		return ""
	}
	return value
}
