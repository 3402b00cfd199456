package diagnose

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// told is a scene with one volume without a record and what the array's audit
// trail tells of it; ages are from its creation on.
func told(deeds ...evidence.Deed) *scene {
	s := healthy()
	detached(s)
	v := s.vol(len(s.array().Volumes.Items) - 1)
	for i := range deeds {
		deeds[i].At = v.Created.Add(deeds[i].At.Sub(time.Time{}))
		if deeds[i].User == "" {
			deeds[i].User, deeds[i].Interface = "lxd", "REST"
		}
		if d := &deeds[i]; d.Hosts == nil && (d.Verb == evidence.DeedConnect || d.Verb == evidence.DeedDisconnect) {
			d.Hosts = []string{hostName}
		}
	}
	v.Written = evidence.CountOf(0)
	s.array().Trails = []evidence.Trail{{VolumeID: v.ID, Deeds: evidence.Complete(deeds), Since: v.Created.Add(time.Hour)}}
	return s
}

func did(verb string, after time.Duration) evidence.Deed {
	return evidence.Deed{Verb: verb, At: time.Time{}.Add(after), Ours: evidence.No}
}

func by(d evidence.Deed, user, through string) evidence.Deed {
	d.User, d.Interface = user, through
	return d
}

func ours(d evidence.Deed) evidence.Deed { d.Ours = evidence.Yes; return d }

// runs has LXD's daemon running on lxd01 for that long.
func (s *scene) runs(d time.Duration) {
	s.LXD.Members.Items[0].PID = 1893
	s.Hosts[0].Daemons = []evidence.Daemon{{PID: 17, Running: evidence.CountOf(1 << 30)}, {PID: 1893, Running: evidence.CountOf(int64(d / time.Second))}}
}

func (s *scene) explained(t *testing.T) GateResult {
	t.Helper()
	r := s.judge()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == "p1::"+u100 })
	if i < 0 {
		t.Fatal("it is not found")
	}
	return gate(t, r.Findings[i], "explained")
}

var (
	madeIt  = did(evidence.DeedCreate, 0)
	linked  = did(evidence.DeedConnect, time.Second)
	cut     = did(evidence.DeedDisconnect, 2*time.Second)
	refused = did(evidence.DeedDestroy, time.Minute)
)

// What the audit trail tells of a volume, and what that is a proof of.
func TestWhatTheTrailProves(t *testing.T) {
	for _, c := range []struct {
		name  string
		deeds []evidence.Deed
		// alone is the answer where nothing else speaks for or against it,
		// beside the same where a record of nothing gives the database away.
		alone, beside Result
		says          string
	}{
		{"nothing is told of its making", []evidence.Deed{linked}, Pass, Uncertain, "there is no sign"},
		{"LXD never came to the end", []evidence.Deed{madeIt, linked}, Pass, Pass, "never came to its end"},
		{"LXD never connected it", []evidence.Deed{madeIt}, Pass, Pass, "never came to its end"},
		{"LXD tried to destroy it", []evidence.Deed{madeIt, linked, cut, refused}, Pass, Pass, "tried to destroy it"},
		{"LXD tried, and used it again", []evidence.Deed{madeIt, linked, cut, refused, did(evidence.DeedConnect, time.Hour)}, Uncertain, Uncertain, "may be older"},
		{"LXD tried, and disconnected it from the other member as well", []evidence.Deed{madeIt, linked, cut, refused, did(evidence.DeedDisconnect, 2*time.Minute)}, Pass, Pass, "tried to destroy it"},
		{"LXD tried, and used it on through a connection that had stayed", []evidence.Deed{madeIt, linked, refused, did(evidence.DeedDisconnect, 30*24*time.Hour)}, Uncertain, Uncertain, "may be older"},
		{"the same, disconnected by hand", []evidence.Deed{madeIt, linked, refused, by(did(evidence.DeedDisconnect, 30*24*time.Hour), "admin", "CLI")}, Uncertain, Uncertain, "may be older"},
		{"LXD tried to delete what it had long made", []evidence.Deed{madeIt, linked, cut, did(evidence.DeedConnect, 7*24*time.Hour), did(evidence.DeedDestroy, 8*24*time.Hour)}, Uncertain, Uncertain, "may be older"},
		{"LXD tried long after, and nothing was written to it", []evidence.Deed{madeIt, linked, did(evidence.DeedDestroy, 7*24*time.Hour)}, Pass, Pass, "tried to destroy it"},
		{"somebody else tried to destroy it", []evidence.Deed{madeIt, linked, cut, by(refused, "admin", "CLI")}, Uncertain, Uncertain, "may be older"},
		{"by its own user, by hand", []evidence.Deed{madeIt, linked, cut, by(refused, "lxd", "CLI")}, Uncertain, Uncertain, "may be older"},
		{"made and kept", []evidence.Deed{madeIt, linked, cut}, Uncertain, Uncertain, "may be older than this volume: by the array's audit trail lxd made it"},
		{"made by hand", []evidence.Deed{by(madeIt, "admin", "CLI"), linked}, Fail, Fail, "admin made it by hand (CLI)"},
		{"copied by hand", []evidence.Deed{by(did(evidence.DeedCopy, 0), "admin", "GUI"), linked}, Fail, Fail, "admin made it by hand (GUI)"},
		{"made nobody knows how", []evidence.Deed{by(madeIt, "lxd", ""), linked}, Uncertain, Uncertain, "through what it was made"},
		{"made by hand, an earlier volume of that name", []evidence.Deed{by(did(evidence.DeedCreate, -time.Hour), "admin", "CLI"), did(evidence.DeedDestroy, -time.Minute), madeIt, linked}, Pass, Pass, "never came to its end"},
		{"copied", []evidence.Deed{did(evidence.DeedCopy, 0)}, Uncertain, Uncertain, "may be older"},
		{"made by a word that is not told apart", []evidence.Deed{did(evidence.DeedOther, 0)}, Uncertain, Uncertain, "may be older"},
		{"renamed in the second of its making", []evidence.Deed{did(evidence.DeedRename, 0)}, Uncertain, Uncertain, "renamed"},
		{"connected again later", []evidence.Deed{madeIt, did(evidence.DeedConnect, 11*time.Minute)}, Uncertain, Uncertain, "may be older"},
		{"a snapshot of it", []evidence.Deed{madeIt, linked, did(evidence.DeedOther, time.Hour)}, Uncertain, Uncertain, "may be older"},
		{"we disconnected it", []evidence.Deed{madeIt, linked, ours(did(evidence.DeedDisconnect, 5*time.Hour))}, Pass, Pass, "never came to its end"},
		{"we tried to destroy it", []evidence.Deed{madeIt, linked, cut, ours(refused)}, Uncertain, Uncertain, "may be older"},
		{"an earlier volume of that name", []evidence.Deed{did(evidence.DeedCreate, -time.Hour), did(evidence.DeedDestroy, -time.Minute), madeIt, linked, cut}, Uncertain, Uncertain, "may be older"},
		{"an earlier volume of that name, which LXD finished", []evidence.Deed{did(evidence.DeedCreate, -time.Hour), did(evidence.DeedDisconnect, -time.Minute), madeIt, linked}, Pass, Pass, "never came to its end"},
		{"somebody recovered it", []evidence.Deed{madeIt, linked, refused, by(did(evidence.DeedRecover, time.Hour), "admin", "GUI")}, Fail, Fail, "admin recovered it on"},
		{"our undo recovered it", []evidence.Deed{madeIt, linked, ours(did(evidence.DeedRecover, time.Hour))}, Pass, Pass, "never came"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := told(slices.Clone(c.deeds)...)
			if got := s.explained(t); got.Result != c.alone || !strings.Contains(got.Why, c.says) {
				t.Errorf("alone %s: %s", got.Result, got.Why)
			}
			s.recordOfNothing("old")
			if got := s.explained(t); got.Result != c.beside {
				t.Errorf("beside a record of nothing %s: %s", got.Result, got.Why)
			}
		})
	}
}

// LXD keeps the record of what it could not delete: that it tried is a proof only in
// the making, or of what holds nothing.
func TestTriedLongAfterItWasMade(t *testing.T) {
	for _, written := range []evidence.Count{evidence.CountOf(1 << 30), {}} {
		s := told(madeIt, linked, did(evidence.DeedDestroy, 7*24*time.Hour))
		s.vol(len(s.array().Volumes.Items) - 1).Written = written
		if got := s.explained(t); got.Result != Uncertain || !strings.Contains(got.Why, "may be older") {
			t.Errorf("%s written: %s: %s", written, got.Result, got.Why)
		}
	}
}

// An LXD that is killed between mkfs and the disconnect keeps the record, and
// whoever uses the volume then finds it connected: what was written to is no
// proof of anything.
func TestUnfinishedIsEmpty(t *testing.T) {
	for name, written := range map[string]evidence.Count{"a filesystem was made": evidence.CountOf(1 << 20), "the array does not say": {}} {
		for _, deeds := range [][]evidence.Deed{{madeIt, linked}, {madeIt}} {
			s := told(slices.Clone(deeds)...)
			s.vol(len(s.array().Volumes.Items) - 1).Written = written
			if got := s.explained(t); got.Result != Uncertain || !strings.Contains(got.Why, "may be older") {
				t.Errorf("%s: %s: %s", name, got.Result, got.Why)
			}
			s.recordOfNothing("old")
			if got := s.explained(t); got.Result != Uncertain {
				t.Errorf("%s, beside a record of nothing: %s: %s", name, got.Result, got.Why)
			}
		}
	}
}

// A use that may be of the very volume is outweighed by no proof.
func TestNoProofOutweighsAUse(t *testing.T) {
	s := told(madeIt, linked)
	s.run("c9", "lxd01", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "lost", Type: evidence.TypeCustom, Project: "default"})
	if got := s.explained(t); got.Result != Uncertain {
		t.Errorf("%s: %s", got.Result, got.Why)
	}
}

// A trail that is not whole proves nothing, and does not acquit either.
func TestTrailThatIsNotWhole(t *testing.T) {
	s := told(madeIt, linked)
	trail := &s.array().Trails[0]
	trail.Deeds = trail.Deeds.Doubt("page 2 is missing")
	if got := s.explained(t); got.Result != Uncertain || !strings.Contains(got.Why, "page 2 is missing") {
		t.Errorf("%s: %s", got.Result, got.Why)
	}
}

// LXD's own process tells since when its database is the same.
func TestLXDRunsSince(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(*scene)
		want Result
	}{
		{"since before it was made", func(s *scene) { s.runs(100 * 24 * time.Hour) }, Pass},
		{"since a moment after", func(s *scene) { s.runs(time.Hour) }, Uncertain},
		{"with another number", func(s *scene) { s.runs(100 * 24 * time.Hour); s.LXD.Members.Items[0].PID = 5 }, Uncertain},
		{"LXD gives none", func(s *scene) {
			s.runs(100 * 24 * time.Hour)
			s.LXD.Members.Items[0].PID = 0
			s.Hosts[0].Daemons[0].PID = 0
		}, Uncertain},
		{"on one of two members", func(s *scene) { second(s); s.runs(100 * 24 * time.Hour) }, Uncertain},
		{"by a clock that was set ahead since", func(s *scene) { s.runs(100 * 24 * time.Hour); s.array().Clock = s.array().Clock.AddDate(5, 0, 0) }, Pass},
		{"by a clock that is ahead", func(s *scene) {
			s.runs(100 * 24 * time.Hour)
			s.array().Clock = s.array().Clock.AddDate(5, 0, 0)
			v := s.vol(len(s.array().Volumes.Items) - 1)
			v.Created = v.Created.AddDate(5, 0, 0)
			for i := range s.array().Trails[0].Deeds.Items {
				d := &s.array().Trails[0].Deeds.Items[i]
				d.At = d.At.AddDate(5, 0, 0)
			}
		}, Uncertain},
		{"on a recording", func(s *scene) { s.runs(100 * 24 * time.Hour); s.Hosts[0].Recorded = true }, Uncertain},
		{"and a record of nothing", func(s *scene) { s.runs(100 * 24 * time.Hour); s.recordOfNothing("old") }, Uncertain},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := told(madeIt, linked, cut)
			c.set(s)
			if got := s.explained(t); got.Result != c.want {
				t.Errorf("%s: %s", got.Result, got.Why)
			}
		})
	}
}

// That LXD runs since before says nothing where the trail shows a use, or another
// name: rows go from under a daemon by hand, too.
func TestUsedAfterItWasMade(t *testing.T) {
	late := 20 * time.Minute
	for _, c := range []struct {
		name  string
		deeds []evidence.Deed
		want  Result
	}{
		{"never", []evidence.Deed{madeIt, linked, cut}, Pass},
		{"filled for a while", []evidence.Deed{madeIt, linked, cut, did(evidence.DeedConnect, time.Minute), did(evidence.DeedDisconnect, 2*time.Minute)}, Pass},
		{"connected later", []evidence.Deed{madeIt, linked, cut, did(evidence.DeedConnect, late)}, Uncertain},
		{"connected when it was made, and disconnected later", []evidence.Deed{madeIt, linked, did(evidence.DeedDisconnect, late)}, Pass},
		{"made, and used until later", []evidence.Deed{madeIt, linked, cut, did(evidence.DeedConnect, time.Minute), did(evidence.DeedDisconnect, late)}, Uncertain},
		{"made by hand, and connected later", []evidence.Deed{by(madeIt, "root", "CLI"), by(did(evidence.DeedConnect, late), "root", "CLI")}, Fail},
		{"connected later by an operator", []evidence.Deed{madeIt, linked, cut, by(did(evidence.DeedConnect, late), "root", "CLI")}, Pass},
		{"connected later by nobody knows whom", []evidence.Deed{madeIt, linked, cut, by(did(evidence.DeedConnect, late), "root", "")}, Uncertain},
		{"its making is not told, an operator connected it", []evidence.Deed{by(did(evidence.DeedConnect, late), "root", "CLI")}, Pass},
		{"cut and connected again by us", []evidence.Deed{madeIt, linked, ours(did(evidence.DeedDisconnect, late)), ours(did(evidence.DeedConnect, 2*late))}, Pass},
		{"renamed by hand at once", []evidence.Deed{madeIt, by(did(evidence.DeedOther, time.Minute), "root", "GUI")}, Uncertain},
		{"renamed at once by nobody knows whom", []evidence.Deed{madeIt, by(did(evidence.DeedOther, time.Minute), "lxd", "")}, Uncertain},
		{"changed by LXD while it was made", []evidence.Deed{madeIt, did(evidence.DeedOther, time.Minute), linked, cut}, Pass},
		{"a snapshot of it was made later", []evidence.Deed{madeIt, linked, cut, did(evidence.DeedOther, late)}, Uncertain},
		{"its making is not told, its name is of today", []evidence.Deed{by(did(evidence.DeedOther, late), "root", "CLI")}, Uncertain},
		{"its making is not told, it was connected", []evidence.Deed{did(evidence.DeedConnect, late)}, Uncertain},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := told(c.deeds...)
			s.runs(100 * 24 * time.Hour)
			if got := s.explained(t); got.Result != c.want {
				t.Errorf("%s: %s", got.Result, got.Why)
			}
		})
	}
	s := told(madeIt, linked, did(evidence.DeedDisconnect, late))
	s.runs(100 * 24 * time.Hour)
	s.vol(len(s.array().Volumes.Items) - 1).Written = evidence.CountOf(1 << 30)
	if got := s.explained(t); got.Result != Uncertain {
		t.Errorf("attached at once, written to, and disconnected later: %s: %s", got.Result, got.Why)
	}
}

// A trail without a volume's making says something where it should have it, and
// nothing where it does not reach back to it. Where that is not known it may.
func TestTrailReachesBack(t *testing.T) {
	for _, c := range []struct {
		name  string
		since time.Duration // after the making; 0 is not known
		deeds []evidence.Deed
		want  Result
		says  string
	}{
		{"to before", -time.Hour, []evidence.Deed{linked}, Uncertain, "before it was made, and has nothing of its making"},
		{"to before, by a row of its name", time.Hour, []evidence.Deed{did(evidence.DeedCreate, -time.Hour), linked}, Uncertain, "before it was made, and has nothing of its making"},
		{"to a moment before, where the row may have been", -time.Second, []evidence.Deed{linked}, Pass, "only, so that it says nothing of its making, and LXD was started since"},
		{"to after", time.Hour, nil, Pass, "only, so that it says nothing of its making"},
		{"nobody knows", 0, []evidence.Deed{linked}, Uncertain, "how far back it reaches"},
		{"its making is there", 0, []evidence.Deed{madeIt, linked}, Pass, "never came to its end"},
	} {
		s := told(c.deeds...)
		v := s.vol(len(s.array().Volumes.Items) - 1)
		if s.array().Trails[0].Since = v.Created.Add(c.since); c.since == 0 {
			s.array().Trails[0].Since = time.Time{}
		}
		if got := s.explained(t); got.Result != c.want || !strings.Contains(got.Why, c.says) {
			t.Errorf("%s: %s: %s", c.name, got.Result, got.Why)
		}
	}
}

// LXD drops the records of a member's instances when it is removed by force, also
// under a daemon that runs. What else is in the pool it keeps.
func TestDroppedWithAMember(t *testing.T) {
	tried := []evidence.Deed{madeIt, linked, cut, did(evidence.DeedDestroy, time.Minute)}
	half := name(evidence.TypeVM, evidence.ContentFilesystem, 100)
	for _, c := range []struct {
		name      string
		of        evidence.Name
		clustered evidence.Answer
		deeds     []evidence.Deed
		want      Result
	}{
		{"a container's", name(evidence.TypeContainer, "", 100), evidence.Yes, []evidence.Deed{madeIt, linked, cut}, Uncertain},
		{"a virtual machine's", name(evidence.TypeVM, evidence.ContentBlock, 100), evidence.Yes, nil, Uncertain},
		{"it is not known whether there is a cluster", name(evidence.TypeContainer, "", 100), evidence.Unknown, nil, Uncertain},
		{"no cluster", name(evidence.TypeContainer, "", 100), evidence.No, []evidence.Deed{madeIt, linked, cut}, Pass},
		{"LXD tried to destroy it", name(evidence.TypeContainer, "", 100), evidence.Yes, tried, Pass},
		{"a custom volume", name(evidence.TypeCustom, "", 100), evidence.Yes, []evidence.Deed{madeIt, linked, cut}, Pass},
		{"an image", name(evidence.TypeImage, "", 100), evidence.Yes, nil, Pass},
		{"a half, the other is gone", half, evidence.Yes, nil, Uncertain},
		{"a half, the other is gone, no cluster", half, evidence.No, nil, Pass},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			at := s.volume("p1", c.of)
			if c.of.Type == evidence.TypeVM && c.of != half { // both halves are there
				other := c.of
				other.Content = evidence.ContentFilesystem
				s.volume("p1", other)
			}
			v := s.vol(at)
			s.LXD.Clustered = c.clustered
			s.runs(100 * 24 * time.Hour)
			if c.deeds != nil {
				deeds := slices.Clone(c.deeds)
				for i := range deeds {
					deeds[i].At, deeds[i].User, deeds[i].Interface = v.Created.Add(deeds[i].At.Sub(time.Time{})), "lxd", "REST"
					deeds[i].Hosts = []string{hostName}
				}
				s.array().Trails = []evidence.Trail{{VolumeID: v.ID, Deeds: evidence.Complete(deeds)}}
			}
			object := v.Name
			r := s.judge()
			i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == object })
			if got := gate(t, r.Findings[i], "explained"); got.Result != c.want {
				t.Errorf("%s: %s", got.Result, got.Why)
			}
		})
	}
}

// LXD unpacks an image again, and records no temporary copy of a snapshot: that
// it made and kept one says nothing of its database. Nor does a half whose other
// one LXD destroyed, and nobody else.
func TestMadeAndKeptByDesign(t *testing.T) {
	half := name(evidence.TypeVM, evidence.ContentFilesystem, 100)
	block := name(evidence.TypeVM, evidence.ContentBlock, 100)
	erased := []evidence.Deed{did(evidence.DeedEradicate, 2*time.Hour+time.Second)}
	told := func(v *evidence.Volume, user string, deeds ...evidence.Deed) evidence.Trail {
		trail := evidence.Trail{VolumeID: v.ID, Deeds: evidence.Complete(deeds)}
		for i := range deeds {
			deeds[i].At, deeds[i].User, deeds[i].Interface = v.Created.Add(deeds[i].At.Sub(time.Time{})), "lxd", "REST"
			deeds[i].Hosts = []string{hostName}
			if v := deeds[i].Verb; v == evidence.DeedDestroy || v == evidence.DeedEradicate {
				deeds[i].User = user
			}
		}
		return trail
	}
	for _, c := range []struct {
		what, code string
		of         evidence.Name
		by         string // who destroyed the other half; nobody knows
		then       []evidence.Deed
		want       Result
		each       func(*evidence.Trail, *evidence.Deed)
	}{
		{"an image", "leaked-image", name(evidence.TypeImage, "", 100), "", nil, Pass, nil},
		{"a temporary copy of a snapshot", "leaked-volume", copyOf(evidence.TypeCustom, "", 100), "", nil, Pass, nil},
		{"a half, nothing is known of the other", "leaked-half", half, "", nil, Uncertain, nil},
		{"a half, LXD deleted the other", "leaked-half", half, "lxd", erased, Pass, nil},
		{"a half, LXD's user destroyed the other and left it", "leaked-half", half, "lxd", nil, Uncertain, nil},
		{"a half, LXD's user destroyed the other and eradicated it later", "leaked-half", half, "lxd", []evidence.Deed{did(evidence.DeedEradicate, 3*time.Hour)}, Uncertain, nil},
		{"a half, a run of ours took the other", "leaked-half", half, "lxd", erased, Uncertain, func(_ *evidence.Trail, d *evidence.Deed) {
			if d.Verb == evidence.DeedDestroy {
				d.Ours = evidence.Yes
			}
		}},
		{"the disk, LXD's user deleted the other", "leaked-half", block, "lxd", erased, Uncertain, nil},
		{"a half, LXD deleted the other, and it was connected since", "leaked-half", half, "lxd", erased, Uncertain, func(trail *evidence.Trail, _ *evidence.Deed) {
			if d := &trail.Deeds.Items[1]; !strings.Contains(trail.VolumeID, "::") && d.At.Before(trail.Deeds.Items[0].At.Add(time.Hour)) {
				d.At = d.At.Add(5 * time.Hour)
			}
		}},
		{"a half, LXD deleted the other, and it had another name", "leaked-half", half, "lxd", erased, Uncertain, func(trail *evidence.Trail, d *evidence.Deed) {
			if !strings.Contains(trail.VolumeID, "::") && d.Verb == evidence.DeedDisconnect {
				d.Verb = evidence.DeedRename
			}
		}},
		{"a half, somebody destroyed the other", "leaked-half", half, "root", erased, Uncertain, nil},
		{"a half, by the user of whom alone the other's trail tells", "leaked-half", half, "late", erased, Uncertain, nil},
		{"a half, LXD destroyed the other, which was recovered", "leaked-half", half, "lxd", []evidence.Deed{did(evidence.DeedEradicate, 2*time.Hour), did(evidence.DeedRecover, 3*time.Hour)}, Uncertain, nil},
		{"a half, an administrator made both and destroyed the other", "leaked-half", half, "lxd", erased, Fail, func(_ *evidence.Trail, d *evidence.Deed) { d.Interface = "CLI" }},
		{"a half, it is not told who made both and destroyed the other", "leaked-half", half, "lxd", erased, Uncertain, func(_ *evidence.Trail, d *evidence.Deed) { d.User = "" }},
		{"a half, of one deed it is not told what it was", "leaked-half", half, "lxd", erased, Uncertain, func(_ *evidence.Trail, d *evidence.Deed) {
			if d.Verb == evidence.DeedConnect {
				d.Verb = ""
			}
		}},
		{"a half, of the other not all is told", "leaked-half", half, "lxd", erased, Uncertain, func(trail *evidence.Trail, _ *evidence.Deed) {
			if strings.Contains(trail.VolumeID, "::") {
				trail.Deeds = trail.Deeds.Doubt("page 2")
			}
		}},
	} {
		s := healthy()
		at := s.volume("p1", c.of)
		if c.by != "" {
			twin := *s.vol(s.volume("p1", otherHalf(c.of)))
			s.array().Volumes.Items = s.array().Volumes.Items[:len(s.array().Volumes.Items)-1]
			twin.ID = twin.Name
			deeds := append([]evidence.Deed{madeIt, linked, cut, did(evidence.DeedDestroy, 2*time.Hour)}, c.then...)
			trail := told(&twin, c.by, deeds...)
			if c.by == "late" { // it begins an hour after both were made, with somebody else's rename
				renamed := by(did(evidence.DeedOther, 0), "late", "REST")
				renamed.At = twin.Created.Add(time.Hour)
				trail.Deeds.Items = []evidence.Deed{renamed, trail.Deeds.Items[3], trail.Deeds.Items[4]}
			}
			s.array().Trails = append(s.array().Trails, trail)
		}
		s.array().Trails = append(s.array().Trails, told(s.vol(at), "", madeIt, linked, cut))
		for i := range s.array().Trails {
			trail := &s.array().Trails[i]
			for j := range trail.Deeds.Items {
				if c.each != nil {
					c.each(trail, &trail.Deeds.Items[j])
				}
			}
		}
		report := s.judge()
		i := slices.IndexFunc(report.Findings, func(f Finding) bool { return f.Code == c.code })
		if i < 0 {
			t.Fatalf("%s: no %s", c.what, c.code)
		}
		if got := gate(t, report.Findings[i], "explained"); got.Result != c.want {
			t.Errorf("%s: %s: %s", c.what, got.Result, got.Why)
		}
	}
}

// A snapshot of what was renamed is wanted by whoever renamed it, as that is; and one of
// what has no name of LXD's is not told at all.
func TestSnapshotOfWhatWasRenamed(t *testing.T) {
	s := healthy()
	orphanSnapshot(s)
	v := s.vol(1)
	s.Seen = []evidence.Sighting{{ArrayID: arrayID, Pod: "p1", VolumeID: v.ID, Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/data (default)", Name: v.Name}}
	v.Name, v.LXD = "p1::keep", evidence.Name{}
	r := s.judge()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == "leaked-snapshot" })
	if i >= 0 {
		if got := gate(t, r.Findings[i], "explained"); got.Result != Fail || !strings.Contains(got.Why, "somebody renamed or moved") {
			t.Errorf("of what was renamed: %s: %s", got.Result, got.Why)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Code == "moved-volume" }) || i < 0 {
		t.Fatalf("%+v", r.Summary)
	}
	s = healthy()
	at := s.volume("p1", name(evidence.TypeCustom, "", 100))
	s.snapshot(at, copyOf(evidence.TypeCustom, "", 104), "")
	s.vol(at).Name, s.vol(at).LXD = "p1::keep", evidence.Name{}
	if found := s.judge().Findings; slices.ContainsFunc(found, func(f Finding) bool { return f.Code == "leaked-snapshot" }) {
		t.Errorf("of what is nobody's: %+v", found)
	}
}

// What LXD makes again when it needs it is a leftover whatever its database is, and
// whatever LXD does with it every day. It is none if it was made by hand, was under
// another name, or was used as nothing of its kind is.
func TestMadeAgain(t *testing.T) {
	image, snapshot := name(evidence.TypeImage, evidence.ContentFilesystem, 100), copyOf(evidence.TypeCustom, "", 100)
	late := 20 * time.Minute
	for _, c := range []struct {
		name  string
		of    evidence.Name
		deeds []evidence.Deed
		want  Result
	}{
		{"made", image, []evidence.Deed{madeIt, linked, cut}, Pass},
		{"copied every day", image, []evidence.Deed{madeIt, linked, cut, did(evidence.DeedCopy, late)}, Pass},
		{"unpacked for long", image, []evidence.Deed{madeIt, linked, did(evidence.DeedConnect, time.Minute), did(evidence.DeedDisconnect, late)}, Pass},
		{"renamed", image, []evidence.Deed{madeIt, linked, cut, by(did(evidence.DeedRename, late), "root", "CLI")}, Uncertain},
		{"renamed through LXD's interface", image, []evidence.Deed{madeIt, linked, cut, did(evidence.DeedRename, late)}, Uncertain},
		{"copied over by hand", image, []evidence.Deed{madeIt, linked, cut, by(did(evidence.DeedCopy, late), "root", "CLI")}, Uncertain},
		{"copied by nobody knows whom", image, []evidence.Deed{madeIt, linked, cut, by(did(evidence.DeedCopy, late), "lxd", "")}, Uncertain},
		{"connected later", image, []evidence.Deed{madeIt, linked, cut, did(evidence.DeedConnect, late)}, Uncertain},
		{"made by hand", image, []evidence.Deed{by(madeIt, "root", "CLI")}, Fail},
		{"made under another name", image, []evidence.Deed{did(evidence.DeedConnect, -time.Hour), linked}, Uncertain},
		{"a copy of a snapshot", snapshot, []evidence.Deed{did(evidence.DeedCopy, 0), linked, cut}, Pass},
		{"a copy of a snapshot, exported for long", snapshot, []evidence.Deed{did(evidence.DeedCopy, 0), linked, did(evidence.DeedDisconnect, late)}, Pass},
		{"a copy of a snapshot, renamed", snapshot, []evidence.Deed{did(evidence.DeedCopy, 0), by(did(evidence.DeedRename, late), "root", "CLI")}, Uncertain},
		{"a copy of a snapshot without a record, connected later", snapshot, []evidence.Deed{did(evidence.DeedCopy, 0), linked, cut, did(evidence.DeedConnect, late)}, Uncertain},
		{"a copy of a snapshot, made by hand", snapshot, []evidence.Deed{by(did(evidence.DeedCopy, 0), "root", "GUI")}, Fail},
	} {
		if got := explainedOf(t, c.of, c.deeds, nil); got.Result != c.want {
			t.Errorf("%s, %s: %s: %s", c.of.Type, c.name, got.Result, got.Why)
		}
	}
}

// explainedOf is the gate's word on a volume without a record, of which the trail
// tells these deeds, in a scene that set has changed.
func explainedOf(t *testing.T, of evidence.Name, deeds []evidence.Deed, set func(s *scene, v evidence.Volume)) GateResult {
	t.Helper()
	s := healthy()
	v := *s.vol(s.volume("p1", of))
	deeds = slices.Clone(deeds)
	for i := range deeds {
		deeds[i].At = v.Created.Add(deeds[i].At.Sub(time.Time{}))
		if deeds[i].User == "" {
			deeds[i].User, deeds[i].Interface = "lxd", "REST"
		}
		deeds[i].Hosts = []string{hostName}
	}
	s.array().Trails = []evidence.Trail{{VolumeID: v.ID, Deeds: evidence.Complete(deeds)}}
	if set != nil {
		set(s, v)
	}
	r := s.judge()
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == v.Name })
	if i < 0 {
		t.Fatalf("%s is not found", v.Name)
	}
	return gate(t, r.Findings[i], "explained")
}

// A half whose other half somebody took is nobody's leftover, however long LXD runs.
func TestOtherHalfTaken(t *testing.T) {
	made := []evidence.Deed{madeIt, linked, cut}
	for _, c := range []struct {
		name  string
		twin  []evidence.Deed
		whole bool
		want  Result
		says  string
	}{
		{"nobody tells", nil, true, Pass, ""},
		{"there was none", []evidence.Deed{}, true, Pass, ""},
		{"not all is told", []evidence.Deed{}, false, Uncertain, "could not be read in full"},
		{"by hand", []evidence.Deed{by(did(evidence.DeedDestroy, time.Hour), "root", "CLI"), by(did(evidence.DeedEradicate, time.Hour), "root", "CLI")}, true, Uncertain, "(last by root on "},
		{"renamed", []evidence.Deed{madeIt, by(did(evidence.DeedRename, time.Hour), "root", "CLI")}, true, Uncertain, "does not show that LXD deleted it"},
		{"LXD took its making back", []evidence.Deed{madeIt, did(evidence.DeedDestroy, time.Minute), did(evidence.DeedEradicate, time.Minute)}, true, Pass, ""},
	} {
		got := explainedOf(t, name(evidence.TypeVM, evidence.ContentBlock, 100), made, func(s *scene, v evidence.Volume) {
			s.runs(100 * 24 * time.Hour)
			if c.twin == nil {
				return
			}
			twin := evidence.Trail{VolumeID: evidence.OtherHalf(v.Name), Deeds: evidence.Complete(slices.Clone(c.twin))}
			for i := range twin.Deeds.Items {
				d := &twin.Deeds.Items[i]
				if d.At = v.Created.Add(d.At.Sub(time.Time{})); d.User == "" {
					d.User, d.Interface = "lxd", "REST"
				}
				d.Hosts = []string{hostName}
			}
			if !c.whole {
				twin.Deeds = twin.Deeds.Doubt("page 2")
			}
			s.array().Trails = append(s.array().Trails, twin)
		})
		if got.Result != c.want || !strings.Contains(got.Why, c.says) {
			t.Errorf("%s: %s: %s", c.name, got.Result, got.Why)
		}
	}
}

// A snapshot is made in one request: only the daemon's start tells.
func TestSnapshotMadeAndKept(t *testing.T) {
	s := healthy()
	orphanSnapshot(s)
	snap := s.array().Snapshots.Items[len(s.array().Snapshots.Items)-1]
	ask := func() GateResult {
		r := s.judge()
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == "leaked-snapshot" })
		return gate(t, r.Findings[i], "explained")
	}
	if got := ask(); got.Result != Pass {
		t.Errorf("without a trail %s: %s", got.Result, got.Why)
	}
	s.array().Trails = []evidence.Trail{{VolumeID: snap.ID, Deeds: evidence.Complete([]evidence.Deed{})}}
	if got := ask(); got.Result != Uncertain {
		t.Errorf("LXD was started since: %s: %s", got.Result, got.Why)
	}
	s.runs(1000 * 24 * time.Hour)
	if got := ask(); got.Result != Pass {
		t.Errorf("LXD runs since: %s: %s", got.Result, got.Why)
	}
	s.array().Trails[0].Deeds.Items = []evidence.Deed{{At: snap.Created, Verb: evidence.DeedCopy, User: "alice", Interface: "GUI"}}
	if got := ask(); got.Result != Fail || !strings.Contains(got.Why, "alice made it by hand (GUI)") {
		t.Errorf("made by hand: %s: %s", got.Result, got.Why)
	}
}

// What a run destroyed and lives again is wanted by whoever recovered it.
func TestRecoveredSince(t *testing.T) {
	s := healthy()
	detached(s)
	v := s.vol(len(s.array().Volumes.Items) - 1)
	s.World.Destroyed = []evidence.Destroyed{{Run: "7f3a", ArrayID: arrayID, VolumeID: v.ID, At: clock.Add(-time.Hour), Certain: evidence.Yes}}
	if got := s.explained(t); got.Result != Fail || !strings.Contains(got.Why, "run 7f3a destroyed it on ") || !strings.Contains(got.Why, "--even-if-recovered") {
		t.Errorf("%s: %s", got.Result, got.Why)
	}
	s.policy.EvenIfRecovered = true
	if got := s.explained(t); got.Result != Waived || !strings.Contains(got.Why, "you say") {
		t.Errorf("with the operator's word %s: %s", got.Result, got.Why)
	}
	s.policy.Batch = true
	if got := s.explained(t); got.Result != Fail {
		t.Errorf("in a batch %s: %s", got.Result, got.Why)
	}
	s.policy = DefaultPolicy()
	s.World.Destroyed[0].Certain = evidence.No
	if got := s.explained(t); got.Result != Fail || !strings.Contains(got.Why, "may have recovered") {
		t.Errorf("perhaps: %s: %s", got.Result, got.Why)
	}
	s.World.Destroyed[0].ArrayID = "another"
	if got := s.explained(t); got.Result != Pass {
		t.Errorf("on another array: %s: %s", got.Result, got.Why)
	}
}

// What an undo brought back is no part of a batch, and is said where it is
// repaired by itself.
func TestTakenBack(t *testing.T) {
	s := healthy()
	detached(s)
	v := s.vol(len(s.array().Volumes.Items) - 1)
	s.World.TakenBack = []evidence.TakenBack{{Run: "7f3a", Undo: "bd85", Did: "destroyed", ArrayID: arrayID, VolumeID: v.ID, At: clock.Add(-time.Hour)}}
	const words = "run 7f3a destroyed it, and undo bd85 took that back on "
	if got := s.explained(t); got.Result != Pass || !strings.Contains(got.Why, words) {
		t.Errorf("%s: %s", got.Result, got.Why)
	}
	if !slices.ContainsFunc(s.judge().Findings, func(f Finding) bool { return f.VolumeID == v.ID && strings.Contains(f.Detail, words) }) {
		t.Error("the finding does not say it")
	}
	s.policy.Batch = true
	if got := s.explained(t); got.Result != Fail || !strings.HasPrefix(got.Why, words) {
		t.Errorf("in a batch %s: %s", got.Result, got.Why)
	}
	s.World.TakenBack[0].ArrayID = "another"
	if got := s.explained(t); got.Result != Pass {
		t.Errorf("on another array: %s: %s", got.Result, got.Why)
	}
}

// Trails and starts that are taken away, row by row, make nothing safe.
func TestTakingTrailsAwayNeverMakesSafe(t *testing.T) {
	for name, s := range map[string]*scene{
		"made and kept": told(madeIt, linked, cut),
		"tried":         told(madeIt, linked, cut, refused),
		"recovered":     told(madeIt, linked, refused, did(evidence.DeedRecover, time.Hour)),
		"by somebody":   told(madeIt, linked, cut, by(refused, "admin", "CLI")),
		"used again":    told(madeIt, linked, cut, refused, did(evidence.DeedConnect, time.Hour)),
		"unfinished":    told(madeIt, linked),
		"another LXD's": told(madeIt, on(linked, "edge01-iscsi"), on(cut, "edge01-iscsi")),
		"and used":      told(madeIt, linked, cut, on(did(evidence.DeedConnect, time.Minute), "edge01-iscsi"), on(did(evidence.DeedDisconnect, 2*time.Minute), "edge01-iscsi")),
	} {
		for _, started := range []time.Duration{0, time.Hour, 100 * 24 * time.Hour} {
			s.runs(started)
			before := safe(s.judge())
			leaves(reflect.ValueOf(&s.array().Trails).Elem(), "", "Trails", func(path string, take func() func()) {
				if path == " emptied" {
					return // an array without a trail for us, see absent
				}
				restore := take()
				defer restore()
				if more := grown(before, safe(s.judge())); len(more) > 0 {
					t.Errorf("%s, %s: becomes safe: %q", name, path, more)
				}
			})
			leaves(reflect.ValueOf(&s.Hosts[0].Daemons).Elem(), "", "Daemons", func(path string, take func() func()) {
				restore := take()
				defer restore()
				if more := grown(before, safe(s.judge())); len(more) > 0 {
					t.Errorf("%s, daemons %s: becomes safe: %q", name, path, more)
				}
			})
		}
	}
}

// Since when LXD has had its database, all who are online say, or nobody knows.
func TestSameDatabase(t *testing.T) {
	for name, c := range map[string]struct {
		scene         func(*scene)
		longer, known bool
	}{
		"long":            {func(s *scene) { s.runs(3 * time.Hour) }, true, true},
		"not so long":     {func(s *scene) { s.runs(time.Hour) }, false, true},
		"until a moment":  {func(s *scene) { s.runs(2*time.Hour + 30*time.Second) }, false, true},
		"read much later": {func(s *scene) { s.runs(3 * time.Hour); s.Hosts[0].Ended = clock.Add(2 * time.Hour) }, false, true},
		"another member, not so long": {func(s *scene) {
			s.runs(3 * time.Hour)
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes, PID: 5})
			s.Hosts = append(s.Hosts, evidence.Host{Source: evidence.Source{Name: "LXD02", Ended: clock}, Daemons: []evidence.Daemon{{PID: 5, Running: evidence.CountOf(60)}}})
			s.LXD.Members.Items[0], s.LXD.Members.Items[1] = s.LXD.Members.Items[1], s.LXD.Members.Items[0]
		}, false, true},
		"another member, not read": {func(s *scene) {
			s.runs(3 * time.Hour)
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes, PID: 5})
		}, false, false},
		"another member, offline": {func(s *scene) {
			s.runs(3 * time.Hour)
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.No, PID: 5})
		}, true, true},
		"by a recording":         {func(s *scene) { s.runs(3 * time.Hour); s.Hosts[0].Recorded = true }, false, false},
		"nobody says its number": {func(s *scene) { s.runs(3 * time.Hour); s.LXD.Members.Items[0].PID = 0 }, false, false},
		"members in doubt":       {func(s *scene) { s.runs(3 * time.Hour); s.LXD.Members = s.LXD.Members.Doubt("not all") }, false, false},
		"no member":              {func(s *scene) { s.LXD.Members = evidence.Complete[evidence.Member](nil) }, false, false},
		"just started": {func(s *scene) {
			s.runs(3 * time.Hour)
			s.Hosts[0].Daemons[1].Running = evidence.Count{}
		}, false, false},
	} {
		s := healthy()
		c.scene(s)
		if longer, known := SameDatabase(&s.World, clock, 2*time.Hour+time.Second); longer != c.longer || known != c.known {
			t.Errorf("%s: longer %v, known %v", name, longer, known)
		}
	}
}
