package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// lostAndMounted is a container's volume without a record that is mounted where
// LXD mounts it.
func lostAndMounted(s *scene) evidence.Volume {
	v := s.volume("p1", name(evidence.TypeContainer, "", 201))
	s.mounted(s.attach(0, v, 1), "/var/snap/lxd/common/lxd/storage-pools/p1/containers/web9")
	s.connect(v, hostName)
	return *s.vol(v)
}

// Who is told to stop what uses a volume stops an instance of LXD's, and after that
// nothing tells it from a leftover.
func TestMountedByLXDIsNotToBeStopped(t *testing.T) {
	s := healthy()
	v := lostAndMounted(s)
	for _, f := range s.judge().Findings {
		if f.Volume != v.Name || f.Code != "leaked-volume" {
			continue
		}
		if f.MountedAs != "p1/containers/web9" || f.Remedy[0] != wantedFirst || !strings.Contains(f.Cause, "so it had a record") {
			t.Errorf("%q, %q, %q", f.MountedAs, f.Cause, f.Remedy)
		}
		if g := gate(t, f, "not-in-use"); g.Result != Fail || g.Mend != wantedFirst {
			t.Errorf("%s: %s, %q", g.Result, g.Why, g.Mend)
		}
		return
	}
	t.Error("it is not found")
}

// A block volume is mounted nowhere: a virtual machine has it open.
func TestOpenInAMachineIsNotToBeStopped(t *testing.T) {
	s := healthy()
	v := s.volume("p1", name(evidence.TypeCustom, evidence.ContentBlock, 201))
	s.openedOn(0, s.attach(0, v, 1), "qemu-system-x86")
	s.connect(v, hostName)
	f := only(t, s.judge(), "leaked-volume")
	if f.MountedAs != inMachine || f.Remedy[0] != wantedFirst || !strings.HasPrefix(f.Cause, "a virtual machine has it open, so ") || gate(t, f, "not-in-use").Mend != wantedFirst {
		t.Errorf("%q, %q, %q", f.MountedAs, f.Cause, f.Remedy)
	}
	s = healthy()
	detached(s)
	s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID, Mounted: clock.Add(-time.Hour), Where: inMachine}}
	if g := s.explained(t); g.Result != Uncertain || !strings.Contains(g.Why, "was open in a virtual machine on ") {
		t.Errorf("afterwards: %s: %s", g.Result, g.Why)
	}
}

// That a mount of LXD's has ended, with its machine perhaps, does not make the
// volume a leftover: only a proof that LXD let go of it does, or the operator's word.
func TestSeenMounted(t *testing.T) {
	for _, c := range []struct {
		name string
		of   evidence.Name
		seen evidence.Name
		set  func(s *scene, v evidence.Volume)
		want Result
	}{
		{name: "nobody saw it", of: name(evidence.TypeContainer, "", 201), want: Pass},
		{name: "seen", of: name(evidence.TypeContainer, "", 201), seen: name(evidence.TypeContainer, "", 201), want: Uncertain},
		{name: "its other half was", of: name(evidence.TypeVM, evidence.ContentBlock, 201), seen: name(evidence.TypeVM, evidence.ContentFilesystem, 201), want: Uncertain},
		{name: "the operator's word", of: name(evidence.TypeContainer, "", 201), seen: name(evidence.TypeContainer, "", 201), want: Waived, set: func(s *scene, _ evidence.Volume) {
			s.policy.DatabaseIsCurrent = true
		}},
		{name: "LXD tried to destroy it", of: name(evidence.TypeContainer, "", 201), seen: name(evidence.TypeContainer, "", 201), want: Pass, set: func(s *scene, v evidence.Volume) {
			deeds := []evidence.Deed{madeIt, did(evidence.DeedDestroy, time.Minute)}
			for i := range deeds {
				deeds[i].At, deeds[i].User, deeds[i].Interface, deeds[i].Hosts = v.Created.Add(deeds[i].At.Sub(time.Time{})), "lxd", "REST", []string{hostName}
			}
			s.array().Trails = []evidence.Trail{{VolumeID: v.ID, Deeds: evidence.Complete(deeds)}}
		}},
	} {
		s := healthy()
		v := *s.vol(s.volume("p1", c.of))
		if c.seen != (evidence.Name{}) {
			id := v.ID
			if c.seen != c.of {
				id = s.vol(s.volume("p1", c.seen)).ID
			}
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: id, Mounted: clock.Add(-time.Hour), Where: "p1/containers/web9"}}
		}
		if c.set != nil {
			c.set(s, v)
		}
		r := s.judge()
		i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == v.Name })
		if i < 0 {
			t.Fatalf("%s: it is not found", c.name)
		}
		if g := gate(t, r.Findings[i], "explained"); g.Result != c.want || (c.want == Uncertain && !strings.Contains(g.Why, "where LXD mounts its own (p1/containers/web9)")) {
			t.Errorf("%s: %s: %s", c.name, g.Result, g.Why)
		}
	}
}

// Whose the destruction is of what waits for its end is said where the journal has
// it and the array's remaining time fits it, and of nothing that somebody destroyed
// again since.
func TestDestroyedByARun(t *testing.T) {
	for how, c := range map[string]struct {
		remaining time.Duration
		certain   evidence.Answer
		want      string
	}{
		"ours":            {23 * time.Hour, evidence.Yes, "run 7f3a of pureclean destroyed it on "},
		"destroyed again": {24*time.Hour - time.Minute, evidence.Yes, "LXD or an operator destroyed it"},
		"not certain":     {23 * time.Hour, evidence.No, "LXD or an operator destroyed it"},
	} {
		s := healthy()
		s.array().EradicationDelay = 24 * time.Hour
		detached(s)
		v := last(s)
		v.Destroyed, v.Remaining = evidence.Yes, c.remaining
		s.World.Destroyed = []evidence.Destroyed{{Run: "7f3a", ArrayID: arrayID, VolumeID: v.ID, At: s.array().Clock.Add(-time.Hour), Certain: c.certain}}
		if f := only(t, s.judge(), "pending-eradication"); !strings.HasPrefix(f.Cause, c.want) {
			t.Errorf("%s: %q", how, f.Cause)
		}
	}
}
