// Package coverage says what was watched, by which source, and what was not: every gap
// is a record with what it can mean at worst. It reads the rows that each snapshot leaves
// and the change log, and nothing else: a source that left no trace did not watch.
package coverage
