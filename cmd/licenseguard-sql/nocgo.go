//go:build !cgo

// Command licenseguard-sql answers questions to the reports in SQL. Its engine is
// written in C++, so it needs a C compiler: make sql.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "licenseguard-sql: built without cgo, so it has no engine; build it with a C compiler: make sql")
	os.Exit(1)
}
