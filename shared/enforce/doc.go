// Package enforce answers overruns. Queue turns the change of a license into
// durable pending actions; Run takes what is due, looks at the instance again,
// asks the license for a stop intent, which the budget may refuse, and only then
// tags or stops. Policy is not here: whether an instance is answered at all, and
// how, is decided by ledger.Fold, and asked again right before each action.
//
// Nothing is ever terminated. In observe mode nothing is written to instances;
// the journal says what would have been done.
package enforce
