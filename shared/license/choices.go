package license

// This file holds the choices for what AWS and the vendors leave unclear, so
// that each is made once. docs/adr/0006-unclear-points.md gives the reasons.

// holdsLicense says in which states an instance uses its license: from the
// launch until EC2 says that it is stopped or terminated. AWS does not say when
// between "stopping" and "stopped" the license comes back; software may run
// until the end, so the later moment is chosen.
func holdsLicense(s State) bool {
	switch s {
	case Pending, Running, Stopping, ShuttingDown:
		return true
	default:
		return false
	}
}

// unknownSockets is what a host or an instance of an unknown family counts
// under Socket: most of AWS's hosts have two sockets, and an unknown number
// counts as used.
const unknownSockets = 2

// unknownUnits is what an instance counts when neither its type, nor its
// family, nor its CPU options are known: the largest type that AWS offered when
// this was written has 896 vCPUs and 448 cores (u7in-32tb.224xlarge, 2026).
const (
	unknownVCPUs = 896
	unknownCores = 448
)
