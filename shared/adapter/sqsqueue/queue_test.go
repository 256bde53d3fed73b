package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"licenseguard/shared/track"
)

// fakeSQS refuses what SQS refuses.
type fakeSQS struct {
	sent   []*sqs.SendMessageInput
	bodies []string
	calls  int
	batch  func(call int, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error)
}

func (f *fakeSQS) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	size := len(*in.MessageBody)
	texts := []string{*in.MessageBody}
	for name, a := range in.MessageAttributes {
		size += len(name) + len(*a.DataType) + len(*a.StringValue)
		texts = append(texts, *a.StringValue)
	}
	for _, s := range texts {
		if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' }) {
			return nil, errors.New("InvalidMessageContents")
		}
	}
	if size > 1<<20 {
		return nil, fmt.Errorf("message of %d bytes", size)
	}
	f.sent = append(f.sent, in)
	return &sqs.SendMessageOutput{}, nil
}

func (f *fakeSQS) SendMessageBatch(_ context.Context, in *sqs.SendMessageBatchInput, _ ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error) {
	f.calls++
	out := &sqs.SendMessageBatchOutput{}
	ids, size := make(map[string]bool), 0
	for _, e := range in.Entries {
		ids[*e.Id] = true
		size += len(*e.MessageBody)
		out.Successful = append(out.Successful, types.SendMessageBatchResultEntry{Id: e.Id})
	}
	if len(ids) != len(in.Entries) || len(ids) > 10 || len(ids) == 0 || size > 1<<20 {
		return nil, fmt.Errorf("batch of %d with %d ids, %d bytes", len(in.Entries), len(ids), size)
	}
	if f.batch != nil {
		return f.batch(f.calls, in)
	}
	for _, e := range in.Entries {
		f.bodies = append(f.bodies, *e.MessageBody)
	}
	return out, nil
}

func TestBury(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("é", 1<<20)
	for _, test := range []struct {
		name     string
		letter   track.DeadLetter
		body     string // prefix
		note     string
		reason   string
		withouts []string
	}{
		{"plain", track.DeadLetter{MessageID: "m", Body: []byte(`{"a":1}`), EventID: "e", Place: "detail", Reason: "is wrong"}, `{"a":1}`, "", "is wrong", nil},
		{"nothing", track.DeadLetter{}, "(empty)", "empty", "", []string{"reason", "place", "event-id", "message-id"}},
		{"hostile reason", track.DeadLetter{Body: []byte("x"), Reason: "a\nb\x00\x1b[31mc\u2028d\xff"}, "x", "", "a b\ufffd\ufffd[31mc d\ufffd", nil},
		{"long reason", track.DeadLetter{Body: []byte("x"), Reason: big}, "x", "", "éééé", nil},
		{"binary body", track.DeadLetter{Body: []byte("a\x00\xffb")}, "a\ufffd\ufffdb", "replaced", "", nil},
		{"too long a body", track.DeadLetter{Body: []byte(big), Reason: big, Place: big, EventID: big, MessageID: big}, "éé", "cut from 2097152", "éé", nil},
		{"a body that grows", track.DeadLetter{Body: []byte(strings.Repeat("\xff", 1<<20))}, "\ufffd", "replaced; characters", "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := &fakeSQS{}
			if err := (&DeadLetters{f, "url"}).Bury(t.Context(), test.letter); err != nil {
				t.Fatal(err)
			}
			in := f.sent[0]
			text := func(name string) string { return aws.ToString(in.MessageAttributes[name].StringValue) }
			if !strings.HasPrefix(*in.MessageBody, test.body) {
				t.Errorf("body %.60q; want %q", *in.MessageBody, test.body)
			}
			for _, word := range strings.Split(strings.TrimSuffix(test.note, "; characters"), "; ") {
				if !strings.Contains(text("note"), word) || (test.note == "") != (text("note") == "") {
					t.Errorf("note %q; want %q", text("note"), test.note)
				}
			}
			if !strings.HasPrefix(text("reason"), test.reason) || len(text("reason")) > maxAttribute {
				t.Errorf("reason %.80q of %d bytes; want %q", text("reason"), len(text("reason")), test.reason)
			}
			for _, name := range test.withouts {
				if _, ok := in.MessageAttributes[name]; ok {
					t.Errorf("attribute %s without a text", name)
				}
			}
		})
	}
}

func TestSendInBatches(t *testing.T) {
	t.Parallel()
	var bodies []string
	for i := range 25 {
		bodies = append(bodies, fmt.Sprint("body ", i))
	}
	f := &fakeSQS{}
	if err := (&Sender{f, "url"}).Send(t.Context(), bodies); err != nil || f.calls != 3 || strings.Join(f.bodies, ",") != strings.Join(bodies, ",") {
		t.Errorf("%d calls, sent %v, %v", f.calls, f.bodies, err)
	}
	f = &fakeSQS{}
	big := strings.Repeat("x", 400<<10)
	if err := (&Sender{f, "url"}).Send(t.Context(), []string{big, big, big, "small"}); err != nil || f.calls != 2 || len(f.bodies) != 4 {
		t.Errorf("big bodies: %d calls, %d sent, %v; want no batch over the limit", f.calls, len(f.bodies), err)
	}
	f = &fakeSQS{}
	if err := (&Sender{f, "url"}).Send(t.Context(), nil); err != nil || f.calls != 0 {
		t.Errorf("nothing: %d calls, %v", f.calls, err)
	}
}

func TestSendPartialFailures(t *testing.T) {
	t.Parallel()
	bodies := strings.Split(strings.Repeat("x ", 12), " ")[:12]
	down := errors.New("down")
	for _, test := range []struct {
		name  string
		batch func(int, *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error)
		want  string
	}{
		{"some refused", func(int, *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
			return &sqs.SendMessageBatchOutput{Failed: []types.BatchResultErrorEntry{{Code: aws.String("InternalError"), Message: aws.String("later")}},
				Successful: make([]types.SendMessageBatchResultEntry, 1)}, nil
		}, "InternalError: later"},
		{"silent loss", func(int, *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
			return &sqs.SendMessageBatchOutput{}, nil
		}, "12 of 12"},
		{"the second call", func(call int, in *sqs.SendMessageBatchInput) (*sqs.SendMessageBatchOutput, error) {
			if call == 2 {
				return nil, down
			}
			return &sqs.SendMessageBatchOutput{Successful: make([]types.SendMessageBatchResultEntry, len(in.Entries))}, nil
		}, "2 of 12 messages failed: down"},
	} {
		f := &fakeSQS{batch: test.batch}
		err := (&Sender{f, "url"}).Send(t.Context(), bodies)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %q", test.name, err, test.want)
		}
	}
}
