package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/boltledger"
	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/catalog"
	"licenseguard/shared/config"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// cloud lists nothing, or fails, account by account.
type cloud map[string]error

func (c cloud) EachInstances(_ context.Context, s track.Scope, _ func([]license.Instance) error) error {
	return c[s.Account]
}

func (cloud) Instances(context.Context, track.Scope, []string) ([]license.Instance, error) {
	return nil, nil
}

func (cloud) Hosts(context.Context, track.Scope, []string) ([]license.Host, error) { return nil, nil }

func (cloud) InstanceTypes(context.Context, track.Scope, []string) ([]license.InstanceType, error) {
	return nil, nil
}

func (cloud) Images(context.Context, track.Scope, []string) ([]track.Image, error) { return nil, nil }

// TestWhichSweepsFail: an account that lets nobody in is reported, and fails the invocation
// only where nothing else was swept; any other failure does, so that the alarm sees it. A person
// gets it in the answer.
func TestWhichSweepsFail(t *testing.T) {
	t.Parallel()
	const hub, spoke = "111111111111", "222222222222"
	closed, fault := fmt.Errorf("take the role: %w", track.ErrUnreachable), fmt.Errorf("EC2 is down")
	for name, tt := range map[string]struct {
		cloud       cloud
		person      bool
		fails       bool
		unreachable float64
	}{
		"all is well":             {cloud{}, false, false, 0},
		"one is closed":           {cloud{spoke: closed}, false, false, 1},
		"all are closed":          {cloud{hub: closed, spoke: closed}, false, true, 2},
		"one fails":               {cloud{spoke: fault}, false, true, 0},
		"one fails, one closed":   {cloud{hub: closed, spoke: fault}, false, true, 1},
		"a person sees it fail":   {cloud{spoke: fault}, true, false, 0},
		"a person sees it closed": {cloud{hub: closed, spoke: closed}, true, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := boltledger.Open(filepath.Join(t.TempDir(), "ledger.db"), boltledger.Options{Volatile: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			var metrics bytes.Buffer
			h := handler.Sweep{Store: store, Log: slog.New(slog.DiscardHandler), Metrics: &metrics, Workers: 2, Tracker: &track.Tracker{Store: store, Documents: store, Observer: tt.cloud,
				Catalog: catalog.Embedded(), Accounts: []string{hub, spoke}, Regions: []string{"us-east-1"}, Now: time.Now, Log: slog.New(slog.DiscardHandler)}}
			var request handler.SweepRequest
			if tt.person {
				request.Since = time.Now()
			}
			answer, err := h.Run(t.Context(), request)
			if (err != nil) != tt.fails || len(answer.Reports) != 2 || answer.Left != 0 {
				t.Errorf("answer %+v, %v; want it to fail: %v", answer, err, tt.fails)
			}
			for _, r := range answer.Reports {
				if want := tt.cloud[r.Account]; (want != nil) != (r.Error != "") || want != nil && !strings.Contains(r.Error, want.Error()) {
					t.Errorf("report %+v, want %v", r, want)
				}
			}
			var emitted map[string]any
			if err := json.Unmarshal(metrics.Bytes(), &emitted); err != nil {
				t.Fatalf("%v: %s", err, metrics.String())
			}
			if _, success := emitted[config.MetricSuccess]; success == tt.fails || emitted[config.MetricUnreachable] != tt.unreachable || emitted[config.MetricLostEvents] != 0.0 {
				t.Errorf("metrics %s", metrics.String())
			}
		})
	}
}
