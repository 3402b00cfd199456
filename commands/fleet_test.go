package commands

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/host"
)

// A volume that leaked and is connected to three machines: the devices go from
// all three before the first connection does, and all three prove that they
// have gone.
func TestFixAcrossMembers(t *testing.T) {
	t.Parallel()
	world, leaked := three(t)
	c := newCluster(t, world)
	live := liveVolumes(world)
	status, out, errs := c.run("", "scan")
	if status != StatusFindings || !strings.Contains(out, "SAFE TO REPAIR") || !strings.Contains(out, "all sources complete") {
		t.Fatalf("scan: status %d\n%s%s", status, out, errs)
	}
	status, out, errs = c.run(strings.Repeat("y\n", 20), "fix", "--volume", leaked.Name)
	if status != StatusOK {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	for _, h := range world.Hosts {
		if left := h.DevicesOf(leaked.Serial); len(left) > 0 {
			t.Errorf("%s still has %v", h.Name(), left)
		}
	}
	if v, ok := world.Array.Volume(leaked.Name); !ok || !v.Destroyed {
		t.Errorf("it was not destroyed: %+v", v)
	}
	for name, m := range c.members {
		if got := m.steps(); !slices.Equal(got, []string{"release", "clear", "detached", "detached"}) {
			t.Errorf("the steps on %s were %v", name, got)
		}
	}
	c.noHarm(live)
	status, out, errs = c.run("", "verify", "--volume", leaked.Name)
	if status != StatusOK {
		t.Errorf("verify: status %d\n%s%s", status, out, errs)
	}
}

// An instance was moved away from the second member, which is still connected
// to its volume and has its device: the connection goes, and the volume stays.
func TestStaleConnectionOnMember(t *testing.T) {
	t.Parallel()
	s, _ := simulator.Find("member-died")
	world := worlds.Built(t, s)
	root, err := world.ArrayName(world.Pool(), "container", "web1")
	if err != nil {
		t.Fatal(err)
	}
	volume, _ := world.Array.Volume(root)
	second := world.Hosts[1]
	if err := second.Login(evidence.ModeISCSI); err != nil {
		t.Fatal(err)
	}
	second.Rescan()
	if len(second.DevicesOf(volume.Serial)) == 0 {
		t.Fatal("it has no device")
	}
	world.Age(48 * time.Hour)
	c := newCluster(t, world)
	live := liveVolumes(world)
	status, out, errs := c.run("", "fix", "--volume", root, "--yes")
	if status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if left := second.DevicesOf(volume.Serial); len(left) > 0 {
		t.Errorf("the second member still has %v", left)
	}
	if got := connections(world, root); got != 0 {
		t.Errorf("%d connections are left", got)
	}
	if got := c.members["lxd02"].steps(); !slices.Equal(got, []string{"release", "clear", "detached", "detached"}) {
		t.Errorf("the steps were %v", got)
	}
	c.noHarm(live)
	if !strings.Contains(c.journal(), `"do":"delete"`) || !strings.Contains(c.journal(), `"machine":"lxd02"`) {
		t.Errorf("the writes there are not in the journal here:\n%s", c.journal())
	}
}

// While one member does not answer as it should, nothing that it might use is
// touched, and the operator is told which and why.
func TestMemberInDoubtBlocks(t *testing.T) {
	t.Parallel()
	world, leaked := three(t)
	c := newCluster(t, world)
	third := c.members["lxd03"]
	said := func(text string) func([]string, Streams) int {
		return func(_ []string, s Streams) int {
			fmt.Fprint(s.Out, text)
			return 0
		}
	}
	for _, lie := range []struct {
		name, why string
		answer    func([]string, Streams) int
	}{
		{"garbage", "no answer of pureclean", said("hello\n")},
		{"an answer in half", "ends in the middle", said(`{"schema":"pureclean/devices/v1","version":"`)},
		{"an old version", "its pureclean is an older one", said(`{"schema":"pureclean/devices/v1"}`)},
		{"the answer of another machine", "boot id", func(args []string, s Streams) int {
			given := c.members["lxd02"].sources
			s.given = &given
			return Main(t.Context(), append([]string{"pureclean"}, args...), s)
		}},
		{"a machine that is no member", "LXD on lxd03 is process", third.leadsTo(stranger(world))},
		{"not as root", "status 1: permission denied", func(_ []string, s Streams) int {
			fmt.Fprintln(s.Err, "permission denied")
			return 1
		}},
		{"switched off", "nothing answers on its ssh port", nil},
	} {
		if third.says(lie.answer); lie.answer == nil {
			c.servers.Stop("lxd03")
		}
		status, out, errs := c.run("", "fix", "--volume", leaked.Name, "--yes")
		if text := strings.Join(strings.Fields(out+errs), " "); status != StatusRefused || !strings.Contains(text, lie.why) || !strings.Contains(text, "lxd03") {
			t.Errorf("%s: status %d\n%s%s", lie.name, status, out, errs)
		}
		if v, _ := world.Array.Volume(leaked.Name); v.Destroyed || connections(world, leaked.Name) != 3 {
			t.Fatalf("%s: it was changed", lie.name)
		}
	}
	for name, m := range c.members {
		if steps := m.steps(); len(steps) > 0 {
			t.Errorf("%v was asked of %s", steps, name)
		}
	}
	status, out, _ := c.run("", "scan", "--no-ssh", "-o", "csv")
	if status != StatusTrouble || strings.Contains(out, "leaked-volume,safe") {
		t.Errorf("without ssh: status %d\n%s", status, out)
	}
}

// stranger is a machine that is no member, with an LXD of its own.
func stranger(world *simulator.World) *host.Host {
	h := host.New(host.Options{Name: "elsewhere", Clock: world.Clock, IQN: "iqn.2026-11.example:elsewhere"})
	h.RestartLXD()
	return h
}

// leadsTo is what ssh to the member leads to, if it is that machine.
func (m *member) leadsTo(h *host.Host) func([]string, Streams) int {
	return func(args []string, s Streams) int {
		given := m.sources
		given.host = h.System()
		s.given = &given
		return Main(m.t.Context(), append([]string{"pureclean"}, args...), s)
	}
}

// What is gone is not gone from a member whose name leads to another machine.
func TestVerifyAsksMembersAlone(t *testing.T) {
	t.Parallel()
	c, volume, _ := pair(t)
	if status, out, errs := c.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("fix: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := c.run("", "verify", "--volume", volume); status != StatusOK {
		t.Errorf("before: status %d\n%s%s", status, out, errs)
	}
	second := c.members["lxd02"]
	second.says(second.leadsTo(stranger(c.world)))
	if status, out, errs := c.run("", "verify", "--volume", volume); status != StatusTrouble || !strings.Contains(out+errs, "LXD on lxd02 is process") {
		t.Errorf("with a stranger in its place: status %d\n%s%s", status, out, errs)
	}
	// LXD has no number of a process of a member that is away.
	c.world.LXD.Members()[1].KillDaemon()
	if status, out, errs := c.run("", "verify", "--volume", volume); status != StatusTrouble || !strings.Contains(out, "Could not tell") {
		t.Errorf("with a stranger in place of one that is away: status %d\n%s%s", status, out, errs)
	}
}

// Members with different programs work together while they speak alike. Where
// they do not, nothing is touched, and the operator is told which and what to do.
func TestVersionsBesideEachOther(t *testing.T) {
	t.Parallel()
	c, volume, serial := pair(t)
	live := liveVolumes(c.world)
	second := c.members["lxd02"]
	speaks := func(conversation string) func([]string, Streams) int {
		return func(args []string, s Streams) int {
			var text bytes.Buffer
			out := s.Out
			if asked := slices.Equal(args, []string{"devices", "-o", "json"}); asked {
				s.Out = &text
			}
			given := second.sources
			s.given = &given
			status := Main(t.Context(), append([]string{"pureclean"}, args...), s)
			said := strings.Replace(text.String(), `"version": "`+version()+`"`, `"version": "v0.9"`, 1)
			fmt.Fprint(out, strings.Replace(said, `"conversation": 2`, `"conversation": `+conversation, 1))
			return status
		}
	}
	for conversation, why := range map[string]string{
		"3": "let lxd02 answer (its pureclean is v0.9, and this is " + version() + ": it speaks version 3 of the conversation, and this one versions 1 and 2",
		"0": "let lxd02 answer (its pureclean is v0.9, and this is " + version() + ": it names no version of the conversation",
	} {
		second.says(speaks(conversation))
		status, out, errs := c.run("", "fix", "--volume", volume, "--yes")
		text := strings.Join(strings.Fields(out+errs), " ")
		if status != StatusRefused || !strings.Contains(text, why) || !strings.Contains(text, "install the same version there, or try --push") {
			t.Errorf("conversation %s: status %d\n%s", conversation, status, out+errs)
		}
		if steps := second.steps(); len(steps) > 0 || connections(c.world, volume) != 2 {
			t.Errorf("conversation %s: %v was asked of it", conversation, steps)
		}
	}
	second.says(speaks("1"))
	if status, out, errs := c.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if left := c.world.Hosts[1].DevicesOf(serial); len(left) > 0 {
		t.Errorf("it still has %v", left)
	}
	c.noHarm(live)
}

// A file from a machine that ssh can't reach says more than nothing, and never
// enough for a change.
func TestHostEvidence(t *testing.T) {
	t.Parallel()
	world, leaked := three(t)
	c := newCluster(t, world)
	c.servers.Stop("lxd03")
	given := c.members["lxd03"].sources
	var file bytes.Buffer
	if status := Main(t.Context(), []string{"pureclean", "devices", "-o", "json"}, Streams{Out: &file, Err: io.Discard, Getenv: c.s.Getenv, given: &given}); status != 0 {
		t.Fatalf("status %d", status)
	}
	path := filepath.Join(t.TempDir(), "host.json")
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	explain := func(args ...string) string {
		status, out, errs := c.run("", append([]string{"explain", "--object", leaked.Name, "-v", "--color", "never"}, args...)...)
		if status != StatusTrouble && status != StatusFindings {
			t.Errorf("status %d\n%s%s", status, out, errs)
		}
		return strings.Join(strings.Fields(out), " ")
	}
	if text := explain(); !strings.Contains(text, "lxd03-iscsi is lxd03 by its name only") {
		t.Error(text)
	}
	text := explain("--host-evidence", path)
	if !strings.Contains(text, "lxd03-iscsi is lxd03 (") || !strings.Contains(text, "a recording, which proves nothing of now: findings only, nothing is changed on it") {
		t.Errorf("with the file:\n%s", text)
	}
	// Every command that takes such a file reads it.
	for _, command := range []string{"scan", "check", "doctor", "explain"} {
		args := []string{command, "-v"}
		if command == "explain" {
			args = append(args, leaked.Name)
		}
		const silent = "nothing answers on its ssh port"
		_, without, _ := c.run("", args...)
		_, with, errs := c.run("", append(args, "--host-evidence", path)...)
		if !strings.Contains(oneSpace(without), silent) || strings.Contains(oneSpace(with+errs), silent) {
			t.Errorf("%s with the file:\n%s%s\nwithout:\n%s", command, with, errs, without)
		}
	}
	for _, wrong := range [][]string{
		{"fix", "--volume", leaked.Name, "--yes", "--host-evidence", path},
		{"scan", "--host-evidence", path, "--host-evidence", path},
		{"scan", "--host-evidence", "lxd03=" + path + ".none"},
	} {
		if status, out, errs := c.run("", wrong...); status != StatusUsage {
			t.Errorf("%v: status %d\n%s%s", wrong, status, out, errs)
		}
	}
	world.Age(2 * time.Hour)
	if status, _, errs := c.run("", "scan", "--host-evidence", path); status != StatusUsage || !strings.Contains(errs, "longer ago than 1h") {
		t.Errorf("status %d\n%s", status, errs)
	}
}

// A step is no command for people, and nothing is done at the asking of one.
func TestStepIsNotForPeople(t *testing.T) {
	world, leaked := three(t)
	b := newBench(t, world)
	before := world.Hosts[0].DevicesOf(leaked.Serial)
	for _, args := range [][]string{
		{"--remove", leaked.Serial},
		{"--remove", leaked.Serial, "--step", "release"},
		{"--step", "release"},
		{"--remove", "sda; reboot", "--step", "release"},
		{"--remove", leaked.Serial, "--step", "everything"},
		{"--remove", leaked.Serial, "--step", "clear", "--sysroot", "/"},
	} {
		status, out, errs := b.run("", append([]string{"devices"}, args...)...)
		if status != StatusUsage || out != "" || errs == "" {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
	b.s.InTerminal = false
	for _, text := range []string{"", "{}\n", "yes\n", `{"schema":"pureclean/step/v1"}` + "\n"} {
		status, _, _ := b.run(text, "devices", "--remove", leaked.Serial, "--step", "release")
		if status != StatusTrouble {
			t.Errorf("%q: status %d", text, status)
		}
	}
	if after := world.Hosts[0].DevicesOf(leaked.Serial); !slices.Equal(before, after) {
		t.Errorf("it had %v and has %v", before, after)
	}
}

// TestDoctorSaysWhoseLogsItRead: the waits of one machine are no word about the
// others.
func TestDoctorSaysWhoseLogsItRead(t *testing.T) {
	world, _ := three(t)
	c := newCluster(t, world)
	if _, out, errs := c.run("", "doctor", "--color", "never"); !strings.Contains(flat(out), "No logs were read of lxd02, lxd03, and no portal is tried from there") {
		t.Errorf("%s%s", out, errs)
	}
	alone := newBench(t, worlds.Of(t, "healthy-iscsi"))
	if _, out, errs := alone.run("", "doctor", "--color", "never"); strings.Contains(out, "No logs were read") {
		t.Errorf("%s%s", out, errs)
	}
}
