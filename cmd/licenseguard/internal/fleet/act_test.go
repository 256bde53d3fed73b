package fleet_test

import (
	"errors"
	"maps"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/fleet"
	"licenseguard/shared/enforce"
	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// TestStopAndStartAsEC2Does: a start is a new launch, and each state is told.
func TestStopAndStartAsEC2Does(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	id, s := license.NewResourceID("123456789012", "us-east-1", "i-1"), track.Scope{Account: "123456789012", Region: "us-east-1"}
	f := fleet.New(func() time.Time { return now }, []license.Instance{{ID: id, State: license.Running, LaunchTime: now, Tags: map[string]string{"a": "1", "b": "2"}}}, nil)
	var told []license.State
	f.Changed = func(_ license.ResourceID, state license.State, _ time.Time) { told = append(told, state) }
	ctx := t.Context()
	for _, step := range []struct {
		do   func() error
		want license.State
		told int
	}{
		{func() error { return f.Start(ctx, s, "i-1") }, license.Running, 0}, // it runs
		{func() error { return f.Stop(ctx, s, "i-1") }, license.Stopped, 2},
		{func() error { return f.Stop(ctx, s, "i-1") }, license.Stopped, 2},
		{func() error { return f.Start(ctx, s, "i-1") }, license.Running, 4},
	} {
		now = now.Add(time.Hour)
		if err := step.do(); err != nil {
			t.Error(err)
		}
		if in, _ := f.Get(id); in.State != step.want || len(told) != step.told {
			t.Errorf("it is %s and told %v, want %s and %d states", in.State, told, step.want, step.told)
		}
	}
	if in, _ := f.Get(id); !in.LaunchTime.Equal(now) || !in.StoppedAt.IsZero() {
		t.Errorf("launched %s, stopped %s; want a launch at %s", in.LaunchTime, in.StoppedAt, now)
	}

	before, _ := f.Get(id)
	if err := errors.Join(f.Untag(ctx, s, "i-1", []string{"a", "c"}), f.Untag(ctx, s, "i-1", nil)); err != nil {
		t.Error(err)
	}
	if in, _ := f.Get(id); !maps.Equal(in.Tags, map[string]string{"b": "2"}) || len(before.Tags) != 2 {
		t.Errorf("tags %v, and %v as they were seen before", in.Tags, before.Tags)
	}
	for what, err := range map[string]error{"start": f.Start(ctx, s, "i-2"), "stop": f.Stop(ctx, s, "i-2"), "tag": f.Tag(ctx, s, "i-2", nil), "untag": f.Untag(ctx, s, "i-2", nil)} {
		if !errors.Is(err, enforce.ErrGone) {
			t.Errorf("%s of what is not there: %v", what, err)
		}
	}
}
