// Package handler translates between Lambda's invocations and the use-cases:
// one file per function, each with what it takes and what it answers. The
// functions wire these handlers to AWS, the command line wires the same ones to
// an embedded store.
package handler
