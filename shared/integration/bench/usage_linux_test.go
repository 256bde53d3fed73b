package bench_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// usage is what this process took so far. The peak is VmHWM: that of getrusage
// begins with the parent's.
func usage() (cpu time.Duration, peakMB float64, err error) {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0, 0, fmt.Errorf("getrusage: %w", err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, fmt.Errorf("read status: %w", err)
	}
	_, peak, ok := strings.Cut(string(status), "VmHWM:")
	var kb float64
	if _, err := fmt.Sscan(peak, &kb); err != nil || !ok {
		return 0, 0, errors.New("/proc/self/status has no VmHWM")
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano()), kb / 1024, nil
}
