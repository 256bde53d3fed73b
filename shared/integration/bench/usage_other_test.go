//go:build !linux

package bench_test

import (
	"errors"
	"time"
)

func usage() (cpu time.Duration, peakMB float64, err error) {
	return 0, 0, errors.New("the benchmarks need Linux")
}
