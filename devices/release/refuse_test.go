package release_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// refusals are states in which nothing is touched, each for one reason.
var refusals = []struct {
	name string
	code release.Code
	says string
	// gone is set where the array does not connect the volume.
	gone bool
	make func(r *rig)
}{
	{"mounted for LXD", release.CodeInUse, "mounted at /srv", false, func(r *rig) {
		r.must(r.Mount(string(ours), "/srv", host.LXDNamespace))
	}},
	{"mounted where no process sees it", release.CodeInUse, "mounted at /srv", false, func(r *rig) {
		r.must(r.Mount(string(ours), "/srv", host.HiddenNamespace))
	}},
	{"mounted for LXD, which is stopped", release.CodeInUse, "mounted at /srv", false, func(r *rig) {
		r.must(r.Mount(string(ours), "/srv", host.LXDNamespace))
		r.StopLXD()
	}},
	{"a virtual machine", release.CodeInUse, "qemu has dm-0 open", false, func(r *rig) {
		r.must(r.Open(string(ours), "qemu", 4000))
	}},
	{"a worker of udev that does not leave", release.CodeInUse, "(udev-worker) has dm-0 open", false, func(r *rig) {
		r.must(r.Open(string(ours), "(udev-worker)", 4000))
	}},
	{"swap", release.CodeSystem, "dm-0 is swap", false, func(r *rig) { r.must(r.Swap(string(ours))) }},
	{"LVM", release.CodeInUse, "stands on dm-0", false, func(r *rig) { r.must(r.Hold(string(ours), "LVM-abc")) }},
	{"a loop device", release.CodeInUse, "loop device loop1 is on dm-0", false, func(r *rig) { r.must(r.Loop(string(ours))) }},
	{"given on", release.CodeInUse, "given on to others", false, func(r *rig) { r.must(r.Export(string(ours))) }},
	{"what only the open count shows", release.CodeInUse, "mpatha is open (1 times)", false, func(r *rig) {
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) { all[0].OpenCount = 1 }}
	}},
	{"a partition that is open", release.CodeInUse, "mpatha-part1 is open (1 times)", false, func(r *rig) {
		r.must(r.Partitions(string(ours), 1))
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) { all[1].OpenCount = 1 }}
	}},
	{"opened now and then", release.CodeInUse, "mpatha is open (1 times)", false, func(r *rig) {
		asked := 0
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) {
			if asked++; asked == 4 { // the look, and two samples
				all[0].OpenCount = 1
			}
		}}
	}},
	{"part of the machine", release.CodeSystem, "part of the machine itself", false, func(r *rig) {
		r.must(r.Mount(string(ours), "/var", host.FirstNamespace))
	}},
	{"suspended", release.CodeSuspended, "dmsetup resume mpatha", false, func(r *rig) { r.Suspend(string(ours), true) }},

	{"the number is another volume's", release.CodeOther, "answers as " + string(theirs), false, func(r *rig) {
		r.disconnect()
		r.array.connect(r.IQN(), theirs)
	}},
	{"a mixed map", release.CodeOther, "is of volume " + string(theirs), false, func(r *rig) {
		r.disconnect()
		r.array.connect(r.IQN(), theirs)
		r.Rescan()
	}},
	{"our volume behind another's map", release.CodeOther, "sda is a path of mpathb", false, func(r *rig) {
		r.disconnect()
		r.must(r.FlushMap(string(ours)))
		r.must(r.DeletePath("sda"))
		r.must(r.DeletePath("sdb"))
		r.attach(third)
		r.array.disconnect(r.IQN(), third)
		r.array.connect(r.IQN(), ours)
	}},
	{"another's path that leads to our volume", release.CodeOther, "leads to " + string(ours), false, func(r *rig) {
		r.disconnect()
		r.must(r.FlushMap(string(ours)))
		r.must(r.DeletePath("sda"))
		r.must(r.DeletePath("sdb"))
		r.late(third)
		r.array.disconnect(r.IQN(), third)
		r.array.connect(r.IQN(), ours)
	}},

	{"a session that is down", release.CodeSession, `its state is "blocked"`, false, func(r *rig) { r.CutPortal(portals[0]) }},
	{"a session that is given up", release.CodeSession, `its state is "transport-offline"`, false, func(r *rig) {
		r.CutPortal(portals[0])
		r.clock.Advance(time.Minute)
	}},
	{"a path that says nothing", release.CodeUnproven, "sda did not say", false, func(r *rig) {
		r.rel.System.Kernel = silent{r.rel.System.Kernel, "sda"}
	}},
	{"a path without a sequence number", release.CodeUnproven, "can't be told from a disk", false, func(r *rig) {
		r.fails("sys/devices/platform/host0/session1/target0:0:0/0:0:0:1/block/sda/diskseq", fs.ErrNotExist)
	}},
	{"a path that was added for nobody knows what", release.CodeUnproven, "which volume sda was added for", false, func(r *rig) {
		const dir = "sys/devices/platform/host0/session1/target0:0:0/0:0:0:1"
		r.reads(dir+"/wwid", "\n")
		r.fails(dir+"/vpd_pg83", fs.ErrNotExist)
	}},
	{"a path that is no disk of ours", release.CodeUnproven, "path 8:160 of mpatha is not among the disks", false, func(r *rig) {
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) {
			all[0].Status = "multipath 2 0 1 0 1 1 A 0 1 2 8:160 A 0 0 1"
			all[0].Table = "multipath 0 1 alua 1 1 service-time 0 1 2 8:160 1 1"
		}}
	}},
	{"a map whose queueing is not known", release.CodeBlind, "whether I/O to mpatha would wait", false, func(r *rig) {
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) { all[0].Table = "" }}
	}},
	{"no controller is live", release.CodeSession, "no controller of nvme0n1 is live", false, func(r *rig) {
		r.clear()
		r.attachNVMe(ours)
		r.CutPortal("10.77.0.1:4420")
		r.CutPortal("10.77.1.1:4420")
	}},
	{"it still answers", release.CodeAnswers, "sda still answers", true, func(*rig) {}},
	{"silent and running, not connected", release.CodeUnproven, "sdb did not say", true, func(r *rig) {
		r.disconnect()
		r.rel.System.Kernel = silent{r.rel.System.Kernel, "sdb"}
	}},

	{"a recording", release.CodeRecorded, "recording", false, func(r *rig) { r.rel.System.Recorded = true }},
	{"device-mapper does not answer", release.CodeBlind, "device-mapper", false, func(r *rig) {
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, nil}
	}},
	{"not root", release.CodeBlind, "not run as root", false, func(r *rig) {
		r.reads("proc/self/status", "CapEff:\t0000000000000000\n")
	}},
	{"in a container", release.CodeBlind, "runs in a container", false, func(r *rig) { r.leads("proc/self/ns/pid", "pid:[4026532999]") }},
	{"disks that can't be listed", release.CodeBlind, "SCSI disks are not all known", false, func(r *rig) { r.fails("sys/block", syscall.EIO) }},
	{"sessions that can't be listed", release.CodeBlind, "iSCSI sessions are not all known", false, func(r *rig) {
		r.fails("sys/class/iscsi_session", syscall.EIO)
	}},
	{"maps that can't be read", release.CodeBlind, "multipath maps are not all known", false, func(r *rig) {
		r.fails("sys/devices/virtual/block/dm-0/dm/uuid", syscall.EIO)
		r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) { all[0].Dev = "253:9" }}
	}},
	{"subsystems that can't be listed", release.CodeBlind, "NVMe subsystems are not all known", false, func(r *rig) {
		r.fails("sys/class/nvme-subsystem", syscall.EIO)
	}},
	{"namespaces that can't be listed", release.CodeBlind, "NVMe namespaces are not all known", false, func(r *rig) {
		r.fails("sys/class/nvme-subsystem", syscall.EIO)
	}},
	{"controllers that can't be listed", release.CodeBlind, "NVMe controllers are not all known", false, func(r *rig) {
		r.fails("sys/class/nvme", syscall.EIO)
	}},
	{"who looks is not known", release.CodeBlind, "processes are not all visible", false, func(r *rig) { r.reads("proc/self/status", "") }},
	{"uses that can't be read", release.CodeBlind, "uses are not all known", false, func(r *rig) { r.fails("proc/swaps", syscall.EIO) }},
	{"a use of something that has gone", release.CodeBlind, "it is not known of which volume this is: nvme0n1 is mounted at /mnt", false, func(r *rig) {
		r.attachNVMe(third)
		r.must(r.Mount(string(third), "/mnt", host.FirstNamespace))
		r.array.disconnect(r.NQN(), third)
	}},
	{"somebody holds a namespace that has gone", release.CodeBlind, "neither controller nor namespace", false, func(r *rig) {
		r.attachNVMe(third)
		r.must(r.Open(string(third), "qemu", 4000))
		r.Logout(evidence.ModeNVMeTCP)
		r.rel.Elsewhere = func(evidence.Use) bool { return true }
	}},
}

// clear takes the volume off by hand, for a state that starts otherwise.
func (r *rig) clear() {
	r.disconnect()
	r.must(r.RemoveDevice(string(ours)))
}

// Whatever the reason, no hand is lifted.
func TestRefusals(t *testing.T) {
	for _, test := range refusals {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, host.Options{})
			r.attach(ours)
			test.make(r)
			before := r.state(ours)
			r.FailWrites(func(call string, _ int) error {
				t.Errorf("%s", call)
				return nil
			})
			done, err := r.rel.Release(t.Context(), ours, release.Expect{StillConnected: !test.gone})
			if !errors.Is(err, release.ErrRefused) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "taken back") {
				t.Errorf("%v\nwithout %q", err, test.says)
			}
			if got := codes(err); len(got) == 0 || got[0] != test.code {
				t.Errorf("codes %q, not %q", got, test.code)
			}
			if diff := cmp.Diff(release.Released{Serial: ours}, done); diff != "" {
				t.Error(diff)
			}
			r.wasMade()
			if after := r.state(ours); after != before {
				t.Errorf("%q became %q", before, after)
			}
		})
	}
}

// The same on bare paths and on NVMe, where no open count tells.
func TestRefusalsWithoutMap(t *testing.T) {
	uses := map[string]func(r *rig) error{
		"mounted": func(r *rig) error { return r.Mount(string(ours), "/srv", host.LXDNamespace) },
		"hidden":  func(r *rig) error { return r.Mount(string(ours), "/srv", host.HiddenNamespace) },
		"open":    func(r *rig) error { return r.Open(string(ours), "qemu", 4000) },
		"swap":    func(r *rig) error { return r.Swap(string(ours)) },
		"held":    func(r *rig) error { return r.Hold(string(ours), "CRYPT-LUKS2-x") },
		"loop":    func(r *rig) error { return r.Loop(string(ours)) },
		"given":   func(r *rig) error { return r.Export(string(ours)) },
	}
	for name, use := range uses {
		for _, nvme := range []bool{false, true} {
			r := newRig(t, host.Options{NoMultipath: true})
			if nvme {
				r.attachNVMe(ours)
			} else {
				r.late(ours)
			}
			r.must(use(r))
			if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, release.ErrRefused) || !slices.Contains(codes(err), release.CodeInUse) {
				t.Errorf("%s, nvme %v: %v", name, nvme, err)
			}
			r.wasMade()
		}
	}
}

// A use of another volume's vanished device keeps nobody from this one, when
// it is known to be that.
func TestUsesElsewhere(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.attachNVMe(third)
	r.must(r.Mount(string(third), "/lxd/storage-pools/p/custom/x", host.LXDNamespace))
	r.array.disconnect(r.NQN(), third)
	var asked []string
	r.rel.Elsewhere = func(use evidence.Use) bool {
		asked = append(asked, fmt.Sprintf("%s %s %q", use.Kind, use.Where, use.Serial))
		return true
	}
	if _, err := r.rel.Release(t.Context(), ours, connected); err != nil {
		t.Error(err)
	}
	if len(asked) == 0 {
		t.Error("nobody was asked")
	}
	for _, use := range asked {
		if !strings.HasSuffix(use, `""`) {
			t.Errorf("asked of a use whose volume is known: %s", use)
		}
	}
}

// The file system behind such a mount is on the same device; of a device that
// LXD mounts for two volumes it is not known whose it was.
func TestFileSystemElsewhere(t *testing.T) {
	const known, other = "/lxd/storage-pools/p/custom/x", "/lxd/storage-pools/p/custom/y"
	for name, c := range map[string]struct {
		mounts []string
		passes bool
	}{
		"its mount is another volume's":         {[]string{known}, true},
		"another mount of it is at no path":     {[]string{known, "/mnt"}, true},
		"nothing is known of its mount":         {[]string{"/mnt"}, false},
		"another mount of it may be this one's": {[]string{known, other}, false},
	} {
		r := newRig(t, host.Options{})
		r.attach(ours)
		r.attachNVMe(third)
		for _, where := range c.mounts {
			r.must(r.Mount(string(third), where, host.LXDNamespace))
		}
		r.array.disconnect(r.NQN(), third)
		superblocks := 0
		r.rel.Elsewhere = func(use evidence.Use) bool {
			if use.Kind == evidence.UseSuperblock {
				superblocks++
			}
			return use.Kind == evidence.UseMount && use.Where == known
		}
		_, err := r.rel.Release(t.Context(), ours, connected)
		if passes := err == nil; passes != c.passes {
			t.Errorf("%s: %v", name, err)
		}
		if superblocks == 0 {
			t.Errorf("%s: no file system is alive, so this proves nothing", name)
		}
	}
}

// Udev looks at a device that changed, for a moment: that is waited for.
func TestUdevLooksForAMoment(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.Open(string(ours), "(udev-worker)", 4000))
	r.atSleep = func(at time.Duration) {
		if at >= 4*time.Second {
			r.Close(4000)
		}
	}
	if _, err := r.rel.Release(t.Context(), ours, connected); err != nil {
		t.Error(err)
	}
	if r.slept != 6*time.Second { // twice 2 s, then 4 samples
		t.Errorf("slept %v", r.slept)
	}
	// Not for one that only has its name.
	r = newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.Open(string(ours), "(udev-worker)", 4000))
	r.leads("proc/4000/exe", "/usr/bin/qemu-system-x86_64")
	if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, release.ErrRefused) || r.slept != 0 {
		t.Errorf("%v after %v", err, r.slept)
	}
	// Not for a use that is no look.
	r = newRig(t, host.Options{})
	r.attach(ours)
	r.must(r.Open(string(ours), "qemu", 4000))
	if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, release.ErrRefused) || r.slept != 0 {
		t.Errorf("%v after %v", err, r.slept)
	}
}

// A device that has gone, and that somebody still has open, may have been this
// volume's. Where that is udev it is waited for, and else refused at once.
func TestUdevLooksAtWhatHasGone(t *testing.T) {
	for process, passes := range map[string]bool{"(udev-worker)": true, "qemu": false} {
		r := newRig(t, host.Options{})
		r.attachNVMe(ours, third)
		r.must(r.Open(string(third), process, 4000))
		r.array.disconnect(r.NQN(), third)
		r.atSleep = func(time.Duration) { r.Close(4000) }
		_, err := r.rel.Release(t.Context(), ours, connected)
		if passes != (err == nil) || !passes && (!errors.Is(err, release.ErrRefused) || r.slept != 0) {
			t.Errorf("%s: %v after %v", process, err, r.slept)
		}
	}
}

// A map is suspended for a moment each time its table is loaded.
func TestSuspendedForAMoment(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.Suspend(string(ours), true)
	r.atSleep = func(time.Duration) { r.Suspend(string(ours), false) }
	if _, err := r.rel.Release(t.Context(), ours, connected); err != nil {
		t.Error(err)
	}
}

// The proof right before each write is the device's own word of that moment.
func TestProvedRightBeforeTheWrite(t *testing.T) {
	for n, test := range []struct {
		// changes is the kernel's answer from the n-th question to sdb on.
		from int
		says evidence.Identity
		code release.Code
	}{
		{2, evidence.Identity{Kind: evidence.IdentityKnown, Serial: theirs}, release.CodeOther},
		{2, evidence.Identity{Why: "no answer"}, release.CodeUnproven},
		{4, evidence.Identity{Kind: evidence.IdentityKnown, Serial: theirs}, release.CodeOther},
		{4, evidence.Identity{Why: "no answer"}, release.CodeUnproven},
	} {
		r := newRig(t, host.Options{})
		r.attach(ours)
		r.rel.System.Kernel = &turning{Kernel: r.rel.System.Kernel, disk: "sdb", from: test.from, says: test.says}
		_, err := r.rel.Release(t.Context(), ours, connected)
		if got := codes(err); len(got) != 1 || got[0] != test.code {
			t.Errorf("%d: %v", n, err)
		}
		switch test.from {
		case 2: // before the map is removed
			r.wasMade()
			if errors.Is(err, release.ErrTakenBack) {
				t.Errorf("%d: nothing was done: %v", n, err)
			}
		case 4: // before sdb is set offline
			r.wasMade("remove the map mpatha", "set sda offline", "set sda running", "let multipathd make the map mpatha again")
			if !errors.Is(err, release.ErrTakenBack) {
				t.Errorf("%d: %v", n, err)
			}
		}
		r.has(ours, healthy)
	}
}

// turning answers otherwise from the n-th question to one disk on.
type turning struct {
	devices.Kernel
	disk  string
	from  int
	says  evidence.Identity
	asked int
}

func (k *turning) Identify(ctx context.Context, disk string) evidence.Identity {
	if disk == k.disk {
		if k.asked++; k.asked >= k.from {
			return k.says
		}
	}
	return k.Kernel.Identify(ctx, disk)
}

// silent is a kernel to which one disk says nothing.
type silent struct {
	devices.Kernel
	disk string
}

func (k silent) Identify(ctx context.Context, disk string) evidence.Identity {
	if disk == k.disk {
		return evidence.Identity{Why: "no answer"}
	}
	return k.Kernel.Identify(ctx, disk)
}

// kernelWith changes what device-mapper says; nil lets it say nothing.
type kernelWith struct {
	devices.Kernel
	change func([]devices.DM)
}

func (k kernelWith) Maps(ctx context.Context) ([]devices.DM, error) {
	all, err := k.Kernel.Maps(ctx)
	if k.change == nil {
		return nil, syscall.EIO
	}
	k.change(all)
	return all, err
}

// silentAfter is a device-mapper that answers so many times.
type silentAfter struct {
	devices.Kernel
	left *int
}

func (k silentAfter) Maps(ctx context.Context) ([]devices.DM, error) {
	if *k.left--; *k.left < 0 {
		return nil, syscall.EIO
	}
	return k.Kernel.Maps(ctx)
}

// Who has a map open is known from device-mapper alone: when it falls silent
// while that is watched, or does not say how often, the map is not touched.
func TestDeviceMapperFallsSilent(t *testing.T) {
	watched := false
	for answers := range 6 {
		r := newRig(t, host.Options{})
		r.attach(ours)
		left := answers
		r.rel.System.Kernel = silentAfter{r.rel.System.Kernel, &left}
		_, err := r.rel.Release(t.Context(), ours, connected)
		if !errors.Is(err, release.ErrRefused) {
			t.Errorf("silent after %d answers: %v", answers, err)
		}
		watched = watched || err != nil && strings.Contains(err.Error(), "device-mapper did not say who has its maps open")
		r.wasMade()
	}
	if !watched {
		t.Error("that it fell silent while it was watched is not said")
	}
	r := newRig(t, host.Options{})
	r.attach(ours)
	r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) {
		for i := range all {
			all[i].OpenCount = -1
		}
	}}
	if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, release.ErrRefused) || !strings.Contains(err.Error(), "not known who has mpatha open") {
		t.Errorf("how often it is open is not known: %v", err)
	}
	r.wasMade()
}

// layer is the rig's tree with changes.
func (r *rig) layer() overlay {
	o, ok := r.rel.System.FS.(overlay)
	if !ok {
		o = overlay{r.rel.System.FS, map[string]string{}, map[string]string{}, map[string]string{}, map[string]error{}}
		r.rel.System.FS = o
	}
	return o
}

func (r *rig) fails(name string, err error) { r.layer().fails[name] = err }
func (r *rig) leads(name, target string)    { r.layer().links[name] = target }
func (r *rig) reads(name, text string)      { r.layer().texts[name] = text }
func (r *rig) adds(dir, name string)        { r.layer().more[dir] = name }
