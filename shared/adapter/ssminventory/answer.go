package ssminventory

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"licenseguard/shared/license"
	"licenseguard/shared/track"
)

// Bounds of one answer. Systems Manager takes at most 1 MB of a type from a machine
// (service quotas, Inventory, 2026), so that 50 of them stay below the first.
const (
	maxAnswer       = 256 << 20
	maxDepth        = 32
	maxApplications = 2000 // different ones that are wanted, of one machine
	maxTags         = 200
	maxProblems     = 5 // of one machine
)

// answer is what one answer of GetInventory holds, as far as it was asked for.
type answer struct {
	scope   track.Scope
	reading track.Reading

	found []license.Inventory
	token string
	err   error // what is wrong with the answer, other than that it broke off
}

func emptyAnswer() io.ReadCloser { return io.NopCloser(strings.NewReader("{}")) }

// read reads an answer in the form of the JSON 1.1 protocol (API reference,
// GetInventory, 2026). The error is one of the connection, after which the call may be
// made again; then all starts anew.
func (a *answer) read(body io.Reader) error {
	a.found, a.token, a.err = nil, "", nil
	limited := &io.LimitedReader{R: body, N: maxAnswer + 1}
	j := newJSONReader(limited)
	whole, err := j.object(func(key []byte) error {
		switch string(key) {
		case "Entities":
			_, err := j.array(func() error { return a.entity(j) })
			return err
		case "NextToken":
			_, err := j.into(&a.token)
			return err
		}
		return j.skip()
	})
	switch {
	case limited.N <= 0:
		a.err = fmt.Errorf("an answer is larger than %d MB", maxAnswer>>20)
	case errors.Is(err, errForm), err == nil && !whole:
		a.err = fmt.Errorf("an answer is not in the documented form: %w", errForm)
	default:
		return err
	}
	return nil
}

// item is one part of one machine as it is told.
type item struct {
	inventory license.Inventory
	schema    string
	captured  string
	kept      map[license.Application]bool
	entries   int
	listed    bool // the content is a list
	broken    bool // of which something is not as documented
	odd       bool // names hold what nobody can see
}

func (a *answer) entity(j *jsonReader) error {
	var id string
	it := item{kept: make(map[license.Application]bool)}
	told := false
	_, err := j.object(func(key []byte) error {
		switch string(key) {
		case "Id":
			_, err := j.into(&id)
			return err
		case "Data":
			_, err := j.object(func(part []byte) error {
				if string(part) != string(a.reading.Part) {
					return j.skip()
				}
				told = true
				return a.item(j, &it)
			})
			return err
		}
		return j.skip()
	})
	if err != nil || !told || !machineID.MatchString(id) || a.reading.Nodes && !strings.HasPrefix(id, "mi-") {
		return err
	}
	it.inventory.ID = license.NewResourceID(a.scope.Account, a.scope.Region, id)
	a.found = append(a.found, it.judged(a.reading.Part))
	return nil
}

func (a *answer) item(j *jsonReader, it *item) error {
	_, err := j.object(func(key []byte) (err error) {
		switch string(key) {
		case "SchemaVersion":
			_, err = j.into(&it.schema)
		case "CaptureTime":
			_, err = j.into(&it.captured)
		case "Content":
			it.listed, err = j.array(func() error { return a.entry(j, it) })
		default:
			err = j.skip()
		}
		return err
	})
	return err
}

// fields are those of an entry that are read, of whatever type.
type fields struct{ name, publisher, version, platformName, platformType, cpus, cores, sockets, key, value string }

func (f *fields) place(key []byte) *string {
	switch string(key) {
	case "Name":
		return &f.name
	case "Publisher":
		return &f.publisher
	case "Version":
		return &f.version
	case "PlatformName":
		return &f.platformName
	case "PlatformType":
		return &f.platformType
	case "CPUs":
		return &f.cpus
	case "CPUCores":
		return &f.cores
	case "CPUSockets":
		return &f.sockets
	case "Key":
		return &f.key
	case "Value":
		return &f.value
	default:
		return nil
	}
}

// entry reads one entry: names of fields to texts.
func (a *answer) entry(j *jsonReader, it *item) error {
	var f fields
	_, err := j.object(func(key []byte) error {
		place := f.place(key)
		if place == nil {
			return j.skip()
		}
		text, err := j.into(place)
		it.broken = it.broken || !text
		return err
	})
	it.entries++
	in := &it.inventory
	switch a.reading.Part {
	case license.PartApplications:
		app := license.Application{Name: f.name, Publisher: f.publisher, Version: f.version}
		if a.reading.Keep != nil && a.reading.Keep(app) {
			it.keep(app)
		}
	case license.PartMachine:
		in.PlatformName, in.PlatformType = f.platformName, f.platformType
	case license.PartGuest:
		in.Guest = license.Guest{CPUs: f.cpus, Cores: f.cores, Sockets: f.sockets}
	case license.PartTags:
		if in.Tags == nil {
			in.Tags = make(map[string]string)
		}
		if len(in.Tags) < maxTags {
			in.Tags[f.key] = f.value
		}
	}
	return err
}

func (it *item) keep(app license.Application) {
	for _, text := range []string{app.Name, app.Publisher, app.Version} {
		it.odd = it.odd || strings.ContainsFunc(text, func(r rune) bool {
			return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar
		})
	}
	switch {
	case it.kept[app]:
	case len(it.kept) >= maxApplications:
		it.inventory.Cut = true
	default:
		it.kept[app] = true
		it.inventory.Applications = append(it.inventory.Applications, app)
	}
}

// judged returns the inventory of an item: read, or with the problem for which it counts
// as not read.
func (it *item) judged(part license.InventoryPart) license.Inventory {
	in := it.inventory
	problem := func(format string, args ...any) {
		in.Problems = append(in.Problems, string(part)+": "+fmt.Sprintf(format, args...))
	}
	captured, err := time.Parse(time.RFC3339, it.captured)
	switch major, _, _ := strings.Cut(it.schema, "."); {
	case major != "1":
		problem("schema version %.20q is not one that this program knows (1.x); what it tells is left out", it.schema)
	case err != nil:
		problem("capture time %.40q is no time; what it tells is left out", it.captured)
	case !it.listed:
		problem("its content is not a list of entries; what it tells is left out")
	case part == license.PartGuest && it.entries != 1, part == license.PartMachine && it.entries != 1:
		problem("it has %d entries instead of one; what it tells is left out", it.entries)
	default:
		in.Captured = map[license.InventoryPart]time.Time{part: captured.UTC().Truncate(time.Millisecond)}
	}
	if it.broken {
		in.Cut = true
		problem("fields are not texts; software that cannot be read is not taken for uninstalled")
	}
	if it.odd {
		problem("names hold control characters")
	}
	if len(it.kept) >= maxApplications {
		problem("it lists more than %d different applications that a product asks for; software that is not among them is not taken for uninstalled", maxApplications)
	}
	if in.Captured == nil {
		in.Applications, in.PlatformName, in.PlatformType, in.Guest, in.Tags = nil, "", "", license.Guest{}, nil
	}
	in.Problems = slices.Clip(in.Problems[:min(len(in.Problems), maxProblems)])
	return in
}
