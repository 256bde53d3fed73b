package registrar

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
)

// Settings are those of the service that a person can set. They are kept and
// returned; only what a deployment watches decides whose instances are counted.
type Settings struct {
	OrganizationIntegration bool     `json:",omitempty"`
	CrossAccountsDiscovery  bool     `json:",omitempty"`
	SourceRegions           []string `json:",omitempty"`
	UpdatedAt               time.Time
	UpdatedBy               string
}

const settingsID = "service"

// Settings returns them as they are.
func (r *Registrar) Settings(ctx context.Context) (Settings, error) {
	s, _, err := r.loadSettings(ctx)
	return s, err
}

func (r *Registrar) loadSettings(ctx context.Context) (s Settings, revision int64, err error) {
	d, err := r.Store.LoadDocument(ctx, ledger.ServiceSettings, settingsID)
	if err != nil || d.Revision == 0 {
		return s, 0, err
	}
	if err := json.Unmarshal(d.Data, &s); err != nil {
		return s, 0, fmt.Errorf("decode service settings: %w", err)
	}
	return s, d.Revision, nil
}

// ChangeSettings stores what a function makes of them. A *ledger.Conflict says that
// another change came between; nothing is written.
func (r *Registrar) ChangeSettings(ctx context.Context, by string, change func(*Settings)) error {
	s, revision, err := r.loadSettings(ctx)
	if err != nil {
		return err
	}
	change(&s)
	s.UpdatedAt, s.UpdatedBy = r.Now().UTC().Truncate(time.Millisecond), by
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode service settings: %w", err)
	}
	return r.Store.PutDocument(ctx, ledger.Document{Kind: ledger.ServiceSettings, ID: settingsID, Revision: revision + 1, Data: data})
}
