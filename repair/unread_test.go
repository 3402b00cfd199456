package repair

import (
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// What was not read is not gone: each list that the plan's object should be in,
// and each witness, is asked whether it told everything.
func TestEachUnreadListIsNamed(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	ofHost := plan
	ofHost.Class = diagnose.ClassHost
	for name, c := range map[string]struct {
		plan  Plan
		spoil func(w *evidence.World)
	}{
		"no array":        {plan, func(w *evidence.World) { w.Arrays = nil }},
		"array's trouble": {plan, func(w *evidence.World) { w.Arrays[0].Trouble = "x" }},
		"volumes":         {plan, func(w *evidence.World) { w.Arrays[0].Volumes = w.Arrays[0].Volumes.Doubt("x") }},
		"snapshots":       {plan, func(w *evidence.World) { w.Arrays[0].Snapshots = w.Arrays[0].Snapshots.Doubt("x") }},
		"hosts":           {plan, func(w *evidence.World) { w.Arrays[0].Hosts = w.Arrays[0].Hosts.Doubt("x") }},
		"connections":     {plan, func(w *evidence.World) { w.Arrays[0].Connections = w.Arrays[0].Connections.Doubt("x") }},
		"LXD's trouble":   {plan, func(w *evidence.World) { w.LXD.Trouble = "x" }},
		"a host's disks":  {ofHost, func(w *evidence.World) { w.Hosts[0].Disks = w.Hosts[0].Disks.Doubt("x") }},
		"a host's maps":   {ofHost, func(w *evidence.World) { w.Hosts[0].Maps = w.Hosts[0].Maps.Doubt("x") }},
	} {
		world, _ := k.scan()
		r := k.tools().withDefaults().newRun(c.plan)
		l := look{subject: find(&world, plan.ArrayID, plan.ID, plan.Serial)}
		if why := r.unread(l); why != "" {
			t.Fatalf("%s: before, %s", name, why)
		}
		c.spoil(&world)
		l.subject = find(&world, plan.ArrayID, plan.ID, plan.Serial)
		if r.unread(l) == "" || r.notFound(l).Result != diagnose.Uncertain {
			t.Errorf("%s: all of it counts as read", name)
		}
	}
}

// The device that is left of a cut connection is judged by what is found of it
// on its own machine, and by no other finding.
func TestGhostIsOfTheStepsMachine(t *testing.T) {
	k := newKit(t, "unmap-refused-iscsi")
	plan := k.plan("leaked-volume")
	world, _ := k.scan()
	right := diagnose.Finding{Code: "stale-map", Host: "lxd01", Serial: plan.Serial}
	for name, spoil := range map[string]func(f *diagnose.Finding){
		"another machine's": func(f *diagnose.Finding) { f.Host = "lxd02" },
		"another volume's":  func(f *diagnose.Finding) { f.Serial = "0123456789ABCDEF01234567" },
		"of another class":  func(f *diagnose.Finding) { f.Code = "leaked-volume" },
		"itself":            func(*diagnose.Finding) {},
	} {
		found := right
		spoil(&found)
		tools := k.tools().withDefaults()
		tools.judge = func(evidence.World, diagnose.Policy) diagnose.Report {
			return diagnose.Report{Findings: []diagnose.Finding{found}}
		}
		got := tools.newRun(plan).ghost(look{subject: find(&world, plan.ArrayID, plan.ID, plan.Serial)}, Step{Member: "lxd01"})
		if (got != nil) != (name == "itself") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// Without a serial nothing is known to be the volume's.
	plan.Serial = ""
	tools := k.tools().withDefaults()
	tools.judge = func(evidence.World, diagnose.Policy) diagnose.Report {
		return diagnose.Report{Findings: []diagnose.Finding{{Code: "stale-map", Host: "lxd01"}}}
	}
	if got := tools.newRun(plan).ghost(look{subject: find(&world, plan.ArrayID, plan.ID, "")}, Step{Member: "lxd01"}); got != nil {
		t.Errorf("without a serial: %+v", got)
	}
}
