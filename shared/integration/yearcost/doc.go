// Package yearcost counts what a fleet's reports take of S3, KMS and Athena: days of a
// fleet are played through the fold, the publisher, the snapshots, the compaction and
// the seal, against buckets that count. A year is so many days. `make cost` prints the
// tables of docs/cost.md; CI counts the small ones again and holds the page to them.
package yearcost
