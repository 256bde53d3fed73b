// Package shared holds the program in three rings.
//
//   - The core is pure: license, ledger, event and catalog import the standard
//     library only, read no clock and do no I/O.
//   - The use-cases track, enforce, publish and snapshot go round it. They
//     declare the small ports that they need and know no AWS.
//   - The rim, adapter, holds one package for each thing outside: a table, a
//     queue, EC2. Only there may AWS be imported.
//
// The test beside this file proves it.
package shared
