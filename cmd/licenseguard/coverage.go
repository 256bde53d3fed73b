package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/config"
	"licenseguard/shared/coverage"
	"licenseguard/shared/evidence"
	"licenseguard/shared/snapshot"
	"licenseguard/shared/timeline"
)

func coverageCommand() *cobra.Command {
	var r reader
	var log changeLog
	var record coverageRecord
	var from, to moment
	c := &cobra.Command{
		Use: "coverage", Short: "what was watched, and what was not: every gap with what it can mean at worst",
		Long: `coverage says which times each source watched: sweeps of each account and Region, the events, the snapshots.
What none watched is a gap, with what the change log has of that time: what is certain, what was in use at most by all
that is on record, what was known only afterwards, and where to look for what is in no record.`,
		Example: examples("licenseguard coverage --stack Licenseguard --from 2026-11-01", "licenseguard coverage --from 2026-10-01 --to 2027-01-01 --json",
			"licenseguard coverage --log evidence/changes --coverage evidence/coverage"),
		Args: atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			line, err := log.read(c.Context(), &r)
			if err != nil {
				return err
			}
			report, err := record.report(c.Context(), &r, log, line, from.Time, to.Time, time.Now())
			if err != nil {
				return err
			}
			gaps := line.Gaps()
			if r.json {
				return console.JSON(c.OutOrStdout(), map[string]any{"Coverage": report, "Gaps": gaps})
			}
			console.Coverage(c.OutOrStdout(), report)
			console.Gaps(c.OutOrStdout(), gaps)
			return nil
		},
	}
	r.flags(c)
	log.flags(c)
	record.flags(c)
	c.Flags().Var(&from, "from", "from this instant on (default: the first thing on record)")
	c.Flags().Var(&to, "to", "until this instant (default: now)")
	return c
}

// coverageRecord holds the flag of the commands that read what was watched.
type coverageRecord struct{ folder string }

func (l *coverageRecord) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.folder, "coverage", "", "what was watched, a folder or s3://BUCKET/coverage (default: beside the change log)")
}

// report says what was watched from one instant to another: without a first one, since
// the first thing on record, and not after now.
func (l *coverageRecord) report(ctx context.Context, r *reader, log changeLog, line *timeline.Timeline, from, to, now time.Time) (*coverage.Report, error) {
	rows, err := l.read(ctx, r, log, from)
	if err != nil {
		return nil, err
	}
	if to.IsZero() || to.After(now) {
		to = now
	}
	if from.IsZero() {
		from = line.Begin()
		for i := range rows {
			if at, err := time.Parse("2006-01-02 15:04:05.000", rows[i].RecordedAt); err == nil && (from.IsZero() || at.Before(from)) {
				from = at
			}
		}
	}
	report, err := coverage.Make(rows, line, from, to)
	if err != nil {
		return nil, badInput("%w", err)
	}
	return report, nil
}

// read reads the rows that snapshots wrote since the day before an instant. Where there
// is no folder, there are none: that is a finding, and no error.
func (l *coverageRecord) read(ctx context.Context, r *reader, log changeLog, since time.Time) ([]snapshot.Coverage, error) {
	place := l.folder
	if beside, ok := strings.CutSuffix(strings.TrimSuffix(log.folder, "/")+"/", config.PrefixChanges); place == "" && ok {
		place = beside + strings.TrimSuffix(config.PrefixCoverage, "/")
	}
	if place == "" && log.folder != "" {
		return nil, badInput("--log names a folder that is not changes: say with --coverage where what was watched is")
	}
	place, err := reportsAt(ctx, r, place, config.PrefixCoverage)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(place); l.folder == "" && errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(place, schemeS3) {
		return nil, nil
	}
	pack, files, err := filesAt(ctx, place, ".parquet")
	if err != nil {
		return nil, err
	}
	first := config.DatePartition + "=" + since.AddDate(0, 0, -1).UTC().Format(config.DatePartitionLayout)
	files = slices.DeleteFunc(files, func(name string) bool { return !since.IsZero() && path.Dir(name) < first })
	var rows []snapshot.Coverage
	for len(files) > 0 { // day by day: most rows repeat each other
		day := path.Dir(files[0])
		n := slices.IndexFunc(files, func(name string) bool { return path.Dir(name) != day })
		if n < 0 {
			n = len(files)
		}
		var more []snapshot.Coverage
		err := readFiles(ctx, pack, place, files[:n], coverageOf, func(rows []snapshot.Coverage) error {
			more = append(more, rows...)
			return nil
		})
		if err != nil {
			return nil, err
		}
		rows, files = append(rows, coverage.Thin(more)...), files[n:]
	}
	return coverage.Thin(rows), nil
}

// largestCoverage bounds a file: some million rows.
const largestCoverage = 64 << 20

func coverageOf(ctx context.Context, pack evidence.Pack, name string) ([]snapshot.Coverage, error) {
	f, err := pack.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, largestCoverage))
	if err != nil {
		return nil, err
	}
	return parquetfile.Encoder{}.DecodeCoverages(body)
}
