package repair

import (
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// TestWhoseMachines: a plan needs the machine of each connection that it cuts, and
// of no other: a device on one host is removed whoever else is connected.
func TestWhoseMachines(t *testing.T) {
	array := &evidence.Array{ID: "a", Hosts: evidence.Complete([]evidence.ArrayHost{{Name: "db9", IQNs: []string{"iqn.2004-10.com.example:db9"}}})}
	r := &run{t: Tools{Machine: func(member string) (Machine, bool) { return Machine(nil), member == "lxd01" }}}
	for _, c := range []struct {
		class diagnose.Class
		host  string
		want  diagnose.Result
	}{
		{diagnose.ClassHost, "", diagnose.Pass},
		{diagnose.ClassDisconnect, "other", diagnose.Pass},
		{diagnose.ClassDisconnect, "db9", diagnose.Uncertain},
		{diagnose.ClassDestroy, "", diagnose.Uncertain},
	} {
		r.plan = Plan{Class: c.class, Host: c.host, Steps: []Step{{Kind: StepRemoveStale, Member: "lxd01"}}}
		s := subject{world: &evidence.World{}, array: array, rows: []connection{{evidence.Connection{Host: "db9"}, array}}}
		if got, why := machineReady(r, s, Step{}); got != c.want {
			t.Errorf("%s %s: %s: %s", c.class, c.host, got, why)
		}
	}
	r.plan = Plan{Class: diagnose.ClassHost, Steps: []Step{{Kind: StepRemoveStale, Member: "lxd02"}}}
	if got, why := machineReady(r, subject{world: &evidence.World{}, array: array}, Step{}); got != diagnose.Fail {
		t.Errorf("a machine that is not reached from here: %s: %s", got, why)
	}
}
