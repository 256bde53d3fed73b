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

// Heads go to the log every day, and to people once a week; what they are told proves
// the pack.
func TestSealTellsHeads(t *testing.T) {
	t.Parallel()
	source, vault, key := evidencetest.Bucket{}, evidencetest.Bucket{}, evidencetest.NewKey()
	friday := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	fleet := evidencetest.Fleet{Licenses: 1, ChangesADay: 2, RowsAnObject: 2, SnapshotsADay: 1, SnapshotBytes: 9}
	var log, metrics bytes.Buffer
	box, now := &mailbox{}, friday
	h := handler.Seal{Topic: box, Bucket: "bucket", Log: telemetry.Logger(&log, "seal"), Metrics: &metrics, Sealer: &evidence.Sealer{
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
	h := handler.Seal{Topic: &mailbox{}, Log: telemetry.Logger(&log, "seal"), Metrics: &metrics, Sealer: &evidence.Sealer{
		Ledger: "ledger", Source: source, Vault: evidencetest.Bucket{}, Signer: evidencetest.NewKey(), MAC: evidencetest.MAC, Now: func() time.Time { return time.Date(2026, 11, 21, 2, 0, 0, 0, time.UTC) }}}
	if _, err := h.Handle(t.Context()); err == nil || metrics.Len() > 0 || !strings.Contains(log.String(), "2026-11-20") {
		t.Errorf("%v\n%s%s", err, log.String(), metrics.String())
	}
}
