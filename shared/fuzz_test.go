package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var parserName = regexp.MustCompile(`^(Parse|Decode|Read|Unmarshal)([A-Z]|$)`)

// trusted are parsers by name that read only what is compiled in.
var trusted = map[string]bool{"events.Read": true}

// TestEveryParserIsFuzzed looks for exported functions that read foreign bytes
// or text, by their names, and for a fuzz target of each: FuzzParse for Parse.
func TestEveryParserIsFuzzed(t *testing.T) {
	t.Parallel()
	parsers, targets := make(map[string]bool), make(map[string]bool)
	for _, root := range []string{"../shared", "../cmd", "../events", "../functions"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			where := filepath.Base(filepath.Dir(path)) + "."
			for _, decl := range file.Decls {
				f, ok := decl.(*ast.FuncDecl)
				if !ok || f.Recv != nil {
					continue
				}
				name := f.Name.Name
				switch test := strings.HasSuffix(path, "_test.go"); {
				case test && strings.HasPrefix(name, "Fuzz"):
					targets[where+strings.TrimPrefix(name, "Fuzz")] = true
				case !test && parserName.MatchString(name) && f.Type.Params.NumFields() > 0 && !trusted[where+name]:
					parsers[where+name] = true
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for p := range parsers {
		if !targets[p] {
			t.Errorf("%s reads foreign input and has no fuzz target", p)
		}
	}
	if len(parsers) < 8 {
		t.Errorf("only %d parsers were found", len(parsers))
	}
}
