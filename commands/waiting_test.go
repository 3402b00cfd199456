package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
)

// Who asks about a volume in whose map a process waits for ever is told what
// frees it.
func TestExplainFreesWhoWaits(t *testing.T) {
	world := worlds.Of(t, "unmap-refused-iscsi")
	machine, leaked := world.Hosts[0], ""
	for _, v := range world.Array.Volumes() {
		if !v.Destroyed && !world.Live(v.Name) && len(machine.DevicesOf(v.Serial)) > 0 {
			leaked = v.Name
			machine.SetQueueing(true)
			if err := machine.Open(v.Serial, "dd", 14658); err != nil {
				t.Fatal(err)
			}
			for _, c := range world.Array.Connections() {
				if c.Volume == v.Name {
					if err := world.Array.Disconnect(c.Host, c.Volume); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
	}
	b := newBench(t, world)
	_, out, errs := b.run("", "explain", "--object", leaked)
	words := strings.Join(strings.Fields(out), " ")
	if !strings.Contains(words, "next: pureclean fix --volume lxd01:mpath") || !strings.Contains(words, "dd (pid 14658) gets an error") {
		t.Errorf("%s%s", out, errs)
	}
}

// What waits is ended by the map's typed name, and the screens say all of it:
// what it is, what it means, that it can't be undone.
func TestFixOfWhatWaits(t *testing.T) {
	b := newBench(t, aged(t, "waiting-reader"))
	says := func(status int, want []string, args ...string) {
		t.Helper()
		got, out, errs := b.run("", args...)
		text := strings.Join(strings.Fields(out+errs), " ")
		for _, words := range want {
			if !strings.Contains(text, words) {
				t.Errorf("%v does not say %q:\n%s%s", args, words, out, errs)
			}
		}
		if got != status {
			t.Errorf("%v: status %d, want %d:\n%s%s", args, got, status, out, errs)
		}
	}
	leak := ""
	for _, v := range b.world.Array.Volumes() {
		if b.world.Hosts[0].InUse(v.Serial) && len(b.world.Array.Connections()) > 0 && strings.Contains(v.Name, "::u-") {
			leak = v.Name
		}
	}
	_, scanned, _ := b.run("", "scan", "--color", "never")
	if _, decide, ok := strings.Cut(scanned, "FOR YOU TO DECIDE"); !ok || !strings.Contains(decide, "waiting-io") || strings.Contains(scanned, "\nSAFE TO REPAIR") {
		t.Errorf("what is lost for good is safe to repair:\n%s", scanned)
	}
	says(StatusFindings, []string{"next: pureclean fix --volume lxd01:mpathc --confirm mpathc", "waiting-io", "unsafe-setting", "no live path and queues I/O", "dd (pid 14658)"}, "explain", "--object", "mpathc")
	says(0, []string{"open in dd (pid 14658)"}, "devices")
	says(StatusRefused, []string{"not-in-use"}, "fix", "--volume", leak, "--yes")
	says(StatusRefused, []string{"--confirm mpathc"}, "fix", "--volume", "mpathc", "--yes")
	says(StatusRefused, []string{"mpathc", "asked-for", "--confirm mpathc"}, "fix", "--finding", "waiting-io", "--yes")
	says(0, []string{"multipathd disablequeueing map mpathc"}, "fix", "--volume", "mpathc", "--confirm", "mpathc", "--dry-run", "-v")
	says(StatusOK, []string{"data not yet written is lost"}, "fix", "--volume", "lxd01:mpathc", "--confirm", "mpathc", "--no-input")
	_, runs, _ := b.run("", "runs")
	id := ""
	for line := range strings.Lines(runs) {
		if cells := strings.Fields(line); len(cells) > 2 && cells[2] == "finished" {
			id = cells[0]
			if strings.Contains(line, "any time") || strings.Count(line, "UTC") > 1 {
				t.Errorf("an undo is promised: %s", line)
			}
		}
	}
	says(StatusRefused, []string{"can't be begun again"}, "undo", "--run", id, "--yes")
	says(StatusOK, nil, "fix", "--volume", leak, "--yes")
}

// A wait is told, with what it is for and when it ends, to whoever is there: a
// timer's log as well.
func TestWaitsAreTold(t *testing.T) {
	b := newBench(t, aged(t, "power-failure-iscsi"))
	b.s.InTerminal, b.s.ErrTerminal = false, false
	status, out, errs := b.run("", "fix", "--volume", b.leaked("stale-connection"), "--yes", "--no-input")
	text := strings.Join(strings.Fields(errs), " ")
	if status != StatusOK || !strings.Contains(text, "waiting for 45 seconds: LXD may have begun to use it just now, which nothing shows before its device is in use (until ") {
		t.Errorf("status %d:\n%s%s", status, out, errs)
	}
}
