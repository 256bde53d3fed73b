package main

import (
	"encoding/json"
	"regexp"
	"testing"
	"time"

	"licenseguard/cmd/licenseguard/internal/pipeline"
	"licenseguard/shared/ledger"
	"licenseguard/shared/track"
)

// What nobody can look at any more is marked: a line in the text, a field in the JSON; and
// nothing is while sweeps see it.
func TestPositionMarksWhatIsNotConfirmed(t *testing.T) {
	t.Parallel()
	overrun(t, func(a *account) {
		marked := func() bool {
			a.t.Helper()
			_, text, _ := cli(a.t, "position", "--dir", a.dir)
			code, out, errs := cli(a.t, "position", "--json", "--dir", a.dir)
			var positions []marked
			if err := json.Unmarshal([]byte(out), &positions); err != nil || code != exitOK || len(positions) != 1 || positions[0].Consumed != 6 {
				a.t.Fatalf("exit code %d, %v, %s\n%s", code, err, errs, out)
			}
			line := regexp.MustCompile(`(?m)^Test: 6 licenses of account ` + testAccount + ` in ` + testRegion + ` are not confirmed since \d{4}-\d\d-\d\d \d\d:\d\d UTC: take the role: no$`).MatchString(text)
			in := len(positions[0].Unconfirmed) == 1 && positions[0].Unconfirmed[0].Licenses == 6 && positions[0].Unconfirmed[0].Account == testAccount
			if line != in || line == (len(positions[0].Unconfirmed) == 0) {
				a.t.Fatalf("the text and the JSON differ:\n%s\n%s", text, out)
			}
			return line
		}
		if marked() {
			a.t.Error("it is marked, and was swept just now")
		}
		a.turn(func(p *pipeline.Pipeline) error {
			watches, err := track.Watches(a.t.Context(), p.Store)
			if err != nil || len(watches) != 1 {
				a.t.Fatalf("watches %+v, %v", watches, err)
			}
			w := watches[0]
			w.Failing, w.Error = time.Now(), "take the role: no"
			data, err := json.Marshal(w)
			if err != nil {
				return err
			}
			d, err := p.Store.LoadDocument(a.t.Context(), ledger.Watched, testAccount+"/"+testRegion)
			if err != nil {
				return err
			}
			d.Revision, d.Data = d.Revision+1, data
			return p.Store.PutDocument(a.t.Context(), d)
		})
		if !marked() {
			a.t.Error("it is not marked, and nobody can look at it")
		}
		a.sweep()
		if marked() {
			a.t.Error("it was swept again, and is still marked")
		}
	})
}
