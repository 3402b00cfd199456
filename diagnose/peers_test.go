package diagnose

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// stretch puts pod p1 on a second array as well, which was asked for it and
// told everything, and connects nothing.
func (s *scene) stretch() *evidence.Array {
	a := s.array()
	where := append(slices.Clone(a.Pods.Items[0].Arrays), evidence.PodArray{ID: "b", Name: "fa2", Status: "online"})
	a.Pods.Items[0].Arrays = where
	told := evidence.Array{
		Source: evidence.Source{Name: "fa2", Began: a.Began, Ended: a.Ended}, Gateway: "https://fa2", ID: "b", Clock: clock, Asked: []string{"p1"},
		Pods: evidence.Complete([]evidence.Pod{pod("p1")}), Hosts: evidence.Complete(slices.Clone(a.Hosts.Items)),
		Volumes: evidence.Complete[evidence.Volume](nil), Snapshots: evidence.Complete[evidence.Snapshot](nil),
		HostGroups: evidence.Complete[evidence.HostGroup](nil), Connections: evidence.Complete[evidence.Connection](nil),
		Protections: evidence.Complete[evidence.Protection](nil), Activity: evidence.Complete[evidence.Activity](nil),
	}
	told.Pods.Items[0].Arrays = where
	for _, v := range a.Volumes.Items {
		if v.Pod == "p1" {
			v.ID, v.ConnectionCount = "b-"+v.ID, evidence.CountOf(0)
			told.Volumes.Items = append(told.Volumes.Items, v)
			told.Activity = appendTo(told.Activity, evidence.Activity{VolumeID: v.ID, VolumeName: v.Name, Busy: evidence.No})
		}
	}
	s.Arrays = append(s.Arrays, told)
	return &s.Arrays[1]
}

// leaveOut takes a pool and all in it out of the world.
func (s *scene) leaveOut(pool string) {
	s.LXD.Pools.Items = slices.DeleteFunc(s.LXD.Pools.Items, func(p evidence.Pool) bool { return p.Name == pool })
	s.LXD.Records.Items = slices.DeleteFunc(s.LXD.Records.Items, func(r evidence.Record) bool { return r.Pool == pool })
	s.array().Volumes.Items = slices.DeleteFunc(s.array().Volumes.Items, func(v evidence.Volume) bool { return v.Pod == pool })
}

// connectThere connects the volume of that index on the second array.
func (s *scene) connectThere(v int, host string) {
	b, serial := &s.Arrays[1], s.vol(v).Serial
	for i := range b.Volumes.Items {
		if there := &b.Volumes.Items[i]; there.Serial == serial {
			there.ConnectionCount = evidence.CountOf(there.ConnectionCount.N + 1)
			b.Connections = appendTo(b.Connections, evidence.Connection{VolumeID: there.ID, VolumeName: there.Name, Host: host, LUN: 77})
		}
	}
}

// A stretched pod is read on all of its arrays, or nothing of it is touched.
func TestStretchedPod(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*scene, *evidence.Array, int)
		gate string
		want Result
		says string
	}{
		{"all was read", func(*scene, *evidence.Array, int) {}, "", "", ""},
		{"not asked for the pod", func(_ *scene, b *evidence.Array, _ int) { b.Asked = []string{"other"} }, "pod-ownership", Uncertain, "fa2, which was not asked for it"},
		{"no such pod there", func(_ *scene, b *evidence.Array, _ int) { b.Pods.Items = nil }, "pod-ownership", Uncertain, "which lists no such pod"},
		{"volumes", func(_ *scene, b *evidence.Array, _ int) { b.Volumes = b.Volumes.Doubt("page 2") }, "pod-ownership", Uncertain, "page 2"},
		{"connections", func(_ *scene, b *evidence.Array, _ int) { b.Connections = b.Connections.Doubt("page 2") }, "pod-ownership", Uncertain, "page 2"},
		{"hosts", func(_ *scene, b *evidence.Array, _ int) { b.Hosts = b.Hosts.Doubt("page 2") }, "pod-ownership", Uncertain, "page 2"},
		{"snapshots", func(_ *scene, b *evidence.Array, _ int) { b.Snapshots = b.Snapshots.Doubt("page 2") }, "pod-ownership", Uncertain, "page 2"},
		{"a stranger has it there, too", func(s *scene, b *evidence.Array, v int) {
			b.Hosts = appendTo(b.Hosts, evidence.ArrayHost{Name: "oracle", Local: evidence.Yes, IQNs: []string{"iqn.x:oracle"}, Destroyed: evidence.No})
			s.connectThere(v, hostName)
			s.connectThere(v, "oracle")
		}, "connections-ours", Fail, "oracle on fa2: oracle belongs to no member"},
		{"host groups", func(_ *scene, b *evidence.Array, _ int) { b.HostGroups = b.HostGroups.Doubt("page 2") }, "pod-ownership", Uncertain, "page 2"},
		{"pods", func(_ *scene, b *evidence.Array, _ int) { b.Pods = b.Pods.Doubt("page 2") }, "pod-ownership", Uncertain, "page 2"},
		{"trouble", func(_ *scene, b *evidence.Array, _ int) { b.Trouble = "timeout" }, "pod-ownership", Uncertain, "was not read"},
		{"a stranger there", func(s *scene, b *evidence.Array, v int) {
			b.Hosts = appendTo(b.Hosts, evidence.ArrayHost{Name: "oracle", Local: evidence.Yes, IQNs: []string{"iqn.x:oracle"}, Destroyed: evidence.No})
			s.connectThere(v, "oracle")
		}, "pod-ownership", Fail, `is connected to "oracle" on fa2`},
		{"a stranger has another volume there", func(s *scene, b *evidence.Array, _ int) {
			b.Hosts = appendTo(b.Hosts, evidence.ArrayHost{Name: "oracle", Local: evidence.Yes, IQNs: []string{"iqn.x:oracle"}, Destroyed: evidence.No})
			s.connectThere(0, "oracle")
		}, "pod-ownership", Fail, `is connected to "oracle" on fa2`},
		{"a host that is not listed", func(s *scene, _ *evidence.Array, v int) { s.connectThere(v, "who") }, "pod-ownership", Uncertain, `is connected to "who" on fa2`},
		{"a member there", func(s *scene, _ *evidence.Array, v int) { s.connectThere(v, hostName) }, "", "", ""},
		{"a member there, who makes I/O", func(s *scene, b *evidence.Array, v int) {
			s.connectThere(v, hostName)
			b.Activity.Items[v].Busy = evidence.Yes
		}, "no-io", Fail, "recent I/O"},
		{"a member there, and no I/O was measured", func(s *scene, b *evidence.Array, v int) {
			s.connectThere(v, hostName)
			b.Activity.Items = nil
		}, "no-io", Uncertain, "has not measured it"},
		{"a group there", func(s *scene, b *evidence.Array, v int) {
			s.connectThere(v, hostName)
			b.Connections.Items[0].Group = "all"
		}, "connections-ours", Fail, "host group all of fa2"},
		{"the counts contradict", func(_ *scene, b *evidence.Array, v int) { b.Volumes.Items[v].ConnectionCount = evidence.CountOf(1) }, "connections-ours", Uncertain, "fa2 counts connections"},
		{"the volume is not there", func(_ *scene, b *evidence.Array, v int) {
			b.Volumes.Items = slices.Delete(b.Volumes.Items, v, v+1)
		}, "connections-ours", Uncertain, "fa2 lists no volume with its serial"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			s.leaveOut("n1")
			v := leak(s)
			b := s.stretch()
			c.set(s, b, v)
			f := only(t, s.judge(), "leaked-volume")
			if c.gate == "" {
				if f.Verdict != Safe {
					t.Errorf("%v", f.Reasons())
				}
				return
			}
			if got := gate(t, f, c.gate); f.Verdict != Blocked || got.Result != c.want || !strings.Contains(got.Why, c.says) {
				t.Errorf("%s, %s: %q, want %s: %q", f.Verdict, got.Result, got.Why, c.want, c.says)
			}
		})
	}
}

// A device that only the peer connects has not lost its volume.
func TestDeviceOfAPeer(t *testing.T) {
	s := healthy()
	v := deadMap(s)
	b := s.stretch()
	if f := only(t, s.judge(), "stale-map"); f.Verdict != Safe {
		t.Errorf("connected nowhere: %v", f.Reasons())
	}
	s.connectThere(v, hostName)
	for what, set := range map[string]func(){
		"connected there":     func() {},
		"not known, by pod":   func() { b.Asked = nil },
		"not known, by lists": func() { b.Connections = b.Connections.Doubt("page 2") },
	} {
		set()
		for _, f := range s.judge().Findings {
			if f.Verdict == Safe {
				t.Errorf("%s: %s %s is safe", what, f.Code, f.Object)
			}
		}
	}
}

// What a peer says may be taken away: nothing becomes safe by it.
func TestTakingPeersAwayNeverMakesSafe(t *testing.T) {
	s := healthy()
	v := leak(s)
	other := s.volume("p1", name(evidence.TypeImage, "", 300))
	s.stretch()
	s.connectThere(v, hostName)
	before := safe(s.judge())
	if len(before) != 2 {
		t.Fatalf("safe before: %v, want %s and the one that the peer connects", before, s.vol(other).Name)
	}
	leaves(reflect.ValueOf(&s.Arrays).Elem(), "Arrays", "Arrays", func(path string, take func() func()) {
		restore := take()
		defer restore()
		if more := grown(before, safe(s.judge())); len(more) > 0 {
			t.Errorf("%s: becomes safe: %q", path, more)
		}
	})
}

// showRemote shows on the first array that the second one connects the volume
// to a host with these initiators.
func (s *scene) showRemote(v int, host string, iqns ...string) {
	a := s.array()
	if !slices.ContainsFunc(a.Hosts.Items, func(h evidence.ArrayHost) bool { return h.Name == "fa2:"+host }) {
		a.Hosts = appendTo(a.Hosts, evidence.ArrayHost{Name: "fa2:" + host, Local: evidence.No, IQNs: iqns, Destroyed: evidence.No})
	}
	a.Connections = appendTo(a.Connections, evidence.Connection{VolumeID: s.vol(v).ID, VolumeName: s.vol(v).Name, Host: "fa2:" + host, LUN: 9})
}

// What an array shows of its peer's connections: a member's second way is no
// stranger, and of whoever was not read there is no proof that it is idle.
func TestRemoteConnections(t *testing.T) {
	for _, c := range []struct {
		name    string
		set     func(s *scene, leak int)
		gate    string
		want    Result
		says    []string
		foreign bool
	}{
		{"a member's, as the peer lists it", func(s *scene, v int) {
			s.connectThere(v, hostName)
			s.showRemote(v, hostName, iqn1)
		}, "connections-ours", Pass, []string{"lxd01-iscsi on fa2", "lxd01's way to it through the peer"}, false},
		{
			"a member's, which the peer does not list", func(s *scene, v int) { s.showRemote(v, hostName, iqn1) },
			"connections-ours", Fail,
			[]string{"fa2:lxd01-iscsi", "lxd01's way", "on fa2: purevol disconnect --host lxd01-iscsi "},
			false,
		},
		{
			"which the first array does not show", func(s *scene, v int) { s.connectThere(v, hostName) },
			"connections-ours", Pass,
			[]string{"lxd01-iscsi on fa2"},
			false,
		},
		{"a member's, and the peer was not read", func(s *scene, v int) {
			s.Arrays = s.Arrays[:1]
			s.showRemote(v, hostName, iqn1)
		}, "pod-ownership", Uncertain, []string{"was not read", "pools.p1.peers.fa2"}, false},
		{"a stranger's, and the peer was not read", func(s *scene, v int) {
			s.Arrays = s.Arrays[:1]
			s.showRemote(v, "oracle", "iqn.x:oracle")
		}, "pod-ownership", Fail, []string{"another machine uses the pod", "fa2:oracle"}, true},
		{"a stranger's, as the peer lists it", func(s *scene, v int) {
			b := &s.Arrays[1]
			b.Hosts = appendTo(b.Hosts, evidence.ArrayHost{Name: "oracle", Local: evidence.Yes, IQNs: []string{"iqn.x:oracle"}, Destroyed: evidence.No})
			s.connectThere(v, "oracle")
			s.showRemote(v, "oracle", "iqn.x:oracle")
		}, "pod-ownership", Fail, []string{"oracle"}, true},
		{"the peer shows what the first array does not list", func(s *scene, v int) {
			b := &s.Arrays[1]
			b.Hosts = appendTo(b.Hosts, evidence.ArrayHost{Name: "fa1:other", Local: evidence.No, IQNs: []string{iqn1}, Destroyed: evidence.No})
			for _, twin := range b.Volumes.Items {
				if twin.Serial == s.vol(v).Serial {
					b.Connections = appendTo(b.Connections, evidence.Connection{VolumeID: twin.ID, VolumeName: twin.Name, Host: "fa1:other", LUN: 3})
				}
			}
		}, "connections-ours", Uncertain, []string{"fa2 shows a connection to fa1:other"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			s.leaveOut("n1")
			v := leak(s)
			s.stretch()
			c.set(s, v)
			report := s.judge()
			i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.VolumeID == s.vol(v).ID && len(f.Gates) > 0 })
			if i < 0 {
				t.Fatalf("no finding of the leak: %+v", report.Findings)
			}
			f := report.Findings[i]
			got := gate(t, f, c.gate)
			if (f.Verdict != Safe) != (c.want != Pass) || got.Result != c.want {
				t.Errorf("%s, %s: %q", f.Verdict, got.Result, got.Why)
			}
			for _, part := range c.says {
				if !strings.Contains(got.Why, part) {
					t.Errorf("%q lacks %q", got.Why, part)
				}
			}
			for _, f := range report.Findings {
				if (f.Code == "foreign-connection") && !c.foreign || f.Verdict == Safe && c.want != Pass {
					t.Errorf("%s of %s: %s", f.Code, f.Object, f.Detail)
				}
			}
			if foreign := slices.ContainsFunc(report.Findings, func(f Finding) bool { return f.Code == "foreign-connection" }); foreign != c.foreign {
				t.Errorf("a foreign connection: %v", foreign)
			}
			// It is one volume, on two arrays.
			e, err := Explain(s.World, s.policy, s.vol(v).Name, "")
			if err != nil || e.VolumeID != s.vol(v).ID {
				t.Errorf("explained: %v", err)
			}
			if e, err := Explain(s.World, s.policy, "b-"+s.vol(v).ID, ""); len(s.Arrays) > 1 && (err != nil || e.VolumeID != s.vol(v).ID) {
				t.Errorf("by its id there: %v", err)
			}
			if fits := Fits(s.World, s.policy, string(s.vol(v).Serial)); len(fits) != 1 {
				t.Errorf("it fits %+v", fits)
			}
		})
	}
}

// A disk that does not say who it is may be the volume through the peer, under
// the number that the peer has for it.
func TestHiddenDiskOfAPeer(t *testing.T) {
	for name, lun := range map[string]int{"the peer's number": 77, "nobody's": 78} {
		s := healthy()
		s.array().Volumes.Items = slices.DeleteFunc(s.array().Volumes.Items, func(v evidence.Volume) bool { return v.Pod != "p1" })
		v := leak(s)
		s.connect(v, hostName)
		s.stretch()
		s.connectThere(v, hostName)
		s.Hosts[0].Disks = appendTo(s.Hosts[0].Disks, evidence.Disk{Name: "sdz", HCTL: fmt.Sprintf("9:0:0:%d", lun), State: "running"})
		got := gate(t, only(t, s.judge(), "leaked-volume"), "path-identity")
		if hidden := got.Result == Uncertain; hidden != (lun == 77) {
			t.Errorf("%s: %s %q", name, got.Result, got.Why)
		}
	}
}

// Of a volume that stays no connection is cut while the peer connects it, too:
// its device would come back through the peer.
func TestStaleConnectionOfAStretchedPod(t *testing.T) {
	for name, there := range map[string]bool{"connected here only": false, "connected there, too": true} {
		s := healthy()
		s.array().Volumes.Items = slices.DeleteFunc(s.array().Volumes.Items, func(v evidence.Volume) bool { return v.Pod != "p1" })
		v := stale(s)
		s.stretch()
		if there {
			s.connectThere(v, hostName)
		}
		f := only(t, s.judge(), "stale-connection")
		if (f.Verdict == Safe) == there {
			t.Errorf("%s: %s %v", name, f.Verdict, f.Reasons())
		}
		if got := gate(t, f, "connections-ours"); there && !strings.Contains(got.Why, "on fa2: purevol disconnect --host lxd01-iscsi ") {
			t.Errorf("%s: %q", name, got.Why)
		}
	}
}
