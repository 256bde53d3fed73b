package handler_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"licenseguard/shared/adapter/handler"
	"licenseguard/shared/adapter/parquetfile"
	"licenseguard/shared/compact"
	"licenseguard/shared/evidence"
	"licenseguard/shared/evidence/evidencetest"
	"licenseguard/shared/telemetry"
)

type mail struct{ subject, message string }

type mailbox struct {
	got []mail
	err error
}

func (m *mailbox) Publish(_ context.Context, subject, message string, attributes map[string]string) error {
	if attributes["kind"] != "evidence-head" || attributes["severity"] != "info" {
		return errors.New("without its attributes")
	}
	m.got = append(m.got, mail{subject, message})
	return m.err
}

func compactor(reports evidencetest.Bucket, now *time.Time) *compact.Compactor {
	return &compact.Compactor{Store: reports, Codec: parquetfile.Encoder{}, Now: func() time.Time { return *now }}
}

// Heads go to the log every day, and to people once a week; what they are told proves
// the pack.
func TestSealTellsHeads(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	friday := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	fleet := evidencetest.Fleet{Licenses: 1, ChangesADay: 2, RowsAnObject: 2, SnapshotsADay: 1, SnapshotBytes: 9}
	var log, metrics bytes.Buffer
	box, now := &mailbox{}, friday
	h := handler.Seal{Topic: box, Bucket: "bucket", Log: telemetry.Logger(&log, "seal"), Metrics: &metrics, Compact: compactor(source, &now), Sealer: &evidence.Sealer{
		Ledger: "ledger", Source: source, Vault: vault, Signer: key, MAC: evidencetest.MAC, Margin: handler.SealMargin, Now: func() time.Time { return now }}}
	wantMails := []int{1, 1, 2, 2, 2, 2, 2, 2, 2, 3} // after Friday, the first; after Sundays
	for day, want := range wantMails {
		fleet.Write(source, friday.AddDate(0, 0, day))
		for range 2 { // the second run finds nothing to do
			now = friday.AddDate(0, 0, day+1).Add(2 * time.Hour)
			if _, err := h.Handle(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(box.got) != want {
			t.Errorf("after day %d there are %d mails, want %d", day, len(box.got), want)
		}
		if n := strings.Count(log.String(), `"msg":"day sealed"`); n != day+1 {
			t.Errorf("after day %d the log tells %d heads", day, n)
		}
	}
	if strings.Count(metrics.String(), "Success") != 2*2*len(wantMails) { // name and value of each run
		t.Errorf("metrics: %s", metrics.String())
	}
	var texts map[string]string
	if err := json.Unmarshal([]byte(box.got[2].message), &texts); err != nil {
		t.Fatal(err)
	}
	var told struct{ Head, Day, Kind string }
	if err := json.Unmarshal([]byte(texts["sqs"]), &told); err != nil || told.Kind != "evidence-head" || !strings.Contains(texts["default"], told.Head) {
		t.Fatalf("%v: %+v\n%s", err, told, texts["default"])
	}
	head, err := evidence.ParseHead(told.Head)
	if err != nil {
		t.Fatal(err)
	}
	r, err := evidence.Verify(t.Context(), vault, evidence.Options{Keys: []evidence.PublicKey{key.Public()}, Head: &head})
	if err != nil || !r.HeadProven || len(r.Findings) > 0 || r.Last != "2026-11-29" || told.Day != "2026-11-29" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSealSaysThatItFailed(t *testing.T) {
	t.Parallel()
	source := evidencetest.Bucket{"changes/dt=2026-11-20/lic-a-1-1.jsonl": []byte("no row")}
	var log, metrics bytes.Buffer
	night := time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC)
	h := handler.Seal{Topic: &mailbox{}, Log: telemetry.Logger(&log, "seal"), Metrics: &metrics, Compact: compactor(evidencetest.Bucket{}, &night), Sealer: &evidence.Sealer{
		Ledger: "ledger", Source: source, Vault: evidencetest.Bucket{}, Signer: evidencetest.NewKey(), MAC: evidencetest.MAC, Now: func() time.Time { return night }}}
	if _, err := h.Handle(t.Context()); err == nil || metrics.Len() > 0 || !strings.Contains(log.String(), "2026-11-20") {
		t.Errorf("%v\n%s%s", err, log.String(), metrics.String())
	}
}

// readOnly is a bucket that may not be written.
type readOnly struct{ evidencetest.Bucket }

func (readOnly) Put(context.Context, string, []byte, string) error { return errors.New("AccessDenied") }

// TestSealCompacts: a day is compacted once, when no more of it can come; what fails is
// told and made up for, and sealing goes on meanwhile.
func TestSealCompacts(t *testing.T) {
	t.Parallel()
	source, vault := evidencetest.Bucket{}, evidencetest.Bucket{}
	day := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	fleet := evidencetest.Fleet{Licenses: 2, ChangesADay: 6, RowsAnObject: 2}
	fleet.Write(source, day)
	fleet.Write(source, day.AddDate(0, 0, 1))
	var log, metrics bytes.Buffer
	now := day.AddDate(0, 0, 2).Add(2 * time.Hour)
	h := handler.Seal{Topic: &mailbox{}, Log: telemetry.Logger(&log, "seal"), Metrics: &metrics, Compact: compactor(source, &now), Sealer: &evidence.Sealer{
		Ledger: "ledger", Source: source, Vault: vault, Signer: evidencetest.NewKey(), MAC: evidencetest.MAC, Margin: handler.SealMargin, Now: func() time.Time { return now }}}
	parquets := func() (n int) {
		for key := range source {
			if strings.HasPrefix(key, "history/") && strings.HasSuffix(key, ".parquet") {
				n++
			}
		}
		return n
	}
	run := func(want int, failed bool) {
		t.Helper()
		if _, err := h.Handle(t.Context()); (err != nil) != failed || parquets() != want {
			t.Errorf("at %s: %d files of the history, %v; want %d", now, parquets(), err, want)
		}
	}
	run(1, false) // the first day; to the second rows may come
	run(1, false)
	now = now.AddDate(0, 0, 1)
	h.Compact.Store = readOnly{source}
	fleet.Write(source, day.AddDate(0, 0, 2))
	run(1, true)
	if !strings.Contains(log.String(), "compact 2026-11-21: AccessDenied") || vault[evidence.Path("2026-11-22")] == nil {
		t.Errorf("it is not said, or held up sealing: %s", log.String())
	}
	h.Compact.Store = source
	run(2, false)
	now = now.AddDate(0, 0, 5)
	run(3, false)
	if n := strings.Count(log.String(), `"msg":"day compacted"`); n != 3 {
		t.Errorf("%d days are told, want 3", n)
	}
}
