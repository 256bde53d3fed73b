package integration_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/ec2cloud"
	"licenseguard/shared/catalog"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// lives is an account on moto whose events track is given as AWS sends them. Unlike in a
// world the clock of licenseguard can be moved, which its processes do not allow; so this
// is its tracker on the embedded store, and the real SDK.
//
// What moto lacks is tried over recorded answers, in ec2cloud: CPU options, placements,
// and a start that is a launch of its own.
type lives struct {
	t       *testing.T
	ec2     *ec2.Client
	store   *boltledger.Store
	tracker *track.Tracker
	image   string
	ahead   time.Duration // of licenseguard's clock
	peak    map[string]ledger.Totals
}

func newLives(t *testing.T) *lives {
	t.Helper()
	moto := localaws.Moto(t)
	reset(t, moto)
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	client := ec2.NewFromConfig(aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), BaseEndpoint: &moto})
	l := &lives{t: t, ec2: client, store: store, peak: make(map[string]ledger.Totals)}
	cloud := ec2cloud.New(client)
	l.tracker = &track.Tracker{Store: store, Documents: store, Observer: cloud, Lineage: cloud, Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region},
		Now: l.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Wait: func(context.Context, time.Duration) error { return nil }}
	images, err := client.DescribeImages(t.Context(), &ec2.DescribeImagesInput{Owners: []string{"amazon"}})
	l.must(err)
	l.image = aws.ToString(images.Images[0].ImageId)
	return l
}

func (l *lives) now() time.Time { return time.Now().Add(l.ahead) }

func (l *lives) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// license makes one a minute before now, of so many instances with a hard limit that is
// answered by a stop, unless change says otherwise.
func (l *lives) license(id string, count int64, change func(*license.Configuration)) {
	l.t.Helper()
	l.ahead = -time.Minute
	c := license.Configuration{ID: id, Name: id, CountingType: license.CountInstance, Count: &count, HardLimit: true,
		Associations: []license.Association{{Kind: license.ByTag, Value: "license=" + id}},
		Enforcement:  license.Enforcement{Mode: license.Stop, ActionsPerHour: 10}}
	if change != nil {
		change(&c)
	}
	_, err := l.tracker.Configure(l.t.Context(), c, "tester")
	l.must(err)
	l.ahead = 0
}

// run launches an instance with the license's tag and tells of it.
func (l *lives) run(id string, change func(*ec2.RunInstancesInput)) string {
	l.t.Helper()
	in := &ec2.RunInstancesInput{ImageId: &l.image, InstanceType: ec2types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: aws.String("license"), Value: &id}}}}}
	if change != nil {
		change(in)
	}
	out, err := l.ec2.RunInstances(l.t.Context(), in)
	l.must(err)
	instance := aws.ToString(out.Instances[0].InstanceId)
	l.tell(l.state(instance, "running"))
	return instance
}

func (l *lives) state(id, state string) string {
	return fmt.Sprintf(`{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":%q,"time":%q,"region":%q,"resources":["arn:aws:ec2:%s:%s:instance/%s"],"detail":{"instance-id":%q,"state":%q}}`,
		account, l.now().UTC().Format(time.RFC3339), region, region, account, id, id, state)
}

// event is an event of the catalogue, of this Region, with other ids in place of its own.
func (l *lives) event(name string, replace ...string) string {
	return sample(l.t, name, append([]string{"us-west-2", region, "us-east-2", region}, replace...)...)
}

// tell gives track events, of which none may stay, and keeps the most that each license
// ever had deployed.
func (l *lives) tell(bodies ...string) {
	l.t.Helper()
	for _, body := range bodies {
		if r := l.tracker.Handle(l.t.Context(), []track.Message{{ID: "m", Body: []byte(body), Receives: 1}}); r.Handled != 1 || r.Unknown != 0 || len(r.Retry) > 0 {
			l.t.Errorf("report %+v of %s", r, body)
		}
		configurations, _, err := l.store.Configurations(l.t.Context())
		l.must(err)
		for _, c := range configurations {
			if now := l.load(c.ID).Totals; now.Deployed() > l.peak[c.ID].Deployed() || now.Over > l.peak[c.ID].Over {
				l.peak[c.ID] = now
			}
		}
	}
}

func (l *lives) load(id string) *ledger.License {
	l.t.Helper()
	loaded, err := l.store.Load(l.t.Context(), id)
	l.must(err)
	return loaded
}

func (l *lives) totals(id, what string, want ledger.Totals) {
	l.t.Helper()
	if got := l.load(id).Totals; got != want {
		l.t.Errorf("%s: %+v, want %+v", what, got, want)
	}
}

// answer is what is asked for an instance now.
func (l *lives) answer(id, instance string) ledger.Answer {
	l.t.Helper()
	loaded := l.load(id)
	e, m := loaded.Find(license.NewResourceID(account, region, instance))
	if m == nil {
		l.t.Fatalf("%s does not hold %s", id, instance)
	}
	return loaded.Answer(e, m, l.now())
}

func (l *lives) stop(id string, hibernate bool) {
	l.t.Helper()
	_, err := l.ec2.StopInstances(l.t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{id}, Hibernate: aws.Bool(hibernate)})
	l.must(err)
	l.tell(l.state(id, "stopping"), l.state(id, "stopped"))
}

func (l *lives) terminate(id string) {
	l.t.Helper()
	_, err := l.ec2.TerminateInstances(l.t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{id}})
	l.must(err)
	l.tell(l.state(id, "shutting-down"), l.state(id, "terminated"))
}

func (l *lives) tag(id, key, value string) {
	l.t.Helper()
	_, err := l.ec2.CreateTags(l.t.Context(), &ec2.CreateTagsInput{Resources: []string{id}, Tags: []ec2types.Tag{{Key: &key, Value: &value}}})
	l.must(err)
	l.tell(l.event("cloudtrail/create-tags", "i-1234567890abcdef0", id))
}

func instances(n int64) ledger.Totals { return ledger.Totals{Running: n, Covered: n, Instances: n} }

// TestLives follows instances through their lives, from each event as AWS sends it to the
// position.
func TestLives(t *testing.T) {
	l := newLives(t)
	t.Run("type", l.typeChanges)
	t.Run("tags", l.tagsChange)
	t.Run("late tags of Auto Scaling", l.lateTags)
	t.Run("Spot", l.spotIsTaken)
	t.Run("hibernation", l.hibernates)
	t.Run("instance refresh", l.refreshes)
}

func (l *lives) typeChanges(t *testing.T) {
	l.t = t
	const id = "lic-type"
	l.license(id, 100, func(c *license.Configuration) {
		c.CountingType = license.CountVCPU
		c.Rules = []license.RuleVersion{{Text: []string{"#includedStoppedInstances=True"}}}
		c.Enforcement.Mode = license.Observe
	})
	instance := l.run(id, nil)
	l.totals(id, "m5.large", instances(2))
	l.stop(instance, false)
	stopped := func(n int64) ledger.Totals { return ledger.Totals{Stopped: n, Covered: n, Instances: n} }
	l.totals(id, "stopped ones count here", stopped(2))
	_, err := l.ec2.ModifyInstanceAttribute(t.Context(), &ec2.ModifyInstanceAttributeInput{InstanceId: &instance, InstanceType: &ec2types.AttributeValue{Value: aws.String("m5.2xlarge")}})
	l.must(err)
	l.tell(l.event("cloudtrail/modify-instance-attribute", "i-1234567890abcdef0", instance))
	l.totals(id, "m5.2xlarge", stopped(8))
}

func (l *lives) tagsChange(t *testing.T) {
	l.t = t
	const id = "lic-tags"
	l.license(id, 10, nil)
	instance := l.run("", nil)
	l.totals(id, "without the tag", ledger.Totals{})
	l.tag(instance, "license", id)
	l.totals(id, "tagged", instances(1))
	_, err := l.ec2.DeleteTags(t.Context(), &ec2.DeleteTagsInput{Resources: []string{instance}, Tags: []ec2types.Tag{{Key: aws.String("license")}}})
	l.must(err)
	l.tell(l.event("cloudtrail/delete-tags", "vol-049df61146c4d7901", instance))
	l.totals(id, "no more", ledger.Totals{})
}

// lateTags: an instance over the count is not stopped in its first 90 seconds, whatever
// the settle window; the tags that arrive in them say that it is a member of a group, and
// then it never is.
func (l *lives) lateTags(t *testing.T) {
	l.t = t
	const id = "lic-late"
	l.license(id, 0, func(c *license.Configuration) { c.Enforcement.Settle = time.Second })
	instance := l.run(id, nil)
	_, m := l.load(id).Find(license.NewResourceID(account, region, instance))
	a := l.answer(id, instance)
	if a.Action != license.Stop || a.NotBefore.Before(m.Generation.Launch.Add(90*time.Second)) {
		t.Errorf("answer %+v to a launch at %s, want a stop 90 s later at the earliest", a, m.Generation.Launch)
	}
	l.ahead = time.Minute
	l.tag(instance, license.TagAutoScalingGroup, "web")
	l.ahead = 2 * time.Minute
	if a := l.answer(id, instance); a.Action == license.Stop {
		t.Errorf("answer %+v to a member of a group", a)
	}
	l.ahead = 0
}

// spotIsTaken: the warning, which comes two minutes ahead, changes nothing; what EC2 does
// then frees the license.
func (l *lives) spotIsTaken(t *testing.T) {
	for _, action := range []string{"stop", "hibernate", "terminate"} {
		l.t = t
		id := "lic-spot" + action
		l.license(id, 1, nil)
		instance := l.run(id, func(in *ec2.RunInstancesInput) {
			in.InstanceMarketOptions = &ec2types.InstanceMarketOptionsRequest{MarketType: ec2types.MarketTypeSpot}
		})
		l.tell(l.event("ec2/spot-interruption-warning/"+action, "i-1234567890abcdef0", instance))
		l.totals(id, action+": warned", instances(1))
		if action == "terminate" {
			l.terminate(instance)
		} else {
			l.stop(instance, action == "hibernate")
		}
		l.totals(id, action+": taken", ledger.Totals{})
	}
}

// hibernates: EC2 has no state for it: stopping, then stopped.
func (l *lives) hibernates(t *testing.T) {
	l.t = t
	const id = "lic-hibernate"
	l.license(id, 1, nil)
	instance := l.run(id, func(in *ec2.RunInstancesInput) {
		in.HibernationOptions = &ec2types.HibernationOptionsRequest{Configured: aws.Bool(true)}
	})
	l.totals(id, "awake", instances(1))
	l.stop(instance, true)
	l.totals(id, "asleep", ledger.Totals{})
}

// refreshes replaces the two instances of a group one by one. Launching before
// terminating needs one license more for a while; where there is none, the new instance is
// over until the old one is gone, and nothing is asked for it in that time.
func (l *lives) refreshes(t *testing.T) {
	for _, test := range []struct {
		name  string
		count int64
		first bool // launch before terminating
		peak  ledger.Totals
	}{
		{"room for one more", 3, true, instances(3)},
		{"no room, terminate first", 2, false, instances(2)},
		{"no room, launch first", 2, true, ledger.Totals{Running: 3, Covered: 2, Over: 1, Instances: 3}},
	} {
		l.t = t
		id := fmt.Sprintf("lic-refresh%d%t", test.count, test.first)
		l.license(id, test.count, nil)
		launch := func() string {
			instance := l.run(id, nil)
			l.tag(instance, license.TagAutoScalingGroup, id)
			l.tell(l.event("autoscaling/launch-successful", "i-00000000000000b01", instance))
			return instance
		}
		end := func(instance string) {
			l.terminate(instance)
			l.tell(l.event("autoscaling/terminate-successful", "i-00000000000000b01", instance))
		}
		group := []string{launch(), launch()}
		for i, old := range group {
			if !test.first {
				end(old)
			}
			time.Sleep(1100 * time.Millisecond) // EC2's launch times have whole seconds
			group[i] = launch()
			if a := l.answer(id, group[i]); a.Action == license.Stop && a.NotBefore.Before(l.now().Add(time.Minute)) {
				t.Errorf("%s: the new instance is to be stopped: %+v", test.name, a)
			}
			if test.first {
				end(old)
			}
			l.totals(id, test.name+": replaced", instances(2))
			if a := l.answer(id, group[i]); a.Wanted() {
				t.Errorf("%s: then the new instance is answered: %+v", test.name, a)
			}
		}
		if l.peak[id] != test.peak {
			t.Errorf("%s: at most %+v, want %+v", test.name, l.peak[id], test.peak)
		}
	}
}
