package lxd

import "github.com/pureclean/pureclean/simulator/host"

// Machine is what LXD does to the machine that it runs on. *host.Host is a
// simulated one; a real one can stand in its place, so that LXD's flows are
// the same on both.
type Machine interface {
	IQN() string
	NQN() string
	// Login logs in to the portals that there is no session with, Logout ends
	// all sessions, and RescanFirst has the first session scanned.
	Login(mode string) error
	Logout(mode string)
	RescanFirst()
	// Device is a volume's device, made a map if it has to be; false is a
	// timeout. DevicesOf lists all that lead to the volume.
	Device(serial string) (dev string, ok bool)
	DevicesOf(serial string) []string
	// Gone reports whether a device has gone, and waits for it where that takes
	// time.
	Gone(serial, name string) bool
	// RemoveDevice and DeletePath are what versions of LXD do on the
	// host before they disconnect a volume.
	RemoveDevice(serial string) error
	DeletePath(name string) error
	// Mount mounts a volume's filesystem, and makes one if there is none.
	Mount(serial, where string, namespace host.Where) error
	Unmount(where string) error
	Mounts() []host.Mount
	MountPath(pool, kind, name string) string
	MakeDirectory(pool, kind, name string)
	RemoveDirectory(pool, kind, name string)
	// Open lets a process open a volume's device, Close ends the process.
	Open(serial, name string, pid int) error
	Close(pid int)
	InUse(serial string) bool
}

var _ Machine = (*host.Host)(nil)

// processes are machines that show LXD's daemon as a process. A real one shows
// its own.
type processes interface {
	// RestartLXD is the start of the daemon, LXDPID the number of its process
	// since.
	RestartLXD()
	LXDPID() int
}

// formatted is a filesystem on a volume, on machines that tell their array.
// A real one makes it when it is mounted.
func (m *Member) formatted(serial string) {
	if machine, ok := m.Host.(interface{ Format(serial string) }); ok {
		machine.Format(serial)
	}
}

func (m *Member) restarted() {
	if machine, ok := m.Host.(processes); ok {
		machine.RestartLXD()
	}
}
