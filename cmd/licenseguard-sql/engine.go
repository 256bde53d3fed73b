//go:build cgo

package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"licenseguard/shared/config"
	"licenseguard/shared/query"
)

// options say what an engine reads.
type options struct {
	reports string // folder with a folder for each table
	now     string // "": the newest snapshot
	memory  string
	// compacted takes the days of the change log that are done from the history.
	compacted bool
}

// engine is a DuckDB that sees the tables of one folder. It can read the files of that
// folder and nothing else: no other file, no network, no extension.
type engine struct {
	db   *sql.DB
	conn *sql.Conn
}

func open(ctx context.Context, o options) (*engine, error) {
	folder, err := filepath.Abs(o.reports)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(folder, `*?[]{}'"\`) { // the engine would take them for patterns
		return nil, badInput("the name of the folder %s has a character that stands for a pattern: copy the files to another", folder)
	}
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return nil, badInput("there is no folder %s: make demo leaves %s, and aws s3 sync s3://REPORT-BUCKET reports brings that of a stack", o.reports, defaultReports)
	}
	connector, err := duckdb.NewConnector("?autoinstall_known_extensions=false&autoload_known_extensions=false", nil)
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	e := &engine{db: sql.OpenDB(connector)}
	if e.conn, err = e.db.Conn(ctx); err != nil {
		e.db.Close()
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	if err := e.prepare(ctx, folder, o); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Close ends the engine.
func (e *engine) Close() {
	e.conn.Close()
	e.db.Close()
}

func (e *engine) prepare(ctx context.Context, folder string, o options) error {
	if o.memory == "" {
		o.memory = "1GB"
	}
	if _, err := e.conn.ExecContext(ctx, "SET memory_limit = "+quote(o.memory)); err != nil {
		return badInput("--memory %q: give a size as 512MB or 4GB: %w", o.memory, err)
	}
	statements := slices.Concat([]string{"SET TimeZone = 'UTC'", "SET temp_directory = ''", "SET parquet_metadata_cache = true"}, bridges)
	found := 0
	tables := query.Tables()
	slices.SortStableFunc(tables, func(a, b query.Table) int { return cmp.Compare(b.Name, a.Name) }) // changes may look at history
	for _, t := range tables {
		view, ok, err := e.view(ctx, folder, t, o.compacted)
		if err != nil {
			return err
		}
		if ok {
			found++
		}
		statements = append(statements, view)
	}
	if found == 0 {
		return badInput("%s has none of the folders changes, positions, usage with files in them: is it the folder of the reports?", folder)
	}
	if err := e.exec(ctx, statements...); err != nil {
		return err
	}
	now, err := e.newest(ctx, o.now)
	if err != nil {
		return err
	}
	return e.exec(ctx, "CREATE MACRO now() AS TIMESTAMP "+quote(now.Format("2006-01-02 15:04:05.000")),
		"SET allowed_directories = ["+quote(folder+string(filepath.Separator))+"]",
		"SET enable_external_access = false", "SET lock_configuration = true")
}

func (e *engine) exec(ctx context.Context, statements ...string) error {
	for _, s := range statements {
		if _, err := e.conn.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("prepare the engine: %w", err)
		}
	}
	return nil
}

// newest is what counts as now: what was said, or the time of the newest snapshot or
// change.
func (e *engine) newest(ctx context.Context, said string) (time.Time, error) {
	if said != "" {
		return instant(said)
	}
	var now sql.NullTime
	err := e.conn.QueryRowContext(ctx, `SELECT CAST(greatest((SELECT max(recorded_at) FROM positions), (SELECT max(recorded_at) FROM changes)) AS TIMESTAMP)`).Scan(&now)
	if err != nil {
		return time.Time{}, badInput("find the newest snapshot: %w", err) // as a line that is no JSON
	}
	if !now.Valid {
		return time.Time{}, badInput("there is neither a position nor a change in the files: say with --now what counts as now")
	}
	return now.Time, nil
}

// view returns the statement that makes a table of its files, and whether there are
// any. Columns that older files lack are null.
func (e *engine) view(ctx context.Context, folder string, t query.Table, compacted bool) (statement string, found bool, err error) {
	files, err := patterns(folder, t, compacted)
	if err != nil {
		return "", false, err
	}
	for i := range files {
		files[i] = quote(files[i])
	}
	pattern := "[" + strings.Join(files, ", ") + "]"
	partitions := make([]string, len(t.Partitions))
	for i, p := range t.Partitions {
		partitions[i] = quote(p) + ": VARCHAR"
	}
	folders := "hive_partitioning = true, hive_types = {" + strings.Join(partitions, ", ") + "}"
	var from string
	has := map[string]bool{}
	switch {
	case len(files) == 0:
		from = "(SELECT 1) WHERE false"
	case t.Format == query.JSONLines:
		kindOf := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			kindOf[i], has[c.Name] = fmt.Sprintf("%s: %s", quote(c.Name), quote(kinds[c.Kind])), true
		}
		from = fmt.Sprintf("read_json(%s, format = 'newline_delimited', columns = {%s}, %s)", pattern, strings.Join(kindOf, ", "), folders)
	default:
		from = fmt.Sprintf("read_parquet(%s, union_by_name = true, %s)", pattern, folders)
		if has, err = e.columns(ctx, from); err != nil {
			return "", false, err
		}
	}
	var columns []string
	for _, c := range t.Columns {
		name := c.Name
		if !has[name] {
			name = "NULL"
		}
		columns = append(columns, fmt.Sprintf("CAST(%s AS %s) AS %s", name, kinds[c.Kind], c.Name))
	}
	for _, p := range t.Partitions {
		name := p
		if len(files) == 0 {
			name = "NULL"
		}
		columns = append(columns, fmt.Sprintf("CAST(%s AS VARCHAR) AS %s", name, p))
	}
	text := fmt.Sprintf("SELECT %s FROM %s", strings.Join(columns, ", "), from)
	if compacted && t.Name == config.GlueTableChanges {
		text += fmt.Sprintf(" UNION ALL SELECT %s, %s FROM %s", names(t), config.DatePartition, config.GlueTableHistory)
	}
	return fmt.Sprintf("CREATE VIEW %s AS %s", t.Name, text), len(files) > 0, nil
}

// names lists the columns of a table.
func names(t query.Table) string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, c.Name)
	}
	return strings.Join(out, ", ")
}

// patterns name the files of a table, where there are any: those of the change log a day
// each, without those that are compacted, if these are read from the history; and of the
// history only the days that are done.
func patterns(folder string, t query.Table, compacted bool) ([]string, error) {
	days, err := filepath.Glob(filepath.Join(folder, t.Prefix, config.DatePartition+"=*"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, day := range days {
		_, err := os.Stat(filepath.Join(folder, config.PrefixHistory, filepath.Base(day), "manifest.json"))
		switch done := err == nil; {
		case t.Name == config.GlueTableChanges && compacted && done, t.Name == config.GlueTableHistory && !done:
			continue
		}
		pattern := day
		for _, p := range t.Partitions[1:] {
			pattern = filepath.Join(pattern, p+"=*")
		}
		pattern = filepath.Join(pattern, "*."+map[query.Format]string{query.JSONLines: "jsonl", query.Parquet: "parquet"}[t.Format])
		if files, err := filepath.Glob(pattern); err != nil || len(files) == 0 {
			continue
		}
		out = append(out, pattern)
	}
	return out, nil
}

// columns are those that the files have, in any of them.
func (e *engine) columns(ctx context.Context, from string) (map[string]bool, error) {
	rows, err := e.conn.QueryContext(ctx, "SELECT * FROM "+from+" LIMIT 0")
	if err != nil {
		return nil, badInput("read the columns of the files: %w", err)
	}
	defer rows.Close()
	names, err := rows.Columns()
	has := make(map[string]bool, len(names))
	for _, n := range names {
		has[n] = true
	}
	return has, err
}

// ask runs one SELECT. What is no SELECT is refused before it runs.
func (e *engine) ask(ctx context.Context, text string, values ...any) (*answer, error) {
	if err := e.onlyReads(ctx, text); err != nil {
		return nil, err
	}
	rows, err := e.conn.QueryContext(ctx, text, values...)
	if err != nil {
		return nil, badInput("%w", err)
	}
	defer rows.Close()
	return answerOf(rows)
}

// onlyReads refuses what is not SELECT: a COPY could write beside the reports. The engine
// only parses the text here; it makes folders for an EXPORT as early as it prepares one.
func (e *engine) onlyReads(ctx context.Context, text string) error {
	var parsed struct {
		Error      bool              `json:"error"`
		Kind       string            `json:"error_type"`
		Message    string            `json:"error_message"`
		Statements []json.RawMessage `json:"statements"`
	}
	var tree string
	if err := e.conn.QueryRowContext(ctx, "SELECT CAST(json_serialize_sql(CAST(? AS VARCHAR)) AS VARCHAR)", text).Scan(&tree); err != nil {
		return badInput("%w", err)
	}
	if err := json.Unmarshal([]byte(tree), &parsed); err != nil {
		return fmt.Errorf("read what the engine made of the query: %w", err)
	}
	switch {
	case parsed.Error && parsed.Kind != "not implemented":
		return badInput("%s; give one SELECT, and see licenseguard-sql ls for the tables", parsed.Message)
	case parsed.Error || len(parsed.Statements) != 1:
		return badInput("reports are only read: give one SELECT")
	default:
		return nil
	}
}

// quote writes a text as a literal of SQL.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
