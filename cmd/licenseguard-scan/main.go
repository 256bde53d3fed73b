// Command licenseguard-scan counts a real account against a file of licenses, with the
// caller's credentials. It deploys nothing, and of AWS it only reads: EC2's Describe
// calls, and who is asking.
//
// It is a binary of its own because EC2's client is larger than all the rest of the
// command line.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for the hours of licenses

	"github.com/spf13/cobra"
)

// inputError is a mistake in what the user gave: exit code 2.
type inputError struct{ err error }

func (e *inputError) Error() string { return e.err.Error() }
func (e *inputError) Unwrap() error { return e.err }

func badInput(format string, args ...any) error { return &inputError{fmt.Errorf(format, args...)} }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintf(os.Stderr, "licenseguard-scan: %v\n", err)
	var input *inputError
	if errors.As(err, &input) {
		os.Exit(2)
	}
	os.Exit(1)
}

func command() *cobra.Command {
	var s scan
	c := &cobra.Command{
		Use:   "licenseguard-scan -f FILE",
		Short: "count a real account against a file of licenses, deploying and writing nothing",
		Long: `Count a real account against a file of licenses, with your credentials. It deploys and writes nothing; it
needs ec2:DescribeInstances, ec2:DescribeHosts, ec2:DescribeInstanceTypes, ec2:DescribeImages (where a license has an
AMI) and sts:GetCallerIdentity.
With --accounts and --role it counts several accounts by a role that you may assume in each.
Exit codes: 0 done, whatever it found; 1 failed; 2 the command or the file is wrong.`,
		Example: "  licenseguard-scan -f licenses.yaml --region eu-central-1\n" +
			"  licenseguard-scan -f licenses.yaml --accounts 111111111111,222222222222 --role LicenseReader --json",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return badInput("too many arguments: %s", args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c.Context(), c.OutOrStdout()) },
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return badInput("%w; see licenseguard-scan --help", err) })
	c.Flags().StringVarP(&s.file, "file", "f", "", "license file (YAML)")
	c.Flags().StringVar(&s.region, "region", "", "Region to count; without it, that of your environment")
	c.Flags().StringSliceVar(&s.accounts, "accounts", nil, "accounts to count, with --role; without it, your own")
	c.Flags().StringVar(&s.role, "role", "", "name of the role to assume in each account")
	c.Flags().BoolVar(&s.json, "json", false, "print JSON")
	return c
}
