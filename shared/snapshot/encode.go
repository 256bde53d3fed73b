package snapshot

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"reflect"
	"strings"
)

// CSV writes rows as CSV with a header line. Text that a spreadsheet
// would take for a formula is led by an apostrophe (OWASP ASVS 1.2.10).
func CSV[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.Write(Columns[T]()); err != nil {
		return nil, fmt.Errorf("encode csv: %w", err)
	}
	for i := range rows {
		if err := w.Write(record(reflect.ValueOf(rows[i]))); err != nil {
			return nil, fmt.Errorf("encode csv: %w", err)
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// Columns returns the column names of a row type, in order.
func Columns[T any]() []string {
	t := reflect.TypeFor[T]()
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("parquet"), ",")
	}
	return names
}

// Records returns rows as maps from column to value.
func Records[T any](rows []T) []map[string]any {
	names := Columns[T]()
	out := make([]map[string]any, len(rows))
	for i := range rows {
		row := reflect.ValueOf(rows[i])
		out[i] = make(map[string]any, len(names))
		for j, name := range names {
			out[i][name] = row.Field(j).Interface()
		}
	}
	return out
}

func record(row reflect.Value) []string {
	cells := make([]string, row.NumField())
	for i := range cells {
		switch v := row.Field(i); {
		case v.Kind() == reflect.String:
			cells[i] = safeCell(v.String())
		case v.Kind() == reflect.Pointer && v.IsNil():
		case v.Kind() == reflect.Pointer:
			cells[i] = fmt.Sprint(v.Elem().Interface())
		default:
			cells[i] = fmt.Sprint(v.Interface())
		}
	}
	return cells
}

func safeCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n\x00", rune(s[0])) {
		return "'" + s
	}
	return s
}
