package lxd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
)

// everything runs all flows of one member and takes back all that they made but
// the images.
func everything(w *world) {
	w.ok(w.CreateVolume(VolumeSpec{Pool: pool, Name: "data"}))
	w.ok(w.CreateVolume(VolumeSpec{Pool: pool, Name: "disk", Content: evidence.ContentBlock, Bytes: 128 << 20}))
	w.ok(w.CreateVolume(VolumeSpec{Pool: pool, Name: "cd", Content: evidence.ContentISO}))
	w.ok(w.CreateInstance(InstanceSpec{Name: "empty", Pool: pool}))
	w.ok(w.Launch(InstanceSpec{Name: "c1", Pool: pool, Image: "c0ffee"}))
	w.ok(w.Launch(InstanceSpec{Name: "v1", Pool: pool, Type: evidence.TypeVM, Image: "decaf0"}))
	w.ok(w.AttachVolume("", "c1", "data", pool, "data", "/data"))
	w.ok(w.AttachVolume("", "v1", "disk", pool, "disk", ""))
	w.ok(w.SnapshotVolume(pool, "", "data", "s0"))
	w.ok(w.SnapshotInstance("", "v1", "s0"))
	w.ok(w.AttachVolume("", "c1", "old", pool, "data/s0", "/old"))
	w.ok(w.StopInstance("", "c1"))
	w.ok(w.StartInstance("", "c1"))
	w.ok(w.DetachVolume("", "c1", "old"))
	w.ok(w.DetachVolume("", "v1", "disk"))
	w.ok(w.ExportVolume(pool, "", "data", nil))
	w.ok(w.BackupInstance("", "v1", nil))
	w.ok(w.CopyVolume(pool, "", "data", "copy", false))
	w.ok(w.CopyVolume(pool, "", "data/s0", "older", false))
	w.ok(w.RefreshVolume(pool, "", "older", "data"))
	w.ok(w.RestoreVolume(pool, "", "copy", "s0"))
	w.ok(w.RenameVolume(pool, "", "copy", "renamed"))
	for _, name := range []string{"c1", "v1"} {
		w.ok(w.StopInstance("", name))
	}
	for _, name := range []string{"c1", "v1", "empty"} {
		w.ok(w.DeleteInstance("", name))
	}
	for _, name := range []string{"data", "disk", "cd", "renamed", "older"} {
		w.ok(w.DeleteVolume(pool, "", name))
	}
}

func TestNothingIsLeftWhenNothingFails(t *testing.T) {
	for _, test := range []struct{ version, mode string }{
		{"6.3", evidence.ModeISCSI},
		{"6.9", evidence.ModeISCSI},
		{"6.9", evidence.ModeNVMeTCP},
	} {
		t.Run(test.version+" "+test.mode, func(t *testing.T) {
			w := newWorld(t, test.version, test.mode, 1)
			everything(w)
			w.is("array i-<c0ffee>", "array i-<decaf0>", "array i-<decaf0>-b", "record image/c0ffee", "record image/decaf0")
			if left := w.host.Mounts(); len(left) != 0 {
				t.Errorf("mounts %+v", left)
			}
		})
	}
}

func TestHalfWayThrough(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.Launch(InstanceSpec{Name: "v1", Pool: pool, Type: evidence.TypeVM}))
	w.ok(w.CreateVolume(volume1()))
	w.ok(w.AttachVolume("", "v1", "data", pool, "vol1", ""))
	w.is("array v-<v1>", "array v-<v1>-b", "array u-<vol1>", "instance v1", "record virtual-machine/v1", "record custom/vol1",
		"connected v-<v1> lxd01-iscsi", "connected v-<v1>-b lxd01-iscsi", "connected u-<vol1> lxd01-iscsi", "host lxd01-iscsi 3",
		// LXD scans only the first session for a volume that comes later.
		"device v-<v1>-b lxd01 map,path,path", "device v-<v1> lxd01 map,path", "device u-<vol1> lxd01 map,path",
		"mount v-<v1> lxd01", "mount u-<vol1> lxd01")
	for _, name := range []string{"v-", "u-"} {
		for _, v := range w.array.Volumes() {
			if strings.Contains(v.Name, name) && !w.host.InUse(v.Serial) {
				t.Errorf("nothing uses %s", v.Name)
			}
		}
	}
}

// TestOrderOfWrites: in the flows that write their record first, a volume is
// never without one, wherever LXD is killed; in deleting, the record goes last.
func TestOrderOfWrites(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateVolume(VolumeSpec{Pool: pool, Name: "base"}))
	w.ok(w.SnapshotVolume(pool, "", "base", "s0"))
	flows := map[string]func(name string) error{
		"create":   func(name string) error { return w.CreateVolume(VolumeSpec{Pool: pool, Name: name}) },
		"instance": func(name string) error { return w.CreateInstance(InstanceSpec{Name: name, Pool: pool}) },
		"copy":     func(name string) error { return w.CopyVolume(pool, "", "base", name, false) },
		"delete": func(name string) error {
			if err := w.CreateVolume(VolumeSpec{Pool: pool, Name: name}); err != nil {
				return err
			}
			return w.DeleteVolume(pool, "", name)
		},
	}
	for kind, flow := range flows {
		steps := 0
		for n := 0; ; n++ {
			w.CutAfter(n)
			before := len(w.steps)
			err := flow(fmt.Sprintf("%s%d", kind, n))
			steps = max(steps, len(w.steps)-before)
			if err == nil {
				break
			}
			if !errors.Is(err, ErrKilled) {
				t.Fatalf("%s cut after %d steps: %v", kind, n, err)
			}
			if taken := len(w.steps) - before; taken != n {
				t.Fatalf("%s cut after %d steps took %d", kind, n, taken)
			}
			for _, v := range w.array.Volumes() {
				if !slices.ContainsFunc(w.Volumes(), func(r Volume) bool { return slices.Contains(ArrayNames(r, Volume{}), v.Name) }) {
					t.Fatalf("%s cut after %d steps left %s without a record", kind, n, v.Name)
				}
			}
			w.StartDaemon()
		}
		if steps < 10 {
			t.Errorf("%s has only %d steps", kind, steps)
		}
		w.NoCut()
	}
}

func TestKilledFlowsDoNothingMore(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.CutBefore(StepHost, "mkfs")
	w.fails(w.CreateVolume(volume1()), ErrKilled.Error())
	w.fails(w.CreateVolume(VolumeSpec{Pool: pool, Name: "vol2"}), "connection refused")
	if last := w.steps[len(w.steps)-1]; !strings.HasPrefix(last, StepHost+" wait") {
		t.Errorf("the last step was %s", last)
	}
}

func TestReplyToConnectLost(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.array.Inject(array.Fault{Method: "POST", Path: "/connections", Kind: array.LoseReply, Times: 1})
	w.fails(w.CreateVolume(volume1()), "POST /connections")
	// It does not know of the connection, so the volume can't be destroyed.
	w.is("array u-?", "connected u-? lxd01-iscsi", "host lxd01-iscsi 1")
}

func TestSecondHalfStaysWhenItsDeleteFails(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateInstance(InstanceSpec{Name: "v1", Pool: pool, Type: evidence.TypeVM}))
	names := ArrayNames(w.Volumes()[0], Volume{})
	w.array.Inject(array.Fault{Method: "PATCH", Path: "/volumes", Query: map[string]string{"names": names[1]}, Kind: array.ServerError, Times: 1})
	w.fails(w.DeleteInstance("", "v1"), "PATCH /volumes")
	w.is("array v-<v1>", "instance v1", "record virtual-machine/v1")
	// The second attempt finds no block half, and takes that for all.
	w.ok(w.DeleteInstance("", "v1"))
	w.is("array v-?")
}

func TestDeleteDisconnectsOnlyItsOwnHost(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 2)
	second := w.members[1]
	w.ok(second.CreateInstance(InstanceSpec{Name: "c1", Pool: pool}))
	w.ok(w.StartInstance("", "c1"))
	second.PowerFail()
	w.ok(w.MoveInstance("", "c1", "lxd01"))
	w.fails(w.DeleteInstance("", "c1"), "existing connections")
	w.is("array c-<c1>", "connected c-<c1> lxd02-iscsi", "host lxd02-iscsi 1", "instance c1", "record container/c1")
}

func TestPowerFailureLeavesTheConnection(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.Launch(InstanceSpec{Name: "c1", Pool: pool}))
	w.PowerFail()
	w.PowerOn()
	left := []string{"array c-<c1>", "connected c-<c1> lxd01-iscsi", "host lxd01-iscsi 1", "instance c1", "record container/c1"}
	w.is(left...)
	// Only the next start and stop takes it away.
	w.ok(w.StartInstance("", "c1"))
	w.ok(w.StopInstance("", "c1"))
	w.is("array c-<c1>", "instance c1", "record container/c1")
}

func TestDaemonRestartsUnderRunningInstances(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateVolume(volume1()))
	for _, name := range []string{"c1", "c2"} {
		w.ok(w.Launch(InstanceSpec{Name: name, Pool: pool}))
		w.ok(w.AttachVolume("", name, "data", pool, "vol1", "/data"))
	}
	w.KillDaemon()
	w.StartDaemon()
	w.ok(w.StopInstance("", "c1"))
	if !slices.Contains(w.state(), "mount u-<vol1> lxd01") {
		t.Error("vol1 was unmounted under c2")
	}
	w.ok(w.StopInstance("", "c2"))
	if slices.Contains(w.state(), "mount u-<vol1> lxd01") {
		t.Error("vol1 stays mounted")
	}
}

func TestLiveMigrationMountsOnBothSides(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 2)
	w.ok(w.Launch(InstanceSpec{Name: "v1", Pool: pool, Type: evidence.TypeVM}))
	w.ok(w.MoveInstance("", "v1", "lxd02"))
	moved := []string{
		"array v-<v1>", "array v-<v1>-b", "connected v-<v1> lxd02-iscsi", "connected v-<v1>-b lxd02-iscsi", "host lxd02-iscsi 2",
		"device v-<v1> lxd02 map,path", "device v-<v1>-b lxd02 map,path,path", "mount v-<v1> lxd02", "instance v1", "record virtual-machine/v1",
	}
	w.is(moved...)

	// Killed before the source lets go, both have it.
	w.CutBefore(StepHost, "stop v1")
	w.fails(w.MoveInstance("", "v1", "lxd01"), ErrKilled.Error())
	hosts := map[string]int{}
	for _, c := range w.array.Connections() {
		hosts[c.Host]++
	}
	if diff := cmp.Diff(map[string]int{"lxd01-iscsi": 2, "lxd02-iscsi": 2}, hosts); diff != "" {
		t.Error(diff)
	}
}

func TestHijackedHost(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.Launch(InstanceSpec{Name: "c1", Pool: pool}))
	other, err := New(Options{Version: "6.9", Arrays: w.direct, Clock: w.clock, Seed: 9, Members: []*Member{w.machine("LXD01")}})
	w.ok(err)
	t.Cleanup(other.Close)
	other.Name = "lxd01" // another machine of the same name
	w.ok(other.CreatePool(PoolSpec{Name: "pool2", Gateway: w.url, Token: w.array.Token(), Mode: "iscsi"}))
	w.ok(other.Launch(InstanceSpec{Name: "c9", Pool: "pool2"}))
	hosts := w.array.Hosts()
	if len(hosts) != 1 || !slices.Equal(hosts[0].IQNs, []string{other.Host.IQN()}) || hosts[0].Connections != 2 {
		t.Errorf("got %+v", hosts)
	}
}

func TestForcedRemovalForgetsInstances(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 2)
	w.ok(w.CreateVolume(volume1()))
	w.ok(w.members[1].Launch(InstanceSpec{Name: "c1", Pool: pool}))
	w.ok(w.SnapshotInstance("", "c1", "s0"))
	w.fails(w.RemoveMember("lxd02", false), "still has the following instances")
	w.ok(w.RemoveMember("lxd02", true))
	w.is("array c-?", "array c-?.sc-?", "array u-<vol1>", "connected c-? lxd02-iscsi", "host lxd02-iscsi 1", "record custom/vol1")
	if _, err := w.On("lxd02"); err == nil {
		t.Error("lxd02 is still a member")
	}
}

func TestSecondLXDOnTheSamePod(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	other, err := New(Options{Version: "6.9", Arrays: w.direct, Clock: w.clock, Seed: 9, Members: []*Member{w.machine("edge01")}})
	w.ok(err)
	t.Cleanup(other.Close)
	w.fails(other.CreatePool(PoolSpec{Name: pool, Gateway: w.url, Token: w.array.Token(), Mode: "iscsi"}), "POST /pods")
	w.attach(other, evidence.ModeISCSI, true)
	w.ok(other.Launch(InstanceSpec{Name: "c9", Pool: pool}))
	w.is("array c-?", "connected c-? edge01-iscsi", "host edge01-iscsi 1")
}

func TestRestoredDatabase(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	backup := w.SnapshotDatabase()
	w.ok(w.Launch(InstanceSpec{Name: "c1", Pool: pool}))
	w.RestoreDatabase(backup)
	w.is("array c-?", "connected c-? lxd01-iscsi", "host lxd01-iscsi 1", "device c-? lxd01 map,path,path", "mount c-? lxd01")
}

func TestRefreshLeavesItsSafetyNet(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateVolume(volume1()))
	w.ok(w.CopyVolume(pool, "", "vol1", "copy", true))
	w.CutBehind("POST", "/volume-snapshots")
	w.fails(w.RefreshVolume(pool, "", "copy", "vol1"), ErrKilled.Error())
	left := []string{"array u-<copy>", "array u-<vol1>", "record custom/copy", "record custom/vol1"}
	w.is(append([]string{"array u-<copy>.lxd-reverter-snapshot"}, left...)...)
	// The next refresh removes it.
	w.StartDaemon()
	w.ok(w.RefreshVolume(pool, "", "copy", "vol1"))
	w.is(left...)
}

func TestFailedRefreshGoesBack(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateVolume(volume1()))
	w.ok(w.CopyVolume(pool, "", "vol1", "copy", true))
	w.host.NeverAppear(never)
	w.fails(w.RefreshVolume(pool, "", "copy", "vol1"), "Failed locating device")
	w.is("array u-<copy>", "array u-<vol1>", "record custom/copy", "record custom/vol1")
}

func TestTemporaryVolumeLastsAsLongAsTheExport(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.ok(w.CreateInstance(InstanceSpec{Name: "v1", Pool: pool, Type: evidence.TypeVM}))
	w.ok(w.SnapshotInstance("", "v1", "s0"))
	before := w.state()
	var seen []string
	w.ok(w.BackupInstance("", "v1", func(name string) error {
		v, ok := w.array.Volume(name)
		seen = append(seen, fmt.Sprintf("%s %v %d", rename(name, w.names()), ok && !v.Destroyed, len(w.array.Connections())))
		return nil
	}))
	if diff := cmp.Diff([]string{"sv-<v1/s0>-b true 2", "v-<v1>-b true 2"}, seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(before, w.state()); diff != "" {
		t.Error(diff)
	}

	w.ok(w.CreateVolume(volume1()))
	w.ok(w.SnapshotVolume(pool, "", "vol1", "s0"))
	finish, err := w.StartExport(pool, "", "vol1")
	w.ok(err)
	if !slices.Contains(w.state(), "mount su-<vol1/s0> lxd01") {
		t.Error("the snapshot is not mounted")
	}
	w.ok(finish())
	if finish, err = w.MountSnapshot(pool, "", "vol1", "s0"); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(w.state(), "array su-<vol1/s0>") {
		t.Error("there is no copy of the snapshot")
	}
	w.ok(finish())
	w.ok(w.DeleteVolume(pool, "", "vol1"))
	w.ok(w.DeleteInstance("", "v1"))
	w.is()
}

func TestSessionExpiresOnce(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.Unauthorized, Times: 1})
	w.ok(w.CreateVolume(volume1()))
	w.array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.Unauthorized, Times: 2})
	w.fails(w.CreateVolume(VolumeSpec{Pool: pool, Name: "vol2"}), "Unauthorized request")
	w.is("array u-<vol1>", "record custom/vol1")
}

func TestOnlyTheFirstPageOfHostsIsRead(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	for n := range 1001 {
		w.ok(w.array.CreateHost(fmt.Sprintf("esx%04d", n), []string{fmt.Sprintf("iqn.1998-01.com.vmware:esx%d", n)}, nil, nil))
	}
	// The member's own array host is on the second page: LXD connects the
	// volume, and when it wants to let go it does not find the host.
	w.fails(w.CreateVolume(volume1()), "not found")
	if len(w.array.Connections()) != 1 {
		t.Errorf("connections %+v", w.array.Connections())
	}
	w.fails(w.CreateVolume(VolumeSpec{Pool: pool, Name: "vol2"}), "not found")
	if !slices.Contains(w.steps, "PATCH /hosts?names=lxd01-iscsi") {
		t.Error("the second time, the host's initiators should be written again")
	}
}

func TestPoolRefused(t *testing.T) {
	w := newWorld(t, "6.9", evidence.ModeISCSI, 1)
	w.fails(w.CreatePool(PoolSpec{Name: "pool2", Gateway: w.url, Token: "no token", Mode: "iscsi"}), "Unable to list user for API token")
	if _, ok := w.db.pools["pool2"]; ok {
		t.Error("a pool that could not be created is recorded")
	}
}

func TestArrayNames(t *testing.T) {
	v := Volume{Pool: "p", Config: map[string]string{"volatile.uuid": "a5289556-c903-409a-8aa0-4af18a46738d"}}
	snapshot := Volume{Pool: "p", Name: "x/s", Config: map[string]string{"volatile.uuid": "fd87f109-767d-4f2f-ae18-66c34276f351"}}
	const hex, snap = "a5289556c903409a8aa04af18a46738d", "fd87f109767d4f2fae1866c34276f351"
	tests := []struct {
		kind, content string
		want, wantOf  []string
	}{
		{evidence.TypeContainer, "filesystem", []string{"p::c-" + hex}, []string{"p::c-" + hex + ".sc-" + snap}},
		{evidence.TypeVM, "block", []string{"p::v-" + hex + "-b", "p::v-" + hex}, []string{"p::v-" + hex + "-b.sv-" + snap + "-b", "p::v-" + hex + ".sv-" + snap}},
		{evidence.TypeImage, "filesystem", []string{"p::i-" + hex}, nil},
		{evidence.TypeImage, "block", []string{"p::i-" + hex + "-b", "p::i-" + hex}, nil},
		{evidence.TypeCustom, "filesystem", []string{"p::u-" + hex}, []string{"p::u-" + hex + ".su-" + snap}},
		{evidence.TypeCustom, "block", []string{"p::u-" + hex + "-b"}, []string{"p::u-" + hex + "-b.su-" + snap + "-b"}},
		{evidence.TypeCustom, "iso", []string{"p::u-" + hex + "-i"}, nil},
	}
	for _, test := range tests {
		v.Type, v.Content, snapshot.Type, snapshot.Content = test.kind, test.content, test.kind, test.content
		if diff := cmp.Diff(test.want, ArrayNames(v, Volume{})); diff != "" {
			t.Error(diff)
		}
		if test.wantOf == nil {
			continue
		}
		if diff := cmp.Diff(test.wantOf, ArrayNames(snapshot, v)); diff != "" {
			t.Error(diff)
		}
	}
}
