package query

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
)

//go:embed sql/*.sql
var texts embed.FS

// Query is one question to the reports.
type Query struct {
	Name        string // as "peaks-daily"
	Description string // a sentence
	Parameters  []Parameter
	SQL         string // with a ? for each parameter, in their order
}

// Parameter is a value that whoever asks gives. In Athena it is written as a literal
// of SQL, a text in single quotes.
type Parameter struct {
	Name    string
	Meaning string
	Example string
}

// Named returns the named queries, in the order of their names.
func Named() []Query {
	files, err := texts.ReadDir("sql")
	if err != nil {
		panic(err) // they are in the binary
	}
	queries := make([]Query, len(files))
	for i, f := range files {
		text, err := texts.ReadFile(path.Join("sql", f.Name()))
		if err != nil {
			panic(err)
		}
		queries[i] = parse(strings.TrimSuffix(f.Name(), ".sql"), string(text))
	}
	return queries
}

// Find returns the query of a name; the error lists the names there are.
func Find(name string) (Query, error) {
	queries := Named()
	i := slices.IndexFunc(queries, func(q Query) bool { return q.Name == name })
	if i >= 0 {
		return queries[i], nil
	}
	names := make([]string, len(queries))
	for i := range queries {
		names[i] = queries[i].Name
	}
	return Query{}, fmt.Errorf("there is no query %q: there are %s", name, strings.Join(names, ", "))
}

// parse reads a file: lines "-- text" describe the query, lines "-- ? name: meaning;
// example" its parameters, the rest is its text.
func parse(name, text string) Query {
	q := Query{Name: name}
	var described []string
	for line := range strings.Lines(text) {
		comment, ok := strings.CutPrefix(line, "-- ")
		if !ok {
			break
		}
		text = text[len(line):]
		comment = strings.TrimSpace(comment)
		if parameter, ok := strings.CutPrefix(comment, "? "); ok {
			q.Parameters = append(q.Parameters, parseParameter(parameter))
			continue
		}
		described = append(described, comment)
	}
	q.Description, q.SQL = strings.Join(described, " "), strings.TrimSpace(text)
	return q
}

func parseParameter(text string) Parameter {
	name, rest, _ := strings.Cut(text, ": ")
	meaning, example, _ := strings.Cut(rest, "; ")
	return Parameter{Name: name, Meaning: meaning, Example: example}
}

// Title is the name as words begin in code: "PeaksDaily".
func (q Query) Title() string {
	var out strings.Builder
	for word := range strings.SplitSeq(q.Name, "-") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// Help is the description with what the parameters are, in one line.
func (q Query) Help() string {
	if len(q.Parameters) == 0 {
		return q.Description
	}
	asked := make([]string, len(q.Parameters))
	for i, p := range q.Parameters {
		asked[i] = fmt.Sprintf("%s, %s, as '%s'", p.Name, p.Meaning, p.Example)
	}
	return q.Description + " Parameters, in this order: " + strings.Join(asked, "; ") + "."
}
