// Package ledger holds the state of a license and the one function that
// changes it.
//
// A License is a small state machine: its configuration, a revision, and one
// Entry per consuming resource. Fold takes a license, a batch of what was seen
// or wanted, and the time, and returns the next license with a Change that says
// what happened and what it asks for. Fold is pure: no clock of its own, no
// I/O, no SDK; all policy lives in it and in package license. The same batch
// folded twice changes nothing the second time, because every instance carries
// its generation.
//
// The ports in store.go say what a store must promise: commits of one license
// are serial, each conditional on the revision before it. ledgertest holds the
// suite that every store passes.
package ledger
