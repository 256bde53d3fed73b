package track

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
)

// Heartbeat says since when events are taken in without a break. A tick goes every
// minute the way that events go, through the rule, the intake queue and the function; one
// that came through in time is a beat. It proves that this way was open, and not that EC2
// sent an event for all that happened: that is what the drift of sweeps tells.
type Heartbeat struct {
	Unbroken           // by BeatsApart
	Last     time.Time // the newest beat that was kept

	revision int64
}

const (
	// BeatsApart is how far apart beats may be, and how late a tick: what stands in the
	// queue for longer, as after a stop of the function, proves nothing of then.
	BeatsApart = 15 * time.Minute
	// beatEvery is how often a beat is kept: 288 small writes a day.
	beatEvery = 5 * time.Minute
	// heartbeatID is the document of the one function that takes events in.
	heartbeatID = "track"
)

// LoadHeartbeat returns what is kept; the zero value where there was no beat yet.
func LoadHeartbeat(ctx context.Context, documents ledger.Documents) (h Heartbeat, err error) {
	d, err := documents.LoadDocument(ctx, ledger.Heartbeat, heartbeatID)
	if err == nil && d.Revision > 0 {
		err = json.Unmarshal(d.Data, &h)
	}
	if err != nil {
		return Heartbeat{}, fmt.Errorf("read the heartbeat: %w", err)
	}
	h.revision = d.Revision
	return h, nil
}

// hear keeps the beat of a tick that was sent at a time, if it came in time and the
// last one was kept long enough ago. Of two functions that keep one at once, one does.
func (t *Tracker) hear(ctx context.Context, sent time.Time) error {
	now := t.Now()
	if sent.After(now) { // clocks differ
		sent = now
	}
	if t.Documents == nil || now.Sub(sent) > BeatsApart || sent.Sub(t.beat.Last) < beatEvery {
		return nil
	}
	h, err := LoadHeartbeat(ctx, t.Documents)
	if err != nil {
		return err
	}
	if sent.Sub(h.Last) >= beatEvery {
		h.note(h.Last, sent, BeatsApart)
		h.Last = sent
		data, err := json.Marshal(h)
		if err != nil {
			return err
		}
		h.revision++
		err = t.Documents.PutDocument(ctx, ledger.Document{Kind: ledger.Heartbeat, ID: heartbeatID, Revision: h.revision, Data: data})
		if err != nil && !taken(err) {
			return fmt.Errorf("keep the heartbeat: %w", err)
		}
	}
	t.beat = h
	return nil
}
