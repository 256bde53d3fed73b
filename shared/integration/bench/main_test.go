package bench_test

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"licenseguard/shared/integration/localaws"
)

// fullVariable asks for the sizes that make bench prints; otherwise the tests
// only try whether each part still works.
const fullVariable = "LICENSEGUARD_BENCH"

func full() bool { return os.Getenv(fullVariable) == "full" }

// pick returns the small size or the full one.
func pick[T any](small, large T) T {
	if full() {
		return large
	}
	return small
}

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(sweepChild())
	}
	os.Exit(localaws.Main(m, nil))
}

var machineTold bool

// tellMachine says once where and when the figures come from.
func tellMachine() {
	if machineTold {
		return
	}
	machineTold = true
	fmt.Printf("%s, %s/%s, %d cores, %s; DynamoDB Local in memory on the same cores\n",
		time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
