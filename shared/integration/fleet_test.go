package integration_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	neturl "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/config"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/track"
)

const spokeAccount, abroad, secret = "222222222222", "eu-west-1", "our-secret"

// gate is STS with a memory, and with trust: moto lets anybody take any role. It hands on
// what asks with the external id, and refuses an account that has closed.
type gate struct {
	mu     sync.Mutex
	closed string
	taken  []string // "account role session"
}

func newGate(t *testing.T, moto string) (*gate, string) {
	t.Helper()
	target, err := neturl.Parse(moto)
	if err != nil {
		t.Fatal(err)
	}
	g, proxy := &gate{}, httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		form, formErr := neturl.ParseQuery(string(body))
		if err != nil || formErr != nil || !g.lets(form) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>`)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return g, server.URL
}

func (g *gate) lets(form neturl.Values) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	arn := strings.Split(form.Get("RoleArn"), ":")
	if form.Get("Action") != "AssumeRole" || len(arn) != 6 || form.Get("ExternalId") != secret || arn[4] == g.closed {
		return false
	}
	g.taken = append(g.taken, arn[4]+" "+arn[5]+" "+form.Get("RoleSessionName"))
	return true
}

func (g *gate) close(account string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = account
}

func (g *gate) took(role string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range g.taken {
		if t == role {
			return true
		}
	}
	return false
}

// place is one account and Region with its own event bus.
type place struct {
	track.Scope
	w   *world
	ec2 *ec2.Client
	bus *eventbridge.Client
	sqs *sqs.Client
	out queue // what its rule hands on
}

func (w *world) newPlace(moto string, s track.Scope) *place {
	w.t.Helper()
	cfg := aws.Config{Region: s.Region, BaseEndpoint: &moto, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	if s.Account != account {
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(cfg), "arn:aws:iam::"+s.Account+":role/anybody"))
	}
	p := &place{Scope: s, w: w, ec2: ec2.NewFromConfig(cfg), bus: eventbridge.NewFromConfig(cfg), sqs: sqs.NewFromConfig(cfg)}
	made, err := p.sqs.CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: aws.String("to-the-hub")})
	w.must(err)
	p.out = queue{url: aws.ToString(made.QueueUrl), arn: "arn:aws:sqs:" + s.Region + ":" + s.Account + ":to-the-hub"}
	_, err = p.bus.PutRule(w.t.Context(), &eventbridge.PutRuleInput{Name: aws.String("forward"),
		EventPattern: aws.String(`{"source":["aws.ec2"],"detail-type":["EC2 Instance State-change Notification"]}`)})
	w.must(err)
	_, err = p.bus.PutTargets(w.t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("forward"), Targets: []eventtypes.Target{{
		Id: aws.String("hub"), Arn: &p.out.arn, InputTransformer: &eventtypes.InputTransformer{InputTemplate: aws.String("<aws.events.event.json>")}}}})
	w.must(err)
	return p
}

func (p *place) run() string {
	p.w.t.Helper()
	out, err := p.ec2.RunInstances(p.w.t.Context(), &ec2.RunInstancesInput{ImageId: &p.w.image, InstanceType: ec2types.InstanceTypeM5Large, MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	p.w.must(err)
	return aws.ToString(out.Instances[0].InstanceId)
}

// tell sends an event on the place's own bus and hands what its rule lets through to the
// hub's intake, whole. AWS does that by the hub's bus; moto's would put its own account
// in place of the spoke's.
func (p *place) tell(id, state string) {
	p.w.t.Helper()
	detail, err := json.Marshal(map[string]string{"instance-id": id, "state": state})
	p.w.must(err)
	_, err = p.bus.PutEvents(p.w.t.Context(), &eventbridge.PutEventsInput{Entries: []eventtypes.PutEventsRequestEntry{{
		Source: aws.String("aws.ec2"), DetailType: aws.String("EC2 Instance State-change Notification"), Detail: aws.String(string(detail)), Time: aws.Time(time.Now())}}})
	p.w.must(err)
	got, err := p.sqs.ReceiveMessage(p.w.t.Context(), &sqs.ReceiveMessageInput{QueueUrl: &p.out.url, MaxNumberOfMessages: 10})
	p.w.must(err)
	if len(got.Messages) != 1 {
		p.w.t.Fatalf("%s handed on %d events, want one", p.Scope, len(got.Messages))
	}
	body := aws.ToString(got.Messages[0].Body)
	if !strings.Contains(body, p.Account) || !strings.Contains(body, p.Region) {
		p.w.t.Fatalf("the event does not tell where it is from: %s", body)
	}
	_, err = p.sqs.DeleteMessage(p.w.t.Context(), &sqs.DeleteMessageInput{QueueUrl: &p.out.url, ReceiptHandle: got.Messages[0].ReceiptHandle})
	p.w.must(err)
	p.w.send(body)
}

func (p *place) state(id string) string {
	p.w.t.Helper()
	out, err := p.ec2.DescribeInstances(p.w.t.Context(), &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	p.w.must(err)
	return string(out.Reservations[0].Instances[0].State.Name)
}

// TestFleet: two accounts in two Regions. The spoke's events lead to the hub's position,
// a sweep sees all four scopes, an overrun is stopped in the spoke by the spoke's role, and
// an account that closes keeps its numbers, marked.
func TestFleet(t *testing.T) {
	w := newWorld(t)
	moto, dynamo := localaws.Moto(t), localaws.DynamoDB(t)
	g, stsURL := newGate(t, moto)
	functions := func() {
		for name, into := range map[string]**function{config.FunctionTrack: &w.trackFn, config.FunctionSweep: &w.sweepFn, config.FunctionEnforce: &w.enforceFn} {
			*into = start(t, name, map[string]string{
				config.EnvLedgerTable: table, config.EnvRegion: region, config.EnvAccounts: account + "," + spokeAccount, config.EnvRegions: region + "," + abroad,
				config.EnvOwnAccount: account, config.EnvSpokeExternalID: secret, config.EnvDeadLetterQueueURL: w.dead.url, config.EnvAutoScaling: "false",
				"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
				"AWS_ENDPOINT_URL": moto, "AWS_ENDPOINT_URL_DYNAMODB": dynamo, "AWS_ENDPOINT_URL_STS": stsURL,
			})
		}
	}
	functions()
	w.configure(licenseID, 4)
	scopes := []track.Scope{{Account: account, Region: region}, {Account: account, Region: abroad}, {Account: spokeAccount, Region: region}, {Account: spokeAccount, Region: abroad}}
	places := make([]*place, len(scopes))
	ids := make([]string, len(scopes))
	for i, s := range scopes {
		places[i] = w.newPlace(moto, s)
		ids[i] = places[i].run()
	}
	for _, i := range []int{1, 2, 3} { // of the first nobody tells
		places[i].tell(ids[i], "running")
	}
	if given, again := w.deliver(w.intake, w.trackFn); given != 3 || again != 0 {
		t.Fatalf("%d messages given, %d stay", given, again)
	}
	l := w.load(licenseID)
	for _, i := range []int{1, 2, 3} {
		if e, _ := l.Find(license.NewResourceID(scopes[i].Account, scopes[i].Region, ids[i])); e == nil || e.Verdict != ledger.Covered {
			t.Errorf("%s: %+v, want it counted where it runs", scopes[i], e)
		}
	}
	if l.Totals.Running != 3 || !g.took(spokeAccount+" role/"+config.SpokeObserveRole+" licenseguard-track") {
		t.Errorf("totals %+v, roles taken %v", l.Totals, g.taken)
	}

	var answer handler.SweepAnswer
	w.sweepFn.invoke([]byte(sample(t, "schedule/tick")), &answer)
	if len(answer.Reports) != 4 || answer.Left != 0 || w.load(licenseID).Totals.Running != 4 {
		t.Errorf("the sweep %+v, totals %+v; want all four scopes", answer, w.load(licenseID).Totals)
	}
	for _, r := range answer.Reports {
		if r.Instances != 1 || r.Error != "" {
			t.Errorf("report %+v", r)
		}
	}
	w.sweepFn.invoke([]byte(sample(t, "schedule/tick")), &answer)
	if len(answer.Reports) != 0 {
		t.Errorf("swept again within minutes: %+v", answer)
	}

	time.Sleep(1100 * time.Millisecond)
	over := places[3].run() // the fifth of four, in the spoke, abroad
	places[3].tell(over, "running")
	w.deliver(w.intake, w.trackFn)
	w.follow()
	w.enforceIn(licenseID, license.NewResourceID(spokeAccount, abroad, over))
	if state := places[3].state(over); state != "stopped" || !g.took(spokeAccount+" role/"+config.SpokeEnforceRole+" licenseguard-enforce") {
		t.Errorf("the instance over the limit is %s, roles taken %v; want it stopped by the spoke's role", state, g.taken)
	}
	for i, p := range places {
		if state := p.state(ids[i]); state != "running" {
			t.Errorf("%s in %s is %s", ids[i], p.Scope, state)
		}
	}
	places[3].tell(over, "stopped")
	w.deliver(w.intake, w.trackFn)

	g.close(spokeAccount)
	functions() // what they took lasts for an hour
	for _, i := range []int{0, 2} {
		_, err := places[i].ec2.TerminateInstances(t.Context(), &ec2.TerminateInstancesInput{InstanceIds: []string{ids[i]}})
		w.must(err)
	}
	places[2].tell(ids[2], "terminated")
	for receive := 1; receive <= 3; receive++ {
		if given, again := w.deliver(w.intake, w.trackFn); given != 1 || (again == 1) != (receive < 3) {
			t.Errorf("receive %d: %d given, %d again", receive, given, again)
		}
	}
	if dead := w.take(w.dead); len(dead) != 1 || !strings.Contains(attributes(dead[0])["reason"], "account 222222222222, Region us-east-1 cannot be reached") {
		t.Errorf("dead letters %+v", dead)
	}
	w.sweepFn.invoke(handler.SweepRequest{Since: time.Now()}, &answer)
	unreachable := 0
	for _, r := range answer.Reports {
		if r.Unreachable != (r.Account == spokeAccount) {
			t.Errorf("report %+v", r)
		}
		if r.Unreachable {
			unreachable++
		}
	}
	watches, err := track.Watches(t.Context(), w.store)
	w.must(err)
	l = w.load(licenseID)
	marked := snapshot.UnconfirmedOf(l, track.Unconfirmed(watches))
	if unreachable != 2 || l.Totals.Running != 3 || len(marked) != 2 {
		t.Errorf("%d unreachable, totals %+v, marked %+v; want the hub's released, and both of the spoke kept and marked", unreachable, l.Totals, marked)
	}
	for _, m := range marked {
		if m.Account != spokeAccount || m.Licenses != 1 || m.Since.IsZero() || !strings.Contains(m.Why, config.SpokeObserveRole) {
			t.Errorf("marked %+v", m)
		}
	}
}

// enforceIn is the schedule until an instance is answered.
func (w *world) enforceIn(id string, instance license.ResourceID) {
	w.t.Helper()
	for range 30 {
		if _, m := w.load(id).Find(instance); m != nil && m.Answered != "" {
			return
		}
		time.Sleep(5 * time.Second)
		w.enforceFn.invoke([]byte(sample(w.t, "schedule/tick")), nil)
	}
	w.t.Fatalf("instance %s was not answered in 150 s", instance)
}
