package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// personFields are the fields of a log row that name a person.
var personFields = []string{"changed_by"}

// lines splits a file into its rows, without their newlines. A last line without
// one is a row, too: it tells that the file was cut.
func lines(data []byte) [][]byte {
	rows := bytes.Split(data, []byte{'\n'})
	if len(rows[len(rows)-1]) == 0 {
		rows = rows[:len(rows)-1]
	}
	return rows
}

// leavesOf hashes the rows of a log.
func leavesOf(data []byte) []Hash {
	rows := lines(data)
	leaves := make([]Hash, len(rows))
	for i, row := range rows {
		leaves[i] = LeafHash(row)
	}
	return leaves
}

// logOf writes what a day's log objects hold and no manifest sealed yet as one log
// file. It adds to sealed what it takes, so that a revision is in one file only,
// however often it was delivered.
func logOf(bodies [][]byte, sealed spanSet, blind *blinding) (*log, error) {
	out, taken, groups := &log{}, make(spanSet), make(map[string]map[string]bool)
	for _, body := range bodies {
		now := make(spanSet)
		for _, row := range lines(body) {
			of, err := identify(row)
			if err != nil {
				return nil, err
			}
			if sealed.has(of.License, of.Revision) {
				continue
			}
			now.add(Span{of.License, of.Revision, of.Revision})
			group := ""
			if of.Vendor != "" {
				group = blind.group(of.Vendor)
				if groups[group] == nil {
					groups[group] = make(map[string]bool)
				}
				groups[group][of.License] = true
			}
			if row, err = blind.row(row, group); err != nil {
				return nil, err
			}
			out.data = append(append(out.data, row...), '\n')
		}
		for _, s := range now.spans() { // only now: the rows of a revision come together
			sealed.add(s)
			taken.add(s)
		}
	}
	out.spans = taken.spans()
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		out.groups = append(out.groups, Group{group, slices.Sorted(maps.Keys(groups[group]))})
	}
	return out, nil
}

// log is what becomes a log file, and what its entry tells of it.
type log struct {
	data   []byte
	spans  []Span
	groups []Group
}

// commitRow is what a row tells of the commit that it is of.
type commitRow struct {
	License  string `json:"license_configuration_id"`
	Revision int64  `json:"revision"`
	Vendor   string `json:"vendor"`
	Group    string `json:"group"`      // once it is sealed
	Row      int    `json:"commit_row"` // of Rows, from 1; 0 in rows of before there was a number
	Rows     int    `json:"commit_rows"`
}

// identify reads which commit a row tells of.
func identify(row []byte) (r commitRow, err error) {
	if err := json.Unmarshal(row, &r); err != nil {
		return r, fmt.Errorf("read row of the change log: %w", err)
	}
	if !plainLicense.MatchString(r.License) || r.Revision < 0 {
		return r, errors.New("read row of the change log: it has no license_configuration_id or no revision")
	}
	return r, nil
}

// namesNobody reports whether every field for a person is empty in a row. It may say
// no of a row that is only written otherwise.
func namesNobody(row []byte) bool {
	for _, field := range personFields {
		name := `"` + field + `":`
		if bytes.Count(row, []byte(name)) != bytes.Count(row, []byte(name+`""`)) || bytes.IndexByte(row, '\\') >= 0 {
			return false
		}
	}
	return true
}

// disguise puts pseudonyms where a row names people. All other bytes stay.
func disguise(row []byte, pseudonym Pseudonym) ([]byte, error) {
	if namesNobody(row) {
		return row, nil
	}
	d := json.NewDecoder(bytes.NewReader(row))
	if _, err := d.Token(); err != nil { // the brace; identify read the row before
		return nil, fmt.Errorf("read row of the change log: %w", err)
	}
	var out []byte
	copied := 0
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("read row of the change log: %w", err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("read row of the change log: %w", err)
		}
		var person string
		if field, _ := name.(string); !slices.Contains(personFields, field) || json.Unmarshal(value, &person) != nil || person == "" {
			continue
		}
		quoted, err := json.Marshal(pseudonym(person))
		if err != nil {
			return nil, fmt.Errorf("replace a name: %w", err)
		}
		end := int(d.InputOffset())
		out = append(append(out, row[copied:end-len(value)]...), quoted...)
		copied = end
	}
	return append(out, row[copied:]...), nil
}

// spanSet is which revisions of each license are known, as spans in order with
// gaps between them.
type spanSet map[string][]Span

func (c spanSet) has(license string, revision int64) bool {
	return slices.ContainsFunc(c[license], func(s Span) bool { return s.First <= revision && revision <= s.Last })
}

// covers reports whether all of a span is known.
func (c spanSet) covers(s Span) bool {
	return slices.ContainsFunc(c[s.License], func(o Span) bool { return o.First <= s.First && s.Last <= o.Last })
}

// add takes a span in, joined with those that it touches.
func (c spanSet) add(s Span) {
	all := append(slices.Clone(c[s.License]), s)
	slices.SortFunc(all, func(a, b Span) int { return cmp.Compare(a.First, b.First) })
	joined := all[:1]
	for _, next := range all[1:] {
		if last := &joined[len(joined)-1]; next.First <= last.Last+1 {
			last.Last = max(last.Last, next.Last)
		} else {
			joined = append(joined, next)
		}
	}
	c[s.License] = joined
}

// spans are all, in order of license and revision.
func (c spanSet) spans() []Span {
	var out []Span
	for _, of := range c {
		out = append(out, of...)
	}
	slices.SortFunc(out, func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.License, b.License), cmp.Compare(a.First, b.First))
	})
	return out
}
