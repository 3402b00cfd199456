package simulator

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func volumeScenarios() []Scenario {
	leaked := []string{"leaked-volume"}
	leakedBy63 := []string{"leaked-volume", "unsafe-setting"}
	old := Options{LXDVersion: "6.3"}
	return slices.Concat(
		aged(0, onBoth("device-too-late", "LXD 6.3 waits 30 seconds for a device, gives up and can't delete what is still connected; then the device comes.",
			old, deviceTooLate, leakedBy63...)),
		onBoth("device-never", "As before, and the device never comes.", old, deviceNever, leakedBy63...),
		onBoth("create-reply-lost", "The array creates a volume and its answer gets lost: LXD takes it for not created.",
			Options{}, replyLost("/volumes"), leaked...),
		onBoth("connect-reply-lost", "The array connects a volume and its answer gets lost: LXD can't delete the volume and does not know why.",
			Options{}, replyLost("/connections"), leaked...),
		onBoth("rollback-refused", "A device does not appear, and while LXD undoes the volume the array answers 503.",
			Options{}, rollbackRefused, leaked...),
		onBoth("unmap-refused", "The array does not answer LXD's question for its host when it wants to unmap a new volume: the device stays, and so does LXD's directory.",
			Options{}, unmapRefused, "leaked-volume", "leftover-directory"),
		onBoth("half-left", "Deleting a virtual machine fails between its two volumes; the next attempt finds the first one gone and forgets the second.",
			Options{}, halfLeft, "leaked-half", "leftover-directory"),
		only("held-in-namespace", "A new volume is still mounted in another mount namespace when LXD wants to let it go: the map is in use, and nothing can be undone.",
			Options{Transports: iscsi}, heldInNamespace, "leaked-volume", "leftover-directory"),
		aged(0, only("waiting-reader", "Somebody reads the map of a leaked volume, which lets I/O wait for a path, and an administrator disconnects it on the array: the reader waits for ever.",
			Options{Transports: iscsi, Queueing: true}, waitingReader, "in-use-without-connection", "leaked-volume", "waiting-io", "leftover-directory", "unsafe-setting")),
		aged(days, only("image-each-launch", "LXD 6.9 unpacks an image again for every launch, and keeps a record of the first copy only.",
			Options{LXDVersion: "6.9"}, imageEachLaunch, "leaked-image", "unsafe-setting")),
		aged(days, only("vm-image-each-launch", "The same with a virtual machine's image: the newest pair takes the record, the older pairs have none.",
			Options{LXDVersion: "6.9"}, vmImageEachLaunch, "leaked-image", "unsafe-setting")),
	)
}

func deviceTooLate(w *World) {
	deviceNever(w)
	w.Age(hours)
	// The next volume makes LXD scan again, and there it is: a disk without
	// a map, or a namespace.
	w.Hosts[0].NeverAppear(nil)
	w.create("next")
}

func deviceNever(w *World) {
	w.somethingRuns()
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	w.createFails("data")
}

// replyLost is what becomes of the next POST of that path.
func replyLost(path string) func(*World) {
	return func(w *World) {
		w.somethingRuns()
		w.loseReply(path)
		w.createFails("data")
	}
}

func rollbackRefused(w *World) {
	w.somethingRuns()
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	w.undoFails("data")
}

func unmapRefused(w *World) {
	w.somethingRuns()
	w.unmapFails(func() { w.createFails("data") })
}

func waitingReader(w *World) {
	unmapRefused(w)
	w.Age(hours)
	for _, v := range w.unrecorded() {
		w.check(w.Hosts[0].Read(v.Serial, "dd", readerPID))
		w.cut(v.Name)
	}
}

// readerPID is the process that waits in waiting-reader.
const readerPID = 14658

func heldInNamespace(w *World) {
	w.somethingRuns()
	w.when(lxd.StepHost, "unmount", func() {
		for _, m := range w.Hosts[0].Mounts() {
			if strings.Contains(m.Path, "/custom/") {
				w.check(w.Hosts[0].Mount(m.Serial, "/mnt/backup", host.HiddenNamespace))
			}
		}
	})
	w.createFails("data")
	w.calm()
}

func halfLeft(w *World) {
	w.somethingRuns()
	w.check(w.LXD.CreateInstance(w.vm("vm1")))
	w.forgetHalf(w.Pool(), "vm1")
}

func imageEachLaunch(w *World) {
	for _, name := range []string{"web1", "web2", "web3"} {
		w.check(w.LXD.CreateInstance(w.container(name)))
	}
}

func vmImageEachLaunch(w *World) {
	for _, name := range []string{"vm1", "vm2"} {
		w.check(w.LXD.CreateInstance(lxd.InstanceSpec{Name: name, Pool: w.Pool(), Type: evidence.TypeVM, Image: VMImage}))
	}
}
