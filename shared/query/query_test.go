package query_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"licenseguard/shared/query"
)

// athena are the functions that the texts call; all are in the reference of Athena's
// engine version 3: https://trino.io/docs/current/functions.html
var athena = words(`date_format now max min sum count coalesce element_at cast json_parse map varchar lead lag over greatest least
	sequence unnest date_trunc date_diff row_number first_value max_by nullif p`)

// keywords are the words of SQL and the names that a text gives itself to its parts.
var keywords = words(`select from where and or not in as with join on cross order by partition group having distinct desc case when then else
	end between like is null true interval day month timestamp bigint rows unbounded preceding current row millisecond left union all`)

func words(s string) map[string]bool {
	out := map[string]bool{}
	for _, w := range strings.Fields(s) {
		out[w] = true
	}
	return out
}

var (
	literal = regexp.MustCompile(`'[^']*'`)
	word    = regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_]*`)
	call    = regexp.MustCompile(`([a-z_]+)\(`)
	alias   = regexp.MustCompile(`AS p\((\w+)\)|(?i)\b(?:AS|FROM|JOIN) ([a-z_]+)(?: ([a-z])\b)?|\b([a-z_]+) AS \(`)
)

// TestTextsUseWhatThereIs: each word of a text is a column, a name that the text
// gives, a function that Athena has, or a word of SQL.
func TestTextsUseWhatThereIs(t *testing.T) {
	t.Parallel()
	columns, tables := map[string]bool{}, map[string]bool{}
	for _, table := range query.Tables() {
		tables[table.Name] = true
		for _, c := range table.Columns {
			columns[c.Name] = true
		}
		for _, p := range table.Partitions {
			columns[p] = true
		}
	}
	for _, q := range query.Named() {
		t.Run(q.Name, func(t *testing.T) {
			t.Parallel()
			bare := literal.ReplaceAllString(q.SQL, "''")
			for _, c := range call.FindAllStringSubmatch(strings.ToLower(bare), -1) {
				if !athena[c[1]] {
					t.Errorf("calls %s, which is not on the list of what Athena and the embedded engine both have", c[1])
				}
			}
			given := map[string]bool{}
			for _, a := range alias.FindAllStringSubmatch(bare, -1) {
				for _, name := range a[1:] {
					given[name] = true
				}
			}
			for _, w := range word.FindAllString(bare, -1) {
				if l := strings.ToLower(w); !columns[w] && !tables[w] && !given[w] && !athena[l] && !keywords[l] && w != "E4" && w != "E5" {
					t.Errorf("uses %q, which is no column, and no word of SQL that is known here", w)
				}
			}
		})
	}
}

func TestParametersAreSaid(t *testing.T) {
	t.Parallel()
	queries := query.Named()
	if len(queries) < 10 {
		t.Fatalf("only %d queries", len(queries))
	}
	for _, q := range queries {
		if n := strings.Count(q.SQL, "?"); n != len(q.Parameters) {
			t.Errorf("%s asks for %d values and says what %d are", q.Name, n, len(q.Parameters))
		}
		for _, p := range q.Parameters {
			if p.Name == "" || p.Meaning == "" || p.Example == "" {
				t.Errorf("%s: parameter %+v lacks name, meaning or example", q.Name, p)
			}
		}
		if !strings.HasSuffix(q.Description, ".") || strings.Contains(q.SQL, "--") || strings.HasSuffix(q.SQL, ";") {
			t.Errorf("%s: %q", q.Name, q.Description)
		}
	}
	q, err := query.Find("usage-by-tag")
	if err != nil || q.Title() != "UsageByTag" || q.Help() != "How much of each license the values of one tag consume, as for showing costs to teams. Parameters, in this order: tag, the key of the tag, as 'CostCenter'." {
		t.Errorf("%q, %q, %v", q.Title(), q.Help(), err)
	}
	if _, err := query.Find("peaks"); err == nil || !strings.Contains(err.Error(), "peaks-daily") {
		t.Errorf("%v", err)
	}
}

func TestTables(t *testing.T) {
	t.Parallel()
	kinds := words("string bigint double boolean")
	for _, table := range query.Tables() {
		seen := map[string]bool{}
		for _, p := range table.Partitions {
			seen[p] = true
		}
		for _, c := range table.Columns {
			if seen[c.Name] || c.Name == "" || !kinds[c.Kind] { // Glue refuses a column that is a partition, too
				t.Errorf("%s: column %+v", table.Name, c)
			}
			seen[c.Name] = true
		}
		if !strings.HasSuffix(table.Prefix, "/") || len(table.Columns) < 10 {
			t.Errorf("%+v", table)
		}
	}
}

// TestDocumented: docs/sql.md names each table, each query and what it asks for.
func TestDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/sql.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range query.Tables() {
		if !strings.Contains(string(text), "| `"+table.Name+"` |") {
			t.Errorf("docs/sql.md does not have the table %s", table.Name)
		}
	}
	lines := strings.Split(string(text), "\n")
	for _, q := range query.Named() {
		i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "| ") && strings.Contains(l, "`"+q.Name+"`") })
		if i < 0 {
			t.Errorf("docs/sql.md does not have the query %s", q.Name)
			continue
		}
		for _, p := range q.Parameters {
			if !strings.Contains(lines[i], "`"+p.Name+"`") {
				t.Errorf("docs/sql.md does not say that %s asks for %s", q.Name, p.Name)
			}
		}
	}
}
