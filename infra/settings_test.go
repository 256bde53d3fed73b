package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettingsByDefault(t *testing.T) {
	t.Parallel()
	got, err := readSettings(func(string) any { return nil })
	want := settings{
		retain: true, dist: "dist", dashboard: true, reserved: map[string]int{},
		concurrency: 5, window: 1, runbook: "docs/runbook.md",
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(settings{})); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestSettingsRefuse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, key string
		value     any
		want      string
	}{
		{"account as a number", contextAccounts, []any{float64(123456789012)}, "put it in quotes"},
		{"account of 11 digits", contextAccounts, "12345678901", "12 digits"},
		{"retain by typing error", contextRetain, "flase", "neither true nor false"},
		{"retain as a number", contextRetain, float64(0), "neither true nor false"},
		{"no e-mail address", contextEmails, "ops", "e-mail"},
		{"e-mail address with a name", contextEmails, "Ops <ops@example.com>", "e-mail"},
		{"e-mail address twice", contextEmails, "a@example.com,a@example.com", "twice"},
		{"unknown function", contextReserved, "trak=1", "track=20"},
		{"no number", contextReserved, "track", "track=20"},
		{"nothing reserved", contextReserved, "track=0", "track=20"},
		{"concurrency below what Lambda takes", contextConcurrency, "1", "from 2 to 1000"},
		{"half a second", contextWindow, 0.5, "from 1 to 300"},
		{"window in words", contextWindow, "one", "from 1 to 300"},
		{"dist as a list", contextDist, []any{"dist"}, "not a string"},
		{"emails as a map", contextEmails, map[string]any{}, "neither a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := readSettings(func(key string) any {
				if key == tt.key {
					return tt.value
				}
				return nil
			})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.key) {
				t.Errorf("got %v, want %q of %q", err, tt.want, tt.key)
			}
		})
	}
}

func TestMissingBuildSaysWhatToDo(t *testing.T) {
	t.Parallel()
	err := checkBuilt(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("got %v", err)
	}
}
