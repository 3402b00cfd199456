package simulator

import (
	"slices"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func hostScenarios() []Scenario {
	stale := []string{"stale-connection"}
	inUse := []string{"in-use-without-connection"}
	degraded := []string{"degraded-paths"}
	return slices.Concat(
		onBoth("killed-while-waiting", "LXD is killed while it waits for the device of a new volume: record, volume and connection stay.",
			Options{}, killedWhileWaiting, stale...),
		onBoth("power-failure", "The machine loses power and the instance is not started again: the array still connects its volume.",
			Options{}, powerFailure, stale...),
		onBoth("cut-off-by-hand", "An administrator disconnects a volume on the array while a container runs from it.",
			Options{}, cutOffByHand, inUse...),
		aged(time.Minute, onBoth("portal-lost", "One of the array's portals can't be reached any more.", Options{}, portalLost, degraded...)),
		onBoth("mount-fails", "A new volume can't be mounted; LXD takes all back but the mount directory.",
			Options{}, mountFails, "leftover-directory"),
		onBoth("host-not-deleted", "The array does not delete the array host of a machine without volumes.",
			Options{}, hostNotDeleted, "idle-host", "leftover-directory"),
		only("map-left", "LXD is killed while it makes a filesystem, and later told to delete the volume: it never looks at the device.",
			Options{Transports: iscsi}, killedThenDeleted("mkfs"), "stale-map"),
		only("paths-left", "The same, before there was a map: the disks stay.",
			Options{Transports: iscsi}, killedThenDeleted("wait"), "ghost-path"),
		// Not for hours: the controller gives up after ten minutes.
		fading(untilLost, aged(2*time.Minute, only("namespace-left", "A controller that tries to reconnect does not see that the array took a namespace away.",
			Options{Transports: nvme}, namespaceLeft, "ghost-namespace", "idle-host"))),
		only("lun-reused", "The LUN number of a volume that was cut off under a running container is given to the next volume, and a scan puts that one into the container's map.",
			Options{Transports: iscsi, LXDVersion: "6.3"}, lunReused, "mixed-map", "leaked-volume", "unsafe-setting"),
		only("names-left", "A leak is disconnected by hand, the next volume gets its LUN number, and udev's names of the leak lead to that one's disk.",
			Options{Transports: iscsi, LXDVersion: "6.3"}, namesLeft, "misleading-name", "leaked-volume", "unsafe-setting"),
		only("first-session-only", "LXD scans only the first session for what it maps later: the second container has one path.",
			Options{Transports: iscsi}, firstSessionOnly, degraded...),
		only("queueing", "The machine's multipath lets I/O without a path wait for ever.",
			Options{Transports: iscsi, Queueing: true}, queueing, "unsafe-setting"),
	)
}

func killedWhileWaiting(w *World) {
	w.createIsKilled(w.volume("data"), lxd.StepHost, "wait")
}

func powerFailure(w *World) {
	w.somethingRuns()
	w.LXD.PowerFail()
	w.LXD.PowerOn()
}

func cutOffByHand(w *World) {
	w.somethingRuns()
	w.create("data")
	w.attachData()
	w.calm()
	w.cut(w.data())
}

// somethingRuns starts a container, so that the machine has sessions and a
// array host on the array whatever happens to other volumes.
func (w *World) somethingRuns() { w.check(w.LXD.Launch(w.container("web1"))) }

func (w *World) portals() []string {
	_, portals := w.Array.ISCSI()
	if w.options.Transports[0] == evidence.ModeNVMeTCP {
		_, portals = w.Array.NVMe()
	}
	return portals
}

func portalLost(w *World) {
	w.somethingRuns()
	w.Age(hours)
	w.Hosts[0].CutPortal(w.portals()[1])
}

func mountFails(w *World) {
	w.stepFails("mount", "wrong fs type, bad option, bad superblock")
	w.createFails("data")
	w.calm()
}

func hostNotDeleted(w *World) {
	w.unavailable("DELETE", "/hosts", func() { w.createFails("data") })
	// LXD logs out before it deletes the object.
	for _, host := range w.Array.Hosts() {
		w.check(w.Array.SetConnectivity(host.Name, "critical", "None"))
	}
}

// killedThenDeleted kills LXD in a create and deletes what it recorded.
func killedThenDeleted(step string) func(*World) {
	return func(w *World) {
		w.somethingRuns()
		w.createIsKilled(w.volume("data"), lxd.StepHost, step)
		w.check(w.LXD.DeleteVolume(w.Pool(), "", "data"))
	}
}

func namespaceLeft(w *World) {
	w.createIsKilled(w.volume("data"), lxd.StepHost, "mkfs")
	w.Hosts[0].CutPortal(w.portals()[1])
	w.check(w.LXD.DeleteVolume(w.Pool(), "", "data"))
}

func lunReused(w *World) {
	w.somethingRuns()
	w.disconnect(w.Pool(), evidence.TypeContainer, "web1")
	// The next volume gets the number, LXD's scan makes the container's own
	// path lead to it, and LXD waits for a device in vain.
	w.createFails("next")
}

// namesLeft: the leak's disk came too late and has no map. When the array gives
// its number to another volume, LXD's scan tells the kernel, and nobody tells
// udev: the names of the leak stay, and those for which LXD waits don't come.
func namesLeft(w *World) {
	w.somethingRuns()
	w.noDevices(func() { w.createFails("data") })
	w.create("next")
	for _, v := range w.unrecorded() {
		w.cut(v.Name)
	}
	w.createFails("later")
}

func firstSessionOnly(w *World) {
	w.somethingRuns()
	w.create("data")
	w.attachData()
}

func queueing(w *World) {
	w.somethingRuns()
	w.calm()
}
