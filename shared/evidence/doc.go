// Package evidence makes the change log and the snapshots tamper-evident, and
// checks them. A manifest a day names each file with its hash, is chained to the
// manifest of the day before, and is signed; docs/evidence-format.md is the exact
// format, and scripts/verify_evidence.py a second verifier written from it.
//
// Seal writes a pack, Verify checks one. Neither has a clock, and only their ports
// do I/O: a folder, a bucket and a map in memory are packs alike.
package evidence
