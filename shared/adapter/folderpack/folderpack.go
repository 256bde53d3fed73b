// Package folderpack keeps a pack of evidence in a folder, and reads the reports
// that lie in one.
package folderpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"licenseguard/shared/compact"
	"licenseguard/shared/evidence"
)

var (
	_ evidence.Vault = Folder{}
	_ evidence.Pack  = Folder{}
	_ compact.Store  = Folder{}
)

// Folder is a folder on this machine. Paths in it are written with slashes. It
// follows no link: a link is in no pack.
type Folder struct{ dir string }

// New returns the folder, which Put makes where it is missing.
func New(dir string) Folder { return Folder{dir} }

// Files implements evidence.Pack.
func (f Folder) Files(ctx context.Context) (map[string]int64, error) { return f.below(ctx, f.dir) }

func (f Folder) below(ctx context.Context, dir string) (map[string]int64, error) {
	files := make(map[string]int64)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, ctx.Err())
		}
		name, err := filepath.Rel(f.dir, path)
		if err != nil {
			return err
		}
		size := int64(-1)
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			size = info.Size()
		}
		files[filepath.ToSlash(name)] = size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list folder: %w", err)
	}
	return files, nil
}

// Open implements evidence.Pack.
func (f Folder) Open(_ context.Context, path string) (io.ReadCloser, error) {
	return os.Open(f.at(path))
}

// List implements evidence.Source. A folder that is not there holds nothing.
func (f Folder) List(ctx context.Context, prefix string) ([]string, error) {
	files, err := f.below(ctx, f.at(prefix[:strings.LastIndexByte(prefix, '/')+1]))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	maps.DeleteFunc(files, func(path string, _ int64) bool { return !strings.HasPrefix(path, prefix) })
	return slices.Sorted(maps.Keys(files)), err
}

// Get implements evidence.Source.
func (f Folder) Get(_ context.Context, key string) ([]byte, error) { return os.ReadFile(f.at(key)) }

// Put implements evidence.Vault. A file is there whole, or not at all.
func (f Folder) Put(_ context.Context, key string, body []byte, _ string) error {
	path := f.at(key)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	if err := os.WriteFile(path+".new", body, 0o644); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

func (f Folder) at(path string) string { return filepath.Join(f.dir, filepath.FromSlash(path)) }
