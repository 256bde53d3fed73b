package cfnhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// template is what is read of a CloudFormation template.
type template struct {
	Resources map[string]resource `json:"Resources"`
}

type resource struct {
	Type       string         `json:"Type"`
	Condition  string         `json:"Condition"` // its resource may not be made at all
	Properties map[string]any `json:"Properties"`
}

// unresolved stands for a value that only CloudFormation knows: of a short
// intrinsic function of YAML, or an alias.
type unresolved struct{}

// maxNested is how deep a template may be nested; CloudFormation's own are not.
const maxNested = 200

// parse reads a template, JSON or YAML.
func parse(text string) (template, error) {
	var t template
	data := []byte(text)
	if nested(data) > maxNested {
		return t, fmt.Errorf("the template is nested more than %d deep", maxNested)
	}
	if trimmed := bytes.TrimSpace(data); len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(trimmed) {
		return t, json.Unmarshal(trimmed, &t)
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil || len(file.Docs) != 1 || file.Docs[0].Body == nil {
		return t, errors.New("the template is neither JSON nor YAML of one document")
	}
	root, ok := valueOf(file.Docs[0].Body).(map[string]any)
	if !ok {
		return t, errors.New("the template is no map")
	}
	resources, _ := root["Resources"].(map[string]any)
	t.Resources = make(map[string]resource, len(resources))
	for id, v := range resources {
		fields, _ := v.(map[string]any)
		var r resource
		r.Type, _ = fields["Type"].(string)
		r.Condition, _ = fields["Condition"].(string)
		r.Properties, _ = fields["Properties"].(map[string]any)
		t.Resources[id] = r
	}
	return t, nil
}

// nested is a bound on how deep a text is nested: its open brackets, and what
// stands before the first letter of a line.
func nested(data []byte) int {
	deepest, open, lead := 0, 0, 0
	leading := true
	for _, c := range data {
		switch c {
		case '\n':
			leading, lead = true, 0
			continue
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		}
		if leading = leading && (c == ' ' || c == '-' || c == '?'); leading {
			lead++
		}
		deepest = max(deepest, open, lead)
	}
	return deepest
}

// valueOf turns YAML into what JSON would be. What carries a tag, as "!Ref", and
// what refers to another place is unresolved; "!Ref X" alone is told as
// {"Ref": "X"}, because it can name a resource of the template.
func valueOf(node ast.Node) any {
	switch n := node.(type) {
	case *ast.MappingNode:
		out := make(map[string]any, len(n.Values))
		for _, v := range n.Values {
			out[keyOf(v.Key)] = valueOf(v.Value)
		}
		return out
	case *ast.MappingValueNode:
		return map[string]any{keyOf(n.Key): valueOf(n.Value)}
	case *ast.SequenceNode:
		out := make([]any, len(n.Values))
		for i, v := range n.Values {
			out[i] = valueOf(v)
		}
		return out
	case *ast.TagNode:
		if name, ok := n.Value.(*ast.StringNode); ok && n.Start.Value == "!Ref" {
			return map[string]any{"Ref": name.Value}
		}
		return unresolved{}
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	case *ast.IntegerNode:
		return n.Token.Value
	case *ast.FloatNode:
		return n.Token.Value
	case *ast.BoolNode:
		return n.Value
	case *ast.NullNode:
		return nil
	default:
		return unresolved{}
	}
}

func keyOf(node ast.MapKeyNode) string {
	if s, ok := node.(*ast.StringNode); ok {
		return s.Value
	}
	return node.GetToken().Value
}
