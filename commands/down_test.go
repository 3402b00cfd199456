package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/simulator"
)

// A member that is fenced can't say that it uses nothing. The operator may,
// but only where LXD and the array agree.
func TestHostDown(t *testing.T) {
	t.Parallel()
	world, leaked := three(t)
	c := newCluster(t, world)
	// The second member is asked as ever, the third has no power.
	third := world.LXD.Members()[2]
	fix := func(args ...string) (int, string) {
		status, out, errs := c.run("", append([]string{"fix", "--volume", leaked.Name, "--yes"}, args...)...)
		return status, strings.Join(strings.Fields(out+errs), " ") // lines are broken as the terminal wants it
	}
	refused := func(when string, args ...string) string {
		t.Helper()
		status, text := fix(args...)
		if status != StatusRefused || !strings.Contains(strings.ToLower(text), "nothing was changed") {
			t.Fatalf("%s: status %d\n%s", when, status, text)
		}
		if v, _ := world.Array.Volume(leaked.Name); v.Destroyed || connections(world, leaked.Name) != 3 {
			t.Fatalf("%s: it was changed", when)
		}
		return text
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	if text := refused("it is up", "--host-down", "lxd03"); !strings.Contains(text, "LXD does not show it offline but Online") {
		t.Error(text)
	}
	third.PowerFail()
	c.servers.Stop("lxd03")
	refused("nobody gave a word")
	if text := refused("the array sees it", "--host-down", "lxd03"); !strings.Contains(text, "the array does not say that nothing of lxd03-iscsi is logged in: healthy Redundant") {
		t.Error(text)
	}
	must(world.Array.SetConnectivity("lxd03-iscsi", "critical", "None"))
	if text := refused("its name is misspelled", "--host-down", "LXD03"); !strings.Contains(text, `LXD spells it "lxd03"`) {
		t.Error(text)
	}
	if text := refused("another one is meant", "--host-down", "lxd04"); !strings.Contains(text, "neither LXD nor the array knows") {
		t.Error(text)
	}
	root, err := world.ArrayName(world.Pool(), "container", "web3")
	must(err)
	must(world.Array.SetIO(root, 10, 10))
	world.Age(0)
	if text := refused("a volume of its is in use", "--host-down", "lxd03"); !strings.Contains(text, "the array measured I/O of "+root) {
		t.Error(text)
	}
	must(world.Array.SetIO(root, 0, 0))
	world.Age(simulatedHistory)
	world.Array.SetPerformanceEmpty(true)
	if text := refused("the array measures nothing", "--host-down", "lxd03"); !strings.Contains(text, "it is not known whether there is I/O of") {
		t.Error(text)
	}
	world.Array.SetPerformanceEmpty(false)

	live := liveVolumes(world)
	status, text := fix("--host-down", "lxd03")
	if status != StatusOK {
		t.Fatalf("status %d\n%s", status, text)
	}
	if v, _ := world.Array.Volume(leaked.Name); !v.Destroyed || connections(world, leaked.Name) != 0 {
		t.Error("it is still there")
	}
	c.noHarm(live)
	if journal := c.journal(); !strings.Contains(journal, `"hosts_down":["lxd03"]`) {
		t.Errorf("the word is not in the journal:\n%s", journal)
	}
	if called := c.members["lxd03"].steps(); len(called) > 0 {
		t.Errorf("%v was asked of a machine that is down", called)
	}
	if status, out, errs := c.run("", "verify", "--volume", leaked.Name, "--host-down", "lxd03"); status != StatusOK {
		t.Errorf("verify: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := c.run("", "verify", "--volume", leaked.Name); status != StatusTrouble {
		t.Errorf("verify without the word: status %d\n%s%s", status, out, errs)
	}
}

func connections(world *simulator.World, volume string) int {
	n := 0
	for _, connection := range world.Array.Connections() {
		if connection.Volume == volume {
			n++
		}
	}
	return n
}

// journal is the text of all runs.
func (b *bench) journal() string {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.s.given.config.StateDir, "runs", "*.jsonl"))
	if err != nil {
		b.t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			b.t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// simulatedHistory is longer than the array looks back for I/O.
const simulatedHistory = 48 * 3600 * 1e9
