package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"licenseguard/cmd/internal/console"
	"licenseguard/shared/adapter/awsclient"
	"licenseguard/shared/adapter/folderpack"
	"licenseguard/shared/adapter/s3archive"
	"licenseguard/shared/evidence"
)

// errWrong ends verify; its lines said what is wrong.
var errWrong = errors.New("the evidence is not what was sealed")

// verifying holds what the user gave to verify with.
type verifying struct {
	keys        []string
	head, since string
	json        bool
}

func verifyCommand() *cobra.Command {
	var v verifying
	c := &cobra.Command{
		Use: "verify FOLDER|s3://BUCKET/PREFIX", Short: "is the evidence what was sealed: every day, file and row",
		Long: `verify checks sealed evidence: signatures, the chain of days, every file and every revision. It names the first
thing that is wrong. A folder needs no network and no AWS account.

The public key must come from elsewhere than the evidence: who can alter the one could put a key of his own beside it.
The head (--head) is what was mailed or logged when a day was sealed: without one, days cut off the end are not seen.`,
		Example: examples("licenseguard verify .licenseguard/demo/evidence --key .licenseguard/demo/evidence.pub",
			"licenseguard verify s3://BUCKET --key evidence.pub --head 41:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
		Args: one("say which evidence: a folder, or s3://BUCKET/PREFIX"),
		RunE: func(c *cobra.Command, args []string) error { return v.run(c.Context(), args[0], c.OutOrStdout()) },
	}
	c.Flags().StringArrayVar(&v.keys, "key", nil, "public key in PEM or DER; again for another key")
	c.Flags().StringVar(&v.head, "head", "", "head that the evidence must hold, as NUMBER:HASH")
	c.Flags().StringVar(&v.since, "since", "", "first day to look at, as 2026-01-01, where earlier ones are left out on purpose")
	c.Flags().BoolVar(&v.json, "json", false, "print JSON")
	return c
}

func (v *verifying) run(ctx context.Context, place string, out io.Writer) error {
	options, err := v.options(place)
	if err != nil {
		return err
	}
	pack, err := packAt(ctx, place)
	if err != nil {
		return err
	}
	if strings.HasPrefix(place, schemeS3) {
		options.Workers = waitingAtOnce
	}
	report, err := evidence.Verify(ctx, pack, options)
	if err != nil {
		return err
	}
	if v.json {
		err = console.JSON(out, report)
	} else {
		console.Evidence(out, report)
	}
	if err == nil && len(report.Findings) > 0 {
		return errWrong
	}
	return err
}

func (v *verifying) options(place string) (evidence.Options, error) {
	var o evidence.Options
	if len(v.keys) == 0 {
		return o, badInput("give the public key with --key FILE; it must not come from the evidence itself, or it proves nothing")
	}
	for _, path := range v.keys {
		if within(place, path) {
			return o, badInput("--key %s lies in the evidence that it is to prove: who altered that could have put another key there. Take the key from where it was kept apart", path)
		}
		data, err := readFile(path)
		if err != nil {
			return o, err
		}
		key, err := evidence.ParsePublicKey(data)
		if err != nil {
			return o, badInput("--key %s: %w", path, err)
		}
		o.Keys = append(o.Keys, key)
	}
	if v.head != "" {
		head, err := evidence.ParseHead(v.head)
		if err != nil {
			return o, badInput("--head: %w", err)
		}
		o.Head = &head
	}
	if v.since != "" {
		if _, err := time.Parse(time.DateOnly, v.since); err != nil {
			return o, badInput("--since %q is no day, as 2026-01-01", v.since)
		}
	}
	o.Since = v.since
	return o, nil
}

const schemeS3 = "s3://"

// waitingAtOnce is how many files of a bucket are read at once: most of the time is
// spent waiting for the first byte.
const waitingAtOnce = 32

// packAt finds the evidence.
func packAt(ctx context.Context, place string) (evidence.Pack, error) {
	if rest, ok := strings.CutPrefix(place, schemeS3); ok {
		bucket, folder, _ := strings.Cut(rest, "/")
		if bucket == "" {
			return nil, badInput("%q names no bucket, as s3://BUCKET/PREFIX", place)
		}
		c, err := awsclient.Load(ctx)
		if err != nil {
			return nil, err
		}
		return s3archive.NewFolder(s3.NewFromConfig(c), bucket, folder), nil
	}
	info, err := os.Stat(place)
	if err != nil {
		return nil, badInput("%w", err)
	}
	if !info.IsDir() {
		return nil, badInput("%s is no folder", place)
	}
	return folderpack.New(place), nil
}

// within reports whether a file lies in a folder, also by links.
func within(folder, file string) bool {
	if strings.HasPrefix(folder, schemeS3) {
		return false
	}
	real := func(path string) string {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			path = resolved
		}
		path, _ = filepath.Abs(path)
		return path
	}
	below, err := filepath.Rel(real(folder), real(file))
	return err == nil && below != ".." && !strings.HasPrefix(below, ".."+string(filepath.Separator))
}
