package evidence

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Host is one machine's testimony about the Pure devices it has. It is what
// "pureclean devices -o json" prints and what other hosts send.
type Host struct {
	Source
	// Boot is the kernel's boot id, Kernel its release.
	Boot   string `json:"boot"`
	Kernel string `json:"kernel"`
	// Recorded marks testimony read from a directory or a file and not from
	// the running kernel: good enough for findings, never for a change.
	Recorded bool `json:"recorded"`
	// Kept is set in a look that took this from the one before and did not ask the
	// machine, with the times that it has there: see Scope.Near.
	Kept bool `json:"-"`
	// AllProcesses is yes when every process of the machine was visible
	// (root, initial pid namespace, no hidepid). Only then does "nobody has
	// it open" mean anything. AllProcessesWhy explains a no or unknown.
	AllProcesses    Answer `json:"all_processes"`
	AllProcessesWhy string `json:"all_processes_why"`

	// IQNs, NQNs and WWPNs are this machine's initiators, normalised by
	// Initiator. LXD's NQN is made from its server.uuid.
	IQNs  List[string] `json:"iqns"`
	NQNs  List[string] `json:"nqns"`
	WWPNs List[string] `json:"wwpns"`

	Sessions    List[Session]    `json:"sessions"`
	RemotePorts List[RemotePort] `json:"remote_ports"`
	Disks       List[Disk]       `json:"disks"`
	Maps        List[Map]        `json:"maps"`
	Subsystems  List[Subsystem]  `json:"subsystems"`
	Controllers List[Controller] `json:"controllers"`
	Namespaces  List[Namespace]  `json:"namespaces"`
	// Links are the names below /dev/disk/by-id and /dev/mapper that carry a
	// Pure identity, dangling ones too.
	Links List[Link] `json:"links"`
	// Aliases are what else a device may be called by. A name that is not among
	// them says nothing.
	Aliases []Alias `json:"aliases,omitempty"`
	// Uses is everything that uses one of the devices above, or used one
	// that has gone.
	Uses List[Use] `json:"uses"`
	// Directories are LXD's mount directories of volumes in its pools.
	Directories List[Directory] `json:"directories"`
	// Settings are the settings read from this host that matter to leaks.
	Settings List[Setting] `json:"settings"`
	// Tools are the programs that LXD needs on a host with Pure volumes.
	Tools List[Tool] `json:"tools"`
	// Daemons are processes that may be LXD's; which one is, LXD says.
	Daemons []Daemon `json:"daemons,omitempty"`
	// Clock is the host's own time when it was read; zero for a recorded one.
	// Began and Ended are by the clock of whoever asked.
	Clock time.Time `json:"clock,omitzero"`
	// Log is what the host's logs tell of devices that came or did not, and
	// Reached which of the array's portals could be reached from here. Both
	// are only asked for advice and for causes: no judgement about a volume
	// rests on them.
	Log     *Log    `json:"log,omitempty"`
	Reached []Reach `json:"reached,omitempty"`
}

// Session is an iSCSI session. Credentials are never read.
type Session struct {
	ID     int    `json:"id"`
	Target string `json:"target"`
	// State is LOGGED_IN, FAILED or FREE, and ConnState up, down or failed.
	State     string `json:"state"`
	ConnState string `json:"conn_state"`
	Address   string `json:"address"`
	Port      string `json:"port"`
	// Iface is the interface record of open-iscsi that it was made through:
	// "default", or one that is bound to a network card.
	Iface string `json:"iface,omitempty"`
	// RecoveryTmo is in seconds.
	RecoveryTmo Count `json:"recovery_tmo"`
}

// Live reports whether the session is logged in over a connection that is up.
func (s Session) Live() bool { return s.State == "LOGGED_IN" && s.ConnState == "up" }

// RemotePort is a target port that a Fibre Channel adapter of this host sees:
// what a session is over iSCSI.
type RemotePort struct {
	// Name is the kernel's, "rport-7:0-2", and Adapter the fc_host, "host7".
	Name    string `json:"name"`
	Adapter string `json:"adapter"`
	WWPN    string `json:"wwpn"`
	// NVMeOnly is set on a port that serves NVMe and no SCSI: no disk is behind it.
	NVMeOnly bool `json:"nvme_only,omitempty"`
	// State is Online, Marginal, Blocked, Not Present, …; Link is the adapter's own:
	// Online, Linkdown, …
	State string `json:"state"`
	Link  string `json:"link,omitempty"`
}

// Live reports whether the port can be reached. The kernel sends I/O through
// one that is marginal as well (fc_remote_port_chkready).
func (p RemotePort) Live() bool { return p.State == "Online" || p.State == Marginal }

// Marginal is the State of a remote port that the fabric, or multipathd, has
// found to be unreliable: it carries I/O, and what fails there is not tried there again.
const Marginal = "Marginal"

// PureWWPN reports a port name that was given to Pure Storage.
func PureWWPN(wwpn string) bool { return strings.HasPrefix(Initiator(wwpn), "5"+OUI) }

// Disk is one SCSI path: an sd device of a Pure volume.
type Disk struct {
	// Name is the kernel's name, Dev its "major:minor". Both are reused; Seq
	// (diskseq) is not.
	Name string `json:"name"`
	Dev  string `json:"dev"`
	Seq  Count  `json:"seq"`
	HCTL string `json:"hctl"`
	// Transport is iscsi, fc or empty when it could not be told.
	Transport string `json:"transport"`
	// Session is the iSCSI session's ID, 0 for none; RemotePort the Fibre
	// Channel transport's name, "rport-2:0-1".
	Session    int    `json:"session"`
	RemotePort string `json:"remote_port,omitempty"`
	// Serial and WWID are what sysfs says: a cache from when the device was
	// added or rescanned. After a LUN number was reused it names the wrong
	// volume while all looks healthy.
	Serial Serial `json:"serial"`
	WWID   string `json:"wwid"`
	// Live is what the device itself says now.
	Live   Identity `json:"live"`
	State  string   `json:"state"`
	Bytes  Count    `json:"bytes"`
	Vendor string   `json:"vendor"`
	// Holders are kernel names of devices on top, such as dm-3.
	Holders []string `json:"holders"`
	IO      IO       `json:"io"`
}

// LUN reads the LUN from a SCSI address. Above 255 the kernel shows the flat
// addressing method's bits with it.
func LUN(hctl string) (int64, bool) {
	i := strings.LastIndexByte(hctl, ':')
	if i < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(hctl[i+1:], 10, 64)
	return n & 0x3fff, err == nil
}

// IdentityKind is what a device answered when asked who it is.
type IdentityKind string

// What a device can answer. The zero value is IdentityUnknown.
const (
	IdentityUnknown IdentityKind = ""
	// IdentityKnown: it answered, see Serial.
	IdentityKnown IdentityKind = "known"
	// IdentityGone: there is no such logical unit any more.
	IdentityGone IdentityKind = "gone"
)

// Identity is a device's own answer to who it is.
type Identity struct {
	Kind IdentityKind `json:"kind"`
	// Serial is set when Kind is IdentityKnown; empty then means that the
	// device answered with an identity that is not a Pure volume's.
	Serial Serial `json:"serial"`
	Why    string `json:"why,omitempty"`
}

// Map is a multipath map of a Pure volume, or a partition of one.
type Map struct {
	// Name is the map's, Kernel its dm-N, Dev its "major:minor": all reused.
	// UUID is what a map is removed by.
	Name   string `json:"name"`
	Kernel string `json:"kernel"`
	Dev    string `json:"dev"`
	UUID   string `json:"uuid"`
	Serial Serial `json:"serial"`
	// Partition is set for a kpartx map; Holders of the map itself name it.
	Partition bool   `json:"partition,omitempty"`
	Bytes     Count  `json:"bytes"`
	Suspended Answer `json:"suspended"`
	// Deferred means that it goes when its last opener does.
	Deferred Answer `json:"deferred"`
	// OpenCount comes from device-mapper: mounts in hidden namespaces, loop
	// devices and virtual machines all count.
	OpenCount Count `json:"open_count"`
	// Queueing means that I/O without a live path waits for ever.
	Queueing Answer   `json:"queueing"`
	Paths    []Path   `json:"paths"`
	Holders  []string `json:"holders"`
	IO       IO       `json:"io"`
}

// Dead reports a map through which nothing can flow, for certain.
func (m Map) Dead() bool {
	return !slices.ContainsFunc(m.Paths, func(p Path) bool { return !p.Active.IsNot() })
}

// IsOn reports a map of which the disk is a path, by the word of either.
func (m Map) IsOn(disk Disk) bool {
	return slices.Contains(disk.Holders, m.Kernel) || slices.ContainsFunc(m.Paths, func(p Path) bool { return p.Disk == disk.Name })
}

// PartitionOf reports the map of a partition of the other one.
func (m Map) PartitionOf(whole Map) bool {
	return m.Partition && strings.HasSuffix(m.UUID, "-"+whole.UUID)
}

// Path is one path of a map as device-mapper and multipathd see it.
type Path struct {
	// Disk is the kernel name when it exists; Dev its "major:minor".
	Disk string `json:"disk"`
	Dev  string `json:"dev"`
	// Active is no when device-mapper marked the path failed.
	Active Answer `json:"active"`
	// Checker is multipathd's word (ready, faulty, …); empty when not known.
	Checker string `json:"checker"`
}

// Subsystem is an NVMe subsystem of a Pure array.
type Subsystem struct {
	Name        string   `json:"name"`
	NQN         string   `json:"nqn"`
	Controllers []string `json:"controllers"`
	Namespaces  []string `json:"namespaces"`
}

// Controller is one NVMe path to the array.
type Controller struct {
	Name      string `json:"name"`
	Subsystem string `json:"subsystem"`
	Transport string `json:"transport"`
	Address   string `json:"address"`
	Port      string `json:"port"`
	// State is live, connecting, resetting, deleting, dead, …
	State   string `json:"state"`
	HostNQN string `json:"host_nqn"`
	// CtrlLossTmo is in seconds; not known when it is off.
	CtrlLossTmo Count `json:"ctrl_loss_tmo"`
}

// Namespace is an NVMe namespace of a Pure volume as the host's block device.
type Namespace struct {
	// Name is the kernel's: the number in it is not the NSID.
	Name      string `json:"name"`
	Dev       string `json:"dev"`
	Seq       Count  `json:"seq"`
	Subsystem string `json:"subsystem"`
	NSID      Count  `json:"nsid"`
	Serial    Serial `json:"serial"`
	WWID      string `json:"wwid"`
	Bytes     Count  `json:"bytes"`
	// Paths are the hidden per-controller devices.
	Paths   []NamespacePath `json:"paths"`
	Holders []string        `json:"holders"`
	IO      IO              `json:"io"`
}

// NamespacePath is a namespace seen through one controller.
type NamespacePath struct {
	Name       string `json:"name"`
	Controller string `json:"controller"`
	// State is the controller's, ANA the path's. ANA stays "optimized" when
	// the controller is lost, so both are needed. It is "" where the kernel shows
	// none, which it does not of a subsystem without ANA, nor while its own
	// multipath is off, and "unknown" where it could not be read.
	State string `json:"state"`
	ANA   string `json:"ana"`
}

// Live reports whether I/O can go this way. Without ANA nothing but the
// controller stands between it and the namespace.
func (p NamespacePath) Live() bool {
	return p.State == "live" && slices.Contains([]string{"", "optimized", "non-optimized"}, p.ANA)
}

// IO is a device's counters since it appeared. On some kernels an NVMe head
// counts nothing; the sum of its paths is then given.
type IO struct {
	Reads    Count `json:"reads"`
	Writes   Count `json:"writes"`
	Inflight Count `json:"inflight"`
}

// Link is a name below /dev that carries a Pure identity.
type Link struct {
	Path   string `json:"path"`
	Target string `json:"target"`
	// Serial is the volume that the name itself says, or else that of the
	// device which it leads to ("mpathc").
	Serial Serial `json:"serial"`
	// Says is set to the same when the name itself says it. What the name leads
	// to is another matter: udev made it when it last looked at the device.
	Says Serial `json:"says"`
	// Device is the kernel's name of what it leads to; "" is not known, or
	// nothing. On are the Pure devices that this is or stands on (sde of sde1);
	// none is a device of something else.
	Device string   `json:"device"`
	On     []string `json:"on"`
	// Dangling is yes when what it points to does not exist.
	Dangling Answer `json:"dangling"`
}

// Alias is a name below /dev that carries no identity: that of a file system or
// a partition on a Pure volume, or any of a block device of something else.
type Alias struct {
	Path string `json:"path"`
	// Serials are the volumes that what it leads to is, or stands on.
	Serials []Serial `json:"serials,omitempty"`
	// Other is yes where it certainly leads to a device that stands on none.
	Other Answer `json:"other"`
}

// UseKind is a way in which a device is in use.
type UseKind string

// The ways in which a device is in use.
const (
	UseMount      UseKind = "mount"      // mounted, in some mount namespace
	UseSuperblock UseKind = "superblock" // a live filesystem in /sys/fs
	UseHolder     UseKind = "holder"     // LVM, dm-crypt, md, … on top
	UseOpener     UseKind = "opener"     // a process has it open
	UseSwap       UseKind = "swap"
	UseLoop       UseKind = "loop"
	UseExport     UseKind = "export" // given on by LIO or nvmet
	UseSystem     UseKind = "system" // the machine's own root, boot or swap
	// UseUnclear is what may stand on the device and does not say on which
	// devices it does: a zpool, DRBD.
	UseUnclear UseKind = "unclear"
)

// Use is one statement that a device is, or was, in use.
type Use struct {
	Kind UseKind `json:"kind"`
	// Device is a kernel name, Dev its "major:minor"; one of the two may be
	// missing when the device has gone.
	Device string `json:"device"`
	Dev    string `json:"dev"`
	// Serial is the volume's, when the use itself tells (a mount at LXD's
	// path of a device that has gone does not).
	Serial Serial `json:"serial"`
	// Where is the mount point, the holder, the file or the export.
	Where string `json:"where"`
	// Namespace is the mount namespace, empty for the first process's.
	Namespace string `json:"namespace,omitempty"`
	PID       int    `json:"pid,omitempty"`
	Process   string `json:"process,omitempty"`
	// Waits is set for a worker of udev that waits for a path of a multipath
	// map which has none and queues I/O. It looked at the device because
	// something changed, reads only, and never leaves by itself.
	Waits bool `json:"waits,omitempty"`
}

// LikeUdev reports that the use is an open file of a process with the name of a
// worker of udev. Any process can take any name: it is a reason to look again, and
// none to go on.
func (u Use) LikeUdev() bool {
	return u.Kind == UseOpener && (u.Process == "(udev-worker)" || u.Process == "systemd-udevd")
}

// AtLXD reports a mount below LXD's directory of pools.
func (u Use) AtLXD() bool {
	return u.Kind == UseMount && strings.Contains(u.Where, "/storage-pools/")
}

// SameGone reports two uses of one device that has gone: as long as anything
// uses it, the kernel gives neither its name nor its number to another.
func (u Use) SameGone(other Use) bool {
	return u.Device != "" && u.Device == other.Device && (u.Dev == "" || other.Dev == "" || u.Dev == other.Dev)
}

// Directory is a mount directory of LXD: storage-pools/POOL/TYPE/NAME.
type Directory struct {
	Path string `json:"path"`
	Pool string `json:"pool"`
	// Kind is the directory's: containers, containers-snapshots, custom, …
	Kind string `json:"kind"`
	// Name is the last part: PROJECT_NAME, NAME or, for images, a fingerprint.
	Name    string `json:"name"`
	Empty   Answer `json:"empty"`
	Mounted Answer `json:"mounted"`
}

// Setting is one setting as found on the host.
type Setting struct {
	// Name is the subject and the key: "multipath no_path_retry".
	Name  string `json:"name"`
	Value string `json:"value"`
	// Section is where in a file with sections it stands: "defaults",
	// "overrides", `devices/device PURE FlashArray`.
	Section string `json:"section,omitempty"`
	// File and Line are where it stands; Line is 0 for what the kernel or a
	// daemon says, and File empty for a program's own value that nobody sets.
	File string `json:"file"`
	Line int    `json:"line,omitempty"`
	// Applies is yes when this is the line that counts for Pure volumes, and
	// no when another one overrides it or it is for other devices.
	Applies Answer `json:"applies"`
}

// InForce marks a Setting's Section: what the running daemon says of itself,
// whatever the files say by now.
const InForce = "in force"

// Tool is a program, and the daemon of the same name.
type Tool struct {
	Name string `json:"name"`
	// Present is unknown where no directory of programs could be read.
	Present Answer `json:"present"`
	// Path is where it is, with the leading slash.
	Path string `json:"path,omitempty"`
	// Running is only asked of multipathd.
	Running Answer `json:"running"`
	Why     string `json:"why,omitempty"`
}

// Reach is one try to connect to a portal.
type Reach struct {
	// Portal is "address:port" as the array names it.
	Portal string `json:"portal"`
	// Open is unknown when the try was cut short.
	Open Answer `json:"open"`
	// Why is the error, TookMS how long the try lasted.
	Why    string `json:"why,omitempty"`
	TookMS int64  `json:"took_ms"`
}

// Log is what a host's logs tell.
type Log struct {
	// Arrivals are devices of Pure volumes that appeared, in the order of the
	// logs, and Complaints lines that tell of one that did not or will not.
	// They are not complete where no log could be read.
	Arrivals   List[Arrival]   `json:"arrivals"`
	Complaints List[Complaint] `json:"complaints"`
	// Read are the logs that were read.
	Read []string `json:"read"`
	// Started is when the machine started; zero when that is not known. Every
	// device comes once more then.
	Started time.Time `json:"started,omitzero"`
}

// Arrival is how a device of a Pure volume came to a host.
type Arrival struct {
	// Device is the kernel's name, HCTL the SCSI address; the volume's serial
	// may be missing.
	Device string `json:"device"`
	HCTL   string `json:"hctl,omitempty"`
	Serial Serial `json:"serial"`
	// At is when its first sign stood in the log, by the log's clock: that a
	// session began, that the array's list of LUNs changed, or the device
	// itself where neither was told.
	At   time.Time `json:"at,omitzero"`
	Sign string    `json:"sign"`
	// DiskMS is from the first sign to the disk, MapMS from the first sign to
	// the multipath map with it, in milliseconds. Where neither is known the
	// device was there at the first sign, and nobody can say since when it was
	// waited for.
	DiskMS Count `json:"disk_ms"`
	MapMS  Count `json:"map_ms"`
	// Source is the log or directory that tells.
	Source string `json:"source"`
}

// ComplaintKind is what a line of a log complains about.
type ComplaintKind string

// What lines of logs complain about.
const (
	// ComplaintNoDevice: LXD waited for a device in vain.
	ComplaintNoDevice ComplaintKind = "no-device"
	// ComplaintNoMap: multipath made no map for a device that was there.
	ComplaintNoMap ComplaintKind = "no-map"
	// ComplaintPortal: LXD or iscsid could not connect to a portal.
	ComplaintPortal ComplaintKind = "portal"
	// ComplaintBusy: a device could not be taken away.
	ComplaintBusy ComplaintKind = "busy"
	// ComplaintUdev: udev was stuck with a device.
	ComplaintUdev ComplaintKind = "udev"
	// ComplaintHung: a process waited for a device longer than the kernel
	// thinks right.
	ComplaintHung ComplaintKind = "hung"
)

// Complaint is a line of a log.
type Complaint struct {
	Kind ComplaintKind `json:"kind"`
	At   time.Time     `json:"at,omitzero"`
	// Text is the line, shortened.
	Text string `json:"text"`
	File string `json:"file"`
	// Line counts from the beginning of what was read of the file.
	Line int `json:"line"`
}

// Doubts says what of this testimony may be missing, a sentence for each
// reason; none when everything could be seen.
func (h Host) Doubts() []string {
	processes := ""
	if !h.AllProcesses.Is() {
		processes = cmp.Or(h.AllProcessesWhy, "it is not known whether all were visible")
	}
	doubts := []struct{ what, why string }{
		{"the host", h.Trouble},
		{"IQN", h.IQNs.Why()},
		{"NQN", h.NQNs.Why()},
		{"WWPNs", h.WWPNs.Why()},
		{"iSCSI sessions", h.Sessions.Why()},
		{"SCSI disks", h.Disks.Why()},
		{"multipath maps", h.Maps.Why()},
		{"NVMe subsystems", h.Subsystems.Why()},
		{"NVMe controllers", h.Controllers.Why()},
		{"NVMe namespaces", h.Namespaces.Why()},
		{"links in /dev", h.Links.Why()},
		{"uses", h.Uses.Why()},
		{"LXD's directories", h.Directories.Why()},
		{"settings", h.Settings.Why()},
		{"processes", processes},
	}
	// One cause often hides several things; it is said once.
	var order []string
	subjects := map[string][]string{}
	for _, d := range doubts {
		if d.why == "" {
			continue
		}
		if subjects[d.why] == nil {
			order = append(order, d.why)
		}
		subjects[d.why] = append(subjects[d.why], d.what)
	}
	sentences := make([]string, 0, len(order))
	for _, why := range order {
		sentences = append(sentences, strings.Join(subjects[why], ", ")+": "+why)
	}
	return sentences
}
