package diagnose

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// fencedScene is a cluster whose second member is down by the operator's word,
// to which LXD and the array agree, with a volume that is connected to it.
func fencedScene() *scene {
	s := healthy()
	second(s)
	s.connect(leak(s), "lxd02-iscsi")
	s.Hosts = s.Hosts[:1]
	members := s.LXD.Members.Items
	members[len(members)-1].Online, members[len(members)-1].Status = evidence.No, "Offline"
	s.object("lxd02-iscsi").Connectivity = "critical None"
	s.policy.Down = []string{"lxd02"}
	return s
}

// The word that a machine is down stands in for its own testimony. Each thing
// that speaks against it alone is enough for it not to count.
func TestFences(t *testing.T) {
	s := fencedScene()
	if fence := Fences(s.World, s.policy)[0]; !fence.Holds || len(fence.Objects) != 1 || fence.Objects[0].Name != "lxd02-iscsi" {
		t.Fatalf("%+v", fence)
	}
	s.mounted(s.attach(0, len(s.array().Volumes.Items)-1, 1), "/mnt")
	s.busy(evidence.Yes)
	if fence := Fences(s.World, s.policy)[0]; !fence.Holds {
		t.Errorf("the I/O is this machine's: %+v", fence)
	}
	for _, c := range []struct {
		name, why string
		spoil     func(s *scene)
	}{
		{"it answered just now", "it answered just now", func(s *scene) {
			s.Hosts = append(s.Hosts, machine("lxd02", iqn2, "nqn.two"))
			s.Hosts[1].IQNs, s.Hosts[1].Boot = evidence.Complete([]string{}), "b2"
		}},
		{"its paths are logged in", "healthy Redundant", func(s *scene) { s.object("lxd02-iscsi").Connectivity = "healthy Redundant" }},
		{"one of its paths is logged in", "Single Controller", func(s *scene) { s.object("lxd02-iscsi").Connectivity = "warning Single Controller" }},
		{"the array says nothing of paths", "it says nothing", func(s *scene) { s.object("lxd02-iscsi").Connectivity = "" }},
		{"LXD shows it", "LXD does not show it offline but Online", func(s *scene) {
			m := s.LXD.Members.Items
			m[len(m)-1].Online, m[len(m)-1].Status = evidence.Yes, "Online"
		}},
		{"LXD does not say", "LXD does not show it offline", func(s *scene) { m := s.LXD.Members.Items; m[len(m)-1].Online = evidence.Unknown }},
		{"LXD's members are not all known", "not all known", func(s *scene) { s.LXD.Members = s.LXD.Members.Doubt("x") }},
		{"it is spelled otherwise", `LXD spells it "lxd02"`, func(s *scene) { s.policy.Down = []string{"LXD02"} }},
		{"nobody knows it", "neither LXD nor the array", func(s *scene) { s.policy.Down = []string{"lxd09"} }},
		{"no array was read", "no array was read", func(s *scene) { s.Arrays = nil }},
		{"the array was not read whole", "EIO", func(s *scene) { s.array().Trouble = "EIO" }},
		{"the array's hosts are not all known", "page", func(s *scene) { s.array().Hosts = s.array().Hosts.Doubt("page") }},
		{"its connections are not all known", "page", func(s *scene) { s.array().Connections = s.array().Connections.Doubt("page") }},
		{"the array's I/O is not all known", "page", func(s *scene) { s.array().Activity = s.array().Activity.Doubt("page") }},
		{"the object may be a peer array's", "not this array's own", func(s *scene) { s.object("lxd02-iscsi").Local = evidence.Unknown }},
		{"another machine has its initiators", "has initiators of lxd01", func(s *scene) { s.object("lxd02-iscsi").IQNs = []string{iqn1} }},
		{"another member may have its initiators", "may be lxd01", func(s *scene) { s.Hosts[0].IQNs = s.Hosts[0].IQNs.Doubt("EACCES") }},
		{"a volume of its is in use", "measured I/O", func(s *scene) { s.busy(evidence.Yes) }},
		{"a volume of its is in use here, over NVMe it may be in use there, too", "measured I/O", func(s *scene) {
			s.mounted(s.attach(0, len(s.array().Volumes.Items)-1, 1), "/mnt")
			s.busy(evidence.Yes)
			s.object("lxd02-iscsi").NQNs = []string{"nqn.other"}
		}},
		{"a volume of its is in use here, and was not measured", "not known whether there is I/O", func(s *scene) {
			s.mounted(s.attach(0, len(s.array().Volumes.Items)-1, 1), "/mnt")
			s.busy(evidence.Unknown)
		}},
		{"it is connected to what the array does not list", "measured nothing for us", func(s *scene) {
			items := s.array().Connections.Items
			items[len(items)-1].VolumeID = "elsewhere"
		}},
		{"it may be a member that was not asked", "may be lxd03", func(s *scene) {
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd03", Online: evidence.Yes, Status: "Online"})
		}},
		{"a volume of its was not measured", "not known whether there is I/O", func(s *scene) { s.busy(evidence.Unknown) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := fencedScene()
			c.spoil(s)
			fence := Fences(s.World, s.policy)[0]
			if fence.Holds || !strings.Contains(fence.Why, c.why) || len(fence.Objects) > 0 {
				t.Errorf("%+v", fence)
			}
			for _, f := range s.judge().Findings {
				if f.Verdict == Safe && f.Code == "leaked-volume" {
					t.Errorf("%s %s is safe", f.Code, f.Object)
				}
			}
		})
	}
}
