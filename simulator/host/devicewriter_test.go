package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// target is what a look at the host proves of a disk.
func (w world) target(name string) release.Target {
	w.Helper()
	for _, d := range devices.Observe(context.Background(), w.System()).Disks.Items {
		if d.Name == name {
			return release.Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: d.Serial}
		}
	}
	w.Fatalf("there is no disk %s", name)
	return release.Target{}
}

func (w world) refused(what string, err, is error) {
	w.Helper()
	if !errors.Is(err, is) {
		w.Errorf("%s: %v, not %v", what, err, is)
	}
}

func uuid(serial string) string { return evidence.Serial(serial).MapUUID() }

func TestDeviceWriterRemoveAndAddMaps(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1, vol2)
	writer, ctx := w.DeviceWriter(), t.Context()
	w.must(w.Mount(vol1, "/srv", host.HiddenNamespace))
	w.refused("a map that is mounted", writer.RemoveMap(ctx, uuid(vol1)), release.ErrInUse)
	w.EndHidden()
	w.must(w.Partitions(vol1, 2))
	w.must(writer.RemoveMap(ctx, uuid(vol1)))
	want(t, "maps", maps(w.observe()), "dm-1 04 open 0 [sdc A ready, sdd A ready]")
	w.must(writer.RemoveMap(ctx, uuid(vol1)))

	w.must(writer.AddMap(ctx, evidence.Serial(vol1).WWID()))
	want(t, "maps", maps(w.observe()), "dm-0 0A open 0 [sda A ready, sdb A ready]", "dm-1 04 open 0 [sdc A ready, sdd A ready]")

	w.Suspend(vol1, true)
	w.refused("a map that is suspended", writer.RemoveMap(ctx, uuid(vol1)), release.ErrState)
	for _, other := range []string{"", "LVM-abc", "mpath-3600508b400105e210000900000490000", "part1-" + uuid(vol1)} {
		w.refused("removing "+other, writer.RemoveMap(ctx, other), release.ErrOther)
		w.refused("queueing of "+other, writer.SetQueueing(ctx, other, false), release.ErrOther)
	}
	w.refused("another vendor's WWID", writer.AddMap(ctx, "3600508b400105e210000900000490000"), release.ErrOther)
	w.refused("no path", writer.AddMap(ctx, evidence.Serial(vol3).WWID()), syscall.ENODEV)
	w.StopMultipathd()
	w.refused("no multipathd", writer.AddMap(ctx, evidence.Serial(vol1).WWID()), syscall.ECONNREFUSED)
}

// Paths that are offline are in no map, and multipathd finds none for one.
func TestDeviceWriterOfflinePathsStayOutOfMaps(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	writer, ctx := w.DeviceWriter(), t.Context()
	w.refused("a path of a map", writer.SetState(ctx, w.target("sda"), "offline"), release.ErrInUse)
	w.refused("deleting a path of a map", writer.DeleteDisk(ctx, w.target("sda")), release.ErrInUse)
	w.must(writer.RemoveMap(ctx, uuid(vol1)))
	w.must(writer.SetState(ctx, w.target("sda"), "offline"))
	w.must(writer.SetState(ctx, w.target("sda"), "offline"))
	w.must(writer.SetState(ctx, w.target("sdb"), "offline"))
	w.refused("no path", writer.AddMap(ctx, evidence.Serial(vol1).WWID()), syscall.ENODEV)
	w.Rescan()
	want(t, "disks", disks(w.observe()), "sda 0:0:0:1 offline says 0A is ?", "sdb 1:0:0:1 offline says 0A is ?")
	w.must(writer.SetState(ctx, w.target("sdb"), "running"))
	w.must(writer.AddMap(ctx, evidence.Serial(vol1).WWID()))
	want(t, "maps", maps(w.observe()), "dm-0 0A open 0 [sdb A ready]")

	// Deleted while it is still shown: the next scan brings it back.
	w.must(writer.DeleteDisk(ctx, w.target("sda")))
	w.Rescan()
	want(t, "disks", disks(w.observe()), "sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 running says 0A is 0A")
}

func TestDeviceWriterStates(t *testing.T) {
	w := newWorld(t, host.Options{NoMultipath: true})
	w.array.connect(w.IQN(), vol1)
	w.must(w.Login(evidence.ModeISCSI))
	writer, ctx := w.DeviceWriter(), t.Context()
	sda, sdb := w.target("sda"), w.target("sdb")
	for _, state := range []string{"", "deleted", "offline\n"} {
		w.refused("state "+state, writer.SetState(ctx, sda, state), release.ErrState)
	}
	w.CutPortal(iscsiPortals[0])
	w.refused("a blocked disk", writer.SetState(ctx, sda, "offline"), release.ErrState)
	w.must(writer.DeleteDisk(ctx, sda))
	w.must(writer.DeleteDisk(ctx, sda))
	w.refused("a disk that has gone", writer.SetState(ctx, sda, "offline"), syscall.ENOENT)

	w.must(w.Mount(vol1, "/srv", host.HiddenNamespace))
	w.refused("a mounted disk", writer.SetState(ctx, sdb, "offline"), release.ErrInUse)
	w.refused("deleting a mounted disk", writer.DeleteDisk(ctx, sdb), release.ErrInUse)
	w.EndHidden()

	for what, change := range map[string]func(*release.Target){
		"name": func(d *release.Target) { d.Name = "sdz" }, "number": func(d *release.Target) { d.Dev = "8:99" },
		"sequence": func(d *release.Target) { d.Seq++ }, "serial": func(d *release.Target) { d.Serial = vol2 },
	} {
		other := sdb
		change(&other)
		w.refused("another "+what, writer.SetState(ctx, other, "offline"), release.ErrOther)
		w.refused("deleting another "+what, writer.DeleteDisk(ctx, other), release.ErrOther)
	}
	// The address was given to a disk that was added anew.
	w.must(w.DeletePath("sdb"))
	w.Rescan()
	w.refused("added anew", writer.DeleteDisk(ctx, sdb), release.ErrOther)
	want(t, "disks", disks(w.observe()), "sda 1:0:0:1 running says 0A is 0A")
}

// Who waits for a path leaves when nothing waits any more, and comes again
// when it does.
func TestDeviceWriterSetQueueing(t *testing.T) {
	w := newWorld(t, host.Options{Queueing: true})
	w.attach(vol1, vol2)
	w.array.disconnect(w.IQN(), vol1)
	writer, ctx := w.DeviceWriter(), t.Context()
	w.refused("udev waits", writer.RemoveMap(ctx, uuid(vol1)), release.ErrInUse)
	w.must(writer.SetQueueing(ctx, uuid(vol1), false))
	want(t, "maps", maps(w.observe()), "dm-0 0A open 0 [sda F faulty, sdb F faulty]", "dm-1 04 open 0 [sdc A ready, sdd A ready]")
	if queueing := w.observe().Maps.Items[1].Queueing; !queueing.Is() {
		t.Error("the other map was changed too")
	}
	w.must(writer.SetQueueing(ctx, uuid(vol1), true))
	w.refused("udev waits again", writer.RemoveMap(ctx, uuid(vol1)), release.ErrInUse)
	w.must(writer.SetQueueing(ctx, uuid(vol1), false))
	w.must(writer.RemoveMap(ctx, uuid(vol1)))
	w.refused("no map", writer.SetQueueing(ctx, uuid(vol1), true), syscall.ENOENT)
}

// A namespace whose departure was missed stays until its controllers look.
func TestDeviceWriterRescanController(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attachNVMe(vol1, vol2)
	writer, ctx := w.DeviceWriter(), t.Context()
	w.LoseAnnouncement()
	w.array.disconnect(w.NQN(), vol1)
	if n := len(w.observe().Namespaces.Items); n != 2 {
		t.Errorf("%d namespaces", n)
	}
	w.must(writer.RescanController(ctx, "nvme0"))
	if n := len(w.observe().Namespaces.Items); n != 2 {
		t.Errorf("%d namespaces, and one controller still shows both", n)
	}
	w.must(writer.RescanController(ctx, "nvme1"))
	if n := len(w.observe().Namespaces.Items); n != 1 {
		t.Errorf("%d namespaces", n)
	}
	w.refused("no such controller", writer.RescanController(ctx, "nvme7"), syscall.ENOENT)
	w.LoseAnnouncement()
	w.CutPortal(nvmePortals[0])
	w.refused("connecting", writer.RescanController(ctx, "nvme0"), release.ErrState)
	// It reads the list when it is back.
	w.array.disconnect(w.NQN(), vol2)
	w.RestorePortal(nvmePortals[0])
	w.must(writer.RescanController(ctx, "nvme1"))
	if n := len(w.observe().Namespaces.Items); n != 0 {
		t.Errorf("%d namespaces", n)
	}
}

func TestFailWrites(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	writer, ctx := w.DeviceWriter(), t.Context()
	var calls []string
	broken := errors.New("broken")
	w.FailWrites(func(call string, n int) error {
		calls = append(calls, fmt.Sprintf("%d %s", n, strings.TrimSuffix(call, uuid(vol1))))
		if n == 1 && strings.HasPrefix(call, "before") || n == 2 && strings.HasPrefix(call, "after") {
			return broken
		}
		return nil
	})
	w.refused("kept from being made", writer.RemoveMap(ctx, uuid(vol1)), broken)
	if len(w.observe().Maps.Items) != 1 {
		t.Error("it was made")
	}
	w.refused("a lost reply", writer.RemoveMap(ctx, uuid(vol1)), broken)
	if len(w.observe().Maps.Items) != 0 {
		t.Error("it was not made")
	}
	w.must(writer.SetState(ctx, w.target("sdb"), "offline"))
	wantCalls := []string{"1 before RemoveMap ", "2 before RemoveMap ", "2 after RemoveMap ", "3 before SetState sdb", "3 after SetState sdb"}
	if !slices.Equal(calls, wantCalls) {
		t.Errorf("%q", calls)
	}
	w.FailWrites(nil)
	w.must(writer.SetState(ctx, w.target("sdb"), "running"))
	ended, cancel := context.WithCancel(ctx)
	cancel()
	w.refused("too late", writer.SetState(ended, w.target("sdb"), "offline"), context.Canceled)
	want(t, "disks", disks(w.observe()), "sda 0:0:0:1 running says 0A is 0A", "sdb 1:0:0:1 running says 0A is 0A")
}
