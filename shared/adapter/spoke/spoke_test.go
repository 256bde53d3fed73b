package spoke_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"licenseguard/shared/adapter/spoke"
	"licenseguard/shared/config"
	"licenseguard/shared/track"
)

const hub, other, region = "111111111111", "222222222222", "us-east-1"

func in(account, region string) track.Scope { return track.Scope{Account: account, Region: region} }

// sts answers AssumeRole with keys that name the account, or refuses with a code.
type sts struct {
	refuse string
	asked  []string
}

func (s *sts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	arn := r.Form.Get("RoleArn")
	s.asked = append(s.asked, strings.Join([]string{arn, r.Form.Get("ExternalId"), r.Form.Get("RoleSessionName")}, " "))
	if s.refuse != "" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>no</Message></Error></ErrorResponse>`, s.refuse)
		return
	}
	fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>of-%s</AccessKeyId>`+
		`<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2199-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		strings.Split(arn, ":")[4])
}

func access(t *testing.T, s *sts, region, account string) *spoke.Access {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	own := aws.Config{Region: region, BaseEndpoint: &server.URL, RetryMaxAttempts: 1, Credentials: credentials.NewStaticCredentialsProvider("own", "s", "")}
	return spoke.New(own, config.Watched{Account: account, ExternalID: "our-secret"}, config.SpokeObserveRole, config.FunctionTrack)
}

func key(t *testing.T, a *spoke.Access, s track.Scope) (string, error) {
	t.Helper()
	cfg := a.Config(s)
	if cfg.Region != s.Region {
		t.Errorf("%s: the Region is %s", s, cfg.Region)
	}
	c, err := cfg.Credentials.Retrieve(t.Context())
	return c.AccessKeyID, err
}

func TestEachAccountIsEnteredByItsOwnRoleOnce(t *testing.T) {
	t.Parallel()
	s := &sts{}
	a := access(t, s, region, hub)
	for scope, want := range map[track.Scope]string{in(hub, region): "own", in(hub, "eu-west-1"): "own", in(other, region): "of-" + other, in(other, "eu-west-1"): "of-" + other} {
		if got, err := key(t, a, scope); got != want || err != nil {
			t.Errorf("%s: keys %q, %v; want %q", scope, got, err, want)
		}
	}
	want := []string{"arn:aws:iam::222222222222:role/licenseguard-spoke-observe our-secret licenseguard-track"}
	if !slices.Equal(s.asked, want) {
		t.Errorf("STS was asked\n%q, want\n%q", s.asked, want)
	}
}

func TestWithoutOtherAccountsNoRoleIsTaken(t *testing.T) {
	t.Parallel()
	s := &sts{}
	if got, err := key(t, access(t, s, region, ""), in(other, region)); got != "own" || err != nil || len(s.asked) > 0 {
		t.Errorf("keys %q, %v, asked %q", got, err, s.asked)
	}
}

func TestRolesAreOfThePartition(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{"us-gov-west-1": "arn:aws-us-gov:iam", "cn-north-1": "arn:aws-cn:iam", "eu-west-1": "arn:aws:iam"} {
		s := &sts{}
		if _, err := key(t, access(t, s, region, hub), in(other, region)); err != nil || !strings.HasPrefix(s.asked[0], want) {
			t.Errorf("%s: asked for %q, %v; want %s", region, s.asked, err, want)
		}
	}
}

func TestARefusedRoleIsUnreachable(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]bool{"AccessDenied": true, "Throttling": false, "InternalFailure": false, "ExpiredToken": false} {
		s := &sts{refuse: code}
		a := access(t, s, region, hub)
		_, err := key(t, a, in(other, region))
		if err == nil || errors.Is(err, track.ErrUnreachable) != want {
			t.Errorf("%s: %v, want unreachable %v", code, err, want)
		}
		s.refuse = "" // it is let in again
		if got, err := key(t, a, in(other, region)); got != "of-"+other || err != nil {
			t.Errorf("%s: afterwards %q, %v", code, got, err)
		}
	}
}

func TestClientsAreMadeOnce(t *testing.T) {
	t.Parallel()
	var made []string
	client := spoke.Clients(access(t, &sts{}, region, hub), func(cfg aws.Config) string {
		made = append(made, cfg.Region)
		return cfg.Region
	})
	for _, s := range []track.Scope{in(hub, region), in(other, region), in(hub, region), in(hub, "eu-west-1")} {
		if got := client(s); got != s.Region {
			t.Errorf("%s: client of %s", s, got)
		}
	}
	if len(made) != 3 {
		t.Errorf("made %q", made)
	}
}
