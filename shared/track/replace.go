package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// Moved says that a configuration is not what somebody saw when they decided to
// change it. Nothing was written.
type Moved struct {
	ID   string
	Seen *license.Configuration // nil: there was none
	Now  *license.Configuration // nil: there is none any more
}

func (m *Moved) Error() string {
	switch {
	case m.Now == nil:
		return fmt.Sprintf("license %s was deleted meanwhile", m.ID)
	case m.Seen == nil:
		return fmt.Sprintf("license %s was made meanwhile, by %s", m.ID, m.Now.UpdatedBy)
	default:
		return fmt.Sprintf("license %s was changed meanwhile, by %s", m.ID, m.Now.UpdatedBy)
	}
}

// Replace is Configure for a wish that was made on a configuration as it was seen,
// nil when there was none. If it is another by now, also by a commit that came
// between, it writes nothing and returns a *Moved.
func (t *Tracker) Replace(ctx context.Context, seen *license.Configuration, wanted license.Configuration, by string) (*ledger.License, error) {
	const attempts = 20
	for attempt := 1; ; attempt++ {
		l, now, err := t.present(ctx, wanted.ID)
		if err != nil {
			return nil, err
		}
		if Wish(seen) != Wish(now) {
			return nil, &Moved{ID: wanted.ID, Seen: seen, Now: now}
		}
		amended, err := license.Amend(now, wanted, t.Now(), by)
		if err != nil {
			return nil, err
		}
		_, err = t.committer().Configure(ctx, l, amended, by)
		var conflict *ledger.Conflict
		switch {
		case errors.As(err, &conflict) && attempt < attempts: // its usage moved, or its configuration: look again
			continue
		case err != nil:
			return nil, err
		}
		break
	}
	if err := t.Reassociate(ctx); err != nil {
		return nil, fmt.Errorf("license %s is configured; its instances are not counted again (the next sweep does): %w", wanted.ID, err)
	}
	l, _, err := t.committer().Apply(ctx, wanted.ID, dueBatch) // alerts, where no instance was left to count
	return l, err
}

// present loads a license for a change; its configuration is nil when there is none.
func (t *Tracker) present(ctx context.Context, id string) (*ledger.License, *license.Configuration, error) {
	l, err := t.Store.Load(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		return &ledger.License{Configuration: license.Configuration{ID: id}}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return l, &l.Configuration, nil
}

// Wish is what people set in a configuration, as text to compare: without who did it
// and when, and without exemptions, which have a way of their own. That of nil is "".
func Wish(c *license.Configuration) string {
	if c == nil {
		return ""
	}
	wish := *c
	wish.Exemptions, wish.UpdatedBy = nil, ""
	wish.UpdatedAt, wish.TightenedAt, wish.AnswersFrom = time.Time{}, time.Time{}, time.Time{}
	data, err := json.Marshal(wish)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
