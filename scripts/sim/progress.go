package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

const (
	progressFile   = "progress.json"
	violationsFile = "violations.txt"
)

// progress is what is kept between runs of one program.
type progress struct {
	Program string      // its hash
	Done    [][2]uint64 // ranges of seeds that are played, in order, none touching the next
	Failed  []uint64    // seeds with violations

	dir, profile string
}

type failure struct {
	seed uint64
	text string
}

// open reads the progress of this very program, or begins a new one.
func open(dir string) (*progress, error) {
	program, err := hash()
	if err != nil {
		return nil, err
	}
	p := &progress{dir: dir}
	data, err := os.ReadFile(filepath.Join(dir, progressFile))
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(data, p); err != nil {
			return nil, fmt.Errorf("%s: %w; remove it to begin anew", filepath.Join(dir, progressFile), err)
		}
	}
	if p.Program == program {
		return p, nil
	}
	if p.Program != "" {
		fmt.Println("the program has changed: all seeds are played anew")
	}
	return &progress{Program: program, dir: dir}, os.MkdirAll(dir, 0o755)
}

// hash identifies the program that runs.
func hash() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), nil
}

// add notes a range as played.
func (p *progress) add(first, last uint64) {
	p.Done = append(p.Done, [2]uint64{first, last})
	slices.SortFunc(p.Done, func(a, b [2]uint64) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	out := p.Done[:1]
	for _, r := range p.Done[1:] {
		if end := &out[len(out)-1][1]; r[0] <= *end+1 {
			*end = max(*end, r[1])
		} else {
			out = append(out, r)
		}
	}
	p.Done = out
}

// has reports whether all of a range is played.
func (p *progress) has(first, last uint64) bool { return p.played(first, last) == last-first+1 }

// played counts the seeds of a range that are played.
func (p *progress) played(first, last uint64) (n uint64) {
	for _, r := range p.Done {
		if from, to := max(first, r[0]), min(last, r[1]); from <= to {
			n += to - from + 1
		}
	}
	return n
}

// note keeps seeds with violations, each with the command that replays it.
func (p *progress) note(failed []failure) error {
	if len(failed) == 0 {
		return nil
	}
	f, err := os.OpenFile(filepath.Join(p.dir, violationsFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, one := range failed {
		if slices.Contains(p.Failed, one.seed) {
			continue
		}
		p.Failed = append(p.Failed, one.seed)
		line := fmt.Sprintf("seed %d: %s\n\tmake sim SEED=%d PROFILE=%q\n", one.seed, one.text, one.seed, p.profile)
		fmt.Print(line)
		if _, err := f.WriteString(line); err != nil {
			return err
		}
	}
	return f.Close()
}

// save writes the progress so that an interruption leaves the old or the new.
func (p *progress) save() error {
	data, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	path := filepath.Join(p.dir, progressFile)
	if err := os.WriteFile(path+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
