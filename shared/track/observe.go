package track

import (
	"context"
	"fmt"
)

// Observed says what became of the instances that Observe was asked for, by their
// AWS ids. What is in neither is recorded.
type Observed struct {
	Missing []string         // AWS does not know them, by two looks
	Failed  map[string]error // not in all licenses, or not all that applies to them is known
}

// Observe looks at instances and records what is true of them before it
// returns, as Handle does for those that events name. eventIDs are the events that
// named them, by AWS id.
func (t *Tracker) Observe(ctx context.Context, s Scope, ids []string, eventIDs map[string]string) (Observed, error) {
	out := Observed{Missing: ids, Failed: make(map[string]error)}
	for look := 0; look < 2 && len(out.Missing) > 0; look++ {
		if look > 0 {
			if err := t.wait(ctx, secondLook); err != nil {
				return out, err
			}
		}
		var err error
		if out.Missing, err = t.observeKnown(ctx, s, out.Missing, eventIDs, out.Failed); err != nil {
			return out, err
		}
	}
	return out, nil
}

// observeKnown records those that AWS knows and returns the rest.
func (t *Tracker) observeKnown(ctx context.Context, s Scope, ids []string, eventIDs map[string]string, failed map[string]error) (missing []string, err error) {
	b := &batch{t: t}
	hints := make([]pending, len(ids))
	for i, id := range ids {
		hints[i].hint.ID = id
	}
	observed := t.Now()
	described, err := b.describe(ctx, s, hints)
	if err != nil {
		return nil, err
	}
	var sightings []sighting
	for _, id := range ids {
		if in, known := described[id]; known {
			sightings = append(sightings, sighting{instance: in, observed: observed, happened: observed, eventID: eventIDs[id]})
		} else {
			missing = append(missing, id)
		}
	}
	r, err := t.record(ctx, s, sightings)
	if err != nil {
		return nil, err
	}
	for id, err := range r.failed {
		failed[id.AWSID()] = err
	}
	for id := range r.untraced {
		if failed[id.AWSID()] == nil && r.untraced[id] {
			failed[id.AWSID()] = fmt.Errorf("AWS could not be asked from which image that of %s was made", id)
		}
	}
	return missing, nil
}
