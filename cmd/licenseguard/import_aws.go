package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/licensemanager"
	"github.com/spf13/cobra"

	"licenseguard/cmd/licenseguard/internal/takeover"
	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/licensefile"
	"licenseguard/shared/telemetry"
)

// importCommand takes licenses over from elsewhere.
func importCommand() *cobra.Command {
	return group("import", "take licenses over from elsewhere into a license file", importAWS())
}

func importAWS() *cobra.Command {
	var to string
	c := &cobra.Command{
		Use: "aws", Short: "read AWS License Manager's self-managed licenses into a license file",
		Long: `Read the self-managed licenses of your AWS License Manager account into a license file. It only reads.
Each license keeps its id, its rules and, as an association, its ARN: instances that name the old
configuration are counted by the new one. What cannot be taken over is listed on the error output.`,
		Example: examples("licenseguard import aws --out licenses.yaml", "licenseguard license diff -f licenses.yaml --stack Licenseguard"),
		Args:    atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return takeOver(c.Context(), to, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.Flags().StringVar(&to, "out", "", "file to write, which must not be there yet; without it, print")
	return c
}

func takeOver(ctx context.Context, to string, out, notes io.Writer) error {
	aws, err := awsclient.Load(ctx)
	if err != nil {
		return err
	}
	if aws.Region == "" {
		return badInput("no Region is set; AWS_REGION says whose licenses to read")
	}
	result, err := takeover.Read(ctx, licensemanager.NewFromConfig(aws))
	if err != nil {
		return err
	}
	if len(result.Licenses) == 0 && len(result.Left) == 0 {
		return fmt.Errorf("the account has no self-managed licenses in %s", aws.Region)
	}
	text := licensefile.Write(result.Licenses, time.Now())
	if to == "" {
		_, err = out.Write(text)
	} else {
		err = writeNew(to, text)
	}
	if err != nil {
		return err
	}
	if len(result.Left) > 0 {
		fmt.Fprintf(notes, "Not taken over:\n")
	}
	for _, l := range result.Left {
		fmt.Fprintf(notes, "  %s: %s: %s\n", telemetry.Clean(l.License, 256), telemetry.Clean(l.What, 400), telemetry.Clean(l.Why, 400))
	}
	fmt.Fprintf(notes, "%s taken over. All of them observe until their enforcement says otherwise.\n", plural(len(result.Licenses), "license", "licenses"))
	return nil
}

// writeNew writes a file, and never over another one.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return badInput("%s is there already; name another file", path)
	}
	if err != nil {
		return badInput("%w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
