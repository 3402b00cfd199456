package host_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

// machine is what random operations are done to.
type machine struct {
	*host.Host
	array *array
	clock *fabric.Clock
}

var volumes = []string{vol1, vol2, vol3, "D5BC07893D61B51B00011099"}

// operations are all that can happen to a machine. Errors are answers here:
// what must hold must hold after a refusal as well.
var operations = map[string]func(*rapid.T, machine, string){
	"connect": func(_ *rapid.T, m machine, s string) {
		m.array.disconnect(m.IQN(), s)
		m.array.connect(m.IQN(), s)
	},
	"connect nvme": func(_ *rapid.T, m machine, s string) {
		m.array.disconnect(m.NQN(), s)
		m.array.connect(m.NQN(), s)
	},
	"disconnect":      func(_ *rapid.T, m machine, s string) { m.array.disconnect(m.IQN(), s) },
	"disconnect nvme": func(_ *rapid.T, m machine, s string) { m.array.disconnect(m.NQN(), s) },
	"login":           func(_ *rapid.T, m machine, _ string) { _ = m.Login(evidence.ModeISCSI) },
	"login nvme":      func(_ *rapid.T, m machine, _ string) { _ = m.Login(evidence.ModeNVMeTCP) },
	"logout":          func(_ *rapid.T, m machine, _ string) { m.Logout(evidence.ModeISCSI) },
	"logout nvme":     func(_ *rapid.T, m machine, _ string) { m.Logout(evidence.ModeNVMeTCP) },
	"rescan":          func(_ *rapid.T, m machine, _ string) { m.Rescan() },
	"rescan first":    func(_ *rapid.T, m machine, _ string) { m.RescanFirst() },
	"device":          func(_ *rapid.T, m machine, s string) { m.Device(s) },
	"mount":           func(_ *rapid.T, m machine, s string) { _ = m.Mount(s, "/mnt/"+s, host.FirstNamespace) },
	"mount snap":      func(_ *rapid.T, m machine, s string) { _ = m.Mount(s, "/snap/"+s, host.LXDNamespace) },
	"mount hidden":    func(_ *rapid.T, m machine, s string) { _ = m.Mount(s, "/hidden/"+s, host.HiddenNamespace) },
	"unmount":         func(_ *rapid.T, m machine, s string) { _ = m.Unmount("/mnt/" + s) },
	"end hidden":      func(_ *rapid.T, m machine, _ string) { m.EndHidden() },
	"unmount snap":    func(_ *rapid.T, m machine, s string) { _ = m.Unmount("/snap/" + s) },
	"open":            func(_ *rapid.T, m machine, s string) { _ = m.Open(s, "qemu", 3000+slices.Index(volumes, s)) },
	"close":           func(_ *rapid.T, m machine, s string) { m.Close(3000 + slices.Index(volumes, s)) },
	"swap":            func(_ *rapid.T, m machine, s string) { _ = m.Swap(s) },
	"hold":            func(_ *rapid.T, m machine, s string) { _ = m.Hold(s, "LVM-"+s) },
	"partitions":      func(_ *rapid.T, m machine, s string) { _ = m.Partitions(s, 1) },
	"loop":            func(_ *rapid.T, m machine, s string) { _ = m.Loop(s) },
	"export":          func(_ *rapid.T, m machine, s string) { _ = m.Export(s) },
	"release":         func(_ *rapid.T, m machine, s string) { m.Release(s) },
	"flush":           func(_ *rapid.T, m machine, s string) { _ = m.FlushMap(s) },
	"remove":          func(_ *rapid.T, m machine, s string) { _ = m.RemoveDevice(s) },
	"write":           func(_ *rapid.T, m machine, s string) { _ = m.Write(s, 3) },
	"hold back":       func(_ *rapid.T, m machine, _ string) { m.HoldDevices(1) },
	"let go":          func(_ *rapid.T, m machine, _ string) { m.HoldDevices(0) },
	"offline":         func(t *rapid.T, m machine, _ string) { _ = m.OfflinePath(anyDisk(t)) },
	"online":          func(t *rapid.T, m machine, _ string) { _ = m.OnlinePath(anyDisk(t)) },
	"delete":          func(t *rapid.T, m machine, _ string) { _ = m.DeletePath(anyDisk(t)) },
	"cut":             func(t *rapid.T, m machine, _ string) { m.CutPortal(anyPortal(t)) },
	"restore":         func(t *rapid.T, m machine, _ string) { m.RestorePortal(anyPortal(t)) },
	"time":            func(_ *rapid.T, m machine, _ string) { m.clock.Advance(10 * time.Second) },
	"an hour":         func(_ *rapid.T, m machine, _ string) { m.clock.Advance(time.Hour) },
	"stop multipathd": func(_ *rapid.T, m machine, _ string) { m.StopMultipathd() },
	"multipathd":      func(_ *rapid.T, m machine, _ string) { m.StartMultipathd() },
	"queue":           func(_ *rapid.T, m machine, _ string) { m.SetQueueing(true) },
	"do not queue":    func(_ *rapid.T, m machine, _ string) { m.SetQueueing(false) },
	"stop lxd":        func(_ *rapid.T, m machine, _ string) { m.StopLXD() },
	"lxd":             func(_ *rapid.T, m machine, _ string) { m.RestartLXD() },
	"power":           func(_ *rapid.T, m machine, _ string) { m.PowerCycle() },
}

func anyDisk(t *rapid.T) string {
	return rapid.SampledFrom([]string{"sda", "sdb", "sdc", "sdd", "sde"}).Draw(t, "disk")
}

func anyPortal(t *rapid.T) string {
	return rapid.SampledFrom(slices.Concat(iscsiPortals, nvmePortals)).Draw(t, "portal")
}

// Whatever happens, the machine can be read, its names and numbers are its
// own, and the tool sees every use that there is, and no other.
func TestAnyHistory(t *testing.T) {
	var names []string
	for name := range operations {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		m := machine{array: newArray(), clock: fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))}
		m.Host = host.New(host.Options{Name: "lxd01", Target: m.array, Clock: m.clock})
		m.array.changed = m.Follow
		// Most histories begin with LXD at work.
		if rapid.Bool().Draw(t, "at work") {
			for _, s := range volumes[:2] {
				m.array.connect(m.IQN(), s)
				m.array.connect(m.NQN(), s)
			}
			_ = m.Login(evidence.ModeISCSI)
		}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(names), 1, 30).Draw(t, "operations") {
			serial := rapid.SampledFrom(volumes).Draw(t, name)
			operations[name](t, m, serial)
		}
		judge(t, m)
	})
}

func judge(t *rapid.T, m machine) {
	e := observeOnly(m.System())
	if why := incomplete(e); len(why) > 0 || e.Trouble != "" || !e.AllProcesses.Is() {
		t.Fatalf("it can't be read in full: %v, trouble %q, processes %s", why, e.Trouble, e.AllProcessesWhy)
	}
	own := map[string]bool{}
	once := func(kind string, value any) {
		if key := fmt.Sprint(kind, " ", value); own[key] {
			t.Fatalf("%s is there twice", key)
		} else {
			own[key] = true
		}
	}
	unknown := false
	for _, d := range e.Disks.Items {
		once("name", d.Name)
		once("number", d.Dev)
		once("seq", d.Seq)
		once("place", d.HCTL)
		unknown = unknown || d.Live.Kind == evidence.IdentityUnknown
	}
	for _, n := range e.Namespaces.Items {
		once("name", n.Name)
		once("number", n.Dev)
		once("seq", n.Seq)
		if len(n.Paths) == 0 {
			t.Fatalf("%s has no path", n.Name)
		}
	}
	for _, x := range e.Maps.Items {
		once("name", x.Kernel)
		once("number", x.Dev)
		once("uuid", x.UUID)
		if !x.OpenCount.Known {
			t.Fatalf("the open count of %s is not known", x.Kernel)
		}
	}
	judgeUses(t, m, e, unknown)
}

func judgeUses(t *rapid.T, m machine, e evidence.Host, unknown bool) {
	for _, s := range volumes {
		// A device that has gone no longer says which volume it was.
		gone := m.UsedAndGone(s)
		seen := slices.ContainsFunc(e.Uses.Items, func(u evidence.Use) bool { return string(u.Serial) == s })
		if inUse := m.InUse(s); inUse != seen && (seen || (!gone && !unknown)) {
			t.Fatalf("%s in use: %v; uses:\n%s\ndisks:\n%s\nmaps:\n%s", s, inUse,
				strings.Join(uses(e), "\n"), strings.Join(disks(e), "\n"), strings.Join(maps(e), "\n"))
		}
	}
	for _, u := range e.Uses.Items {
		if u.Kind == evidence.UseSuperblock && !slices.ContainsFunc(m.Mounts(), func(o host.Mount) bool { return o.Device == u.Device }) {
			t.Fatalf("a superblock without a mount: %+v", u)
		}
	}
	for _, o := range m.Mounts() {
		if !slices.ContainsFunc(e.Uses.Items, func(u evidence.Use) bool { return u.Kind == evidence.UseMount && u.Where == o.Path }) {
			t.Fatalf("the mount at %s was not seen: %v", o.Path, uses(e))
		}
	}
}

// Whatever the machine and its volumes are called, the tree holds.
func TestHostileNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name, point := rapid.String().Draw(t, "host"), rapid.String().Draw(t, "mount point")
		a := newArray()
		h := host.New(host.Options{Name: name, Target: a})
		a.connect(h.IQN(), vol1)
		if err := h.Login(evidence.ModeISCSI); err != nil {
			t.Fatal(err)
		}
		// A name that no file can have is refused by the tree, not a panic.
		_ = h.Mount(vol1, "/srv/"+point, host.FirstNamespace)
		devices.Observe(t.Context(), h.System())
	})
}
