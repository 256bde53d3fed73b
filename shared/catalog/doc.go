// Package catalog holds facts of AWS's instance types and Dedicated Hosts.
//
// The facts are two CSV files inside the binary. Nothing is read from a
// network, and nothing is parsed before the first lookup.
//
// Instance types (zz_generated.instancetypes.csv) are the defaults that the
// EC2 API's DescribeInstanceTypes gives: 1,263 types as of 2026-05-20, taken
// from the copy that moto 5.2.1 carries. scripts/gen/catalog writes the file
// again from an account of yours.
//
// Dedicated Hosts (hosts.csv) are the sockets and physical cores of 84
// families, from AWS's Dedicated Hosts configuration table as of 2025-06-10.
// Each line names a second source that gives the same cores; a family without
// one is absent. A few families have hosts of more than one size (c5, c5d and
// m4 need a larger host for their largest types), and the table has the usual
// one. So what DescribeHosts says of a host stands before this table.
//
// A lookup never fails: ok is false for what is unknown.
//
//	t, ok := catalog.Embedded().InstanceType("m5.large") // 2 vCPUs, 1 core, 2 threads
package catalog
