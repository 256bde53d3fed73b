package remedy

import "fmt"

// The cost of a step is in points. They rank proposals and stand for no money:
// what counts is which step people mind more.
const (
	// costPaper: a person changes an association, the instance runs on.
	costPaper = 5
	// costTaken: each license that is used up elsewhere is missing there.
	costTaken = 1
	// costRestart: the instance is away for some minutes. CPU options, type and
	// placement can only be changed while it is stopped.
	costRestart = 10
	// costThread: a vCPU switched off; memory and network stay.
	costThread = 1
	// costSize: a vCPU of the type lost, on or off, with its memory and network.
	costSize = 2
	// costStop and costCapacity: the work itself stops, and all capacity is lost.
	costStop     = 20
	costCapacity = 5
)

// price is a cost with its reason.
type price struct {
	points int64
	reason string
}

func stopPrice(vcpus int64) price {
	return price{costStop + costCapacity*vcpus, fmt.Sprintf("%d for the work that ends, %d for each of %d vCPUs", costStop, costCapacity, vcpus)}
}

// lossPrice is that of a change that takes vCPUs away, running or stopped.
func lossPrice(running bool, each, vcpus int64) price {
	p := price{each * vcpus, fmt.Sprintf("%d for each of %d vCPUs", each, vcpus)}
	if running {
		p.points += costRestart
		p.reason = fmt.Sprintf("%d for a stop and a start, %s", costRestart, p.reason)
	}
	return p
}

func hostPrice(running bool) price {
	if !running {
		return price{0, "it is stopped: nothing is lost"}
	}
	return price{costRestart, fmt.Sprintf("%d for a stop and a start", costRestart)}
}

func licensePrice(taken int64) price {
	return price{costPaper + costTaken*taken, fmt.Sprintf("%d for the change of license, %d for each of %d licenses there", costPaper, costTaken, taken)}
}
