package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"licenseguard/cmd/licenseguard/internal/loopback"
	"licenseguard/cmd/licenseguard/internal/proxy"
	"licenseguard/shared/config"
)

// defaultListen is where up and proxy answer.
const defaultListen = "127.0.0.1:4780"

func proxyCommand() *cobra.Command {
	var stack, listen string
	var readOnly bool
	c := &cobra.Command{
		Use: "proxy", Short: "let aws license-manager, boto3 and Terraform reach a deployment",
		Long: `Take requests for AWS License Manager on this machine, sign them with your AWS credentials and send them to
a deployed stack. Programs need only another endpoint. Whoever can connect acts with your permissions:
it listens on loopback addresses only.`,
		Example: examples("licenseguard proxy --stack Licenseguard", "AWS_ENDPOINT_URL_LICENSE_MANAGER=http://"+defaultListen+" aws license-manager list-license-configurations"),
		Args:    atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			return runProxy(c.Context(), stack, listen, readOnly, c.OutOrStdout())
		},
	}
	stackFlag(c.Flags(), &stack)
	c.Flags().StringVar(&listen, "listen", defaultListen, "loopback address to listen on")
	c.Flags().BoolVar(&readOnly, "read-only", false, "pass on Get and List only, to the URL that can only read")
	return c
}

func runProxy(ctx context.Context, stack, listen string, readOnly bool, out io.Writer) error {
	c, err := connect(ctx, stack)
	if err != nil {
		return err
	}
	o := proxy.Options{Region: c.stack.Region, Credentials: c.aws.Credentials, Now: time.Now}
	if !readOnly {
		if o.Write, err = outputURL(c, config.OutputAPIURL); err != nil {
			return err
		}
	}
	if o.Read, err = outputURL(c, config.OutputAPIReadURL); err != nil {
		return err
	}
	if o.Write == nil && o.Read == nil {
		return badInput("stack %s has no output %s or %s; deploy it again with this version", stack, config.OutputAPIURL, config.OutputAPIReadURL)
	}
	l, err := loopback.Listen(listen)
	if err != nil {
		return badInput("%w", err)
	}
	may := ""
	if o.Write == nil {
		may = ", to read only"
	}
	fmt.Fprintf(out, "Signing for stack %s in %s%s, until Ctrl-C.\n%s", stack, c.stack.Region, may, endpointWords(l.Addr().String(), c.stack.Region, false))
	return loopback.Serve(ctx, l, proxy.New(o))
}

// outputURL is an output of the stack, or nil when it has none of that name.
func outputURL(c cloud, name string) (*url.URL, error) {
	text := c.stack.Outputs[name]
	if text == "" {
		return nil, nil //nolint:nilnil // an older stack has none
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("output %s of the stack is %q, which is no URL", name, text)
	}
	return u, nil
}

// endpointWords says how to use an endpoint on this machine. Where nobody checks the
// credentials, any will do.
func endpointWords(address, region string, unchecked bool) string {
	credentials, skip := "", ""
	if unchecked {
		credentials = "\n  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local    # any will do"
		skip = "\n    skip_credentials_validation = true\n    skip_requesting_account_id  = true"
	}
	return fmt.Sprintf(`
For aws license-manager, boto3 and other AWS SDKs:
  export AWS_ENDPOINT_URL_LICENSE_MANAGER=http://%[1]s AWS_DEFAULT_REGION=%[2]s%[3]s
For Terraform:
  provider "aws" {
    region = "%[2]s"%[4]s
    endpoints { licensemanager = "http://%[1]s" }
  }

`, address, region, credentials, skip)
}
