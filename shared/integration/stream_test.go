package integration_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"licenseguard/shared/config"
)

// A stream reads the table's stream as Lambda does. It speaks the protocol
// itself, because the records' JSON is what Lambda hands over.
type stream struct {
	t         *testing.T
	endpoint  string
	arn       string
	iterators map[string]string // by shard
}

func newStream(t *testing.T, endpoint, arn string) *stream {
	return &stream{t: t, endpoint: endpoint, arn: arn, iterators: make(map[string]string)}
}

// heads returns the new records that pass the event source's filter: license
// heads only.
func (s *stream) heads() []json.RawMessage {
	s.t.Helper()
	var description struct {
		StreamDescription struct {
			Shards []struct{ ShardId string } //nolint:revive // AWS's spelling
		}
	}
	s.call("DescribeStream", map[string]any{"StreamArn": s.arn}, &description)
	var out []json.RawMessage
	for _, shard := range description.StreamDescription.Shards {
		if _, known := s.iterators[shard.ShardId]; !known {
			var first struct{ ShardIterator string }
			s.call("GetShardIterator", map[string]any{"StreamArn": s.arn, "ShardId": shard.ShardId, "ShardIteratorType": "TRIM_HORIZON"}, &first)
			s.iterators[shard.ShardId] = first.ShardIterator
		}
		out = append(out, s.read(shard.ShardId)...)
	}
	return out
}

func (s *stream) read(shard string) []json.RawMessage {
	s.t.Helper()
	var out []json.RawMessage
	for s.iterators[shard] != "" {
		var page struct {
			NextShardIterator string
			Records           []json.RawMessage
		}
		s.call("GetRecords", map[string]any{"ShardIterator": s.iterators[shard]}, &page)
		s.iterators[shard] = page.NextShardIterator
		for _, raw := range page.Records {
			if record, ok := lambdaRecord(s.t, raw, s.arn); ok {
				out = append(out, record)
			}
		}
		if len(page.Records) == 0 {
			break
		}
	}
	return out
}

// lambdaRecord adds what Lambda adds to a record of the stream.
func lambdaRecord(t *testing.T, raw json.RawMessage, arn string) (json.RawMessage, bool) {
	t.Helper()
	var record struct {
		Dynamodb struct {
			NewImage map[string]struct{ S string }
		} `json:"dynamodb"`
	}
	var all map[string]any
	if err := json.Unmarshal(raw, &record); err != nil {
		t.Fatal(err)
	}
	if record.Dynamodb.NewImage[config.SortKey].S != config.HeadSortKey {
		return nil, false
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	all["eventSourceARN"], all["eventSource"] = arn, "aws:dynamodb"
	out, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return out, true
}

func (s *stream) call(operation string, in, out any) {
	s.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		s.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.endpoint, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-amz-json-1.0")
	request.Header.Set("X-Amz-Target", "DynamoDBStreams_20120810."+operation)
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}
	if err := v4.NewSigner().SignHTTP(s.t.Context(), keys, request, hex.EncodeToString(sum[:]), "dynamodb", region, time.Now()); err != nil {
		s.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %s %s %v", operation, response.Status, answer, err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		s.t.Fatal(err)
	}
}
