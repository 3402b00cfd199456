package repair

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/array"
)

// migrated is the world in which a virtual machine runs on the second member
// and both of its halves are still connected to the first, where nothing uses
// them. The machine works: each wait is time in which it writes.
type migrated struct {
	*kit
	tools Tools
	// worked are the machines that were asked for.
	worked map[string]bool
	// meanwhile is called in each wait.
	meanwhile func(time.Duration)
}

func newMigrated(t *testing.T, transport string) *migrated {
	t.Helper()
	m := &migrated{kit: newKit(t, "member-migrated-"+transport), worked: map[string]bool{}}
	m.tools = m.kit.tools()
	m.everyHost(&m.tools)
	machine, sleep := m.tools.Machine, m.tools.Sleep
	m.tools.Machine = func(member string) (Machine, bool) {
		m.worked[member] = true
		return machine(member)
	}
	m.tools.Sleep = func(ctx context.Context, d time.Duration) error {
		for _, v := range m.world.Array.Volumes() {
			if m.world.Hosts[1].InUse(v.Serial) && strings.HasPrefix(v.Name[strings.Index(v.Name, "::")+2:], "v-") {
				if err := m.world.Hosts[1].Write(v.Serial, 5); err != nil {
					t.Error(err)
				}
			}
		}
		if m.meanwhile != nil {
			m.meanwhile(d)
		}
		return sleep(ctx, d)
	}
	return m
}

// stale are plans for all stale connections.
func (m *migrated) stale(policy diagnose.Policy) []Plan {
	m.t.Helper()
	world, err := m.tools.Look(context.Background(), evidence.Scope{})
	if err != nil {
		m.t.Fatal(err)
	}
	var plans []Plan
	for _, f := range diagnose.Judge(world, policy).Findings {
		if f.Code != "stale-connection" {
			continue
		}
		if f.Verdict != diagnose.Safe {
			m.t.Errorf("%s: %v", f.Object, f.Reasons())
		}
		p, err := NewPlan(world, policy, f, m.world.Clock.Now())
		if err != nil {
			m.t.Fatal(err)
		}
		plans = append(plans, p)
	}
	if len(plans) != 2 {
		m.t.Fatalf("%d stale connections", len(plans))
	}
	return plans
}

// connected are a volume's connections, with their numbers.
func (m *migrated) connected(volume string) []array.Connection {
	all := slices.DeleteFunc(m.world.Array.Connections(), func(c array.Connection) bool { return c.Volume != volume })
	slices.SortFunc(all, func(a, b array.Connection) int { return strings.Compare(a.Host, b.Host) })
	return all
}

// Only the member on which nothing uses it is touched, and an undo brings back
// what it had.
func TestRepairOfWhatRunsElsewhere(t *testing.T) {
	for _, transport := range []string{"iscsi", "nvme"} {
		t.Run(transport, func(t *testing.T) {
			m := newMigrated(t, transport)
			ctx, said := context.Background(), ""
			m.tools.Report = func(e Event) {
				if e.Phase == Ended && e.Step.Kind == StepVerify {
					said = e.Text
				}
			}
			for _, plan := range m.stale(m.tools.Policy) {
				serial := string(plan.Serial)
				before, there := m.connected(plan.Object), m.world.Hosts[1].DevicesOf(serial)
				if len(before) != 2 || !strings.HasPrefix(plan.Host, "lxd01-") {
					t.Fatalf("%s: %v", plan.Host, before)
				}
				for _, step := range plan.Steps {
					for _, words := range append(step.Manual, step.Say) {
						if strings.Contains(words, "lxd02") || step.Member != "" && step.Member != "lxd01" {
							t.Errorf("%s is about lxd02: %q", step.Kind, words)
						}
					}
				}
				result, err := m.tools.Run(ctx, plan)
				if err != nil || result.Outcome != journal.Done {
					t.Fatalf("%+v: %v", result, err)
				}
				if diff := cmp.Diff(before[1:], m.connected(plan.Object)); diff != "" {
					t.Errorf("connections of %s (-want +got):\n%s", plan.Object, diff)
				}
				if diff := cmp.Diff(there, m.world.Hosts[1].DevicesOf(serial)); diff != "" || !m.world.Hosts[1].InUse(serial) {
					t.Errorf("devices on lxd02 (-want +got):\n%s", diff)
				}
				if said != "nothing of it on lxd01; in use on lxd02" {
					t.Errorf("verified: %q", said)
				}
				world, err := m.tools.Look(ctx, evidence.Scope{})
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range Verify(world, Target{Name: plan.Object, ID: plan.ID, Serial: plan.Serial}).Lines {
					there := line.Witness == "LXD" || line.Witness == "host lxd02" || strings.HasPrefix(line.Witness, "array ") && strings.Contains(line.Why, "connected to lxd02-")
					if line.Gone.IsNot() != there || strings.Contains(line.Why, "lxd01-") {
						t.Errorf("%s: %s %q", line.Witness, line.Gone, line.Why)
					}
				}
				if left := m.world.Hosts[0].DevicesOf(serial); len(left) > 0 {
					t.Errorf("lxd01 has %v", left)
				}
				if m.worked["lxd02"] {
					t.Error("lxd02 was worked on")
				}
				undone, err := m.tools.Undo(ctx, result.Run)
				if err != nil || undone.Outcome != journal.Done {
					t.Fatalf("%+v: %v", undone, err)
				}
				if diff := cmp.Diff(before, m.connected(plan.Object)); diff != "" {
					t.Errorf("after undo, connections of %s (-want +got):\n%s", plan.Object, diff)
				}
				m.world.Hosts[0].Rescan()
			}
			m.noHarm()
		})
	}
}

// A batch takes both halves, one after the other, once they were seen unused
// for a day.
func TestBatchOfWhatRunsElsewhere(t *testing.T) {
	for _, transport := range []string{"iscsi", "nvme"} {
		t.Run(transport, func(t *testing.T) {
			m := newMigrated(t, transport)
			m.world.Age(26 * time.Hour)
			before := m.world.Clock.Now().Add(-25 * time.Hour)
			for _, plan := range m.stale(m.tools.Policy) {
				m.sightUnused(plan.ArrayID, plan.ID, plan.Object, plan.Host, before)
			}
			policy := m.tools.Policy
			policy.Batch = true
			m.tools.WaveSize = 5
			rows, err := m.tools.Batch(context.Background(), m.stale(policy))
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				if row.Err != nil || row.Result.Outcome != journal.Done {
					t.Errorf("%s: %+v %v", row.Plan.Object, row.Result, row.Err)
				}
				if c := m.connected(row.Plan.Object); len(c) != 1 || !strings.HasPrefix(c[0].Host, "lxd02-") {
					t.Errorf("%s: %v", row.Plan.Object, c)
				}
			}
			m.noHarm()
		})
	}
}

// What reads or writes on the first member without being seen there is seen by
// what the kernel counts, and nothing else tells it from the other's.
func TestUseThatOnlyCountersShow(t *testing.T) {
	for _, transport := range []string{"iscsi", "nvme"} {
		t.Run(transport, func(t *testing.T) {
			m := newMigrated(t, transport)
			for _, plan := range m.stale(m.tools.Policy) {
				if len(m.world.Hosts[0].DevicesOf(string(plan.Serial))) == 0 {
					continue
				}
				m.meanwhile = func(time.Duration) {
					if err := m.world.Hosts[0].Write(string(plan.Serial), 1); err != nil {
						t.Error(err)
					}
				}
				result, err := m.tools.Run(context.Background(), plan)
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Gate != needStill || result.Changed || !strings.Contains(refused.Why, "and it is in use on lxd02") {
					t.Errorf("%+v: %v", result, err)
				}
				if len(m.connected(plan.Object)) != 2 {
					t.Error("it was cut off")
				}
			}
		})
	}
}

// LXD migrates it back while the operator thinks, before each step.
func TestMigratedBackMeanwhile(t *testing.T) {
	for _, transport := range []string{"iscsi", "nvme"} {
		for when := 1; when <= 2; when++ {
			t.Run(transport, func(t *testing.T) {
				m := newMigrated(t, transport)
				plan := m.stale(m.tools.Policy)[0]
				asked, moved := 0, error(nil)
				m.tools.Ask = func(context.Context, Question) (Reply, error) {
					if asked++; asked == when {
						moved = m.world.LXD.MoveInstance("", "vm1", "lxd01")
					}
					return Yes, nil
				}
				_, err := m.tools.Run(context.Background(), plan)
				if asked < when {
					return // there are fewer steps to ask about
				}
				i, _ := m.world.LXD.Instance("", "vm1")
				var refused *RefusedError
				if i.Member == "lxd01" && !errors.As(err, &refused) {
					t.Errorf("it runs on lxd01 (%v): %v", moved, err)
				}
				for n, h := range m.world.Hosts {
					if !h.InUse(string(plan.Serial)) {
						continue
					}
					if !slices.ContainsFunc(m.connected(plan.Object), func(c array.Connection) bool { return strings.HasPrefix(c.Host, h.Name()+"-") }) {
						t.Errorf("it is in use on %s, which is cut off", h.Name())
					}
					if idle := h.Bystanders(string(plan.Serial)); n == 0 && len(idle) > 0 {
						t.Errorf("it is in use on %s, and %v are offline", h.Name(), idle)
					}
				}
				m.noHarm()
			})
		}
	}
}

func sdc(h *evidence.Host) *evidence.Disk {
	i := slices.IndexFunc(h.Disks.Items, func(d evidence.Disk) bool { return d.Name == "sdc" })
	return &h.Disks.Items[i]
}

// What the counters say counts only if they are those of the same devices, known
// both times, and some time apart.
func TestStandsStill(t *testing.T) {
	for _, c := range []struct {
		name string
		wait time.Duration
		// spoil is what has changed by the second look, always what was so in
		// both.
		spoil, always func(*evidence.Host)
		want          diagnose.Result
		says          string
	}{
		{"still", settles, nil, nil, diagnose.Pass, "nothing went through sdc, sde on lxd01 since "},
		{"at once", time.Second, nil, nil, diagnose.Uncertain, "only seen within 1s"},
		{"read", settles, func(h *evidence.Host) { sdc(h).IO.Reads.N += 3 }, nil, diagnose.Fail, "sdc on lxd01 has done 3 reads and 0 writes since "},
		{"written", settles, func(h *evidence.Host) { sdc(h).IO.Writes.N++ }, nil, diagnose.Fail, "sdc on lxd01 has done 0 reads and 1 writes since "},
		{"not known", settles, func(h *evidence.Host) { sdc(h).IO.Writes = evidence.Count{} }, nil, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"never told from another disk of that name", settles, nil, func(h *evidence.Host) { sdc(h).Seq = evidence.Count{} }, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"another disk of that name", settles, func(h *evidence.Host) { sdc(h).Seq.N++ }, nil, diagnose.Uncertain, "only seen within "},
		{"started again", settles, func(h *evidence.Host) { h.Boot = "another" }, nil, diagnose.Uncertain, "only seen within "},
		{"one path more", settles, func(h *evidence.Host) {
			more := *sdc(h)
			more.Name = "sdz"
			h.Disks.Items = append(h.Disks.Items, more)
		}, nil, diagnose.Uncertain, "only seen within "},
		{"not known when it was read", settles, func(h *evidence.Host) { h.Began = time.Time{} }, nil, diagnose.Uncertain, "only seen within "},
		{"not known any more", settles, func(h *evidence.Host) { sdc(h).IO.Reads = evidence.Count{} }, nil, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"reads not known before", settles, func(h *evidence.Host) { sdc(h).IO.Reads = evidence.CountOf(7) }, func(h *evidence.Host) { sdc(h).IO.Reads = evidence.Count{} }, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"writes not known before", settles, func(h *evidence.Host) { sdc(h).IO.Writes = evidence.CountOf(7) }, func(h *evidence.Host) { sdc(h).IO.Writes = evidence.Count{} }, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"never known how much was read", settles, nil, func(h *evidence.Host) { sdc(h).IO.Reads = evidence.Count{} }, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"never known how much was written", settles, nil, func(h *evidence.Host) { sdc(h).IO.Writes = evidence.Count{} }, diagnose.Uncertain, "not known how much was read and written through sdc"},
		{"not known when it was read before", settles, nil, func(h *evidence.Host) { h.Ended = time.Time{} }, diagnose.Uncertain, "only seen within "},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMigrated(t, "iscsi")
			ctx := context.Background()
			plan := m.stale(m.tools.Policy)[1]
			step := plan.Steps[0]
			r := m.tools.withDefaults().newRun(plan)
			look, again := r.t.Look, false
			r.t.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
				w, err := look(ctx, about)
				w.Hosts = slices.Clone(w.Hosts)
				w.Hosts[0].Disks.Items = slices.Clone(w.Hosts[0].Disks.Items)
				if c.always != nil {
					c.always(&w.Hosts[0])
				}
				if again && c.spoil != nil {
					c.spoil(&w.Hosts[0])
				}
				return w, err
			}
			if _, err := r.look(ctx); err != nil {
				t.Fatal(err)
			}
			m.world.Clock.Advance(c.wait)
			again = true
			l, err := r.look(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got, why := standsStill(r, l.subject, step); got != c.want || !strings.Contains(why, c.says) {
				t.Errorf("%s: %q, want %s: %q", got, why, c.want, c.says)
			}
			if got, why := standsStill(r, l.subject, Step{Kind: StepDisconnect, Member: "lxd01"}); got != c.want {
				t.Errorf("to disconnect what was not released: %s: %q", got, why)
			}
			r.released["lxd01"] = &release.Released{}
			if got, why := standsStill(r, l.subject, step); got != c.want {
				t.Errorf("to release the rest: %s: %q", got, why)
			}
			if got, why := standsStill(r, l.subject, Step{Kind: StepDisconnect, Member: "lxd01"}); got != diagnose.Pass {
				t.Errorf("to disconnect what was released: %s: %q", got, why)
			}
		})
	}
}
