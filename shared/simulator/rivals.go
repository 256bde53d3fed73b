package simulator

import (
	"context"
	"errors"

	"licenseguard/shared/ledger"
)

// rivals makes writes and lists fail as DynamoDB's do. A commit is refused for a rival's
// transaction, or refused at the SDK's second try because the first one, whose
// answer was lost, was applied. A batch is written in part, a list breaks off.
type rivals struct {
	ledger.Store
	b *box
}

func (r rivals) Commit(ctx context.Context, c ledger.Commit) error {
	s := r.b.p.sim
	if !s.faulty {
		return r.Store.Commit(ctx, c)
	}
	s.stats.CommitsTried++
	if !s.dice.chance(s.profile.conflict) {
		return r.Store.Commit(ctx, c)
	}
	s.stats.Refused++
	id := c.License.Configuration.ID
	if s.dice.chance(0.7) {
		s.note(r.b.p, "commit of %s meets a rival transaction", id)
		return &ledger.Conflict{License: id}
	}
	if err := r.Store.Commit(ctx, c); err != nil {
		return err
	}
	s.note(r.b.p, "commit of %s is applied, and refused at the SDK's second try", id)
	conflict := &ledger.Conflict{License: id}
	if newer, err := s.store.Load(ctx, id); err == nil && len(c.Dirty) == 0 && !c.Configured {
		conflict.Newer = newer
	}
	return conflict
}

func (r rivals) SaveFacts(ctx context.Context, list []ledger.Facts) error {
	s := r.b.p.sim
	if len(list) > 1 && s.faulty && s.dice.chance(s.profile.partial) {
		s.stats.Partial++
		s.note(r.b.p, "facts are written in part")
		return errors.Join(r.Store.SaveFacts(ctx, list[:s.dice.IntN(len(list))]), errThrottled)
	}
	return r.Store.SaveFacts(ctx, list)
}

func (r rivals) EachFacts(ctx context.Context, account, region string, each func(ledger.Facts) error) error {
	s := r.b.p.sim
	left := -1
	if s.faulty && s.dice.chance(s.profile.partial) {
		s.stats.Partial++
		left = s.dice.IntN(5)
	}
	return r.Store.EachFacts(ctx, account, region, func(f ledger.Facts) error {
		if left == 0 {
			return errThrottled
		}
		left--
		return each(f)
	})
}
