// Package scenario runs files that say how Countersign must behave: what is
// given, what happens, what must then hold.
//
// A file is YAML, one scenario a document. It is read strictly, because a
// misspelt expectation that is passed over is a test that cannot fail: an
// unknown key, a wrong type, a value that is none of those allowed, or a name
// that nothing was given for is an error with its file and line, before
// anything runs.
//
// A scenario has a server of its own (verifier, relay, policy API and RP API in
// this process) and virtual devices, which are package app without its screen,
// with real keys and real envelopes. The clock stands still unless the scenario
// moves it, so that ten minutes pass at once, and what depends on time happens
// the same way each time. With Options.Server it drives a server that runs
// elsewhere, by its RP API, with devices enrolled there before; what such a
// server cannot be made to do (a broken relay, another clock) is then told and
// not run.
//
// Nothing waits in the hope of a change: after each step everything that it
// caused has happened, so an expectation is met, or it fails at once.
package scenario
