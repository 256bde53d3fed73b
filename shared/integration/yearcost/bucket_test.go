package yearcost_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// smallObject is the size below which S3 moves no object to another storage class
// (S3 user guide, lifecycle transitions, since September 2024).
const smallObject = 128 << 10

// keysAPage is how many keys one list request gives.
const keysAPage = 1000

// folder is what was put under one prefix.
type folder struct {
	objects, large int
	bytes          int64
	largeBytes     int64
	columns        map[string]int64 // of Parquet: compressed bytes by column
	footers        int64            // and what is not of a column
}

// counts is what was counted.
type counts struct {
	folders          map[string]*folder
	put, get, list   int
	macs, signatures int // requests of KMS; a public key counts as a signature
	sends, messages  int // of queues
}

func newCounts() *counts { return &counts{folders: make(map[string]*folder)} }

func (c *counts) folder(name string) *folder {
	if c.folders[name] == nil {
		c.folders[name] = &folder{columns: make(map[string]int64)}
	}
	return c.folders[name]
}

// object notes an object that was put.
func (c *counts) object(name string, body []byte) error {
	c.put++
	f, size := c.folder(name), int64(len(body))
	f.objects++
	f.bytes += size
	if size >= smallObject {
		f.large++
		f.largeBytes += size
	}
	if !bytes.HasPrefix(body, []byte("PAR1")) {
		return nil
	}
	file, err := parquet.OpenFile(bytes.NewReader(body), size)
	if err != nil {
		return err
	}
	rest := size
	for _, group := range file.Metadata().RowGroups {
		for _, chunk := range group.Columns {
			f.columns[strings.Join(chunk.MetaData.PathInSchema, ".")] += chunk.MetaData.TotalCompressedSize
			rest -= chunk.MetaData.TotalCompressedSize
		}
	}
	f.footers += rest
	return nil
}

// bucket is a bucket in memory that counts.
type bucket struct {
	name    string // before the names of its folders
	counted *counts
	bodies  map[string]map[string][]byte // by folder, by key; nil: only the key is kept
	keep    func(key string) bool        // whose bodies are read again
}

// folderOf cuts a key at its last slash.
func folderOf(key string) string { return key[:strings.LastIndex(key, "/")+1] }

func (b *bucket) Put(_ context.Context, key string, body []byte, _ string) error {
	if b.bodies[folderOf(key)] == nil {
		b.bodies[folderOf(key)] = make(map[string][]byte)
	}
	prefix, _, _ := strings.Cut(key, "/")
	if err := b.counted.object(b.name+prefix, body); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if !b.keep(key) {
		body = nil
	}
	b.bodies[folderOf(key)][key] = slices.Clone(body)
	return nil
}

func (b *bucket) Get(_ context.Context, key string) ([]byte, error) {
	b.counted.get++
	body, ok := b.bodies[folderOf(key)][key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	if body == nil {
		return nil, fmt.Errorf("%s was put and is not kept", key)
	}
	return slices.Clone(body), nil
}

func (b *bucket) List(_ context.Context, prefix string) ([]string, error) {
	var keys []string
	for name, inside := range b.bodies {
		switch {
		case strings.HasPrefix(name, prefix):
			keys = slices.AppendSeq(keys, maps.Keys(inside))
		case strings.HasPrefix(prefix, name):
			for key := range inside {
				if strings.HasPrefix(key, prefix) {
					keys = append(keys, key)
				}
			}
		}
	}
	slices.Sort(keys)
	b.counted.list += max(1, (len(keys)+keysAPage-1)/keysAPage)
	return keys, nil
}

// forget drops the bodies of a day: nobody reads them any more.
func (b *bucket) forget(day string) {
	for name, inside := range b.bodies {
		if strings.Contains(name, day) {
			for key := range inside {
				inside[key] = nil
			}
		}
	}
}

// queue counts what is sent to it, in tens.
type queue struct{ counted *counts }

func (q queue) Send(_ context.Context, bodies []string) error {
	q.counted.messages += len(bodies)
	q.counted.sends += (len(bodies) + 9) / 10
	return nil
}
