// Package sqsqueue sends messages to SQS queues: hopeless ones to a dead-letter
// queue, with the reason, and batches to the queues between publish and its
// targets.
package sqsqueue
