// Package integration has the tests that run the functions as they are
// deployed: the same mains, built with the same flags, started as Lambda starts
// them, over the real AWS SDK, against the servers of localaws. It has no code
// of its own.
package integration
