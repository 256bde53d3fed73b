package integration_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"licenseguard/shared/adapter/dynamoledger"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/integration/ledgertable"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

const callerARN = "arn:aws:sts::" + account + ":assumed-role/LicenseManagers/ann"

// url is a function's URL as AWS has it: it lets a request in that is signed for
// Lambda, tells the function who signed it, and hands the answer on.
type url struct {
	t        *testing.T
	mu       sync.Mutex // one invocation at a time, as in one execution environment
	function *function
}

func newURL(t *testing.T, f *function) string {
	server := httptest.NewServer(&url{t: t, function: f})
	t.Cleanup(server.Close)
	return server.URL
}

func (u *url) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		u.t.Error(err)
		return
	}
	if why := u.unsigned(r, body); why != "" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, `{"Message":%q}`, why)
		return
	}
	request := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery, Headers: map[string]string{}, Body: string(body)}
	for name, values := range r.Header {
		request.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	request.RequestContext.DomainName = r.Host
	request.RequestContext.HTTP.Method, request.RequestContext.HTTP.Path = r.Method, r.URL.Path
	request.RequestContext.Authorizer = &events.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &events.LambdaFunctionURLRequestContextAuthorizerIAMDescription{AccountID: account, UserARN: callerARN}}
	u.mu.Lock()
	answer, err := u.function.try(request)
	u.mu.Unlock()
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		u.t.Errorf("%s failed: %v", u.function.name, err)
		return
	}
	u.pass(w, answer)
}

// pass hands a streamed answer on: a prelude in JSON, eight zeros, the body.
func (u *url) pass(w http.ResponseWriter, answer []byte) {
	head, body, ok := bytes.Cut(answer, make([]byte, 8))
	var prelude struct {
		StatusCode int               `json:"statusCode"`
		Headers    map[string]string `json:"headers"`
	}
	if err := json.Unmarshal(head, &prelude); err != nil || !ok {
		u.t.Errorf("%s answered %q: %v", u.function.name, answer, err)
		return
	}
	for name, value := range prelude.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(prelude.StatusCode)
	_, _ = w.Write(body)
}

// unsigned tells why a request is not let in: the signature is computed again.
func (u *url) unsigned(r *http.Request, body []byte) string {
	given := r.Header.Get("Authorization")
	if !strings.Contains(given, "/"+region+"/lambda/aws4_request") {
		return "Forbidden: not signed for lambda"
	}
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return "Forbidden: no date"
	}
	_, signed, _ := strings.Cut(given, "SignedHeaders=")
	signed, _, _ = strings.Cut(signed, ",")
	again, err := http.NewRequest(r.Method, "http://"+r.Host+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	for name := range strings.SplitSeq(signed, ";") {
		if name != "host" && name != "content-length" {
			again.Header.Set(name, r.Header.Get(name))
		}
	}
	sign(u.t, again, body, at)
	if again.Header.Get("Authorization") != given {
		return "Forbidden: the signature does not match"
	}
	return ""
}

func sign(t *testing.T, r *http.Request, body []byte, at time.Time) {
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	if err := v4.NewSigner().SignHTTP(context.Background(), keys, r, hex.EncodeToString(sum[:]), "lambda", region, at); err != nil {
		t.Error(err)
	}
}

// listed is an account with a few instances, for a sweep to find.
type listed struct{ instances []license.Instance }

func (l listed) EachInstances(_ context.Context, _ track.Scope, each func([]license.Instance) error) error {
	return each(l.instances)
}

func (l listed) Instances(context.Context, track.Scope, []string) ([]license.Instance, error) {
	return l.instances, nil
}

func (listed) Hosts(context.Context, track.Scope, []string) ([]license.Host, error) { return nil, nil }

func (listed) Images(context.Context, track.Scope, []string) ([]track.Image, error) { return nil, nil }

func (listed) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

// apis are the functions api and apiread with a ledger that a sweep has filled.
func apis(t *testing.T) (all, read string) {
	urls := apisOf(t, config.FunctionAPI, config.FunctionAPIRead)
	return urls[0], urls[1]
}

// apisOf starts functions on one ledger and returns their URLs.
func apisOf(t *testing.T, names ...string) []string {
	t.Helper()
	endpoint := localaws.DynamoDB(t)
	client := dynamodb.New(dynamodb.Options{Region: region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		BaseEndpoint: &endpoint, DisableValidateResponseChecksum: true})
	const table = "licenseguard-api"
	if _, err := ledgertable.CreateWithStream(t.Context(), client, table); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: aws.String(table)})
	})
	machine := func(id, image, kind string, state license.State, cores int64) license.Instance {
		return license.Instance{ID: license.NewResourceID(account, region, id), Type: kind, State: state, ImageID: image, LaunchTime: time.Now().Add(-time.Hour).UTC().Truncate(time.Second),
			Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: cores, ThreadsPerCore: 2}}
	}
	sweep := &track.Tracker{Store: dynamoledger.New(client, table), Catalog: catalog.Embedded(), Accounts: []string{account}, Regions: []string{region}, Now: time.Now,
		Log: slog.New(slog.DiscardHandler), Observer: listed{[]license.Instance{
			machine("i-0000000000000000a", "ami-0aaaaaaaaaaaaaaaa", "m5.2xlarge", license.Running, 4),
			machine("i-0000000000000000b", "ami-0bbbbbbbbbbbbbbbb", "m5.large", license.Running, 1),
			machine("i-0000000000000000c", "ami-0bbbbbbbbbbbbbbbb", "m5.large", license.ShuttingDown, 1),
		}}}
	if _, err := sweep.Sweep(t.Context(), track.Scope{Account: account, Region: region}); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{config.EnvLedgerTable: table, config.EnvRegion: region, config.EnvAccounts: account, config.EnvReportBucket: bucket,
		config.EnvAlertTopicARN: "arn:aws:sns:" + region + ":" + account + ":alerts",
		"AWS_ACCESS_KEY_ID":     "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL_DYNAMODB": endpoint}
	var urls []string
	for _, name := range names {
		urls = append(urls, newURL(t, start(t, name, environment)))
	}
	return urls
}

// signing passes requests on to a URL, signed for Lambda, as licenseguard proxy does.
func signing(t *testing.T, to string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		answer, err := send(t, to, r.Header.Get("X-Amz-Target"), body, true)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func send(t *testing.T, to, target string, body []byte, signed bool) (*http.Response, error) {
	r, err := http.NewRequest(http.MethodPost, to+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", target)
	if signed {
		sign(t, r, body, time.Now())
	}
	return http.DefaultClient.Do(r)
}

// TestAPIAsDeployed: the shipped functions on DynamoDB Local answer boto3 as the
// server of make up does.
func TestAPIAsDeployed(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal("CI runs every test: there is no python3")
	} else if err != nil {
		t.Skip("not run: there is no python3")
	}
	all, _ := apis(t)
	cmd := exec.Command(python, "clients/testdata/conformance.py", signing(t, all), account)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Error(err)
	}
}

// TestWhoMayAsk: unsigned requests are let in nowhere, the function that reads
// refuses to write, and what is changed is kept with who did it.
func TestWhoMayAsk(t *testing.T) {
	all, read := apis(t)
	ask := func(to, operation, body string, signed bool) (int, string) {
		t.Helper()
		answer, err := send(t, to, operation, []byte(body), signed)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	const create, get = "AWSLicenseManager.CreateLicenseConfiguration", "AWSLicenseManager.ListLicenseConfigurations"
	const one = `{"Name":"one","LicenseCountingType":"vCPU"}`
	for _, to := range []string{all, read} {
		if status, text := ask(to, get, `{}`, false); status != http.StatusForbidden {
			t.Errorf("unsigned: %d %s", status, text)
		}
	}
	if status, text := ask(read, create, one, true); status != http.StatusBadRequest || !strings.Contains(text, "AccessDeniedException") {
		t.Errorf("the function that reads writes: %d %s", status, text)
	}
	status, text := ask(all, create, one, true)
	if status != http.StatusOK {
		t.Fatalf("create: %d %s", status, text)
	}
	if status, text := ask(read, get, `{}`, true); status != http.StatusOK || !strings.Contains(text, `"Name":"one"`) {
		t.Errorf("read: %d %s", status, text)
	}
	if status, text := ask(read, "Licenseguard.GetHistory", text, true); status != http.StatusOK || !strings.Contains(text, callerARN) {
		t.Errorf("history: %d %s, want %s in it", status, text, callerARN)
	}
}

// TestOverlappingUpdates: of two updates of one configuration that overlap, in two
// execution environments, one wins; the other is told so and nothing of it is
// written.
func TestOverlappingUpdates(t *testing.T) {
	urls := apisOf(t, config.FunctionAPI, config.FunctionAPI)
	one, other := urls[0], urls[1]
	const target = "AWSLicenseManager.UpdateLicenseConfiguration"
	call := func(to, operation, body string) (int, map[string]any) {
		answer, err := send(t, to, operation, []byte(body), true)
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		defer answer.Body.Close()
		var out map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
			t.Error(err)
		}
		return answer.StatusCode, out
	}
	_, made := call(one, "AWSLicenseManager.CreateLicenseConfiguration", `{"Name":"0","LicenseCountingType":"vCPU"}`)
	arn := made["LicenseConfigurationArn"]
	won, lost := 0, 0
	for round := 0; round < 300 && (lost == 0 || won < 20); round++ {
		var group sync.WaitGroup
		answers := make([]string, 2)
		for i, to := range []string{one, other} {
			group.Go(func() {
				n := 2*round + i + 1
				status, out := call(to, target, fmt.Sprintf(`{"LicenseConfigurationArn":%q,"Name":"%d","Description":"by %d","LicenseCount":%d}`, arn, n, n, n))
				if status == http.StatusOK {
					answers[i] = fmt.Sprint(n)
				} else {
					answers[i] = fmt.Sprint(out["__type"])
				}
			})
		}
		group.Wait()
		_, got := call(one, "AWSLicenseManager.GetLicenseConfiguration", fmt.Sprintf(`{"LicenseConfigurationArn":%q}`, arn))
		if got["Description"] != fmt.Sprint("by ", got["Name"]) || fmt.Sprint(got["LicenseCount"]) != got["Name"] {
			t.Fatalf("half of each: %v", got)
		}
		wins := 0
		for _, a := range answers {
			switch a {
			case "ConflictException":
				lost++
			default:
				wins, won = wins+1, won+1
			}
		}
		if wins == 0 || wins == 1 && !slices.Contains(answers, fmt.Sprint(got["Name"])) {
			t.Fatalf("answered %v, and the name is %v", answers, got["Name"])
		}
	}
	versions, token := 0, ""
	for pages := 0; pages == 0 || token != ""; pages++ {
		_, page := call(other, "Licenseguard.GetHistory", fmt.Sprintf(`{"LicenseConfigurationArn":%q,"MaxResults":100,"NextToken":%q}`, arn, token))
		list, _ := page["Versions"].([]any)
		versions += len(list)
		token, _ = page["NextToken"].(string)
	}
	if versions != won+1 {
		t.Errorf("%d versions are on record after one was made and %d updates won", versions, won)
	}
	if lost == 0 {
		t.Errorf("%d updates, and none overlapped", won)
	}
	t.Logf("%d won, %d were told that another was first", won, lost)
}
