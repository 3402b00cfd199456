package repair

import (
	"slices"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
)

// remedy is a scenario with a finding that a run repairs. A faulty run of it
// is repeated until the finding has gone.
type remedy struct{ scenario, code string }

func (c remedy) String() string { return c.scenario + "/" + c.code }

// unfinishable are scenarios with a safe finding whose repair has to wait for
// something that is not in our hands. It must refuse, not succeed.
var unfinishable = map[remedy]string{
	{"namespace-left", "ghost-namespace"}: "its controller is connecting for ever; the namespace goes when that ends",
	{"namespace-left", "idle-host"}:       "the namespace is left beside it",
}

// remedied lists the findings of all scenarios that are safe to repair. What
// is in the table of scenarios is in it.
func remedied(t *testing.T) []remedy {
	t.Helper()
	var all []remedy
	for _, s := range simulator.Scenarios() {
		k := newKit(t, s.Name)
		world, report := k.scan()
		for _, f := range report.Findings {
			c := remedy{s.Name, f.Code}
			if f.Verdict != diagnose.Safe || slices.Contains(all, c) || unfinishable[c] != "" {
				continue
			}
			if _, err := NewPlan(world, diagnose.DefaultPolicy(), f, k.world.Clock.Now()); err == nil {
				all = append(all, c)
			}
		}
		k.world.Close()
	}
	if len(all) < 20 {
		t.Fatalf("only %v can be repaired", all)
	}
	return all
}

func (c remedy) kit(t *testing.T) *kit { return newKit(t, c.scenario) }

// planOf is the plan of the first finding of that kind.
func (k *kit) planOf(c remedy) Plan {
	k.t.Helper()
	return k.plan(c.code)
}

// truth holds the journal against the world: no change reached the array that
// was not recorded before, and what is recorded as destroyed is so.
func (k *kit) truth(plan Plan) {
	k.t.Helper()
	all, err := k.book.List()
	if err != nil {
		k.t.Fatal(err)
	}
	intents := map[string]int{}
	destroyed := false
	for _, s := range all {
		for _, r := range k.records(s.ID) {
			if r.What == journal.WhatBefore {
				intents[r.StepKind]++
			}
			if r.What == journal.WhatAfter && r.StepKind == StepDestroy && r.Object != nil && r.Object.ID == plan.ID &&
				(r.Outcome == journal.Done || r.Outcome == journal.Already) {
				destroyed = true
			}
		}
	}
	sent := map[string]int{}
	for _, change := range k.changes() {
		sent[change]++
	}
	for request, kind := range map[string]string{
		"PATCH /volumes": StepDestroy, "DELETE /connections": StepDisconnect, "PATCH /volume-snapshots": StepDestroySnapshot, "DELETE /hosts": StepDeleteHost,
	} {
		if sent[request] > intents[kind] {
			k.t.Errorf("%d of %s were sent, %d recorded", sent[request], request, intents[kind])
		}
	}
	if is, _ := k.volume(plan.Object); is != destroyed {
		k.t.Errorf("destroyed is %v, and the journal says %v", is, destroyed)
	}
}

// repaired checks the end of all: what the plan was for is so, nothing live
// was touched, and the journal tells the truth.
func (k *kit) repaired(plan Plan) {
	k.t.Helper()
	if slices.Contains(k.objects(plan.Code), plan.Object) {
		k.t.Errorf("%s %s is found again", plan.Code, plan.Object)
	}
	steps, left := kinds(plan), []string{}
	if plan.Serial != "" {
		left = k.world.Hosts[0].DevicesOf(string(plan.Serial))
	}
	if len(left) > 0 && (slices.Contains(steps, StepDisconnect) || slices.Contains(steps, StepDestroy)) {
		k.t.Errorf("devices left: %v", left)
	}
	if slices.Contains(steps, StepDisconnect) && k.connections(plan.Object) > 0 {
		k.t.Errorf("%d connections left", k.connections(plan.Object))
	}
	if destroyed, _ := k.volume(plan.Object); slices.Contains(steps, StepDestroy) && !destroyed {
		k.t.Error("it is not destroyed")
	}
	for _, code := range k.codes() {
		if plan.Class == diagnose.ClassWaiting && code == "stale-map" {
			continue // with nobody waiting in it the map can be removed, which is the next repair
		}
		if (code == "stale-map" || code == "ghost-path" || code == "ghost-namespace") && code != plan.Code {
			k.t.Errorf("a %s is left", code)
		}
	}
	k.noHarm()
	k.truth(plan)
}

// objects are those of the findings of a code that something can be done
// about.
func (k *kit) objects(code string) []string {
	k.t.Helper()
	var all []string
	for _, plan := range k.plans(k.tools()) {
		if plan.Code == code {
			all = append(all, plan.Object)
		}
	}
	return all
}
