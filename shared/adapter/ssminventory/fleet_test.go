package ssminventory_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/ssminventory"
	"licenseguard/shared/catalog"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// fleet answers for 5,000 nodes, 50 a call, and counts calls by type.
type fleet struct {
	version string // of the software on all but the first ten nodes
	few     string // on those; "": none
	at      time.Time
	calls   map[string]int
}

func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct {
		NextToken        string
		ResultAttributes []struct{ TypeName string }
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	page, part, list := 0, "nodes", "InstanceInformationList"
	_, _ = fmt.Sscanf(in.NextToken, "page-%d", &page)
	if len(in.ResultAttributes) > 0 {
		part, list = in.ResultAttributes[0].TypeName, "Entities"
	}
	f.calls[part]++
	var all []string
	for i := range 50 {
		id, version := fmt.Sprintf("mi-%017x", page*50+i), f.version
		if page*50+i < 10 {
			version = f.few
		}
		content := `{"CPUs":"8","CPUCores":"4","CPUSockets":"1"}`
		if part == "AWS:Application" {
			content = `{"Name":"Amazon SSM Agent","Version":"3.2"}`
			if version != "" {
				content += fmt.Sprintf(`,{"Name":"SQL Server 2019","Version":%q}`, version)
			}
		}
		if part == "nodes" {
			all = append(all, fmt.Sprintf(`{"InstanceId":%q,"LastPingDateTime":%d,"RegistrationDate":1760000000,"ResourceType":"ManagedInstance"}`, id, f.at.Unix()))
		} else {
			all = append(all, fmt.Sprintf(`{"Id":%q,"Data":{%q:{"CaptureTime":%q,"Content":[%s],"SchemaVersion":"1.1"}}}`, id, part, f.at.Format(time.RFC3339), content))
		}
	}
	token := ""
	if page < 99 {
		token = fmt.Sprintf("page-%d", page+1)
	}
	fmt.Fprintf(w, `{%q:[%s],"NextToken":%q}`, list, strings.Join(all, ","), token)
}

// TestFleetIsFound: 5,000 nodes from the wire to the position, by at most 110 calls for
// each type; what is upgraded out of the filter and uninstalled is released, with its
// reason, and an hour in which nothing changes commits nothing.
func TestFleetIsFound(t *testing.T) {
	store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	f := &fleet{version: "15.0.2000.5", few: "15.0.2000.5", calls: map[string]int{}}
	web := httptest.NewServer(f)
	t.Cleanup(web.Close)
	client := ssm.New(ssm.Options{Region: scope.Region, BaseEndpoint: aws.String(web.URL), Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	tracker := &track.Tracker{Store: store, Inventories: ssminventory.New(client), Catalog: catalog.Embedded(), Accounts: []string{scope.Account}, Regions: []string{scope.Region},
		Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)}
	count := int64(100_000)
	if _, err := tracker.Configure(t.Context(), license.Configuration{ID: "lic-a", Name: "SQL", CountingType: license.CountVCPU, Count: &count, DisassociateWhenNotFound: true,
		Products: []license.Product{{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{
			{Name: "Application Name", Comparator: license.BeginsWith, Values: []string{"SQL Server"}},
			{Name: "Application Version", Comparator: license.InVersionRange, Values: []string{">=15 <16"}}}}}}, "test"); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what, few string
		want      int64
		why       string // of the first node
		changes   bool
	}{
		{"installed", "15.0.2000.5", 40_000, "", true},
		{"the same", "15.0.2000.5", 40_000, "", false},
		{"ten are upgraded", "16.0.1000.6", 39_920, "version 16.0.1000.6 is outside the filter", true},
		{"ten are back", "15.0.4000.1", 40_000, "", true},
		{"ten are uninstalled", "", 39_920, "uninstalled", true},
	} {
		now = now.Add(time.Hour)
		f.few, f.at = step.few, now
		clear(f.calls)
		began := time.Now()
		r, err := tracker.SweepInventory(t.Context(), scope)
		if err != nil {
			t.Fatal(err)
		}
		l, err := store.Load(t.Context(), "lic-a")
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Totals.Deployed(); got != step.want || r.Nodes != 5000 || r.Findings != 0 || (r.Changes > 0) != step.changes {
			t.Errorf("%s: %d vCPUs, want %d; %+v", step.what, got, step.want, r)
		}
		for part, calls := range f.calls {
			if calls > 110 {
				t.Errorf("%s: %d calls for %s", step.what, calls, part)
			}
		}
		id := license.NewResourceID(scope.Account, scope.Region, fmt.Sprintf("mi-%017x", 0))
		facts, err := store.LoadFacts(t.Context(), []license.ResourceID{id})
		if err != nil || len(facts[id].Instance.Discoveries) != 1 || facts[id].Instance.Discoveries[0].Why != step.why {
			t.Errorf("%s: %+v, %v", step.what, facts[id].Instance.Discoveries, err)
		}
		t.Logf("%s: %d nodes, %d vCPUs, %d commits, calls %v, %s", step.what, r.Nodes, l.Totals.Deployed(), r.Changes, f.calls, time.Since(began).Round(time.Millisecond))
	}
}
