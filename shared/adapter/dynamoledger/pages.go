package dynamoledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"licenseguard/shared/adapter/ledgercodec"
)

// maxKept bounds the bytes of pages that a process remembers.
const maxKept = 32 << 20

// fewPages is up to how many pages are read one by one rather than all.
const fewPages = maxBatchGet

// page is one page as it is stored. Its revision is that of the commit that
// wrote it, so the same revision is the same page.
type page struct {
	revision int64
	data     []byte
}

// keeper remembers the pages that were read or written last: of a large license
// only what changed since is read again. The bytes are never modified.
type keeper struct {
	mu    sync.Mutex
	pages map[string][]page // by license
	bytes int
}

// known returns the remembered pages that a head still has; data is nil for the
// others.
func (k *keeper) known(id string, revisions []int64) [][]byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([][]byte, len(revisions))
	for p, have := range k.pages[id] {
		if p < len(revisions) && have.revision == revisions[p] {
			out[p] = have.data
		}
	}
	return out
}

func (k *keeper) keep(id string, number int, p page) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bytes > maxKept || k.pages == nil {
		k.pages, k.bytes = make(map[string][]page), 0
	}
	pages := k.pages[id]
	for len(pages) <= number {
		pages = append(pages, page{revision: -1})
	}
	k.bytes += len(p.data) - len(pages[number].data)
	pages[number] = p
	k.pages[id] = pages
}

// pagesOf returns the pages of a head that it does not hold itself, or that they
// are no longer those of it.
func (s *Store) pagesOf(ctx context.Context, id string, head ledgercodec.Head) (pages [][]byte, whole bool, err error) {
	pages = s.kept.known(id, head.PageRevisions)
	var missing []item
	for p := range pages {
		if pages[p] == nil && !slices.Contains(head.Held, p) {
			missing = append(missing, key(licensePK(id), pageSK(p)))
		}
	}
	if len(missing) == 0 {
		return pages, true, nil
	}
	var items []item
	if len(missing) <= fewPages {
		items, err = s.batchGet(ctx, missing, "get pages of license "+id)
	} else {
		items, err = s.query(ctx, &dynamodb.QueryInput{KeyConditionExpression: aws.String("PK = :pk AND begins_with(SK, :page)"),
			ExpressionAttributeValues: item{":pk": text(licensePK(id)), ":page": text(pagePart)}})
	}
	if err != nil {
		return nil, false, err
	}
	for _, it := range items {
		number, read, err := pageOf(it)
		if err != nil {
			return nil, false, fmt.Errorf("license %s: %w", id, err)
		}
		s.kept.keep(id, number, read)
		if number < len(pages) && read.revision == head.PageRevisions[number] {
			pages[number] = read.data
		}
	}
	for p := range pages {
		whole = pages[p] != nil || slices.Contains(head.Held, p)
		if !whole {
			break
		}
	}
	return pages, whole, nil
}

func pageOf(it item) (number int, p page, err error) {
	if _, err := fmt.Sscanf(textOf(it, "SK"), pagePart+"%d", &number); err != nil || number < 0 {
		return 0, p, fmt.Errorf("%q is no page's key", textOf(it, "SK"))
	}
	data, ok := it["Entries"].(*types.AttributeValueMemberB)
	if !ok || data.Value == nil {
		return 0, p, errors.New("the page item has no binary Entries")
	}
	p.data = data.Value
	p.revision, err = revisionOf(it)
	return number, p, err
}
