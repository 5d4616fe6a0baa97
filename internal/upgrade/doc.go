// Package upgrade holds what earlier releases left in flight, and the test that today's
// code finishes it.
//
// A deployment replaces the functions under open executions. Those keep the definition
// that they began with, and their documents, records and events are in the words of the
// release that wrote them. On one machine they even go on in the new definition.
//
// Below testdata is a folder for each release, written by that release's own code with
// scripts/golden-release. A golden is one moment of a fleet (the call that the state
// machine sends, all records, the state of the world outside), what was still to come,
// and how it ended then. Goldens are never edited and never written again: they are
// deleted when nothing of their release can be running any more, which is two releases
// later.
package upgrade
