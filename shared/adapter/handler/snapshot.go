package handler

import (
	"context"
	"errors"
	"io"
	"log/slog"

	"licenseguard/shared/config"
	"licenseguard/shared/report"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
)

// Snapshot is the handler of the function snapshot.
type Snapshot struct {
	Snapshotter *snapshot.Snapshotter
	Reports     *report.Maker
	Log         *slog.Logger
	Metrics     io.Writer
}

// Handle writes one snapshot, and the reports that are due. Neither waits for the
// other's success; if one fails, the invocation does, and the alarm tells.
func (h *Snapshot) Handle(ctx context.Context) (snapshot.Report, error) {
	r, err := h.Snapshotter.Run(ctx)
	if err != nil {
		h.Log.ErrorContext(ctx, "snapshot not written", "error", err)
	} else {
		h.Log.InfoContext(ctx, "snapshot written", "licenses", r.Licenses, "resources", r.Resources)
	}
	made, failed := h.Reports.Run(ctx)
	if failed != nil {
		h.Log.ErrorContext(ctx, "reports not made", "error", failed)
	}
	if made > 0 {
		h.Log.InfoContext(ctx, "reports made", "reports", made)
	}
	if err := errors.Join(err, failed); err != nil {
		return r, err
	}
	return r, telemetry.Emit(h.Metrics, h.Snapshotter.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionSnapshot},
		telemetry.Metric{Name: config.MetricSuccess, Unit: "Count", Value: 1})
}
