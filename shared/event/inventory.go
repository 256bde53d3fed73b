package event

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"
)

// parseAssociation sees that the software of a machine was listed anew. Other
// documents and runs that failed change nothing that is counted.
func parseAssociation(detail object) (Kind, []Hint, *Malformed) {
	if detail.optional("document-name") != "AWS-GatherSoftwareInventory" || detail.optional("status") != "Success" {
		return KindUnknown, nil, nil
	}
	id, m := detail.text("instance-id", machineRule)
	if m != nil {
		return "", nil, m
	}
	return KindInventory, []Hint{{ID: id, Inventory: true}}, nil
}

// parseInventoryType sees that a custom type of the inventory was deleted, or that a
// machine lists its software in a version that is outdated (Systems Manager user guide,
// "Setting up Systems Manager to monitor Inventory", 2026). It is no event of changed
// software: what it tells people is its note. The detail is documented in another
// envelope only, so that what is not as expected is passed.
func parseInventoryType(detail object) (Kind, []Hint, *Malformed) {
	id := detail.optional("resource-id")
	if !isMachine(id) {
		return KindUnknown, nil, nil
	}
	note := "inventory type " + detail.optional("type-name") + ": " + detail.optional("action") + " " + detail.optional("action-status")
	if reason := detail.optional("action-reason"); reason != "" {
		note += ": " + reason
	}
	return KindInventory, []Hint{{ID: id, Inventory: true, Note: printable(note)}}, nil
}

// parseNode takes every machine that the detail names, wherever: AWS lists the two
// events and does not document their details. Parse adds those of the envelope.
func parseNode(detail object) (Kind, []Hint, *Malformed) {
	var hints []Hint
	keys := make([]string, 0, len(detail.fields))
	for key := range detail.fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		hints = appendMachines(hints, detail.fields[key])
	}
	return KindNode, hints, nil
}

// appendMachines adds the machines that a JSON text names, as ids or at the end of
// ARNs, each once.
func appendMachines(hints []Hint, text json.RawMessage) []Hint {
	var root any
	if len(text) > 0 {
		_ = json.Unmarshal(text, &root) // the whole body was found to be valid JSON
	}
	var walk func(node any)
	walk = func(node any) {
		switch n := node.(type) {
		case []any:
			for _, inner := range n {
				walk(inner)
			}
		case map[string]any:
			keys := make([]string, 0, len(n))
			for key := range n {
				keys = append(keys, key)
			}
			slices.Sort(keys)
			for _, key := range keys {
				walk(n[key])
			}
		case string:
			id := n[strings.LastIndexByte(n, '/')+1:]
			known := slices.ContainsFunc(hints, func(h Hint) bool { return h.ID == id })
			if isMachine(id) && !known && len(hints) < MaxHints {
				hints = append(hints, Hint{ID: id, Inventory: true})
			}
		}
	}
	walk(root)
	return hints
}

// syncedParts are the types of the inventory whose objects are worth a look.
var syncedParts = []string{"AWS:Application", "AWS:InstanceInformation", "AWS:InstanceDetailedInformation", "AWS:Tag"}

// parseInventoryObject sees that a Resource Data Sync wrote what one machine told of
// one type, as [PREFIX/]AWS:Application/accountid=…/region=…/resourcetype=
// ManagedInstanceInventory/ID.json (Systems Manager user guide, "Create a resource data
// sync for Inventory", 2026). The bucket may hold anything else, too, and belong to
// another account and Region than the machine: the key tells those. It can be
// URL-encoded.
func parseInventoryObject(detail object) (Kind, []Hint, *Malformed) {
	inner, m := detail.object("object")
	if m != nil {
		return KindUnknown, nil, nil
	}
	key := inner.optional("key")
	if decoded, err := url.PathUnescape(key); err == nil {
		key = decoded
	}
	parts := strings.Split(key, "/")
	if len(parts) < 5 {
		return KindUnknown, nil, nil
	}
	parts = parts[len(parts)-5:]
	account, hasAccount := strings.CutPrefix(parts[1], "accountid=")
	region, hasRegion := strings.CutPrefix(parts[2], "region=")
	id, isJSON := strings.CutSuffix(parts[4], ".json")
	if !slices.Contains(syncedParts, parts[0]) || !hasAccount || !isAccount(account) || !hasRegion || !isRegion(region) ||
		parts[3] != "resourcetype=ManagedInstanceInventory" || !isJSON || !isMachine(id) {
		return KindUnknown, nil, nil
	}
	h := Hint{ID: id, Inventory: true, Object: parts[0], account: account, region: region}
	if etag := inner.optional("etag"); isName(maxID)(etag) {
		h.ETag = etag
	}
	return KindInventory, []Hint{h}, nil
}

// printable makes foreign text safe for people: at most 200 printable characters.
func printable(s string) string {
	const most = 200
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
