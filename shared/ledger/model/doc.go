// Package model holds models of the ledger's protocol for the model checker
// Spin, and the test that runs it: counting.pml is how events become counts,
// answering.pml how an overrun becomes a stop. Each names its bounds at its top.
//
// Every error that can be planted in them with a macro must be found. Some
// macros are no planted errors but what the shipped protocol allows, with the
// remedy named in model_test.go: they must be found as well, so that nobody
// believes that the model excludes them.
//
// Left out: fences that are dropped after 20 minutes, hosts, affinity, rules,
// expiry, settle windows and pages; that the last look at an instance and the
// stop that follows are two calls; and that several licenses are asked in turn.
package model
