package diagnose

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Whoever is refused is told what makes it pass.
func TestEveryGateCanBeMended(t *testing.T) {
	for _, g := range Gates {
		if mends[g.Name] == "" {
			t.Errorf("gate %s does not say what makes it pass", g.Name)
		}
	}
	if len(mends) > len(Gates) {
		t.Errorf("%d are mended, and there are %d gates", len(mends), len(Gates))
	}
}

// What may be a member's nobody is told to take away: the member has to answer,
// or to be fenced.
func TestMendOfWhatMayBeAMembers(t *testing.T) {
	for how, c := range map[string]struct {
		make       func(*scene)
		want, must string
	}{
		"offline": {
			func(s *scene) { s.Hosts = s.Hosts[:2]; s.LXD.Members.Items[2].Online = evidence.No },
			"bring lxd03 back, or fence it and state so with --host-down lxd03: until then it may run what is connected to it", "by its name only",
		},
		"online and not asked": {
			func(s *scene) { s.Hosts = s.Hosts[:2] },
			"let lxd03 answer, by ssh or with --host-evidence; if it is down, fence it and state so with --host-down lxd03", "by its name only",
		},
		"asked in vain": {
			func(s *scene) {
				s.Hosts[2] = evidence.Host{Source: evidence.Source{Name: "lxd03", Trouble: "its pureclean is v1", Hint: "install the same version there"}}
			},
			"let lxd03 answer (its pureclean is v1): install the same version there; if it is down, fence it and state so with --host-down lxd03", "by its name only",
		},
		"asked in vain, as one that is down": {
			func(s *scene) {
				s.Hosts[2] = evidence.Host{Source: evidence.Source{Name: "lxd03", Trouble: "it can't be reached", Hint: "if it is fenced: --host-down lxd03"}}
			},
			"let lxd03 answer (it can't be reached): if it is fenced: --host-down lxd03", "by its name only",
		},
		"initiators not read": {
			func(s *scene) { s.Hosts[2].IQNs = evidence.List[string]{} },
			"let pureclean read the initiators of lxd03, as root", "by its name only",
		},
		"another member may have taken it": {
			func(s *scene) {
				s.object("lxd03-iscsi").IQNs = []string{"iqn.x"}
				s.Hosts = append(s.Hosts[:1], s.Hosts[2])
			},
			"bring lxd02 back, or let it answer: until then it may be its", "is named after lxd03 and has none of its initiators; it may be lxd02's",
		},
		"a name that is no member's": {
			func(s *scene) {
				s.object("lxd03-iscsi").Name = "old"
				s.array().Connections.Items[len(s.array().Connections.Items)-1].Host = "old"
				s.Hosts = s.Hosts[:2]
			},
			"bring lxd03 back, or let it answer: until then it may be its", "may be lxd03, which",
		},
	} {
		t.Run(how, func(t *testing.T) {
			s := cluster()
			s.connect(s.volume("p1", name(evidence.TypeCustom, "", 100)), "lxd03-iscsi")
			c.make(s)
			f := only(t, s.judge(), "leaked-volume")
			for _, name := range []string{"pod-ownership", "connections-ours"} {
				if got := gate(t, f, name); got.Mend != c.want || !strings.Contains(got.Why, c.must) || got.Result == Pass {
					t.Errorf("%s %s: %q (%s), want %q", name, got.Result, got.Mend, got.Why, c.want)
				}
			}
			if got := gate(t, f, "members-online"); got.Result == Fail && got.Mend != c.want {
				t.Errorf("members-online: %q, want %q", got.Mend, c.want)
			}
		})
	}
}

// Advice of the share gate is something that helps: alone nothing passes it that
// is one of too many, and a batch is refused earlier than that.
func TestMendOfTooMany(t *testing.T) {
	for how, c := range map[string]struct {
		batch bool
		leaks int
		want  string
	}{
		"alone, of too many":      {false, 30, mends["share"]},
		"in a batch, of too many": {true, 30, mends["share"]},
		"in a batch, of half":     {true, 5, "repair them one by one, each with --volume"},
	} {
		s := healthy()
		s.array().Volumes.Items = slices.DeleteFunc(s.array().Volumes.Items, func(v evidence.Volume) bool {
			return c.want != mends["share"] && v.Pod == "p1" && v.LXD.Type != evidence.TypeContainer
		})
		for i := range c.leaks {
			s.volume("p1", name(evidence.TypeCustom, "", 300+i))
		}
		s.policy.Batch = c.batch
		r := s.judge()
		g := gate(t, r.Findings[slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Object == last(s).Name })], "share")
		if mend := cmp.Or(g.Mend, mends["share"]); g.Result != Fail || mend != c.want {
			t.Errorf("%s: %s: %s: %q", how, g.Result, g.Why, mend)
		}
	}
}

// Of the ways past gate explained, the one that fits is named and no other.
func TestMendOfWhatIsNotExplained(t *testing.T) {
	for how, c := range map[string]struct {
		set  func(s *scene)
		want string
	}{
		"the database may be older": {
			func(s *scene) { detached(s); s.recordOfNothing("old") }, "look for what became of the record (pureclean explain disappeared-record); for one volume, state what you know: --volume NAME --database-is-current",
		},
		"it had a record": {
			func(s *scene) {
				v := s.snapshot(isoVolume, copyOf(evidence.TypeCustom, "", 203), "")
				s.Seen = []evidence.Sighting{{ArrayID: arrayID, VolumeID: v.ID, Recorded: clock.Add(-time.Hour)}}
			}, "look for what became of the record (pureclean explain disappeared-record)",
		},
		"somebody recovered it": {
			func(s *scene) {
				detached(s)
				s.array().Trails = []evidence.Trail{{VolumeID: last(s).ID, Deeds: evidence.Complete([]evidence.Deed{{At: clock.Add(-time.Hour), Verb: evidence.DeedRecover, User: "alice", Interface: "GUI"}})}}
			}, "ask whoever recovered it; for one volume, state what you know: --volume NAME --even-if-recovered",
		},
		"an undo took it back": {
			func(s *scene) {
				detached(s)
				s.policy.Batch = true
				s.TakenBack = []evidence.TakenBack{{Run: "a1b2", Undo: "c3d4", Did: "destroyed", ArrayID: arrayID, VolumeID: last(s).ID, At: clock.Add(-time.Hour)}}
			}, "if nobody wants it after all, repair it by itself with --volume",
		},
	} {
		s := healthy()
		c.set(s)
		said := ""
		for _, f := range s.judge().Findings {
			for _, g := range f.Gates {
				if g.Gate == "explained" && g.Result != Pass {
					said = cmp.Or(said, g.Mend)
				}
			}
		}
		if said != c.want {
			t.Errorf("%s: %q", how, said)
		}
	}
}

// The operator's word is offered only where it counts: a connection of another's
// machine stands against it.
func TestMendOfAPodOfAnothers(t *testing.T) {
	s := healthy()
	detached(s)
	stranger(s, s.volume("p1", name(evidence.TypeCustom, "", 300)))
	g := gate(t, only(t, s.judge(), "leaked-volume"), "pod-ownership")
	if g.Result != Fail || !strings.HasPrefix(g.Mend, "find out whose machine that is") || strings.Contains(g.Mend, "--database-is-current") {
		t.Errorf("%s: %s: %q", g.Result, g.Why, g.Mend)
	}
}
