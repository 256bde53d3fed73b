// Package bench measures the whole: how fast licenses are written beside other
// designs, what an event costs, and what a sweep takes. `make bench` prints the
// tables. As tests in CI every part runs once, small: there counts are
// asserted, and times never.
//
// What is compared is compared within one run, in turns, because machines
// differ and have moods; a ratio is the median of the rounds.
package bench
