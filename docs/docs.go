// Package docs holds the documentation, and the tests that keep it true: every
// command line and every output in it is run and compared, every promise has
// its test, every key of an output its explanation.
//
// A fenced block says in its language what it is. The tests know these, and
// refuse others:
//
//	console  commands after "$ ", and what they print; run and compared
//	sh       commands that are typed by hand, on a real system; not run
//	yaml     a pureclean.yaml; read as such
//	text     words; never a command
//	mermaid  a picture
//
// In a console block, "..." on a line of its own stands for any lines. Blocks
// of one file are run in order, in the demo's world; an HTML comment such as
// <!-- world: member-died --> changes to that scenario of package simulator,
// two days after it happened, and <!-- paths up --> brings the array's portals up
// that are down in the world. "go test ./docs -update" writes the outputs anew.
package docs
