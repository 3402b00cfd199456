package diagnose

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// gateCase is a world with one finding that exactly one gate holds back.
type gateCase struct {
	name string
	// make adds the finding; what is otherwise a safe one.
	make func(*scene)
	code string
	// spoil takes away, or adds, what this gate is about.
	spoil func(*scene)
	want  Result
	says  string
	// class is set where the evidence that this gate refuses also makes it
	// another finding: the gates are then asked directly, as a repair does
	// that reads the world again between its steps.
	class Class
}

// idleObject is an array host of the first machine that nothing connects.
func idleObject(s *scene) {
	const wwn = "2100000000000001"
	s.Hosts[0].WWPNs = evidence.Complete([]string{wwn})
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{
		Name: "lxd01-scsi-fc", Local: evidence.Yes, WWNs: []string{wwn}, Connectivity: "critical None",
		CHAP: evidence.No, Personality: evidence.No, Preferred: evidence.No, VLAN: evidence.No, Destroyed: evidence.No, ConnectionCount: evidence.CountOf(0),
	})
}

func lastObject(s *scene) *evidence.ArrayHost {
	return &s.array().Hosts.Items[len(s.array().Hosts.Items)-1]
}

func leakOne(s *scene)               { leak(s) }
func leakUnit(s *scene)              { s.volume("p1", name(evidence.TypeCustom, "", 100)) }
func staleOne(s *scene)              { stale(s) }
func deadOne(s *scene)               { deadMap(s) }
func copyOne(s *scene)               { leakCopy(s) }
func last(s *scene) *evidence.Volume { return s.vol(len(s.array().Volumes.Items) - 1) }

// stranger connects the volume i to a machine that is no member.
func stranger(s *scene, i int) {
	a := s.array()
	a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "other", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), IQNs: []string{"iqn.x:other"}, Destroyed: evidence.No})
	s.connect(i, "other")
}

// gateCases has, for every gate, worlds in which it alone blocks. Removing a
// gate from the table, or weakening its rule, makes its cases fail.
var gateCases = map[string][]gateCase{
	"array-identity": {
		{"pinned to another", leakOne, "leaked-volume", func(s *scene) { s.policy.Pins = map[string]string{"p1": "another-id"} }, Fail, "is pinned to array another-id, fa1 is " + arrayID, ""},
		{"of a device without a volume", func(s *scene) {
			v := deadMap(s)
			serial := s.vol(v).Serial
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.array().Volumes.Items = s.array().Volumes.Items[:v]
			s.array().Lookups = []evidence.Lookup{{Serial: serial, Found: evidence.No}}
		}, "stale-map", func(s *scene) { s.policy.Pins = map[string]string{"n1": "another-id"} }, Fail, "n1 is pinned", ""},
	},
	"pod-ownership": {
		{"another machine uses the pod", leakOne, "leaked-volume", func(s *scene) { stranger(s, 1) }, Fail, "other belongs to no member", ""},
		{"destroyed pod", leakOne, "leaked-volume", func(s *scene) { s.array().Pods.Items[0].Destroyed = evidence.Yes }, Fail, "is destroyed", ""},
		{"demoted pod", leakOne, "leaked-volume", func(s *scene) { s.array().Pods.Items[0].Promotion = "demoted" }, Fail, "demoted", ""},
		{"destroyed or not", staleOne, "stale-connection", func(s *scene) { s.array().Pods.Items[0].Destroyed = evidence.Unknown }, Uncertain, "not known whether", ""},
		{"promoted or not", leakOne, "leaked-volume", func(s *scene) { s.array().Pods.Items[0].Promotion = "" }, Uncertain, "not known to be promoted", ""},
		{"stretched to an array that was not read", leakOne, "leaked-volume", func(s *scene) {
			p := &s.array().Pods.Items[0]
			p.Arrays = append(p.Arrays, evidence.PodArray{ID: "other", Name: "fa2", Status: "online"})
		}, Uncertain, "stretched to fa2", ""},
		{"offline", leakOne, "leaked-volume", func(s *scene) { s.array().Pods.Items[0].Arrays[0].Status = "offline" }, Uncertain, "is offline", ""},
		{"on no array", leakOne, "leaked-volume", func(s *scene) { s.array().Pods.Items[0].Arrays = nil }, Uncertain, "does not say where", ""},
		{"on another array", leakOne, "leaked-volume", func(s *scene) {
			s.array().Pods.Items[0].Arrays[0].ID = "fa2-id"
			s.Arrays = append(s.Arrays, evidence.Array{Source: evidence.Source{Name: "fa2"}, ID: "fa2-id", Gateway: "https://fa2"})
		}, Uncertain, "does not lie on fa1", ""},
		{"pool that LXD is still making", leakOne, "leaked-volume", func(s *scene) { s.LXD.Pools.Items[0].Status = "Pending" }, Uncertain, "not Created", ""},
		{"a machine that may be a member", leakOne, "leaked-volume", func(s *scene) {
			a := s.array()
			a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "other", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0), NQNs: []string{"nqn.x"}, Destroyed: evidence.No})
			s.connect(1, "other")
			s.Hosts[0].NQNs = s.Hosts[0].NQNs.Doubt("unreadable")
		}, Uncertain, "may be lxd01", ""},
	},
	"lists-complete": {
		{"pods", leakOne, "leaked-volume", func(s *scene) { s.array().Pods = s.array().Pods.Doubt("page 2") }, Uncertain, "pods: page 2", ""},
		{"volumes", leakOne, "leaked-volume", func(s *scene) { s.array().Volumes = s.array().Volumes.Doubt("page 2") }, Uncertain, "volumes: page 2", ""},
		{"hosts", leakOne, "leaked-volume", func(s *scene) { s.array().Hosts = s.array().Hosts.Doubt("page 2") }, Uncertain, "hosts: page 2", ""},
		{"host groups", leakOne, "leaked-volume", func(s *scene) { s.array().HostGroups = s.array().HostGroups.Doubt("403") }, Uncertain, "host groups: 403", ""},
		{"snapshots", staleOne, "stale-connection", func(s *scene) { s.array().Snapshots = s.array().Snapshots.Doubt("page 2") }, Uncertain, "snapshots: page 2", ""},
		{"protection groups", staleOne, "stale-connection", func(s *scene) { s.array().Protections = s.array().Protections.Doubt("403") }, Uncertain, "403", ""},
		{"pools", leakOne, "leaked-volume", func(s *scene) { s.LXD.Pools = s.LXD.Pools.Doubt("hidden") }, Uncertain, "pools: hidden", ""},
		{"records", staleOne, "stale-connection", func(s *scene) { s.LXD.Records = s.LXD.Records.Doubt("project x") }, Uncertain, "volumes: project x", ""},
		{"instances", leakOne, "leaked-volume", func(s *scene) { s.LXD.Instances = s.LXD.Instances.Doubt("project x") }, Uncertain, "instances: project x", ""},
		{"daemon volumes", leakOne, "leaked-volume", func(s *scene) { s.LXD.DaemonVolumes = s.LXD.DaemonVolumes.Doubt("lxd02") }, Uncertain, "lxd02", ""},
		{"performance", leakUnit, "leaked-volume", func(s *scene) { s.array().Activity = s.array().Activity.Doubt("403") }, Uncertain, "performance: 403", ""},
		{"LXD's own trouble", leakOne, "leaked-volume", func(s *scene) { s.LXD.Trouble = "half a body" }, Uncertain, "half a body", ""},
		{"for a device", deadOne, "stale-map", func(s *scene) { s.LXD.Records = s.LXD.Records.Doubt("project x") }, Uncertain, "project x", ""},
	},
	"lxd-sees-all": {
		{"it does not", staleOne, "stale-connection", func(s *scene) { s.LXD.SeesAll, s.LXD.SeesAllWhy = evidence.No, "restricted certificate" }, Fail, "restricted certificate", ""},
		{"nobody knows", staleOne, "stale-connection", func(s *scene) { s.LXD.SeesAll, s.LXD.SeesAllWhy = evidence.Unknown, "" }, Uncertain, "not known whether LXD hides", ""},
	},
	"records-not-empty": {
		{"none in the pool", func(s *scene) {
			s.volume("n1", name(evidence.TypeVM, "", 100))
		}, "leaked-half", func(s *scene) {
			s.LXD.Records.Items = slices.DeleteFunc(s.LXD.Records.Items, func(r evidence.Record) bool { return r.Pool == "n1" })
		}, Fail, "no record at all in pool n1", ""},
	},
	"read-order": {
		{"LXD first", leakOne, "leaked-volume", func(s *scene) { s.LXD.Began = s.array().Ended.Add(-time.Millisecond) }, Uncertain, "before the array had told", ""},
		{"nobody knows when", leakOne, "leaked-volume", func(s *scene) { s.LXD.Began = time.Time{} }, Uncertain, "not known when", ""},
		{"nobody knows when LXD had told all", leakOne, "leaked-volume", func(s *scene) { s.LXD.Ended = time.Time{} }, Uncertain, "not known when", ""},
		{"a host that never ended", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Ended = time.Time{} }, Uncertain, "lxd01 was read at about the same time", ""},
		{"a host that never began", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Began = time.Time{} }, Uncertain, "lxd01 was read at about the same time", ""},
		{"long after", leakOne, "leaked-volume", func(s *scene) { s.LXD.Ended = s.LXD.Ended.Add(time.Hour) }, Uncertain, "lie 60 minutes", ""},
		{"a host of yesterday", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Began = s.Hosts[0].Began.Add(-24 * time.Hour) }, Uncertain, "lxd01 was read at about the same time", ""},
		{"a host of tomorrow", deadOne, "stale-map", func(s *scene) { s.Hosts[0].Ended = s.Hosts[0].Ended.Add(24 * time.Hour) }, Uncertain, "between the first word and the last", ""},
	},
	"members-online": {
		{"offline", leakOne, "leaked-volume", func(s *scene) { s.LXD.Members.Items[0].Online, s.LXD.Members.Items[0].Status = evidence.No, "Offline" }, Fail, "member lxd01 is Offline", ""},
		{"nobody knows", leakOne, "leaked-volume", func(s *scene) { s.LXD.Members.Items[0].Online = evidence.Unknown }, Uncertain, "not known to be online", ""},
	},
	"no-operation": {
		{"running", leakOne, "leaked-volume", func(s *scene) { s.operate("Creating instance", "/1.0/instances/x") }, Fail, `LXD is busy: "Creating instance" on lxd01 of /1.0/instances/x`, ""},
		{"not known to have ended", leakOne, "leaked-volume", func(s *scene) { s.LXD.Operations.Items[0].Running = evidence.Unknown }, Uncertain, "not known to have ended", ""},
		{"a websocket may be a migration", leakOne, "leaked-volume", func(s *scene) {
			s.operate("Migrating instance", "/1.0/instances/x")
			s.LXD.Operations.Items[1].Class = "websocket"
		}, Fail, "Migrating instance", ""},
		{"while a device is removed", deadOne, "stale-map", func(s *scene) { s.operate("Creating storage volume", "/1.0/storage-pools/p1") }, Fail, "Creating storage volume", ""},
	},
	"no-record": {
		{"of another type", leakOne, "leaked-volume", func(s *scene) {
			s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{Pool: "p1", Project: "x", Type: evidence.TypeCustom, Name: "iso", Content: evidence.ContentISO, UUID: uuid(100)})
			s.array().Volumes = appendTo(s.array().Volumes, evidence.Volume{ID: "iso", Name: "p1::iso", Pod: "p1", LXD: name(evidence.TypeCustom, evidence.ContentISO, 100), Serial: serialNo(77), Destroyed: evidence.No})
		}, Fail, "custom/iso (x) in pool p1", ""},
		{"in another pool", leakOne, "leaked-volume", func(s *scene) {
			s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{Pool: "elsewhere", Project: "x", Type: evidence.TypeCustom, Name: "moved", Content: evidence.ContentFilesystem, UUID: uuid(100)})
		}, Fail, "in pool elsewhere", ""},
		{"a record without a uuid", leakOne, "leaked-volume", func(s *scene) {
			s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{Pool: "p1", Project: "x", Type: evidence.TypeCustom, Name: "odd", Content: evidence.ContentFilesystem})
		}, Uncertain, "custom/odd (x) has no uuid", ""},
		{"of a snapshot, in another pool", orphanSnapshot, "leaked-snapshot", func(s *scene) {
			s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{Pool: "elsewhere", Project: "x", Type: evidence.TypeCustom, Name: "v/s", Snapshot: true, Content: evidence.ContentFilesystem, UUID: uuid(104)})
		}, Fail, "custom/v/s (x)", ""},
		{"of the copy itself", copyOne, "leaked-snapshot-volume", func(s *scene) {
			s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{Pool: "elsewhere", Project: "x", Type: evidence.TypeCustom, Name: "v", Content: evidence.ContentFilesystem, UUID: uuid(3)})
		}, Fail, "custom/v (x)", ""},
	},
	"not-expected": {
		{"an instance without disks", staleOne, "stale-connection", func(s *scene) { s.LXD.Instances.Items[0].Disks = nil }, Uncertain, `"c1" it is not known which disks it has`, ""},
	},
	"original-kept": {
		{"destroyed", copyOne, "leaked-snapshot-volume", func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Yes }, Fail, "may be the only one", ""},
		{"destroyed or not", copyOne, "leaked-snapshot-volume", func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Unknown }, Uncertain, "not known whether the snapshot itself", ""},
		{"not there", copyOne, "leaked-snapshot-volume", func(s *scene) { s.array().Snapshots.Items = nil }, Uncertain, "this copy may be the only one", ""},
	},
	"explained": {
		{"of a snapshot", orphanSnapshot, "leaked-snapshot", func(s *scene) {
			id := s.array().Snapshots.Items[1].ID
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: id, Recorded: clock.Add(-time.Hour)}}
		}, Fail, "has none now", ""},
		{"a safety copy, in a batch", func(s *scene) {
			snap := s.snapshot(1, copyOf(evidence.TypeCustom, "", 104), "")
			snap.LXD, snap.Suffix, snap.Name = evidence.Name{}, reverter, snap.SourceName+"."+reverter
		}, "leaked-snapshot", (*scene).batch, Fail, "no batch takes it; by itself it can be repaired", ""},
		{"of a volume", leakOne, "leaked-volume", func(s *scene) {
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID, Recorded: clock.Add(-time.Hour)}}
		}, Fail, "LXD had a record for it", ClassDestroy},
	},
	"old-enough": {
		{"too young", leakOne, "leaked-volume", func(s *scene) { last(s).Created = clock.Add(-59 * time.Minute) }, Fail, "59 minutes old by the array's clock, 60 minutes are needed", ""},
		{"image too young", func(s *scene) { s.volume("p1", name(evidence.TypeImage, "", 100)) }, "leaked-image", func(s *scene) { last(s).Created = clock.Add(-23 * time.Hour) }, Fail, "24 hours are needed", ""},
		{"from the future", leakOne, "leaked-volume", func(s *scene) { last(s).Created = clock.Add(time.Second) }, Uncertain, "future", ""},
		{"nobody knows", leakOne, "leaked-volume", func(s *scene) { last(s).Created = time.Time{} }, Uncertain, "does not say when", ""},
		{"seconds taken for milliseconds", leakOne, "leaked-volume", func(s *scene) { last(s).Created = time.UnixMilli(1_795_000_000) }, Uncertain, "does not say when", ""},
		{"no clock", leakOne, "leaked-volume", func(s *scene) { s.array().Clock = time.Time{} }, Uncertain, "clock is not known", ""},
		{"a young snapshot", orphanSnapshot, "leaked-snapshot", func(s *scene) { s.array().Snapshots.Items[1].Created = clock.Add(-time.Minute) }, Fail, "are needed", ""},
		{"a young volume's connection", staleOne, "stale-connection", func(s *scene) { last(s).Created = clock.Add(-time.Minute) }, Fail, "are needed", ""},
		{"waived, but not that far", leakOne, "leaked-volume", func(s *scene) {
			s.policy.AskedMinAge, s.policy.MinAgeAsked = 10*time.Minute, true
			last(s).Created = clock.Add(-9 * time.Minute)
		}, Fail, "10 minutes are needed", ""},
		{"no waiver in a batch", leakOne, "leaked-volume", func(s *scene) {
			s.policy.Batch, s.policy.AskedMinAge, s.policy.BatchMinAge, s.policy.MinAgeAsked = true, time.Minute, time.Hour, true
			s.batch()
			last(s).Created = clock.Add(-9 * time.Minute)
		}, Fail, "60 minutes are needed", ""},
	},
	"seen-before": {
		{"never", leakOne, "leaked-volume", func(s *scene) { s.policy.Batch = true }, Fail, "no earlier check or fix saw it as a leftover", ""},
		{"only with a record of another array's", leakOne, "leaked-volume", func(s *scene) {
			s.policy.Batch = true
			s.Seen = []evidence.Sighting{{ArrayID: "other", VolumeID: last(s).ID, Leaked: clock.Add(-time.Hour)}}
		}, Fail, "no earlier check or fix saw it as a leftover", ""},
		{"never as a leftover", leakOne, "leaked-volume", func(s *scene) {
			s.policy.Batch = true
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID}}
		}, Fail, "no earlier check or fix saw it as a leftover", ""},
		{"in this run", leakOne, "leaked-volume", func(s *scene) {
			s.policy.Batch = true
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID, Leaked: clock.Add(time.Minute)}}
		}, Uncertain, "in this very run", ""},
		{"a connection, never", staleOne, "stale-connection", func(s *scene) { s.policy.Batch = true }, Fail, "no check or fix before this saw its connection to lxd01-iscsi unused, and a batch takes what was first seen so 24 hours ago: run it again after 2026-11-23 12:00 UTC", ""},
		{"a connection, an hour ago", staleOne, "stale-connection", func(s *scene) { s.unused(hostName, time.Hour) }, Fail, "was first seen unused 60 minutes ago, and a batch takes what was 24 hours ago: run it again after 2026-11-23 11:00 UTC", ""},
		{"a connection that an undo brought back", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			for _, v := range s.array().Volumes.Items {
				s.World.TakenBack = append(s.World.TakenBack, evidence.TakenBack{Run: "7f3a", Undo: "bd85", Did: "disconnected", ArrayID: arrayID, VolumeID: v.ID, At: clock})
			}
		}, Fail, "run 7f3a disconnected it, and undo bd85 took that back", ""},
		{"a connection to another host", staleOne, "stale-connection", func(s *scene) { s.unused("lxd02-iscsi", 48*time.Hour) }, Fail, "no check or fix before this saw its connection to lxd01-iscsi", ""},
		{"a connection, nobody knows when now is", staleOne, "stale-connection", func(s *scene) { s.unused(hostName, -48*time.Hour) }, Uncertain, "not known for how long", ""},
		{"a connection, seen by a clock that was a year behind", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 365*24*time.Hour)
			s.Seen[0].Stale[0].ArrayClock = clock.Add(-2 * time.Hour)
		}, Fail, "was first seen unused 2 hours ago, and a batch takes what was 24 hours ago: run it again after 2026-11-23 10:00 UTC", ""},
		{"a connection, by an array's clock that was set ahead since", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, time.Minute)
			s.array().Clock = s.array().Clock.AddDate(1, 0, 0)
		}, Fail, "nothing shows that anybody looked at its connection to lxd01-iscsi in the last 2 hours", ""},
		{"a connection with another LUN", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			s.Seen[0].Stale[0].LUN++
		}, Fail, "its connection to lxd01-iscsi is another one now", ""},
		{"a connection that was made again since", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			s.array().Trails = []evidence.Trail{{VolumeID: last(s).ID, Deeds: evidence.Complete([]evidence.Deed{
				{At: clock.Add(-time.Minute), Verb: evidence.DeedConnect, User: "admin", Interface: "GUI", Hosts: []string{"LXD01-iscsi"}, Ours: evidence.No},
			})}}
		}, Fail, "by the array's audit trail it was connected on", ""},
		{"a connection that was made again since, and looked at", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			s.array().Trails = []evidence.Trail{{VolumeID: last(s).ID, Deeds: evidence.Complete([]evidence.Deed{
				{At: clock.Add(-2 * time.Hour), Verb: evidence.DeedConnect, User: "admin", Interface: "GUI", Ours: evidence.No},
			})}}
		}, Fail, "was first seen unused 2 hours ago", ""},
		{"a connection of which the trail is cut", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			s.array().Trails = []evidence.Trail{{VolumeID: last(s).ID, Deeds: evidence.Incomplete[evidence.Deed](nil, "page 2")}}
		}, Fail, "could not tell in full", ""},
		{"a connection at which nobody looked for three hours", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 96*time.Hour)
			s.Seen[0].Stale[0].Last = evidence.Moment{At: clock.Add(-3 * time.Hour), ArrayClock: clock.Add(-3 * time.Hour)}
		}, Fail, "nothing shows that anybody looked at its connection to lxd01-iscsi in the last 2 hours", ""},
		{"by an older version", leakOne, "leaked-volume", func(s *scene) { s.batch(); s.lastSeen().Last = evidence.Moment{} }, Fail, "earlier version", ""},
		{"three weeks ago", leakOne, "leaked-volume", func(s *scene) {
			s.batch()
			s.lastSeen().Last = evidence.Moment{At: clock.Add(-500 * time.Hour), ArrayClock: clock.Add(-500 * time.Hour)}
		}, Fail, "nobody remembers: run the batch again after 2026-11-23 12:00 UTC", ""},
		{"three weeks ago, by the array's clock alone", leakOne, "leaked-volume", func(s *scene) {
			s.batch()
			s.lastSeen().Last.ArrayClock = clock.Add(-500 * time.Hour)
		}, Fail, "nobody remembers", ""},
		{"tomorrow", leakOne, "leaked-volume", func(s *scene) { s.batch(); s.lastSeen().Last.At = clock.Add(24 * time.Hour) }, Uncertain, "how long ago", ""},
		{"written to since", leakOne, "leaked-volume", func(s *scene) { s.batch(); last(s).Written = evidence.CountOf(8192) }, Fail, "written to, or resized", ""},
		{"resized since", leakOne, "leaked-volume", func(s *scene) { s.batch(); last(s).Provisioned++ }, Fail, "written to, or resized", ""},
		{"not told what was written", leakOne, "leaked-volume", func(s *scene) { s.batch(); last(s).Written = evidence.Count{} }, Uncertain, "not known what was written", ""},
		{"LXD was started since", leakOne, "leaked-volume", func(s *scene) { s.batch(); s.runs(time.Hour) }, Fail, "LXD was started since it was last seen as a leftover on 2026-11-22 11:00 UTC, and may have another database: run the batch again after 2026-11-23 12:00 UTC", ""},
		{"LXD may have been started since", leakOne, "leaked-volume", func(s *scene) { s.batch(); s.Hosts[0].Daemons[1].Running = evidence.Count{} }, Uncertain, "whether LXD has been running since", ""},
		{"again, for an hour", leakOne, "leaked-volume", func(s *scene) { s.batch(); s.lastSeen().Again = justNow }, Fail, "it counts as a leftover only since 2026-11-22 11:00 UTC (LXD was started, it was written to, or nobody looked for days); a batch waits for 24 hours: run it again after 2026-11-23 11:00 UTC", ""},
		{"a connection, by an array's clock that was set back since", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			s.Seen[0].Stale[0].ArrayClock = clock.Add(time.Hour)
		}, Uncertain, "not known for how long", ""},
		{"a connection, at an unknown time of the array's", staleOne, "stale-connection", func(s *scene) {
			s.unused(hostName, 48*time.Hour)
			s.Seen[0].Stale[0].ArrayClock = time.Time{}
		}, Uncertain, "not known for how long", ""},
		{"a snapshot, never", orphanSnapshot, "leaked-snapshot", func(s *scene) { s.policy.Batch = true }, Fail, "no earlier check or fix saw it as a leftover", ""},
	},
	"ordinary": {
		{"destroyed or not", leakOne, "leaked-volume", func(s *scene) { last(s).Destroyed = evidence.Unknown }, Uncertain, "not known whether it is destroyed", ""},
		{"protocol endpoint", leakOne, "leaked-volume", func(s *scene) { last(s).Subtype = "protocol_endpoint" }, Uncertain, "protocol_endpoint", ""},
		{"demoted", leakOne, "leaked-volume", func(s *scene) { last(s).Promotion = "demoted" }, Fail, "demoted", ""},
		{"no serial", leakUnit, "leaked-volume", func(s *scene) { last(s).Serial = "" }, Uncertain, "no serial", ""},
	},
	"not-protected": {
		{"protection group", leakOne, "leaked-volume", func(s *scene) {
			s.array().Protections = evidence.Complete([]evidence.Protection{{Group: "pg1", VolumeID: last(s).ID}})
		}, Fail, "protection group pg1", ""},
		{"protection group, by name only", leakOne, "leaked-volume", func(s *scene) {
			s.array().Protections = evidence.Complete([]evidence.Protection{{Group: "pg1", VolumeName: strings.ToUpper(last(s).Name)}})
		}, Fail, "protection group pg1", ""},
		{"somebody's snapshot", leakOne, "leaked-volume", func(s *scene) {
			snap := s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 104), "")
			snap.LXD, snap.Suffix, snap.Name = evidence.Name{}, "daily-1", last(s).Name+".daily-1"
		}, Fail, "daily-1", ""},
		{"a snapshot with a record", leakOne, "leaked-volume", func(s *scene) {
			s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 104), "ghost/snap")
		}, Fail, "LXD has a record of its snapshot", ""},
	},
	"connections-ours": {
		{"a group", leakOne, "leaked-volume", func(s *scene) {
			rows := s.array().Connections.Items
			rows[len(rows)-1].Group = "all"
		}, Fail, "host group all", ""},
		{"the counts contradict", func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 100))
		}, "leaked-volume", func(s *scene) { last(s).ConnectionCount = evidence.CountOf(2) }, Uncertain, "counts connections to 2 hosts and lists 0", ""},
	},
	"not-connected": {
		{"it is again", deadOne, "stale-map", func(s *scene) { s.connect(len(s.array().Volumes.Items)-1, hostName) }, Fail, "connects it to this host: lxd01-iscsi", ClassHost},
		{"through a group", deadOne, "stale-map", func(s *scene) {
			s.connect(len(s.array().Volumes.Items)-1, hostName)
			rows := s.array().Connections.Items
			rows[len(rows)-1].Group = "all"
		}, Fail, "group all", ClassHost},
		{"the counts contradict", deadOne, "stale-map", func(s *scene) { last(s).ConnectionCount = evidence.CountOf(1) }, Uncertain, "does not list them", ClassHost},
		{"a connection to nobody", deadOne, "stale-map", func(s *scene) { s.connect(len(s.array().Volumes.Items)-1, "") }, Uncertain, "does not list host", ClassHost},
		{"to a host without initiators", deadOne, "stale-map", func(s *scene) {
			s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: "empty", Local: evidence.Yes, ConnectionCount: evidence.CountOf(0)})
			s.connect(len(s.array().Volumes.Items)-1, "empty")
		}, Uncertain, "empty has no initiators", ClassHost},
	},
	"hosts-answered": {
		{"a member was not read", leakUnit, "leaked-volume", func(s *scene) {
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes})
		}, Uncertain, "member lxd02 were not read", ""},
		{"a host in trouble", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Trouble = "no sysfs" }, Uncertain, "no sysfs", ""},
		{"a recording", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Recorded = true }, Uncertain, "recording", ""},
		{"a recording of a device", deadOne, "stale-map", func(s *scene) { s.Hosts[0].Recorded = true }, Uncertain, "recording", ""},
		{"disks", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Disks = s.Hosts[0].Disks.Doubt("EIO") }, Uncertain, "SCSI disks", ""},
		{"maps", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Maps = s.Hosts[0].Maps.Doubt("EIO") }, Uncertain, "multipath maps", ""},
		{"sessions", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Sessions = s.Hosts[0].Sessions.Doubt("EIO") }, Uncertain, "sessions", ""},
		{"subsystems", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Subsystems = s.Hosts[0].Subsystems.Doubt("EIO") }, Uncertain, "subsystems", ""},
		{"controllers", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Controllers = s.Hosts[0].Controllers.Doubt("EIO") }, Uncertain, "controllers", ""},
		{"namespaces", staleOne, "stale-connection", func(s *scene) { s.Hosts[0].Namespaces = s.Hosts[0].Namespaces.Doubt("EIO") }, Uncertain, "namespaces", ""},
		{"members not all known, for a device of no matter", deadOne, "stale-map", func(s *scene) { s.Hosts[0].Maps = s.Hosts[0].Maps.Doubt("EIO") }, Uncertain, "multipath maps", ""},
	},
	"not-in-use": {
		{"mounted", leakOne, "leaked-volume", func(s *scene) {
			s.use(evidence.Use{Kind: evidence.UseMount, Device: "sdf", Where: "/mnt", Namespace: "mnt:[7]"})
		}, Fail, "lxd01: mounted at /mnt (mount namespace mnt:[7])", ""},
		{"open", leakNVMeOne, "leaked-volume", func(s *scene) {
			s.use(evidence.Use{Kind: evidence.UseOpener, Device: "nvme0n2", Process: "qemu", PID: 12})
		}, Fail, "open in qemu (pid 12)", ""},
		{"open by device number only", leakOne, "leaked-volume", func(s *scene) {
			s.use(evidence.Use{Kind: evidence.UseOpener, Dev: "8:80", Process: "dd", PID: 13})
		}, Fail, "open in dd", ""},
		{"by serial only", leakUnit, "leaked-volume", func(s *scene) {
			s.use(evidence.Use{Kind: evidence.UseSwap, Serial: last(s).Serial, Device: "sdq"})
		}, Fail, "swap", ""},
		{"a holder", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Disks.Items[4].Holders = []string{"dm-9"} }, Fail, "dm-9 stands on sdf", ""},
		{"a holder of the map", copyOne, "leaked-snapshot-volume", func(s *scene) { s.Hosts[0].Maps.Items[2].Holders = []string{"dm-9"} }, Fail, "dm-9 stands on mpathc", ""},
		{"a holder of the namespace", leakNVMeOne, "leaked-volume", func(s *scene) { s.Hosts[0].Namespaces.Items[1].Holders = []string{"dm-9"} }, Fail, "dm-9 stands on nvme0n2", ""},
		{"open count", copyOne, "leaked-snapshot-volume", func(s *scene) { s.Hosts[0].Maps.Items[2].OpenCount = evidence.CountOf(1) }, Fail, "mpathc is open (1 times)", ""},
		{"open count not known", copyOne, "leaked-snapshot-volume", func(s *scene) { s.Hosts[0].Maps.Items[2].OpenCount = evidence.Count{} }, Uncertain, "how often mpathc is open", ""},
		{"an open partition", copyOne, "leaked-snapshot-volume", func(s *scene) { partition(s, 1) }, Fail, "mpathc1 is open", ""},
		{"a partition perhaps open", copyOne, "leaked-snapshot-volume", func(s *scene) {
			partition(s, 0)
			s.Hosts[0].Maps.Items[3].OpenCount = evidence.Count{}
		}, Uncertain, "how often mpathc1 is open", ""},
		{"uses not all known", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Uses = s.Hosts[0].Uses.Doubt("mnt:[7]") }, Uncertain, "uses are not all known: mnt:[7]", ""},
		{"processes hidden", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].AllProcesses, s.Hosts[0].AllProcessesWhy = evidence.No, "not root" }, Uncertain, "not root", ""},
		{"processes perhaps hidden", deadOne, "stale-map", func(s *scene) { s.Hosts[0].AllProcesses = evidence.Unknown }, Uncertain, "not all visible", ""},
		{"somebody uses something that is gone", leakUnit, "leaked-volume", func(s *scene) {
			s.use(evidence.Use{Kind: evidence.UseSuperblock, Device: "sdz", Where: "ext4"})
		}, Uncertain, "not known of which volume", ""},
		{"a device that is gone and that LXD mounted twice", leakUnit, "leaked-volume", func(s *scene) {
			s.goneMount("nvme0n9", "/var/snap/lxd/common/lxd/storage-pools/n1/custom/default_other")
		}, Uncertain, "not known of which volume", ""},
		{"another device of that name is gone", leakUnit, "leaked-volume", func(s *scene) {
			s.goneMount("nvme0n9", "/")
			s.use(evidence.Use{Kind: evidence.UseOpener, Device: "nvme0n9", Dev: "259:10", Process: "dd", PID: 13})
		}, Uncertain, "not known of which volume", ""},
		{"a device that nobody knows", leakUnit, "leaked-volume", func(s *scene) {
			h := &s.Hosts[0]
			h.Namespaces = appendTo(h.Namespaces, evidence.Namespace{Name: "nvme7n7", IO: idle()})
		}, Uncertain, "which volume nvme7n7 is", ""},
		{"a subsystem that nothing leads to", leakUnit, "leaked-volume", func(s *scene) { s.Hosts[0].Subsystems.Items[0].Controllers = nil }, Uncertain, "nvme-subsys0 has neither", ""},
	},
	"no-io": {
		{"on the array", leakOne, "leaked-volume", func(s *scene) { s.busy(evidence.Yes) }, Fail, "recent I/O", ""},
		{"on the array though unconnected", leakUnit, "leaked-volume", func(s *scene) { s.busy(evidence.Yes) }, Fail, "recent I/O", ""},
		{"not measured", leakOne, "leaked-volume", func(s *scene) { s.busy(evidence.Unknown) }, Uncertain, "does not mean that it is idle", ""},
		{"not in the list", leakOne, "leaked-volume", func(s *scene) { s.array().Activity.Items = nil }, Uncertain, "does not mean that it is idle", ""},
		{"under way", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Disks.Items[4].IO.Inflight = evidence.CountOf(2) }, Fail, "2 requests of sdf under way", ""},
		{"under way on a namespace", leakNVMeOne, "leaked-volume", func(s *scene) { s.Hosts[0].Namespaces.Items[1].IO.Inflight = evidence.CountOf(1) }, Fail, "1 request of nvme0n2", ""},
		{"perhaps under way", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Disks.Items[4].IO.Inflight = evidence.Count{} }, Uncertain, "not known whether I/O of sdf", ""},
		{"under way on a map", deadOne, "stale-map", func(s *scene) { s.Hosts[0].Maps.Items[2].IO.Inflight = evidence.CountOf(1) }, Fail, "mpathc under way", ""},
		{"perhaps under way on a map", deadOne, "stale-map", func(s *scene) { s.Hosts[0].Maps.Items[2].IO.Inflight = evidence.Count{} }, Uncertain, "mpathc is under way", ""},
	},
	"name-identity": {
		{
			"its name leads to another volume's path", leakOne, "leaked-volume", func(s *scene) { s.named(-1, "scsi-", "sde") }, Fail,
			"leads to sde, which answers as volume " + string(serialNo(2)) + " (p1::u-", "",
		},
		{"its name leads to another volume's map", leakOne, "leaked-volume", func(s *scene) { s.named(-1, "dm-uuid-mpath-", "dm-1") }, Fail, "leads to dm-1, which is the map \"mpathb\" of volume " + string(serialNo(2)), ""},
		{"its name leads to another volume's namespace", leakNVMeOne, "leaked-volume", func(s *scene) { s.named(-1, "nvme-", "nvme0n1") }, Fail, "leads to nvme0n1, which is volume", ""},
		{"its name leads to what is no Pure volume", leakOne, "leaked-volume", func(s *scene) { s.named(-1, "scsi-", "sdq").On = nil }, Fail, "leads to sdq, which is no device of a Pure volume", ""},
		{"a name of another volume leads to it", leakOne, "leaked-volume", func(s *scene) { s.named(1, "scsi-", "sdf") }, Fail, "this one, and says volume " + string(serialNo(2)), ""},
		{"the name of its partition leads to another volume's", leakOne, "leaked-volume", func(s *scene) {
			l := s.named(-1, "scsi-", "sde1")
			l.Path, l.On = l.Path+"-part1", []string{"sde"}
		}, Fail, "-part1 leads to sde, which answers as volume", ""},
		{"what its name leads to does not say what it is", leakOne, "leaked-volume", func(s *scene) {
			s.named(-1, "scsi-", "sdg")
			s.named(-1, "wwn-", "sdq").Dangling = evidence.Unknown
		}, Uncertain, "leads to sdg, and sdg is in no list", ""},
		{"it is not known where its name leads", leakOne, "leaked-volume", func(s *scene) {
			l := s.named(-1, "scsi-", "")
			l.On = nil
		}, Uncertain, "it is not known where it leads", ""},
		{"the names are not all known", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Links = s.Hosts[0].Links.Doubt("permission denied") }, Uncertain, "permission denied", ""},
	},
	"path-identity": {
		{"another volume answers", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Disks.Items[4].Live.Serial = serialNo(999) }, Fail, "sdf answers as volume", ""},
		{"nobody asked", leakOne, "leaked-volume", func(s *scene) { s.Hosts[0].Disks.Items[4].Live = evidence.Identity{Why: "timeout"} }, Uncertain, "timeout", ""},
		{"another disk may be it", leakUnit2, "leaked-volume", func(s *scene) {
			d := &s.Hosts[0].Disks.Items[0]
			d.Live, d.HCTL = evidence.Identity{}, "1:0:0:8"
		}, Uncertain, "may be this one", ""},
		{"a controller that would not hear of the disconnect", leakNVMeOne, "leaked-volume", func(s *scene) {
			s.Hosts[0].Namespaces.Items[1].Paths[0].State = "connecting"
		}, Uncertain, "controller nvme0 is connecting and would not see nvme0n2 go", ""},
		{"its path sits in another volume's map", leakAndCopy, "leaked-volume", func(s *scene) { s.into(2, 4) }, Fail, "lxd01: sdf is a path of mpathc, which is volume " + string(serialNo(10)), ""},
		{"only its own word says so", leakAndCopy, "leaked-volume", func(s *scene) {
			s.into(2, 4)
			s.Hosts[0].Disks.Items[4].Serial = ""
		}, Fail, "sdf is a path of mpathc", ""},
		{"another volume's path sits in its map", copyAndLeak, "leaked-snapshot-volume", func(s *scene) { s.into(2, 6) }, Fail, "sdh is of volume", ""},
		{"its dead path sits in another volume's map", func(s *scene) { leakCopy(s); deadPath(s) }, "ghost-path", func(s *scene) { s.into(2, 6) }, Fail, "sdh is a path of mpathc", ClassHost},
		{"a path that is no disk", copyOne, "leaked-snapshot-volume", func(s *scene) { s.Hosts[0].Maps.Items[2].Paths[0] = evidence.Path{Disk: "sdx", Dev: "8:999"} }, Uncertain, "sdx of mpathc is not among the disks", ""},
		{"a dead path that answers", deadOne, "stale-map", func(s *scene) {
			d := &s.Hosts[0].Disks.Items[4]
			d.Live = evidence.Identity{Kind: evidence.IdentityKnown, Serial: d.Serial}
		}, Uncertain, "sdf still answers", ""},
		{"a dead path that was not asked", deadOne, "stale-map", func(s *scene) { s.Hosts[0].Disks.Items[4].Live = evidence.Identity{} }, Uncertain, "sdf is running and did not say", ""},
		{"a dead path whose state is not known", deadOne, "stale-map", func(s *scene) {
			s.Hosts[0].Disks.Items[4].Live = evidence.Identity{}
			s.Hosts[0].Disks.Items[4].State = ""
		}, Uncertain, "did not say", ""},
	},
	"object-ours": {
		{"a recording", idleObject, "idle-host", func(s *scene) { s.Hosts[0].Recorded = true }, Uncertain, "a recording", ""},
	},
	"object-idle": {
		{"somebody is logged in", idleObject, "idle-host", func(s *scene) { lastObject(s).Connectivity = "healthy Single Controller" }, Fail, "healthy Single Controller", ""},
		{"the array can't tell", idleObject, "idle-host", func(s *scene) { lastObject(s).Connectivity = "unknown Unknown" }, Uncertain, "unknown Unknown", ""},
		{"the array does not say", idleObject, "idle-host", func(s *scene) { lastObject(s).Connectivity = "" }, Uncertain, "does not say", ""},
	},
	"object-plain": {
		{"CHAP", idleObject, "idle-host", func(s *scene) { lastObject(s).CHAP = evidence.Yes }, Fail, "CHAP", ""},
		{"a personality", idleObject, "idle-host", func(s *scene) { lastObject(s).Personality = evidence.Yes }, Fail, "personality", ""},
		{"preferred arrays", idleObject, "idle-host", func(s *scene) { lastObject(s).Preferred = evidence.Yes }, Fail, "preferred", ""},
		{"a VLAN", idleObject, "idle-host", func(s *scene) { lastObject(s).VLAN = evidence.Yes }, Fail, "VLAN", ""},
		{"a VLAN is not told", idleObject, "idle-host", func(s *scene) { lastObject(s).VLAN = evidence.Unknown }, Uncertain, "VLAN", ""},
		{"a second transport", idleObject, "idle-host", func(s *scene) { lastObject(s).NQNs = s.Hosts[0].NQNs.Items }, Fail, "several transports", ""},
		{"CHAP is not told", idleObject, "idle-host", func(s *scene) { lastObject(s).CHAP = evidence.Unknown }, Uncertain, "CHAP", ""},
	},
	"asked-for": {
		{"a batch", idleObject, "idle-host", func(s *scene) { s.policy.Batch = true }, Fail, "one by one", ""},
	},
	"only-waits": {
		{"somebody else has it open", waiting, codeWaiting, func(s *scene) { lastMap(s).OpenCount = evidence.CountOf(2) }, Uncertain, "not everybody is known who has mpathc open", ""},
		{"how often it is open is not known", waiting, codeWaiting, func(s *scene) { lastMap(s).OpenCount = evidence.Count{} }, Uncertain, "not everybody is known", ""},
		{"a partition of it is open", waiting, codeWaiting, func(s *scene) {
			partition(s, 1)
			s.Hosts[0].Maps.Items[2].OpenCount = evidence.CountOf(2)
		}, Uncertain, "who has mpathc1 open", ""},
		{"a path may come back", waiting, codeWaiting, func(s *scene) { lastMap(s).Paths[0].Active = evidence.Unknown }, Uncertain, "not certain that path sdf of mpathc", ""},
		{"processes hidden", waiting, codeWaiting, func(s *scene) { s.Hosts[0].AllProcesses, s.Hosts[0].AllProcessesWhy = evidence.No, "not root" }, Uncertain, "not root", ""},
		{"whether LXD uses it is not known", func(s *scene) {
			waiting(s)
			second(s)
			s.record(len(s.array().Volumes.Items)-1, "disk")
		}, codeWaiting, func(s *scene) {
			s.LXD.Instances.Items[0].Location = "lxd99"
			s.LXD.Instances.Items[0].Disks = append(s.LXD.Instances.Items[0].Disks, evidence.InstanceDisk{
				Device: "disk", Pool: "p1", Project: "default", Type: evidence.TypeCustom, Source: "disk",
			})
		}, Uncertain, "whether LXD uses it on lxd01 is not known", ""},
	},
	"share": {
		{"too many", leakOne, "leaked-volume", func(s *scene) {
			for i := range 5 {
				s.volume("p1", name(evidence.TypeCustom, "", 200+i))
			}
		}, Fail, "6 of the pool's 12 volumes in LXD's naming are volumes without a record, more than the 5", ""},
		{"too many, most of them lost", leakOne, "leaked-volume", func(s *scene) {
			for i := range 5 {
				v := s.volume("p1", name(evidence.TypeCustom, "", 200+i))
				s.Seen = append(s.Seen, evidence.Sighting{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-time.Hour)})
			}
		}, Fail, "6 of the pool's 12", ""},
		{"too many images", func(s *scene) { s.volume("p1", name(evidence.TypeImage, "", 100)) }, "leaked-image", func(s *scene) {
			for i := range 5 {
				s.volume("p1", name(evidence.TypeImage, "", 200+i))
			}
		}, Fail, "image volumes without a record", ""},
		{"too many halves of images", func(s *scene) { s.volume("p1", name(evidence.TypeImage, "", 100)) }, "leaked-image", func(s *scene) {
			for i := range 5 {
				s.volume("p1", name(evidence.TypeImage, evidence.ContentBlock, 200+i))
			}
		}, Fail, "6 of the pool's 12 volumes in LXD's naming are image volumes without a record", ""},
		{"too many snapshots", orphanSnapshot, "leaked-snapshot", func(s *scene) {
			for i := range 5 {
				s.snapshot(1, copyOf(evidence.TypeCustom, "", 200+i), "")
			}
		}, Fail, "6 of the pool's 7 snapshots in LXD's naming are snapshots without a record, more than the 5", ""},
		{"of too many snapshots most are destroyed", orphanSnapshot, "leaked-snapshot", func(s *scene) {
			for i := range 5 {
				s.snapshot(1, copyOf(evidence.TypeCustom, "", 200+i), "").Destroyed = evidence.Yes
			}
		}, Fail, "6 of the pool's 7 snapshots", ""},
		{"most were destroyed just now", leakOne, "leaked-volume", func(s *scene) {
			for i := range 5 {
				s.vol(s.volume("p1", name(evidence.TypeCustom, "", 200+i))).Destroyed = evidence.Yes
			}
		}, Fail, "6 of the pool's 12 volumes", ""},
		{"more than half of a small pool, in a batch", leakNVMeOne, "leaked-volume", func(s *scene) {
			s.volume("n1", name(evidence.TypeCustom, "", 200))
			s.batch()
		}, Fail, "2 of the pool's 3 volumes in LXD's naming are volumes without a record, more than half", ""},
		{"more than half, with what is destroyed", leakNVMeOne, "leaked-volume", func(s *scene) {
			s.vol(s.volume("n1", name(evidence.TypeCustom, "", 200))).Destroyed = evidence.Yes
			s.batch()
		}, Fail, "2 of the pool's 3 volumes in LXD's naming are volumes without a record (1 of all are destroyed), more than half", ""},
		{"more than half, of different kinds", leakNVMeOne, "leaked-volume", func(s *scene) {
			s.vol(s.volume("n1", name(evidence.TypeImage, "", 200))).Destroyed = evidence.Yes
			s.batch()
		}, Fail, "1 of the pool's 3 volumes in LXD's naming are destroyed already, and no batch takes more than half", ""},
		{"more than half of the snapshots", orphanSnapshot, "leaked-snapshot", func(s *scene) {
			s.snapshot(1, copyOf(evidence.TypeCustom, "", 200), "")
			s.batch()
		}, Fail, "2 of the pool's 3 snapshots in LXD's naming are snapshots without a record, more than half", ""},
		{
			"too many snapshots go with it", leakOne, "leaked-volume", func(s *scene) { s.copied(6) },
			Fail, "6 snapshots would go with it: 6 of the pool's 7 snapshots in LXD's naming are snapshots without a record, more than the 5", "",
		},
		{
			"most snapshots go with it, in a batch", leakOne, "leaked-volume", func(s *scene) { s.copied(3); s.batch() },
			Fail, "3 snapshots would go with it: 3 of the pool's 4 snapshots in LXD's naming are snapshots without a record, more than half", "",
		},
		{"most snapshots go with it and those before it", leakOne, "leaked-volume", func(s *scene) {
			s.copied(2)
			s.recordedSnapshots(2)
			s.batch()
			s.policy.Ahead = map[string]Ahead{last(s).ID: {Volumes: 1, Snapshots: 1}}
		}, Fail, "1 of the pool's 5 snapshots in LXD's naming are destroyed already or with it, and no batch takes more than half", ""},
		{"a pool with a limit of its own", leakOne, "leaked-volume", func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 200))
			s.policy.MinShareCount, s.policy.MaxShare, s.policy.Shares = 1, 0.9, map[string]float64{"p1": 0.1}
		}, Fail, "set pools.p1.max_share in the configuration", ""},
	},
}

// copied gives the last volume snapshots of the time when it was made.
func (s *scene) copied(n int) {
	for i := range n {
		s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 220+i), "").Created = last(s).Created
	}
}

// recordedSnapshots are some of the volume data that LXD has.
func (s *scene) recordedSnapshots(n int) {
	for i := range n {
		s.snapshot(1, copyOf(evidence.TypeCustom, "", 240+i), "data/more"+strconv.Itoa(i))
	}
}

// unused makes it a batch, before which the last volume's connection to a host
// was seen unused.
func (s *scene) unused(host string, ago time.Duration) {
	s.policy.Batch = true
	seen := evidence.StaleSighting{Host: host, Since: clock.Add(-ago), ArrayClock: clock.Add(-ago), Last: justNow}
	for _, row := range s.array().Connections.Items {
		if row.VolumeID == last(s).ID && strings.EqualFold(row.Host, host) {
			seen.LUN, seen.NSID = row.LUN, row.NSID
		}
	}
	s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID, Recorded: clock, Stale: []evidence.StaleSighting{seen}}}
}

// In a batch a connection passes that was seen unused for a day.
func TestConnectionSeenBefore(t *testing.T) {
	s := healthy()
	stale(s)
	s.unused("LXD01-iscsi", 25*time.Hour)
	if f := only(t, s.judge(), "stale-connection"); f.Verdict != Safe {
		t.Errorf("%v", f.Reasons())
	}
	s.Seen, s.array().Began = nil, time.Time{}
	if got := gate(t, only(t, s.judge(), "stale-connection"), "seen-before"); got.Result != Fail || strings.Contains(got.Why, "again after") {
		t.Errorf("nobody knows when now is: %s %s", got.Result, got.Why)
	}
}

// lastSeen is what is remembered of the last volume.
func (s *scene) lastSeen() *evidence.Sighting {
	for i := range s.Seen {
		if s.Seen[i].VolumeID == last(s).ID {
			return &s.Seen[i]
		}
	}
	return nil
}

// justNow is when the last look before this one was.
var justNow = evidence.Moment{At: clock.Add(-time.Hour), ArrayClock: clock.Add(-time.Hour)}

// batch makes it one, in which everything was seen before.
func (s *scene) batch() {
	s.policy.Batch = true
	s.runs(50 * time.Hour)
	for i := range s.array().Volumes.Items {
		v := s.vol(i)
		v.Written = evidence.CountOf(4096)
		s.Seen = append(s.Seen, evidence.Sighting{ArrayID: arrayID, VolumeID: v.ID, Leaked: clock.Add(-48 * time.Hour), Last: justNow, Written: v.Written, Provisioned: v.Provisioned})
	}
	for _, snap := range s.array().Snapshots.Items {
		s.Seen = append(s.Seen, evidence.Sighting{ArrayID: arrayID, VolumeID: snap.ID, Leaked: clock.Add(-48 * time.Hour), Last: justNow, Written: evidence.CountOf(0), Provisioned: snap.Provisioned})
	}
}

func leakNVMeOne(s *scene) { leakNVMe(s) }
func leakAndCopy(s *scene) { leak(s); leakCopy(s) }
func copyAndLeak(s *scene) { leakCopy(s); leak(s) }

// deadPath is a path without a map whose volume is not connected any more.
func deadPath(s *scene) {
	v := s.volume("p1", name(evidence.TypeCustom, "", 103))
	s.record(v, "was-here")
	s.path(0, v, 1)
	s.gone(0, v)
}

// into makes a disk of the first host one more path of a map there, as
// multipathd does with what the kernel finds behind a LUN number that it
// remembers as another volume's.
func (s *scene) into(m, disk int) {
	h := &s.Hosts[0]
	d := &h.Disks.Items[disk]
	d.Holders = []string{h.Maps.Items[m].Kernel}
	h.Maps.Items[m].Paths = append(h.Maps.Items[m].Paths, evidence.Path{Disk: d.Name, Dev: d.Dev, Active: evidence.Yes, Checker: "ready"})
}

// leakUnit2 is a leaked volume that is connected and has no device.
func leakUnit2(s *scene) { s.connect(s.volume("p1", name(evidence.TypeCustom, "", 100)), hostName) }

func (s *scene) use(u evidence.Use) { s.Hosts[0].Uses = appendTo(s.Hosts[0].Uses, u) }

func (s *scene) busy(a evidence.Answer) {
	items := s.array().Activity.Items
	items[len(items)-1].Busy = a
}

// partition puts a partition's map on the map mpathc, open so many times.
func partition(s *scene, open int64) {
	h := &s.Hosts[0]
	m := &h.Maps.Items[2]
	m.Holders, m.OpenCount = []string{"dm-7"}, evidence.CountOf(1)
	h.Maps = appendTo(h.Maps, evidence.Map{
		Name: m.Name + "1", Kernel: "dm-7", Dev: "253:7", UUID: "part1-" + m.UUID, Serial: m.Serial, Partition: true, OpenCount: evidence.CountOf(open), IO: idle(),
	})
}

// second makes the server a cluster of two that both answered.
func second(s *scene) {
	s.LXD.Clustered = evidence.Yes
	s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes, Status: "Online"})
	s.Hosts = append(s.Hosts, machine("lxd02", iqn2, "nqn.two"))
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: "lxd02-iscsi", Local: evidence.Yes, IQNs: []string{iqn2}, ConnectionCount: evidence.CountOf(9), Destroyed: evidence.No})
}

func TestEachGateAloneBlocks(t *testing.T) {
	for _, g := range Gates {
		cases := gateCases[g.Name]
		if len(cases) == 0 {
			t.Errorf("gate %s has no case", g.Name)
		}
		if g.Title == "" || len(g.Classes) == 0 {
			t.Errorf("gate %s is not filled in", g.Name)
		}
		for _, c := range cases {
			t.Run(g.Name+"/"+c.name, func(t *testing.T) { c.run(t, g.Name) })
		}
	}
	for name := range gateCases {
		if !slices.ContainsFunc(Gates, func(g Gate) bool { return g.Name == name }) {
			t.Errorf("gate %s is not in the table", name)
		}
	}
}

// run lets it happen. also are gates that the same evidence fails as well.
func (c gateCase) run(t *testing.T, name string, also ...string) {
	t.Helper()
	s := healthy()
	c.make(s)
	before := only(t, s.judge(), c.code)
	if before.Verdict != Safe {
		t.Fatalf("it is %s before: %v", before.Verdict, refusals(before))
	}
	// What speaks against LXD's database is in the cases of explained.
	s.policy.DatabaseIsCurrent = name != "explained"
	c.spoil(s)
	var f Finding
	if c.class == "" {
		f = only(t, s.judge(), c.code)
	} else {
		f = s.ask(c.class)
	}
	if f.Verdict != Blocked {
		t.Errorf("verdict %s, want %s", f.Verdict, Blocked)
	}
	got := gate(t, f, name)
	if got.Result != c.want || !strings.Contains(got.Why, c.says) {
		t.Errorf("%s: %q, want %s: %q", got.Result, got.Why, c.want, c.says)
	}
	want := slices.DeleteFunc(refusals(f), func(g string) bool { return slices.Contains(also, g) })
	if diff := cmp.Diff([]string{name}, want); diff != "" || len(want)+len(also) != len(refusals(f)) {
		t.Errorf("gates that did not pass, but for %v (-want +got):\n%s", also, diff)
		for _, r := range f.Gates {
			if r.Result != Pass {
				t.Logf("%s %s: %s", r.Gate, r.Result, r.Why)
			}
		}
	}
	if got := verdict(ClassDestroy, without(f.Gates, name)); got != Safe && len(also) == 0 {
		t.Errorf("without the gate the verdict is %s, so it is not this gate that blocks", got)
	}
}

// ask asks the gates about the last volume, or what the first host has of it.
func (s *scene) ask(class Class) Finding {
	f := newFacts(&s.World, s.policy)
	v := &f.arrays[0].volumes[len(f.arrays[0].volumes)-1]
	subject := Subject{f: f, class: class, array: v.array, pool: v.pool, volume: v}
	if class == ClassHost {
		subject.device = f.hosts[0].of(v)
	}
	if class == ClassDisconnect {
		subject.connection = hostName
	}
	gates := newJudge(Gates).ask(subject)
	return Finding{Gates: gates, Verdict: verdict(class, gates)}
}

func without(gates []GateResult, name string) []GateResult {
	return slices.DeleteFunc(slices.Clone(gates), func(g GateResult) bool { return g.Gate == name })
}

// A finding without any gate, or with one that is neither pass nor waived,
// is never safe.
func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		class   Class
		results []Result
		want    Verdict
	}{
		{ClassDestroy, nil, Blocked},
		{ClassDestroy, []Result{Pass}, Safe},
		{ClassDestroy, []Result{Pass, Waived}, Safe},
		{ClassDestroy, []Result{Pass, Uncertain}, Blocked},
		{ClassDestroy, []Result{Pass, Fail}, Blocked},
		{ClassDestroy, []Result{Pass, ""}, Blocked},
		{ClassDestroy, []Result{"maybe"}, Blocked},
		{ClassReport, nil, ReportOnly},
		{ClassReport, []Result{Pass}, ReportOnly},
	} {
		var results []GateResult
		for _, r := range c.results {
			results = append(results, GateResult{Result: r})
		}
		if got := verdict(c.class, results); got != c.want {
			t.Errorf("verdict(%s, %v) = %s, want %s", c.class, c.results, got, c.want)
		}
	}
}

// The waiver is the operator's explicit word, for one object and only down to
// the age that was given.
func TestWaivedAge(t *testing.T) {
	s := healthy()
	leak(s)
	last(s).Created = clock.Add(-20 * time.Minute)
	s.policy.AskedMinAge, s.policy.MinAgeAsked = 10*time.Minute, true
	f := only(t, s.judge(), "leaked-volume")
	if got := gate(t, f, "old-enough"); got.Result != Waived || f.Verdict != Safe {
		t.Errorf("%s %q, verdict %s: want waived and safe", got.Result, got.Why, f.Verdict)
	}
	last(s).Created = clock.Add(-2 * time.Hour)
	if got := gate(t, only(t, s.judge(), "leaked-volume"), "old-enough"); got.Result != Pass {
		t.Errorf("old enough without a waiver: %s, want pass", got.Result)
	}
}

// What the operator asks for is a minimum, whatever it is.
func TestAskedAgeIsAMinimum(t *testing.T) {
	for _, c := range []struct {
		old, asked, usual time.Duration
		want              Result
	}{
		{4 * 24 * time.Hour, 30 * 24 * time.Hour, time.Hour, Fail},
		{4 * 24 * time.Hour, 3 * 24 * time.Hour, time.Hour, Pass},
		{90 * time.Minute, 2 * time.Hour, time.Hour, Fail},
		{20 * time.Minute, 10 * time.Minute, time.Hour, Waived},
		{20 * time.Minute, 0, time.Hour, Waived},
		{3 * 24 * time.Hour, 24 * time.Hour, 7 * 24 * time.Hour, Waived},
	} {
		s := healthy()
		leak(s)
		last(s).Created = clock.Add(-c.old)
		s.policy.MinAge, s.policy.AskedMinAge, s.policy.MinAgeAsked = c.usual, c.asked, true
		if got := gate(t, only(t, s.judge(), "leaked-volume"), "old-enough"); got.Result != c.want {
			t.Errorf("%v old, %v asked for, %v usual: %s %q, want %s", c.old, c.asked, c.usual, got.Result, got.Why, c.want)
		}
	}
}

// A batch may go by an earlier sighting.
func TestBatch(t *testing.T) {
	s := healthy()
	leak(s)
	s.policy.Batch = true
	s.batch()
	if f := only(t, s.judge(), "leaked-volume"); f.Verdict != Safe {
		t.Errorf("seen before: %s %v", f.Verdict, refusals(f))
	}
	last(s).Created = clock.Add(-23 * time.Hour)
	f := only(t, s.judge(), "leaked-volume")
	if got := gate(t, f, "old-enough"); got.Result != Fail {
		t.Errorf("23 hours in a batch: %s %q, want fail", got.Result, got.Why)
	}
}

// An array host that is not certainly a member's is told of and stays.
func TestOthersObjectsStay(t *testing.T) {
	for name, spoil := range map[string]func(*scene){
		"nobody's":                      func(s *scene) { lastObject(s).WWNs = []string{"2100000000000bad"} },
		"a machine's that is no member": func(s *scene) { s.LXD.Members.Items[0].Name = "lxd09" },
		"without initiators":            func(s *scene) { lastObject(s).WWNs = nil },
		"of two":                        func(s *scene) { second(s); s.Hosts[1].WWPNs = s.Hosts[0].WWPNs },
		"members not all known":         func(s *scene) { s.Hosts[0].Name = "x"; s.LXD.Members = s.LXD.Members.Doubt("x") },
	} {
		s := healthy()
		idleObject(s)
		spoil(s)
		f := only(t, s.judge(), "idle-host")
		got := gate(t, f, "object-ours")
		if f.Verdict != ReportOnly || got.Result == Pass {
			t.Errorf("%s: %s, %s %s", name, f.Verdict, got.Result, got.Why)
		}
		if certain := name == "nobody's" || strings.HasPrefix(name, "a machine's"); certain != (got.Result == Fail) {
			t.Errorf("%s: it is certain: %t: %s", name, certain, got.Why)
		}
	}
}

// Nobody is told to delete what something is logged in as.
func TestOthersObjectInUse(t *testing.T) {
	for connectivity, idle := range map[string]bool{"critical None": true, "healthy Redundant": false, "unknown Unknown": false} {
		s := healthy()
		strangersObject(connectivity, evidence.No)(s)
		if got := gate(t, only(t, s.judge(), "idle-host"), "object-ours"); strings.Contains(got.Why, "delete it by hand") != idle {
			t.Errorf("%s: %s", connectivity, got.Why)
		}
	}
}

// Every class of remedy is guarded, and by what it must be.
func TestGatesOfClasses(t *testing.T) {
	must := map[Class][]string{
		ClassDestroy: {
			"array-identity", "pod-ownership", "lists-complete", "lxd-sees-all", "records-not-empty", "read-order", "members-online", "no-operation", "no-record",
			"not-expected", "original-kept", "explained", "old-enough", "seen-before", "ordinary", "not-protected", "connections-ours", "hosts-answered",
			"not-in-use", "no-io", "path-identity", "name-identity", "share",
		},
		ClassSnapshot: {
			"array-identity", "pod-ownership", "lists-complete", "lxd-sees-all", "records-not-empty", "read-order", "members-online", "no-operation", "no-record",
			"explained", "old-enough", "seen-before", "ordinary", "share",
		},
		ClassDisconnect: {
			"array-identity", "pod-ownership", "lists-complete", "lxd-sees-all", "records-not-empty", "read-order", "members-online", "no-operation",
			"not-expected", "old-enough", "seen-before", "ordinary", "connections-ours", "hosts-answered", "not-in-use", "no-io", "path-identity", "name-identity",
		},
		ClassArrayHost: {
			"array-identity", "lists-complete", "lxd-sees-all", "read-order", "members-online", "no-operation",
			"object-ours", "object-idle", "object-plain", "asked-for",
		},
		ClassWaiting: {
			"array-identity", "lists-complete", "lxd-sees-all", "read-order", "members-online", "no-operation", "not-connected", "hosts-answered",
			"path-identity", "name-identity", "only-waits", "asked-for",
		},
		ClassHost: {"array-identity", "lists-complete", "read-order", "no-operation", "not-connected", "hosts-answered", "not-in-use", "no-io", "path-identity", "name-identity"},
	}
	for class, want := range must {
		var got []string
		for _, g := range Gates {
			if slices.Contains(g.Classes, class) {
				got = append(got, g.Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("gates of %s (-want +got):\n%s", class, diff)
		}
	}
}

// goneMount is a live volume that is mounted from a device that is gone, and that
// device at one more place.
func (s *scene) goneMount(device, where string) {
	v := s.volume("n1", name(evidence.TypeCustom, "", 106))
	s.record(v, "gone")
	for _, where := range []string{"/var/snap/lxd/common/lxd/storage-pools/n1/custom/default_gone", where} {
		s.use(evidence.Use{Kind: evidence.UseMount, Device: device, Dev: "259:9", Where: where})
	}
	s.use(evidence.Use{Kind: evidence.UseSuperblock, Device: device, Where: "ext4"})
}

func lastMap(s *scene) *evidence.Map { return &s.Hosts[0].Maps.Items[len(s.Hosts[0].Maps.Items)-1] }

// What a gate of a whole pool answers is kept for all that is found there, so
// it may look at nothing else.
func TestPoolWideAnswersAreThePools(t *testing.T) {
	asked := 0
	for _, spoil := range []func(*scene){
		func(*scene) {},
		func(s *scene) { s.Arrays[0].Volumes = s.Arrays[0].Volumes.Doubt("cut") },
		func(s *scene) { s.LXD.Records = s.LXD.Records.Doubt("cut") },
		func(s *scene) { s.LXD.Members = s.LXD.Members.Doubt("cut") },
		func(s *scene) { s.operate("Creating volume") },
	} {
		s := everything()
		spoil(s)
		f := newFacts(&s.World, s.policy)
		for _, kind := range Kinds {
			for _, d := range kind.Check(f) {
				d.subject.f = f
				for _, gate := range Gates {
					if !gate.PoolWide {
						continue
					}
					of := gate.ask(Subject{f: f, array: d.subject.array, pool: d.subject.pool})
					for _, class := range gate.Classes {
						d.subject.class = class
						if diff := cmp.Diff(of, gate.ask(d.subject)); diff != "" {
							t.Errorf("%s of %s (-pool +object):\n%s", gate.Name, d.Object, diff)
						}
						asked++
					}
				}
			}
		}
	}
	if asked == 0 {
		t.Error("nobody was asked")
	}
}
