package license

import (
	"encoding/json"
	"fmt"
)

// A configuration is one item of the ledger, which holds 400 KB (DynamoDB quotas,
// 2026). What a person sets leaves room for the exemptions, among them those without
// which nothing could be undone.
const (
	maximumSize = 380_000 // bytes, of all of it
	maximumWish = 180_000 // without the exemptions
)

// checkSize returns a *FieldError for a configuration that could not be kept.
func (c Configuration) checkSize() error {
	all := size(c)
	c.Exemptions = nil
	if rest := size(c); rest > maximumWish {
		return &FieldError{Field: "configuration", Value: fmt.Sprintf("%d bytes", rest),
			Want: fmt.Sprintf("names, tags, rules, associations and products together take at most %d; use fewer or shorter ones", maximumWish)}
	}
	if all > maximumSize {
		return &FieldError{Field: "exemptions", Value: fmt.Sprintf("%d bytes with all else", all),
			Want: fmt.Sprintf("a license holds at most %d; end what is not needed, or write shorter reasons", maximumSize)}
	}
	return nil
}

// size is how many bytes the ledger keeps.
func size(c Configuration) int {
	data, err := json.Marshal(c)
	if err != nil { // a configuration always encodes
		return maximumSize + 1
	}
	return len(data)
}
