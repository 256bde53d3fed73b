// Package spoke lets a function of the hub into other accounts and Regions. In its own
// account it uses its own credentials, in another one those of a role that the spoke stack
// made there; in another Region, the same credentials.
package spoke

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"licenseguard/shared/config"
	"licenseguard/shared/track"
)

// Access is what a function may use to look into, or act on, what is watched. It may be
// used by many goroutines.
type Access struct {
	own        aws.Config
	account    string // the function's; "": every account is
	externalID string
	role       string
	session    string

	mu          sync.Mutex
	credentials map[string]aws.CredentialsProvider // of other accounts
}

// New returns the access of a function by a role that other accounts have under this
// name. The function's name is what their CloudTrail shows as session.
func New(own aws.Config, watched config.Watched, role, function string) *Access {
	return &Access{own: own, account: watched.Account, externalID: watched.ExternalID, role: role, session: "licenseguard-" + function,
		credentials: make(map[string]aws.CredentialsProvider)}
}

// Config is for clients in one account and Region. Where the role cannot be taken, their
// calls fail with track.ErrUnreachable.
func (a *Access) Config(s track.Scope) aws.Config {
	cfg := a.own.Copy()
	cfg.Region = s.Region
	if a.account != "" && s.Account != a.account {
		cfg.Credentials = a.credentialsOf(s.Account)
	}
	return cfg
}

func (a *Access) credentialsOf(account string) aws.CredentialsProvider {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.credentials[account] == nil {
		arn := fmt.Sprintf("arn:%s:iam::%s:role/%s", partition(a.own.Region), account, a.role)
		provider := stscreds.NewAssumeRoleProvider(sts.NewFromConfig(a.own), arn, func(o *stscreds.AssumeRoleOptions) {
			o.ExternalID = aws.String(a.externalID)
			o.RoleSessionName = a.session
		})
		a.credentials[account] = aws.NewCredentialsCache(assumed{provider, arn}, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = time.Minute })
	}
	return a.credentials[account]
}

// partition is that of a Region, by how AWS names them.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// assumed gives the refusal of a role its meaning: STS refuses alike where the role is
// gone, where it does not trust us, and where the account is closed.
type assumed struct {
	aws.CredentialsProvider
	role string
}

func (p assumed) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.CredentialsProvider.Retrieve(ctx)
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorCode() == "AccessDenied" {
		return c, fmt.Errorf("take the role %s: %w: %w", p.role, track.ErrUnreachable, err)
	}
	return c, err
}

// Clients returns what makes the client of each account and Region once and keeps it.
func Clients[C any](a *Access, make func(aws.Config) C) func(track.Scope) C {
	var mu sync.Mutex
	made := map[track.Scope]C{}
	return func(s track.Scope) C {
		mu.Lock()
		defer mu.Unlock()
		c, ok := made[s]
		if !ok {
			c = make(a.Config(s))
			made[s] = c
		}
		return c
	}
}
