package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/integration/meter"
	"licenseguard/shared/license"
)

const (
	// sweptLicenses is over how many licenses the fleet is spread.
	sweptLicenses = 20
	// functionMemory is what the stack gives each function, in MB.
	functionMemory = 256
)

// TestSweep sweeps fleets that did not change, in a process of its own as Lambda
// runs it, over HTTP.
func TestSweep(t *testing.T) {
	b := newBench(t)
	cloud := newEC2Server(t)
	tracker := b.function(cloud.inMemory).Tracker
	for n := range sweptLicenses {
		c := configuration(n, image(n))
		c.CountingType = license.CountInstance
		_, err := tracker.Configure(t.Context(), c, "bench")
		b.must(err)
	}
	out := table{title: fmt.Sprintf("A sweep of a fleet that did not change: %d licenses, every instance licensed", sweptLicenses),
		columns: []string{"instances", "CPU s", "of it SDK decoding", "wall s", "peak MB", "Describe calls", "DynamoDB reads", "read units", "writes"}}
	for _, size := range pick([]int{300}, []int{1_000, 10_000, 100_000}) {
		b.clock.later(time.Hour)
		grow(b, cloud.inMemory, size)
		first := handler.Sweep{Tracker: tracker, Store: tracker.Store.(ledgerStore), Log: slog.New(slog.DiscardHandler), Metrics: io.Discard}
		_, err := first.Handle(t.Context()) // what sweep is to find again
		b.must(err)
		b.clock.later(time.Hour)
		job := childJob{Dynamo: b.endpoint, EC2: cloud.url, Table: b.table, Now: b.clock.now()}
		swept := runChild(t, job)
		job.DecodeOnly = true
		decoded := runChild(t, job)
		writes := meter.Sum(swept.Reading.Calls, "PutItem", "BatchWriteItem", "TransactWriteItems", "UpdateItem", "DeleteItem")
		describes := 0
		for name, n := range swept.Reading.Calls {
			if strings.HasPrefix(name, "Describe") {
				describes += n
			}
		}
		if swept.Instances != size || swept.Changes != 0 || writes != 0 {
			t.Errorf("%d instances: the sweep saw %d, changed %d licenses and wrote %d times; want it to see all and write nothing", size, swept.Instances, swept.Changes, writes)
		}
		if most := (size+999)/1000 + 2; describes > most {
			t.Errorf("%d instances took %d Describe calls, want at most %d: %v", size, describes, most, swept.Reading.Calls)
		}
		out.row(size, swept.CPU.Seconds(), fmt.Sprintf("%s (%.0f %%)", figure(decoded.CPU.Seconds()), 100*decoded.CPU.Seconds()/swept.CPU.Seconds()), swept.Wall.Seconds(), swept.PeakMB, describes,
			meter.Sum(swept.Reading.Calls)-describes, meter.Sum(swept.Reading.Read), writes)
		if full() && size == 100_000 {
			out.note("Decoding alone (the SDK's client, each answer thrown away) peaks at %s MB.", figure(decoded.PeakMB))
		}
	}
	out.note("An instance is %s bytes of XML in answers of 1,000. The function has %d MB; GOMEMLIMIT is not set.", thousands(cloud.instanceSize()), functionMemory)
	out.note("CPU and memory are of the sweeping process alone (getrusage, VmHWM); wall time shares the cores with EC2's stub and DynamoDB Local.")
	out.print()
}

// grow adds instances until there are n: most on their own, one of a hundred on
// a Dedicated Host.
func grow(b *bench, cloud *inMemory, n int) {
	for i := len(cloud.order); i < n; i++ {
		in := license.Instance{
			ID: license.NewResourceID(account, region, newInstanceID()), Type: []string{"m5.large", "r5.xlarge", "c5.2xlarge", "m5.4xlarge"}[i%4], State: license.Running,
			LaunchTime: b.clock.now().Add(-time.Duration(i%5000) * time.Minute).Truncate(time.Second), ImageID: image(i * 7 % sweptLicenses),
			Tenancy: license.TenancyDefault, CPUOptions: license.CPUOptions{Cores: []int64{1, 2, 4, 8}[i%4], ThreadsPerCore: 2}, UsageOperation: "RunInstances",
			Tags: map[string]string{"Name": fmt.Sprintf("database-production-%05d", i), "Environment": "production", "CostCenter": "4711-databases",
				"Backup": "daily-35-days", "PatchGroup": "linux-production-a", "aws:cloudformation:stack-name": "order-management-database"},
		}
		if i%100 == 99 {
			in.Tenancy, in.HostID = license.TenancyDedicatedHost, hostID(i/100%hosts)
		}
		cloud.set(in)
	}
}

const childVariable = "LICENSEGUARD_BENCH_CHILD"

// childJob is what a process is to do, and childResult what it took.
type childJob struct {
	Dynamo, EC2, Table string
	Now                time.Time
	DecodeOnly         bool
}

type childResult struct {
	Instances, Changes int
	CPU, Wall          time.Duration
	PeakMB             float64
	Reading            meter.Reading
}

func runChild(t *testing.T, job childJob) childResult {
	t.Helper()
	data, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(slices.Clone(os.Environ()), childVariable+"="+string(data))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("the sweeping process: %v\n%s", err, stderr.String())
	}
	var r childResult
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("the sweeping process said %q: %v", stdout.String(), err)
	}
	return r
}

// sweepChild is the process that runChild starts.
func sweepChild() int {
	var job childJob
	err := json.Unmarshal([]byte(os.Getenv(childVariable)), &job)
	var r childResult
	if err == nil {
		r, err = job.run()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (j *childJob) run() (r childResult, err error) {
	ctx := context.Background()
	m := &meter.Meter{}
	start := time.Now()
	if j.DecodeOnly {
		r.Instances, err = decodeAll(ctx, ec2Client(j.EC2, m))
	} else {
		b := &bench{table: j.Table, client: dynamoClient(j.Dynamo, m), clock: &clock{}}
		b.clock.ms.Store(j.Now.UnixMilli())
		f := b.function(newCloud(j.EC2, m))
		h := handler.Sweep{Tracker: f.Tracker, Store: f.Tracker.Store.(ledgerStore), Log: slog.New(slog.DiscardHandler), Metrics: io.Discard}
		reports, failed := h.Handle(ctx)
		err = failed
		for _, report := range reports {
			r.Instances, r.Changes = r.Instances+report.Instances, r.Changes+report.Changes
		}
	}
	r.Wall, r.Reading = time.Since(start), m.Take()
	if err == nil {
		r.CPU, r.PeakMB, err = usage()
	}
	return r, err
}
