package eventbus

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"licenseguard/shared/config"
)

type fakeBridge struct {
	in  *eventbridge.PutEventsInput
	out eventbridge.PutEventsOutput
	err error
}

func (f *fakeBridge) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	f.in = in
	return &f.out, f.err
}

func TestPut(t *testing.T) {
	t.Parallel()
	f := &fakeBridge{}
	if err := (&Bus{f, "bus"}).Put(t.Context(), "License Alert", []byte(`{"a":1}`), []string{"arn"}); err != nil {
		t.Fatal(err)
	}
	e := f.in.Entries[0]
	if len(f.in.Entries) != 1 || aws.ToString(e.Source) != config.EventSource || aws.ToString(e.EventBusName) != "bus" ||
		aws.ToString(e.DetailType) != "License Alert" || aws.ToString(e.Detail) != `{"a":1}` || len(e.Resources) != 1 {
		t.Errorf("put %+v", f.in.Entries)
	}
}

func TestPutFailures(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	if err := (&Bus{&fakeBridge{err: down}, "bus"}).Put(t.Context(), "x", nil, nil); !errors.Is(err, down) {
		t.Errorf("error %v; want %v", err, down)
	}
	for want, entries := range map[string][]types.PutEventsResultEntry{
		"ThrottlingException: slow": {{ErrorCode: aws.String("ThrottlingException"), ErrorMessage: aws.String("slow")}},
		"did not say why":           {{}},
		"not say":                   nil,
	} {
		f := &fakeBridge{out: eventbridge.PutEventsOutput{FailedEntryCount: 1, Entries: entries}}
		if err := (&Bus{f, "bus"}).Put(t.Context(), "x", nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a refused event: %v; want %q", err, want)
		}
	}
}
