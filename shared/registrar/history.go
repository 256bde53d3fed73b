package registrar

import (
	"context"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Edit is one version of a configuration, told as what changed in it.
type Edit struct {
	Revision    int64 // of the license
	At          time.Time
	By          string
	Deleted     bool // by this edit
	Differences []license.Difference
	// Configuration is how it was then.
	Configuration license.Configuration
}

// History returns who changed a configuration, when and what, the oldest first; also
// of one that was deleted. An id that never was is ledger.ErrNotFound.
func (r *Registrar) History(ctx context.Context, id string) ([]Edit, error) {
	versions, err := r.Store.History(ctx, id)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, fmt.Errorf("%w: %q has no history", ledger.ErrNotFound, id)
	}
	edits := make([]Edit, 0, len(versions))
	var before *license.Configuration
	for i := range versions {
		v := &versions[i]
		edits = append(edits, Edit{Revision: v.Revision, At: v.Configuration.UpdatedAt, By: v.Configuration.UpdatedBy, Deleted: v.Deleted,
			Differences: license.Differences(before, &v.Configuration), Configuration: v.Configuration})
		before = &v.Configuration
	}
	return edits, nil
}
