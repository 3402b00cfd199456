package diagnose

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// What single conditions of gates say where nothing else holds the evidence
// back: each was once taken away, and nobody noticed.
func TestConditionsHoldAlone(t *testing.T) {
	unread := evidence.Identity{Kind: evidence.IdentityUnknown, Why: "not asked"}
	stretched := func(trouble string) func(*scene) {
		return func(s *scene) {
			leak(s)
			pod := &s.array().Pods.Items[0]
			pod.Arrays = append(pod.Arrays, evidence.PodArray{ID: "peer", Name: "fa-peer", Status: "online"})
			peer := evidence.Array{ID: "peer"}
			peer.Name, peer.Trouble = "fa-peer", trouble
			s.Arrays = append(s.Arrays, peer)
		}
	}
	// bystander is another disk of the host, which did not say whose it is.
	bystander := func(s *scene, hctl string) {
		h := &s.Hosts[0]
		h.Disks = appendTo(h.Disks, evidence.Disk{Name: "sdz", Dev: "65:144", HCTL: hctl, State: "running", Vendor: "PURE", Live: unread, IO: idle()})
	}
	for _, c := range []struct {
		gate  string
		class Class
		name  string
		set   func(*scene)
		want  Result
		says  string
	}{
		{"pod-ownership", ClassDestroy, "a peer that could not be asked", stretched("it did not answer"), Uncertain, "stretched to fa-peer, which was not read"},
		{"not-protected", ClassDestroy, "LXD's own snapshot, with a record", func(s *scene) {
			v := leak(s)
			s.snapshot(v, copyOf(evidence.TypeCustom, "", 200), "data/snap7")
		}, Fail, "LXD has a record of its snapshot"},
		{"not-protected", ClassDestroy, "somebody else's snapshot", func(s *scene) {
			snap := s.snapshot(leak(s), copyOf(evidence.TypeCustom, "", 200), "")
			snap.LXD, snap.Suffix = evidence.Name{}, "daily-3"
		}, Fail, "somebody else made its snapshot"},
		{"not-protected", ClassDestroy, "what LXD keeps while it restores", func(s *scene) {
			snap := s.snapshot(leak(s), copyOf(evidence.TypeCustom, "", 200), "")
			snap.LXD, snap.Suffix = evidence.Name{}, reverter
		}, Pass, "1 snapshot that LXD made of it"},
		{"path-identity", ClassDestroy, "connected, and a path that is not running did not answer", func(s *scene) {
			leak(s)
			disk := &s.Hosts[0].Disks.Items[len(s.Hosts[0].Disks.Items)-1]
			disk.State, disk.Live = "offline", unread
		}, Uncertain, "did not say which volume it is"},
		{"path-identity", ClassDestroy, "not connected, and a path that is running did not answer", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.path(0, v, 1).Live = unread
		}, Uncertain, "did not say which volume it is"},
		{"path-identity", ClassDestroy, "not connected, and a path of which nothing is known did not answer", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			disk := s.path(0, v, 1)
			disk.Live, disk.State = unread, ""
		}, Uncertain, "did not say which volume it is"},
		{"path-identity", ClassDestroy, "a namespace without a name", func(s *scene) {
			leakNVMe(s)
			s.Hosts[0].Namespaces.Items[len(s.Hosts[0].Namespaces.Items)-1].Name = ""
		}, Uncertain, "has no name"},
		{"path-identity", ClassDestroy, "a silent disk at another number", func(s *scene) {
			leak(s)
			bystander(s, "1:0:0:77")
		}, Pass, "no other"},
		{"path-identity", ClassDestroy, "a silent disk at its number", func(s *scene) {
			v := leak(s)
			bystander(s, fmt.Sprintf("1:0:0:%d", v+1))
		}, Uncertain, "it may be this one"},
		{"path-identity", ClassDestroy, "a silent disk, and the number is not known", func(s *scene) {
			leak(s)
			s.array().Connections.Items[len(s.array().Connections.Items)-1].LUN = 0
			bystander(s, "1:0:0:77")
		}, Uncertain, "it may be this one"},
		{"path-identity", ClassDestroy, "a silent disk, and the connections are not all known", func(s *scene) {
			s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.array().Connections = s.array().Connections.Doubt("x")
			bystander(s, "1:0:0:77")
		}, Uncertain, "it may be this one"},
		{"seen-before", ClassSnapshot, "its volume was seen, and it was not", func(s *scene) {
			s.policy.Batch = true
			snap := s.array().Snapshots.Items[0]
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: snap.SourceID, Leaked: clock.Add(-48 * time.Hour)}}
		}, Fail, "no earlier check or fix saw it"},
		{"no-io", ClassDestroy, "connected by a peer alone, which has measured nothing", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			b := s.stretch()
			s.connectThere(v, hostName)
			b.Activity.Items = nil
		}, Uncertain, "has not measured it"},
		{"seen-before", ClassDisconnect, "of no connection", func(s *scene) {
			stale(s)
			s.policy.Batch = true
		}, Uncertain, "not known of which connection"},
		{"explained", ClassSnapshot, "LXD tried to destroy the volume that it is of", func(s *scene) {
			orphanSnapshot(s)
			v, snap := s.vol(1), s.array().Snapshots.Items[len(s.array().Snapshots.Items)-1]
			var deeds []evidence.Deed
			for i, verb := range []string{evidence.DeedCreate, evidence.DeedDestroy} {
				deeds = append(deeds, evidence.Deed{Verb: verb, At: v.Created.Add(time.Duration(i) * time.Hour), User: "lxd", Interface: "REST", Ours: evidence.No})
			}
			s.array().Trails = []evidence.Trail{{VolumeID: v.ID, Deeds: evidence.Complete(deeds)}, {VolumeID: snap.ID, Deeds: evidence.Complete([]evidence.Deed{})}}
		}, Uncertain, "older than this snapshot"},
		{"seen-before", ClassSnapshot, "it was seen", func(s *scene) {
			s.policy.Batch = true
			s.runs(50 * time.Hour)
			snap := s.array().Snapshots.Items[0]
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: snap.ID, Leaked: clock.Add(-48 * time.Hour), Last: justNow, Written: evidence.CountOf(0), Provisioned: snap.Provisioned}}
		}, Pass, "first seen as a leftover on"},
	} {
		t.Run(c.gate+" "+c.name, func(t *testing.T) {
			s := healthy()
			c.set(s)
			if got := s.answer(c.gate, c.class); got.Result != c.want || !strings.Contains(got.Why, c.says) {
				t.Errorf("%s: %s\nwanted %s: %s", got.Result, got.Why, c.want, c.says)
			}
		})
	}
}

// What the array says of an array host counts in each of its ways of saying
// that somebody uses it.
func TestHostObjectIsIdle(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*scene, *evidence.ArrayHost)
		want Result
		says string
	}{
		{"idle", func(*scene, *evidence.ArrayHost) {}, Pass, "no connection"},
		{"a connection is listed", func(s *scene, o *evidence.ArrayHost) {
			s.array().Connections = appendTo(s.array().Connections, evidence.Connection{VolumeName: "p1::x", Host: strings.ToUpper(o.Name)})
		}, Fail, "connected to p1::x"},
		{"a connection is counted", func(_ *scene, o *evidence.ArrayHost) { o.ConnectionCount = evidence.CountOf(1) }, Uncertain, "and lists none"},
		{"connections are not all known", func(s *scene, _ *evidence.ArrayHost) { s.array().Connections = s.array().Connections.Doubt("x") }, Uncertain, "not all known: x"},
		{"nobody knows whose it is", func(_ *scene, o *evidence.ArrayHost) { o.Local = evidence.Unknown }, Uncertain, "this array's own"},
		{"another array's", func(_ *scene, o *evidence.ArrayHost) { o.Local = evidence.No }, Fail, "another array's"},
		{"in a group", func(_ *scene, o *evidence.ArrayHost) { o.Group = "esx" }, Fail, "host group esx"},
		{"destroyed", func(_ *scene, o *evidence.ArrayHost) { o.Destroyed = evidence.Yes }, Fail, "already destroyed"},
		{"logged in", func(_ *scene, o *evidence.ArrayHost) { o.Connectivity = "healthy Redundant" }, Fail, "something is logged in"},
		{"logged in by one controller", func(_ *scene, o *evidence.ArrayHost) { o.Connectivity = "critical Single Controller" }, Fail, "something is logged in"},
		{"none, and healthy", func(_ *scene, o *evidence.ArrayHost) { o.Connectivity = "healthy None" }, Fail, "something is logged in"},
		{"nothing said of logins", func(_ *scene, o *evidence.ArrayHost) { o.Connectivity = "" }, Uncertain, "does not say"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			o := evidence.ArrayHost{Name: "lxd09-iscsi", Local: evidence.Yes, Destroyed: evidence.No, ConnectionCount: evidence.CountOf(0), Connectivity: "critical None"}
			c.set(s, &o)
			f := newFacts(&s.World, s.policy)
			got, why := objectIdle(Subject{f: f, class: ClassHost, array: f.arrays[0], object: &o})
			if got != c.want || !strings.Contains(why, c.says) {
				t.Errorf("%s: %s", got, why)
			}
		})
	}
	if got, why := share(Subject{}); got != Uncertain {
		t.Errorf("the share of no pool: %s: %s", got, why)
	}
	s := healthy()
	f := newFacts(&s.World, s.policy)
	for name, gate := range map[string]func(Subject) (Result, string){"idle": objectIdle, "plain": objectPlain, "ours": objectOurs} {
		for _, part := range []Subject{{}, {f: f, array: f.arrays[0]}, {f: f, object: &evidence.ArrayHost{}}} {
			if got, why := gate(part); got != Uncertain {
				t.Errorf("%s without an object or its array: %s: %s", name, got, why)
			}
		}
	}
}
