package evidence

import "time"

// LXD is the testimony of one LXD server or cluster.
type LXD struct {
	Source
	Version   string `json:"version"`
	Clustered Answer `json:"clustered"`
	// Server is the name of the member that answered; "none" or empty is a
	// server without a cluster, which is then named by its host name.
	Server string `json:"server"`
	// Dir is LXD's directory on its hosts, where its mounts are.
	Dir string `json:"dir"`
	// SeesAll is yes when it was proven that LXD shows us everything: LXD
	// leaves out silently what the caller may not view. SeesAllWhy is the
	// proof, or what is in its way.
	SeesAll    Answer `json:"sees_all"`
	SeesAllWhy string `json:"sees_all_why"`

	// Pools are the pools with driver pure.
	Pools List[Pool] `json:"pools"`
	// Records are their volumes and snapshots in all projects.
	Records    List[Record]    `json:"records"`
	Instances  List[Instance]  `json:"instances"`
	Members    List[Member]    `json:"members"`
	Operations List[Operation] `json:"operations"`
	// DaemonVolumes are volumes that LXD itself uses, from the server
	// configuration of every member.
	DaemonVolumes List[DaemonVolume] `json:"daemon_volumes"`
}

// Pool is an LXD storage pool with driver pure.
type Pool struct {
	Name string `json:"name"`
	// Gateway is the URL of the array, as configured.
	Gateway string `json:"gateway"`
	// Mode is iscsi, nvme/tcp, scsi/fc or nvme/fc; "nvme" of older servers
	// is given as nvme/tcp.
	Mode   string `json:"mode"`
	Status string `json:"status"`
	// Targets restricts the array's portals that LXD uses; empty is all.
	Targets []string `json:"targets"`
}

// The transports of Pool.Mode.
const (
	ModeISCSI   = "iscsi"
	ModeNVMeTCP = "nvme/tcp"
	ModeFC      = "scsi/fc"
	ModeNVMeFC  = "nvme/fc"
)

// IsNVMe reports whether the pool's volumes appear as NVMe namespaces.
func (p Pool) IsNVMe() bool { return p.Mode == ModeNVMeTCP || p.Mode == ModeNVMeFC }

// Record is LXD's record of a volume or of a volume's snapshot.
type Record struct {
	Pool    string `json:"pool"`
	Project string `json:"project"`
	Type    string `json:"type"`
	// Name is LXD's; of a snapshot, "volume/snapshot".
	Name     string `json:"name"`
	Snapshot bool   `json:"snapshot,omitempty"`
	Content  string `json:"content"`
	// UUID is volatile.uuid, the key to the array's name. Zero when the
	// record has none, which makes the list of records incomplete.
	UUID    UUID      `json:"uuid"`
	Created time.Time `json:"created"`
	UsedBy  []string  `json:"used_by"`
	// Shared is yes where instances on several members may have it at the same
	// time (security.shared); unknown when the record shows no configuration.
	Shared Answer `json:"shared"`
}

// Instance is a container or a virtual machine.
type Instance struct {
	Name     string `json:"name"`
	Project  string `json:"project"`
	Type     string `json:"type"`
	Status   string `json:"status"`
	Running  Answer `json:"running"`
	Location string `json:"location"`
	// Started is when LXD last started it, by the clock of its member; zero where
	// LXD does not say.
	Started time.Time `json:"started,omitzero"`
	// Disks are its disk devices with a pool, profiles included.
	Disks []InstanceDisk `json:"disks"`
	// Paths are what it names by a path of its machine, or by a device number,
	// and may be a volume: of that LXD keeps no account.
	Paths []InstancePath `json:"paths,omitempty"`
}

// InstancePath is a device of an instance, or a word in its settings, that
// names something of the machine on which the instance is.
type InstancePath struct {
	// Device is the device, or the key of the setting.
	Device string `json:"device"`
	// Path is the path as it stands there, or "major:minor".
	Path string `json:"path"`
}

// InstanceDisk is a disk device of an instance that uses a pool.
type InstanceDisk struct {
	Device string `json:"device"`
	Pool   string `json:"pool"`
	// Source is the custom volume's name, empty for the root disk.
	Source string `json:"source"`
	// Type is the volume's: custom; for the root disk the instance's own; and
	// virtual-machine where another instance's root volume is attached.
	Type string `json:"type"`
	// Project is the one that holds the volume, features considered.
	Project string `json:"project"`
	// Snapshot is set when a snapshot of the volume is attached: LXD then
	// keeps a temporary volume for as long as the instance runs.
	Snapshot string `json:"snapshot,omitempty"`
	Path     string `json:"path"`
}

// Member is a server of the cluster; a server without one is its only member.
type Member struct {
	Name    string `json:"name"`
	Online  Answer `json:"online"`
	Status  string `json:"status"`
	Message string `json:"message"`
	// PID is the process of its LXD; 0 when not known.
	PID int64 `json:"pid,omitempty"`
}

// Operation is something that LXD is doing or has just done.
type Operation struct {
	ID          string    `json:"id"`
	Class       string    `json:"class"`
	Description string    `json:"description"`
	Status      string    `json:"status"`
	Running     Answer    `json:"running"`
	Project     string    `json:"project"`
	Location    string    `json:"location"`
	Created     time.Time `json:"created"`
	// Entities are the API paths of what it works on.
	Entities []string `json:"entities"`
}

// DaemonVolume is a custom volume (project default) that a member's LXD uses
// for itself.
type DaemonVolume struct {
	Member string `json:"member"`
	// Key is the configuration key, such as storage.images_volume.
	Key    string `json:"key"`
	Pool   string `json:"pool"`
	Volume string `json:"volume"`
}

// SnapHostFS is the directory below which the snap of LXD sees the files of its
// machine.
const SnapHostFS = "/var/lib/snapd/hostfs"
