package registrar

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Failure is an association that did not fit when it was made.
type Failure struct {
	ID        string // in the order of time within a license
	Resource  license.ResourceID
	Message   string
	At        time.Time
	By        string // who asked for it
	Operation string
}

// keptFailures is how many failures of a license are kept: the newest.
const keptFailures = 1000

// OperationAssociate names the operation that a failure is of.
const OperationAssociate = "UpdateLicenseSpecificationsForResource"

// Failures returns those of a license, the oldest first.
func (r *Registrar) Failures(ctx context.Context, id string) ([]Failure, error) {
	documents, err := r.Store.Documents(ctx, ledger.AssociationFailure, id+"#")
	if err != nil {
		return nil, err
	}
	out := make([]Failure, 0, len(documents))
	for _, d := range documents {
		var f Failure
		if err := json.Unmarshal(d.Data, &f); err != nil {
			return nil, fmt.Errorf("decode failure %s: %w", d.ID, err)
		}
		f.ID = d.ID
		out = append(out, f)
	}
	return out, nil
}

// fail lists a failure. The association stands whether or not that works, so a store
// that refuses it is only logged.
func (r *Registrar) fail(ctx context.Context, u Unfit, by string) {
	id, now := u.License.Configuration.ID, r.Now().UTC().Truncate(time.Millisecond)
	f := Failure{Resource: u.Resource, Message: u.String(), At: now, By: by, Operation: OperationAssociate}
	data, err := json.Marshal(f)
	if err == nil {
		err = r.Store.PutDocument(ctx, ledger.Document{Kind: ledger.AssociationFailure, Revision: 1, Data: data,
			ID: fmt.Sprintf("%s#%013d#%s", id, now.UnixMilli(), u.Resource.AWSID())})
	}
	if err == nil {
		err = r.trimFailures(ctx, id, keptFailures)
	}
	if err != nil {
		r.Log.WarnContext(ctx, "association failure not listed", "license", id, "resource", u.Resource, "error", err)
	}
}

func (r *Registrar) trimFailures(ctx context.Context, id string, keep int) error {
	documents, err := r.Store.Documents(ctx, ledger.AssociationFailure, id+"#")
	if err != nil {
		return err
	}
	for _, d := range documents[:max(0, len(documents)-keep)] {
		if err := r.Store.DropDocument(ctx, d.Kind, d.ID); err != nil {
			return err
		}
	}
	return nil
}

// dropFailures forgets those of a deleted license.
func (r *Registrar) dropFailures(ctx context.Context, id string) {
	if err := r.trimFailures(ctx, id, 0); err != nil {
		r.Log.WarnContext(ctx, "association failures of a deleted license not dropped", "license", id, "error", err)
	}
}
