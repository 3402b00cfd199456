// Package kernel is the real devices.Kernel and the real release.DeviceWriter: it
// asks the running Linux kernel and multipathd what no file holds, and it
// changes single devices. The two are different types: what Live returns can
// only read.
//
// Anything here can hang where no signal reaches it: an open waits for a
// path's error recovery, an ioctl for a lock, a deletion for I/O on its way.
// So each question is asked in a goroutine of its own, and when the context
// ends before the answer comes, it is left behind with the thread and the
// file that it holds. While a question is out, the same question is refused,
// so that at most one is left behind for each disk, one for device-mapper and
// one for each mount namespace, however often they are asked. The same holds
// for changes, object by object.
package kernel
