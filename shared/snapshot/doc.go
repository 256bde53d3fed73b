// Package snapshot writes what is true at an instant: the position of each
// license and the usage of each resource, as Parquet for Athena and as CSV for
// people. The columns follow the field names of AWS License Manager's API.
package snapshot
