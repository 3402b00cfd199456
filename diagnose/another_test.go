package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

func on(d evidence.Deed, hosts ...string) evidence.Deed {
	d.Hosts = slices.Clip(append([]string{}, hosts...))
	return d
}

// Who else had a volume connected may have made all that has no record here.
func TestAnotherHadItConnected(t *testing.T) {
	const edge = "edge01-iscsi"
	theirs := func() *scene {
		return told(madeIt, on(linked, edge), on(cut, edge))
	}
	for _, c := range []struct {
		name string
		s    *scene
		// pod is what the gate about the pod says, own that about the volume.
		pod, own Result
	}{
		{"a member", told(madeIt, linked, cut), Pass, Pass},
		{"another LXD made it", theirs(), Uncertain, Uncertain},
		{"another LXD used it later", told(madeIt, linked, cut, on(did(evidence.DeedConnect, time.Hour), edge)), Uncertain, Uncertain},
		{"another LXD took it away", told(madeIt, on(cut, edge)), Uncertain, Uncertain},
		{"another LXD tried to destroy it", told(madeIt, on(linked, edge), on(cut, edge), refused), Uncertain, Uncertain},
		{"a member and another LXD at once", told(madeIt, on(linked, hostName, edge), cut), Uncertain, Uncertain},
		{"a host group", told(madeIt, linked, cut, on(did(evidence.DeedConnect, time.Hour), "backup")), Uncertain, Uncertain},
		{"an administrator, to a server of his own", told(madeIt, linked, cut, on(by(did(evidence.DeedConnect, time.Minute), "root", "CLI"), "backup")), Pass, Uncertain},
		{"an administrator, and another LXD after that", told(madeIt, on(by(did(evidence.DeedConnect, time.Minute), "root", "GUI"), "backup"), on(did(evidence.DeedConnect, time.Hour), edge)), Uncertain, Uncertain},
		{"a run of ours took it from a member of then", told(madeIt, linked, ours(on(did(evidence.DeedDisconnect, time.Hour), edge))), Pass, Pass},
		{"a member by another name", func() *scene {
			s := told(madeIt, on(linked, "server7"), on(cut, "server7"))
			s.array().Hosts.Items[0].Name = "server7"
			for i := range s.array().Connections.Items {
				s.array().Connections.Items[i].Host = "server7"
			}
			return s
		}(), Pass, Pass},
		{"another machine by a member's name", func() *scene {
			s := told(madeIt, on(linked, "lxd01-scsi-fc"), on(cut, "lxd01-scsi-fc"))
			s.array().Hosts.Items = append(s.array().Hosts.Items, evidence.ArrayHost{Name: "lxd01-scsi-fc", Local: evidence.Yes, IQNs: []string{"iqn.2004-10.com.ubuntu:01:other"}, ConnectionCount: evidence.CountOf(0), Destroyed: evidence.No})
			return s
		}(), Uncertain, Uncertain},
		{"a member's array host that is gone", told(madeIt, on(linked, "LXD01-nvme"), on(cut, "LXD01-nvme")), Pass, Pass},
		{"nobody knows which members there are", func() *scene {
			s := theirs()
			s.LXD.Members = s.LXD.Members.Doubt("x")
			return s
		}(), Pass, Uncertain},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.s.runs(100 * 24 * time.Hour)
			if got := c.s.explained(t); got.Result != c.own {
				t.Errorf("of the volume: %s: %s", got.Result, got.Why)
			}
			r := c.s.judge()
			i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == "p1::"+u100 })
			if got := gate(t, r.Findings[i], "pod-ownership"); got.Result != c.pod || (got.Result == Uncertain && !strings.Contains(got.Why, edge) && !strings.Contains(got.Why, "backup") && !strings.Contains(got.Why, "lxd01-scsi-fc")) {
				t.Errorf("of the pod: %s: %s", got.Result, got.Why)
			}
		})
	}

	// One of them is enough for all that would be destroyed, and for nothing else.
	s := theirs()
	stale(s)
	orphanSnapshot(s)
	leakCopy(s)
	s.volume("p1", name(evidence.TypeImage, "", 110))
	s.runs(100 * 24 * time.Hour)
	want := map[Class]Result{ClassDestroy: Uncertain, ClassSnapshot: Uncertain, ClassDisconnect: Pass}
	seen := map[Class]int{}
	pods := func(want map[Class]Result) {
		t.Helper()
		for _, f := range s.judge().Findings {
			class := Kinds[slices.IndexFunc(Kinds, func(k Kind) bool { return k.Code == f.Code })].Class
			if _, ok := want[class]; ok && f.Pool == "p1" {
				seen[class]++
				if got := gate(t, f, "pod-ownership"); got.Result != want[class] {
					t.Errorf("%s %s: %s: %s", f.Code, f.Object, got.Result, got.Why)
				}
			}
		}
	}
	pods(want)
	if seen[ClassDestroy] < 3 || seen[ClassSnapshot] == 0 || seen[ClassDisconnect] == 0 {
		t.Errorf("%v", seen)
	}
	s.policy.DatabaseIsCurrent = true
	pods(map[Class]Result{ClassDestroy: Waived, ClassSnapshot: Waived})
	s.policy.Batch = true
	pods(want)
}

// That LXD has been running proves that it had no record, not that it made the
// volume: that is shown by who had it connected when it was made.
func TestRunningIsNoMaker(t *testing.T) {
	full := func(s *scene) { s.vol(len(s.array().Volumes.Items) - 1).Written = evidence.CountOf(1 << 30) }
	for _, c := range []struct {
		name  string
		deeds []evidence.Deed
		set   func(*scene)
		want  Result
		says  string
	}{
		{"our host was connected", []evidence.Deed{madeIt, linked, cut}, nil, Pass, "connected to lxd01-iscsi when it was made"},
		{"it is not told which host was", []evidence.Deed{madeIt, on(linked), on(cut)}, nil, Uncertain, "no member's array host was connected then"},
		{"a host without a name", []evidence.Deed{madeIt, on(linked, ""), on(cut, "")}, nil, Uncertain, "no member's array host was connected then"},
		{"our host, but long after", []evidence.Deed{madeIt, on(linked), on(cut), by(did(evidence.DeedConnect, time.Hour), "root", "CLI")}, nil, Uncertain, "no member's array host was connected then"},
		{"our host, and later nobody knows which", []evidence.Deed{madeIt, linked, cut, on(did(evidence.DeedConnect, time.Minute))}, nil, Uncertain, "whose array host that was is not known"},
		{"our host by its name, and not all array hosts are known", []evidence.Deed{madeIt, linked, cut}, func(s *scene) { s.array().Hosts = s.array().Hosts.Doubt("x") }, Uncertain, "no member's array host was connected then"},
		{"our host, by our own undo", []evidence.Deed{madeIt, on(linked), on(cut), ours(did(evidence.DeedConnect, time.Minute))}, nil, Uncertain, "no member's array host was connected then"},
		{"a copy that was never connected", []evidence.Deed{did(evidence.DeedOther, 0)}, full, Uncertain, "may hold"},
		{"one that holds nothing", []evidence.Deed{did(evidence.DeedOther, 0)}, nil, Pass, "no other LXD in the pod made it is not shown"},
		{"its making is not told, our host was connected", []evidence.Deed{by(linked, "root", "CLI")}, full, Pass, ""},
		{"its making is not told, nor which host was connected", []evidence.Deed{on(linked)}, full, Uncertain, "whose array host that was is not known"},
		{"nothing is told", []evidence.Deed{}, full, Pass, "no other LXD in the pod made it is not shown"},
		{"there is no trail", nil, func(s *scene) { s.array().Trails = nil }, Pass, "no other LXD in the pod made it is not shown"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := told(c.deeds...)
			s.runs(100 * 24 * time.Hour)
			if c.set != nil {
				c.set(s)
			}
			if got := s.explained(t); got.Result != c.want || !strings.Contains(got.Why, c.says) {
				t.Errorf("%s: %s", got.Result, got.Why)
			}
		})
	}
}

// Images and temporary copies need no record of their making; whose they are has
// to be known all the same.
func TestAnothersImage(t *testing.T) {
	for _, of := range []evidence.Name{name(evidence.TypeImage, "", 100), copyOf(evidence.TypeCustom, "", 100)} {
		for host, want := range map[string]Result{hostName: Pass, "": Uncertain, "edge01-iscsi": Uncertain} {
			s := healthy()
			v := s.vol(s.volume("p1", of))
			object := v.Name
			deeds := []evidence.Deed{madeIt, on(linked, host), on(cut, host)}
			for i := range deeds {
				deeds[i].At, deeds[i].User, deeds[i].Interface = v.Created.Add(deeds[i].At.Sub(time.Time{})), "lxd", "REST"
			}
			s.array().Trails = []evidence.Trail{{VolumeID: v.ID, Deeds: evidence.Complete(deeds)}}
			r := s.judge()
			i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == object })
			if got := gate(t, r.Findings[i], "explained"); got.Result != want {
				t.Errorf("%s of %q: %s: %s", object, host, got.Result, got.Why)
			}
		}
	}
}

// Of two halves, who had the one connected when it was made made both; and who
// had the one that is destroyed.
func TestOtherHalfTellsWhoMadeBoth(t *testing.T) {
	for _, c := range []struct {
		host string
		live bool
		want Result
	}{{hostName, true, Pass}, {hostName, false, Pass}, {"edge01-iscsi", true, Uncertain}, {"edge01-iscsi", false, Uncertain}} {
		s := healthy()
		v := s.vol(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 100)))
		v.Written = evidence.CountOf(1 << 30)
		object, created, id := v.Name, v.Created, v.ID
		other := evidence.OtherHalf(object)
		if c.live {
			twin := s.vol(s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 100)))
			other = twin.ID
		}
		row := func(d evidence.Deed) evidence.Deed {
			d.At, d.User, d.Interface = created.Add(d.At.Sub(time.Time{})), "lxd", "REST"
			return d
		}
		s.array().Trails = []evidence.Trail{
			{VolumeID: id, Deeds: evidence.Complete([]evidence.Deed{row(madeIt)})},
			{VolumeID: other, Deeds: evidence.Complete([]evidence.Deed{row(madeIt), row(on(linked, c.host)), row(on(cut, c.host))})},
		}
		if !c.live { // LXD took the making back
			taken := &s.array().Trails[1].Deeds
			taken.Items = append(taken.Items, row(did(evidence.DeedDestroy, time.Minute)), row(did(evidence.DeedEradicate, time.Minute)))
		}
		s.runs(100 * 24 * time.Hour)
		r := s.judge()
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == object })
		if i < 0 {
			t.Fatalf("%+v: it is not found", c)
		}
		for _, which := range []string{"explained", "pod-ownership"} {
			if got := gate(t, r.Findings[i], which); got.Result != c.want {
				t.Errorf("%+v: %s: %s", c, got.Result, got.Why)
			}
		}
	}
}
