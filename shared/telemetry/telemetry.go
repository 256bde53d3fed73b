// Package telemetry writes what operators read: structured logs and CloudWatch
// metrics as lines of JSON (embedded metric format), which cost no call.
package telemetry

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// Logger returns the JSON logger of a function. Text values are cut and cleaned
// of control characters, because ids, tags and messages are foreign text.
func Logger(w io.Writer, function string) *slog.Logger {
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindString {
			a.Value = slog.StringValue(Clean(a.Value.String(), 1000))
		}
		return a
	}})
	return slog.New(h).With("function", function)
}

// Clean replaces control characters and cuts the text to so many bytes.
func Clean(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// Metric is one number of a metric line. Unit is CloudWatch's: "Count",
// "Percent", "Milliseconds".
type Metric struct {
	Name  string
	Unit  string
	Value float64
}

// Emit writes one line in CloudWatch's embedded metric format.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
func Emit(w io.Writer, at time.Time, namespace string, dimensions map[string]string, metrics ...Metric) error {
	names := make([]string, 0, len(dimensions))
	line := make(map[string]any, len(dimensions)+len(metrics)+1)
	for name, value := range dimensions {
		names = append(names, name)
		line[name] = Clean(value, 250)
	}
	type definition struct{ Name, Unit string }
	definitions := make([]definition, len(metrics))
	for i, m := range metrics {
		definitions[i] = definition{m.Name, m.Unit}
		line[m.Name] = m.Value
	}
	line["_aws"] = map[string]any{
		"Timestamp":         at.UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{"Namespace": namespace, "Dimensions": [][]string{names}, "Metrics": definitions}},
	}
	data, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode metrics: %w", err)
	}
	_, err = w.Write(append(data, '\n'))
	return err
}
