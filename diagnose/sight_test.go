package diagnose

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// Of a member that was not read nothing is said but that: neither that it has
// no device, nor that nothing uses a volume.
func TestWordsOfWhatWasRead(t *testing.T) {
	unreachable := func(s *scene) {
		s.Hosts[2] = evidence.Host{Source: evidence.Source{Name: "lxd03", Trouble: "no route to host"}}
	}
	for how, c := range map[string]struct {
		silence             func(*scene)
		leaked, stale, copy string
	}{
		"all read": {
			func(*scene) {},
			"no LXD record; connected to lxd03-iscsi; no device on lxd01, lxd02 and lxd03",
			"custom/kill1 (default), used by nothing; connected to lxd03-iscsi; no device on lxd03",
			"copy of snapshot data/snap0, used by nothing; not connected",
		},
		"unreachable": {
			unreachable,
			"no LXD record; connected to lxd03-iscsi; no device on lxd01 and lxd02; lxd03 was not read",
			"custom/kill1 (default), no running use known; connected to lxd03-iscsi; lxd03 was not read",
			"copy of snapshot data/snap0, no running use known; not connected",
		},
		"not asked": {
			func(s *scene) { s.Hosts = s.Hosts[:1] },
			"no LXD record; connected to lxd03-iscsi; no device on lxd01; lxd02 and lxd03 were not read",
			"custom/kill1 (default), no running use known; connected to lxd03-iscsi; lxd02 and lxd03 were not read",
			"copy of snapshot data/snap0, no running use known; not connected",
		},
		"not everything": {
			func(s *scene) { s.Hosts[2].Disks = s.Hosts[2].Disks.Doubt("EIO") },
			"no LXD record; connected to lxd03-iscsi; no device on lxd01 and lxd02; not every device on lxd03 is known",
			"custom/kill1 (default), no running use known; connected to lxd03-iscsi; not every device on lxd03 is known",
			"copy of snapshot data/snap0, no running use known; not connected",
		},
		"nobody": {
			func(s *scene) { s.Hosts = nil },
			"no LXD record; connected to lxd03-iscsi; lxd01, lxd02 and lxd03 were not read",
			"custom/kill1 (default), no running use known; connected to lxd03-iscsi; lxd01, lxd02 and lxd03 were not read",
			"copy of snapshot data/snap0, no running use known; not connected",
		},
	} {
		t.Run(how, func(t *testing.T) {
			s := cluster()
			s.connect(s.volume("p1", name(evidence.TypeCustom, "", 100)), "lxd03-iscsi")
			v := s.volume("p1", name(evidence.TypeCustom, "", 102))
			s.record(v, "kill1")
			s.connect(v, "lxd03-iscsi")
			s.volume("p1", copyOf(evidence.TypeCustom, "", 3))
			c.silence(s)
			r := s.judge()
			for code, want := range map[string]string{"leaked-volume": c.leaked, "stale-connection": c.stale, "leaked-snapshot-volume": c.copy} {
				if f := only(t, r, code); !strings.HasPrefix(f.Detail, want) {
					t.Errorf("%s\n%s, want\n%s", code, f.Detail, want)
				}
			}
		})
	}
}
