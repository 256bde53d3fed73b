// Package admit answers the launch hooks of Auto Scaling groups: before an
// instance enters service it takes its place in the ledger, and where a hard limit
// has none for it, its group is made smaller and ends it.
//
// It is opt-in for each group, by a hook whose name begins with HookPrefix. It
// refuses only what enforcement would stop, were it no member of a group
// (ledger.Admits); whatever is in doubt is let in, and answered as any launch is.
// Nothing here ends an instance, or touches one that serves.
//
// What bounds launches: a group is made smaller before a launch is abandoned, so
// that Auto Scaling has nothing to replace; and more abandoned launches within an
// hour than ledger.MostAbandoned suspend the group's launching, whatever raises
// its capacity.
package admit
