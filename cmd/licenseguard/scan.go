package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
)

// scanProgram is a program of its own: it links EC2's client.
const scanProgram = "licenseguard-scan"

func scanCommand() *cobra.Command {
	return &cobra.Command{
		Use: "scan", Short: "count a real account, deploying and writing nothing (runs " + scanProgram + ")",
		DisableFlagParsing: true, // they are the program's
		RunE: func(c *cobra.Command, args []string) error {
			path, err := findScan()
			if err != nil {
				return err
			}
			program := exec.CommandContext(c.Context(), path, args...)
			program.Stdin, program.Stdout, program.Stderr = os.Stdin, c.OutOrStdout(), c.ErrOrStderr()
			var ended *exec.ExitError
			if err = program.Run(); errors.As(err, &ended) && ended.ExitCode() == exitUsage {
				return badInput("%s: %w", scanProgram, err)
			}
			return err
		},
	}
}

// findScan looks beside this program, then where programs are.
func findScan() (string, error) {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), scanProgram)
		if info, err := os.Stat(beside); err == nil && !info.IsDir() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(scanProgram)
	if err != nil {
		return "", badInput("%s is a program of its own, and not here; make scan builds it", scanProgram)
	}
	return path, nil
}
