package repair

import (
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// TestEachWitnessForItself: what one witness has, or can't tell, keeps from
// being called gone what all the others miss.
func TestEachWitnessForItself(t *testing.T) {
	const arrayID, serial = "0badc0de-0000-4000-8000-00000000ffff", evidence.Serial("0BADC0DE0000400000000001")
	uuid, other := evidence.UUID{1}, evidence.UUID{2}
	named := func(w *evidence.World) *evidence.Volume {
		a := &w.Arrays[0]
		a.Volumes = evidence.Complete([]evidence.Volume{{ID: "id", Name: "p::v", Serial: serial, Destroyed: evidence.Yes}})
		return &a.Volumes.Items[0]
	}
	// here says of it only that it was last on this array, in a pod that still is.
	here := func(w *evidence.World, t *Target) {
		w.Destroyed, t.LastHere = nil, true
		w.Arrays[0].Pods = evidence.Complete([]evidence.Pod{{Name: "p", Destroyed: evidence.No, Arrays: []evidence.PodArray{{ID: arrayID}}}})
	}
	destroyed := func(w *evidence.World, t *Target) {
		t.LastHere, w.Destroyed = false, []evidence.Destroyed{{ArrayID: arrayID, VolumeID: "id", Certain: evidence.Yes}}
	}
	for name, c := range map[string]struct {
		spoil func(w *evidence.World, t *Target)
		want  evidence.Answer
		says  string
	}{
		"nobody has it":           {func(*evidence.World, *Target) {}, evidence.Yes, "it has no such volume or snapshot"},
		"nobody saw it go":        {func(w *evidence.World, _ *Target) { w.Destroyed = nil }, evidence.Unknown, "it may have moved to another array with its pod"},
		"the array is in trouble": {func(w *evidence.World, _ *Target) { w.Arrays[0].Trouble = "reset" }, evidence.Unknown, "reset"},
		"volumes not all known":   {func(w *evidence.World, _ *Target) { w.Arrays[0].Volumes = w.Arrays[0].Volumes.Doubt("page 2") }, evidence.Unknown, "the volumes of the pods are not all known: page 2"},
		"snapshots not all known": {func(w *evidence.World, _ *Target) { w.Arrays[0].Snapshots = w.Arrays[0].Snapshots.Doubt("page 2") }, evidence.Unknown, "the snapshots of the pods are not"},
		"elsewhere not known":     {func(w *evidence.World, _ *Target) { w.Arrays[0].Elsewhere = w.Arrays[0].Elsewhere.Doubt("page 2") }, evidence.Unknown, "the volumes elsewhere are not"},
		"snapshots elsewhere": {func(w *evidence.World, _ *Target) {
			w.Arrays[0].ElsewhereSnapshots = w.Arrays[0].ElsewhereSnapshots.Doubt("x")
		}, evidence.Unknown, "the snapshots elsewhere are not"},
		"nothing to ask by": {func(_ *evidence.World, t *Target) { *t = Target{} }, evidence.Unknown, "neither a name, nor an id, nor a serial"},
		"destroyed":         {func(w *evidence.World, _ *Target) { named(w) }, evidence.Yes, "p::v is destroyed"},
		"destroyed or not":  {func(w *evidence.World, _ *Target) { named(w).Destroyed = evidence.Unknown }, evidence.Unknown, "not known whether p::v is destroyed"},
		"destroyed, and connected": {func(w *evidence.World, _ *Target) {
			named(w)
			w.Arrays[0].Connections = evidence.Complete([]evidence.Connection{{VolumeID: "id", Host: "lxd01-iscsi"}})
		}, evidence.No, "p::v is connected to lxd01-iscsi"},
		"destroyed, and connected by its name": {func(w *evidence.World, _ *Target) {
			named(w)
			w.Arrays[0].Connections = evidence.Complete([]evidence.Connection{{VolumeName: "P::v", Group: "esx"}})
		}, evidence.No, "p::v is connected to esx"},
		"another object of the array": {func(_ *evidence.World, t *Target) {
			t.Fits = []diagnose.Fit{{ArrayID: arrayID, Candidate: diagnose.Candidate{Object: "lxd01-iscsi", What: "array host"}}}
		}, evidence.No, "lxd01-iscsi is there (array host)"},
		"perhaps moved": {func(w *evidence.World, t *Target) {
			t.LXD = evidence.Name{Type: evidence.TypeCustom, UUID: uuid}
			w.Arrays[0].Elsewhere = evidence.Complete([]evidence.Other{{ID: "o", Name: "u-1", LXD: t.LXD, Destroyed: evidence.No}})
		}, evidence.Unknown, "u-1 has the same name of LXD's"},

		"live": {func(w *evidence.World, _ *Target) { named(w).Destroyed = evidence.No }, evidence.No, "p::v is there"},
		"made by an array that was not asked": {func(_ *evidence.World, t *Target) {
			t.Serial = "1BADC0DE0000400000000001"
		}, evidence.Unknown, "another array, which was not asked, made it"},
		"a moment ago it was here": {func(w *evidence.World, t *Target) { here(w, t) }, evidence.Yes, "it has no such volume or snapshot, in the pods"},
		"a run destroyed it here":  {func(w *evidence.World, t *Target) { here(w, t); destroyed(w, t) }, evidence.Yes, "it has no such volume or snapshot, in the pods"},
		"it was here, and pods are not all known": {func(w *evidence.World, t *Target) {
			here(w, t)
			w.Arrays[0].Pods = w.Arrays[0].Pods.Doubt("page 2")
		}, evidence.Unknown, "whether its pod is here is not known: page 2"},
		"it was here, under no name": {func(w *evidence.World, t *Target) { here(w, t); t.Name = "" }, evidence.Unknown, "nothing says in which it was"},
		"it was here, in no pod":     {func(w *evidence.World, t *Target) { here(w, t); t.Name = "v" }, evidence.Unknown, "v was in no pod"},
		"its pod has left":           {func(w *evidence.World, t *Target) { here(w, t); w.Arrays[0].Pods.Items = nil }, evidence.Unknown, "pod p is not here"},
		"another pod is stretched": {func(w *evidence.World, t *Target) {
			w.Arrays[0].Pods = evidence.Complete([]evidence.Pod{{Name: "q", Arrays: []evidence.PodArray{{ID: arrayID}, {ID: "b", Name: "fa2"}}}})
		}, evidence.Yes, "it has no such volume or snapshot"},
		"its pod is stretched": {func(w *evidence.World, t *Target) {
			w.Arrays[0].Pods = evidence.Complete([]evidence.Pod{{Name: "p", Arrays: []evidence.PodArray{{ID: arrayID}, {ID: "b", Name: "fa2"}}}})
		}, evidence.Unknown, "pod p lies on it, too, and it was not asked"},

		"its record": {func(w *evidence.World, t *Target) {
			t.LXD = evidence.Name{Type: evidence.TypeCustom, UUID: uuid}
			w.LXD.Records = evidence.Complete([]evidence.Record{{Project: "default", Type: evidence.TypeCustom, Name: "v", UUID: uuid}})
		}, evidence.No, "it has a record: custom/v in project default"},
		"perhaps its record": {func(w *evidence.World, _ *Target) {
			w.LXD.Records = evidence.Complete([]evidence.Record{{Pool: "p", Project: "default", Type: evidence.TypeCustom, Name: "v", UUID: uuid}})
		}, evidence.Unknown, "has nothing on the array: it may be its record"},
		"LXD is in trouble":     {func(w *evidence.World, _ *Target) { w.LXD.Trouble = "half a body" }, evidence.Unknown, "half a body"},
		"records not all known": {func(w *evidence.World, _ *Target) { w.LXD.Records = w.LXD.Records.Doubt("project x") }, evidence.Unknown, "LXD's records are not all known: project x"},
		"LXD may hide some":     {func(w *evidence.World, _ *Target) { w.LXD.SeesAll = evidence.Unknown }, evidence.Unknown, "may hide records"},
		"a copy of a snapshot": {func(w *evidence.World, t *Target) {
			t.LXD = evidence.Name{Type: evidence.TypeCustom, UUID: uuid, Snapshot: true}
			w.LXD.Records = evidence.Complete([]evidence.Record{{Name: "other", UUID: other}, {Name: "v/s", UUID: uuid, Snapshot: true}})
		}, evidence.Yes, "it was a copy of snapshot v/s"},
		"another's record": {func(w *evidence.World, t *Target) {
			t.LXD = evidence.Name{Type: evidence.TypeCustom, UUID: uuid}
			w.LXD.Records = evidence.Complete([]evidence.Record{{Name: "other", UUID: other}})
		}, evidence.Yes, "LXD has no record of it"},

		"the host is in trouble": {func(w *evidence.World, _ *Target) { w.Hosts[0].Trouble = "no sysfs" }, evidence.Unknown, "no sysfs"},
		"disks not all known":    {func(w *evidence.World, _ *Target) { w.Hosts[0].Disks = w.Hosts[0].Disks.Doubt("EIO") }, evidence.Unknown, "lxd01: EIO"},
		"names not all known":    {func(w *evidence.World, _ *Target) { w.Hosts[0].Links = w.Hosts[0].Links.Doubt("EACCES") }, evidence.Unknown, "lxd01: EACCES"},
		"something there fits": {func(_ *evidence.World, t *Target) {
			t.Fits = []diagnose.Fit{{Host: "lxd01", Candidate: diagnose.Candidate{Object: "sdz", What: "disk"}}}
		}, evidence.No, "sdz is there (disk)"},
		"a path": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Disks = evidence.Complete([]evidence.Disk{{Name: "sdb", Serial: serial}})
		}, evidence.No, "lxd01 has path sdb"},
		"a use": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Uses = evidence.Complete([]evidence.Use{{Kind: evidence.UseSwap, Where: "/swap", Serial: serial}})
		}, evidence.No, "it is in use on lxd01: swap /swap"},
		"a mount of its record": {func(w *evidence.World, t *Target) {
			record := evidence.Record{Pool: "p", Project: "default", Type: evidence.TypeCustom, Name: "v", UUID: uuid}
			t.LXD = evidence.Name{Type: evidence.TypeCustom, UUID: uuid}
			w.LXD.Records = evidence.Complete([]evidence.Record{record})
			w.Hosts[0].Uses = evidence.Complete([]evidence.Use{{Kind: evidence.UseMount, Where: "/lxd/storage-pools/p/custom/default_v"}})
		}, evidence.No, "it is mounted on lxd01"},
		"a disk that says nothing": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Disks = evidence.Complete([]evidence.Disk{{Name: "sdb"}})
		}, evidence.Unknown, "sdb on lxd01 does not say"},
		"a map that says nothing": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Maps = evidence.Complete([]evidence.Map{{Name: "mpatha"}})
		}, evidence.Unknown, "mpatha on lxd01 does not say"},
		"a namespace that says nothing": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Namespaces = evidence.Complete([]evidence.Namespace{{Name: "nvme0n1"}})
		}, evidence.Unknown, "nvme0n1 on lxd01 does not say"},
		"a use of what has gone": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Uses = evidence.Complete([]evidence.Use{{Kind: evidence.UseMount, Device: "nvme0n2", Where: "/mnt/rescue"}})
		}, evidence.Unknown, "lxd01: something uses a device that is gone, it is not known of which volume (mounted at /mnt/rescue)"},
		"uses not all known":       {func(w *evidence.World, _ *Target) { w.Hosts[0].Uses = w.Hosts[0].Uses.Doubt("EPERM") }, evidence.Unknown, "lxd01: uses are not all known: EPERM"},
		"processes not all seen":   {func(w *evidence.World, _ *Target) { w.Hosts[0].AllProcesses = evidence.Unknown }, evidence.Unknown, "lxd01: processes are not all visible"},
		"a recording":              {func(w *evidence.World, _ *Target) { w.Hosts[0].Recorded = true }, evidence.Unknown, "lxd01: it is a recording, which proves nothing of now"},
		"sessions not all known":   {func(w *evidence.World, _ *Target) { w.Hosts[0].Sessions = w.Hosts[0].Sessions.Doubt("EIO") }, evidence.Unknown, "lxd01: iSCSI sessions are not all known: EIO"},
		"subsystems not all known": {func(w *evidence.World, _ *Target) { w.Hosts[0].Subsystems = w.Hosts[0].Subsystems.Doubt("EIO") }, evidence.Unknown, "NVMe subsystems are not all known"},
		"a subsystem that nobody has": {func(w *evidence.World, _ *Target) {
			w.Hosts[0].Subsystems = evidence.Complete([]evidence.Subsystem{{Name: "nvme-subsys1"}})
		}, evidence.Unknown, "nvme-subsys1 has neither controller nor namespace"},
		"its serial is not known": {func(_ *evidence.World, t *Target) { *t = Target{ID: "id"} }, evidence.Unknown, "the volume's serial is not known"},
		"a member that was not read": {func(w *evidence.World, _ *Target) {
			w.LXD.Members = evidence.Complete([]evidence.Member{{Name: "lxd01"}, {Name: "lxd02"}})
		}, evidence.Unknown, "its devices were not read"},
		"no host":  {func(w *evidence.World, _ *Target) { w.Hosts = nil }, evidence.Unknown, "no host was read"},
		"no array": {func(w *evidence.World, _ *Target) { w.Arrays = nil }, evidence.Unknown, "no array was asked"},
	} {
		host := evidence.Host{
			Source: evidence.Source{Name: "lxd01"},
			Disks:  evidence.Complete([]evidence.Disk{}), Maps: evidence.Complete([]evidence.Map{}), Namespaces: evidence.Complete([]evidence.Namespace{}),
			Links: evidence.Complete([]evidence.Link{}), Uses: evidence.Complete([]evidence.Use{}), AllProcesses: evidence.Yes,
			Sessions: evidence.Complete([]evidence.Session{}), Subsystems: evidence.Complete([]evidence.Subsystem{}), Controllers: evidence.Complete([]evidence.Controller{}),
		}
		world := evidence.World{
			Arrays: []evidence.Array{{
				Source: evidence.Source{Name: "fa"}, ID: arrayID,
				Volumes: evidence.Complete([]evidence.Volume{}), Snapshots: evidence.Complete([]evidence.Snapshot{}), Connections: evidence.Complete([]evidence.Connection{}),
				Elsewhere: evidence.Complete([]evidence.Other{}), ElsewhereSnapshots: evidence.Complete([]evidence.Other{}),
			}},
			LXD:   evidence.LXD{SeesAll: evidence.Yes, Records: evidence.Complete([]evidence.Record{}), Members: evidence.Complete([]evidence.Member{{Name: "lxd01"}})},
			Hosts: []evidence.Host{host},
			// Nobody can have recovered it, so it has not moved to another array.
			Destroyed: []evidence.Destroyed{{ArrayID: arrayID, VolumeID: "id", Certain: evidence.Yes, Final: evidence.Yes}},
		}
		target := Target{Name: "p::v", ID: "id", Serial: serial}
		c.spoil(&world, &target)
		proof := Verify(world, target)
		said := slices.ContainsFunc(proof.Lines, func(l ProofLine) bool { return l.Gone == c.want && strings.Contains(l.Why, c.says) })
		if proof.Gone != c.want || !said {
			t.Errorf("%s: %v, want %v and %q: %+v", name, proof.Gone, c.want, c.says, proof.Lines)
		}
	}
}
