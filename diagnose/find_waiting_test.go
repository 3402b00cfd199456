package diagnose

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// waiting is a leaked volume that the array has disconnected, whose map queues
// without a path, and in which a process waits.
func waiting(s *scene) {
	v := s.volume("p1", name(evidence.TypeCustom, "", 100))
	i := s.attach(0, v, 1)
	m := &s.Hosts[0].Maps.Items[i]
	m.Queueing, m.OpenCount = evidence.Yes, evidence.CountOf(1)
	m.Paths[0].Active, m.Paths[0].Checker = evidence.No, "faulty"
	disks := s.Hosts[0].Disks.Items
	disks[len(disks)-1].Live = evidence.Identity{Kind: evidence.IdentityGone}
	s.use(evidence.Use{Kind: evidence.UseOpener, Device: m.Kernel, Dev: m.Dev, Serial: m.Serial, Where: "/dev/" + m.Kernel, PID: 14658, Process: "dd"})
}

// maybeWanted is what says that I/O that waits may be wanted, by the reason that is
// then given.
var maybeWanted = map[string]func(s *scene, m *evidence.Map){
	"a virtual machine has it open": func(s *scene, _ *evidence.Map) {
		s.Hosts[0].Uses.Items[len(s.Hosts[0].Uses.Items)-1].Process = "qemu-system-x86"
	},
	"may be wanted: LXD had custom/data": func(s *scene, _ *evidence.Map) {
		s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: last(s).ID, Recorded: clock.Add(-time.Hour), LXDName: "custom/data (default)"}}
	},
	"LXD's database may be older": func(s *scene, _ *evidence.Map) { s.recordOfNothing("old") },
	"it is no leftover of LXD's": func(s *scene, _ *evidence.Map) {
		last(s).Name, last(s).LXD = "p1::web-old", evidence.Name{}
	},
}

// A process that waits for a path that never comes can't be stopped; what frees
// it is named, for that map, and what it means. It is named only where nothing
// is lost that could go on.
func TestFreeingWhoWaits(t *testing.T) {
	s := healthy()
	waiting(s)
	f := only(t, s.judge(), "leaked-volume")
	mapName := s.Hosts[0].Maps.Items[len(s.Hosts[0].Maps.Items)-1].Name
	if f.Verdict != Blocked || f.Next != "pureclean fix --volume lxd01:"+mapName+" --confirm "+mapName ||
		!strings.Contains(f.Remedy[0], f.Next+", or on lxd01: multipathd disablequeueing map "+mapName) || !strings.Contains(f.Remedy[0], "dd (pid 14658) gets an error, and what it had to write is lost") {
		t.Errorf("%s: next %q, %q", f.Verdict, f.Next, f.Remedy)
	}
	if mend := gate(t, f, "not-in-use").Mend; !strings.HasPrefix(mend, f.Next+", or on lxd01: multipathd disablequeueing map ") {
		t.Errorf("who is refused is told to do: %q", mend)
	}
	if w := only(t, s.judge(), codeWaiting); w.Verdict != Safe || w.Object != mapName || w.Host != "lxd01" || !strings.Contains(w.Remedy[0], f.Next) ||
		!strings.Contains(w.Detail, mapName+" (p1::u-00000064000040008000000000000000) on lxd01 queues I/O and has no path, and dd (pid 14658) has it open") {
		t.Errorf("%s of %s on %s: %q", w.Verdict, w.Object, w.Host, w.Remedy)
	}
	changes := map[string]func(s *scene, m *evidence.Map){
		"it does not queue":            func(_ *scene, m *evidence.Map) { m.Queueing = evidence.No },
		"whether it queues, who knows": func(_ *scene, m *evidence.Map) { m.Queueing = evidence.Unknown },
		"a path works":                 func(_ *scene, m *evidence.Map) { m.Paths[0].Active = evidence.Yes },
		"a path may work":              func(_ *scene, m *evidence.Map) { m.Paths[0].Active, m.Paths[0].Checker = evidence.Unknown, "" },
		"it is connected":              func(s *scene, _ *evidence.Map) { s.connect(len(s.array().Volumes.Items)-1, hostName) },
		"it may be connected":          func(s *scene, _ *evidence.Map) { s.array().Connections = s.array().Connections.Doubt("page") },
		"it is mounted": func(s *scene, m *evidence.Map) {
			s.use(evidence.Use{Kind: evidence.UseMount, Device: m.Kernel, Dev: m.Dev, Serial: m.Serial, Where: "/mnt"})
		},
		"only udev waits, which a repair lets go": func(s *scene, _ *evidence.Map) {
			s.Hosts[0].Uses.Items[len(s.Hosts[0].Uses.Items)-1].Waits = true
		},
		"LXD uses it": func(s *scene, m *evidence.Map) {
			v := len(s.array().Volumes.Items) - 1
			s.record(v, "disk")
			s.LXD.Instances.Items[0].Disks = append(s.LXD.Instances.Items[0].Disks, evidence.InstanceDisk{
				Device: "disk", Pool: "p1", Project: "default", Type: evidence.TypeCustom, Source: "disk",
			})
		},
		"nobody waits": func(s *scene, m *evidence.Map) {
			s.Hosts[0].Uses.Items = slices.DeleteFunc(s.Hosts[0].Uses.Items, func(u evidence.Use) bool { return u.PID == 14658 })
			m.OpenCount = evidence.CountOf(0)
		},
	}
	maps.Copy(changes, maybeWanted)
	for name, change := range changes {
		s := healthy()
		waiting(s)
		change(s, &s.Hosts[0].Maps.Items[len(s.Hosts[0].Maps.Items)-1])
		for _, f := range s.judge().Findings {
			if f.Code == codeWaiting && f.Verdict == Safe {
				t.Errorf("%s: to end the I/O is called safe", name)
			}
			if f.Code != "unsafe-setting" && f.Code != codeWaiting && (f.Next != "" || strings.Contains(strings.Join(f.Remedy, " "), "disablequeueing")) {
				t.Errorf("%s: %s says %q, %q", name, f.Code, f.Next, f.Remedy)
			}
		}
	}
}

// The gate asks for itself, whatever made the finding: what is more than open, or
// LXD's, goes on when it is connected again.
func TestOnlyWaits(t *testing.T) {
	changes := map[string]func(s *scene, m *evidence.Map){
		"only dd (pid 14658) has": func(*scene, *evidence.Map) {},
		"dd (pid 14658) has ": func(s *scene, _ *evidence.Map) { // of a volume that the array does not list
			s.array().Volumes.Items = s.array().Volumes.Items[:len(s.array().Volumes.Items)-1]
		},
		"not known which map": func(s *scene, m *evidence.Map) {
			s.Hosts[0].Uses.Items = slices.DeleteFunc(s.Hosts[0].Uses.Items, func(u evidence.Use) bool { return u.PID == 14658 })
		},
		"not known which map it is": func(s *scene, m *evidence.Map) {
			other := *m
			other.Name, other.Kernel, other.Dev = "mpathy", "dm-77", "253:77"
			s.Hosts[0].Maps.Items = slices.Insert(s.Hosts[0].Maps.Items, 0, other)
		},
		"it is mounted, held or swap": func(s *scene, m *evidence.Map) {
			s.use(evidence.Use{Kind: evidence.UseMount, Device: m.Kernel, Dev: m.Dev, Serial: m.Serial, Where: "/mnt"})
		},
		"LXD uses it on lxd01": func(s *scene, _ *evidence.Map) {
			s.record(len(s.array().Volumes.Items)-1, "disk")
			s.LXD.Instances.Items[0].Disks = append(s.LXD.Instances.Items[0].Disks, evidence.InstanceDisk{
				Device: "disk", Pool: "p1", Project: "default", Type: evidence.TypeCustom, Source: "disk",
			})
		},
	}
	maps.Copy(changes, maybeWanted)
	for says, change := range changes {
		s := healthy()
		waiting(s)
		change(s, lastMap(s))
		f := newFacts(&s.World, s.policy)
		d := f.hosts[0].devices[lastMap(s).Serial]
		want := Fail
		switch {
		case strings.Contains(says, "dd (pid"):
			want = Pass
		case strings.HasPrefix(says, "not known"):
			want = Uncertain
		}
		if got, why := onlyWaits(Subject{f: f, class: ClassWaiting, array: f.arrays[0], device: d}); got != want || !strings.Contains(why, says) {
			t.Errorf("%q: %s: %s", says, got, why)
		}
	}
}

// What has no device has nobody who waits in it.
func TestFreeingNothing(t *testing.T) {
	s := healthy()
	waiting(s)
	f := newFacts(&s.World, s.policy)
	for _, class := range []Class{ClassDestroy, ClassDisconnect, ClassHost, ClassArrayHost, ClassWaiting} {
		if command, _ := (Subject{f: f, class: class, array: f.arrays[0]}).freeing(); command != "" {
			t.Errorf("%s: %s", class, command)
		}
	}
}
