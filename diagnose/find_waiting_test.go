package diagnose

import (
	"slices"
	"strings"
	"testing"

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
	s.use(evidence.Use{Kind: evidence.UseOpener, Device: m.Kernel, Dev: m.Dev, Serial: m.Serial, Where: "/dev/" + m.Kernel, PID: 14658, Process: "dd"})
}

// A process that waits for a path that never comes can't be stopped; what frees
// it is named, for that map, and what it means. It is named only where nothing
// is lost that could go on.
func TestFreeingWhoWaits(t *testing.T) {
	s := healthy()
	waiting(s)
	f := only(t, s.judge(), "leaked-volume")
	last := s.Hosts[0].Maps.Items[len(s.Hosts[0].Maps.Items)-1].Name
	if f.Verdict != Blocked || f.Next != "on lxd01: multipathd disablequeueing map "+last ||
		!strings.Contains(f.Remedy[0], f.Next) || !strings.Contains(f.Remedy[0], "dd (pid 14658) gets an error, and what it had to write is lost") {
		t.Errorf("%s: next %q, %q", f.Verdict, f.Next, f.Remedy)
	}
	for name, change := range map[string]func(s *scene, m *evidence.Map){
		"it does not queue":            func(_ *scene, m *evidence.Map) { m.Queueing = evidence.No },
		"whether it queues, who knows": func(_ *scene, m *evidence.Map) { m.Queueing = evidence.Unknown },
		"a path works":                 func(_ *scene, m *evidence.Map) { m.Paths[0].Active = evidence.Yes },
		"a path may work":              func(_ *scene, m *evidence.Map) { m.Paths[0].Active, m.Paths[0].Checker = evidence.Unknown, "" },
		"it is connected":              func(s *scene, _ *evidence.Map) { s.connect(len(s.array().Volumes.Items)-1, hostName) },
		"it may be connected":          func(s *scene, _ *evidence.Map) { s.array().Connections = s.array().Connections.Doubt("page") },
		"it is mounted": func(s *scene, m *evidence.Map) {
			s.use(evidence.Use{Kind: evidence.UseMount, Device: m.Kernel, Dev: m.Dev, Serial: m.Serial, Where: "/mnt"})
		},
		"nobody waits": func(s *scene, m *evidence.Map) {
			s.Hosts[0].Uses.Items = slices.DeleteFunc(s.Hosts[0].Uses.Items, func(u evidence.Use) bool { return u.PID == 14658 })
			m.OpenCount = evidence.CountOf(0)
		},
	} {
		s := healthy()
		waiting(s)
		change(s, &s.Hosts[0].Maps.Items[len(s.Hosts[0].Maps.Items)-1])
		for _, f := range s.judge().Findings {
			if f.Code != "unsafe-setting" && (f.Next != "" || strings.Contains(strings.Join(f.Remedy, " "), "disablequeueing")) {
				t.Errorf("%s: %s says %q, %q", name, f.Code, f.Next, f.Remedy)
			}
		}
	}
}

// What has no device has nobody who waits in it.
func TestFreeingNothing(t *testing.T) {
	s := healthy()
	waiting(s)
	f := newFacts(&s.World, s.policy)
	for _, class := range []Class{ClassDestroy, ClassDisconnect, ClassHost, ClassArrayHost} {
		if command, _ := (Subject{f: f, class: class, array: f.arrays[0]}).freeing(); command != "" {
			t.Errorf("%s: %s", class, command)
		}
	}
}
