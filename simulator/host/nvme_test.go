package host_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
)

func TestNVMeHealthy(t *testing.T) {
	w := newWorld(t, host.Options{})
	if dev := w.attachNVMe(vol1, vol2); dev != "nvme0n2" {
		t.Fatal(dev)
	}
	w.must(w.Mount(vol2, "/srv", host.LXDNamespace))
	e := w.observe()
	want(t, "namespaces", namespaces(e),
		"nvme0n1 nsid 1 0A [nvme0c0n1 live, nvme0c1n1 live]", "nvme0n2 nsid 2 04 [nvme0c0n2 live, nvme0c1n2 live]")
	want(t, "uses", uses(e), "mount nvme0n2 04 /srv", "superblock nvme0n2 04 ext4")
	wantSubsystems := []evidence.Subsystem{{
		Name: "nvme-subsys0", NQN: nqnTarget,
		Controllers: []string{"nvme0", "nvme1"}, Namespaces: []string{"nvme0n1", "nvme0n2"},
	}}
	if diff := cmp.Diff(wantSubsystems, e.Subsystems.Items); diff != "" {
		t.Error(diff)
	}
	c := e.Controllers.Items[0]
	if c.Address != "10.77.0.1" || c.Port != "4420" || c.State != "live" || c.Transport != "tcp" ||
		evidence.Initiator(c.HostNQN) != evidence.Initiator(w.NQN()) || c.CtrlLossTmo != evidence.CountOf(600) {
		t.Errorf("controller: %+v", c)
	}
	n := e.Namespaces.Items[0]
	if n.WWID != evidence.Serial(vol1).EUI() || n.Bytes != evidence.CountOf(64<<20) || n.Dev != "259:1" || !n.Seq.Known ||
		n.Paths[0].ANA != "optimized" || !n.Paths[1].Live() {
		t.Errorf("namespace: %+v", n)
	}
	if dev := e.Namespaces.Items[1].Dev; dev != "259:4" {
		t.Errorf("the second head is %s: paths take numbers as well", dev)
	}
	found := false
	for _, l := range e.Links.Items {
		found = found || l.Path == "/dev/disk/by-id/nvme-"+evidence.Serial(vol2).EUI() && l.Target == "../../nvme0n2"
	}
	if !found {
		t.Errorf("links: %+v", e.Links.Items)
	}
}

// A namespace goes by itself after the disconnect; controllers stay without
// any; the number is safe to use again.
func TestNVMeFollows(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attachNVMe(vol1)
	w.array.disconnect(w.NQN(), vol1)
	e := w.observe()
	want(t, "namespaces", namespaces(e))
	if len(e.Controllers.Items) != 2 || len(e.Subsystems.Items) != 1 {
		t.Errorf("controllers %+v, subsystems %+v", e.Controllers.Items, e.Subsystems.Items)
	}
	w.array.connect(w.NQN(), vol2)
	want(t, "another volume with the number", namespaces(w.observe()), "nvme0n1 nsid 1 04 [nvme0c0n1 live, nvme0c1n1 live]")

	w.HoldDevices(1)
	w.array.connect(w.NQN(), vol3)
	if dev, ok := w.Device(vol3); ok {
		t.Errorf("%s appeared", dev)
	}
	w.HoldDevices(0)
	if dev, ok := w.Device(vol3); dev != "nvme0n2" || !ok {
		t.Errorf("the late namespace is %s, %v", dev, ok)
	}
}

// A namespace that is taken away under a mount leaves the mount and the
// superblock; what comes back is another head; without controllers the
// subsystem stays as long as somebody holds the old one.
func TestNVMeTakenAwayInUse(t *testing.T) {
	w := newWorld(t, host.Options{})
	w.attachNVMe(vol1, vol2)
	w.must(w.Mount(vol2, "/srv", host.FirstNamespace))
	w.must(w.Open(vol2, "qemu-system-x86", 3000))
	w.array.disconnect(w.NQN(), vol2)
	e := w.observe()
	want(t, "namespaces", namespaces(e), "nvme0n1 nsid 1 0A [nvme0c0n1 live, nvme0c1n1 live]")
	want(t, "uses", uses(e), "mount nvme0n2 none /srv",
		"opener nvme0n2 none /dev/nvme0n2 (deleted) qemu-system-x86", "superblock nvme0n2 none ext4")
	if !w.InUse(vol2) {
		t.Error("the oracle forgot who held it")
	}

	w.array.connect(w.NQN(), vol2)
	want(t, "it comes back as another head", namespaces(w.observe()),
		"nvme0n1 nsid 1 0A [nvme0c0n1 live, nvme0c1n1 live]", "nvme0n3 nsid 2 04 [nvme0c0n3 live, nvme0c1n3 live]")

	w.Logout(evidence.ModeNVMeTCP)
	e = w.observe()
	wantSubsystems := []evidence.Subsystem{{Name: "nvme-subsys0", NQN: nqnTarget, Controllers: []string{}, Namespaces: []string{}}}
	if diff := cmp.Diff(wantSubsystems, e.Subsystems.Items); diff != "" {
		t.Errorf("the zombie: %s", diff)
	}
	w.Close(3000)
	w.must(w.Unmount("/srv"))
	if e = w.observe(); len(e.Subsystems.Items) != 0 || len(e.Uses.Items) != 0 {
		t.Errorf("it stayed: %+v %v", e.Subsystems.Items, uses(e))
	}
}

func TestNVMePortalLost(t *testing.T) {
	clock := fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, host.Options{Clock: clock})
	w.attachNVMe(vol1)
	w.CutPortal(nvmePortals[1])
	want(t, "one connecting", namespaces(w.observe()), "nvme0n1 nsid 1 0A [nvme0c0n1 live, nvme0c1n1 connecting]")

	// The lost controller does not hear of the disconnect, so the head stays,
	// and the number can't be another volume's on the other controller.
	w.array.disconnect(w.NQN(), vol1)
	w.array.connect(w.NQN(), vol2)
	want(t, "disconnected meanwhile", namespaces(w.observe()), "nvme0n1 nsid 1 0A [nvme0c1n1 connecting]")
	w.RestorePortal(nvmePortals[1])
	want(t, "back", namespaces(w.observe()), "nvme0n1 nsid 1 04 [nvme0c0n1 live, nvme0c1n1 live]")

	w.CutPortal(nvmePortals[1])
	clock.Advance(600 * time.Second)
	e := w.observe()
	want(t, "given up", namespaces(e), "nvme0n1 nsid 1 04 [nvme0c0n1 live]")
	w.RestorePortal(nvmePortals[1])
	if got := w.observe(); len(got.Controllers.Items) != 1 {
		t.Errorf("a controller that was given up came back: %+v", got.Controllers.Items)
	}
	w.must(w.Login(evidence.ModeNVMeTCP))
	want(t, "connected again", namespaces(w.observe()), "nvme0n1 nsid 1 04 [nvme0c0n1 live, nvme0c1n1 live]")
}

// The subsystem keeps the number of its first controller.
func TestControllerNumbers(t *testing.T) {
	clock := fabric.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))
	w := newWorld(t, host.Options{Clock: clock})
	w.attachNVMe(vol1)
	w.CutPortal(nvmePortals[0])
	clock.Advance(time.Hour)
	w.RestorePortal(nvmePortals[0])
	w.must(w.Login(evidence.ModeNVMeTCP))
	want(t, "namespaces", namespaces(w.observe()), "nvme0n1 nsid 1 0A [nvme0c1n1 live, nvme0c2n1 live]")
}

func TestWriteCounts(t *testing.T) {
	n := newWorld(t, host.Options{})
	n.attachNVMe(vol1)
	was := n.observe().Namespaces.Items[0].IO
	n.must(n.Write(vol1, 7))
	if is := n.observe().Namespaces.Items[0].IO; is.Writes.N-was.Writes.N != 7 {
		t.Errorf("%v, then %v", was, is)
	}
	w := newWorld(t, host.Options{})
	w.attach(vol1)
	before := w.observe()
	w.must(w.Write(vol1, 7))
	after := w.observe()
	if n := after.Maps.Items[0].IO.Writes.N - before.Maps.Items[0].IO.Writes.N; n != 7 {
		t.Errorf("the map counts %d", n)
	}
	if n := after.Disks.Items[0].IO.Writes.N - before.Disks.Items[0].IO.Writes.N; n != 7 {
		t.Errorf("the path counts %d", n)
	}
}

// slowArray holds back one answer, as the network may.
type slowArray struct {
	*array
	slow    atomic.Bool
	asked   chan struct{}
	release chan struct{}
}

func (a *slowArray) Exports(initiator string) []fabric.Export {
	exports := a.array.Exports(initiator)
	if strings.HasPrefix(initiator, "nqn.") && a.slow.CompareAndSwap(true, false) {
		close(a.asked)
		<-a.release
	}
	return exports
}

// An answer that comes late does not undo what a newer one told.
func TestLateAnswerIsNotBelieved(t *testing.T) {
	a := &slowArray{array: newArray(), asked: make(chan struct{}), release: make(chan struct{})}
	h := host.New(host.Options{Target: a})
	if err := h.Login(evidence.ModeNVMeTCP); err != nil {
		t.Fatal(err)
	}
	a.slow.Store(true)
	var wait sync.WaitGroup
	wait.Go(h.Follow) // looks while there is no volume
	<-a.asked
	a.connect(h.NQN(), vol1)
	h.Follow()
	close(a.release)
	wait.Wait()
	if dev, ok := h.Device(vol1); !ok || dev != "nvme0n1" {
		t.Errorf("the namespace is %q, %v", dev, ok)
	}
	if seq := observeOnly(h.System()).Namespaces.Items[0].Seq; seq != evidence.CountOf(11) {
		t.Errorf("the namespace went and came again: its number is %v", seq)
	}
}
