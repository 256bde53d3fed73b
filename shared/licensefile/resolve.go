package licensefile

import (
	"fmt"
	"slices"
	"strings"

	"licenseguard/shared/license"
)

// Resolve gives configurations that were read from a file, for licenses owned by an
// account in a Region, the ids that they have in a ledger. One whose id only follows
// from its name takes that of the license of this name, whoever made it. When there
// is none, and the id was of a license that is deleted, it gets another one that
// follows from its name: an id is never used again. An error names the license.
func Resolve(wanted, present, deleted []license.Configuration, account, region string) ([]license.Configuration, error) {
	r := resolver{account: account, region: region, present: present, deleted: make(map[string]bool, len(deleted))}
	for i := range deleted {
		r.deleted[deleted[i].ID] = true
	}
	out, seen := slices.Clone(wanted), make(map[string]string, len(wanted))
	for i := range out {
		c := &out[i]
		id, err := r.id(c)
		if err != nil {
			return nil, fmt.Errorf("license %q: %w", c.Name, err)
		}
		if other, ok := seen[id]; ok {
			return nil, fmt.Errorf("license %q: it is %s, and so is %q; give one of them an id of its own", c.Name, id, other)
		}
		seen[id] = c.Name
		c.ID, c.ARN = id, r.arn(id)
	}
	return out, nil
}

type resolver struct {
	account, region string
	present         []license.Configuration
	deleted         map[string]bool
}

func (r resolver) id(c *license.Configuration) (string, error) {
	if c.ID != IDOf(r.account, r.region, c.Name) { // the file gives it
		if r.deleted[c.ID] {
			return "", &license.FieldError{Field: "id", Value: c.ID, Want: "that license was deleted, and its id is never used again; leave the id out"}
		}
		return c.ID, nil
	}
	var named []string
	for i := range r.present {
		switch p := &r.present[i]; {
		case p.Name == c.Name && p.ID == c.ID:
			return c.ID, nil
		case p.Name == c.Name:
			named = append(named, p.ID)
		}
	}
	switch len(named) {
	case 0:
		return r.unused(c.Name), nil
	case 1:
		return named[0], nil
	default:
		return "", &license.FieldError{Field: "id", Value: "", Want: fmt.Sprintf("%d licenses have that name; give the id of one: %s", len(named), strings.Join(named, ", "))}
	}
}

// unused is the first id that follows from a name and is not of a deleted license.
func (r resolver) unused(name string) string {
	id := IDOf(r.account, r.region, name)
	for n := 2; r.deleted[id]; n++ {
		id = IDOf(r.account, r.region, fmt.Sprintf("%s/%d", name, n))
	}
	return id
}

// arn is that of the license of an id: a present one keeps its own.
func (r resolver) arn(id string) string {
	for i := range r.present {
		if r.present[i].ID == id {
			return r.present[i].ARN
		}
	}
	return arnOf(r.account, r.region, id)
}

func arnOf(account, region, id string) string {
	return fmt.Sprintf("arn:aws:license-manager:%s:%s:license-configuration:%s", region, account, id)
}
