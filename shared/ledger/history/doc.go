// Package history records what clients of a license saw, and tells whether all
// of it can be explained by one order of the operations, each taking effect at
// one instant between its call and its answer: whether the history is
// linearizable. The checker is porcupine.
//
// spec.go has the specification: a bounded license in some sixty lines, written
// from docs/architecture.md and not from package ledger, which is not imported
// here. It speaks of licenses without settle window, grace time, affinity,
// rules and expiry, counted from given amounts; what those add is tested
// elsewhere. Only tests import this package.
//
//	r := history.Recorder{Now: clock}
//	call := r.Call(client, history.Operation{License: "lic-1", Seen: seen})
//	… // one of:
//	call.Answered(history.Answer{…})
//	call.Lost()    // it may have happened, or may still happen
//	call.Refused() // it did not happen
//	err := r.Check(10 * time.Second)
package history
