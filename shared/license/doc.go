// Package license is the vocabulary and the arithmetic of licenseguard: what a
// license configuration is, which resources it applies to, whether a resource
// keeps its rules, and how many licenses one resource consumes and why.
//
// Everything here is a value or a pure function of values. The package imports
// the standard library only, reads no clock and does no I/O. What AWS and the
// vendors leave unclear is decided once, in choices.go.
//
// The words are those of AWS License Manager: a Configuration has a
// CountingType, a license count, a hard or a soft limit and rules; it is
// associated with resources; each resource consumes licenses.
package license
