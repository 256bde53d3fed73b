package api_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"
	"time"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/registrar"
	"licenseguard/shared/track"
)

// Whatever a client asks for: while nothing is launched, nothing that ran within its
// licenses is taken away without a person's approval (never a mass stop).
func TestNoRequestStopsWhatRuns(t *testing.T) {
	t.Parallel()
	overruns := 0
	for seed := range uint64(saboteurs) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			if s := newSaboteur(t, seed); s.play(60) {
				overruns++
			}
		})
	}
	if overruns < saboteurs/2 {
		t.Errorf("%d of %d had an overrun: this shows nothing", overruns, saboteurs)
	}
}

// saboteurs is how many are let loose; each finds what it can in 60 requests.
const saboteurs = 40

// saboteur is a client that asks at random, in an account in which nothing is launched.
type saboteur struct {
	*world
	dice    *rand.Rand
	tracker *track.Tracker
	arns    []string
	log     []string
	over    bool
}

func newSaboteur(t *testing.T, seed uint64) *saboteur {
	s := &saboteur{world: newWorld(t), dice: rand.New(rand.NewPCG(seed, 1))}
	s.tracker = &track.Tracker{Store: s.store, Observer: registrar.OnRecord{Store: s.store}, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler)}
	// What is launched is within the first license, and over the second, which does not
	// answer that: it observes, or its limit is soft, or it is disabled, or at its end.
	second := object{"LicenseCount": 4, "LicenseCountHardLimit": seed%4 != 1}
	mode := "stop"
	switch seed % 4 {
	case 0:
		mode = "notify"
	case 3:
		second["LicenseExpiry"] = start.Unix()
	}
	for _, in := range []object{{"LicenseCount": 100, "LicenseCountHardLimit": true}, second} {
		in["Tags"] = []any{object{"Key": "licenseguard:on-violation", "Value": mode}, object{"Key": "licenseguard:associate-tag", "Value": "role=db"}}
		s.arns = append(s.arns, s.create(in))
	}
	if seed%4 == 2 {
		s.do("UpdateLicenseConfiguration", object{"LicenseConfigurationArn": s.arns[1], "LicenseConfigurationStatus": "DISABLED"})
	}
	s.do("UpdateLicenseSpecificationsForResource", s.associate(imageARN, s.arns[0]))
	s.now = s.now.Add(time.Hour)
	var facts []ledger.Facts
	for i := range 8 {
		state, tags := license.Running, map[string]string{}
		if i%4 == 3 {
			state = license.Stopped
		}
		if i%2 == 0 {
			tags["role"] = "db"
		}
		launch := s.now.Add(time.Duration(i-8) * time.Minute)
		facts = append(facts, ledger.Facts{Instance: license.Instance{ID: resource(i), Type: "m5.xlarge", State: state, LaunchTime: launch, ImageID: image,
			Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: 2, ThreadsPerCore: 2}, Tags: tags},
			Generation: ledger.Generation{Launch: launch, Rank: state.Rank()}, Observed: launch.Add(time.Second), FirstSeen: launch.Add(time.Second)})
	}
	if err := s.store.SaveFacts(t.Context(), facts); err != nil {
		t.Fatal(err)
	}
	if err := s.tracker.Reassociate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// play sends requests, and reports whether there was an overrun at any time.
func (s *saboteur) play(steps int) (over bool) {
	for range steps {
		s.now = s.now.Add(time.Duration(1+s.dice.IntN(200)) * time.Minute)
		if _, err := s.tracker.FoldDue(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		s.ask()
		s.check()
		s.now = s.now.Add(time.Duration(s.dice.IntN(100)) * time.Millisecond)
	}
	return s.over
}

// ask sends a request at random; one that is refused changes nothing.
func (s *saboteur) ask() {
	arn := s.arns[s.dice.IntN(len(s.arns))]
	pick := func(values ...any) any { return values[s.dice.IntN(len(values))] }
	one := object{"LicenseConfigurationArn": arn}
	name, in := "UpdateLicenseConfiguration", object{"LicenseConfigurationArn": arn}
	switch s.dice.IntN(9) {
	case 0:
		in["LicenseCount"] = pick(0, 4, 8, 12, 100)
	case 1:
		in["LicenseCountHardLimit"] = pick(true, false)
	case 2:
		in["LicenseConfigurationStatus"] = pick("AVAILABLE", "DISABLED")
	case 3:
		in["LicenseRules"] = pick([]any{}, []any{"#minimumVcpus=8"}, []any{"#includedStoppedInstances=True"}, []any{"#unitsPerLicense=2"}, []any{"#maximumVcpus=64"})
	case 4:
		in["LicenseExpiry"] = pick(0, s.now.Unix()-60, s.now.Unix()+3600)
	case 5:
		name, in = "TagResource", object{"ResourceArn": arn, "Tags": []any{pick(
			object{"Key": "licenseguard:on-violation", "Value": pick("stop", "tag", "notify")},
			object{"Key": "licenseguard:settle", "Value": pick("0s", "24h")},
			object{"Key": "licenseguard:restart-grace", "Value": pick("0s", "168h")},
			object{"Key": "licenseguard:tags-exempt", "Value": pick("true", "false")},
			object{"Key": "licenseguard:associate-tag", "Value": pick("role=db", "role=d*", "role", "none")},
			object{"Key": "licenseguard:auto-scaling", "Value": pick("alert", "detach", "lower")})}}
	case 6:
		name, in = "UntagResource", object{"ResourceArn": arn, "TagKeys": []any{pick("licenseguard:on-violation", "licenseguard:associate-tag", "licenseguard:settle")}}
	case 7:
		name, in = "UpdateLicenseSpecificationsForResource", object{"ResourceArn": pick(imageARN, instanceARN(s.dice.IntN(8))),
			pick("AddLicenseSpecifications", "RemoveLicenseSpecifications").(string): []any{one}}
	default:
		if s.dice.IntN(3) > 0 {
			return
		}
		name, in = "DeleteLicenseConfiguration", one
	}
	status, _, out := s.post("AWSLicenseManager."+name, marshal(s.t, in))
	s.log = append(s.log, fmt.Sprintf("%s %s %v: %d %v", s.now.Format(time.RFC3339Nano), name, in, status, out["message"]))
	if status >= 500 {
		s.t.Fatalf("%v", s.log)
	}
	if name == "DeleteLicenseConfiguration" && status == 200 {
		for i := range s.arns {
			if s.arns[i] == arn {
				s.arns[i] = s.create(object{"LicenseCount": 4, "LicenseCountHardLimit": true, "Tags": []any{
					object{"Key": "licenseguard:on-violation", "Value": "stop"}, object{"Key": "licenseguard:associate-tag", "Value": "role"}}})
			}
		}
	}
}

// check looks at every license as it stands, and as it will stand in a while.
func (s *saboteur) check() {
	s.t.Helper()
	configurations, _, err := s.store.Configurations(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range configurations {
		l, err := s.store.Load(s.t.Context(), c.ID)
		if err != nil {
			s.t.Fatal(err)
		}
		for i := range l.Entries {
			e := &l.Entries[i]
			s.over = s.over || e.Verdict == ledger.Over
			for j := range e.Members {
				if a := l.Answer(e, &e.Members[j], s.now); a.Wanted() && a.Mode != license.Observe {
					s.t.Fatalf("%s would be answered by %s (%s), cause %s, verdict %s:\n%v", e.Members[j].Instance, a.Action, a.Why, e.Members[j].Cause, e.Verdict, s.log)
				}
			}
		}
	}
}
