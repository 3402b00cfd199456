package diagnose

import (
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// Whether what leaked could be counted follows from the lists that it is counted
// from, pool by pool, and from no other.
func TestCounted(t *testing.T) {
	for _, c := range []struct {
		name                      string
		spoil                     func(*scene)
		listed, recorded, counted bool
	}{
		{"nothing is missing", func(*scene) {}, true, true, true},
		{"connections", func(s *scene) { s.array().Connections = s.array().Connections.Doubt("no") }, true, true, true},
		{"hosts", func(s *scene) { s.array().Hosts = s.array().Hosts.Doubt("no") }, true, true, true},
		{"a host", func(s *scene) { s.Hosts[0].Trouble = "no" }, true, true, true},
		{"snapshots", func(s *scene) { s.array().Snapshots = s.array().Snapshots.Doubt("no") }, false, true, true},
		{"a page of volumes", func(s *scene) { s.array().Volumes = s.array().Volumes.Doubt("no") }, false, true, false},
		{"volumes", func(s *scene) { s.array().Volumes = evidence.List[evidence.Volume]{} }, false, true, false},
		{"pods", func(s *scene) { s.array().Pods = evidence.List[evidence.Pod]{} }, false, true, false},
		{"the array", func(s *scene) { *s.array() = evidence.Array{Source: evidence.Source{Trouble: "no"}} }, false, true, false},
		{"all arrays", func(s *scene) { s.Arrays = nil }, false, true, false},
		{"records", func(s *scene) { s.LXD.Records = evidence.List[evidence.Record]{} }, true, false, false},
		{"a part of the records", func(s *scene) { s.LXD.Records = s.LXD.Records.Doubt("no") }, true, false, true},
	} {
		s := healthy()
		c.spoil(s)
		r := s.judge()
		for _, p := range r.Pools {
			if p.Listed != c.listed || p.Recorded != c.recorded || p.Counted != c.counted {
				t.Errorf("without %s: %+v", c.name, p)
			}
		}
		volumes, bytes, unique := r.Summary.Leaks()
		if r.Summary.Counted != c.counted || volumes.Known != c.counted || bytes.Known != c.counted || unique.Known != c.counted {
			t.Errorf("without %s: %v %v %v, counted: %v", c.name, volumes, bytes, unique, r.Summary.Counted)
		}
	}
	s := healthy()
	s.LXD = evidence.LXD{Source: evidence.Source{Trouble: "no"}}
	if r := s.judge(); r.Summary.Counted {
		t.Errorf("without LXD all is counted: %+v", r.Pools)
	}
}

// What a volume is connected to is null, and not nothing, unless that is known.
func TestConnectionsThatAreNotKnown(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(s *scene, leak int)
		known  bool
		number int
	}{
		{"to nothing", func(*scene, int) {}, true, 0},
		{"to a host", func(s *scene, leak int) { s.connect(leak, hostName) }, true, 1},
		{"no list", func(s *scene, _ int) { s.array().Connections = evidence.List[evidence.Connection]{} }, false, 0},
		{"a page is missing", func(s *scene, _ int) { s.array().Connections = s.array().Connections.Doubt("no") }, false, 0},
		{"a page is missing, and one is seen", func(s *scene, leak int) {
			s.connect(leak, hostName)
			s.array().Connections = s.array().Connections.Doubt("no")
		}, true, 1},
		{"the array counts one", func(s *scene, leak int) { s.vol(leak).ConnectionCount = evidence.CountOf(1) }, false, 0},
		{"the array does not count", func(s *scene, leak int) { s.vol(leak).ConnectionCount = evidence.Count{} }, false, 0},
		{"a peer is not read", func(s *scene, _ int) {
			s.array().Pods.Items[0].Arrays = append(s.array().Pods.Items[0].Arrays, evidence.PodArray{ID: "another", Name: "fa2", Status: "online"})
		}, false, 0},
	} {
		s := healthy()
		leak := s.volume("p1", name(evidence.TypeCustom, "", 77))
		c.spoil(s, leak)
		f := only(t, s.judge(), codeLeakedVolume)
		if (f.Connections != nil) != c.known || len(f.Connections) != c.number {
			t.Errorf("%s: %#v", c.name, f.Connections)
		}
	}
}
