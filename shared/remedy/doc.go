// Package remedy finds the least-cost way back from an overrun: which
// instances to stop, to resize, to give other CPU options, to move to a
// Dedicated Host with room or to move to another license, so that everything
// that is left fits under the count.
//
// It proposes and does nothing. What a step frees is counted by the functions
// that count the license (ledger.Usage), and each proposal is folded with
// ledger.Fold before it is given: in the license that the fold returns nothing
// is over, no more breaks a rule, and no other license is worse off.
//
// The choice is a covering problem: of each entry at most one step (of a
// Dedicated Host a step for each of its instances, or none), together freeing
// what is missing, within the room of hosts and the free licenses of other
// licenses, at the least cost. Branch and bound solves it exactly as far as its
// budget goes; a proposal says whether it did.
//
// Out of scope are overruns by broken rules: they end by keeping the rule, not
// by freeing licenses. What is being answered at the moment is taken as if
// nothing would come of it.
package remedy
