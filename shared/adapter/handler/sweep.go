package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
)

// Sweep is the handler of the function sweep.
type Sweep struct {
	Tracker *track.Tracker
	Store   ledger.Store
	Log     *slog.Logger
	Metrics io.Writer
}

// Handle sweeps each account. One that fails leaves the others, and the
// invocation fails at the end, so that Lambda tries again and the alarm sees it.
func (h *Sweep) Handle(ctx context.Context) ([]track.SweepReport, error) {
	var reports []track.SweepReport
	var failed []error
	var swept []enforce.Swept
	changes := 0
	tracker := h.Tracker.Squad(1)[0]
	for _, s := range h.Tracker.Scopes() {
		r, err := tracker.Sweep(ctx, s)
		if err != nil {
			h.Log.ErrorContext(ctx, "sweep failed", "account", s.Account, "region", s.Region, "error", err)
			failed = append(failed, err)
		} else {
			swept = append(swept, enforce.Swept{Account: s.Account, Corrected: r.Changes})
		}
		changes += r.Changes
		reports = append(reports, r)
		h.Log.InfoContext(ctx, "swept", "account", s.Account, "region", s.Region, "instances", r.Instances, "changes", r.Changes, "released", r.Released, "took", r.Took.String())
	}
	failed = append(failed, enforce.Recover(ctx, h.Store, &ledger.BrakesCommitter{Store: h.Store, Now: h.Tracker.Now, Wait: h.Tracker.Backoff}, swept))
	if err := errors.Join(failed...); err != nil {
		return reports, err
	}
	return reports, telemetry.Emit(h.Metrics, h.Tracker.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionSweep},
		telemetry.Metric{Name: config.MetricSuccess, Unit: "Count", Value: 1},
		telemetry.Metric{Name: config.MetricDrift, Unit: "Count", Value: float64(changes)})
}
