package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
)

// Run is what became of a generator's last run.
type Run struct {
	Status string    // Succeeded or Failed
	Reason string    `json:",omitempty"` // of a failure, or what is to be known of a success
	At     time.Time // when it was tried
	Made   time.Time `json:",omitzero"` // when the last report was made
	Slot   time.Time `json:",omitzero"` // the instant of the schedule that it is for
	Keys   []string  `json:",omitempty"`

	revision int64
}

// The statuses. AWS documents none.
const (
	Succeeded = "SUCCEEDED"
	Failed    = "FAILED"
)

// LastRun returns the last run of a generator; ok is false where there was none.
func LastRun(ctx context.Context, store ledger.Documents, generator string) (r Run, ok bool, err error) {
	d, err := store.LoadDocument(ctx, ledger.ReportRuns, generator)
	if err != nil || d.Revision == 0 {
		return Run{}, false, err
	}
	if err := json.Unmarshal(d.Data, &r); err != nil {
		return Run{}, false, fmt.Errorf("decode the last run of report generator %s: %w", generator, err)
	}
	r.revision = d.Revision
	return r, true, nil
}

// LastRuns returns the last runs of all generators, by their ids.
func LastRuns(ctx context.Context, store ledger.Documents) (map[string]Run, error) {
	documents, err := store.Documents(ctx, ledger.ReportRuns, "")
	if err != nil {
		return nil, err
	}
	runs := make(map[string]Run, len(documents))
	for _, d := range documents {
		var r Run
		if err := json.Unmarshal(d.Data, &r); err != nil {
			return nil, fmt.Errorf("decode the last run of report generator %s: %w", d.ID, err)
		}
		runs[d.ID] = r
	}
	return runs, nil
}

// save keeps a run. Another that was first did the same work.
func save(ctx context.Context, store ledger.Documents, generator string, r Run) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encode the run of report generator %s: %w", generator, err)
	}
	err = store.PutDocument(ctx, ledger.Document{Kind: ledger.ReportRuns, ID: generator, Revision: r.revision + 1, Data: data})
	var conflict *ledger.Conflict
	if errors.As(err, &conflict) {
		return nil
	}
	return err
}
