package simulator

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"licenseguard/shared/ledger"
	"licenseguard/shared/license"
)

// register is what stays of configurations, and the documents.
type register struct {
	history   map[string][]ledger.Version
	deleted   map[string]license.Configuration
	documents map[ledger.DocumentKind]map[string]ledger.Document
}

func (r *register) keep(c ledger.Commit) {
	if r.history == nil {
		r.history, r.deleted = make(map[string][]ledger.Version), make(map[string]license.Configuration)
	}
	id := c.License.Configuration.ID
	r.history[id] = append(r.history[id], ledger.Version{Revision: c.License.Revision, Deleted: c.Deleted, Configuration: c.License.Configuration})
	if c.Deleted {
		r.deleted[id] = c.License.Configuration
	}
}

func (r *register) History(_ context.Context, id string) ([]ledger.Version, error) {
	return slices.Clone(r.history[id]), nil
}

func (r *register) DeletedConfigurations(context.Context) ([]license.Configuration, error) {
	return slices.SortedFunc(maps.Values(r.deleted), func(a, b license.Configuration) int { return cmp.Compare(a.ID, b.ID) }), nil
}

func (r *register) LoadDocument(_ context.Context, kind ledger.DocumentKind, id string) (ledger.Document, error) {
	if d, ok := r.documents[kind][id]; ok {
		return d, nil
	}
	return ledger.Document{Kind: kind, ID: id}, nil
}

func (r *register) Documents(_ context.Context, kind ledger.DocumentKind, prefix string) (out []ledger.Document, err error) {
	for _, id := range slices.Sorted(maps.Keys(r.documents[kind])) {
		if strings.HasPrefix(id, prefix) {
			out = append(out, r.documents[kind][id])
		}
	}
	return out, nil
}

func (r *register) PutDocument(_ context.Context, d ledger.Document) error {
	if r.documents[d.Kind][d.ID].Revision != d.Revision-1 {
		return &ledger.Conflict{License: string(d.Kind) + "#" + d.ID}
	}
	if r.documents == nil {
		r.documents = make(map[ledger.DocumentKind]map[string]ledger.Document)
	}
	if r.documents[d.Kind] == nil {
		r.documents[d.Kind] = make(map[string]ledger.Document)
	}
	r.documents[d.Kind][d.ID] = d
	return nil
}

func (r *register) DropDocument(_ context.Context, kind ledger.DocumentKind, id string) error {
	delete(r.documents[kind], id)
	return nil
}
