package repair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
)

// everything is set for the longer lanes, in which every scenario is tried.
// Of its faults and kills they try one in PURECLEAN_ONE_IN, all when that is
// not set.
var everything = os.Getenv("PURECLEAN_LONG") != ""

// tried reports whether the n-th of a row of faults or kills is one to try;
// short says so of "go test ./...".
func tried(n int, short bool) bool {
	if !everything {
		return short
	}
	oneIn, err := strconv.Atoi(os.Getenv("PURECLEAN_ONE_IN"))
	return err != nil || oneIn < 1 || n%oneIn == 0
}

// fault is what goes wrong with the n-th of a kind of calls.
type fault string

const (
	fails   fault = "error"      // not done, and said so
	expires fault = "timeout"    // not done, and not known
	loses   fault = "lost-reply" // done, and not known
	lies    fault = "lie"        // not done, and said to be
)

var allFaults = []fault{fails, expires, loses, lies}

// saboteur counts calls and spoils one.
type saboteur struct {
	n, at int
	fault fault
	calls []string
}

var errSabotage = errors.New("sabotage")

func (s *saboteur) call(name string, do func() error) error {
	s.n++
	s.calls = append(s.calls, name)
	if s.n != s.at {
		return do()
	}
	switch s.fault {
	case fails:
		return errSabotage
	case expires:
		return fmt.Errorf("%w: %w", errSabotage, context.DeadlineExceeded)
	case loses:
		return errors.Join(do(), fmt.Errorf("%w: %w", errSabotage, context.DeadlineExceeded))
	default:
		return nil
	}
}

// caller stands between a run and one kind of calls.
type caller interface {
	call(name string, do func() error) error
}

// badWriter spoils calls to the array.
type badWriter struct {
	Writer
	s caller
}

func (b badWriter) Disconnect(ctx context.Context, v, h string) error {
	return b.s.call("disconnect", func() error { return b.Writer.Disconnect(ctx, v, h) })
}

func (b badWriter) Connect(ctx context.Context, v, h string, lun int64) error {
	return b.s.call("connect", func() error { return b.Writer.Connect(ctx, v, h, lun) })
}

func (b badWriter) Destroy(ctx context.Context, id string) error {
	return b.s.call("destroy", func() error { return b.Writer.Destroy(ctx, id) })
}

func (b badWriter) Recover(ctx context.Context, id string) error {
	return b.s.call("recover", func() error { return b.Writer.Recover(ctx, id) })
}

func (b badWriter) DestroySnapshot(ctx context.Context, id string) error {
	return b.s.call("destroy-snapshot", func() error { return b.Writer.DestroySnapshot(ctx, id) })
}

func (b badWriter) DeleteHost(ctx context.Context, name string) error {
	return b.s.call("delete-host", func() error { return b.Writer.DeleteHost(ctx, name) })
}

// faultyDevices spoils calls to a machine's devices.
type faultyDevices struct {
	release.DeviceWriter
	s caller
}

func (b faultyDevices) RemoveMap(ctx context.Context, uuid string) error {
	return b.s.call("remove-map", func() error { return b.DeviceWriter.RemoveMap(ctx, uuid) })
}

func (b faultyDevices) AddMap(ctx context.Context, wwid string) error {
	return b.s.call("add-map", func() error { return b.DeviceWriter.AddMap(ctx, wwid) })
}

func (b faultyDevices) SetQueueing(ctx context.Context, uuid string, on bool) error {
	return b.s.call("set-queueing", func() error { return b.DeviceWriter.SetQueueing(ctx, uuid, on) })
}

func (b faultyDevices) RescanController(ctx context.Context, controller string) error {
	return b.s.call("rescan", func() error { return b.DeviceWriter.RescanController(ctx, controller) })
}

func (b faultyDevices) SetState(ctx context.Context, d release.Target, state string) error {
	return b.s.call("set-state", func() error { return b.DeviceWriter.SetState(ctx, d, state) })
}

func (b faultyDevices) DeleteDisk(ctx context.Context, d release.Target) error {
	return b.s.call("delete-disk", func() error { return b.DeviceWriter.DeleteDisk(ctx, d) })
}

// spoil puts a saboteur between the tools and one kind of calls.
func (k *kit) spoil(tools *Tools, what string, s *saboteur) {
	switch what {
	case "writer":
		tools.Writer = func(ctx context.Context, id string) (Writer, error) {
			w, err := k.writer(ctx, id)
			return badWriter{w, s}, err
		}
	case "hands":
		tools.Machine = func(member string) (Machine, bool) {
			m, ok := k.local(member, k.sleep)
			m.Writer = faultyDevices{m.Writer, s}
			return m, ok
		}
	case "journal":
		tools.record = func(r *journal.Run, record journal.Record) error {
			return s.call(string(record.What), func() error { return r.Append(record) })
		}
	case "look":
		tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
			world := evidence.World{}
			err := s.call("look", func() (err error) { world, err = k.look(ctx, about); return err })
			return world, err
		}
	}
}

// settle runs again without faults until nothing is left to do, as an
// operator would: interrupted runs are resumed, what is still found is fixed.
func (k *kit) settle(code string) {
	k.t.Helper()
	for range 6 {
		tools := k.tools()
		if id := k.interrupted(); id != "" {
			history, err := k.book.Read(id)
			if err != nil {
				k.t.Fatal(err)
			}
			tools.Typed = history.Summary().Object.Name
			if result, err := tools.Resume(context.Background(), id); err != nil && result.Changed {
				k.t.Errorf("resuming %s: %v", id, err)
			}
			continue
		}
		objects := k.objects(code)
		if len(objects) == 0 {
			return
		}
		tools.Typed = objects[0]
		if _, err := tools.Run(context.Background(), k.plan(code)); err != nil {
			k.t.Errorf("running again: %v", err)
		}
	}
	k.t.Errorf("it does not converge: %v, interrupted %q", k.codes(), k.interrupted())
}

func (k *kit) interrupted() string {
	k.t.Helper()
	all, err := k.book.List()
	if err != nil {
		k.t.Fatal(err)
	}
	for _, s := range all {
		if s.State == journal.Interrupted {
			return s.ID
		}
	}
	return ""
}

// TestFailTheNth lets the n-th call fail, in each way, in every scenario that
// there is a remedy for, and runs again without faults: it converges, nothing
// live is touched, the journal tells the truth.
func TestFailTheNth(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the faults of each call")
	}
	faults := 0
	for i, c := range remedied(t) {
		counts := c.calls(t)
		for _, what := range []string{"writer", "hands", "journal", "look"} {
			for j, f := range allFaults {
				if (what == "look" || what == "journal") && f != fails {
					continue // neither has a reply to lose
				}
				for n := 1; n <= counts[what]; n++ {
					if !tried(i+j+n, sampled(c, i, what, j, n)) {
						continue
					}
					faults++
					t.Run(fmt.Sprintf("%s/%s/%s/%d", c, what, f, n), func(t *testing.T) {
						t.Parallel()
						c.failOne(t, what, &saboteur{at: n, fault: f})
					})
				}
			}
		}
	}
	t.Logf("%d faults in %d scenarios", faults, len(remedied(t)))
}

// calls counts the calls of each kind in a run without a fault.
func (c remedy) calls(t *testing.T) map[string]int {
	t.Helper()
	k := c.kit(t)
	tools := k.tools()
	counters := map[string]*saboteur{"writer": {}, "hands": {}, "journal": {}, "look": {}}
	for what, s := range counters {
		k.spoil(&tools, what, s)
	}
	plan := k.planOf(c)
	tools.Typed = plan.Object
	if _, err := tools.Run(context.Background(), plan); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for what, s := range counters {
		counts[what] = s.n
	}
	return counts
}

func (c remedy) failOne(t *testing.T, what string, s *saboteur) {
	t.Helper()
	k := c.kit(t)
	plan := k.planOf(c)
	k.world.Array.ResetRequests()
	tools := k.typed(plan)
	k.spoil(&tools, what, s)
	result, err := tools.Run(context.Background(), plan)
	if s.n < s.at {
		t.Errorf("there were only %d calls", s.n)
	}
	if err == nil && result.Outcome != journal.Done {
		t.Errorf("%+v without an error", result)
	}
	if err != nil && !result.Changed && k.changedAnything(plan) {
		t.Errorf("changed, and said not: %+v, %v, %v", result, err, k.changes())
	}
	k.noHarm()
	k.crash()
	k.settle(c.code)
	k.repaired(plan)
}

// sampled picks few of all, spread over the scenarios, the kinds and the
// calls: more of the reported case, one or two of each other.
func sampled(c remedy, i int, what string, kind, n int) bool {
	switch {
	case c.scenario != "unmap-refused-iscsi":
		return what == "writer" && kind == i%4 && n == 1
	case what == "writer":
		return n+kind > 1
	case what == "hands":
		return n%4 == kind
	default:
		return n%9 == 3
	}
}

// changedAnything reports a connection or volume that is not as the plan
// found it.
func (k *kit) changedAnything(plan Plan) bool {
	destroyed, _ := k.volume(plan.Object)
	cuts := 0
	for _, s := range plan.Steps {
		if s.Kind == StepDisconnect {
			cuts++
		}
	}
	return destroyed || (cuts > 0 && k.connections(plan.Object) < cuts)
}

// killed is the end of a process.
type killed struct{}

// run runs f until it ends or is killed.
func untilKilled(f func()) (died bool) {
	defer func() {
		if reason := recover(); reason != nil {
			if _, ok := reason.(killed); !ok {
				panic(reason)
			}
			died = true
		}
	}()
	f()
	return false
}

// TestKilledAnywhere kills the process before and after each record, and
// resumes with a new process.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves out a kill at each record")
	}
	for _, c := range []struct{ scenario, code string }{
		{"unmap-refused-iscsi", "leaked-volume"}, {"device-too-late-nvme", "leaked-volume"}, {"killed-while-waiting-iscsi", "stale-connection"},
	} {
		for point := 0; point < 200; point++ {
			if !tried(point, point%9 == 5) {
				continue
			}
			died := false
			t.Run(fmt.Sprintf("%s/%d", c.scenario, point), func(t *testing.T) {
				k := newKit(t, c.scenario)
				plan := k.plan(c.code)
				k.world.Array.ResetRequests()
				tools := k.tools()
				at := 0
				tools.record = func(r *journal.Run, record journal.Record) error {
					if at == point {
						panic(killed{})
					}
					err := r.Append(record)
					if at++; at == point {
						panic(killed{})
					}
					at++
					return err
				}
				died = untilKilled(func() {
					if _, err := tools.Run(context.Background(), plan); err != nil {
						t.Error(err)
					}
				})
				k.noHarm()
				k.crash()
				if !died {
					return
				}
				id := k.interrupted()
				if id == "" && slices.Equal(k.states(), []journal.State{journal.Finished}) {
					return // killed behind the last record
				}
				if id == "" {
					t.Fatalf("the runs are %v", k.states())
				}
				// Half of a record may be on the disk.
				if point%4 == 0 {
					k.tear()
				}
				result, err := k.tools().Resume(context.Background(), id)
				if err != nil || k.state(id) != journal.Finished {
					t.Fatalf("resuming: %+v, %v, %s", result, err, k.state(id))
				}
				if c.code == "leaked-volume" {
					k.repaired(plan)
				} else if k.connections(plan.Object) != 0 {
					t.Errorf("%d connections", k.connections(plan.Object))
				}
				k.noHarm()
				if codes := k.codes(); slices.ContainsFunc(codes, func(c string) bool { return strings.HasPrefix(c, "ghost") || c == "stale-map" }) {
					t.Errorf("left: %v", codes)
				}
			})
			if !died {
				break
			}
		}
	}
}

func (k *kit) states() (states []journal.State) {
	k.t.Helper()
	all, err := k.book.List()
	if err != nil {
		k.t.Fatal(err)
	}
	for _, s := range all {
		states = append(states, s.State)
	}
	return states
}

// tear leaves half a line at the end of the newest run.
func (k *kit) tear() {
	k.t.Helper()
	name := k.dir + "/runs/" + k.interrupted() + ".jsonl"
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"n":99,"what":"aft`); err != nil {
		k.t.Fatal(err)
	}
}
