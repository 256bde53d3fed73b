package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "sim")
	p, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.add(201, 400)
	p.add(801, 1000)
	p.add(1, 200)
	if want := [][2]uint64{{1, 400}, {801, 1000}}; !reflect.DeepEqual(p.Done, want) {
		t.Errorf("done %v, want %v", p.Done, want)
	}
	if !p.has(100, 300) || p.has(300, 500) || p.played(301, 900) != 200 {
		t.Errorf("has 100..300 %v, 300..500 %v, played of 301..900 %d; want true, false, 200", p.has(100, 300), p.has(300, 500), p.played(301, 900))
	}
	if err := p.note([]failure{{7, "something is wrong"}, {7, "again"}}); err != nil {
		t.Fatal(err)
	}
	if err := p.save(); err != nil {
		t.Fatal(err)
	}

	again, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again.Done, p.Done) || !reflect.DeepEqual(again.Failed, []uint64{7}) {
		t.Errorf("opened again: %v, failed %v", again.Done, again.Failed)
	}
	text, err := os.ReadFile(filepath.Join(dir, violationsFile))
	if err != nil || strings.Count(string(text), "make sim SEED=7") != 1 {
		t.Errorf("violations %q, %v; want the seed once, with its command", text, err)
	}

	again.Program = "another"
	if err := again.save(); err != nil {
		t.Fatal(err)
	}
	if anew, err := open(dir); err != nil || len(anew.Done) != 0 || len(anew.Failed) != 0 {
		t.Errorf("another program goes on with %+v, %v; want it to begin anew", anew, err)
	}
}
