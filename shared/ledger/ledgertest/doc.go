// Package ledgertest is the written contract of ledger.Store as tests. Each
// adapter runs the same suite, so that what the use-cases rely on holds for all:
//
//	ledgertest.Run(t, func(t *testing.T) ledger.Store { … })
//
// Faulty makes a store fail before or after a call was applied, which is how
// networks fail.
package ledgertest
