package lxd

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
)

func readDir(t *testing.T, h *host.Host, path string) []string {
	t.Helper()
	entries, err := fs.ReadDir(h.FS(), path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func never(string) bool { return true }

func volume1() VolumeSpec { return VolumeSpec{Pool: pool, Name: "vol1"} }

// The tests of this file are what was seen on a real LXD with a real kernel:
// what each failure leaves on the array, in LXD's records and on the host.

func TestDeviceNeverAppearsInLXD63(t *testing.T) {
	w := newWorld(t, "6.3", evidence.ModeISCSI, 1)
	w.host.NeverAppear(never)
	w.fails(w.CreateVolume(volume1()), "Failed to locate device for volume")
	w.is("array u-?", "connected u-? lxd01-iscsi", "host lxd01-iscsi 1")

	// A rescan for another volume brings the device of the leaked one: a
	// disk without a map.
	w.host.NeverAppear(nil)
	w.ok(w.CreateVolume(VolumeSpec{Pool: pool, Name: "vol2"}))
	w.is("array u-?", "connected u-? lxd01-iscsi", "host lxd01-iscsi 1", "device u-? lxd01 path",
		"array u-<vol2>", "record custom/vol2")
}

func TestDeviceNeverAppearsInLXD63OverNVMe(t *testing.T) {
	w := newWorld(t, "6.3", evidence.ModeNVMeTCP, 1)
	w.host.NeverAppear(never)
	w.fails(w.CreateVolume(volume1()), "Failed to locate device for volume")
	w.is("array u-?", "connected u-? lxd01-nvme", "host lxd01-nvme 1")
	if controllers := readDir(t, w.host, "sys/class/nvme"); len(controllers) < 2 {
		t.Errorf("controllers %v should stay, without namespaces", controllers)
	}
	w.host.NeverAppear(nil)
	w.is("array u-?", "connected u-? lxd01-nvme", "host lxd01-nvme 1", "device u-? lxd01 namespace")
}

func TestDeviceNeverAppearsLater(t *testing.T) {
	for _, mode := range []string{evidence.ModeISCSI, evidence.ModeNVMeTCP} {
		w := newWorld(t, "6.9", mode, 1)
		w.host.NeverAppear(never)
		before := w.clock.Now()
		w.fails(w.CreateVolume(volume1()), "context deadline exceeded")
		w.is()
		if waited := w.clock.Now().Sub(before); waited != deviceWait {
			t.Errorf("%s: waited %s", mode, waited)
		}
	}
}

func TestReplyToCreateVolumeLost(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.LoseReply, Times: 1})
	w.fails(w.CreateVolume(volume1()), "POST /volumes")
	w.is("array u-?")
}

func TestUnavailableDuringTheRollback(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.host.NeverAppear(never)
	for _, method := range []string{"DELETE", "PATCH"} {
		w.array.Inject(array.Fault{Method: method, Kind: array.ServerError})
	}
	w.fails(w.CreateVolume(volume1()), "Failed locating device for volume")
	w.is("array u-?", "connected u-? lxd01-iscsi", "host lxd01-iscsi 1")
}

func TestHostsUnavailableFromTheUnmapOn(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.SetBeforeCall(func(method, path string) error {
		if method == StepHost && strings.HasPrefix(path, "unmount") {
			w.array.Inject(array.Fault{Method: "GET", Path: "/hosts", Kind: array.ServerError})
		}
		return nil
	})
	w.fails(w.CreateVolume(volume1()), "GET /hosts")
	w.is("array u-?", "connected u-? lxd01-iscsi", "host lxd01-iscsi 1", "device u-? lxd01 map,path,path")
	if diff := cmp.Diff([]string{"custom/default_vol1"}, w.directories()); diff != "" {
		t.Error(diff)
	}
}

func TestKilledBeforeTheConnect(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.CutBefore("POST", "/hosts")
	w.fails(w.CreateVolume(volume1()), ErrKilled.Error())
	w.is("array u-<vol1>", "record custom/vol1")
}

func TestKilledWhileWaitingForTheDevice(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.CutBefore(StepHost, "wait")
	w.fails(w.CreateVolume(volume1()), ErrKilled.Error())
	w.is("array u-<vol1>", "connected u-<vol1> lxd01-iscsi", "host lxd01-iscsi 1", "record custom/vol1",
		"device u-<vol1> lxd01 path,path")
}

func TestKilledInInit(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateInstance(InstanceSpec{Name: "c1", Pool: pool, Image: "c0ffee"}))
	w.CutBehind("POST", "overwrite=true")
	w.fails(w.CreateInstance(InstanceSpec{Name: "c2", Pool: pool, Image: "c0ffee"}), ErrKilled.Error())
	w.is("array i-<c0ffee>", "array c-<c1>", "instance c1", "record container/c1", "record image/c0ffee",
		"array c-<c2>", "array i-?", "instance c2", "record container/c2")
}

func TestKilledInAnExport(t *testing.T) {
	for mode, device := range map[string]string{
		evidence.ModeISCSI: "map,path,path", evidence.ModeNVMeTCP: "namespace",
	} {
		w := newWorld(t, "6.9", mode, 1)
		hostName := "lxd01-" + strings.ReplaceAll(mode, "/", "-")
		w.ok(w.CreateVolume(volume1()))
		w.ok(w.SnapshotVolume(pool, "", "vol1", "snap0"))
		w.CutBefore(StepHost, "mount dm")
		if mode == evidence.ModeNVMeTCP {
			w.CutBefore(StepHost, "mount nvme")
		}
		w.fails(w.ExportVolume(pool, "", "vol1", nil), ErrKilled.Error())
		left := []string{
			"array u-<vol1>", "array u-<vol1>.su-<vol1/snap0>", "record custom/vol1", "record custom/vol1/snap0",
			"array su-<vol1/snap0>", "connected su-<vol1/snap0> " + hostName, "host " + hostName + " 1", "device su-<vol1/snap0> lxd01 " + device,
		}
		w.is(left...)

		// From now on LXD can't delete the snapshot, nor the volume.
		w.StartDaemon()
		w.fails(w.DeleteVolumeSnapshot(pool, "", "vol1", "snap0"), "existing connections")
		w.fails(w.DeleteVolume(pool, "", "vol1"), "existing connections")
		w.is(left...)

		// Disconnecting the copy is all it takes.
		w.ok(w.array.Disconnect(hostName, w.array.Connections()[0].Volume))
		w.ok(w.DeleteVolumeSnapshot(pool, "", "vol1", "snap0"))
	}
}

func TestHostsCannotBeDeleted(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.array.Inject(array.Fault{Method: "DELETE", Path: "/hosts", Kind: array.ServerError})
	w.fails(w.CreateVolume(volume1()), "DELETE /hosts")
	w.is("host lxd01-iscsi 0")
	if diff := cmp.Diff([]string{"custom/default_vol1"}, w.directories()); diff != "" {
		t.Error(diff)
	}
}

func TestSafeMode(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateVolume(volume1()))
	w.array.SetSafeMode(true)
	w.fails(w.DeleteVolume(pool, "", "vol1"), "Eradication is disabled")
	w.is("array u-<vol1> destroyed", "record custom/vol1")
	w.fails(w.DeleteVolume(pool, "", "vol1"), "Volume has been deleted")
	w.is("array u-<vol1> destroyed", "record custom/vol1")
}

func TestReplyToDisconnectLost(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.array.Inject(array.Fault{Method: "DELETE", Path: "/connections", Kind: array.LoseReply, Times: 1})
	w.fails(w.CreateVolume(volume1()), "DELETE /connections")
	w.is()
}

func TestEachLaunchLeavesAnImageInLXD69(t *testing.T) {
	for version, left := range map[string][]string{
		"6.9": {"array i-?", "array i-?"},
		"6.3": nil,
	} {
		w := newWorld(t, version, evidence.ModeISCSI, 1)
		for _, name := range []string{"c1", "c2", "c3"} {
			w.ok(w.CreateInstance(InstanceSpec{Name: name, Pool: pool, Image: "c0ffee"}))
			w.ok(w.DeleteInstance("", name))
		}
		w.is(append([]string{"array i-<c0ffee>", "record image/c0ffee"}, left...)...)
	}
}

func TestLaunchedVMsLeaveImagePairsInLXD69(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	for _, name := range []string{"v1", "v2"} {
		w.ok(w.CreateInstance(InstanceSpec{Name: name, Pool: pool, Type: evidence.TypeVM, Image: "decaf0"}))
		w.ok(w.DeleteInstance("", name))
	}
	// The newer pair took the record.
	w.is("array i-<decaf0>", "array i-<decaf0>-b", "record image/decaf0", "array i-?", "array i-?-b")
}
