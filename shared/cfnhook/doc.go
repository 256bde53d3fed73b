// Package cfnhook answers hooks of CloudFormation: it refuses a stack whose
// instances would not fit under a hard limit, before anything of it is made.
//
// It decides by whatif, so by the fold, and refuses only what enforcement would
// stop by itself. It reserves nothing: two stacks that are asked at the same moment
// can both be told that they fit; what is too much then is answered as any launch
// is. What cannot be known from the template (an intrinsic function, a parameter,
// another stack's resource) is left out and said in the message, and what fails
// here lets the stack go on: a mistake of ours must not stop all deployments.
package cfnhook
