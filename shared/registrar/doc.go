// Package registrar makes, changes, associates and deletes license configurations by
// the wish of a named person. The API and the command line both use it, so that the
// two cannot disagree.
//
// It promises:
//
//   - A change is one commit on the configuration that was read. What is counted at
//     the same moment is no hindrance: the commit is tried again. What another person
//     changed meanwhile is: nothing is written, and the error is a *Changed.
//   - Every version has a name and a time, and stays: see History.
//   - A change that changes nothing writes nothing.
//   - What is in use is not deleted: see *InUse.
//
// Counting the instances that a change touches comes after its commit and does not
// undo it: should that fail, Outcome.Uncounted says why, and the next sweep counts.
//
// It asks no AWS API; what is known of instances is read from the ledger.
package registrar
