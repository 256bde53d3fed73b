// Package ssminventory reads Systems Manager: the inventory of machines and the managed
// nodes of one account and Region, those of its client. It is the only package that
// imports the client of Systems Manager.
//
// What machines tell of themselves is foreign text without bounds. An answer is read
// as a stream, so that memory is bounded by what was asked for, however large the answer
// is; what is not as documented is a problem of its machine and fails no other.
package ssminventory
