package dynamoledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licenseguard/shared/catalog"
	"licenseguard/shared/ledger"
	"licenseguard/shared/ledger/ledgertest"
	"licenseguard/shared/license"
)

// tableAPI is a table in memory that keeps DynamoDB's promises for the writes
// of a license, and no others: a call may fail before or after it was applied,
// or be applied much later, when its caller has given up.
type tableAPI struct {
	api
	dice      *rand.Rand
	faulty    bool
	items     map[string]item
	late      []func() error
	tried     *ledger.License // by the commit that is under way
	committed *ledger.License // by the head that was written last
}

var errNoAnswer = errors.New("no answer")

func (t *tableAPI) call(apply func() error) error {
	if len(t.late) > 0 && t.dice.IntN(3) == 0 {
		i := t.dice.IntN(len(t.late))
		_ = t.late[i]() // whoever sent it is gone
		t.late = slices.Delete(t.late, i, i+1)
	}
	if !t.faulty {
		return apply()
	}
	switch t.dice.IntN(12) {
	case 0:
		return errNoAnswer
	case 1:
		_ = apply()
		return errNoAnswer
	case 2:
		t.late = append(t.late, apply)
		return errNoAnswer
	default:
		return apply()
	}
}

func sortKey(it item) string { return it["SK"].(*types.AttributeValueMemberS).Value }

func revision(v types.AttributeValue) int64 {
	n, err := strconv.ParseInt(v.(*types.AttributeValueMemberN).Value, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// put applies a write under one of the three conditions that the store uses.
func (t *tableAPI) put(it item, condition *string, values item) error {
	before, exists := t.items[sortKey(it)]
	allowed := false
	switch aws.ToString(condition) {
	case "":
		allowed = true
	case "attribute_not_exists(PK)":
		allowed = !exists
	case "Rev = :before":
		allowed = exists && revision(before["Rev"]) == revision(values[":before"])
	case "attribute_not_exists(PK) OR Rev < :rev":
		allowed = !exists || revision(before["Rev"]) < revision(values[":rev"])
	default:
		panic("unknown condition " + *condition)
	}
	if !allowed {
		return &types.ConditionalCheckFailedException{Item: before}
	}
	t.items[sortKey(it)] = it
	return nil
}

// head is put for the head of the license that is tried.
func (t *tableAPI) head(it item, condition *string, values item, tried *ledger.License) error {
	err := t.put(it, condition, values)
	if err == nil && sortKey(it) == headSK {
		t.committed = tried
	}
	return err
}

func (t *tableAPI) PutItem(_ context.Context, in *dynamodb.PutItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.PutItemOutput, error) {
	tried := t.tried
	return &dynamodb.PutItemOutput{}, t.call(func() error {
		return t.head(in.Item, in.ConditionExpression, in.ExpressionAttributeValues, tried)
	})
}

func (t *tableAPI) TransactWriteItems(_ context.Context, in *dynamodb.TransactWriteItemsInput, _ ...func(*dynamodb.Options)) (*dynamodb.TransactWriteItemsOutput, error) {
	head, tried := in.TransactItems[0].Put, t.tried
	return &dynamodb.TransactWriteItemsOutput{}, t.call(func() error {
		if err := t.head(head.Item, head.ConditionExpression, head.ExpressionAttributeValues, tried); err != nil {
			return canceled("ConditionalCheckFailed")
		}
		for _, w := range in.TransactItems[1:] {
			if w.Put != nil {
				t.items[sortKey(w.Put.Item)] = w.Put.Item
			}
		}
		return nil
	})
}

func (t *tableAPI) Query(_ context.Context, in *dynamodb.QueryInput, _ ...func(*dynamodb.Options)) (*dynamodb.QueryOutput, error) {
	prefix := ""
	if page, ok := in.ExpressionAttributeValues[":page"]; ok {
		prefix = page.(*types.AttributeValueMemberS).Value
	}
	out := &dynamodb.QueryOutput{}
	for sk, it := range t.items {
		if strings.HasPrefix(sk, prefix) && it["PK"].(*types.AttributeValueMemberS).Value == in.ExpressionAttributeValues[":pk"].(*types.AttributeValueMemberS).Value {
			out.Items = append(out.Items, it)
		}
	}
	slices.SortFunc(out.Items, func(a, b item) int { return cmp.Compare(sortKey(a), sortKey(b)) })
	return out, nil
}

func (t *tableAPI) BatchGetItem(_ context.Context, in *dynamodb.BatchGetItemInput, _ ...func(*dynamodb.Options)) (*dynamodb.BatchGetItemOutput, error) {
	out := &dynamodb.BatchGetItemOutput{Responses: map[string][]item{}}
	for _, k := range in.RequestItems["table"].Keys {
		if it, ok := t.items[sortKey(k)]; ok {
			out.Responses["table"] = append(out.Responses["table"], it)
		}
	}
	return out, nil
}

// TestPagesUnderFaults: rivals that are cut off between any two calls, and
// writes that arrive late, leave a license readable and as it was committed.
func TestPagesUnderFaults(t *testing.T) {
	t.Parallel()
	commits, refused := 0, 0
	for seed := range uint64(10) {
		dice := rand.New(rand.NewPCG(seed, 7))
		table := &tableAPI{dice: dice, items: make(map[string]item)}
		stores := []*Store{{api: table, table: "table"}, {api: table, table: "table"}}
		now := ledgertest.Start
		configuration := ledgertest.Configuration(t, "lic-1", 150)
		held := []*ledger.License{{Configuration: configuration}} // by rivals; some are old
		for step := range 150 {
			now = now.Add(time.Second)
			store := stores[dice.IntN(len(stores))]
			if store.maxHead = maxHead; dice.IntN(5) == 0 {
				store.maxHead = 900 // more than that is a transaction
			}
			l := held[dice.IntN(len(held))]
			var b ledger.Batch
			if l.Revision == 0 {
				b.Configuration = &configuration
			}
			for range 1 + dice.IntN(ledger.MaxClaims) {
				c := ledgertest.Launch("lic-1", dice.IntN(700))
				if c.Observed = now; dice.IntN(3) == 0 {
					c.Instance.State, c.Generation.Rank = license.Terminated, license.Terminated.Rank()
				}
				b.Claims = append(b.Claims, c)
			}
			next, result := ledger.Fold(l, b, now, catalog.Embedded())
			if result.Change == nil {
				continue
			}
			table.tried, table.faulty = next, step > 3
			err := store.Commit(t.Context(), ledger.Commit{License: next, Change: result.Change, Dirty: result.Dirty, Configured: b.Configuration != nil})
			table.faulty = false
			var conflict *ledger.Conflict
			switch {
			case err == nil:
				commits++
				held = append(held, next)
			case errors.As(err, &conflict):
				refused++
			case !errors.Is(err, errNoAnswer):
				t.Fatalf("seed %d step %d: %v", seed, step, err)
			}
			got, err := store.Load(t.Context(), "lic-1")
			if err != nil {
				t.Fatalf("seed %d step %d: %v", seed, step, err)
			}
			same(t, fmt.Sprintf("seed %d step %d", seed, step), table.committed, got)
			if held = append(held, got); len(held) > 4 {
				held = held[len(held)-4:]
			}
		}
		if table.committed.Pages < 3 {
			t.Fatalf("seed %d: a license of %d pages", seed, table.committed.Pages)
		}
	}
	t.Logf("%d commits, %d refused", commits, refused)
	if commits < 300 || refused < 100 {
		t.Error("this shows too little")
	}
}

func same(t *testing.T, where string, want, got *ledger.License) {
	t.Helper()
	byResource := func(a, b ledger.Entry) int { return cmp.Compare(a.Resource, b.Resource) }
	w, g := slices.SortedFunc(slices.Values(want.Entries), byResource), slices.SortedFunc(slices.Values(got.Entries), byResource)
	if want.Revision != got.Revision || want.Totals != got.Totals || want.Pages != got.Pages || !slices.EqualFunc(w, g, sameEntry) {
		t.Fatalf("%s: committed and read differ:\n%s", where, gocmp.Diff(w, g, cmpopts.EquateEmpty()))
	}
}

// sameEntry compares what a mistake with pages would mix up; the codec has its
// own test.
func sameEntry(a, b ledger.Entry) bool {
	return a.Resource == b.Resource && a.Page == b.Page && a.Verdict == b.Verdict && a.Since.Equal(b.Since) && len(a.Members) == len(b.Members) &&
		(len(a.Members) == 0 || a.Members[0].State == b.Members[0].State && a.Members[0].Observed.Equal(b.Members[0].Observed))
}
