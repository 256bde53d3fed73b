package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// pageSize is the size of a page unless the client wants fewer, and the most it gets:
// AWS documents 100 as the most for some lists and no default.
const pageSize = 100

// paging is what every list takes.
type paging struct {
	MaxResults *int64
	NextToken  string
}

// cursor is what a token holds: the key after which the next page begins. So pages
// neither repeat nor lose what is there all the time, whatever is inserted or deleted
// between them.
type cursor struct {
	List  string `json:"l"` // operation and filters, hashed
	After string `json:"a"`
}

// start checks the paging of a list: how many it may return, and the key after which
// it begins. What else was asked is part of the token, so that it serves no other list.
func (c *call) start(p paging, asked ...any) (most int, after string, err error) {
	most = pageSize
	if p.MaxResults != nil {
		if *p.MaxResults < 1 || *p.MaxResults > pageSize {
			return 0, "", outside("MaxResults is %d: give 1 to %d", *p.MaxResults, pageSize)
		}
		most = int(*p.MaxResults)
	}
	if p.NextToken == "" {
		return most, "", nil
	}
	bad := invalid("NextToken is none that this list returned; start without it")
	data, err := base64.RawURLEncoding.Strict().DecodeString(p.NextToken)
	if err != nil {
		return 0, "", bad
	}
	var k cursor
	if err := json.Unmarshal(data, &k); err != nil || k.List != c.list(asked) || k.After == "" {
		return 0, "", bad
	}
	return most, k.After, nil
}

// token returns the token of the page that begins after a key.
func (c *call) token(after string, asked ...any) string {
	data, _ := json.Marshal(cursor{List: c.list(asked), After: after}) // strings always encode
	return base64.RawURLEncoding.EncodeToString(data)
}

func (c *call) list(asked []any) string {
	data, _ := json.Marshal(asked) // so do the inputs of operations
	sum := sha256.Sum256(append([]byte(c.name+"\x00"), data...))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// cut returns the page of items, which are in the order of their keys, and the key of
// its last item if there are more.
func cut[T any](items []T, key func(*T) string, after string, most int) (page []T, last string) {
	first := 0
	for after != "" && first < len(items) && key(&items[first]) <= after {
		first++
	}
	items = items[first:]
	if len(items) <= most {
		return items, ""
	}
	return items[:most], key(&items[most-1])
}

// next is token, or "" where there is no further page.
func (c *call) next(last string, asked ...any) string {
	if last == "" {
		return ""
	}
	return c.token(last, asked...)
}
