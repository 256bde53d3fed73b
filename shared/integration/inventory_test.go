package integration_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/integration/localaws"
	"licenseguard/shared/license"
)

// systemsManager answers as Systems Manager does, over its own protocol; moto has
// neither its inventory nor its nodes.
type systemsManager struct {
	mu       sync.Mutex
	software map[string]string // the version of each machine's SQL Server; "" for none
	nodes    map[string]bool
	calls    []string
}

func (s *systemsManager) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *systemsManager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct {
		Filters []struct {
			Key    string
			Values []string
		}
		ResultAttributes []struct{ TypeName string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked := func(id string) bool { // by id, or all nodes
		return len(in.Filters) == 0 || slices.Contains(in.Filters[0].Values, id) || slices.Contains(in.Filters[0].Values, "ManagedInstance") && strings.HasPrefix(id, "mi-")
	}
	s.calls = append(s.calls, r.Header.Get("X-Amz-Target"))
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	var list []string
	if r.Header.Get("X-Amz-Target") == "AmazonSSM.DescribeInstanceInformation" {
		for id := range s.nodes {
			if asked(id) {
				list = append(list, fmt.Sprintf(`{"ActivationId":"5743558d-563b-4457-8682-d16c3EXAMPLE","AgentVersion":"3.2.582.0","ComputerName":"db1.example.com","IPAddress":"192.0.2.1","IamRole":"service-role/x","InstanceId":%q,"IsLatestVersion":true,"LastPingDateTime":%d.123,"PingStatus":"Online","PlatformName":"Ubuntu","PlatformType":"Linux","PlatformVersion":"22.04","RegistrationDate":1760000000.5,"ResourceType":"ManagedInstance","SourceId":%q,"SourceType":"AWS::SSM::ManagedInstance"}`,
					id, time.Now().Unix(), id))
			}
		}
		fmt.Fprintf(w, `{"InstanceInformationList":[%s]}`, strings.Join(list, ","))
		return
	}
	part, content := in.ResultAttributes[0].TypeName, ""
	for id, version := range s.software {
		switch {
		case !asked(id):
			continue
		case part == "AWS:Application" && version != "":
			content = fmt.Sprintf(`{"Architecture":"x86_64","Name":"Amazon SSM Agent","Publisher":"Amazon Web Services","Version":"3.2.582.0"},{"Architecture":"x86_64","InstalledTime":"2026-05-03T13:42:34Z","Name":"Microsoft SQL Server 2019 (64-bit)","PackageId":"{88a60be2-89a1-4df8-812a-80863c2a2b68}","Publisher":"Microsoft Corporation","Version":%q}`, version)
		case part == "AWS:Application":
			content = `{"Architecture":"x86_64","Name":"Amazon SSM Agent","Publisher":"Amazon Web Services","Version":"3.2.582.0"}`
		default:
			content = `{"CPUCores":"4","CPUHyperThreadEnabled":"true","CPUModel":"Intel(R) Xeon(R)","CPUSockets":"1","CPUSpeedMHz":"2300","CPUs":"8","KernelVersion":"5.15","OSServicePack":""}`
		}
		list = append(list, fmt.Sprintf(`{"Id":%q,"Data":{%q:{"CaptureTime":%q,"Content":[%s],"SchemaVersion":"1.1","TypeName":%q}}}`, id, part, time.Now().UTC().Format(time.RFC3339), content, part))
	}
	fmt.Fprintf(w, `{"Entities":[%s]}`, strings.Join(list, ","))
}

// TestSoftwareIsFound follows each event of Systems Manager, as AWS sends it, to the
// position: the shipped track and sweep, over the real SDK.
func TestSoftwareIsFound(t *testing.T) {
	w := newWorld(t)
	const node = "mi-0123456789abcdef0"
	systems := &systemsManager{software: map[string]string{}, nodes: map[string]bool{}}
	server := httptest.NewServer(systems)
	t.Cleanup(server.Close)
	environment := func() map[string]string {
		return map[string]string{config.EnvLedgerTable: table, config.EnvRegion: region, config.EnvAccounts: account, config.EnvDeadLetterQueueURL: w.dead.url,
			"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
			"AWS_ENDPOINT_URL": localaws.Moto(t), "AWS_ENDPOINT_URL_DYNAMODB": localaws.DynamoDB(t), "AWS_ENDPOINT_URL_SSM": server.URL}
	}
	trackFn, sweepFn := start(t, config.FunctionTrack, environment()), start(t, config.FunctionSweep, environment())

	count := int64(100)
	_, err := w.tracker.Configure(t.Context(), license.Configuration{
		ID: licenseID, ARN: "arn:aws:license-manager:" + region + ":" + account + ":license-configuration:" + licenseID, Name: "SQL Server",
		CountingType: license.CountVCPU, Count: &count, DisassociateWhenNotFound: true,
		Products: []license.Product{{ResourceType: license.SSMManaged, Filters: []license.ProductFilter{
			{Name: "Application Name", Comparator: license.BeginsWith, Values: []string{"Microsoft SQL Server"}},
			{Name: "Application Version", Comparator: license.InVersionRange, Values: []string{">=15 <16"}}}}}}, "tester")
	w.must(err)
	instance := w.run(nil)
	expect := func(what string, vcpus int64) {
		t.Helper()
		if got := w.load(licenseID).Totals.Deployed(); got != vcpus {
			t.Fatalf("%s: %d vCPUs, want %d", what, got, vcpus)
		}
	}
	tell := func(name string, replace ...string) {
		t.Helper()
		w.send(sample(t, name, append(replace, "us-east-2", region, "i-02573cafcf0123456", instance)...))
		if given, again := w.deliver(w.intake, trackFn); given != 1 || again != 0 {
			t.Fatalf("%s: %d messages given, %d stay\n%s", name, given, again, trackFn.output)
		}
	}
	why := func(id string) string {
		facts, err := w.store.LoadFacts(t.Context(), []license.ResourceID{license.NewResourceID(account, region, id)})
		w.must(err)
		for _, f := range facts {
			if d, ok := f.Instance.Discovery(licenseID); ok {
				return d.Why
			}
		}
		return "never found"
	}

	systems.set(func() { systems.software[instance] = "15.0.2000.5" })
	tell("ssm/instance-association-state-change/success")
	expect("software on an instance", 2)

	systems.set(func() { systems.software[node], systems.nodes[node] = "15.0.4000.1", true })
	tell("ssm/managed-instance/registered")
	expect("a node is registered", 2+8)

	systems.set(func() { systems.software[instance] = "16.0.1000.6" })
	tell("s3/resource-data-sync/application", "210987654321", account, "eu-central-1", region, node, instance)
	expect("an object of a Resource Data Sync, after an upgrade", 8)
	if got := why(instance); got != "version 16.0.1000.6 is outside the filter" {
		t.Errorf("released, because %q", got)
	}

	systems.set(func() { systems.software[node] = "" })
	tell("ssm/instance-association-state-change/success-node")
	expect("uninstalled on the node", 0)
	if got := why(node); got != "uninstalled" {
		t.Errorf("released, because %q", got)
	}

	systems.set(func() { systems.software[instance] = "15.0.2000.5" })
	tell("ssm/inventory-resource-state-change/put-failed")
	expect("an inventory type has changed", 2)

	systems.set(func() { systems.software[node] = "15.0.4000.1" })
	sweepFn.invoke([]byte("{}"), nil)
	expect("a sweep, with every event lost", 2+8)

	systems.set(func() { delete(systems.nodes, node); delete(systems.software, node) })
	tell("ssm/managed-instance/deregistered")
	expect("the node is deregistered", 2)
	if got := why(node); got != "the node is registered no more" {
		t.Errorf("released, because %q", got)
	}
	t.Logf("%d calls of Systems Manager", len(systems.calls))
}
