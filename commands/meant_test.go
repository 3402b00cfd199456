package commands

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// looked is what explain sees of a world.
func (b *bench) looked() (evidence.World, diagnose.Policy) {
	b.t.Helper()
	o := &explainOptions{common: common{Streams: b.s, timeout: time.Minute, color: "never"}}
	o.whole, o.ports, o.logs = true, true, true
	world, policy, err := o.look(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return world, policy
}

// printedNames are those that scan prints for a finding.
func printedNames(f diagnose.Finding) []string {
	names := []string{f.Object}
	if f.Volume != "" {
		_, short, _ := strings.Cut(f.Volume, "::")
		names = append(names, f.Volume, short, string(f.Serial), f.WWID)
	}
	if f.Host != "" && f.Serial != "" && !strings.ContainsAny(f.Object, ":/") {
		names = append(names, f.Host+":"+f.Object)
	}
	if f.LXD.Name != "" {
		names = append(names, lxdName(f.LXD), f.Pool+"/"+f.LXD.Type+"/"+f.LXD.Name, f.Pool+"/"+f.LXD.Project+"/"+f.LXD.Type+"/"+f.LXD.Name)
	}
	return names
}

// Whatever scan prints of a finding, explain and fix take back and find it by:
// nothing that it calls safe, or at risk, is healthy or not there to repair.
func TestEveryPrintedNameLeadsToItsFinding(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweep over all scenarios")
	}
	names := 0
	for _, s := range append(simulator.Scenarios(), simulator.Scenario{Name: "demo"}) {
		t.Run(s.Name, func(t *testing.T) {
			w := worlds.Demo(t)
			if s.Name != "demo" {
				w = worlds.Built(t, s)
				w.Age(48 * time.Hour)
			}
			b := newBench(t, w)
			world, policy := b.looked()
			report := diagnose.Judge(world, policy)
			for _, f := range report.Findings {
				if f.Code == "unsafe-setting" || f.Code == "known-bug" {
					continue // of no object
				}
				for _, name := range printedNames(f) {
					if name == "" {
						continue
					}
					names++
					if why := b.leadsTo(world, policy, report, name, f); why != "" {
						t.Errorf("%s of %s by %q: %s", f.Code, f.Object, name, why)
					}
				}
			}
		})
	}
	if names < 100 {
		t.Errorf("only %d names were tried", names)
	}
}

// leadsTo says why a name that was printed for a finding does not lead to it.
func (b *bench) leadsTo(world evidence.World, policy diagnose.Policy, report diagnose.Report, name string, f diagnose.Finding) string {
	e, err := diagnose.Explain(world, policy, name, "")
	if several, is := errors.AsType[*diagnose.AmbiguousError](err); is {
		for _, c := range several.Candidates {
			if e, err := diagnose.Explain(world, policy, c.Object, ""); err == nil && has(e.Findings, f) {
				return ""
			}
		}
		return err.Error()
	}
	if err != nil {
		return "explain: " + err.Error()
	}
	if e.Healthy || !has(e.Findings, f) {
		return fmt.Sprintf("explain: healthy %v, %d findings, not this one", e.Healthy, len(e.Findings))
	}
	o := &fixOptions{volume: name, changing: changing{common: common{Streams: b.s}}}
	o.brief, o.Err = true, io.Discard
	plans, err := o.planOne(&workshop{world: world, policy: policy, stateDir: b.t.TempDir()}, report, "")
	if err != nil {
		return ""
	}
	for _, p := range plans {
		if p.Object == f.Object || p.Serial == f.Serial || f.Verdict == diagnose.ReportOnly {
			return ""
		}
	}
	return fmt.Sprintf("fix: %d plans, none of it", len(plans))
}

func has(findings []diagnose.Finding, want diagnose.Finding) bool {
	for _, f := range findings {
		if f.Code == want.Code && f.Object == want.Object && f.Host == want.Host {
			return true
		}
	}
	return false
}

// A virtual machine is two volumes: LXD's delete needs both to go, so its name
// means both, and the full name of one means that one.
func TestBothHalvesAreMeant(t *testing.T) {
	c := newCluster(t, aged(t, "member-stale-iscsi"))
	c.s.OutTerminal, c.s.ErrTerminal = false, false
	var halves []string
	for _, v := range c.world.Array.Volumes() {
		if strings.Contains(v.Name, "::v-") {
			halves = append(halves, v.Name)
		}
	}
	if len(halves) != 2 {
		t.Fatalf("%v", halves)
	}
	for _, half := range halves {
		_, short, _ := strings.Cut(half, "::")
		for _, name := range []string{half, short} {
			if status, out, errs := c.run("", "fix", "--volume", name, "--dry-run"); status != StatusOK || strings.Count(out, "plan for ") != 1 || !strings.Contains(out, "plan for "+half+"\n") {
				t.Errorf("%s: status %d\n%s%s", name, status, out, errs)
			}
		}
	}
	if status, out, errs := c.run("", "fix", "vm1", "--dry-run"); status != StatusOK || strings.Count(out, "plan for ") != 2 {
		t.Errorf("dry run: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := c.run("", "fix", "vm1", "--min-age", "1h", "--dry-run"); status != StatusUsage || !strings.Contains(errs, "stated for one volume") {
		t.Errorf("--min-age: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := c.run("", "fix", halves[0], "--yes"); status != StatusOK {
		t.Fatalf("one half: status %d\n%s%s", status, out, errs)
	}
	if status, out, _ := c.run("", "explain", "vm1"); status != StatusFindings || strings.Contains(out, "healthy") || !strings.Contains(out, halves[1]+" is LXD's") {
		t.Errorf("explain with one half left: status %d\n%s", status, out)
	}
	if status, out, _ := c.run("", "explain", halves[0]); status != StatusFindings || strings.Contains(out, "healthy") {
		t.Errorf("explain of the repaired half: status %d\n%s", status, out)
	}
	if status, out, errs := c.run("", "fix", halves[0], "--yes"); status != StatusUsage || !strings.Contains(errs, halves[1]) {
		t.Errorf("fix of the repaired half: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := c.run("", "fix", "vm1", "--yes"); status != StatusOK || strings.Contains(out, "nothing to repair") {
		t.Errorf("fix with one half left: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := c.run("", "fix", "vm1", "--yes"); status != StatusOK || !strings.Contains(out, "nothing to repair") {
		t.Errorf("fix with nothing left: status %d\n%s%s", status, out, errs)
	}
	if err := c.world.LXD.DeleteInstance("", "vm1"); err != nil {
		t.Errorf("LXD's own delete: %v", err)
	}
}

// All that stands in the way of one name is repaired by it.
func TestANameMeansAllOfIt(t *testing.T) {
	c := newCluster(t, aged(t, "member-stale-iscsi"))
	if status, out, errs := c.run("", "fix", "vm1", "--yes"); status != StatusOK || !strings.Contains(out, "2 repaired") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if err := c.world.LXD.DeleteInstance("", "vm1"); err != nil {
		t.Errorf("LXD's own delete: %v", err)
	}
}

// What is to be destroyed is named itself: a record's name disconnects what is
// in its way and destroys nothing of it.
func TestDestroyedOnlyByItsOwnName(t *testing.T) {
	b := newBench(t, aged(t, "killed-in-refresh"))
	snapshot := b.leaked("leaked-snapshot")
	status, out, errs := b.run("", "fix", "custom/standby", "--yes")
	if status != StatusUsage || !strings.Contains(errs, snapshot) {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	for _, v := range b.world.Array.Volumes() {
		if strings.HasPrefix(snapshot, v.Name+".") && len(v.Snapshots) == 0 {
			t.Error("the snapshot was destroyed by the volume's name")
		}
	}
	if status, out, errs := b.run("", "explain", "custom/standby"); status != StatusFindings || strings.Contains(out, "healthy") || !strings.Contains(oneSpace(out), snapshot) {
		t.Errorf("explain: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs := b.run("", "fix", snapshot, "--yes"); status != StatusOK {
		t.Errorf("by its own name: status %d\n%s%s", status, out, errs)
	}
}

// A copy in the way of LXD's own delete of a snapshot is found, and let go, by the
// snapshot's name.
func TestCopyOfASnapshotByItsName(t *testing.T) {
	b := newBench(t, aged(t, "killed-in-export-iscsi"))
	b.s.OutTerminal, b.s.ErrTerminal = false, false
	if status, out, _ := b.run("", "explain", b.world.Pool()+"/custom/data/daily0"); status != StatusFindings || strings.Contains(out, "healthy") || strings.Contains(out, "gates") {
		t.Errorf("explain: status %d\n%s", status, out)
	}
	if status, out, errs := b.run("", "fix", b.world.Pool()+"/custom/data/daily0", "--yes"); status != StatusOK || !strings.Contains(out, "Repaired") {
		t.Errorf("fix: status %d\n%s%s", status, out, errs)
	}
	if err := b.world.LXD.DeleteVolumeSnapshot(b.world.Pool(), "", "data", "daily0"); err != nil {
		t.Errorf("LXD's own delete: %v", err)
	}
}

// Half of a virtual machine that somebody destroyed is not made up for by the
// other half.
func TestHalfOfAVirtualMachine(t *testing.T) {
	w := worlds.Of(t, "healthy-iscsi")
	if err := w.LXD.StopInstance("", "vm1"); err != nil {
		t.Fatal(err)
	}
	w.Age(48 * time.Hour)
	b := newBench(t, w)
	for _, v := range w.Array.Volumes() {
		if strings.Contains(v.Name, "::v-") && !strings.HasSuffix(v.Name, "-b") {
			if err := w.Array.DestroyVolume(v.Name); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"vm1", "purepool/virtual-machine/vm1", "virtual-machine/vm1 (default)"} {
		if status, out, _ := b.run("", "explain", name); status != StatusFindings || strings.Contains(out, "healthy") || !strings.Contains(out, "destroyed-but-recorded") {
			t.Errorf("explain %s: status %d\n%s", name, status, out)
		}
	}
}
