package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/shared/publish"
	"licenseguard/shared/timeline"
)

// changeLog holds the flags of the commands that read the change log.
type changeLog struct{ folder, dir string }

func (l *changeLog) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.folder, "log", "", "folder of the change log, as the report bucket has it under changes/ (default: that of the ledger in --dir)")
}

// longestLine bounds a line of the log; its longest text is an explanation.
const longestLine = 1 << 20

// read reads the log. What is no row is an error with its file and line.
func (l *changeLog) read() (*timeline.Timeline, error) {
	folder := l.folder
	if folder == "" {
		dir, err := findFolder(l.dir)
		if err != nil {
			return nil, fmt.Errorf("%w; or give the folder of a change log with --log", err)
		}
		folder = filepath.Join(dir, "reports", "changes")
	}
	out, files := timeline.New(), 0
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".jsonl") {
			return err
		}
		files++
		return addFile(out, path)
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && files == 0 {
		return nil, badInput("no change log in %s; of a deployed stack: aws s3 sync s3://REPORT-BUCKET/changes changes, then --log changes", folder)
	}
	return out, err
}

func addFile(to *timeline.Timeline, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		var r publish.Row
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		}
		if err := to.Add(&r); err != nil {
			return fmt.Errorf("%s, line %d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
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
