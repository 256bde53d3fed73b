// Package ledgercodec packs the parts of a license into bytes, for the stores
// that keep them. A store bills bytes per write, and what one look changed is
// much alike, so entries and changes are kept by columns and deflated.
//
// What does not decode is an error, never a panic: stored bytes are input.
package ledgercodec
