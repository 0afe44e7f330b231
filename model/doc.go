// Package model holds a model of a challenge's life under a hostile relay, in
// Promela, for the model checker Spin.
//
// Tests try a few hundred interleavings; Spin tries all of them, of a small
// enough world. challenge.pml says what that world is. The package's test
// checks that the protocol as designed admits no wrong approval in it, that
// every defence is needed (without it Spin finds the attack), and that honest
// sign-ins are possible at all.
package model
