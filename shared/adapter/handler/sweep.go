package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"licenseguard/shared/config"
	"licenseguard/shared/enforce"
	"licenseguard/shared/ledger"
	"licenseguard/shared/telemetry"
	"licenseguard/shared/track"
)

// Sweep is the handler of the function sweep. The fields that bound a run are those of
// track.Round; without them all is swept, one account and Region after the other.
type Sweep struct {
	Tracker *track.Tracker
	Store   ledger.Store
	Log     *slog.Logger
	Metrics io.Writer

	Workers                int
	Fresh, Timeout, Margin time.Duration
}

// SweepRequest is what a person asks for. The schedule asks for nothing: what is not fresh
// is swept.
type SweepRequest struct {
	Since  time.Time `json:"since,omitzero"`  // sweep what was not swept since, fresh or not
	Within int       `json:"within,omitzero"` // seconds, after which nothing more is begun
}

// SweepAnswer tells what a run swept, and how many accounts and Regions it left for the next.
type SweepAnswer struct {
	Reports []track.SweepReport
	Left    int
}

// Handle sweeps what the schedule asks for.
func (h *Sweep) Handle(ctx context.Context) ([]track.SweepReport, error) {
	answer, err := h.Run(ctx, SweepRequest{})
	return answer.Reports, err
}

// Run sweeps account by account and Region by Region. One that fails leaves the others,
// and the invocation fails at the end, so that the alarm sees it; one that cannot be
// reached is reported and no failure, unless nothing else was swept. A person is
// told in the answer.
func (h *Sweep) Run(ctx context.Context, r SweepRequest) (SweepAnswer, error) {
	round := &track.Round{Tracker: h.Tracker, Workers: h.Workers, Fresh: h.Fresh, Timeout: h.Timeout, Margin: h.Margin,
		Swept: func(r track.Result, n, of int) { h.log(ctx, &r, n, of) }}
	if end, ends := ctx.Deadline(); ends && r.Within > 0 {
		round.Margin = max(round.Margin, time.Until(end)-time.Duration(r.Within)*time.Second)
	}
	results, left, err := round.Run(ctx, r.Since)
	if err != nil {
		return SweepAnswer{}, err
	}
	answer := SweepAnswer{Reports: make([]track.SweepReport, len(results)), Left: left}
	var failed []error
	for i := range results {
		answer.Reports[i] = results[i].SweepReport
		if results[i].Err != nil && r.Since.IsZero() {
			failed = append(failed, results[i].Err)
		}
	}
	if unreachable(results) < len(results) {
		failed = seriously(failed)
	}
	failed = append(failed, enforce.Recover(ctx, h.Store, &ledger.BrakesCommitter{Store: h.Store, Now: h.Tracker.Now, Wait: h.Tracker.Backoff}, corrected(results)))
	err = errors.Join(failed...)
	return answer, errors.Join(err, h.measure(results, left, err == nil))
}

func (h *Sweep) log(ctx context.Context, r *track.Result, n, of int) {
	log := h.Log.With("account", r.Account, "region", r.Region, "n", n, "of", of)
	if r.Err != nil {
		log.ErrorContext(ctx, "sweep failed", "error", r.Err, "unreachable", r.Unreachable)
		return
	}
	log.InfoContext(ctx, "swept", "instances", r.Instances, "databases", r.Databases, "nodes", r.Nodes, "findings", r.Findings, "changes", r.Changes, "released", r.Released, "drift", r.Drift.Total(), "took", r.Took.String())
}

func unreachable(results []track.Result) (n int) {
	for i := range results {
		if results[i].Unreachable {
			n++
		}
	}
	return n
}

// seriously leaves out what is only unreachable.
func seriously(failed []error) (out []error) {
	for _, err := range failed {
		if !errors.Is(err, track.ErrUnreachable) {
			out = append(out, err)
		}
	}
	return out
}

// corrected sums up by account what was swept completely.
func corrected(results []track.Result) (swept []enforce.Swept) {
	at := make(map[string]int)
	for i := range results {
		r := &results[i]
		if r.Err != nil {
			continue
		}
		j, ok := at[r.Account]
		if !ok {
			j, at[r.Account] = len(swept), len(swept)
			swept = append(swept, enforce.Swept{Account: r.Account})
		}
		swept[j].Corrected += r.Changes
	}
	return swept
}

// measure writes the metrics. A run that failed counts no success.
func (h *Sweep) measure(results []track.Result, left int, success bool) error {
	var changes, lost int
	for i := range results {
		changes += results[i].Changes
		if r := &results[i]; r.Err == nil && !r.First {
			lost += r.Drift.Total()
		}
	}
	count := func(name string, n int) telemetry.Metric {
		return telemetry.Metric{Name: name, Unit: "Count", Value: float64(n)}
	}
	metrics := []telemetry.Metric{count(config.MetricDrift, changes), count(config.MetricLostEvents, lost),
		count(config.MetricUnreachable, unreachable(results)), count(config.MetricUnswept, left)}
	if success {
		metrics = append(metrics, count(config.MetricSuccess, 1))
	}
	return telemetry.Emit(h.Metrics, h.Tracker.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionSweep}, metrics...)
}
