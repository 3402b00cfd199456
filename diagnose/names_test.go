package diagnose

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// lost is a leak without connection and device, of which the names lead to the
// path sde of another volume, which is in use.
func lost(s *scene) (leak, other string) {
	s.volume("p1", name(evidence.TypeCustom, "", 100))
	s.named(-1, "scsi-", "sde")
	unit := s.named(-1, "scsi-", "sde")
	unit.Path = "/dev/disk/by-id/scsi-SPURE_FlashArray_" + string(unit.Says)
	return s.vol(len(s.array().Volumes.Items) - 1).Name, s.vol(1).Name
}

// TestExplainOfAName: of a name that leads elsewhere both volumes are told,
// whichever way one comes, and what to do comes before what can't be done.
func TestExplainOfAName(t *testing.T) {
	s := healthy()
	leak, other := lost(s)
	serial, is := serialNo(9), string(serialNo(2))
	for _, object := range []string{
		leak, "/dev/disk/by-id/scsi-" + serial.WWID(), "disk/by-id/scsi-" + serial.WWID(),
		"/dev/disk/by-id/scsi-SPURE_FlashArray_" + string(serial), "/dev/disk/by-id/wwn-0x" + serial.WWID()[1:],
	} {
		e, err := Explain(s.World, s.policy, object, "")
		if err != nil {
			t.Errorf("%s: %v", object, err)
			continue
		}
		host := statement(e, "host", "lxd01").Text
		for _, want := range []string{"no device", strings.ToLower(string(serial)), "more name) leads to sde, which answers as volume " + is + " (" + other + ")"} {
			if e.Object != leak || !strings.Contains(host, want) {
				t.Errorf("%s is %s, and lxd01 says %q without %q", object, e.Object, host, want)
			}
		}
		if e.Verdict != Blocked || len(e.Findings) != 2 || !strings.Contains(strings.Join(e.Remedy, "; "), "on lxd01: udevadm trigger --action=change /sys/block/sdd /sys/block/sde; udevadm settle") {
			t.Errorf("%s: %s, %v, remedy %q", object, e.Verdict, codes(e), e.Remedy)
		}
	}
	e, err := Explain(s.World, s.policy, "sde", "")
	if host := statement(e, "host", "lxd01").Text; err != nil || e.Object != other || !strings.Contains(host, "this one, and says volume "+string(serial)+" ("+leak+")") {
		t.Errorf("sde is %s, and lxd01 says %q, %v", e.Object, host, err)
	}
	s.array().Volumes.Items = s.array().Volumes.Items[:len(s.array().Volumes.Items)-1]
	e, err = Explain(s.World, s.policy, "/dev/disk/by-id/scsi-"+serial.WWID(), "")
	if host := statement(e, "host", "lxd01").Text; err != nil || e.Object != other || !strings.Contains(host, "and says volume "+string(serial)) {
		t.Errorf("a name of nobody's is %s, and lxd01 says %q, %v", e.Object, host, err)
	}
}

// TestPortraitOfAName: the picture has the host whose name leads elsewhere.
func TestPortraitOfAName(t *testing.T) {
	s := healthy()
	leak, other := lost(s)
	for name, want := range map[string]string{leak: "leads to sde", other: "and says volume"} {
		p := s.portraits()[name]
		if len(p.Hosts) != 1 || !p.Hosts[0].Tie.Agrees.IsNot() || !strings.Contains(p.Hosts[0].Tie.Words, want) {
			t.Errorf("%s: %+v", name, p.Hosts)
		}
	}
}

// TestDisconnectOfAMisnamed: the other volume is not safe to let go of either.
func TestDisconnectOfAMisnamed(t *testing.T) {
	s := healthy()
	v := stale(s)
	s.named(1, "scsi-", s.Hosts[0].Disks.Items[4].Name)
	for _, f := range s.judge().Findings {
		if f.Serial == s.vol(v).Serial && f.Verdict == Safe {
			t.Errorf("%s %s is safe", f.Code, f.Object)
		}
	}
}
