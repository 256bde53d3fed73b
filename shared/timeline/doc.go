// Package timeline answers from the change log what was so at any past instant:
// positions, who used what, peaks, license-hours.
//
// The log has two times. A row says that from an instant on (happened) a resource
// consumed so much, and when that was recorded. What was recorded later about the
// same time stands: a row takes the place of all that was said of its resource from
// its instant on. So "at" answers by when things happened, "known" by what was on
// record by then, and where the two differ the past was restated.
//
// Verdicts are decisions: they begin when they were made, under the rules that the
// row names, and are never judged again by later rules.
package timeline
