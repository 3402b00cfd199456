package repair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/witness"
)

// childEnv tells the test's own binary that it is to be the child, and where
// the world is.
const childEnv = "PURECLEAN_TEST_CHILD"

func TestMain(m *testing.M) {
	if errand := os.Getenv(childEnv); errand != "" {
		if err := beChild(errand); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(worlds.Run(m))
}

// errand is what a child is to do, and where.
type errand struct {
	// Machine is the socket of the simulated machine.
	Machine  string
	Hostname string
	LXDDirs  []string
	World    reach
	Dir      string
	// Plan is carried out; with Resume that run is finished.
	Plan   Plan
	Resume string
	// Wave are plans that are carried out together, where there are any.
	Wave []Plan
}

// beChild is what the process does that gets killed: a run with the real
// witnesses, the real writer and the real journal.
func beChild(text string) error {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	client, err := rpc.Dial("unix", e.Machine)
	if err != nil {
		return err
	}
	far := farHost{client}
	book, err := journal.Open(e.Dir)
	if err != nil {
		return err
	}
	system := devices.System{FS: far, Kernel: far, Hostname: e.Hostname, LXDDirs: e.LXDDirs, Now: far.now}
	tools := e.World.tools(far.now, far.sleep)
	var watch witness.Watch
	defer watch.Close(context.Background())
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		if err := far.event("look"); err != nil {
			return evidence.World{}, err
		}
		return e.World.look(ctx, &watch, about, system, far.now, far.sleep)
	}
	writer := tools.Writer
	tools.Writer = func(ctx context.Context, id string) (Writer, error) {
		w, err := writer(ctx, id)
		return badWriter{w, witnessed{far}}, err
	}
	tools.Machine = func(string) (Machine, bool) {
		return devices.Local{System: system, Hands: badHands{far, witnessed{far}}, Sleep: far.sleep}, true
	}
	tools.Journal, tools.Typed = book, e.Plan.Object
	tools.record = func(r *journal.Run, record journal.Record) error {
		return witnessed{far}.call("record", func() error { return r.Append(record) })
	}
	if len(e.Wave) > 0 {
		tools.WaveSize, tools.Policy.MaxShare = len(e.Wave), 1
		_, err = tools.Batch(context.Background(), e.Wave)
	} else if e.Resume != "" {
		_, err = tools.Resume(context.Background(), e.Resume)
	} else {
		_, err = tools.Run(context.Background(), e.Plan)
	}
	return errors.Join(err, book.Close())
}

// witnessed tells the other process of each call, before and after it.
type witnessed struct{ far farHost }

func (w witnessed) call(name string, do func() error) error {
	if err := w.far.event("before " + name); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, w.far.event("after "+name))
}

// child runs an errand in a process of its own, which is killed at its n-th
// event; 0 lets it live. It returns what it did last and how many events
// there were.
func (k *kit) child(e errand, n int) (last string, events int) {
	k.t.Helper()
	h := k.world.Hosts[0]
	dir, err := os.MkdirTemp("", "child") // short: a socket's path is
	if err != nil {
		k.t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	e.Machine = filepath.Join(dir, "machine")
	system := h.System()
	e.Hostname, e.LXDDirs, e.World, e.Dir = system.Hostname, system.LXDDirs, k.reach(), k.dir
	text, err := json.Marshal(e)
	if err != nil {
		k.t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		k.t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	var said bytes.Buffer
	cmd.Stderr = &said

	gone := make(chan struct{})
	server := rpc.NewServer()
	err = server.RegisterName("Host", &hostServer{
		system: system, hands: h.Hands(), now: k.world.Clock.Now, sleep: k.sleep,
		event: func(name string) {
			events++
			if events == n {
				last = name
				// SIGKILL: nothing of it runs any more, neither a defer nor a
				// signal handler.
				if err := cmd.Process.Kill(); err != nil {
					k.t.Error(err)
				}
				<-gone
			}
		},
	})
	if err != nil {
		k.t.Fatal(err)
	}
	listener, err := net.Listen("unix", e.Machine)
	if err != nil {
		k.t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if c, err := listener.Accept(); err == nil {
			server.ServeConn(c)
		}
	}()
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	err = cmd.Wait()
	close(gone)
	_ = listener.Close()
	<-served
	if n == 0 && err != nil {
		k.t.Errorf("the child ended with %v: %s", err, said.String())
	}
	if n > 0 && events >= n && cmd.ProcessState.Sys() != nil && cmd.ProcessState.Exited() {
		k.t.Errorf("it was not killed at %q: %v", last, cmd.ProcessState)
	}
	return last, events
}

// TestKilledForReal kills a real process with SIGKILL at each of its events:
// before and after each record, each request that changes something and each
// write to a device, and at each look. Another real process resumes what is
// interrupted. Then nothing is left of the leftover.
func TestKilledForReal(t *testing.T) {
	kills := 0
	for i, c := range remedied(t) {
		if !everything && i%6 != 0 {
			continue
		}
		k := c.kit(t)
		plan := k.planOf(c)
		k.world.Array.ResetRequests()
		k.letGo()
		_, events := k.child(errand{Plan: plan}, 0)
		k.open()
		k.repaired(plan)
		if events < 8 {
			t.Fatalf("%s: only %d events: it is not told what the child does", c, events)
		}
		for n := 1; n <= events; n++ {
			if !tried(n+i, n%7 == i%7) {
				continue
			}
			kills++
			t.Run(fmt.Sprintf("%s/%d", c, n), func(t *testing.T) {
				t.Parallel()
				k := c.kit(t)
				plan := k.planOf(c)
				k.world.Array.ResetRequests()
				before := k.offline()
				k.letGo()
				last, _ := k.child(errand{Plan: plan}, n)
				if last == "" {
					t.Fatalf("there was no event %d", n)
				}
				k.open()
				k.noHarm()
				k.offlineIsExplained(before)
				if id := k.interrupted(); id != "" {
					k.letGo()
					k.child(errand{Plan: plan, Resume: id}, 0)
					k.open()
				}
				k.settle(c.code)
				k.repaired(plan)
				if left, err := LeftOffline(k.book); err != nil || len(left) > 0 {
					t.Errorf("%v is left offline, as if a run were interrupted, %v", left, err)
				}
			})
		}
	}
	t.Logf("%d processes killed", kills)
}

// letGo closes the journal, so that a child can have its lock.
func (k *kit) letGo() {
	k.t.Helper()
	if err := k.book.Close(); err != nil {
		k.t.Fatal(err)
	}
}
