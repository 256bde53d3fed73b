// Package track keeps the ledger true. An event is only a hint: Handle takes
// the resource's id from it, observes what is true now, and folds that into the
// licenses that apply. Sweep observes everything; if every event were lost, one
// sweep brings the ledger to the same state. Configure changes a license
// configuration and folds at once.
//
// The package knows no AWS: it declares the ports that adapters fill.
package track
