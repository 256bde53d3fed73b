// Package meter counts what an AWS client does: calls, the capacity that
// DynamoDB says they took, and the time spent waiting for them. Tests and
// benchmarks attach it to the clients that the functions use.
package meter

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"
)

// Reading is what was counted, by operation.
type Reading struct {
	Calls   map[string]int
	Written map[string]float64 // write units
	Read    map[string]float64 // read units
	Waited  map[string]time.Duration
}

// Meter counts. The zero value is ready.
type Meter struct {
	mu  sync.Mutex
	now Reading
}

// Take returns what was counted since the last Take.
func (m *Meter) Take() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.now
	m.now = Reading{}
	return r
}

// Sum adds up all operations, or those that are named.
func Sum[N int | float64 | time.Duration](by map[string]N, names ...string) (sum N) {
	if len(names) == 0 {
		for n := range maps.Values(by) {
			sum += n
		}
	}
	for _, name := range names {
		sum += by[name]
	}
	return sum
}

// Attach counts at the SDK's own entrance: an operation is one call, whatever
// the retries.
func (m *Meter) Attach(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("meter", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		askCapacity(in.Parameters)
		start := time.Now()
		out, meta, err := next.HandleInitialize(ctx, in)
		m.note(middleware.GetOperationName(ctx), time.Since(start), in.Parameters, out.Result)
		return out, meta, err
	}), middleware.Before)
}

func askCapacity(parameters any) {
	const total = types.ReturnConsumedCapacityTotal
	switch p := parameters.(type) {
	case *dynamodb.PutItemInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.BatchWriteItemInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.GetItemInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.BatchGetItemInput:
		p.ReturnConsumedCapacity = total
	case *dynamodb.QueryInput:
		p.ReturnConsumedCapacity = total
	}
}

func (m *Meter) note(name string, took time.Duration, parameters, result any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now.Calls == nil {
		m.now = Reading{Calls: map[string]int{}, Written: map[string]float64{}, Read: map[string]float64{}, Waited: map[string]time.Duration{}}
	}
	m.now.Calls[name]++
	m.now.Waited[name] += took
	if t, ok := parameters.(*dynamodb.TransactWriteItemsInput); ok {
		m.now.Written[name] += transactionUnits(t)
	}
	switch r := result.(type) {
	case *dynamodb.PutItemOutput:
		add(m.now.Written, name, r.ConsumedCapacity)
	case *dynamodb.BatchWriteItemOutput:
		for i := range r.ConsumedCapacity {
			add(m.now.Written, name, &r.ConsumedCapacity[i])
		}
	case *dynamodb.GetItemOutput:
		add(m.now.Read, name, r.ConsumedCapacity)
	case *dynamodb.QueryOutput:
		add(m.now.Read, name, r.ConsumedCapacity)
	case *dynamodb.BatchGetItemOutput:
		for i := range r.ConsumedCapacity {
			add(m.now.Read, name, &r.ConsumedCapacity[i])
		}
		m.now.Read[name] += missing(parameters, r)
	}
}

func add(to map[string]float64, name string, c *types.ConsumedCapacity) {
	if c != nil {
		to[name] += aws.ToFloat64(c.CapacityUnits)
	}
}

// missing is what asking for items that are not there takes: a read unit each
// (DynamoDB developer guide, 2026). DynamoDB Local tells none.
func missing(parameters any, out *dynamodb.BatchGetItemOutput) (units float64) {
	in, ok := parameters.(*dynamodb.BatchGetItemInput)
	if !ok {
		return 0
	}
	for table, keys := range in.RequestItems {
		units += float64(len(keys.Keys) - len(out.Responses[table]))
	}
	return units
}
