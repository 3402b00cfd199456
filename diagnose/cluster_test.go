package diagnose

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// cluster makes the server one of three members that all answered.
func cluster() *scene {
	s := healthy()
	second(s)
	s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd03", Online: evidence.Yes, Status: "Online"})
	s.Hosts = append(s.Hosts, machine("lxd03", iqn3, "nqn.three"))
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: "lxd03-iscsi", Local: evidence.Yes, IQNs: []string{iqn3}, ConnectionCount: evidence.CountOf(9), Destroyed: evidence.No})
	return s
}

const iqn3 = "iqn.1993-08.org.debian:01:lxd03"

// object is the array host of that name.
func (s *scene) object(name string) *evidence.ArrayHost {
	items := s.array().Hosts.Items
	return &items[slices.IndexFunc(items, func(h evidence.ArrayHost) bool { return h.Name == name })]
}

func (s *scene) addObject(name string, iqns ...string) {
	s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: name, Local: evidence.Yes, IQNs: iqns, ConnectionCount: evidence.CountOf(9), Destroyed: evidence.No})
}

// Members are those whose initiators an object has, whatever it is called.
func TestHostObjectsOfMembers(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*scene)
		want []string
		says []string
	}{
		{"one each", func(*scene) {}, []string{}, nil},
		{"names that say nothing", func(s *scene) { s.object("lxd02-iscsi").Name = "esx-7"; s.object("lxd03-iscsi").Name = "lxd02-iscsi" }, []string{"hijacked-host lxd02-iscsi"}, []string{"lxd03"}},
		{
			"two members in one object, by hand",
			func(s *scene) {
				s.object("lxd02-iscsi").Name = "cluster"
				s.object("cluster").IQNs = []string{iqn2, iqn3}
				s.object("lxd03-iscsi").IQNs = nil
			},
			[]string{"hijacked-host cluster"},
			[]string{"it has initiators of lxd02 and lxd03", "each of them sees the volumes of all"},
		},
		{
			"two members in one object that is named after a third, which is silent",
			func(s *scene) {
				s.object("lxd02-iscsi").IQNs, s.object("lxd03-iscsi").IQNs = []string{iqn2, iqn1}, nil
				s.object(hostName).IQNs = []string{"iqn.other:1"}
				s.Hosts[1].IQNs = s.Hosts[1].IQNs.Doubt("EACCES")
			},
			[]string{"hijacked-host lxd01-iscsi", "hijacked-host lxd02-iscsi"},
			nil,
		},
		{
			"a stranger beside a member, in an object that is named after nobody",
			func(s *scene) {
				s.object("lxd02-iscsi").Name = "rack7"
				s.object("rack7").IQNs = []string{iqn2, "iqn.backup"}
			},
			[]string{"hijacked-host rack7"},
			[]string{"it has initiators of lxd02 and iqn.backup, which is nobody's that answered"},
		},
		{
			"perhaps the same member's",
			func(s *scene) {
				s.object("lxd02-iscsi").Name = "rack7"
				s.object("rack7").IQNs = []string{iqn2, "iqn.backup"}
				s.Hosts[1].IQNs = s.Hosts[1].IQNs.Doubt("EACCES")
			},
			[]string{},
			nil,
		},
		{
			"one member in two objects",
			func(s *scene) {
				s.Hosts[1].IQNs = evidence.Complete([]string{iqn2, "iqn.second:lxd02"})
				s.addObject("lxd02-b", "iqn.second:lxd02")
			},
			[]string{"unsafe-setting lxd02-b"},
			[]string{"lxd02's initiators are in 2 array hosts, lxd02-b and lxd02-iscsi", "the first that has one of them"},
		},
		{
			"one member in two objects of two transports",
			func(s *scene) {
				s.array().Hosts = appendTo(s.array().Hosts, evidence.ArrayHost{Name: "lxd02-nvme-tcp", Local: evidence.Yes, NQNs: []string{"nqn.two"}, ConnectionCount: evidence.CountOf(9), Destroyed: evidence.No})
			},
			[]string{},
			nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := cluster()
			c.make(s)
			r := s.judge()
			got := slices.DeleteFunc(found(r), func(f string) bool {
				return strings.HasPrefix(f, "foreign-") || strings.HasPrefix(f, "in-use") // what follows from it
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Fatalf("findings (-want +got):\n%s", diff)
			}
			for _, says := range c.says {
				f := r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code+" "+f.Object == c.want[0] })]
				if words := strings.Join([]string{f.Detail, f.Cause, f.Effect}, " "); !strings.Contains(words, says) {
					t.Errorf("%q is not in %q", says, words)
				}
			}
		})
	}
}

// A connection through an object of two members is needed while one of them
// needs it.
func TestSharedObjectIsNotStale(t *testing.T) {
	s := cluster()
	s.object("lxd02-iscsi").IQNs, s.object("lxd03-iscsi").IQNs = []string{iqn2, iqn3}, nil
	v := s.volume("p1", name(evidence.TypeCustom, "", 102))
	s.record(v, "kill1")
	s.connect(v, "lxd02-iscsi")
	s.attach(2, v, 2)
	s.run("c9", "lxd03", evidence.InstanceDisk{Device: "d", Pool: "p1", Source: "kill1", Type: evidence.TypeCustom, Project: "default"})
	if got := found(s.judge()); slices.ContainsFunc(got, func(f string) bool { return strings.HasPrefix(f, "stale-connection") }) {
		t.Errorf("found %q", got)
	}
}

// spread is a leak on all three members and a stale connection on the second,
// each with its devices there.
func spread() *scene {
	s := cluster()
	v := leak(s)
	for host, object := range map[int]string{1: "lxd02-iscsi", 2: "lxd03-iscsi"} {
		s.connect(v, object)
		s.attach(host, v, 2)
	}
	v = s.volume("p1", name(evidence.TypeCustom, "", 102))
	s.record(v, "kill1")
	s.connect(v, "lxd02-iscsi")
	s.attach(1, v, 2)
	return s
}

// When every member has testified, what it left on any of them can be judged;
// one that is silent blocks everything that is connected to it.
func TestEveryMemberMustTestify(t *testing.T) {
	s := spread()
	r := s.judge()
	for _, code := range []string{"leaked-volume", "stale-connection"} {
		f := only(t, r, code)
		if f.Verdict != Safe {
			t.Errorf("%s: %s %v", code, f.Verdict, refusals(f))
		}
		if code == "stale-connection" && (f.Host != "lxd02-iscsi" || !strings.Contains(f.Detail, "on lxd02, idle")) {
			t.Errorf("%s: %s", f.Host, f.Detail)
		}
	}
	if !r.Complete || len(r.Findings) != 2 {
		t.Errorf("complete %v, found %q", r.Complete, found(r))
	}
	for host := range 3 {
		for how, silence := range map[string]func(*scene){
			"not asked": func(s *scene) { s.Hosts = slices.Delete(s.Hosts, host, host+1) },
			"unreachable": func(s *scene) {
				s.Hosts[host] = evidence.Host{Source: evidence.Source{Name: s.Hosts[host].Name, Trouble: "no route to host"}}
			},
			"from a file": func(s *scene) { s.Hosts[host].Recorded = true },
			"another boot": func(s *scene) {
				s.Hosts[host].Began = s.Hosts[host].Began.AddDate(0, 0, -1)
			},
			"under another's name": func(s *scene) { s.Hosts[host].Name = "somebody" },
			"offline in LXD":       func(s *scene) { s.LXD.Members.Items[host].Online = evidence.No },
		} {
			s := spread()
			silence(s)
			for _, f := range s.judge().Findings {
				if f.Verdict == Safe {
					t.Errorf("%s %s: %s %s is safe", s.LXD.Members.Items[host].Name, how, f.Code, f.Object)
				}
			}
		}
	}
}

// A use on a member that the array does not connect is a use all the same.
func TestUseOnAnyMemberCounts(t *testing.T) {
	for host := range 3 {
		s := cluster()
		v := s.volume("p1", name(evidence.TypeCustom, "", 100))
		s.attach(host, v, 1)
		h := &s.Hosts[host]
		h.Maps.Items[len(h.Maps.Items)-1].OpenCount = evidence.CountOf(1)
		if f := only(t, s.judge(), "leaked-volume"); f.Verdict != Blocked || gate(t, f, "not-in-use").Result != Fail {
			t.Errorf("open on %s: %s %v", h.Name, f.Verdict, refusals(f))
		}
	}
}
