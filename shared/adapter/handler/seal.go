package handler

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"licenseguard/shared/compact"
	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/publish"
	"licenseguard/shared/telemetry"
)

// SealMargin is how long after midnight (UTC) a day counts as over: what the stream
// still held is written by then, and what is later goes into the next manifest.
const SealMargin = time.Hour

// kindHead is the kind of the message that tells a head, for the filters of
// subscriptions.
const kindHead = "evidence-head"

// Seal is the handler of the function seal.
type Seal struct {
	Sealer  *evidence.Sealer
	Compact *compact.Compactor
	Topic   publish.Topic // gets a head a week
	Bucket  string        // named in the mail
	Log     *slog.Logger
	Metrics io.Writer
}

// Handle seals what is over, and tells the heads: each to the log, to which the
// function's role may add and nothing else, and that of the first day and of each
// Sunday to people. A mail that is lost is not sent again; the log has the head. Then it
// compacts what it sealed, and what it could not compact before.
func (h *Seal) Handle(ctx context.Context) ([]evidence.Sealed, error) {
	sealed, err := h.seal(ctx)
	if compactErr := h.compact(ctx); err == nil {
		err = compactErr
	}
	if err != nil {
		return sealed, err
	}
	return sealed, telemetry.Emit(h.Metrics, h.Sealer.Now(), config.MetricNamespace, map[string]string{config.DimensionFunction: config.FunctionSeal},
		telemetry.Metric{Name: config.MetricSuccess, Unit: "Count", Value: 1})
}

// compact fails after it has done what it can.
func (h *Seal) compact(ctx context.Context) error {
	done, err := h.Compact.Run(ctx)
	for _, m := range done {
		h.Log.InfoContext(ctx, "day compacted", "day", m.Day, "rows", m.Rows, "sources", m.Sources, "files", len(m.Files))
	}
	if err != nil {
		h.Log.ErrorContext(ctx, "change log not compacted", "error", err)
	}
	return err
}

func (h *Seal) seal(ctx context.Context) ([]evidence.Sealed, error) {
	sealed, err := h.Sealer.Run(ctx)
	for _, s := range sealed {
		h.Log.InfoContext(ctx, "day sealed", "day", s.Day, "head", s.Head.String(), "root", s.Root.String(), "files", s.Files, "rows", s.Rows)
	}
	if err == nil {
		err = h.tell(ctx, sealed)
	}
	if err != nil {
		h.Log.ErrorContext(ctx, "evidence not sealed", "error", err)
	}
	return sealed, err
}

// tell mails the newest head that is due; it vouches for those before.
func (h *Seal) tell(ctx context.Context, sealed []evidence.Sealed) error {
	for i := len(sealed) - 1; i >= 0; i-- {
		s := sealed[i]
		day, err := time.Parse(time.DateOnly, s.Day)
		if err != nil {
			return fmt.Errorf("sealed day: %w", err)
		}
		if day.Weekday() != time.Sunday && s.Head.Sequence != 0 {
			continue
		}
		text := fmt.Sprintf(`The evidence of %s is sealed up to %s.

Head: %s

Please keep this mail. Whoever alters or removes anything that was sealed up to
that day cannot make it fit to this head again:
  licenseguard verify s3://%s --key PUBLIC_KEY.pem --head %s
There is nothing to do now.
`, h.Sealer.Ledger, s.Day, s.Head, h.Bucket, s.Head)
		detail, err := json.Marshal(map[string]any{"kind": kindHead, "ledger": h.Sealer.Ledger, "day": s.Day, "head": s.Head.String(), "root": s.Root})
		if err != nil {
			return fmt.Errorf("encode head: %w", err)
		}
		message, err := json.Marshal(map[string]string{"default": text, "sqs": string(detail), "lambda": string(detail)})
		if err != nil {
			return fmt.Errorf("encode head: %w", err)
		}
		subject := "licenseguard: evidence sealed up to " + s.Day
		if err := h.Topic.Publish(ctx, subject, string(message), map[string]string{"kind": kindHead, "severity": string(publish.Info)}); err != nil {
			return fmt.Errorf("tell head: %w", err)
		}
		return nil
	}
	return nil
}
