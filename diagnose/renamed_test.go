package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// called gives a volume another name.
func (s *scene) called(v int, n evidence.Name) {
	s.vol(v).LXD, s.vol(v).Name = n, s.vol(v).Pod+"::"+spell(n)
	for i := range s.array().Snapshots.Items {
		if snap := &s.array().Snapshots.Items[i]; snap.SourceID == s.vol(v).ID {
			snap.SourceName, snap.Name = s.vol(v).Name, s.vol(v).Name+"."+snap.Suffix
		}
	}
}

// A volume of LXD's that somebody gave a name of another type or half still holds
// LXD's uuid: it is LXD's volume, and nobody is told to delete its record.
func TestRenamedWithItsUUID(t *testing.T) {
	for _, from := range []struct {
		volume int
		record string
	}{{isoVolume, "custom/install (default)"}, {isoVolume + 1, "virtual-machine/vm1 (default)"}} {
		for _, to := range []evidence.Name{
			name(evidence.TypeContainer, "", 0), name(evidence.TypeImage, "", 0), name(evidence.TypeVM, evidence.ContentISO, 0),
			copyOf(evidence.TypeCustom, "", 0), name(evidence.TypeCustom, "", 0), name(evidence.TypeCustom, evidence.ContentBlock, 0),
		} {
			s := healthy()
			to.UUID = s.vol(from.volume).LXD.UUID
			s.called(from.volume, to)
			moved := 0
			for _, f := range s.judge().Findings {
				if said := strings.Join(f.Remedy, "; "); f.Verdict == Safe || strings.Contains(said, "lxc ") {
					t.Errorf("%s: %s %s is %s: %s", spell(to), f.Code, f.Object, f.Verdict, said)
				}
				if f.Code == codeMoved && f.LXD.String() == from.record {
					moved++
					if said := strings.Join(f.Remedy, "; "); !strings.Contains(said, "only its name says so") || !strings.Contains(said, "do not delete the record") {
						t.Errorf("%s: %s", spell(to), said)
					}
				} else if f.Object == s.vol(from.volume).Name || f.LXD.String() == from.record {
					t.Errorf("%s: %s %s: %s", spell(to), f.Code, f.Object, f.Detail)
				}
			}
			if moved != 1 {
				t.Errorf("%s: it was found %d times", spell(to), moved)
			}
		}
	}
}

// What has a record's uuid and not the id that an earlier run saw is a copy.
func TestCopyWithTheUUID(t *testing.T) {
	s := healthy()
	v := s.vol(isoVolume)
	s.Seen = []evidence.Sighting{{ArrayID: arrayID, Pod: "p1", VolumeID: "vol-before", Name: v.Name, Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/install (default)"}}
	to := name(evidence.TypeContainer, "", 0)
	to.UUID = v.LXD.UUID
	s.called(isoVolume, to)
	for _, f := range s.judge().Findings {
		if f.Code == codeMoved || f.Verdict == Safe || strings.Contains(strings.Join(f.Remedy, "; "), "lxc ") {
			t.Errorf("%s %s: %s", f.Code, f.Object, strings.Join(f.Remedy, "; "))
		}
	}
}

// What was made with a record that lacks its volume, or a half, may be that under a
// name with another uuid: it is not safe, and nobody is told to delete the record.
func TestRenamedWithAnotherUUID(t *testing.T) {
	for _, c := range []struct {
		name   string
		rename func(*scene) *evidence.Volume
		safe   bool
	}{
		{"a volume", func(s *scene) *evidence.Volume {
			s.called(isoVolume, name(evidence.TypeCustom, "", 700))
			return s.vol(isoVolume)
		}, false},
		{"the disk of a virtual machine", func(s *scene) *evidence.Volume {
			s.called(isoVolume+1, name(evidence.TypeCustom, "", 700))
			return s.vol(isoVolume + 1)
		}, false},
		{"of another day", func(s *scene) *evidence.Volume {
			s.array().Volumes.Items = slices.Delete(s.array().Volumes.Items, isoVolume+1, isoVolume+2)
			v := s.vol(s.volume("p1", name(evidence.TypeCustom, "", 700)))
			v.Created = v.Created.Add(24 * time.Hour)
			return v
		}, true},
	} {
		s := healthy()
		of := c.rename(s)
		found := false
		for _, f := range s.judge().Findings {
			said := strings.Join(f.Remedy, "; ")
			if f.Object == of.Name && f.Code != "missing-volume" {
				found = true
				if (f.Verdict == Safe) != c.safe {
					t.Errorf("%s: %s is %s: %v", c.name, f.Code, f.Verdict, f.Reasons())
				}
			}
			if !c.safe && f.Code == "missing-volume" && strings.Contains(said, "lxc ") {
				t.Errorf("%s: %s", c.name, said)
			}
		}
		if !found {
			t.Errorf("%s: it is not found", c.name)
		}
	}
}

// A half of a virtual machine's snapshot is no leftover when it was renamed.
func TestRenamedHalfOfASnapshot(t *testing.T) {
	const disk = isoVolume + 1
	whole := func() (*scene, *evidence.Snapshot) {
		s := healthy()
		s.snapshot(disk+1, copyOf(evidence.TypeVM, "", 300), "vm1/snap0")
		return s, s.snapshot(disk, copyOf(evidence.TypeVM, evidence.ContentBlock, 300), "")
	}
	for to, safe := range map[evidence.Name]bool{
		copyOf(evidence.TypeVM, evidence.ContentBlock, 300):     true, // as LXD has it: nothing is found
		copyOf(evidence.TypeVM, evidence.ContentBlock, 701):     false,
		copyOf(evidence.TypeVM, "", 701):                        false,
		copyOf(evidence.TypeCustom, "", 701):                    false,
		copyOf(evidence.TypeCustom, evidence.ContentBlock, 300): false,
	} {
		s, snap := whole()
		snap.LXD, snap.Suffix, snap.Name = to, spell(to), snap.SourceName+"."+spell(to)
		for _, f := range s.judge().Findings {
			if said := strings.Join(f.Remedy, "; "); safe || f.Verdict == Safe || strings.Contains(said, "lxc ") {
				t.Errorf("%s: %s %s is %s: %s", spell(to), f.Code, f.Object, f.Verdict, said)
			}
		}
	}
	// A record that lxd recover brought in is younger than its snapshot.
	s, snap := whole()
	s.LXD.Records.Items[len(s.LXD.Records.Items)-1].Created = clock.Add(-24 * time.Hour)
	snap.LXD.Type = evidence.TypeCustom
	snap.Suffix, snap.Name = spell(snap.LXD), snap.SourceName+"."+spell(snap.LXD)
	for _, f := range s.judge().Findings {
		if said := strings.Join(f.Remedy, "; "); f.Verdict == Safe || strings.Contains(said, "lxc ") {
			t.Errorf("recovered: %s %s is %s: %s", f.Code, f.Object, f.Verdict, said)
		}
	}
	// A leak of another day stays repairable, one with a name of another type never is.
	for of, want := range map[evidence.Name]Verdict{copyOf(evidence.TypeVM, evidence.ContentBlock, 701): Safe, copyOf(evidence.TypeCustom, "", 701): Blocked} {
		s, _ := whole()
		snap := s.snapshot(disk, of, "")
		snap.Created = snap.Created.Add(-24 * time.Hour)
		for _, f := range s.judge().Findings {
			if f.Object == snap.Name && f.Verdict != want {
				t.Errorf("%s is %s: %v", spell(of), f.Verdict, f.Reasons())
			}
		}
	}
}
