package ssminventory_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"licenseguard/shared/adapter/ssminventory"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

var scope = track.Scope{Account: "123456789012", Region: "us-east-1"}

var applications = track.Reading{Part: license.PartApplications, Keep: func(a license.Application) bool { return strings.HasPrefix(a.Name, "SQL Server") }}

// server answers the calls of one operation in order, the last again and again.
type server struct {
	t       *testing.T
	mu      sync.Mutex
	asked   []map[string]any // by operation's name under "operation"
	answers []func(w io.Writer)
	status  []int
}

func (s *server) client(t *testing.T) *ssminventory.Systems {
	t.Helper()
	s.t = t
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return ssminventory.New(ssm.New(ssm.Options{Region: scope.Region, BaseEndpoint: aws.String(web.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
		Retryer: noWait{aws.NopRetryer{}}}))
}

// noWait tries again what was throttled, at once.
type noWait struct{ aws.NopRetryer }

func (noWait) IsErrorRetryable(err error) bool {
	return strings.Contains(err.Error(), "Throttling") || strings.Contains(err.Error(), "unexpected EOF")
}
func (noWait) MaxAttempts() int                             { return 4 }
func (noWait) RetryDelay(int, error) (time.Duration, error) { return 0, nil }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		s.t.Error(err)
	}
	asked["operation"] = r.Header.Get("X-Amz-Target")
	n := len(s.asked)
	s.asked = append(s.asked, asked)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if n < len(s.status) && s.status[n] != 0 {
		w.WriteHeader(s.status[n])
	}
	s.answers[min(n, len(s.answers)-1)](w)
}

func says(text string) func(io.Writer) { return func(w io.Writer) { _, _ = io.WriteString(w, text) } }

// recorded is an answer as the service sends it (AWS CLI reference, get-inventory).
const recorded = `{"Entities":[{"Id":"i-0cb2b964d3e14fd9f","Data":{"AWS:Application":{"Content":[
 {"Architecture":"x86_64","Name":"SQL Server 2019 Database Engine","PackageId":"{88a60be2-89a1-4df8-812a-80863c2a2b68}","Publisher":"Microsoft Corporation","Version":"15.0.2000.5"},
 {"Architecture":"i386","Name":"Amazon SSM Agent","Publisher":"Amazon Web Services","Version":"2.3.274.0"}],
 "TypeName":"AWS:Application","SchemaVersion":"1.1","CaptureTime":"2019-02-15T12:17:55Z"}}},
 {"Id":"mi-0123456789abcdef0","Data":{"AWS:Application":{"CaptureTime":"2019-02-15T12:17:56Z","SchemaVersion":"1.1","TypeName":"AWS:Application","Content":[]}}},
 {"Id":"i-0aaaaaaaaaaaaaaa1","Data":{}}],"NextToken":""}`

func TestInventory(t *testing.T) {
	t.Parallel()
	s := &server{answers: []func(io.Writer){says(recorded)}}
	got, err := s.client(t).Inventory(t.Context(), scope, applications, []string{"i-0cb2b964d3e14fd9f", "mi-0123456789abcdef0", "i-0aaaaaaaaaaaaaaa1", "*"})
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if a := got[0].Applications; len(a) != 1 || a[0] != (license.Application{Name: "SQL Server 2019 Database Engine", Publisher: "Microsoft Corporation", Version: "15.0.2000.5"}) {
		t.Errorf("%+v", a)
	}
	if got[0].ID != "123456789012/us-east-1/i-0cb2b964d3e14fd9f" || !got[0].Captured[license.PartApplications].Equal(time.Date(2019, 2, 15, 12, 17, 55, 0, time.UTC)) || len(got[0].Problems) != 0 {
		t.Errorf("%+v", got[0])
	}
	if _, read := got[1].Captured[license.PartApplications]; !read || len(got[1].Applications) != 0 {
		t.Errorf("%+v: it lists no software, and that is known", got[1])
	}
	want := `{"Filters":[{"Key":"AWS:InstanceInformation.InstanceId","Type":"Equal","Values":["i-0cb2b964d3e14fd9f","mi-0123456789abcdef0","i-0aaaaaaaaaaaaaaa1"]}],"MaxResults":50,"ResultAttributes":[{"TypeName":"AWS:Application"}],"operation":"AmazonSSM.GetInventory"}`
	if asked, _ := json.Marshal(s.asked[0]); string(asked) != want || len(s.asked) != 1 {
		t.Errorf("asked\n%s, want\n%s", asked, want)
	}
}

func TestOtherParts(t *testing.T) {
	t.Parallel()
	tests := map[license.InventoryPart]struct {
		content string
		want    func(license.Inventory) bool
	}{
		license.PartMachine: {`{"PlatformName":"Ubuntu","PlatformType":"Linux","InstanceStatus":"Active"}`, func(i license.Inventory) bool { return i.PlatformName == "Ubuntu" && i.PlatformType == "Linux" }},
		license.PartGuest:   {`{"CPUs":"64","CPUCores":"32","CPUSockets":"2","CPUHyperThreadEnabled":"true"}`, func(i license.Inventory) bool { return i.Guest == license.Guest{CPUs: "64", Cores: "32", Sockets: "2"} }},
		license.PartTags:    {`{"Key":"Environment","Value":"dev"},{"Key":"Owner","Value":"x"}`, func(i license.Inventory) bool { return i.Tags["Environment"] == "dev" && len(i.Tags) == 2 }},
	}
	for part, tt := range tests {
		s := &server{answers: []func(io.Writer){says(fmt.Sprintf(`{"Entities":[{"Id":"mi-0123456789abcdef0","Data":{%q:{"Content":[%s],"SchemaVersion":"1.0","CaptureTime":"2026-11-20T09:00:00Z"}}}]}`, part, tt.content))}}
		got, err := s.client(t).Inventory(t.Context(), scope, track.Reading{Part: part, Nodes: true}, []string{"mi-0123456789abcdef0"})
		if err != nil || len(got) != 1 || !tt.want(got[0]) || len(got[0].Problems) != 0 {
			t.Errorf("%s: %+v, %v", part, got, err)
		}
	}
}

// TestOddInventories: what is not as documented is a problem of its machine, and not
// read; the machine beside it is.
func TestOddInventories(t *testing.T) {
	t.Parallel()
	const good = `{"Id":"mi-0fedcba9876543210","Data":{"AWS:Application":{"Content":[{"Name":"SQL Server"}],"SchemaVersion":"1.1","CaptureTime":"2026-11-20T09:00:00Z"}}}`
	item := func(content, schema, captured string) string {
		return fmt.Sprintf(`{"Id":"mi-0123456789abcdef0","Data":{"AWS:Application":{"Content":%s,"SchemaVersion":%s,"CaptureTime":%s}}}`, content, schema, captured)
	}
	const entry, schema, captured = `[{"Name":"SQL Server"}]`, `"1.1"`, `"2026-11-20T09:00:00Z"`
	tests := []struct {
		name, entity string
		read         bool
		problem      string // of the machine
		fails        string // the whole answer
	}{
		{"as it should be", item(entry, schema, captured), true, "", ""},
		{"a later minor version", item(entry, `"1.9"`, captured), true, "", ""},
		{"a foreign schema version", item(entry, `"2.0"`, captured), false, `schema version "2.0" is not one`, ""},
		{"no schema version", item(entry, `null`, captured), false, "schema version", ""},
		{"a schema version of a number", item(entry, `1.1`, captured), false, "schema version", ""},
		{"no time", item(entry, schema, `""`), false, "capture time", ""},
		{"a time of yesterday", item(entry, schema, `"yesterday"`), false, "capture time", ""},
		{"content of a text", item(`"all of it"`, schema, captured), false, "its content is not a list of entries", ""},
		{"no content", strings.Replace(item(entry, schema, captured), "Content", "Contents", 1), false, "its content is not a list", ""},
		{"entries of texts", item(`["a",{"b":1},[[]],null,{"Name":"SQL Server"}]`, schema, captured), false, "its content is not a list of entries", ""},
		{"fields of other kinds", item(`[{"Name":["x"],"Version":{"a":{"b":1}},"Publisher":7},{"Name":"SQL Server"}]`, schema, captured), true, "fields are not texts", ""},
		{"control characters", item(`[{"Name":"SQL Server\u0000\u001b[2J\u202e"}]`, schema, captured), true, "names hold control characters", ""},
		{"another type beside it", strings.Replace(item(entry, schema, captured), `"Data":{`, `"Data":{"Custom:X":{"Content":[{"Name":"SQL Server"}],"SchemaVersion":"1.0"},`, 1), true, "", ""},
		{"no machine", strings.Replace(item(entry, schema, captured), "mi-0123456789abcdef0", "../../etc", 1), false, "", ""},
		{"no object", `7`, false, "", ""},
		{"depth", item(`[{"Name":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}]`, schema, captured), false, "", "not in the documented form"},
		{"an endless number", item(`[{"Name":`+strings.Repeat("1", 1000)+`}]`, schema, captured), false, "", "not in the documented form"},
		{"no JSON", strings.Repeat("<html>", 20), false, "", "not in the documented form"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &server{answers: []func(io.Writer){says(`{"Entities":[` + tt.entity + `,` + good + `]}`)}}
			got, err := s.client(t).Inventory(t.Context(), scope, applications, []string{"mi-0123456789abcdef0", "mi-0fedcba9876543210"})
			if tt.fails != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fails) || len(s.asked) != 1 {
					t.Fatalf("%v after %d calls, want %q after one", err, len(s.asked), tt.fails)
				}
				return
			}
			if err != nil || len(got) == 0 || len(got[len(got)-1].Applications) != 1 {
				t.Fatalf("%+v, %v", got, err)
			}
			if len(got) == 1 {
				if tt.read || tt.problem != "" {
					t.Errorf("nothing of the machine")
				}
				return
			}
			_, read := got[0].Captured[license.PartApplications]
			if read != tt.read || !strings.Contains(strings.Join(got[0].Problems, "\n"), tt.problem) || (tt.problem == "") != (len(got[0].Problems) == 0) || !read && len(got[0].Applications) > 0 {
				t.Errorf("%+v, want read %t, %q", got[0], tt.read, tt.problem)
			}
		})
	}
}

// TestFleet: 5,000 machines are read with at most 110 calls for each type, and 5,000
// nodes listed with as many.
func TestFleet(t *testing.T) {
	t.Parallel()
	const fleet = 5000
	page := func(w io.Writer, n int, one func(id string) string, list string) {
		fmt.Fprintf(w, `{%q:[`, list)
		for i := range 50 {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = io.WriteString(w, one(fmt.Sprintf("mi-%017x", n*50+i)))
		}
		_, _ = io.WriteString(w, "]")
		if n < fleet/50-1 {
			fmt.Fprintf(w, `,"NextToken":"page-%d"`, n+1)
		}
		_, _ = io.WriteString(w, "}")
	}
	s := &server{}
	for n := range fleet / 50 {
		s.answers = append(s.answers, func(w io.Writer) {
			page(w, n, func(id string) string {
				return fmt.Sprintf(`{"Id":%q,"Data":{"AWS:Application":{"Content":[%s{"Name":"SQL Server 2019","Version":"15.0"}],"SchemaVersion":"1.1","CaptureTime":"2026-11-20T09:00:00Z"}}}`,
					id, strings.Repeat(`{"Name":"package","Version":"1.0","Publisher":"","Summary":"a library","InstalledTime":"2026-01-01T00:00:00Z"},`, 100))
			}, "Entities")
		})
	}
	seen := map[license.ResourceID]bool{}
	if err := s.client(t).EachInventory(t.Context(), scope, applications, func(page []license.Inventory) error {
		for _, i := range page {
			seen[i.ID] = len(i.Applications) == 1
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != fleet || len(s.asked) > 110 || s.asked[1]["NextToken"] != "page-1" {
		t.Errorf("%d machines by %d calls", len(seen), len(s.asked))
	}
	t.Logf("%d machines by %d calls of GetInventory", len(seen), len(s.asked))

	s = &server{}
	for n := range fleet / 50 {
		s.answers = append(s.answers, func(w io.Writer) {
			page(w, n, func(id string) string {
				return fmt.Sprintf(`{"InstanceId":%q,"PingStatus":"Online","LastPingDateTime":1763629200.123,"RegistrationDate":1760000000.5,"PlatformType":"Linux","ResourceType":"ManagedInstance"}`, id)
			}, "InstanceInformationList")
		})
	}
	nodes := 0
	if err := s.client(t).EachNode(t.Context(), scope, func(page []track.Node) error { nodes += len(page); return nil }); err != nil {
		t.Fatal(err)
	}
	if nodes != fleet || len(s.asked) > 110 {
		t.Errorf("%d nodes by %d calls", nodes, len(s.asked))
	}
	t.Logf("%d nodes by %d calls of DescribeInstanceInformation", nodes, len(s.asked))
}

// TestHostileAnswer: what a machine lists does not make memory grow, however much of it
// and however written.
func TestHostileAnswer(t *testing.T) {
	const size = 10 << 20
	tests := map[string]func(w io.Writer){
		"many applications": func(w io.Writer) {
			for i := 0; i < size; i += 100 {
				fmt.Fprintf(w, `{"Name":"package %078d","Version":"1"},`, i)
			}
		},
		"many that are asked for": func(w io.Writer) {
			for i := 0; i < size; i += 100 {
				fmt.Fprintf(w, `{"Name":"SQL Server %075d","Version":"1"},`, i)
			}
		},
		"one endless name": func(w io.Writer) {
			_, _ = io.WriteString(w, `{"Name":"`)
			for i := 0; i < size; i += 1000 {
				_, _ = io.WriteString(w, strings.Repeat(`\u0000\"`, 125))
			}
			_, _ = io.WriteString(w, `"},`)
		},
		"one application of endless fields": func(w io.Writer) {
			_, _ = io.WriteString(w, `{`)
			for i := 0; i < size; i += 20 {
				fmt.Fprintf(w, `"k%08d":"value",`, i)
			}
			_, _ = io.WriteString(w, `"Name":"x"},`)
		},
	}
	for name, hostile := range tests {
		t.Run(name, func(t *testing.T) {
			s := &server{answers: []func(io.Writer){func(w io.Writer) {
				_, _ = io.WriteString(w, `{"Entities":[{"Id":"mi-0123456789abcdef0","Data":{"AWS:Application":{"SchemaVersion":"1.1","CaptureTime":"2026-11-20T09:00:00Z","Content":[`)
				hostile(w)
				_, _ = io.WriteString(w, `{"Name":"SQL Server 2019","Version":"15.0"}]}}}]}`)
			}}}
			client := s.client(t)
			stop, peak := make(chan bool), make(chan uint64)
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			go watch(stop, peak)
			got, err := client.Inventory(context.Background(), scope, applications, []string{"mi-0123456789abcdef0"})
			close(stop)
			grown := (int64(<-peak) - int64(before.HeapInuse)) >> 20
			t.Logf("10 MB: the heap grew by at most %d MB, %d applications kept, problems %q", grown, len(got[0].Applications), got[0].Problems)
			if err != nil || len(got) != 1 || len(got[0].Applications) == 0 || len(got[0].Applications) > 2000 {
				t.Fatalf("%v", err)
			}
			if grown > 16 {
				t.Errorf("the heap grew by %d MB", grown)
			}
			if found := slices.Contains(got[0].Applications, license.Application{Name: "SQL Server 2019", Version: "15.0"}); found == got[0].Cut {
				t.Errorf("found %t, cut %t", found, got[0].Cut)
			}
		})
	}
}

// watch follows the heap until it is stopped.
func watch(stop <-chan bool, peak chan<- uint64) {
	var highest uint64
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		highest = max(highest, m.HeapInuse)
		select {
		case <-stop:
			peak <- highest
			return
		case <-time.After(time.Millisecond):
		}
	}
}

func TestThrottledAndBroken(t *testing.T) {
	t.Parallel()
	s := &server{status: []int{400, 0}, answers: []func(io.Writer){
		says(`{"__type":"ThrottlingException","message":"Rate exceeded"}`),
		says(recorded[:300]), // the connection ends within
		says(recorded),
	}}
	got, err := s.client(t).Inventory(t.Context(), scope, applications, []string{"i-0cb2b964d3e14fd9f"})
	if err != nil || len(got) != 1 || len(s.asked) != 3 {
		t.Errorf("%+v, %v after %d calls", got, err, len(s.asked))
	}
	s = &server{status: []int{400}, answers: []func(io.Writer){says(`{"__type":"AccessDeniedException","message":"no"}`)}}
	if _, err := s.client(t).Inventory(t.Context(), scope, applications, []string{"i-0cb2b964d3e14fd9f"}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("%v", err)
	}
}

func TestEndlessPages(t *testing.T) {
	t.Parallel()
	s := &server{answers: []func(io.Writer){says(`{"Entities":[],"NextToken":"again"}`)}}
	err := s.client(t).EachInventory(t.Context(), scope, applications, func([]license.Inventory) error { return nil })
	if err == nil || len(s.asked) != 2 {
		t.Errorf("%v after %d calls", err, len(s.asked))
	}
}

func TestNodes(t *testing.T) {
	t.Parallel()
	const list = `{"InstanceInformationList":[
	 {"InstanceId":"mi-0123456789abcdef0","PingStatus":"ConnectionLost","LastPingDateTime":1763629200.123,"RegistrationDate":1760000000.5,"ResourceType":"ManagedInstance","ComputerName":"x"},
	 {"InstanceId":"i-0123456789abcdef0","ResourceType":"EC2Instance"}]}`
	s := &server{answers: []func(io.Writer){says(list)}}
	got, err := s.client(t).Nodes(t.Context(), scope, []string{"mi-0123456789abcdef0", "i-0123456789abcdef0"})
	if err != nil || len(got) != 1 || !got[0].LastPing.Equal(time.UnixMilli(1763629200123)) || !got[0].Registered.Equal(time.UnixMilli(1760000000500)) {
		t.Errorf("%+v, %v", got, err)
	}

	s = &server{answers: []func(io.Writer){says(`{"InstanceInformationList":[{"InstanceId":"` + strings.Repeat("m", 5<<20) + `"}]}`)}}
	if got, err := s.client(t).Nodes(t.Context(), scope, []string{"mi-0123456789abcdef0"}); err == nil || len(s.asked) != 1 {
		t.Errorf("%d nodes of 5 MB, %v", len(got), err)
	}

	// Should an id that is not registered fail the call, the others are found all the same.
	s = &server{status: []int{400, 400}, answers: []func(io.Writer){says(`{"__type":"InvalidInstanceId","message":"no"}`), says(`{"__type":"InvalidInstanceId","message":"no"}`), says(list)}}
	got, err = s.client(t).Nodes(t.Context(), scope, []string{"mi-0fedcba9876543210", "mi-0123456789abcdef0"})
	if err != nil || len(got) != 1 || len(s.asked) != 3 {
		t.Errorf("%+v, %v after %d calls", got, err, len(s.asked))
	}
}
