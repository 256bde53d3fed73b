package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/shared/config"
	"licenseguard/shared/evidence"
	"licenseguard/shared/publish"
	"licenseguard/shared/timeline"
)

// changeLog holds the flag of the commands that read the change log.
type changeLog struct{ folder string }

func (l *changeLog) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.folder, "log", "", "the change log, a folder or s3://BUCKET/changes (default: that of the stack, or of the ledger in the folder)")
}

// longestLine bounds a line of the log; its longest text is an explanation.
const longestLine = 1 << 20

// read reads the log: of --log, else of the deployed stack, else of the ledger in a
// folder. What is no row is an error with its file and line.
func (l *changeLog) read(ctx context.Context, r *reader) (*timeline.Timeline, error) {
	place, err := reportsAt(ctx, r, l.folder, config.PrefixChanges)
	if err != nil {
		return nil, err
	}
	pack, files, err := filesAt(ctx, place, ".jsonl")
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, badInput("no change log in %s", place)
	}
	return readLog(ctx, pack, place, files)
}

// reportsAt says where a part of the reports is: where a flag says, else in those of the
// deployed stack, else beside the ledger in a folder.
func reportsAt(ctx context.Context, r *reader, said, prefix string) (string, error) {
	switch {
	case said != "":
		return said, nil
	case r.stack != "":
		c, err := connect(ctx, r.stack)
		if err != nil {
			return "", err
		}
		return schemeS3 + c.stack.Outputs[config.OutputReportBucket] + "/" + prefix, nil
	}
	dir, err := findFolder(r.dir)
	if err != nil {
		return "", fmt.Errorf("%w; or name a change log with --log", err)
	}
	return filepath.Join(dir, "reports", strings.TrimSuffix(prefix, "/")), nil
}

// readLog reads the files of a log, which has a small one for each batch of commits.
func readLog(ctx context.Context, pack evidence.Pack, place string, files []string) (*timeline.Timeline, error) {
	out := timeline.New()
	return out, readFiles(ctx, pack, place, files, rowsOf, func(rows []publish.Row) error {
		for i := range rows {
			if err := out.Add(&rows[i]); err != nil {
				return fmt.Errorf("line %d: %w", i+1, err)
			}
		}
		return nil
	})
}

func rowsOf(ctx context.Context, pack evidence.Pack, name string) (rows []publish.Row, err error) {
	f, err := pack.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var r publish.Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(rows)+1, err)
		}
		rows = append(rows, r)
	}
	return rows, lines.Err()
}

// moment is a flag that takes an instant.
type moment struct{ time.Time }

// String implements pflag.Value.
func (m *moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.UTC().Format(time.RFC3339)
}

// Type implements pflag.Value.
func (m *moment) Type() string { return "TIME" }

// Set implements pflag.Value: an instant by RFC 3339, or a day, which is its beginning
// in UTC.
func (m *moment) Set(s string) error {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			m.Time = t.UTC()
			return nil
		}
	}
	return errors.New("give a time as 2026-03-03T10:15:00Z or a day as 2026-03-03")
}
