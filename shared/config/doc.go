// Package config names everything that the stack and the functions must spell
// alike: environment variables, metrics, table keys, report prefixes and stack
// outputs. Each function has one struct here and one pure loader for it.
//
// The stack in infra sets exactly the variables that the loader of a function
// reads, and a test there compares the two both ways.
//
// The package reads nothing by itself: a loader gets a [Lookup], which in a
// function is os.LookupEnv.
//
//	env, err := config.LoadTrack(os.LookupEnv)
package config
