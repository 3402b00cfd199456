package evidence

import (
	"slices"
	"strings"
	"time"
)

// Array is one FlashArray's testimony about the pods it was asked for.
type Array struct {
	Source
	// Gateway is the URL through which it was asked, as the pools name it.
	Gateway string `json:"gateway"`
	ID      string `json:"id"`
	// Version is Purity's, API the REST version spoken.
	Version string `json:"version"`
	API     string `json:"api"`
	// Clock is the array's own time while it was read; zero when not known.
	// Ages of array objects are counted from it and from nothing else.
	Clock time.Time `json:"clock,omitzero"`
	// Newest is the newest REST version that it offers; empty when not known.
	Newest string `json:"newest_api,omitempty"`
	// TLS is how the connection to it was protected.
	TLS TLS `json:"tls,omitzero"`
	// User is whose token was used and Role what that user may do, as the
	// array calls it: readonly, storage_admin, array_admin. Only asked for
	// advice; empty when not known.
	User string `json:"user,omitempty"`
	Role string `json:"role,omitempty"`
	// EradicationDelay is how long the array keeps what is destroyed; zero
	// when not known. ManualEradication is "all-enabled", "all-disabled"
	// (SafeMode) or empty when not known.
	EradicationDelay  time.Duration `json:"eradication_delay_ns"`
	ManualEradication string        `json:"manual_eradication"`

	// Since is set where only a part was read between Began and Ended: what is
	// about the volumes that were asked for, the array, its pods and its
	// hosts. All else in the lists is from an earlier reading, which ended then.
	Since time.Time `json:"since,omitzero"`

	// Asked are the pods that it was asked for. Of any other pod nothing is
	// known, however complete the lists are.
	Asked []string `json:"asked"`

	Pods    List[Pod]    `json:"pods"`
	Volumes List[Volume] `json:"volumes"`
	// Snapshots holds the array's snapshots of volumes in those pods.
	Snapshots  List[Snapshot]  `json:"snapshots"`
	Hosts      List[ArrayHost] `json:"hosts"`
	HostGroups List[HostGroup] `json:"host_groups"`
	// Connections holds every connection of the array, of other pods too: a
	// session that another volume uses must be seen.
	Connections List[Connection] `json:"connections"`
	// Protections holds which volume is a member of which protection group.
	Protections List[Protection] `json:"protections"`
	// Activity holds recent I/O. A volume that is not in it is not idle but
	// unknown, however complete the list.
	Activity List[Activity] `json:"activity"`
	// Ports are the array's target ports.
	Ports List[Port] `json:"ports"`
	// Lookups are the answers for serials that a host showed and that no
	// volume above has: the volume may lie outside the pods, or be gone. A
	// serial that is not here was not asked for: nothing is known of it.
	Lookups []Lookup `json:"lookups"`
	// Trails are what the audit trail tells of volumes that have no record.
	// An array that keeps none for us gives none, which is no evidence in
	// either direction.
	Trails []Trail `json:"trails,omitempty"`
	// Elsewhere are the array's volumes that Volumes does not have, live or
	// destroyed, and ElsewhereSnapshots the snapshots that Snapshots does not
	// have. They are read only where something is missing from the pods, or
	// the question is about one object: incomplete otherwise.
	Elsewhere          List[Other] `json:"elsewhere"`
	ElsewhereSnapshots List[Other] `json:"elsewhere_snapshots"`
}

// Other is a volume or a snapshot outside the pods that an array was asked for.
type Other struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Serial    Serial `json:"serial"`
	Destroyed Answer `json:"destroyed"`
	// LXD is what the last part of the name says if it follows LXD's naming:
	// where a volume of LXD's was moved to, its own name stays.
	LXD Name `json:"lxd"`
}

// TLS is how an array proved who it is.
type TLS struct {
	// Verified says what the certificate was held against: "fingerprint",
	// "ca" (the configured one), "system" (the machine's authorities),
	// "nothing", or empty when not known.
	Verified string `json:"verified"`
	// Expires is when the certificate does, Fingerprint is spelled as the
	// configuration wants it. Zero when there was no certificate to see.
	Expires     time.Time `json:"expires,omitzero"`
	Fingerprint string    `json:"fingerprint,omitempty"`
}

// Port is one target port of an array. Which of the four names it has says
// what it speaks.
type Port struct {
	Name string `json:"name"`
	// Portal is "address:port" of iSCSI and NVMe/TCP; empty for Fibre Channel.
	Portal string `json:"portal"`
	IQN    string `json:"iqn"`
	NQN    string `json:"nqn"`
	WWN    string `json:"wwn"`
}

// Absent are the pods that it was asked for and certainly does not have,
// destroyed or not. Its volume lists are complete all the same: a pod that is
// not there holds nothing.
func (a Array) Absent() []string {
	if !a.Pods.IsComplete() {
		return nil
	}
	var absent []string
	for _, asked := range a.Asked {
		if !slices.ContainsFunc(a.Pods.Items, func(p Pod) bool { return strings.EqualFold(p.Name, asked) }) {
			absent = append(absent, asked)
		}
	}
	return absent
}

// Lookup is what the whole array, not only our pods, says of one serial.
type Lookup struct {
	Serial Serial `json:"serial"`
	// Found is no only when the array answered fully and has no such volume,
	// live or destroyed.
	Found     Answer `json:"found"`
	VolumeID  string `json:"volume_id"`
	Name      string `json:"name"`
	Destroyed Answer `json:"destroyed"`
}

// Pod is a namespace on the array. LXD's pool and its pod share their name.
type Pod struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Destroyed Answer        `json:"destroyed"`
	Remaining time.Duration `json:"remaining_ns"`
	// Promotion is "promoted" or "demoted"; empty when not known.
	Promotion string `json:"promotion"`
	// Arrays are the arrays that hold the pod; more than one means stretched.
	Arrays []PodArray `json:"arrays"`
	// Quota, Provisioned and Used are bytes. The array gives no quota where
	// there is none; that and one it did not tell look the same.
	Quota       Count `json:"quota"`
	Provisioned Count `json:"provisioned"`
	Used        Count `json:"used"`
	// Counted is what the array compares with the quota (space.used_provisioned):
	// what destroyed volumes hold is not in it. Versions before 2.23 do not tell.
	Counted Count `json:"counted"`
	// Links counts replication links from and to this pod.
	Links Count `json:"links"`
}

// OfQuota is what the array compares with the quota: not what is written, but
// volumes with what they may grow to.
func (p *Pod) OfQuota() Count {
	if p.Counted.Known {
		return p.Counted
	}
	return p.Provisioned
}

// PodArray is one array that holds a pod, as the answering array sees it.
type PodArray struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Status string `json:"status"`
}

// Volume is a volume on the array, live or destroyed.
type Volume struct {
	ID string `json:"id"`
	// Name is the full name, "pod::volume", in the array's own case.
	Name   string `json:"name"`
	Pod    string `json:"pod"`
	PodID  string `json:"pod_id"`
	Serial Serial `json:"serial"`
	// LXD is what the name says if it follows LXD's naming.
	LXD         Name      `json:"lxd"`
	Created     time.Time `json:"created"`
	Provisioned int64     `json:"provisioned"`
	// Unique is what only this volume occupies, after reduction; the bytes
	// that come back when it is eradicated.
	Unique Count `json:"unique"`
	// Written is what hosts have written to it and not trimmed, before any
	// reduction: none of it is all zeros.
	Written Count `json:"written"`
	// Destroyed volumes are recoverable until Remaining has passed.
	Destroyed Answer        `json:"destroyed"`
	Remaining time.Duration `json:"remaining_ns"`
	// ConnectionCount counts distinct hosts and host groups, so it is not
	// the number of rows in Connections.
	ConnectionCount Count `json:"connection_count"`
	// SourceID and SourceName name the volume that this one was copied from.
	SourceID   string `json:"source_id"`
	SourceName string `json:"source_name"`
	Subtype    string `json:"subtype"`
	Promotion  string `json:"promotion"`
}

// Snapshot is a snapshot on the array.
type Snapshot struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Pod  string `json:"pod"`
	// Suffix is the part after the volume's name and a dot.
	Suffix     string        `json:"suffix"`
	LXD        Name          `json:"lxd"`
	SourceID   string        `json:"source_id"`
	SourceName string        `json:"source_name"`
	Serial     Serial        `json:"serial"`
	Created    time.Time     `json:"created"`
	Destroyed  Answer        `json:"destroyed"`
	Remaining  time.Duration `json:"remaining_ns"`
	Bytes      Count         `json:"bytes"`
	// Provisioned is the size of the volume it is a snapshot of.
	Provisioned int64 `json:"provisioned"`
}

// ArrayHost is an array host: a name for initiators. Which
// machine it is follows from the initiators, never from the name.
type ArrayHost struct {
	Name  string `json:"name"`
	Local Answer `json:"local"`
	Group string `json:"group"`
	// IQNs, NQNs and WWNs are the initiators, normalised by Initiator.
	IQNs []string `json:"iqns"`
	NQNs []string `json:"nqns"`
	WWNs []string `json:"wwns"`
	// ConnectionCount counts distinct volumes.
	ConnectionCount Count `json:"connection_count"`
	// Connectivity is the array's word on logged-in paths: status and
	// details. "None" is no proof of a dead host on NVMe.
	Connectivity string `json:"connectivity"`
	// CHAP, Personality, Preferred and VLAN are yes when somebody has set
	// secrets for CHAP, an operating system's personality, preferred arrays or
	// a VLAN, which LXD never does.
	CHAP        Answer `json:"chap"`
	Personality Answer `json:"personality"`
	Preferred   Answer `json:"preferred_arrays"`
	VLAN        Answer `json:"vlan"`
	Destroyed   Answer `json:"destroyed"`
}

// Initiators returns all of the host's initiators.
func (h ArrayHost) Initiators() []string {
	return slices.Concat(h.IQNs, h.NQNs, h.WWNs)
}

// HostGroup is a group of hosts that share connections. LXD makes none.
type HostGroup struct {
	Name string `json:"name"`
	// Hosts counts its members.
	Hosts Count `json:"hosts"`
}

// Connection is one row of the array's connections. Host is empty for a host
// group without hosts; Group is set for a connection made through a group,
// which is never ours to cut.
type Connection struct {
	VolumeID   string `json:"volume_id"`
	VolumeName string `json:"volume_name"`
	Host       string `json:"host"`
	Group      string `json:"group"`
	LUN        int64  `json:"lun"`
	// NSID is given by newer arrays for NVMe; 0 when not.
	NSID int64 `json:"nsid,omitempty"`
}

// Protection is one volume's membership in a protection group.
type Protection struct {
	Group      string `json:"group"`
	VolumeID   string `json:"volume_id"`
	VolumeName string `json:"volume_name"`
}

// Activity is a volume's recent I/O as the array measured it.
type Activity struct {
	VolumeID   string `json:"volume_id"`
	VolumeName string `json:"volume_name"`
	// Busy is yes when any sample showed an operation or a byte.
	Busy Answer    `json:"busy"`
	Time time.Time `json:"time"`
}
