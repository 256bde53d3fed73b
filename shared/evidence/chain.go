package evidence

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
)

// link is a manifest and its signature as they lie in the pack.
type link struct {
	day           string
	encoded, sig  []byte
	manifest      *Manifest // nil: wrong is why
	claimed       *Manifest // what it says, signed or not; it may point at a culprit, and proves nothing
	wrong         Finding
	couldBeEither bool // manifest or signature is altered; the neighbour tells which
}

// maxManifest bounds what is read of a manifest.
const maxManifest = 64 << 20

// chain checks the manifests in the order of their days.
func (v *verification) chain(ctx context.Context) error {
	links, err := v.links(ctx)
	if err != nil {
		return err
	}
	if len(links) == 0 {
		v.doubtful = true
		v.find(Finding{Kind: Missing, Path: PrefixManifests, Text: "there is no manifest; is this a folder of evidence?"})
		return nil
	}
	var last *link // the last that is right
	for i, l := range links {
		if i == 0 {
			v.beginning(l)
		} else {
			v.gap(links[i-1].day, l.day)
		}
		if i+1 < len(links) {
			l.blame(links[i+1].follows(l))
		} else if h := v.options.Head; h != nil {
			l.blame(h.Hash == Sum(l.encoded))
		}
		if l.manifest != nil && last != nil {
			l.check(last)
		}
		if l.manifest == nil {
			v.doubt(l.wrong)
			continue
		}
		v.days, last = append(v.days, l.manifest), l
	}
	if last == nil {
		return nil
	}
	v.report.Ledger, v.report.First, v.report.Last, v.report.Days = last.manifest.Ledger, v.days[0].Day, last.day, len(v.days)
	v.report.Head = Head{last.manifest.Sequence, Sum(last.encoded)}.String()
	v.head(links, last)
	return nil
}

// doubt is a finding that leaves a day without a manifest to go by.
func (v *verification) doubt(f Finding) {
	v.doubtful = true
	v.find(f)
}

// links reads all manifests and signatures, in order of their days.
func (v *verification) links(ctx context.Context) ([]*link, error) {
	byDay := make(map[string]*link)
	for path, size := range v.files {
		name, ok := strings.CutPrefix(path, PrefixManifests)
		day := strings.TrimSuffix(strings.TrimSuffix(name, extManifest), extSignature)
		if !ok || dayAfter(day, 0) != day || day < v.options.Since || path != Path(day) && path != SignaturePath(day) || size < 0 {
			continue // an extra file
		}
		v.named[path] = true
		if byDay[day] == nil {
			byDay[day] = &link{day: day}
		}
		data, err := v.read(ctx, path, maxManifest)
		if err != nil {
			return nil, err
		}
		if path == Path(day) {
			byDay[day].encoded = data
		} else {
			byDay[day].sig = data
		}
	}
	var links []*link
	for _, l := range byDay {
		l.authenticate(v)
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b *link) int { return strings.Compare(a.day, b.day) })
	return links, nil
}

func (v *verification) read(ctx context.Context, path string, most int64) ([]byte, error) {
	r, err := v.pack.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, most))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}

// authenticate checks signature and form of one manifest.
func (l *link) authenticate(v *verification) {
	path, signature := Path(l.day), SignaturePath(l.day)
	wrong := func(kind Kind, path, format string, args ...any) {
		l.wrong = Finding{Kind: kind, Day: l.day, Path: path, Text: fmt.Sprintf(format, args...)}
	}
	switch {
	case !v.named[path]:
		wrong(Missing, path, "the manifest is missing; only its signature is there")
		return
	case !v.named[signature]:
		wrong(Missing, signature, "the signature is missing")
		return
	}
	m, malformed := Decode(l.encoded)
	l.claimed = m
	signed := false
	for _, key := range v.options.Keys {
		if malformed == nil && m.Key != key.ID {
			continue
		}
		signed = signed || key.Verify(Statement(l.encoded), l.sig) == nil
	}
	switch low, err := lowS(l.sig); {
	case signed && malformed != nil:
		wrong(Altered, path, "it is signed, but not in the form of this format: %v", malformed)
	case signed && m.Day != l.day:
		wrong(Order, path, "it holds the manifest of %s", m.Day)
	case signed:
		l.manifest = m
	case err != nil || string(low) != string(l.sig):
		wrong(Unsigned, signature, "it is no signature in the form of this format")
	case malformed == nil && !slices.ContainsFunc(v.options.Keys, func(k PublicKey) bool { return k.ID == m.Key }):
		wrong(Foreign, path, "it names the key %s, which is not the one given", m.Key)
	case malformed != nil:
		wrong(Altered, path, "%v", malformed)
	default:
		wrong(Unsigned, path, "the manifest or its signature %s was altered: they do not fit", signature)
		l.couldBeEither = true
	}
}

// follows reports whether a manifest says that it comes after another.
func (l *link) follows(before *link) bool {
	return l.claimed != nil && l.claimed.Previous == Sum(before.encoded)
}

// blame settles whether a manifest or its signature was altered, by what is known of
// the manifest's hash.
func (l *link) blame(manifestIsRight bool) {
	if l.couldBeEither && manifestIsRight {
		l.wrong.Path = SignaturePath(l.day)
		l.wrong.Text = "the signature is not that of its manifest, whose bytes are right"
	}
}

// check holds a manifest against the last one that is right.
func (l *link) check(last *link) {
	want, wrong := last.manifest.next(last.encoded), ""
	direct := dayAfter(last.day, 1) == l.day
	steps := days(last.day, l.day)
	switch {
	case l.manifest.Ledger != want.Ledger:
		wrong = fmt.Sprintf("it is of ledger %q, not of %q", l.manifest.Ledger, want.Ledger)
	case l.manifest.Sequence != last.manifest.Sequence+steps:
		wrong = fmt.Sprintf("its number is %d, not %d", l.manifest.Sequence, last.manifest.Sequence+steps)
	case direct && l.manifest.Previous != want.Previous:
		wrong = fmt.Sprintf("it follows another manifest than that of %s", last.day)
	case direct && !slices.Equal(l.manifest.History, want.History):
		wrong = "its history is not that of the manifests before"
	default:
		return
	}
	l.manifest, l.wrong = nil, Finding{Kind: Broken, Day: l.day, Path: Path(l.day), Text: wrong}
}

// beginning finds that days before the first are missing.
func (v *verification) beginning(first *link) {
	if v.options.Since != "" {
		v.gap(dayAfter(v.options.Since, -1), first.day)
		return
	}
	if first.manifest == nil || first.manifest.Sequence == 0 {
		return
	}
	n, before := first.manifest.Sequence, dayAfter(first.day, -1)
	v.doubt(Finding{Kind: Missing, Day: before, Path: Path(before), Text: fmt.Sprintf("the manifest is missing; the pack begins on %s with number %d, so %d days are missing", first.day, n, n)})
}

// gap finds that days between two have no manifest.
func (v *verification) gap(before, after string) {
	n := days(before, after) - 1
	first := dayAfter(before, 1)
	switch {
	case n == 1:
		v.doubt(Finding{Kind: Missing, Day: first, Path: Path(first), Text: "the day has no manifest"})
	case n > 1:
		v.doubt(Finding{Kind: Missing, Day: first, Path: Path(first), Text: "no day from here to " + dayAfter(after, -1) + " has a manifest"})
	}
}

// head holds the pack against the head from outside.
func (v *verification) head(links []*link, last *link) {
	h := v.options.Head
	if h == nil {
		return
	}
	day := ""
	if n := h.Sequence - last.manifest.Sequence; n > -100_000 && n < 100_000 {
		day = dayAfter(last.day, int(n))
	}
	for _, l := range links {
		if l.day != day {
			continue
		}
		switch {
		case Sum(l.encoded) == h.Hash:
			v.report.HeadProven = l.manifest != nil
		case l.manifest != nil:
			v.find(Finding{Kind: Rolled, Day: day, Path: Path(day), Text: "it is not the manifest that the head " + h.String() + " names"})
		}
		return
	}
	if h.Sequence > last.manifest.Sequence {
		v.doubt(Finding{Kind: Missing, Day: day, Path: Path(day), Text: fmt.Sprintf("the head %s is missing: the pack ends on %s with number %d", h, last.day, last.manifest.Sequence)})
		return
	}
	v.find(Finding{Kind: Rolled, Day: day, Path: Path(day), Text: fmt.Sprintf("the pack does not reach back to the head %s", h)})
}
