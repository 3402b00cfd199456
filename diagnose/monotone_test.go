package diagnose

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pureclean/pureclean/evidence"
)

// what is safe, and for which change. The code may differ: what matters is
// that nothing becomes removable that was not.
func safe(r Report) map[string]bool {
	set := map[string]bool{}
	for _, f := range r.Findings {
		if f.Verdict == Safe {
			kind, _ := KindOf(f.Code)
			set[string(kind.Class)+" "+f.Object+" "+f.Host] = true
		}
	}
	return set
}

// grown lists what is in after and not in before.
func grown(before, after map[string]bool) []string {
	var more []string
	for k := range after {
		if !before[k] {
			more = append(more, k)
		}
	}
	slices.Sort(more)
	return more
}

// absent are the fields where having nothing is how the witness says that
// there is nothing. Taking such a field away can't be told from the truth; the
// package that reads it has to refuse the row.
var absent = map[string]string{
	"World.Seen":            "an empty memory is no evidence in either direction; a batch needs the sighting itself",
	"Sighting.ArrayID":      "the same",
	"Sighting.VolumeID":     "the same",
	"Sighting.Recorded":     "the same",
	"World.Destroyed":       "an empty journal is no evidence in either direction; a run reads its own, and refuses where it can't",
	"Array.Trails":          "an array without a trail for us is no evidence in either direction; each trail that is not whole is doubted",
	"Source.Trouble":        "no trouble is how a witness says that there was none; its lists say the rest",
	"Host.Recorded":         "a live host is not recorded",
	"ArrayHost.Group":       "an object in no group names none; what is connected through a group has rows of its own",
	"Connection.Group":      "a private connection names no group; the reader refuses a row without the key",
	"Instance.Paths":        "an instance that names no path has none, as it has no other devices; the reader refuses one without devices",
	"InstanceDisk.Source":   "a root disk has no source; use on the host still counts",
	"InstanceDisk.Snapshot": "a volume that is attached itself has no snapshot; use on the host still counts",
}

// leaves calls do for everything in a world that can be taken away, one at a
// time: each field set to its zero value, each list doubted, and each item of
// a list gone from it with the list doubted.
func leaves(v reflect.Value, path, field string, do func(path string, take func() (restore func()))) {
	set := func(with reflect.Value) func() func() {
		return func() func() {
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			v.Set(with)
			return func() { v.Set(old) }
		}
	}
	if absent[field] != "" {
		return
	}
	if doubt := v.MethodByName("Doubt"); doubt.IsValid() {
		less := doubt.Call([]reflect.Value{reflect.ValueOf("taken away")})[0]
		do(path+" doubted", set(less))
		items := v.FieldByName("Items")
		for i := range items.Len() {
			fewer := reflect.New(v.Type()).Elem()
			fewer.Set(less)
			rest := reflect.AppendSlice(reflect.MakeSlice(items.Type(), 0, items.Len()), items.Slice(0, i))
			fewer.FieldByName("Items").Set(reflect.AppendSlice(rest, items.Slice(i+1, items.Len())))
			do(fmt.Sprintf("%s[%d] missing", path, i), set(fewer))
			leaves(items.Index(i), fmt.Sprintf("%s[%d]", path, i), items.Type().Elem().Name(), do)
		}
		return
	}
	switch {
	case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]() && v.Type() != reflect.TypeFor[evidence.Count]():
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			leaves(v.Field(i), path+"."+name, v.Type().Name()+"."+name, do)
		}
	case v.Kind() == reflect.Slice:
		if v.Len() > 0 {
			do(path+" emptied", set(reflect.Zero(v.Type())))
		}
		for i := range v.Len() {
			leaves(v.Index(i), fmt.Sprintf("%s[%d]", path, i), v.Type().Elem().Name(), do)
		}
	case !v.IsZero():
		do(path+" zeroed", set(reflect.Zero(v.Type())))
	}
}

// everything is a world with something of each remedy, safe and not.
func everything() *scene {
	s := healthy()
	leak(s)
	leakNVMe(s)
	leakCopy(s)
	stale(s)
	deadMap(s)
	orphanSnapshot(s)
	s.volume("p1", name(evidence.TypeImage, "", 110))
	s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 111))
	ghost := s.volume("p1", name(evidence.TypeCustom, "", 112))
	s.record(ghost, "was-scsi")
	s.path(0, ghost, 1)
	s.gone(0, ghost)
	idleObject(s)
	ghost = s.volume("n1", name(evidence.TypeCustom, "", 113))
	s.record(ghost, "was-nvme")
	s.namespace(0, ghost)
	return s
}

// traps are worlds in which something must not be touched for one reason.
var traps = map[string]func(*scene){
	"all is well": func(*scene) {},
	"a leaked volume is mounted": func(s *scene) {
		s.use(evidence.Use{Kind: evidence.UseMount, Device: "sdf", Dev: "8:80", Serial: serialNo(9), Where: "/mnt"})
	},
	"a leaked volume is open":  func(s *scene) { s.Hosts[0].Maps.Items[2].OpenCount = evidence.CountOf(1) },
	"a leaked volume does I/O": func(s *scene) { s.array().Activity.Items[8].Busy = evidence.Yes },
	"a leaked volume is young": func(s *scene) { s.vol(7).Created = clock.Add(-time.Minute) },
	"a leaked volume is protected": func(s *scene) {
		s.array().Protections = evidence.Complete([]evidence.Protection{{Group: "pg", VolumeID: s.vol(7).ID, VolumeName: s.vol(7).Name}})
	},
	"a leaked volume is elsewhere": func(s *scene) { second(s); s.connect(7, "lxd02-iscsi"); s.path(1, 7, 1) },
	"used elsewhere, not connected": func(s *scene) {
		second(s)
		s.path(1, 7, 1)
		s.Hosts[1].Uses = appendTo(s.Hosts[1].Uses, evidence.Use{Kind: evidence.UseOpener, Device: "sdb", Dev: "8:16", Serial: s.vol(7).Serial})
	},
	"a foreign machine": func(s *scene) { stranger(s, 7) },
	"a group": func(s *scene) {
		s.connect(7, hostName)
		s.array().Connections.Items[len(s.array().Connections.Items)-1].Group = "g"
	},
	"LUN reuse": func(s *scene) {
		s.Hosts[0].Disks.Items[2].Live.Serial = s.vol(7).Serial
		s.Hosts[0].Disks.Items[2].HCTL = "1:0:0:8"
	},
	"a running copy": func(s *scene) {
		s.run("c9", "lxd01", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "data", Type: evidence.TypeCustom, Project: "default", Snapshot: "snap0"})
	},
	"attached to a running instance": func(s *scene) {
		s.run("c9", "lxd01", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
	},
	"used by LXD itself": func(s *scene) {
		s.LXD.DaemonVolumes = appendTo(s.LXD.DaemonVolumes, evidence.DaemonVolume{Member: "lxd01", Key: "k", Pool: "p1", Volume: "kill1"})
	},
	"LXD works":                 func(s *scene) { s.operate("Copying instance", "/1.0/instances/c1") },
	"member away":               func(s *scene) { second(s); s.LXD.Members.Items[1].Online = evidence.No; s.Hosts = s.Hosts[:1] },
	"copy without its original": func(s *scene) { s.array().Snapshots.Items[0].Destroyed = evidence.Yes },
	"disappeared": func(s *scene) {
		s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: s.vol(7).ID, Recorded: clock.Add(-time.Hour)}}
	},
	"a map that answers": func(s *scene) {
		d := &s.Hosts[0].Disks.Items[8]
		d.Live = evidence.Identity{Kind: evidence.IdentityKnown, Serial: d.Serial}
	},
	"a map whose volume is outside": func(s *scene) {
		s.array().Lookups = []evidence.Lookup{{Serial: s.vol(11).Serial, Found: evidence.Yes, Name: "x", Destroyed: evidence.No}}
		s.cut(11)
	},
	"a map of a connected volume": func(s *scene) { s.connect(11, hostName) },
	"a pod of two arrays": func(s *scene) {
		p := &s.array().Pods.Items[0]
		p.Arrays = append(p.Arrays, evidence.PodArray{ID: "b", Name: "fa2", Status: "online"})
	},
	"a demoted pod": func(s *scene) { s.array().Pods.Items[0].Promotion = "demoted" },
	"one too many": func(s *scene) {
		for i := range 6 {
			s.volume("p1", name(evidence.TypeCustom, "", 300+i))
		}
	},
	"LXD was asked first": func(s *scene) { s.LXD.Began = clock },
	"something gone is in use": func(s *scene) {
		s.use(evidence.Use{Kind: evidence.UseMount, Device: "nvme5n5", Dev: "259:77", Where: "/srv"})
	},
	"a hidden process": func(s *scene) { s.Hosts[0].AllProcesses = evidence.No },
	"pinned elsewhere": func(s *scene) { s.policy.Pins = map[string]string{"p1": "x", "n1": "x"} },
}

// cut takes a volume off the array, and its record.
func (s *scene) cut(i int) {
	id := s.vol(i).LXD.UUID
	s.array().Volumes.Items = slices.Delete(slices.Clone(s.array().Volumes.Items), i, i+1)
	s.LXD.Records.Items = slices.DeleteFunc(s.LXD.Records.Items, func(r evidence.Record) bool { return r.UUID == id })
}

// Taking away any one list, item or field turns safe into blocked or leaves
// it; it never makes anything safe. Every field of every row is tried.
func TestTakingAwayNeverMakesSafe(t *testing.T) {
	for trap, set := range traps {
		t.Run(trap, func(t *testing.T) {
			t.Parallel()
			s := everything()
			set(s)
			before := safe(s.judge())
			taken := 0
			defer func() {
				if taken < 500 {
					t.Errorf("only %d things were taken away", taken)
				}
			}()
			leaves(reflect.ValueOf(&s.World).Elem(), "", "World", func(path string, take func() func()) {
				taken++
				restore := take()
				defer restore()
				if more := grown(before, safe(s.judge())); len(more) > 0 {
					t.Errorf("%s: becomes safe: %q", path, more)
				}
			})
		})
	}
}

// The base of the test above has something safe of every remedy to lose.
func TestEverythingHasSafeFindings(t *testing.T) {
	got := map[Class]int{}
	for key := range safe(everything().judge()) {
		class, _, _ := strings.Cut(key, " ")
		got[Class(class)]++
	}
	for _, class := range []Class{ClassDestroy, ClassDisconnect, ClassHost, ClassSnapshot} {
		if got[class] == 0 {
			t.Errorf("nothing safe of class %s: %v", class, got)
		}
	}
}

// With LXD's word incomplete nothing at all may be removed on the array.
func TestIncompleteRecordsBlockEverything(t *testing.T) {
	spoil := map[string]func(*evidence.LXD){
		"records":    func(l *evidence.LXD) { l.Records = l.Records.Doubt("x") },
		"instances":  func(l *evidence.LXD) { l.Instances = l.Instances.Doubt("x") },
		"pools":      func(l *evidence.LXD) { l.Pools = l.Pools.Doubt("x") },
		"members":    func(l *evidence.LXD) { l.Members = l.Members.Doubt("x") },
		"operations": func(l *evidence.LXD) { l.Operations = l.Operations.Doubt("x") },
		"rights":     func(l *evidence.LXD) { l.SeesAll = evidence.Unknown },
		"everything": func(l *evidence.LXD) { *l = evidence.LXD{Source: evidence.Source{Trouble: "connection refused"}} },
	}
	for what, do := range spoil {
		t.Run(what, func(t *testing.T) {
			s := everything()
			n := len(safe(s.judge()))
			do(&s.LXD)
			r := s.judge()
			for key := range safe(r) {
				if !strings.HasPrefix(key, string(ClassHost)) || what != "rights" {
					t.Errorf("%s is still safe", key)
				}
			}
			if r.Complete || n == 0 {
				t.Errorf("complete %v, %d safe before", r.Complete, n)
			}
		})
	}
}

// When nothing of LXD could be read nothing is called leaked: that would be
// every volume there is. The report says that it could not tell.
func TestSilentLXDLeaksNothing(t *testing.T) {
	for name, lxd := range map[string]evidence.LXD{
		"silent":     {Source: evidence.Source{Name: "lxd01", Trouble: "connection refused", Hint: "start LXD"}},
		"no records": {Version: "6.8", Pools: healthy().LXD.Pools, Records: evidence.Incomplete[evidence.Record](nil, "403")},
	} {
		t.Run(name, func(t *testing.T) {
			s := everything()
			s.LXD = lxd
			r := s.judge()
			for _, f := range r.Findings {
				if k, _ := KindOf(f.Code); k.Leaked || f.Code == "leaked-snapshot" || f.Code == "missing-volume" || f.Code == "foreign-connection" {
					t.Errorf("found %s %s", f.Code, f.Object)
				}
			}
			if r.Complete || len(r.Doubts) == 0 {
				t.Errorf("complete %v, doubts %q", r.Complete, r.Doubts)
			}
		})
	}
}

// The same over worlds that nobody thought of.
func TestTakingAwayFromAnyWorld(t *testing.T) {
	kinds := []string{evidence.TypeContainer, evidence.TypeVM, evidence.TypeImage, evidence.TypeCustom}
	rapid.Check(t, func(t *rapid.T) {
		s := healthy()
		if rapid.Bool().Draw(t, "cluster") {
			second(s)
		}
		answer := func(label string) evidence.Answer {
			return rapid.SampledFrom([]evidence.Answer{evidence.Unknown, evidence.No, evidence.No, evidence.No, evidence.Yes}).Draw(t, label)
		}
		for i := range rapid.IntRange(1, 5).Draw(t, "volumes") {
			content := rapid.SampledFrom([]string{evidence.ContentFilesystem, evidence.ContentBlock}).Draw(t, "content")
			n := name(rapid.SampledFrom(kinds).Draw(t, "type"), content, 500+i)
			if rapid.Bool().Draw(t, "copy") {
				n = copyOf(evidence.TypeCustom, "", 3)
			}
			v := s.volume(rapid.SampledFrom([]string{"p1", "n1"}).Draw(t, "pod"), n)
			s.vol(v).Destroyed = answer("destroyed")
			s.vol(v).Created = clock.Add(-time.Duration(rapid.IntRange(-1, 72).Draw(t, "hours")) * time.Hour)
			if rapid.Bool().Draw(t, "recorded") && !n.Snapshot {
				s.record(v, fmt.Sprintf("v%d", i))
			}
			hosts := len(s.Hosts)
			for range rapid.IntRange(0, 2).Draw(t, "connections") {
				s.connect(v, rapid.SampledFrom([]string{hostName, nvmeName, "lxd02-iscsi", "nobody"}).Draw(t, "host"))
			}
			h := rapid.IntRange(0, hosts-1).Draw(t, "machine")
			switch rapid.IntRange(0, 3).Draw(t, "device") {
			case 0:
				s.path(h, v, 1)
			case 1:
				s.attach(h, v, 2)
			case 2:
				s.namespace(h, v)
			}
			if rapid.Bool().Draw(t, "gone") {
				s.gone(h, v)
			}
			if rapid.IntRange(0, 3).Draw(t, "used") == 0 {
				s.Hosts[h].Uses = appendTo(s.Hosts[h].Uses, evidence.Use{Kind: evidence.UseOpener, Serial: s.vol(v).Serial, Device: "sd?", Dev: "8:8"})
			}
			if rapid.IntRange(0, 3).Draw(t, "attached") == 0 {
				s.instance(fmt.Sprintf("c%d", 50+i), "lxd01", answer("running"), evidence.InstanceDisk{Device: "d", Pool: s.vol(v).Pod, Source: fmt.Sprintf("v%d", i), Type: evidence.TypeCustom, Project: "default"})
			}
			s.busy(answer("busy"))
		}
		before := safe(s.judge())
		var all []func() func()
		var paths []string
		leaves(reflect.ValueOf(&s.World).Elem(), "", "World", func(path string, take func() func()) {
			all, paths = append(all, take), append(paths, path)
		})
		i := rapid.IntRange(0, len(all)-1).Draw(t, "taken")
		all[i]()
		if more := grown(before, safe(s.judge())); len(more) > 0 {
			t.Fatalf("%s: becomes safe: %q", paths[i], more)
		}
	})
}
