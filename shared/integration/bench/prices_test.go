package bench_test

import "licenseguard/shared/integration/meter"

// Prices in dollars: us-east-1, on demand, as the pricing pages of SQS, DynamoDB
// and Lambda had them in 2026. Without free tiers.
const (
	perQueueRequest = 0.40e-6
	perWriteUnit    = 0.625e-6
	perReadUnit     = 0.125e-6
	perInvocation   = 0.20e-6
	perGBSecond     = 0.0000133334 // arm64
)

// queueRequests is what a batch of events takes of SQS: each is sent alone, and
// received and deleted in tens.
func queueRequests(events int) float64 { return float64(events) + 2*float64((events+9)/10) }

// dollars is what handling events takes, with functions that ran for so many
// seconds in all. EventBridge delivers AWS's own events for nothing.
func dollars(r meter.Reading, batches []int, seconds float64) float64 {
	sum := perWriteUnit*meter.Sum(r.Written) + perReadUnit*meter.Sum(r.Read) + perGBSecond*functionMemory/1024*seconds
	for _, n := range batches {
		sum += perInvocation + perQueueRequest*queueRequests(n)
	}
	return sum
}
