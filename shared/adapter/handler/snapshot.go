package handler

import (
	"context"
	"io"
	"log/slog"

	"licenseguard/shared/config"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/telemetry"
)

// Snapshot is the handler of the function snapshot.
type Snapshot struct {
	Snapshotter *snapshot.Snapshotter
	Log         *slog.Logger
	Metrics     io.Writer
}

// Handle writes one snapshot.
func (h *Snapshot) Handle(ctx context.Context) (snapshot.Report, error) {
	r, err := h.Snapshotter.Run(ctx)
	if err != nil {
		h.Log.ErrorContext(ctx, "snapshot not written", "error", err)
		return r, err
	}
	h.Log.InfoContext(ctx, "snapshot written", "licenses", r.Licenses, "resources", r.Resources)
	return r, telemetry.Emit(h.Metrics, h.Snapshotter.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionSnapshot},
		telemetry.Metric{Name: config.MetricSuccess, Unit: "Count", Value: 1})
}
