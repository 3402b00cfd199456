package simulator

import (
	"fmt"
	"slices"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// clusterScenarios need more than one member, and the testimony of every
// machine that can be asked, see World.Answering.
func clusterScenarios() []Scenario {
	pair, three := Options{Members: 2}, Options{Members: 3}
	old := Options{Members: 3, LXDVersion: "6.3"}
	stale := []string{"stale-connection"}
	return slices.Concat(
		only("member-removed", "A member of the cluster died and was removed by force: LXD forgot its instances, and the array did not.",
			pair, memberRemoved, "disappeared-record"),
		only("member-died", "A member lost power, its instance was moved away, and LXD can't delete it because the old member is still connected.",
			pair, memberDied, stale...),
		only("member-offline", "The same, and the member stays off: what else is left over can't be judged without it.",
			three, memberOffline, "leaked-volume", "stale-connection"),
		onBoth("cluster-healthy", "Instances run on every member of a cluster, move, and share volumes.",
			three, clusterHealthy),
		onBoth("member-stale", "The second member can't unmap the disk of a virtual machine that is stopped and moved to the first, which then can't delete it.",
			three, memberStale, stale...),
		onBoth("member-migrated", "A virtual machine is migrated to the second member while it runs, and the first can't unmap its disk, so that nobody can delete it later.",
			three, memberMigrated, stale...),
		onBoth("member-leak", "A volume that the second member makes does not appear there in time, and LXD 6.3 leaves it connected.",
			old, memberLeak, "leaked-volume", "unsafe-setting"),
		onBoth("leak-everywhere", "The same on the first; an operator connects the volume to all members to see what is in it, and leaves it there.",
			old, leakEverywhere, "leaked-volume", "unsafe-setting"),
		only("shared-object", "While the third member has no volume an administrator adds its initiator to the second's array host, and LXD uses that.",
			Options{Members: 3, Transports: iscsi}, sharedObject, "hijacked-host"),
	)
}

func memberRemoved(w *World) {
	second := w.LXD.Members()[1]
	w.check(second.Launch(w.container("web1")))
	second.PowerFail()
	w.check(w.LXD.RemoveMember(second.Name, true))
	for _, v := range w.unrecorded() {
		w.Keep(v.Name)
	}
}

func memberDied(w *World) {
	second := w.LXD.Members()[1]
	w.check(second.Launch(w.container("web1")))
	second.PowerFail()
	w.check(w.LXD.MoveInstance("", "web1", w.LXD.Name))
	second.PowerOn()
}

func memberOffline(w *World) {
	third := w.LXD.Members()[2]
	w.check(third.Launch(w.container("web1")))
	w.loseReply("/connections")
	w.createFails("data")
	third.PowerFail()
	w.check(w.LXD.MoveInstance("", "web1", w.LXD.Name))
}

// everywhere starts a container on each member, so that each has sessions and
// an array host.
func (w *World) everywhere() {
	for i, m := range w.LXD.Members() {
		// Without an image: each launch with one would leave a copy.
		w.check(m.Launch(lxd.InstanceSpec{Name: fmt.Sprintf("web%d", i+1), Pool: w.Pool()}))
	}
}

func clusterHealthy(w *World) {
	members := w.LXD.Members()
	w.everywhere()
	w.check(members[1].Launch(w.vm("vm1")))
	w.check(members[1].MoveInstance("", "vm1", members[2].Name))
	w.check(members[1].CreateVolume(w.volume("data")))
	w.check(members[1].AttachVolume("", "web2", "data", w.Pool(), "data", "/srv"))
	w.check(members[0].StopInstance("", "web1"))
	w.check(members[0].MoveInstance("", "web1", members[2].Name))
	w.check(members[2].StartInstance("", "web1"))
	w.calm()
}

func memberStale(w *World) {
	first, second := w.LXD.Members()[0], w.LXD.Members()[1]
	w.everywhere()
	w.check(second.Launch(w.vm("vm1")))
	w.calm()
	w.unmapFails(func() { w.mustFail(second.StopInstance("", "vm1"), "stopping vm1") })
	w.check(second.MoveInstance("", "vm1", first.Name))
}

func memberMigrated(w *World) {
	first, second := w.LXD.Members()[0], w.LXD.Members()[1]
	w.everywhere()
	w.check(first.Launch(w.vm("vm1")))
	w.calm()
	w.unmapFails(func() { w.mustFail(first.MoveInstance("", "vm1", second.Name), "migrating vm1") })
	for _, name := range w.halves(w.Pool(), evidence.TypeVM, "vm1") {
		w.check(w.Array.SetIO(name, 120, 40))
	}
}

func memberLeak(w *World) {
	second := w.LXD.Members()[1]
	w.everywhere()
	w.calm()
	w.Hosts[1].NeverAppear(func(string) bool { return true })
	w.mustFail(second.CreateVolume(w.volume("data")), "creating data")
	w.calm()
}

func leakEverywhere(w *World) {
	w.everywhere()
	w.calm()
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	w.createFails("data")
	for _, v := range w.unrecorded() {
		for _, object := range w.Array.Hosts() {
			_ = w.Array.Connect(object.Name, v.Name, 0) // to one it is
		}
	}
	w.calm()
}

func sharedObject(w *World) {
	third := w.LXD.Members()[2]
	w.everywhere()
	// With its last connection LXD deletes the third's own object.
	w.check(third.StopInstance("", "web3"))
	w.check(w.Array.SetInitiators(w.Hosts[1].Name()+"-iscsi", []string{w.Hosts[1].IQN(), w.Hosts[2].IQN()}, nil, nil))
	w.check(third.StartInstance("", "web3"))
	w.calm()
}
