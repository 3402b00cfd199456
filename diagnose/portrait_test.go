package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// portraits are those of all volumes and snapshots of a scene, by their name
// on the array.
func (s *scene) portraits() map[string]Portrait {
	all := map[string]Portrait{}
	g := NewGallery(s.World, s.policy)
	for _, a := range s.Arrays {
		for _, v := range a.Volumes.Items {
			if p, ok := g.Finding(Finding{ArrayID: a.ID, VolumeID: v.ID}); ok {
				all[v.Name] = p
			}
		}
		for _, snap := range a.Snapshots.Items {
			if p, ok := g.Finding(Finding{ArrayID: a.ID, VolumeID: snap.ID}); ok {
				all[snap.Name] = p
			}
		}
	}
	return all
}

// ties are all of a portrait.
func ties(p Portrait) []Tie {
	all := []Tie{p.RecordTie}
	for _, h := range p.Hosts {
		all = append(all, h.Tie, h.Use)
	}
	return all
}

// Where nothing is wrong, everything agrees.
func TestHealthyPortraitsAgree(t *testing.T) {
	s := healthy()
	all := s.portraits()
	if want := len(s.array().Volumes.Items) + len(s.array().Snapshots.Items); len(all) != want {
		t.Fatalf("%d portraits of %d objects", len(all), want)
	}
	for name, p := range all {
		for _, tie := range ties(p) {
			if !tie.Agrees.Is() {
				t.Errorf("%s: %s, %s", name, tie.Agrees, tie.Words)
			}
		}
		if !p.Record.Has.Is() || !p.Array.Has.Is() || len(p.Unread) > 0 {
			t.Errorf("%s: record %s, array %s, unread %q", name, p.Record.Has, p.Array.Has, p.Unread)
		}
	}
}

// A witness that is silent agrees with nobody.
func TestPortraitsOfSilenceAreUnknown(t *testing.T) {
	for _, c := range []struct {
		name   string
		silent func(*scene)
		ties   func(Portrait) []Tie
	}{
		{"LXD's records", func(s *scene) { s.LXD.Records = evidence.Incomplete[evidence.Record](nil, "the answer was cut short") }, func(p Portrait) []Tie {
			if p.Record.Has != evidence.Unknown || p.RecordTie.Agrees.IsNot() {
				return []Tie{{evidence.Yes, "it is claimed that there is no record: " + p.RecordTie.Words}}
			}
			return []Tie{p.RecordTie}
		}},
		{"the array's connections", func(s *scene) {
			a := s.array()
			a.Connections = evidence.Incomplete[evidence.Connection](nil, "a page is missing")
		}, func(p Portrait) []Tie {
			var all []Tie
			for _, h := range p.Hosts {
				all = append(all, h.Tie)
			}
			return all
		}},
		{"the host", func(s *scene) {
			s.Hosts[0] = evidence.Host{Source: evidence.Source{Name: "lxd01", Trouble: "no answer"}}
		}, func(p Portrait) []Tie { return ties(p)[1:] }},
		{"the host's disks", func(s *scene) {
			s.Hosts[0].Disks = evidence.Incomplete[evidence.Disk](nil, "no permission")
			s.Hosts[0].Maps = evidence.Incomplete[evidence.Map](nil, "no permission")
			s.Hosts[0].Namespaces = evidence.Incomplete[evidence.Namespace](nil, "no permission")
			s.Hosts[0].Uses = evidence.Complete[evidence.Use](nil)
		}, func(p Portrait) []Tie {
			var all []Tie
			for _, h := range p.Hosts {
				if h.Tie.Agrees.IsNot() || !h.Unread {
					all = append(all, Tie{evidence.Yes, "a device that could not be seen is missed: " + h.Tie.Words})
				}
				all = append(all, h.Tie, h.Use)
			}
			return all
		}},
		{"the host's uses", func(s *scene) {
			s.Hosts[0].Uses = evidence.Incomplete[evidence.Use](nil, "no permission")
		}, func(p Portrait) []Tie {
			var all []Tie
			for _, h := range p.Hosts {
				if !strings.Contains(h.Use.Words, "is open") { // device-mapper says that all the same
					all = append(all, h.Use)
				}
			}
			return all
		}},
	} {
		s := healthy()
		leak(s)
		c.silent(s)
		n := 0
		for name, p := range s.portraits() {
			for _, tie := range c.ties(p) {
				n++
				if tie.Agrees.Is() && !strings.Contains(name, ".") {
					t.Errorf("without %s, %s: %q agrees", c.name, name, tie.Words)
				}
			}
		}
		if n == 0 {
			t.Errorf("without %s: nothing was tied", c.name)
		}
	}
}

// Each kind of trouble is broken in the picture where it is broken in life.
func TestPortraitsOfFindings(t *testing.T) {
	const yes, no, unknown = evidence.Yes, evidence.No, evidence.Unknown
	for _, c := range []struct {
		name  string
		wrong func(*scene)
		code  string
		// want are the ties: record, and for each host its devices and use.
		want []evidence.Answer
	}{
		{"a leak that is connected", func(s *scene) { leak(s) }, "leaked-volume", []evidence.Answer{no, yes, yes}},
		{"a leak without a connection", leakUnit, "leaked-volume", []evidence.Answer{no}},
		{"a leak that is mounted", func(s *scene) {
			leak(s)
			s.use(evidence.Use{Kind: evidence.UseMount, Serial: s.vol(len(s.array().Volumes.Items) - 1).Serial, Where: "/mnt"})
		}, "leaked-volume", []evidence.Answer{no, yes, no}},
		{"a leak connected where no device came", leakUnit2, "leaked-volume", []evidence.Answer{no, no, yes}},
		{"a copy of a snapshot", copyOne, "leaked-snapshot-volume", []evidence.Answer{no, yes, yes}},
		{"a connection that nothing uses", staleOne, "stale-connection", []evidence.Answer{yes, yes, no}},
		{"a map whose volume is gone", deadOne, "stale-map", []evidence.Answer{yes, no, yes}},
		{"a mount without a connection", func(s *scene) {
			a := s.array()
			a.Connections = evidence.Complete(a.Connections.Items[1:])
			s.vol(0).ConnectionCount = evidence.CountOf(0)
		}, "in-use-without-connection", []evidence.Answer{yes, no, no}},
		{"destroyed under LXD", func(s *scene) {
			a := s.array()
			v := &a.Volumes.Items[3]
			v.Destroyed = yes
		}, "destroyed-but-recorded", []evidence.Answer{no}},
		{"a record without a volume", func(s *scene) {
			s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{Pool: "p1", Project: "default", Type: evidence.TypeCustom, Name: "lost", Content: "filesystem", UUID: uuid(77)})
		}, "missing-volume", []evidence.Answer{no}},
		{"another's connection", func(s *scene) { s.connect(s.volume("p1", name(evidence.TypeCustom, "", 100)), "ghost") }, "leaked-volume", []evidence.Answer{no, unknown, unknown}},
		{"a name that is not LXD's", func(s *scene) {
			v := s.vol(s.volume("p1", name(evidence.TypeCustom, "", 100)))
			v.Name, v.LXD = "p1::oracle", evidence.Name{}
		}, "foreign-volume", []evidence.Answer{no}},
		{"a snapshot without a record", orphanSnapshot, "leaked-snapshot", []evidence.Answer{no}},
	} {
		s := healthy()
		c.wrong(s)
		f := only(t, s.judge(), c.code)
		p, ok := NewGallery(s.World, s.policy).Finding(f)
		if !ok {
			t.Errorf("%s: no portrait", c.name)
			continue
		}
		var got []evidence.Answer
		for _, tie := range ties(p) {
			got = append(got, tie.Agrees)
			if tie.Words == "" {
				t.Errorf("%s: a tie without words", c.name)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: ties %v, want %v: %+v", c.name, got, c.want, p)
		}
		again, ok := NewGallery(s.World, s.policy).Finding(f)
		if !ok || again.Key != p.Key {
			t.Errorf("%s: key %q, then %q", c.name, p.Key, again.Key)
		}
	}
}

// What is read and written under the name of another volume is shown with it.
func TestPortraitOfStrays(t *testing.T) {
	mixed := func(serial func(*scene) evidence.Serial) Portrait {
		s := healthy()
		s.Hosts[0].Disks.Items[2].Live.Serial = serial(s) // the first path of data's map
		p, ok := NewGallery(s.World, s.policy).Finding(only(t, s.judge(), "mixed-map"))
		if !ok || len(p.Strays) != 1 || !strings.Contains(p.Strays[0].Words, "sdd on lxd01") {
			t.Fatalf("%+v", p.Strays)
		}
		return p
	}
	p := mixed(func(s *scene) evidence.Serial { return s.vol(0).Serial })
	s := healthy()
	if other := p.Strays[0].Array; other.Title != s.vol(0).Name || !other.Has.Is() || !strings.Contains(strings.Join(other.Lines, " "), "LXD's ") {
		t.Errorf("%+v", other)
	}
	p = mixed(func(*scene) evidence.Serial { return serialNo(999) })
	if other := p.Strays[0].Array; other.Has != evidence.Unknown || !strings.Contains(strings.Join(other.Lines, " "), string(serialNo(999))) {
		t.Errorf("%+v", other)
	}
	p = mixed(func(s *scene) evidence.Serial {
		s.array().Lookups = []evidence.Lookup{{Serial: serialNo(999), Found: evidence.Yes, Name: "oracle"}}
		return serialNo(999)
	})
	if other := p.Strays[0].Array; other.Title != "oracle" || !other.Has.Is() {
		t.Errorf("%+v", other)
	}
	p = mixed(func(s *scene) evidence.Serial {
		s.array().Lookups = []evidence.Lookup{{Serial: serialNo(999), Found: evidence.No}}
		return serialNo(999)
	})
	if other := p.Strays[0].Array; other.Title != "no volume" || !other.Has.IsNot() {
		t.Errorf("%+v", other)
	}
	if p, ok := healthy().portraits()[healthy().vol(0).Name]; !ok || len(p.Strays) > 0 {
		t.Errorf("%+v", p.Strays)
	}
}

// In a cluster each member is told of: connected, idle, or not read.
func TestPortraitsOfCluster(t *testing.T) {
	s := healthy()
	second(s)
	v := leak(s)
	p := s.portraits()[s.vol(v).Name]
	if len(p.Hosts) != 1 || p.Hosts[0].Name != "lxd01" || !slices.Equal(p.Elsewhere, []string{"lxd02"}) || len(p.Unread) > 0 {
		t.Errorf("both read: %+v", p)
	}
	s.connect(v, "lxd02-iscsi")
	p = s.portraits()[s.vol(v).Name]
	if len(p.Hosts) != 2 || !p.Hosts[1].Tie.Agrees.IsNot() {
		t.Errorf("connected to lxd02, which has no device: %+v", p.Hosts)
	}
	s.Hosts = s.Hosts[:1]
	p = s.portraits()[s.vol(v).Name]
	if len(p.Hosts) != 2 || p.Hosts[1].Name != "lxd02" || !p.Hosts[1].Unread || p.Hosts[1].Tie.Agrees != evidence.Unknown || len(p.Unread) > 0 {
		t.Errorf("lxd02 was not read and is connected: %+v", p)
	}
	p = s.portraits()[s.vol(0).Name]
	if !slices.Equal(p.Unread, []string{"lxd02"}) {
		t.Errorf("lxd02 was not read: %+v", p)
	}
}

// A path that should be there and is not is drawn as broken.
func TestPortraitOfMissingPath(t *testing.T) {
	s := healthy()
	h := &s.Hosts[0]
	h.Sessions = appendTo(h.Sessions, h.Sessions.Items[0])
	added := &h.Sessions.Items[len(h.Sessions.Items)-1]
	added.ID, added.Address = 99, "192.0.2.99"
	f := only(t, s.judge(), "degraded-paths")
	p, _ := NewGallery(s.World, s.policy).Finding(f)
	paths := p.Hosts[0].Devices[0].Paths
	if last := paths[len(paths)-1]; !last.Live.IsNot() || !strings.Contains(last.Name, "192.0.2.99") {
		t.Errorf("paths %+v", paths)
	}
}
