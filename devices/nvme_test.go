package devices_test

import (
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

const arrayNQN = "nqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071"

// controller adds an NVMe controller.
func (m *machine) controller(name, nqn, state string) string {
	dir := "sys/devices/virtual/nvme-fabrics/ctl/" + name
	m.AddFile(dir+"/subsysnqn", []byte(nqn+"\n"))
	m.AddFile(dir+"/state", []byte(state+"\n"))
	m.AddFile(dir+"/transport", []byte("tcp\n"))
	m.AddFile(dir+"/address", []byte("trsvcid=4420,host_traddr=10.0.0.9,traddr=10.0.0.1\n"))
	m.AddFile(dir+"/hostnqn", []byte("nqn.2014-08.org.nvmexpress:uuid:0198CCBF-F421-71BD-9BF0-D71E6AF8E308\n"))
	m.AddLink("sys/class/nvme/"+name, "../../devices/virtual/nvme-fabrics/ctl/"+name)
	return dir
}

func (m *machine) subsystem(name, nqn string, controllers ...string) string {
	dir := "sys/devices/virtual/nvme-subsystem/" + name
	m.AddFile(dir+"/subsysnqn", []byte(nqn+"\n"))
	for _, c := range controllers {
		m.AddLink(dir+"/"+c, "../../nvme-fabrics/ctl/"+c)
	}
	m.AddLink("sys/class/nvme-subsystem/"+name, "../../devices/virtual/nvme-subsystem/"+name)
	return dir
}

func TestNVMeWithoutNativeMultipath(t *testing.T) {
	m := newMachine()
	m.controller("nvme3", arrayNQN, "live")
	m.subsystem("nvme-subsys3", arrayNQN, "nvme3")
	dir := m.block("nvme3n1", "259:0", "devices/virtual/nvme-fabrics/ctl/nvme3/nvme3n1")
	m.AddFile(dir+"/wwid", []byte("uuid.01234567-89ab-cdef-0123-456789abcdef\n"))
	m.AddFile(dir+"/nguid", []byte("007a9ad0-a2ce-6b4c-24a9-375a00011001\n"))
	m.AddFile(dir+"/nsid", []byte("12\n"))
	m.AddFile(dir+"/ana_state", []byte("non-optimized\n"))
	m.AddLink(dir+"/device", "../../nvme3")
	h := m.observe(t)
	diffOne(t, evidence.Namespace{
		Name: "nvme3n1", Dev: "259:0", Subsystem: "nvme-subsys3", NSID: evidence.CountOf(12), Serial: serialNo(1),
		WWID: "uuid.01234567-89ab-cdef-0123-456789abcdef", Bytes: evidence.CountOf(131072 * 512),
		Paths:   []evidence.NamespacePath{{Name: "nvme3n1", Controller: "nvme3", State: "live", ANA: "non-optimized"}},
		Holders: []string{},
	}, h.Namespaces.Items)
	diffOne(t, evidence.Controller{
		Name: "nvme3", Subsystem: "nvme-subsys3", Transport: "tcp", Address: "10.0.0.1", Port: "4420", State: "live",
		HostNQN: "nqn.2014-08.org.nvmexpress:uuid:0198CCBF-F421-71BD-9BF0-D71E6AF8E308",
	}, h.Controllers.Items)
	diffOne(t, evidence.Subsystem{
		Name: "nvme-subsys3", NQN: arrayNQN, Controllers: []string{"nvme3"}, Namespaces: []string{"nvme3n1"},
	}, h.Subsystems.Items)
	diffOne(t, "nqn.2014-08.org.nvmexpress:uuid:0198ccbf-f421-71bd-9bf0-d71e6af8e308", h.NQNs.Items)
}

// A controller that has just been made is not in its subsystem yet, other
// arrays' and discovery controllers are not ours.
func TestWhichControllersArePures(t *testing.T) {
	m := newMachine()
	m.controller("nvme0", arrayNQN, "new")
	m.controller("nvme1", "nqn.1992-08.com.netapp:sn.1:subsystem.x", "live")
	found := m.controller("nvme2", "nqn.2014-08.org.nvmexpress.discovery", "live")
	m.AddFile(found+"/model", []byte("Pure Storage FlashArray\n"))
	disc := m.controller("nvme3", arrayNQN, "live")
	m.AddFile(disc+"/cntrltype", []byte("discovery\n"))
	local := m.controller("nvme4", "nqn.2014.08.org.nvmexpress:144d144dS1", "live")
	m.AddFile(local+"/model", []byte("SAMSUNG\n"))
	model := m.controller("nvme5", "", "live")
	m.AddFile(model+"/model", []byte("Pure Storage FlashArray                 \n"))
	m.subsystem("nvme-subsys0", arrayNQN)
	m.subsystem("nvme-subsys1", "nqn.1992-08.com.netapp:sn.1:subsystem.x", "nvme1")
	found = m.subsystem("nvme-subsys2", "nqn.2014-08.org.nvmexpress.discovery", "nvme2")
	m.AddFile(found+"/model", []byte("Pure Storage FlashArray\n"))
	h := m.observe(t)
	var names []string
	for _, c := range h.Controllers.Items {
		names = append(names, c.Name)
	}
	if !slices.Equal(names, []string{"nvme0", "nvme5"}) || !h.Controllers.IsComplete() {
		t.Errorf("controllers %v, %s", names, h.Controllers.Why())
	}
	diffOne(t, evidence.Subsystem{Name: "nvme-subsys0", NQN: arrayNQN, Controllers: []string{"nvme0"}, Namespaces: []string{}}, h.Subsystems.Items)
}

// A namespace that shows neither WWID nor NGUID may be ours.
func TestUnreadableNamespace(t *testing.T) {
	m := newMachine()
	dir := m.block("nvme0n1", "259:0", "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
	m.AddFile(dir+"/wwid", []byte("eui.0025385b01400000\n"))
	if h := m.observe(t); len(h.Namespaces.Items) != 0 || !h.Namespaces.IsComplete() || !h.Uses.IsComplete() {
		t.Errorf("another maker's: %+v, uses %q", h.Namespaces, h.Uses.Why())
	}
	s := m.system()
	fault := newSpy(m.FS)
	fault.bad, fault.err = dir+"/wwid", syscall.EACCES
	s.FS = fault
	if h := observeSystem(t, s); h.Namespaces.IsComplete() || h.Uses.IsComplete() {
		t.Errorf("namespaces %q, uses %q", h.Namespaces.Why(), h.Uses.Why())
	}
}

// A kernel that shows no ANA state has none; one that can't be read may be any.
func TestNamespaceWithoutANA(t *testing.T) {
	m := newMachine()
	m.controller("nvme3", arrayNQN, "live")
	m.subsystem("nvme-subsys3", arrayNQN, "nvme3")
	dir := m.block("nvme3n1", "259:0", "devices/virtual/nvme-fabrics/ctl/nvme3/nvme3n1")
	m.AddFile(dir+"/wwid", []byte(serialNo(1).EUI()+"\n"))
	m.AddLink(dir+"/device", "../../nvme3")
	path := evidence.NamespacePath{Name: "nvme3n1", Controller: "nvme3", State: "live"}
	if got := m.observe(t).Namespaces.Items; len(got) != 1 || !slices.Equal(got[0].Paths, []evidence.NamespacePath{path}) || !path.Live() {
		t.Errorf("%+v, live %t", got, path.Live())
	}
	s := m.system()
	fault := newSpy(m.FS)
	fault.bad, fault.err = dir+"/ana_state", syscall.EIO
	s.FS = fault
	path.ANA = "unknown"
	if got := observeSystem(t, s).Namespaces.Items; len(got) != 1 || !slices.Equal(got[0].Paths, []evidence.NamespacePath{path}) || path.Live() {
		t.Errorf("%+v, live %t", got, path.Live())
	}
}

// On some kernels the head counts nothing, on others the paths don't.
func TestNamespaceCounters(t *testing.T) {
	stat := func(reads, writes string) []byte {
		return []byte(reads + " 0 0 0 " + writes + " 0 0 0 0 0 0 0 0 0 0 0 0\n")
	}
	for _, c := range []struct {
		name             string
		head, one, other []byte
		silent           bool
		want             evidence.IO
	}{
		{"head counts", stat("9", "8"), stat("0", "0"), stat("0", "0"), false, evidence.IO{Reads: evidence.CountOf(9), Writes: evidence.CountOf(8), Inflight: evidence.CountOf(0)}},
		{"paths count", stat("0", "0"), stat("3", "4"), stat("1", "2"), false, evidence.IO{Reads: evidence.CountOf(4), Writes: evidence.CountOf(6), Inflight: evidence.CountOf(2)}},
		{"paths count, and the head is told not to", stat("0", "0"), stat("3", "4"), stat("1", "2"), true, evidence.IO{Reads: evidence.CountOf(4), Writes: evidence.CountOf(6), Inflight: evidence.CountOf(2)}},
		{"the head was told not to go on counting", stat("9", "8"), stat("0", "0"), stat("0", "0"), true, evidence.IO{Inflight: evidence.CountOf(0)}},
		{"one path can't be read", stat("0", "0"), stat("3", "4"), []byte("x"), false, evidence.IO{Inflight: evidence.CountOf(2)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine()
			m.subsystem("nvme-subsys0", arrayNQN)
			head := m.block("nvme0n1", "259:1", "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
			m.AddFile(head+"/wwid", []byte(serialNo(1).EUI()))
			m.AddFile(head+"/stat", c.head)
			m.AddFile(head+"/inflight", []byte("0 0"))
			if c.silent {
				m.AddFile(head+"/queue/iostats", []byte("0\n"))
			}
			for name, stat := range map[string][]byte{"nvme0c0n1": c.one, "nvme0c1n1": c.other} {
				dir := m.block(name, "", "devices/virtual/nvme-fabrics/ctl/"+name)
				m.AddFile(dir+"/hidden", []byte("1\n"))
				m.AddFile(dir+"/stat", stat)
				m.AddFile(dir+"/inflight", []byte("1 0"))
			}
			// A neighbour's path whose number begins the same.
			m.block("nvme0c0n11", "", "devices/virtual/nvme-fabrics/ctl/nvme0c0n11")
			h := m.observe(t)
			if len(h.Namespaces.Items) != 1 || len(h.Namespaces.Items[0].Paths) != 2 {
				t.Fatalf("%+v", h.Namespaces)
			}
			if diff := cmp.Diff(c.want, h.Namespaces.Items[0].IO); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The kernel takes away what a namespace shows, and then its directory: one that
// shows nothing any more has gone, and one that shows its number may be any volume.
func TestNamespaceThatGoes(t *testing.T) {
	for _, gone := range []bool{true, false} {
		m := newMachine()
		m.controller("nvme0", arrayNQN, "live")
		m.subsystem("nvme-subsys0", arrayNQN, "nvme0")
		dir := m.block("nvme0n1", "259:0", "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1")
		m.AddLink("dev/disk/by-id/nvme-eui.002f0e3a7d9cecd024a9375100011003", "../../nvme0n1")
		if gone {
			m.Remove(dir + "/dev")
		}
		h := m.observe(t)
		if links := h.Links.Items; len(links) != 1 || links[0].Dangling.Is() != gone {
			t.Errorf("its number has gone: %t: its name %+v", gone, links)
		}
		if there := len(h.Namespaces.Items) == 1 && h.Namespaces.Items[0].Serial == ""; there == gone || !h.Namespaces.IsComplete() {
			t.Errorf("its number has gone: %t: %+v, %s", gone, h.Namespaces.Items, h.Namespaces.Why())
		}
	}
}
