//go:build cgo

package main

import (
	"database/sql"
	"encoding/csv"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"licenseguard/shared/telemetry"
)

// widestCell cuts a text in a table; --json and --csv have it whole.
const widestCell = 120

// answer is what a query returned.
type answer struct {
	columns []string
	rows    [][]any // nil, bool, int64, float64, string
}

func answerOf(rows *sql.Rows) (*answer, error) {
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	a := &answer{columns: columns}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i := range row {
			row[i] = plain(row[i])
		}
		a.rows = append(a.rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, badInput("%w", err) // as a line of the log that is no JSON, which it names
	}
	return a, nil
}

// plain makes a value of the engine one that every output can print. Times are written
// as the reports and Athena write them.
func plain(v any) any {
	switch v := v.(type) {
	case nil, bool, int64, float64, string:
		return v
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05.000")
	case *big.Int: // sums are wider than 64 bits
		if v.IsInt64() {
			return v.Int64()
		}
		return v.String()
	case int32:
		return int64(v)
	default:
		return fmt.Sprint(v)
	}
}

// records are the rows as objects.
func (a *answer) records() []map[string]any {
	out := make([]map[string]any, len(a.rows))
	for i, row := range a.rows {
		out[i] = make(map[string]any, len(row))
		for j, v := range row {
			out[i][a.columns[j]] = v
		}
	}
	return out
}

func (a *answer) csv(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(a.columns); err != nil {
		return err
	}
	for _, row := range a.rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = text(v)
			if s, ok := v.(string); ok && s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
				cells[i] = "'" + s // a spreadsheet would take it for a formula
			}
		}
		if err := c.Write(cells); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// table prints rows that align. Text of others cannot move the cursor or break a line.
func (a *answer) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := make([]string, len(a.columns))
	for i, c := range a.columns {
		head[i] = strings.ToUpper(telemetry.Clean(c, widestCell))
	}
	fmt.Fprintln(t, strings.Join(head, "\t"))
	for _, row := range a.rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = telemetry.Clean(text(v), widestCell)
			if v == nil {
				cells[i] = "–"
			}
		}
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(a.rows) == 0 {
		_, err := fmt.Fprintln(w, "(no rows)")
		return err
	}
	return nil
}

func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}
