// Package lxd is a simulated LXD: its records, its API on a unix socket, and
// the flows of its Pure Storage driver.
//
// The flows make the same REST calls in the same order as LXD's, write their
// records at the same moments and undo themselves in the same way: last step
// first, with the errors of undoing dropped. A flow that is disturbed (an
// array that answers 503, a device that never appears, a daemon that is
// killed) therefore leaves behind what the real one leaves behind, and nobody
// has to put a leak into the world by hand.
//
// What does not matter to that is left out: contents of volumes, networks,
// images from servers, migration between pools, and everything that writes
// through the API, which is for reading only.
package lxd
