package rdscloud_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/google/go-cmp/cmp"

	"licenseguard/shared/adapter/rdscloud"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

var scope = track.Scope{Account: "123456789012", Region: "eu-central-1"}

// wire answers as RDS does: the query protocol, with XML.
type wire struct {
	answers []string // bodies, or "CODE message" for a fault
	asked   []url.Values
}

func (w *wire) ServeHTTP(out http.ResponseWriter, in *http.Request) {
	if err := in.ParseForm(); err != nil {
		http.Error(out, err.Error(), http.StatusInternalServerError)
		return
	}
	w.asked = append(w.asked, in.PostForm)
	action := in.PostForm.Get("Action")
	if len(w.answers) < len(w.asked) {
		http.Error(out, "asked more often than answered", http.StatusInternalServerError)
		return
	}
	answer := w.answers[len(w.asked)-1]
	out.Header().Set("Content-Type", "text/xml")
	if !strings.HasPrefix(answer, "<") {
		code, message, _ := strings.Cut(answer, " ")
		out.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(out, `<ErrorResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, code, message)
		return
	}
	fmt.Fprintf(out, `<%[1]sResponse xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>`, action, answer)
}

func (w *wire) cloud(t *testing.T) *rdscloud.Cloud {
	t.Helper()
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	return rdscloud.New(rds.New(rds.Options{Region: scope.Region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}))
}

func listed(marker string, databases ...string) string {
	if marker != "" {
		marker = "<Marker>" + marker + "</Marker>"
	}
	return marker + "<DBInstances>" + strings.Join(databases, "") + "</DBInstances>"
}

func element(name, more string) string {
	return "<DBInstance><DBInstanceIdentifier>" + name + "</DBInstanceIdentifier>" + more + "</DBInstance>"
}

const full = `<DBInstanceArn>arn:aws:rds:eu-central-1:123456789012:db:payroll</DBInstanceArn>
<DBInstanceClass>db.r5.2xlarge.tpc2.mem4x</DBInstanceClass><Engine>oracle-ee-cdb</Engine><EngineVersion>19.0.0.0.ru-2026-07.rur-2026-07.r1</EngineVersion>
<LicenseModel>bring-your-own-license</LicenseModel><DBInstanceStatus>available</DBInstanceStatus><MultiAZ>true</MultiAZ>
<InstanceCreateTime>2026-11-20T08:00:01.500Z</InstanceCreateTime>
<ReadReplicaSourceDBInstanceIdentifier>source</ReadReplicaSourceDBInstanceIdentifier><ReplicaMode>mounted</ReplicaMode>
<ReadReplicaDBInstanceIdentifiers><ReadReplicaDBInstanceIdentifier>other</ReadReplicaDBInstanceIdentifier></ReadReplicaDBInstanceIdentifiers>
<ProcessorFeatures><ProcessorFeature><Name>coreCount</Name><Value>2</Value></ProcessorFeature><ProcessorFeature><Name>threadsPerCore</Name><Value>1</Value></ProcessorFeature></ProcessorFeatures>
<OptionGroupMemberships><OptionGroupMembership><OptionGroupName>ours</OptionGroupName><Status>in-sync</Status></OptionGroupMembership></OptionGroupMemberships>
<TagList><Tag><Key>owner</Key><Value>=cmd|' /C calc'!A0</Value></Tag><Tag><Key></Key><Value>x</Value></Tag></TagList>`

func TestDatabases(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []string{listed("next", element("payroll", full)), listed("", element("bare", ""))}}
	got, err := w.cloud(t).Databases(t.Context(), scope, []string{"payroll", "bare", "gone", "*", "db/../x", "UPPER"})
	if err != nil {
		t.Fatal(err)
	}
	want := []license.DBInstance{{
		ID: "123456789012/eu-central-1/db:payroll", Class: "db.r5.2xlarge.tpc2.mem4x", Engine: "oracle-ee-cdb", EngineVersion: "19.0.0.0.ru-2026-07.rur-2026-07.r1",
		LicenseModel: "bring-your-own-license", Status: "available", MultiAZ: true, Created: time.Date(2026, 11, 20, 8, 0, 1, 0, time.UTC),
		Processor: license.CPUOptions{Cores: 2, ThreadsPerCore: 1}, ReplicaOf: "source", Mounted: true, HasReplicas: true,
		OptionGroups: []string{"ours"}, Tags: map[string]string{"owner": "=cmd|' /C calc'!A0"},
	}, {ID: "123456789012/eu-central-1/db:bare"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !got[1].Created.IsZero() {
		t.Errorf("created at %s, want no time", got[1].Created)
	}
	if len(w.asked) != 2 {
		t.Fatalf("%d calls, want one for each page", len(w.asked))
	}
	first := w.asked[0]
	var values []string
	for i := 1; first.Has(fmt.Sprintf("Filters.Filter.1.Values.Value.%d", i)); i++ {
		values = append(values, first.Get(fmt.Sprintf("Filters.Filter.1.Values.Value.%d", i)))
	}
	if first.Get("MaxRecords") != "100" || first.Get("Filters.Filter.1.Name") != "db-instance-id" || !slices.Equal(values, []string{"payroll", "bare", "gone"}) || first.Has("DBInstanceIdentifier") {
		t.Errorf("asked %v", first)
	}
	if w.asked[1].Get("Marker") != "next" {
		t.Errorf("the second page was asked for with %v", w.asked[1])
	}
}

func TestNoNameIsAsked(t *testing.T) {
	t.Parallel()
	w := &wire{}
	got, err := w.cloud(t).Databases(t.Context(), scope, []string{"*", ""})
	if err != nil || len(got) > 0 || len(w.asked) > 0 {
		t.Errorf("%v, %v after %d calls; want none", got, err, len(w.asked))
	}
}

// TestUnknownNameFailsNobody: also if RDS refused the filter.
func TestUnknownNameFailsNobody(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []string{"DBInstanceNotFound DBInstance gone not found.", listed("", element("payroll", ""), element("other", ""))}}
	got, err := w.cloud(t).Databases(t.Context(), scope, []string{"gone", "payroll"})
	if err != nil || len(got) != 1 || got[0].ID.AWSID() != "db:payroll" {
		t.Errorf("%v, %v; want payroll", got, err)
	}
	if w.asked[1].Has("Filters.Filter.1.Name") {
		t.Errorf("the second call has a filter: %v", w.asked[1])
	}
}

func TestOddAnswers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		more string
		want license.DBInstance
	}{
		"SQL Server with mirroring": {"<MultiAZ>false</MultiAZ><SecondaryAvailabilityZone>eu-central-1b</SecondaryAvailabilityZone>", license.DBInstance{MultiAZ: true}},
		"one feature": {"<ProcessorFeatures><ProcessorFeature><Name>coreCount</Name><Value>4</Value></ProcessorFeature></ProcessorFeatures>",
			license.DBInstance{Processor: license.CPUOptions{Cores: 4}}},
		"features that are none": {"<ProcessorFeatures><ProcessorFeature><Name>coreCount</Name><Value>many</Value></ProcessorFeature><ProcessorFeature><Name>threadsPerCore</Name><Value>-1</Value></ProcessorFeature><ProcessorFeature/></ProcessorFeatures>",
			license.DBInstance{}},
		"a replica to read": {"<ReadReplicaSourceDBInstanceIdentifier>arn:aws:rds:us-east-1:123456789012:db:far</ReadReplicaSourceDBInstanceIdentifier><ReplicaMode>open-read-only</ReplicaMode>",
			license.DBInstance{ReplicaOf: "arn:aws:rds:us-east-1:123456789012:db:far"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.want.ID = "123456789012/eu-central-1/db:payroll"
			w := &wire{answers: []string{listed("", element("payroll", tt.more), element("../evil", ""))}}
			var got []license.DBInstance
			err := w.cloud(t).EachDatabase(t.Context(), scope, func(page []license.DBInstance) error {
				got = append(got, page...)
				return nil
			})
			if diff := cmp.Diff([]license.DBInstance{tt.want}, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// TestWrongAccount: what such a client does not show is not gone.
func TestWrongAccount(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []string{listed("", element("payroll", "<DBInstanceArn>arn:aws:rds:eu-central-1:999999999999:db:payroll</DBInstanceArn>"))}}
	if _, err := w.cloud(t).Databases(t.Context(), scope, []string{"payroll"}); err == nil || !strings.Contains(err.Error(), "wrong account") {
		t.Errorf("error %v", err)
	}
}

// TestListingThatBreaksOff is an error, however much came before.
func TestListingThatBreaksOff(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []string{listed("next", element("payroll", "")), "Throttling Rate exceeded"}}
	pages := 0
	err := w.cloud(t).EachDatabase(t.Context(), scope, func([]license.DBInstance) error { pages++; return nil })
	if err == nil || pages != 1 {
		t.Errorf("%v after %d pages", err, pages)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []string{`<OptionGroupsList><OptionGroup><OptionGroupName>ours</OptionGroupName><Options>
<Option><OptionName>SQLT</OptionName><OptionSettings><OptionSetting><Name>LICENSE_PACK</Name><Value>D</Value><DefaultValue>T</DefaultValue></OptionSetting></OptionSettings></Option>
<Option><OptionName>OLS</OptionName></Option>
<Option><OptionName>TIMEZONE</OptionName><OptionSettings><OptionSetting><Name>TIME_ZONE</Name><DefaultValue>UTC</DefaultValue></OptionSetting></OptionSettings></Option>
</Options></OptionGroup></OptionGroupsList>`, "OptionGroupNotFoundFault there is none", "AccessDenied no"}}
	cloud := w.cloud(t)
	got, err := cloud.Options(t.Context(), scope, "ours")
	want := []license.DBOption{{Name: "SQLT", Settings: map[string]string{"LICENSE_PACK": "D"}}, {Name: "OLS"}, {Name: "TIMEZONE", Settings: map[string]string{"TIME_ZONE": "UTC"}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if w.asked[0].Get("OptionGroupName") != "ours" {
		t.Errorf("asked %v", w.asked[0])
	}
	if got, err = cloud.Options(t.Context(), scope, "gone"); err != nil || len(got) > 0 {
		t.Errorf("a group that is not there: %v, %v", got, err)
	}
	if _, err = cloud.Options(t.Context(), scope, "ours"); err == nil {
		t.Error("a refusal is no error")
	}
}

// TestFleet: each account and Region has its client.
func TestFleet(t *testing.T) {
	t.Parallel()
	w := &wire{answers: []string{listed("")}}
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	var asked []track.Scope
	cloud := rdscloud.NewFleet(func(s track.Scope) *rds.Client {
		asked = append(asked, s)
		return rds.New(rds.Options{Region: s.Region, BaseEndpoint: aws.String(server.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	})
	if _, err := cloud.Databases(t.Context(), scope, []string{"payroll"}); err != nil || !slices.Equal(asked, []track.Scope{scope}) {
		t.Errorf("%v, clients of %v", err, asked)
	}
}
