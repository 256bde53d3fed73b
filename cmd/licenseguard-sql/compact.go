//go:build cgo

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/shared/adapter/folderpack"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/compact"
	"licenseguard/shared/config"
)

// days are those of which there is a log.
func days(reports string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(reports, filepath.FromSlash(config.PrefixChanges)))
	if err != nil {
		return nil, err
	}
	var days []string
	for _, e := range entries {
		if day, ok := strings.CutPrefix(e.Name(), config.DatePartition+"="); ok && e.IsDir() {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	return days, nil
}

func compactCommand() *cobra.Command {
	var reports string
	c := compact.Compactor{Codec: parquetfile.Encoder{}, Now: time.Now}
	command := &cobra.Command{
		Use: "compact", Short: "write finished days of the change log as Parquet, into history/",
		Long: `Write each finished day of the change log a second time, as Parquet by account and Region, into history/ beside it. The
log stays as it is. Each file is read back and compared with the log before the day's manifest says that it is done; a
day that is done is not done again unless its log changed. run and query read these days with --compacted.`,
		Args: exactly(0, "compact takes no arguments"),
		RunE: func(command *cobra.Command, _ []string) error {
			days, err := days(reports)
			if errors.Is(err, fs.ErrNotExist) {
				return badInput("there is no change log in %s: make demo leaves %s, and aws s3 sync s3://REPORT-BUCKET reports brings that of a stack", reports, defaultReports)
			}
			if err != nil {
				return err
			}
			c.Store = folderpack.New(reports)
			for _, name := range days {
				day, err := time.Parse(config.DatePartitionLayout, name)
				if err != nil {
					return badInput("the folder %s of the change log is no day: want dt=2026-11-20", name)
				}
				m, err := c.Day(command.Context(), day)
				if errors.Is(err, compact.ErrUnfinished) {
					fmt.Fprintf(command.OutOrStdout(), "%s  not finished: rows may come for 25 hours after its end\n", name)
					continue
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(command.OutOrStdout(), "%s  %d rows of %d files in %d\n", name, m.Rows, m.Sources, len(m.Files))
			}
			return nil
		},
	}
	command.Flags().StringVar(&reports, "reports", defaultReports, "folder with changes/")
	command.Flags().StringSliceVar(&c.Accounts, "accounts", nil, "accounts that the stack knows; rows of others go to account=other (default: each has its folder)")
	command.Flags().StringSliceVar(&c.Regions, "regions", nil, "Regions that the stack knows, as --accounts")
	return command
}
