package commands

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
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

// What is printed to go on with a run, and to take it back, says again what the
// operator stated for it, and works as it stands there.
func TestStatedAgain(t *testing.T) {
	typed := func(b *bench, text, before string) (status int, said string) {
		t.Helper()
		_, line, found := strings.Cut(text, before)
		line, _, _ = strings.Cut(line, "\n")
		if !found {
			t.Fatalf("%q is not printed:\n%s", before, text)
		}
		status, out, errs := b.run("", append(strings.Fields(line), "--yes")...)
		return status, line + "\n" + out + errs
	}
	world, leaked := three(t)
	c := newCluster(t, world)
	third := world.LXD.Members()[2]
	third.PowerFail()
	c.servers.Stop("lxd03")
	if err := world.Array.SetConnectivity("lxd03-iscsi", "critical", "None"); err != nil {
		t.Fatal(err)
	}
	world.Age(simulatedHistory)
	restored := newBench(t, restoredWorld(t))
	_, rows, _ := restored.run("", "scan", "-o", "csv")
	_, row, _ := strings.Cut(rows, "\nleaked-volume,")
	for _, one := range []struct {
		b    *bench
		args []string
	}{
		{c.bench, []string{leaked.Name, "--host-down", "lxd03"}},
		{restored, []string{strings.Split(row, ",")[3], "--database-is-current"}},
	} {
		b := one.b
		heal := b.world.Array.Inject(array.Fault{Method: "PATCH", Path: "/volumes", Kind: array.ServerError})
		_, out, errs := b.run("", append([]string{"fix", "--yes"}, one.args...)...)
		heal()
		for _, said := range []string{errs, out} {
			if !strings.Contains(said, "pureclean runs --resume "+b.interrupted()+" "+strings.Join(one.args[1:], " ")) {
				t.Errorf("%v is not stated again:\n%s", one.args, said)
			}
		}
		_, listed, _ := b.run("", "runs")
		status, said := typed(b, listed, "next:  pureclean ")
		if status != StatusOK {
			t.Errorf("%v, to go on: status %d\n%s", one.args, status, said)
		}
		_, undo, _ := strings.Cut(said, "\nUndo until ")
		if status, said := typed(b, undo, ": pureclean "); status != StatusOK {
			t.Errorf("%v, to take it back: status %d\n%s", one.args, status, said)
		}
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
