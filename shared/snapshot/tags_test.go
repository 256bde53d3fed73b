package snapshot

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestTagsText(t *testing.T) {
	t.Parallel()
	many := map[string]string{}
	for i := range 101 {
		many[fmt.Sprint(i)] = "x"
	}
	for name, tt := range map[string]struct {
		tags map[string]string
		want string
	}{
		"none":         {nil, `{}`},
		"in order":     {map[string]string{"b": "2", "a": "1"}, `{"a":"1","b":"2"}`},
		"quotes":       {map[string]string{`q"`: `</script>'`}, `{"q\"":"\u003c/script\u003e'"}`},
		"controls":     {map[string]string{"a\nb": "c\u202ed"}, `{"a b":"c d"}`},
		"cleaned keys": {map[string]string{"a\tb": "1", "a b": "2"}, `{"a b":"2"}`},
		"too many":     {many, `{}`},
	} {
		if got := tagsText(tt.tags); got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
	long := tagsText(map[string]string{"k": strings.Repeat("é", 1000)})
	var back map[string]string
	if err := json.Unmarshal([]byte(long), &back); err != nil || len(back["k"]) > longestTagValue+4 {
		t.Errorf("%d bytes, %v", len(long), err)
	}
}
