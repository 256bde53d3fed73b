// Package publish tells the world what was committed. It reads the changes of
// licenses from the stream, writes the change log first, and then hands alerts
// and domain events to a queue each, from which it delivers them: a slow mail
// server never holds up the log.
//
// An alert is one message in several words: plain text for mail, a notification
// for Slack and Teams, and JSON for programs. What it says of the instances that
// it names is read at delivery and may be missing; an alert never is.
//
// An alert is delivered at least once under a stable id; twice only if a crash
// falls between publishing it and marking it as sent.
package publish
