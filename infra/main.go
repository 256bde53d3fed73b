// Command infra is the CDK app: it synthesizes the stack of licenseguard, and
// beside it the one for other accounts and Regions.
//
// It runs through the CDK command line ("cdk synth"), which finds it in
// cdk.json. Each file holds one subsystem; hub.go puts them together.
package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/jsii-runtime-go"

	"licenseguard/shared/config"
)

func main() {
	defer jsii.Close()
	app := newApp(nil, nil)
	if err := synthesize(app); err != nil {
		fmt.Fprintln(os.Stderr, "infra:", err)
		jsii.Close()
		os.Exit(1)
	}
}

// newApp makes the app with the flags that our templates are written for, so
// that a test and the command line synthesize the same. The command line tells
// the output folder by itself; a test gives its own.
func newApp(context map[string]any, outdir *string) awscdk.App {
	all := map[string]any{
		// Access logs are then allowed by a bucket policy; ACLs are off.
		"@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": true,
	}
	maps.Copy(all, context)
	return awscdk.NewApp(&awscdk.AppProps{AnalyticsReporting: jsii.Bool(false), Context: &all, Outdir: outdir})
}

func synthesize(app awscdk.App) error {
	s, err := readSettings(func(key string) any { return app.Node().TryGetContext(jsii.String(key)) })
	if err != nil {
		return err
	}
	if err := checkBuilt(s.dist); err != nil {
		return err
	}
	if len(s.units) > 0 {
		if s.spokeBody, err = spokeBody(s); err != nil {
			return err
		}
	}
	newHub(app, config.DefaultStackName, s)
	newSpoke(app, config.SpokeStackName, s)
	app.Synth(nil)
	return nil
}

// checkBuilt says what to do when a function was not built; the CDK would only
// say that an asset is missing.
func checkBuilt(dist string) error {
	for _, name := range allFunctions() {
		bootstrap := filepath.Join(dist, name, "bootstrap")
		if _, err := os.Stat(bootstrap); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s does not exist: run \"make build\" first, or point the context value %q at a build", bootstrap, contextDist)
		} else if err != nil {
			return err
		}
	}
	return nil
}
