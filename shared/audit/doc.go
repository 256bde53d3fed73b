// Package audit makes the pack with which a license manager answers an auditor: for
// some licenses and a span of time one file with a page to read, and the rows behind
// it as CSV. Every number is of the change log; nothing is sampled or estimated here.
package audit
