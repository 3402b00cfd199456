package simulator

import (
	"errors"
	"fmt"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// clusterScenarios need more than one member, and the testimony of every
// machine that can be asked, see World.Answering.
func clusterScenarios() []Scenario {
	pair, three := Options{Members: 2}, Options{Members: 3}
	old := Options{Members: 3, LXDVersion: "6.3"}
	stale := []string{"stale-connection"}
	var s []Scenario
	s = append(s, Scenario{
		Name: "member-removed", Codes: []string{"disappeared-record"}, Options: pair, Run: memberRemoved,
		Story: "A member of the cluster died and was removed by force: LXD forgot its instances, and the array did not.",
	}, Scenario{
		Name: "member-died", Codes: stale, Options: pair, Run: memberDied,
		Story: "A member lost power, its instance was moved away, and LXD can't delete it because the old member is still connected.",
	}, Scenario{
		Name: "member-offline", Codes: []string{"leaked-volume", "stale-connection"}, Options: three, Run: memberOffline,
		Story: "The same, and the member stays off: what else is left over can't be judged without it.",
	})
	s = append(s, onBoth("cluster-healthy", "Instances run on every member of a cluster, move, and share volumes.",
		three, clusterHealthy, nil, nil)...)
	s = append(s, onBoth("member-stale", "The second member can't unmap the disk of a virtual machine that is stopped and moved to the first, which then can't delete it.",
		three, memberStale, stale, stale)...)
	s = append(s, onBoth("member-migrated", "A virtual machine is migrated to the second member while it runs, and the first can't unmap its disk, so that nobody can delete it later.",
		three, memberMigrated, stale, stale)...)
	s = append(s, onBoth("member-leak", "A volume that the second member makes does not appear there in time, and LXD 6.3 leaves it connected.",
		old, memberLeak, []string{"leaked-volume", "unsafe-setting"}, []string{"leaked-volume", "unsafe-setting"})...)
	s = append(s, onBoth("leak-everywhere", "The same on the first; an operator connects the volume to all members to see what is in it, and leaves it there.",
		old, leakEverywhere, []string{"leaked-volume", "unsafe-setting"}, []string{"leaked-volume", "unsafe-setting"})...)
	return append(s, Scenario{
		Name: "shared-object", Codes: []string{"hijacked-host"}, Options: Options{Members: 3, Transports: iscsi}, Run: sharedObject,
		Story: "While the third member has no volume an administrator adds its initiator to the second's array host, and LXD uses that.",
	})
}

func memberRemoved(w *World) error {
	second := w.LXD.Members()[1]
	if err := second.Launch(w.container("web1")); err != nil {
		return err
	}
	second.PowerFail()
	if err := w.LXD.RemoveMember(second.Name, true); err != nil {
		return err
	}
	for _, v := range w.unrecorded() {
		w.Keep(v.Name)
	}
	w.Age(hours)
	return nil
}

func memberDied(w *World) error {
	second := w.LXD.Members()[1]
	if err := second.Launch(w.container("web1")); err != nil {
		return err
	}
	second.PowerFail()
	if err := w.LXD.MoveInstance("", "web1", w.LXD.Name); err != nil {
		return err
	}
	second.PowerOn()
	w.Age(hours)
	return nil
}

func memberOffline(w *World) error {
	third := w.LXD.Members()[2]
	if err := third.Launch(w.container("web1")); err != nil {
		return err
	}
	w.Array.Inject(array.Fault{Method: "POST", Path: "/connections", Kind: array.LoseReply, Times: 1})
	if err := mustFail(w.LXD.CreateVolume(w.volume("data")), "creating data"); err != nil {
		return err
	}
	third.PowerFail()
	if err := w.LXD.MoveInstance("", "web1", w.LXD.Name); err != nil {
		return err
	}
	w.Age(hours)
	return nil
}

// everywhere starts a container on each member, so that each has sessions and
// an array host.
func (w *World) everywhere() error {
	for i, m := range w.LXD.Members() {
		// Without an image: each launch with one would leave a copy.
		if err := m.Launch(lxd.InstanceSpec{Name: fmt.Sprintf("web%d", i+1), Pool: w.Pool()}); err != nil {
			return err
		}
	}
	return nil
}

func clusterHealthy(w *World) error {
	members := w.LXD.Members()
	vm := lxd.InstanceSpec{Name: "vm1", Pool: w.Pool(), Type: evidence.TypeVM}
	err := all(
		w.everywhere,
		func() error { return members[1].Launch(vm) },
		func() error { return members[1].MoveInstance("", "vm1", members[2].Name) },
		func() error { return members[1].CreateVolume(w.volume("data")) },
		func() error { return members[1].AttachVolume("", "web2", "data", w.Pool(), "data", "/srv") },
		func() error { return members[0].StopInstance("", "web1") },
		func() error { return members[0].MoveInstance("", "web1", members[2].Name) },
		func() error { return members[2].StartInstance("", "web1") },
	)
	w.calm()
	w.Age(hours)
	return err
}

func memberStale(w *World) error {
	first, second := w.LXD.Members()[0], w.LXD.Members()[1]
	vm := lxd.InstanceSpec{Name: "vm1", Pool: w.Pool(), Type: evidence.TypeVM}
	if err := all(w.everywhere, func() error { return second.Launch(vm) }); err != nil {
		return err
	}
	w.calm()
	var heal func()
	w.when(lxd.StepHost, "unmount", func() { heal = w.unavailable("GET", "/hosts") })
	err := mustFail(second.StopInstance("", "vm1"), "stopping vm1")
	if heal == nil {
		return errors.Join(err, errors.New("LXD never unmounted it"))
	}
	heal()
	w.calm()
	if err != nil {
		return err
	}
	err = second.MoveInstance("", "vm1", first.Name)
	w.Age(hours)
	return err
}

func memberMigrated(w *World) error {
	first, second := w.LXD.Members()[0], w.LXD.Members()[1]
	vm := lxd.InstanceSpec{Name: "vm1", Pool: w.Pool(), Type: evidence.TypeVM}
	if err := all(w.everywhere, func() error { return first.Launch(vm) }); err != nil {
		return err
	}
	w.calm()
	heal := func() {}
	w.when(lxd.StepHost, "unmount", func() { heal = w.unavailable("GET", "/hosts") })
	err := mustFail(first.MoveInstance("", "vm1", second.Name), "migrating vm1")
	heal()
	w.calm()
	if err != nil {
		return err
	}
	names, err := w.arrayNames(w.LXD, w.Pool(), lxd.DefaultProject, evidence.TypeVM, "vm1")
	for _, name := range names {
		err = errors.Join(err, w.Array.SetIO(name, 120, 40))
	}
	w.Age(hours)
	return err
}

func memberLeak(w *World) error {
	second := w.LXD.Members()[1]
	if err := w.everywhere(); err != nil {
		return err
	}
	w.calm()
	w.Hosts[1].NeverAppear(func(string) bool { return true })
	err := mustFail(second.CreateVolume(w.volume("data")), "creating data")
	w.calm()
	w.Age(hours)
	return err
}

func leakEverywhere(w *World) error {
	if err := w.everywhere(); err != nil {
		return err
	}
	w.calm()
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	if err := mustFail(w.LXD.CreateVolume(w.volume("data")), "creating data"); err != nil {
		return err
	}
	for _, v := range w.unrecorded() {
		for _, object := range w.Array.Hosts() {
			connected := false
			for _, c := range w.Array.Connections() {
				connected = connected || (c.Volume == v.Name && c.Host == object.Name)
			}
			if connected {
				continue
			}
			if err := w.Array.Connect(object.Name, v.Name, 0); err != nil {
				return err
			}
		}
	}
	w.calm()
	w.Age(hours)
	return nil
}

func sharedObject(w *World) error {
	third := w.LXD.Members()[2]
	return all(
		w.everywhere,
		// With its last connection LXD deletes the third's own object.
		func() error { return third.StopInstance("", "web3") },
		func() error {
			return w.Array.SetInitiators(w.Hosts[1].Name()+"-iscsi", []string{w.Hosts[1].IQN(), w.Hosts[2].IQN()}, nil, nil)
		},
		func() error { return third.StartInstance("", "web3") },
		func() error { w.calm(); w.Age(hours); return nil },
	)
}
