package ssminventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

var _ track.Inventories = (*Systems)(nil)

// Systems is Systems Manager in accounts and Regions.
type Systems struct {
	in func(track.Scope) *ssm.Client
}

// New returns the Systems Manager of the client's account and Region.
func New(client *ssm.Client) *Systems {
	return NewFleet(func(track.Scope) *ssm.Client { return client })
}

// NewFleet returns that of many accounts and Regions, each with the client for it.
func NewFleet(client func(track.Scope) *ssm.Client) *Systems { return &Systems{client} }

// Limits of Systems Manager for one call (API reference, GetInventory, InventoryFilter,
// DescribeInstanceInformation, InstanceInformationStringFilter, 2026).
const (
	entitiesPerPage = 50
	nodesPerPage    = 50
	idsPerFilter    = 40
	idsPerDescribe  = 100
	maxPages        = 10_000 // ends a listing whose tokens never do
	drained         = 64 << 10
	maxNodes        = 4 << 20 // bytes of a page of nodes
	maxAttempts     = 8       // of a call that is throttled; the SDK waits longer each time
)

// machineID is the form of a machine's id: only this form may reach a filter, and only
// this form is taken from an answer.
var machineID = regexp.MustCompile(`^m?i-[0-9a-f]{8,17}$`)

func known(ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !machineID.MatchString(id) })
}

// Inventory implements track.Inventories.
func (c *Systems) Inventory(ctx context.Context, s track.Scope, r track.Reading, ids []string) ([]license.Inventory, error) {
	asked := known(ids)
	if len(asked) == 0 {
		return nil, nil
	}
	if len(asked) > idsPerFilter {
		return nil, fmt.Errorf("get inventory: %d ids, a filter takes %d", len(asked), idsPerFilter)
	}
	var out []license.Inventory
	in := &ssm.GetInventoryInput{Filters: []types.InventoryFilter{equal("AWS:InstanceInformation.InstanceId", asked...)}}
	err := c.eachInventory(ctx, s, r, in, func(page []license.Inventory) error {
		out = append(out, slices.DeleteFunc(page, func(i license.Inventory) bool { return !slices.Contains(asked, i.ID.AWSID()) })...)
		return nil
	})
	return out, err
}

// EachInventory implements track.Inventories.
func (c *Systems) EachInventory(ctx context.Context, s track.Scope, r track.Reading, each func([]license.Inventory) error) error {
	in := &ssm.GetInventoryInput{}
	if r.Nodes {
		in.Filters = []types.InventoryFilter{equal("AWS:InstanceInformation.ResourceType", string(types.ResourceTypeManagedInstance))}
	}
	return c.eachInventory(ctx, s, r, in, each)
}

func equal(key string, values ...string) types.InventoryFilter {
	return types.InventoryFilter{Key: aws.String(key), Values: values, Type: types.InventoryQueryOperatorTypeEqual}
}

func (c *Systems) eachInventory(ctx context.Context, s track.Scope, r track.Reading, in *ssm.GetInventoryInput, each func([]license.Inventory) error) error {
	in.MaxResults = aws.Int32(entitiesPerPage)
	in.ResultAttributes = []types.ResultAttribute{{TypeName: aws.String(string(r.Part))}}
	return pages(&in.NextToken, func() (*string, error) {
		a := &answer{scope: s, reading: r}
		_, err := c.in(s).GetInventory(ctx, in, attempts, a.stream)
		if err = errors.Join(err, a.err); err != nil {
			return nil, fmt.Errorf("get inventory: %w", err)
		}
		return aws.String(a.token), each(a.found)
	})
}

func attempts(o *ssm.Options) { o.RetryMaxAttempts = maxAttempts }

// stream has the answer read as it comes; the SDK gets an empty one.
func (a *answer) stream(o *ssm.Options) { o.HTTPClient = reader{o.HTTPClient, a} }

type reader struct {
	next   ssm.HTTPClient
	answer *answer
}

// Do implements ssm.HTTPClient. What is wrong with an answer is the answer's error and
// none of the call, because the SDK would repeat the call.
func (r reader) Do(request *http.Request) (*http.Response, error) {
	response, err := r.next.Do(request)
	if err != nil || response.StatusCode != http.StatusOK {
		return response, err
	}
	defer response.Body.Close()
	if err := r.answer.read(response.Body); err != nil {
		return nil, err
	}
	_, _ = io.CopyN(io.Discard, response.Body, drained) // so that the connection is used again
	response.Body, response.ContentLength = emptyAnswer(), -1
	return response, nil
}

// bounded has an answer refused that is larger than one of 50 nodes can be.
func bounded(o *ssm.Options) { o.HTTPClient = bound{o.HTTPClient} }

type bound struct{ next ssm.HTTPClient }

// Do implements ssm.HTTPClient.
func (b bound) Do(request *http.Request) (*http.Response, error) {
	response, err := b.next.Do(request)
	if err != nil {
		return response, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxNodes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxNodes {
		body = []byte("too large") // which is no JSON: the SDK refuses it, and does not repeat the call
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return response, nil
}

// Nodes implements track.Inventories. An id that is not registered is left out of the
// answer to a filter; should it fail the call, the ids are asked for one by one.
func (c *Systems) Nodes(ctx context.Context, s track.Scope, ids []string) ([]track.Node, error) {
	asked := known(ids)
	if len(asked) == 0 {
		return nil, nil
	}
	if len(asked) > idsPerDescribe {
		return nil, fmt.Errorf("describe managed nodes: %d ids, a filter takes %d", len(asked), idsPerDescribe)
	}
	var out []track.Node
	err := c.eachNode(ctx, s, "InstanceIds", asked, func(page []track.Node) error {
		out = append(out, slices.DeleteFunc(page, func(n track.Node) bool { return !slices.Contains(asked, n.ID.AWSID()) })...)
		return nil
	})
	var unknown *types.InvalidInstanceId
	if !errors.As(err, &unknown) {
		return out, err
	}
	if len(asked) == 1 {
		return nil, nil
	}
	out = nil
	for _, id := range asked {
		one, err := c.Nodes(ctx, s, []string{id})
		if err != nil {
			return nil, err
		}
		out = append(out, one...)
	}
	return out, nil
}

// EachNode implements track.Inventories.
func (c *Systems) EachNode(ctx context.Context, s track.Scope, each func([]track.Node) error) error {
	return c.eachNode(ctx, s, "ResourceType", []string{string(types.ResourceTypeManagedInstance)}, each)
}

func (c *Systems) eachNode(ctx context.Context, s track.Scope, key string, values []string, each func([]track.Node) error) error {
	in := &ssm.DescribeInstanceInformationInput{MaxResults: aws.Int32(nodesPerPage),
		Filters: []types.InstanceInformationStringFilter{{Key: aws.String(key), Values: values}}}
	return pages(&in.NextToken, func() (*string, error) {
		out, err := c.in(s).DescribeInstanceInformation(ctx, in, attempts, bounded)
		if err != nil {
			return nil, fmt.Errorf("describe managed nodes: %w", err)
		}
		var page []track.Node
		for i := range out.InstanceInformationList {
			if n, ok := nodeOf(s, &out.InstanceInformationList[i]); ok {
				page = append(page, n)
			}
		}
		return out.NextToken, each(page)
	})
}

// nodeOf translates a managed node; instances of EC2 are none of ours here.
func nodeOf(s track.Scope, in *types.InstanceInformation) (track.Node, bool) {
	id := aws.ToString(in.InstanceId)
	if !machineID.MatchString(id) || id[:2] != "mi" {
		return track.Node{}, false
	}
	return track.Node{ID: license.NewResourceID(s.Account, s.Region, id), Registered: milliseconds(in.RegistrationDate), LastPing: milliseconds(in.LastPingDateTime)}, true
}

// milliseconds is how exactly the ledger keeps times.
func milliseconds(t *time.Time) time.Time { return aws.ToTime(t).UTC().Truncate(time.Millisecond) }

// pages calls next until it returns no token. token is where the call of next reads
// where to go on. A token that comes back would never end.
func pages(token **string, next func() (*string, error)) error {
	for range maxPages {
		following, err := next()
		if err != nil || aws.ToString(following) == "" {
			return err
		}
		if *token != nil && **token == *following {
			return errors.New("Systems Manager goes on at the page that it just gave") //nolint:staticcheck // a name
		}
		*token = following
	}
	return fmt.Errorf("Systems Manager lists more than %d pages", maxPages)
}
