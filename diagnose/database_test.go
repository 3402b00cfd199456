package diagnose

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// restored are worlds whose database is not the pool's history, each by one
// fingerprint only. All have a volume without a record as their last one.
var restored = map[string][]struct {
	name string
	set  func(*scene)
	says string
}{
	"missing-volume": {
		{"a volume", func(s *scene) { s.recordOfNothing("old") }, "records of which the array has nothing (custom/old (default))"},
		{"a virtual machine", func(s *scene) { s.recordOfNothing("vm9").Type = evidence.TypeVM }, "virtual-machine/vm9 (default)"},
		{"an image", func(s *scene) { s.recordOfNothing("f00d").Type = evidence.TypeImage }, "image/f00d (default)"},
		{"of a type that is new to us", func(s *scene) { s.recordOfNothing("old").Type = "bucket" }, "bucket/old (default)"},
		{"a snapshot", func(s *scene) {
			record := s.recordOfNothing("data/nightly")
			record.Snapshot = true
		}, "custom/data/nightly (default)"},
		{"of another pool's volume", func(s *scene) { s.recordOfNothing("old").UUID = s.vol(nvmeVolume).LXD.UUID }, "custom/old (default)"},
		{"nobody knows when it was made", func(s *scene) { s.recordOfNothing("old").Created = time.Time{} }, "custom/old (default)"},
	},
	"destroyed-but-recorded": {
		{"a volume", func(s *scene) { s.vol(isoVolume).Destroyed = evidence.Yes }, "records of what is destroyed (custom/install (default))"},
		{"a volume, perhaps", func(s *scene) { s.vol(isoVolume).Destroyed = evidence.Unknown }, "custom/install (default)"},
		{"a snapshot", func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Yes }, "custom/data/snap0 (default)"},
	},
	"disappeared-record": {
		{"another volume's", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 201))
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-time.Hour), LXDName: "custom/lost (default)"}}
		}, "the record was seen and is gone (custom/lost (default))"},
	},
	"snapshot-recorded": {
		{"of a volume without a record", func(s *scene) {
			s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 203), "data/other")
		}, "p1::" + spell(name(evidence.TypeCustom, "", 100))},
		{"of a volume whose name only another pool has", func(s *scene) {
			s.snapshot(isoVolume, copyOf(evidence.TypeCustom, "", 203), "fast/snap0")
		}, "custom/fast/snap0 (default)"},
		{"of a volume that LXD does not list", func(s *scene) {
			s.snapshot(isoVolume, copyOf(evidence.TypeCustom, "", 203), "lost/snap0")
		}, "custom/lost/snap0 (default)"},
	},
	"snapshot-taken": {
		{"two days after it was made", func(s *scene) {
			s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 203), "").Created = clock.Add(-22 * time.Hour)
		}, "more than ten minutes after they were made (p1::"},
		{"eleven minutes after it was made", func(s *scene) {
			s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 203), "").Created = last(s).Created.Add(11 * time.Minute)
		}, "more than ten minutes after they were made (p1::"},
		{"hourly, by a clock that was set back", func(s *scene) {
			s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 203), "").Created = last(s).Created.Add(-time.Hour)
		}, "more than ten minutes after they were made (p1::"},
		{"nobody knows when", func(s *scene) {
			s.snapshot(len(s.array().Volumes.Items)-1, copyOf(evidence.TypeCustom, "", 203), "").Created = time.Time{}
		}, "more than ten minutes after they were made (p1::"},
	},
	"attached": {
		{"a custom volume", func(s *scene) {
			s.run("c9", "lxd01", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "lost", Type: evidence.TypeCustom, Project: "default"})
			s.record(s.volume("p1", name(evidence.TypeContainer, "", 90)), "c9")
			s.swapLast()
		}, "disks of instances without a record (d of c9)"},
		{"a root volume", func(s *scene) { s.run("c9", "lxd01") }, "root of c9"},
		{"a snapshot", func(s *scene) {
			s.LXD.Instances.Items[0].Disks[1].Snapshot = "gone"
		}, "data of c1"},
		{"LXD's own", func(s *scene) {
			s.LXD.DaemonVolumes = appendTo(s.LXD.DaemonVolumes, evidence.DaemonVolume{Member: "lxd01", Key: "storage.images_volume", Pool: "p1", Volume: "images"})
		}, "storage.images_volume of lxd01"},
		{"disks that are not known", func(s *scene) { s.LXD.Instances.Items[1].Disks = nil }, `those of "vm1", which are not known`},
	},
	"mounted": {
		{"where LXD mounts", func(s *scene) {
			v := s.volume("p1", name(evidence.TypeCustom, "", 201))
			s.mounted(s.attach(0, v, 1), "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_lost")
			s.connect(v, hostName)
			s.swapLast()
		}, "mounted where LXD mounts its own (p1/custom/default_lost)"},
	},
}

// Where they stand in a healthy scene.
const isoVolume, nvmeVolume = 3, 6

// recordOfNothing is a record of a volume that the array does not have.
func (s *scene) recordOfNothing(lxd string) *evidence.Record {
	s.n++
	s.LXD.Records = appendTo(s.LXD.Records, evidence.Record{
		Pool: "p1", Project: "default", Type: evidence.TypeCustom, Name: lxd, Content: evidence.ContentFilesystem, UUID: uuid(9000 + s.n), Created: clock.Add(-300 * time.Hour),
	})
	return &s.LXD.Records.Items[len(s.LXD.Records.Items)-1]
}

func (s *scene) directory(kind, name string) {
	s.Hosts[0].Directories = appendTo(s.Hosts[0].Directories, evidence.Directory{
		Path: "/var/snap/lxd/common/lxd/storage-pools/p1/" + kind + "/" + name, Pool: "p1", Kind: kind, Name: name, Empty: evidence.Yes, Mounted: evidence.No,
	})
}

// swapLast puts the last two volumes in the other order.
func (s *scene) swapLast() {
	items := s.array().Volumes.Items
	n := len(items)
	items[n-1], items[n-2] = items[n-2], items[n-1]
}

// detached is a volume without a record that is connected to nothing.
func detached(s *scene) { s.volume("p1", name(evidence.TypeCustom, "", 100)) }

// removable has something safe of everything that is removed from p1.
func removable(s *scene) {
	leakCopy(s)
	orphanSnapshot(s)
	s.volume("p1", name(evidence.TypeImage, "", 110))
	s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 111))
	detached(s)
}

// What a restored database leaves makes everything doubtful that has no record,
// in all pools of that LXD.
func TestRestoredDatabase(t *testing.T) {
	for _, mark := range fingerprints {
		if len(restored[mark.name]) == 0 {
			t.Errorf("fingerprint %s has no case", mark.name)
		}
		for _, c := range restored[mark.name] {
			t.Run(mark.name+"/"+c.name, func(t *testing.T) {
				s := healthy()
				leakNVMe(s)
				removable(s)
				before := safe(s.judge())
				if len(before) < 6 {
					t.Fatalf("safe before: %v", before)
				}
				c.set(s)
				r := s.judge()
				for _, f := range r.Findings {
					kind, _ := KindOf(f.Code)
					removes := kind.Class == ClassDestroy || (kind.Class == ClassSnapshot && !mark.hosts)
					if !removes || f.Pool != "p1" {
						continue
					}
					got := gate(t, f, "explained")
					if got.Result == Pass || f.Verdict == Safe {
						t.Errorf("%s %s: %s, %s", f.Code, f.Object, f.Verdict, got.Why)
					}
				}
				f := r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == "p1::"+u100 })]
				if got := gate(t, f, "explained"); got.Result != Uncertain || !strings.Contains(got.Why, c.says) {
					t.Errorf("%s: %q, want %q", got.Result, got.Why, c.says)
				}
				f = r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == "n1::"+u101 })]
				if got := gate(t, f, "explained"); got.Result != Uncertain || !strings.Contains(got.Why, c.says) {
					t.Errorf("the other pool's: %s: %q, want %q", got.Result, got.Why, c.says)
				}
				// Only this fingerprint shows: without it all is as it was.
				s.policy.DatabaseIsCurrent = true
				r = s.judge()
				f = r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == "p1::"+u100 })]
				if got := gate(t, f, "explained"); got.Result != Waived || !strings.Contains(got.Why, c.says) || strings.Count(got.Why, "(") > 8 {
					t.Errorf("with the operator's word %s: %q", got.Result, got.Why)
				}
				s.policy.Batch = true
				for key := range safe(s.judge()) {
					if strings.Contains(key, " p1::") {
						t.Errorf("in a batch the operator's word makes %s safe", key)
					}
				}
			})
		}
	}
}

// A pool that was not read may be the one that gives the database away.
func TestPoolThatWasNotRead(t *testing.T) {
	for name, set := range map[string]func(*scene){
		"no array":                  func(s *scene) { s.LXD.Pools.Items[1].Gateway = "https://fa9" },
		"its pod was not asked for": func(s *scene) { s.array().Asked = []string{"p1"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			removable(s)
			if before := safe(s.judge()); len(before) < 5 {
				t.Fatalf("safe before: %v", before)
			}
			set(s)
			for key := range safe(s.judge()) {
				if strings.HasPrefix(key, "destroy p1::u-") || strings.HasPrefix(key, "destroy p1::v-") || strings.HasPrefix(key, "snapshot") {
					t.Errorf("safe: %s", key)
				}
			}
			if got := s.explained(t); got.Result != Uncertain || !strings.Contains(got.Why, "pool n1, which may show that, was not read") {
				t.Errorf("%s: %s", got.Result, got.Why)
			}
			// In a pool that LXD failed to make there is nothing to miss.
			s.LXD.Records.Items = slices.DeleteFunc(s.LXD.Records.Items, func(r evidence.Record) bool { return r.Pool == "n1" })
			s.LXD.Instances.Items = slices.DeleteFunc(s.LXD.Instances.Items, func(i evidence.Instance) bool {
				return slices.ContainsFunc(i.Disks, func(d evidence.InstanceDisk) bool { return d.Pool == "n1" })
			})
			if got := s.explained(t); got.Result != Pass {
				t.Errorf("without a record in it %s: %s", got.Result, got.Why)
			}
			s.LXD.Records = s.LXD.Records.Doubt("page 2")
			if got := s.explained(t); got.Result != Uncertain {
				t.Errorf("without all records %s: %s", got.Result, got.Why)
			}
		})
	}
}

// What LXD's ordinary failures leave is no sign of a restored database.
func TestOrdinaryLeaksStayRepairable(t *testing.T) {
	for name, set := range map[string]func(*scene){
		"the directory of a failed creation": func(s *scene) {
			leak(s)
			s.directory("custom", "default_staging")
		},
		"the directory of one that was repaired": func(s *scene) { s.directory("custom", "default_staging") },
		"directories with records":               func(s *scene) { s.directory("custom", "default_data"); s.directory("containers", "c1") },
		"half of a deleted virtual machine": func(s *scene) {
			half := s.array().Volumes.Items[isoVolume+1]
			for i := range s.LXD.Records.Items { // long before what leaked
				if r := &s.LXD.Records.Items[i]; r.UUID == half.LXD.UUID {
					r.Created = half.Created.Add(-24 * time.Hour)
				}
			}
			s.array().Volumes.Items = slices.Delete(s.array().Volumes.Items, isoVolume+1, isoVolume+2)
		},
		"a record that was made just now":   func(s *scene) { s.recordOfNothing("new").Created = clock.Add(-time.Minute) },
		"a destroyed volume without record": func(s *scene) { detached2(s) },
		"a destroyed record, with SafeMode": func(s *scene) {
			s.array().ManualEradication = "all-disabled"
			s.vol(isoVolume).Destroyed = evidence.Yes
		},
		"an image whose record has moved on": func(s *scene) {
			v := s.volume("p1", evidence.Name{Type: evidence.TypeImage, Content: evidence.ContentFilesystem, UUID: uuid(120)})
			s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(v).ID, Recorded: clock.Add(-time.Hour), LXDName: "image/2d7588f66bcde5214f46dc034c8fbc60b6af404fcb33221b14a5bced4a860757 (default)"}}
		},
		"snapshots of a copy that failed": func(s *scene) {
			v := s.volume("p1", evidence.Name{Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, UUID: uuid(120)})
			s.snapshot(v, copyOf(evidence.TypeCustom, "", 203), "").Created = s.vol(v).Created.Add(attempt)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			detached(s)
			set(s)
			r := s.judge()
			if i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == "p1::"+u100 && f.Verdict == Safe }); i < 0 {
				for _, f := range r.Findings {
					t.Errorf("%s %s: %v", f.Code, f.Object, f.Reasons())
				}
			}
		})
	}
}

func detached2(s *scene) {
	s.vol(s.volume("p1", name(evidence.TypeCustom, "", 121))).Destroyed = evidence.Yes
}

// Evidence of a restored database that is taken away makes nothing safe.
func TestTakingFingerprintsAwayNeverMakesSafe(t *testing.T) {
	for mark, cases := range restored {
		for _, c := range cases[:1] {
			t.Run(mark+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				s := healthy()
				orphanSnapshot(s)
				detached(s)
				c.set(s)
				before := safe(s.judge())
				leaves(reflect.ValueOf(&s.World).Elem(), "", "World", func(path string, take func() func()) {
					restore := take()
					defer restore()
					if more := grown(before, safe(s.judge())); len(more) > 0 {
						t.Errorf("%s: becomes safe: %q", path, more)
					}
				})
			})
		}
	}
}

// While anything says that the volume of a record may still be somewhere,
// nobody is told to delete the record.
func TestRecordInDoubtIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*scene, *evidence.Record)
		gone bool
	}{
		"certainly gone":     {func(*scene, *evidence.Record) {}, true},
		"perhaps elsewhere":  {func(s *scene, _ *evidence.Record) { s.array().Elsewhere = s.array().Elsewhere.Doubt("403") }, false},
		"uses not all known": {func(s *scene, _ *evidence.Record) { s.Hosts[0].Uses = s.Hosts[0].Uses.Doubt("EIO") }, false},
		"a recorded host":    {func(s *scene, _ *evidence.Record) { s.Hosts[0].Recorded = true }, false},
		"mounted at its path": {func(s *scene, _ *evidence.Record) {
			s.use(evidence.Use{Kind: evidence.UseMount, Device: "sdq", Dev: "65:0", Where: "/lxd/storage-pools/p1/custom/default_old"})
		}, false},
		"a member that was not read": {func(s *scene, _ *evidence.Record) {
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes})
		}, false},
		"seen on another array": {func(s *scene, _ *evidence.Record) {
			s.Seen = []evidence.Sighting{{ArrayID: "other", VolumeID: "v", Pod: "p1", Recorded: clock, LXDName: "custom/old (default)"}}
		}, false},
		"a volume of its age": {func(s *scene, r *evidence.Record) { s.vol(s.volume("p1", evidence.Name{})).Created = r.Created }, false},
	} {
		s := healthy()
		record := *s.recordOfNothing("old")
		c.set(s, &record)
		remedy := strings.Join(only(t, s.judge(), "missing-volume").Remedy, "\n")
		if told := strings.Contains(remedy, "lxc storage volume delete"); told != c.gone {
			t.Errorf("%s: %s", name, remedy)
		}
	}
}
