package host_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

// spoilt is a machine with about everything that can be wrong.
func spoilt(t *testing.T) world {
	clock := fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, host.Options{Clock: clock, Queueing: true})
	w.attach(vol1, vol2, vol3)
	w.must(w.Mount(vol1, "/srv", host.HiddenNamespace))
	w.must(w.Mount(vol2, w.MountPath("purepool", "custom", "default_a b"), host.LXDNamespace))
	w.must(w.Hold(vol2, "LVM-abc"))
	w.must(w.Partitions(vol3, 2))
	w.array.disconnect(w.IQN(), vol1)
	w.array.connect(w.IQN(), "D5BC07893D61B51B00011099")
	w.RescanFirst()
	w.attachNVMe(vol1, vol2)
	w.must(w.Mount(vol2, "/mnt", host.FirstNamespace))
	w.must(w.Open(vol1, "qemu-system-x86", 3000))
	w.must(w.Open(vol1, "qemu-system-x86", 3000))
	w.array.disconnect(w.NQN(), vol1)
	w.CutPortal(nvmePortals[0])
	w.CutPortal(iscsiPortals[1])
	w.MakeDirectory("purepool", "containers", "c1")
	w.must(w.DeletePath("sde"))
	w.StopLXD()
	return w
}

// What was written to a directory reads like the machine itself.
func TestWrittenTreeReadsTheSame(t *testing.T) {
	for name, machine := range map[string]func(*testing.T) world{
		"healthy iSCSI": recordedISCSI, "healthy NVMe": recordedNVMe, "spoilt": spoilt,
		"empty": func(t *testing.T) world { return newWorld(t, host.Options{}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := machine(t)
			dir := t.TempDir()
			w.must(w.WriteTo(dir))
			w.must(os.WriteFile(filepath.Join(dir, "own"), nil, 0o600))
			if name == "empty" {
				w.attachNVMe(vol1)
				w.must(w.WriteTo(dir)) // over what was written before
			}
			recorded, err := devices.FromDir(dir)
			w.must(err)
			live, written := w.observe(), devices.Observe(context.Background(), recorded)
			if !written.Recorded || !written.AllProcesses.Is() || written.Trouble != "" {
				t.Errorf("recorded %v, all processes %v (%s), trouble %q",
					written.Recorded, written.AllProcesses, written.AllProcessesWhy, written.Trouble)
			}
			for list, why := range incomplete(written) {
				t.Errorf("%s are incomplete: %s", list, why)
			}
			same := cmp.Options{
				cmp.FilterPath(func(p cmp.Path) bool {
					last := p.Last().String()
					return last == ".Source" || last == ".Recorded" || last == ".Why" || last == ".Clock"
				}, cmp.Ignore()),
				cmp.Exporter(func(reflect.Type) bool { return true }),
			}
			if diff := cmp.Diff(live, written, same); diff != "" {
				t.Error(diff)
			}
			if live.Name != written.Name {
				t.Errorf("the names are %q and %q", live.Name, written.Name)
			}
			if _, err := os.Stat(filepath.Join(dir, "own")); err != nil {
				t.Errorf("a file that is not the machine's was taken away: %v", err)
			}
		})
	}
}

func TestWriteToFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := recordedISCSI(t).WriteTo(file); err == nil {
		t.Error("writing into a file succeeded")
	}
}

// The tree is a proper file system, and it is live.
func TestTree(t *testing.T) {
	w := spoilt(t)
	tree := w.FS()
	// Without proc, whose links to namespaces and deleted files lead nowhere.
	sys, err := fs.Sub(tree, "sys")
	w.must(err)
	if err := fstest.TestFS(sys, "devices/virtual/block/dm-0/dm/uuid", "fs/ext4/dm-0"); err != nil {
		t.Error(err)
	}
	before, err := tree.Open("sys/block/sda/device/state")
	w.must(err)
	w.must(before.Close())
	w.must(w.DeletePath("sda"))
	if _, err := tree.Open("sys/block/sda/device/state"); err == nil {
		t.Error("the tree still shows what was deleted")
	}
}

func TestKernelAnswers(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	k := w.Kernel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Maps(done); !errors.Is(err, context.Canceled) {
		t.Errorf("maps: %v", err)
	}
	if _, err := k.Checkers(done); !errors.Is(err, context.Canceled) {
		t.Errorf("checkers: %v", err)
	}
	if _, err := k.MountInfo(done, "/run/snapd/ns/lxd.mnt"); !errors.Is(err, context.Canceled) {
		t.Errorf("mountinfo: %v", err)
	}
	if _, err := k.MountInfo(t.Context(), "/nowhere"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("mountinfo of nothing: %v", err)
	}
	for name, test := range map[string]struct {
		prepare func()
		ctx     context.Context
		disk    string
		want    evidence.Identity
	}{
		"cancelled": {ctx: done, disk: "sda"},
		"no disk":   {disk: "sdz"},
		"healthy":   {disk: "sda", want: evidence.Identity{Kind: evidence.IdentityKnown, Serial: vol1}},
		"offline":   {disk: "sdb", prepare: func() { w.must(w.OfflinePath("sdb")) }},
		"blocked":   {disk: "sda", prepare: func() { w.CutPortal(iscsiPortals[0]) }},
	} {
		if test.ctx == nil {
			test.ctx = t.Context()
		}
		if test.prepare != nil {
			defer w.RestorePortal(iscsiPortals[0])
			test.prepare()
		}
		got := k.Identify(test.ctx, test.disk)
		if (got.Why == "") != (test.want.Kind == evidence.IdentityKnown) {
			t.Errorf("%s: no reason: %+v", name, got)
		}
		if got.Why = ""; got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
		w.RestorePortal(iscsiPortals[0])
	}
	w.StopMultipathd()
	if _, err := k.Checkers(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("checkers without multipathd: %v", err)
	}
}

// Array, clock and readers may all be at work at once.
func TestConcurrency(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	w.must(w.Login(evidence.ModeNVMeTCP))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 10 {
				w.array.connect(w.NQN(), vol2)
				w.array.disconnect(w.NQN(), vol2)
			}
		})
		wait.Go(func() {
			for range 3 {
				observeOnly(w.System())
				w.InUse(vol1)
			}
		})
	}
	wait.Wait()
	want(t, "namespaces at the end", namespaces(w.observe()))
	want(t, "maps at the end", maps(w.observe()), "dm-0 0A open 0 [sda A ready, sdb A ready]")
}
