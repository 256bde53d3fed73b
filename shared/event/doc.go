// Package event turns the body of an EventBridge event into a typed one.
//
// An event is only a hint that something may have changed: it can be late,
// doubled, out of order or lost. So Parse takes from it what to look at again
// and when it happened, and nothing else: no type, no tags, no counts. What is
// true is read from AWS afterwards. There are two exceptions, which the record of
// the call alone may tell: who launched, by which nothing is decided, and what an
// image was made from, which counts only where EC2 does not tell it.
//
// The envelope must be well-formed, whatever the event. A well-formed event of
// a source or detail-type that Parse does not know is no error: it has
// KindUnknown and can be counted and passed. Only a body that no later version
// of AWS's data could make right is Malformed; it must not be tried again.
//
// The package knows no clock, no network and no AWS library. The folder events
// at the root has a sample of every event, and README.md there the list.
//
//	e, err := event.Parse(body)
//	// e.Kind is "instance-state", e.Resources[0] is {i-1234567890abcdef0 running}
package event
