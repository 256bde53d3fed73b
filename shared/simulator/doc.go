// Package simulator runs the real handlers in a world that one seed decides:
// a cloud that emits events, queues that deliver at least once, a stream that
// repeats, a store whose answers get lost, functions that die between any two
// calls, and a clock that jumps. It checks what must hold at each commit and
// each stop, and, once the faults end, that the ledger equals the cloud.
//
// What is checked, and where: each commit against the one before and against
// the cloud (check.go, order.go), each intent and action (intent.go), each message
// that is acknowledged (acknowledge.go), and the whole at the end (verify.go).
// mutants_test.go lists the bugs that it has to find.
//
// Everything happens in one logical thread. Each invocation of a function is a
// coroutine that gives way before each of its calls; the seed decides who goes
// on. So the same seed is the same run, and a failing one can be read.
//
// The package is test support: nothing that ships imports it.
package simulator
