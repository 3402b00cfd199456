package devices_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// serialNo makes the serial of a volume by number.
func serialNo(n int) evidence.Serial {
	return evidence.Serial(fmt.Sprintf("7A9AD0A2CE6B4C5A%08X", 0x11000+n))
}

// machine is a host in memory, running, read by root: what a test starts from
// to add one thing more.
type machine struct {
	*treefs.FS
	kernel *fakeKernel
	mounts string
}

func newMachine() *machine {
	m := &machine{FS: treefs.New(), kernel: &fakeKernel{}}
	for _, dir := range []string{"sys/block", "sys/class/block", "sys/fs/ext4", "proc", "dev/mapper", "dev/disk/by-id"} {
		m.AddDir(dir)
	}
	m.AddLink("proc/self", "100")
	m.process(1, "systemd", firstNamespace)
	m.process(2, "kthreadd", firstNamespace)
	m.process(100, "pureclean", firstNamespace)
	m.AddFile("proc/100/status", []byte("Name:\tpureclean\nCapEff:\t000001ffffffffff\n"))
	m.AddLink("proc/100/ns/pid", "pid:[4026531836]")
	m.AddLink("proc/100/ns/user", "user:[4026531837]")
	m.mount("24 1 259:900 / / rw - ext4 /dev/root rw")
	m.block("root", "259:900", "devices/virtual/block/root")
	return m
}

const firstNamespace = "mnt:[4026531841]"

func (m *machine) process(pid int, comm, namespace string) {
	dir := fmt.Sprintf("proc/%d", pid)
	m.AddFile(dir+"/comm", []byte(comm+"\n"))
	m.AddLink(dir+"/ns/mnt", namespace)
	m.AddDir(dir + "/fd")
	m.AddFile(dir+"/mountinfo", []byte(m.mounts))
}

// mount adds a line to the first namespace's mountinfo.
func (m *machine) mount(line string) {
	m.mounts += line + "\n"
	for _, pid := range []int{1, 2, 100} {
		m.AddFile(fmt.Sprintf("proc/%d/mountinfo", pid), []byte(m.mounts))
	}
}

// open adds an open file to a process, as procfs shows it.
func (m *machine) open(pid, fd int, path string) {
	m.AddLink(fmt.Sprintf("proc/%d/fd/%d", pid, fd), path)
}

// block adds a block device at a place below sys.
func (m *machine) block(name, dev, place string) string {
	dir := "sys/" + place
	m.AddFile(dir+"/dev", []byte(dev+"\n"))
	m.AddFile(dir+"/size", []byte("131072\n"))
	m.AddDir(dir + "/holders")
	m.AddDir(dir + "/slaves")
	up := "../" + place
	m.AddLink("sys/block/"+name, up)
	m.AddLink("sys/class/block/"+name, "../"+up)
	return dir
}

// partition adds a partition of a block device.
func (m *machine) partition(disk, name, dev string) {
	place := strings.TrimPrefix(m.dir(disk), "sys/") + "/" + name
	m.block(name, dev, place)
	m.Remove("sys/block/" + name)
	m.AddFile("sys/"+place+"/partition", []byte("1\n"))
}

// dir is a block device's directory.
func (m *machine) dir(name string) string {
	target, err := m.ReadLink("sys/class/block/" + name)
	if err != nil {
		panic(err)
	}
	return "sys/" + strings.TrimPrefix(target, "../../")
}

// disk adds a SCSI disk of volume n, LUN n, on session 1.
func (m *machine) disk(name, dev string, n int) {
	scsi := fmt.Sprintf("devices/platform/host0/session1/target0:0:0/0:0:0:%d", n)
	m.block(name, dev, scsi+"/block/"+name)
	m.AddFile("sys/"+scsi+"/vendor", []byte("PURE    \n"))
	m.AddFile("sys/"+scsi+"/wwid", []byte(serialNo(n).NAA()+"\n"))
	m.AddFile("sys/"+scsi+"/state", []byte("running\n"))
	m.kernel.know(name, evidence.Identity{Kind: evidence.IdentityKnown, Serial: serialNo(n)})
}

func (m *machine) state(disk, state string) {
	dir, _, _ := strings.Cut(m.dir(disk), "/block/")
	m.AddFile(dir+"/state", []byte(state+"\n"))
}

// mapOf adds the multipath map dm-N of volume n over the disks.
func (m *machine) mapOf(minor, n int, open int64, disks ...string) {
	name := fmt.Sprintf("dm-%d", minor)
	m.dm(minor, "mpath"+name, serialNo(n).MapUUID(), disks...)
	status := fmt.Sprintf("multipath 2 0 0 0 1 1 A 0 %d 2", len(disks))
	table := fmt.Sprintf("multipath 0 0 1 1 service-time 0 %d 2", len(disks))
	for _, disk := range disks {
		dev, err := m.ReadFile("sys/class/block/" + disk + "/dev")
		if err != nil {
			panic(err)
		}
		status += " " + strings.TrimSpace(string(dev)) + " A 0 0 1"
		table += " " + strings.TrimSpace(string(dev)) + " 1 1"
	}
	m.kernel.maps = append(m.kernel.maps, devices.DM{
		Name: "mpath" + name, UUID: serialNo(n).MapUUID(), Dev: fmt.Sprintf("254:%d", minor),
		OpenCount: open, Status: status, Table: table,
	})
}

// dm adds any device-mapper device to sysfs.
func (m *machine) dm(minor int, name, uuid string, lower ...string) {
	kernel := fmt.Sprintf("dm-%d", minor)
	dir := m.block(kernel, fmt.Sprintf("254:%d", minor), "devices/virtual/block/"+kernel)
	m.AddFile(dir+"/dm/name", []byte(name+"\n"))
	m.AddFile(dir+"/dm/uuid", []byte(uuid+"\n"))
	m.AddFile(dir+"/dm/suspended", []byte("0\n"))
	m.AddLink("dev/mapper/"+name, "../"+kernel)
	for _, l := range lower {
		m.AddLink(dir+"/slaves/"+l, "../../"+l)
		m.AddLink(m.dir(l)+"/holders/"+kernel, "../../"+kernel)
	}
}

// system is the machine as the running one.
func (m *machine) system() devices.System {
	return devices.System{FS: m.FS, Kernel: m.kernel, Hostname: "test", InquiryTimeout: time.Minute}
}

func (m *machine) observe(t testing.TB) evidence.Host {
	t.Helper()
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	return devices.Observe(t.Context(), m.system())
}

// fakeKernel answers what it was told.
type fakeKernel struct {
	lock       sync.Mutex
	maps       []devices.DM
	mapsErr    error
	checkers   map[string]string
	identities map[string]evidence.Identity
	asked      []string
	namespaces map[string]string
	// hang lists the disks whose answer never comes.
	hang map[string]chan struct{}
}

func (k *fakeKernel) know(disk string, identity evidence.Identity) {
	if k.identities == nil {
		k.identities = map[string]evidence.Identity{}
	}
	k.identities[disk] = identity
}

func (k *fakeKernel) Maps(context.Context) ([]devices.DM, error) { return k.maps, k.mapsErr }

func (k *fakeKernel) Checkers(context.Context) (map[string]string, error) {
	if k.checkers == nil {
		return nil, errors.New("multipathd does not run")
	}
	return k.checkers, nil
}

func (k *fakeKernel) Identify(_ context.Context, disk string) evidence.Identity {
	k.lock.Lock()
	k.asked = append(k.asked, disk)
	k.lock.Unlock()
	if hang, ok := k.hang[disk]; ok {
		<-hang
	}
	return k.identities[disk]
}

func (k *fakeKernel) MountInfo(_ context.Context, path string) ([]byte, error) {
	text, ok := k.namespaces[path]
	if !ok {
		return nil, fmt.Errorf("%s: no such namespace", path)
	}
	return []byte(text), nil
}
