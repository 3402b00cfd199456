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
	if !strings.Contains(words, "next: on lxd01: multipathd disablequeueing map mpath") || !strings.Contains(words, "dd (pid 14658) gets an error") {
		t.Errorf("%s%s", out, errs)
	}
}
