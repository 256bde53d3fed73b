package main

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"licenseguard/shared/evidence"
)

// filesAt opens a place and returns the names of its files of one kind, in order.
func filesAt(ctx context.Context, place, ext string) (evidence.Pack, []string, error) {
	pack, err := packAt(ctx, place)
	if err != nil {
		return nil, nil, err
	}
	all, err := pack.Files(ctx)
	if err != nil {
		return nil, nil, err
	}
	files := slices.Sorted(maps.Keys(all))
	return pack, slices.DeleteFunc(files, func(name string) bool { return path.Ext(name) != ext }), nil
}

// readFiles reads files of a place, those of a bucket many at once: most of the time is
// spent waiting for the first byte. What was read is taken by one at a time, in any
// order. An error names the file.
func readFiles[T any](ctx context.Context, pack evidence.Pack, place string, files []string, read func(context.Context, evidence.Pack, string) (T, error), take func(T) error) error {
	workers := 1
	if strings.HasPrefix(place, schemeS3) {
		workers = waitingAtOnce
	}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for _, name := range files {
		group.Go(func() error {
			body, err := read(ctx, pack, name)
			if err == nil {
				mu.Lock()
				defer mu.Unlock()
				err = take(body)
			}
			if err != nil {
				return fmt.Errorf("%s/%s, %w", strings.TrimSuffix(place, "/"), name, err)
			}
			return nil
		})
	}
	return group.Wait()
}
