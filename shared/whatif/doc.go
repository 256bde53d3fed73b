// Package whatif tells what launches or changed configurations would do, without
// doing it: for each license the numbers before and after, and for each resource
// that would stand otherwise how it stands, why, and what enforcement would answer.
//
// It has no rules of its own. What applies to what is decided by license.Associate,
// a changed configuration is made by license.Amend, and all numbers and verdicts
// come from ledger.Fold, given the same claims that a look at the instances would
// give. So what it tells is what happens, if nothing else happens meanwhile.
//
//	outcome, err := whatif.Simulate(world, whatif.Plan{Launches: []whatif.Launch{{
//		Account: "123456789012", Region: "us-east-1", Type: "m5.large", Count: 10, Image: "ami-1"}}}, now)
//
// Like the fold it is pure: the time comes in as an argument, nothing that it is
// given is modified, and equal input gives equal output.
package whatif
