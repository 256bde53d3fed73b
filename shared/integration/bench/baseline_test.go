package bench_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// counted is the design that licenseguard is compared with: a counter that no
// transaction may raise beyond the limit, and one record for each event, in
// transactions of perTransaction records and one update of the counter.
type counted struct {
	b              *bench
	id             string
	perTransaction int
	writers        int
	written        atomic.Int64
	conflicts      atomic.Int64
}

func (d *counted) run(ctx context.Context, until time.Time) (events int, err error) {
	before := d.written.Load()
	var wait sync.WaitGroup
	failed := make([]error, d.writers)
	for w := range d.writers {
		wait.Go(func() {
			for time.Now().Before(until) && failed[w] == nil {
				failed[w] = d.write(ctx)
			}
		})
	}
	wait.Wait()
	return int(d.written.Load() - before), errors.Join(failed...)
}

// write is one transaction, tried again until it is through.
func (d *counted) write(ctx context.Context) error {
	n := strconv.Itoa(d.perTransaction)
	items := []types.TransactWriteItem{{Update: &types.Update{
		TableName: &d.b.table, Key: d.key("COUNT"), UpdateExpression: aws.String("ADD N :n"),
		ConditionExpression: aws.String("attribute_not_exists(N) OR N < :limit"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":n": &types.AttributeValueMemberN{Value: n}, ":limit": &types.AttributeValueMemberN{Value: "1000000000"}},
	}}}
	for range d.perTransaction {
		items = append(items, types.TransactWriteItem{Put: d.record()})
	}
	for attempt := 1; ; attempt++ {
		_, err := d.b.client.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: items})
		if err == nil {
			d.written.Add(int64(d.perTransaction))
			return nil
		}
		var canceled *types.TransactionCanceledException
		if !errors.As(err, &canceled) {
			return fmt.Errorf("transact: %w", err)
		}
		d.conflicts.Add(1)
		time.Sleep(rand.N(time.Duration(attempt) * time.Millisecond))
	}
}

// record is what is kept of one event: what the ledger's change says of it.
func (d *counted) record() *types.Put {
	item := d.key("EVENT#" + newEventID())
	for name, value := range map[string]string{
		"Instance": account + "/" + region + "/" + newInstanceID(), "State": "running", "Launch": "2026-03-01T12:00:00.000Z", "Happened": "2026-03-01T12:00:01Z",
		"Verdict": "covered", "Association": "ami " + image(0), "Licenses": "2", "Explanation": "m5.large has 2 vCPUs",
	} {
		item[name] = &types.AttributeValueMemberS{Value: value}
	}
	return &types.Put{TableName: &d.b.table, Item: item, ConditionExpression: aws.String("attribute_not_exists(PK)")}
}

func (d *counted) key(sk string) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: d.id}, "SK": &types.AttributeValueMemberS{Value: sk}}
}

// check compares the counter with the records.
func (d *counted) check(ctx context.Context) error {
	out, err := d.b.client.GetItem(ctx, &dynamodb.GetItemInput{TableName: &d.b.table, Key: d.key("COUNT"), ConsistentRead: aws.Bool(true)})
	if err != nil {
		return fmt.Errorf("get counter: %w", err)
	}
	count, ok := out.Item["N"].(*types.AttributeValueMemberN)
	if !ok {
		return errors.New("there is no counter")
	}
	records := 0
	in := &dynamodb.QueryInput{TableName: &d.b.table, KeyConditionExpression: aws.String("PK = :pk AND begins_with(SK, :event)"), Select: types.SelectCount,
		ConsistentRead: aws.Bool(true), ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk": &types.AttributeValueMemberS{Value: d.id}, ":event": &types.AttributeValueMemberS{Value: "EVENT#"}}}
	for {
		found, err := d.b.client.Query(ctx, in)
		if err != nil {
			return fmt.Errorf("count records: %w", err)
		}
		records += int(found.Count)
		if in.ExclusiveStartKey = found.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			break
		}
	}
	if want := d.written.Load(); count.Value != strconv.FormatInt(want, 10) || int64(records) != want {
		return fmt.Errorf("the counter says %s, there are %d records, and %d were written", count.Value, records, want)
	}
	return nil
}
