package ledger

import "time"

// Delete returns the license after its end, and the change that says so: it holds
// nothing and nothing is due. Whether it may end is for the caller to know: what
// still uses it would be forgotten.
func Delete(l *License, now time.Time, by string) (*License, *Change) {
	next := &License{Revision: l.Revision + 1, Configuration: l.Configuration, Stored: l.Stored}
	next.Configuration.UpdatedAt, next.Configuration.UpdatedBy = now, by
	c := &l.Configuration
	change := &Change{License: c.ID, ARN: c.ARN, Name: c.Name, Vendor: c.Vendor, Counting: c.CountingType, Count: c.Count, Hard: c.HardLimit, Mode: c.Enforcement.Mode,
		Status: c.Status, Expiry: c.Expiry, Revision: next.Revision, Recorded: now, Reason: ReasonDeleted, By: by, Before: l.Totals}
	return next, change
}
