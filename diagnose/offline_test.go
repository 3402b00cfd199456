package diagnose

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/evidence"
)

// leftBehind is a leak of which one path is offline, as run 3f2a left it.
func leftBehind() (*scene, *evidence.Disk) {
	s := healthy()
	leak(s)
	host := &s.Hosts[0]
	host.Boot = "boot-1"
	disk := &host.Disks.Items[len(host.Disks.Items)-1]
	disk.State, disk.Seq, disk.Live = "offline", evidence.CountOf(77), evidence.Identity{Why: "state offline"}
	s.LeftOffline = []evidence.LeftOffline{{
		Run: "3f2a", Host: host.Name, Boot: host.Boot, Disk: disk.Name, Seq: disk.Seq, Serial: disk.Serial,
	}}
	return s, disk
}

// What an interrupted run left offline is said with the command that goes on,
// in the finding and in the gate that it holds up. It is words: no gate gives
// another answer, and a path that is another one is not put to its account.
func TestInterruptedRunBehindAnOfflinePath(t *testing.T) {
	for name, c := range map[string]struct {
		set   func(*scene, *evidence.Disk)
		blame bool
	}{
		"its path":                    {func(*scene, *evidence.Disk) {}, true},
		"another disk of that name":   {func(s *scene, _ *evidence.Disk) { s.LeftOffline[0].Seq = evidence.CountOf(76) }, false},
		"no disk sequence number":     {func(s *scene, d *evidence.Disk) { d.Seq, s.LeftOffline[0].Seq = evidence.Count{}, evidence.Count{} }, false},
		"another machine's":           {func(s *scene, _ *evidence.Disk) { s.LeftOffline[0].Host = "lxd02" }, false},
		"before this boot":            {func(s *scene, _ *evidence.Disk) { s.LeftOffline[0].Boot = "boot-0" }, false},
		"another volume's":            {func(s *scene, _ *evidence.Disk) { s.LeftOffline[0].Serial += "0" }, false},
		"another path":                {func(s *scene, _ *evidence.Disk) { s.LeftOffline[0].Disk = "sdzz" }, false},
		"set running since":           {func(_ *scene, d *evidence.Disk) { d.State = "running" }, false},
		"an older run set it, too":    {func(s *scene, _ *evidence.Disk) { s.LeftOffline = append(s.LeftOffline, older(s.LeftOffline[0])) }, true},
		"nobody knows which boot was": {func(s *scene, _ *evidence.Disk) { s.Hosts[0].Boot, s.LeftOffline[0].Boot = "", "" }, false},
	} {
		s, disk := leftBehind()
		c.set(s, disk)
		var f Finding
		for _, found := range s.judge().Findings {
			if found.Code == "leaked-volume" {
				f = found
			}
		}
		gate := s.answer("path-identity", ClassDestroy)
		command := "pureclean runs --resume 3f2a"
		for what, text := range map[string]string{"detail": f.Detail, "gate": gate.Why, "next": f.Next} {
			if strings.Contains(text, command) != c.blame {
				t.Errorf("%s: %s: %q", name, what, text)
			}
		}
		if (f.Interrupted == "3f2a") != c.blame {
			t.Errorf("%s: interrupted: %q", name, f.Interrupted)
		}
		if gate.Result != Uncertain || f.Verdict != Blocked {
			t.Errorf("%s: %v, %s", name, gate, f.Verdict)
		}
	}
}

func older(left evidence.LeftOffline) evidence.LeftOffline {
	left.Run = "0001"
	return left
}

// No finding, verdict or gate's answer is another one for what the journal
// says of offline paths.
func TestInterruptedRunsAreOnlyWords(t *testing.T) {
	s, _ := leftBehind()
	for i := range s.Hosts[0].Disks.Items {
		disk := &s.Hosts[0].Disks.Items[i]
		disk.State, disk.Seq = "offline", evidence.CountOf(int64(100+i))
		s.LeftOffline = append(s.LeftOffline, evidence.LeftOffline{
			Run: "3f2a", Host: s.Hosts[0].Name, Boot: s.Hosts[0].Boot, Disk: disk.Name, Seq: disk.Seq, Serial: disk.Serial,
		})
	}
	with := s.judge()
	s.LeftOffline = nil
	without := s.judge()
	if len(with.Findings) == 0 || with.Findings[0].Interrupted == "" {
		t.Fatal("nothing is said")
	}
	words := cmp.Options{cmpopts.IgnoreFields(Finding{}, "Detail", "Next", "Interrupted"), cmpopts.IgnoreFields(GateResult{}, "Why")}
	if diff := cmp.Diff(without, with, words); diff != "" {
		t.Error(diff)
	}
}

// A path that may be of another volume holds that one up as well.
func TestInterruptedRunHoldsOthersUp(t *testing.T) {
	s, disk := leftBehind()
	other := s.volume("p1", name(evidence.TypeCustom, "", 101))
	s.connect(other, hostName)
	for i := range s.array().Connections.Items {
		s.array().Connections.Items[i].LUN = 0 // not known: any disk may be it
	}
	var f Finding
	for _, found := range s.judge().Findings {
		if found.Object == s.vol(other).Name {
			f = found
		}
	}
	if f.Interrupted != "3f2a" || f.Next != "pureclean runs --resume 3f2a" {
		t.Errorf("%+v", f)
	}
	for _, gate := range f.Gates {
		if gate.Gate == "path-identity" && (gate.Result != Uncertain || !strings.Contains(gate.Why, disk.Name) || !strings.Contains(gate.Why, "--resume 3f2a")) {
			t.Error(gate)
		}
	}
	if strings.Contains(f.Detail, "3f2a") {
		t.Errorf("it is not known to be a path of it: %s", f.Detail)
	}
}
