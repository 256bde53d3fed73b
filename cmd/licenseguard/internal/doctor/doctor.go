// Package doctor says what a deployment still lacks: what nobody can deploy,
// because a person confirms it or another team owns it, and what has gone wrong
// since. It changes nothing.
package doctor

import (
	"context"
	"fmt"
	"time"

	"licenseguard/cmd/licenseguard/internal/deployment"
	"licenseguard/shared/config"
	"licenseguard/shared/ledger"
)

// Finding is what one check found. Do says what to do about it, when it is not OK.
type Finding struct {
	Check string
	OK    bool
	Found string
	Do    string `json:",omitempty"`
}

// Services are the parts of AWS that are asked.
type Services struct {
	CloudFormation deployment.CloudFormation
	Functions      Functions
	Rules          Rules
	Queues         Queues
	Topic          Topic
	Trails         Trails
	Metrics        Metrics
	Ledger         ledger.Documents
}

// Patience is how long to wait for what takes a while to show: the metrics of
// an invocation come minutes after it. Sleep is for tests; nil sleeps.
type Patience struct {
	Now   func() time.Time
	Wait  time.Duration
	Sleep func(ctx context.Context, d time.Duration) error
}

// Examine runs every check. A check that fails is a finding, too.
func Examine(ctx context.Context, s deployment.Stack, with Services, p Patience) []Finding {
	findings := []Finding{subscriptions(ctx, with.Topic, s.Outputs[config.OutputAlertTopicARN])}
	findings = append(findings, trail(ctx, with.Trails, s.Region))
	findings = append(findings, functions(ctx, with.Functions, s)...)
	findings = append(findings, rules(ctx, with.CloudFormation, with.Rules, s)...)
	findings = append(findings, deadLetters(ctx, with.Queues, s)...)
	findings = append(findings, lastSweep(ctx, with.Metrics, p))
	return append(findings, accounts(ctx, with.Ledger)...)
}

// Missing counts the findings that are not OK.
func Missing(findings []Finding) int {
	missing := 0
	for _, f := range findings {
		if !f.OK {
			missing++
		}
	}
	return missing
}

func fine(check, format string, args ...any) Finding {
	return Finding{Check: check, OK: true, Found: fmt.Sprintf(format, args...)}
}

func lacking(check, found, do string) Finding {
	return Finding{Check: check, Found: found, Do: do}
}

// unknown is the finding of a check that could not be made.
func unknown(check string, err error) Finding {
	return lacking(check, "not known: "+err.Error(), "give your role read access, or ask somebody who has it")
}
