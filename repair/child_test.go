package repair

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/rpc"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/visit"
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
	// Machine is the directory of the world that the machine is in, Arrays the
	// socket of its arrays, and Events where it tells what it does.
	Machine, Arrays, Events string
	World                   reach
	Dir                     string
	// Plan is carried out; with Resume that run is finished.
	Plan   Plan
	Resume string
	// Wave are plans that are carried out together, where there are any; with Shares
	// the machine does each step for all of them.
	Wave   []Plan
	Shares bool
}

// beChild is what the process does that gets killed: a run with the real
// witnesses, the real writer and the real journal.
func beChild(text string) error {
	var e errand
	if err := json.Unmarshal([]byte(text), &e); err != nil {
		return err
	}
	ctx := context.Background()
	machine, err := visit.Enter(ctx, e.Machine, "", os.Geteuid())
	if err != nil {
		return err
	}
	client, err := rpc.Dial("unix", e.Events)
	if err != nil {
		return err
	}
	told := witnessed{client}
	book, err := journal.Open(e.Dir)
	if err != nil {
		return err
	}
	sleep := func(ctx context.Context, d time.Duration) error {
		_, err := machine.Advance(ctx, d)
		return err
	}
	e.World.wrap = arraysAt(e.Arrays)
	tools := e.World.tools(machine.Now, sleep)
	var watch witness.Watch
	defer watch.Close(ctx)
	tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		if err := told.event("look"); err != nil {
			return evidence.World{}, err
		}
		return e.World.look(ctx, &watch, about, machine.System(), machine.Now, sleep)
	}
	writer := tools.Writer
	tools.Writer = func(ctx context.Context, id string) (Writer, error) {
		w, err := writer(ctx, id)
		return badWriter{w, told}, err
	}
	tools.Machine = func(string) (Machine, bool) {
		m := release.Local{System: machine.System(), Writer: faultyDevices{machine.DeviceWriter(), told}, Sleep: sleep}
		if e.Shares {
			return sharing{Machine: m, key: "it"}, true
		}
		return m, true
	}
	tools.Journal, tools.Typed = book, e.Plan.Object
	tools.record = func(r *journal.Run, record journal.Record) error {
		return told.call("record", func() error { return r.Append(record) })
	}
	if len(e.Wave) > 0 {
		tools.WaveSize, tools.Policy.MaxShare = len(e.Wave), 1
		_, err = tools.Batch(ctx, e.Wave)
	} else if e.Resume != "" {
		_, err = tools.Resume(ctx, e.Resume)
	} else {
		_, err = tools.Run(ctx, e.Plan)
	}
	return errors.Join(err, book.Close())
}

// arraysAt leads requests to the arrays over a unix socket: greetings would be
// most of what a child does.
func arraysAt(socket string) func(http.RoundTripper) http.RoundTripper {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	return func(http.RoundTripper) http.RoundTripper { return plain{transport} }
}

type plain struct{ http.RoundTripper }

func (p plain) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme = "http"
	return p.RoundTripper.RoundTrip(r)
}

// serveArrays answers there for the world's arrays.
func (k *kit) serveArrays(socket string) (stop func()) {
	k.t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		k.t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := k.world.Array
		if p := k.world.PeerServer; p != nil && p.URL == "https://"+r.Host {
			to = k.world.Peer
		}
		to.Handler().ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // until it is closed
	}()
	return func() {
		_ = server.Close()
		<-served
	}
}

// witnessed tells the other process of each call, before and after it.
type witnessed struct{ client *rpc.Client }

func (w witnessed) event(name string) error {
	return w.client.Call("Events.Happened", name, &struct{}{})
}

func (w witnessed) call(name string, do func() error) error {
	if err := w.event("before " + name); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, w.event("after "+name))
}

// Events hears what a child is about to do or has done. It may not return.
// (Package rpc wants exported types and methods of this shape.)
type Events struct{ happened func(string) }

// Happened is one event.
func (e *Events) Happened(name string, _ *struct{}) error {
	e.happened(name)
	return nil
}

// child runs an errand in a process of its own, which is killed at its n-th
// event; 0 lets it live. It returns what it did last and how many events
// there were.
func (k *kit) child(e errand, n int) (last string, events int) {
	k.t.Helper()
	dir, err := os.MkdirTemp("", "child") // short: a socket's path is
	if err != nil {
		k.t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	e.Machine, e.Arrays, e.Events = dir, filepath.Join(dir, "arrays"), filepath.Join(dir, "events")
	e.World, e.Dir = k.reach(), k.dir
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

	started, gone := make(chan struct{}), make(chan struct{})
	server := rpc.NewServer()
	err = server.Register(&Events{func(name string) {
		events++
		if events == n {
			last = name
			<-started
			// SIGKILL: nothing of it runs any more, neither a defer nor a
			// signal handler.
			if err := cmd.Process.Kill(); err != nil {
				k.t.Error(err)
			}
			<-gone
		}
	}})
	if err != nil {
		k.t.Fatal(err)
	}
	machine, err := visit.Serve(k.world, visit.Socket(dir), visit.Facts{})
	if err != nil {
		k.t.Fatal(err)
	}
	defer machine.Close()
	defer k.serveArrays(e.Arrays)()
	listener, err := net.Listen("unix", e.Events)
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
	close(started)
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
	if testing.Short() {
		t.Skip("-short leaves out what kills real processes")
	}
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
