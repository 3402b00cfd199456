package diagnose

import (
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
		}
	}
	s.Arrays = append(s.Arrays, told)
	return &s.Arrays[1]
}

// connectThere connects the volume of that index on the second array.
func (s *scene) connectThere(v int, host string) {
	b, serial := &s.Arrays[1], s.vol(v).Serial
	for i := range b.Volumes.Items {
		if there := &b.Volumes.Items[i]; there.Serial == serial {
			there.ConnectionCount = evidence.CountOf(there.ConnectionCount.N + 1)
			b.Connections = appendTo(b.Connections, evidence.Connection{VolumeID: there.ID, VolumeName: there.Name, Host: host, LUN: 7})
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
		{"a member there", func(s *scene, _ *evidence.Array, v int) { s.connectThere(v, hostName) }, "connections-ours", Fail, "connected to lxd01-iscsi on fa2"},
		{"the counts contradict", func(_ *scene, b *evidence.Array, v int) { b.Volumes.Items[v].ConnectionCount = evidence.CountOf(1) }, "connections-ours", Uncertain, "fa2 counts connections"},
		{"the volume is not there", func(_ *scene, b *evidence.Array, v int) {
			b.Volumes.Items = slices.Delete(b.Volumes.Items, v, v+1)
		}, "connections-ours", Uncertain, "fa2 lists no volume with its serial"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			s.array().Volumes.Items = slices.DeleteFunc(s.array().Volumes.Items, func(v evidence.Volume) bool { return v.Pod != "p1" })
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
	if len(before) != 1 {
		t.Fatalf("safe before: %v, want only %s", before, s.vol(other).Name)
	}
	leaves(reflect.ValueOf(&s.Arrays).Elem(), "Arrays", "Arrays", func(path string, take func() func()) {
		restore := take()
		defer restore()
		if more := grown(before, safe(s.judge())); len(more) > 0 {
			t.Errorf("%s: becomes safe: %q", path, more)
		}
	})
}
