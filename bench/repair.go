package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/visit"
)

// repairOptions are what "bench -repair" is told.
type repairOptions struct {
	volumes, hosts int
	batches        []int
}

// repairs measures "pureclean fix" as a program, on the first of a cluster's
// members, in a simulated world: leftovers of that member, with a map and its
// paths, among many volumes of others.
func repairs(o repairOptions) error {
	dir, err := os.MkdirTemp("/tmp", "pureclean-bench") // short: a socket's path is
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began := time.Now()
	w, err := newRepairWorld(dir, o)
	if err != nil {
		return fmt.Errorf("building the world: %w", err)
	}
	defer w.close()
	fmt.Printf("world: %d volumes, %d connections, %d snapshots, %d records, %d hosts, %d leftovers; built in %.1f s\n",
		o.volumes, len(w.Array.Connections()), o.volumes, w.estate.records, o.hosts, len(w.leftovers), time.Since(began).Seconds())
	fmt.Printf("by its own clock the array takes %s a request and %s a row, LXD %s a request and %s a row of volumes or instances\n",
		arrayRequest, arrayRow, lxdRequest, lxdRow)
	if err := w.prepare(); err != nil {
		return err
	}
	fmt.Printf("\n| %d volumes, %d hosts | array: requests | rows | bytes | LXD: requests | ssh | CPU | for answers | waiting | wall | in all |\n|---|---|---|---|---|---|---|---|---|---|---|\n", o.volumes, o.hosts)
	for _, n := range o.batches {
		if err := w.repair(n); err != nil {
			return err
		}
	}
	for _, n := range o.batches {
		if err := w.byHand(n); err != nil {
			return err
		}
	}
	return nil
}

// repairWorld is a world that the program visits.
type repairWorld struct {
	*simulator.World
	timeline  *timeline
	estate    *estate
	dir       string
	program   string
	front     *httptest.Server
	leftovers []string
	stops     []func()

	mu sync.Mutex
	// pid is the command's that is measured, whole what it had used when its
	// look at everything was over.
	pid   int
	whole *cost
	now   cost
	began cost
	// answers are what other members say, and told when they were last told so.
	answers map[string]fleet.Answer
	told    time.Time
}

// cost is what a command has used up to some moment.
type cost struct {
	// requests are the array's, as are rows and bytes.
	requests, rows, bytes, lxd, ssh int
	// cpu is the command's own processor time, without that of programs which it
	// starts.
	cpu time.Duration
	// wall is how late it was by the world's clock, and asking for how long the
	// command had waited for answers.
	wall, asking time.Duration
}

func newRepairWorld(dir string, o repairOptions) (*repairWorld, error) {
	sum := 0
	for _, n := range o.batches {
		sum += 2 * n
	}
	world, err := simulator.New(simulator.Options{Members: o.hosts, Start: time.Now().Add(-200 * time.Hour)})
	if err != nil {
		return nil, err
	}
	w := &repairWorld{World: world, timeline: &timeline{clock: world.Clock}, dir: dir, answers: map[string]fleet.Answer{}}
	w.stops = append(w.stops, world.Close)
	for _, h := range w.Hosts {
		if err := w.Array.CreateHost(h.Name()+"-iscsi", []string{h.IQN()}, nil, nil); err != nil {
			return w, err
		}
	}
	if err := w.leave(sum); err != nil {
		return w, err
	}
	w.estate = &estate{array: w.Array, server: w.LXD, members: o.hosts}
	// The devices of others' volumes are not what is measured.
	w.Hosts[0].NeverAppear(func(string) bool { return true })
	if err := w.Hosts[0].Login("iscsi"); err != nil {
		return w, err
	}
	if err := w.estate.fill(o.volumes); err != nil {
		return w, err
	}
	w.Age(72 * time.Hour)
	return w, w.serve()
}

// leave leaves volumes without a record, connected to the first member. In the
// order of names they come first.
func (w *repairWorld) leave(n int) error {
	for i := range n {
		name := fmt.Sprintf("%s::u-%016x8000%012x", w.Pool(), 0x3000, i+1)
		if _, err := w.Array.CreateVolume(name, 10<<30, array.VolumeOptions{Used: 1 << 30, LXD: true}); err != nil {
			return err
		}
		if err := w.Array.Connect(w.Hosts[0].Name()+"-iscsi", name, 0); err != nil {
			return err
		}
		w.leftovers = append(w.leftovers, name)
	}
	return nil
}

// appear gives the next n leftovers a map with its paths.
func (w *repairWorld) appear(n int) error {
	ours := map[string]bool{}
	for _, name := range w.leftovers[:n] {
		v, _ := w.Array.Volume(name)
		ours[v.Serial] = true
	}
	w.Hosts[0].NeverAppear(func(serial string) bool { return !ours[serial] })
	w.Hosts[0].Rescan()
	for serial := range ours {
		if _, ok := w.Hosts[0].Device(serial); !ok {
			return fmt.Errorf("volume %s has no device", serial)
		}
	}
	return nil
}

// serve opens the world to the program: its array and LXD slowly.
func (w *repairWorld) serve() error {
	w.front = httptest.NewTLSServer(w.timeline.slow(w.Array.Handler(), w.asked))
	w.stops = append(w.stops, w.front.Close)
	socket := filepath.Join(w.dir, "unix.socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	answers := remember(lxdAt(w.Socket))
	lxd := &http.Server{ReadHeaderTimeout: time.Minute, Handler: w.timeline.slowLXD(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		w.now.lxd++
		w.mu.Unlock()
		answers.ServeHTTP(rw, r)
	}))}
	go func() { _ = lxd.Serve(listener) }()
	w.stops = append(w.stops, func() { _ = lxd.Close() })

	settings := config.Default()
	settings.Safety.MaxShare = 0.5 // of a small world many leftovers are a large part
	settings.StateDir = filepath.Join(w.dir, "state")
	digest := sha256.Sum256(w.front.Certificate().Raw)
	settings.Pools = map[string]config.Pool{w.Pool(): {Array: config.Array{URL: w.front.URL, Fingerprint: fmt.Sprintf("sha256:%x", digest)}}}
	var told bytes.Buffer
	if err := gob.NewEncoder(&told).Encode(settings); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(settings.StateDir, w.Hosts[0].Name()), 0o700); err != nil {
		return err
	}
	server, err := visit.Serve(w.World, visit.Socket(w.dir), visit.Facts{LXDSocket: socket, Settings: told.Bytes()})
	if err != nil {
		return err
	}
	w.stops = append(w.stops, func() { _ = server.Close() })
	w.program, err = buildProgram(w.dir)
	return err
}

func (w *repairWorld) close() {
	for _, stop := range slices.Backward(w.stops) {
		stop()
	}
}

// prepare asks every member once, and lets an earlier look see the leftovers, as
// a batch wants it.
func (w *repairWorld) prepare() error {
	if err := w.members(); err != nil {
		return err
	}
	if _, err := w.run(nil, w.program, "check", "--timeout", "10m"); err != nil {
		return err
	}
	w.Age(30 * time.Hour)
	return nil
}

// members writes an ssh that prints what a member would say.
func (w *repairWorld) members() error {
	for _, dir := range []string{"bin", "answers"} {
		if err := os.MkdirAll(filepath.Join(w.dir, dir), 0o700); err != nil {
			return err
		}
	}
	out, err := w.run(nil, w.program, "devices", "-o", "json")
	if err != nil {
		return err
	}
	var own fleet.Answer
	if err := json.Unmarshal(out, &own); err != nil {
		return fmt.Errorf("devices: %w", err)
	}
	for _, h := range w.Hosts[1:] {
		w.answers[h.Name()] = fleet.AnswerOf(devices.Observe(context.Background(), h.System()), fleet.Holder{Held: evidence.No}, own.Version)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script := fmt.Sprintf("#!/bin/sh\nfor a; do [ \"$a\" = -- ] && break; name=$a; done\necho >>%[1]s/asked\n"+
		"case $* in *--step*) exec %[2]s -member %[1]s %[3]s $name \"$@\";; esac\nexec cat %[1]s/answers/$name\n", w.dir, self, own.Version)
	if err := os.WriteFile(filepath.Join(w.dir, "bin", "ssh"), []byte(script), 0o700); err != nil {
		return err
	}
	w.Clock.OnAdvance(w.refresh)
	w.refresh(w.Clock.Now())
	return nil
}

// beMember stands in for a step on another member's machine: it is what ssh
// would have run there.
func beMember(dir, version, name string, args []string) error {
	words := strings.Fields(strings.Join(args, " "))
	step := slices.Index(words, "--step") + 1
	if step == 0 || step == len(words) {
		return fmt.Errorf("no step in %q", args)
	}
	var serials []evidence.Serial
	for i, word := range words[1:] {
		if words[i] == "--remove" {
			serials = append(serials, evidence.Serial(word))
		}
	}
	ctx := context.Background()
	v, err := visit.Enter(ctx, dir, name, os.Geteuid())
	if err != nil {
		return err
	}
	defer v.Close() // nothing was written
	service := fleet.Service{Local: release.Local{System: v.System(), Writer: v.DeviceWriter()}, Step: words[step], Serials: serials, Version: version}
	return service.Serve(ctx, os.Stdin, os.Stdout)
}

// refresh lets members say what they say now: an answer that is old is none.
func (w *repairWorld) refresh(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now.Sub(w.told) < time.Minute {
		return
	}
	w.told = now
	for name, a := range w.answers {
		for i := range a.Daemons {
			a.Daemons[i].Running.N += int64(now.Sub(a.Ended).Seconds())
		}
		a.Began, a.Ended = now, now
		w.answers[name] = a
		file := filepath.Join(w.dir, "answers", name)
		text, err := json.Marshal(a)
		if err == nil {
			err = os.WriteFile(file+".new", text, 0o600)
		}
		if err == nil {
			err = os.Rename(file+".new", file)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}
}

// asked counts what the array was asked. The first question about single volumes
// is where a look at everything is over.
func (w *repairWorld) asked(r *http.Request, rows, bytes int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.whole == nil && w.pid != 0 && r.URL.Query().Has("ids") {
		w.sample()
		whole := w.now
		w.whole = &whole
	}
	w.now.requests++
	w.now.rows += rows
	w.now.bytes += bytes
}

// sample reads the command's processor time and the world's clock.
func (w *repairWorld) sample() {
	w.now.wall, w.now.asking = time.Duration(w.Clock.Now().UnixNano()), w.timeline.waited()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.pid))
	if err != nil {
		return // it has ended, and nothing is used any more
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	tick := func(i int) time.Duration {
		n, _ := strconv.Atoi(fields[i]) // the kernel writes numbers
		return time.Duration(n) * 10 * time.Millisecond
	}
	w.now.cpu = tick(11) + tick(12)
	asked, _ := os.ReadFile(filepath.Join(w.dir, "asked")) // nobody was asked
	w.now.ssh = len(asked)
}

// run runs a command in the world and returns what it printed.
func (w *repairWorld) run(watch func(pid int) func(), argv ...string) ([]byte, error) {
	command := exec.Command(argv[0], argv[1:]...)
	command.Env = append(os.Environ(), visit.Variable+"="+w.dir)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	if err := command.Start(); err != nil {
		return nil, err
	}
	done := func() {}
	if watch != nil {
		done = watch(command.Process.Pid)
	}
	err := command.Wait()
	done()
	var exit *exec.ExitError
	if errors.As(err, &exit) && slices.Contains([]int{1, 2, 3, 4, 8}, exit.ExitCode()) {
		err = nil // there are findings
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", strings.Join(argv, " "), err, said.String())
	}
	return out.Bytes(), err
}

// measure samples a command until it ends.
func (w *repairWorld) measure(pid int) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = os.Remove(filepath.Join(w.dir, "asked"))
	w.pid, w.whole, w.now = pid, nil, cost{}
	w.sample()
	w.began = w.now
	ended, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
				w.mu.Lock()
				w.sample()
				w.mu.Unlock()
			}
		}
	}()
	return func() {
		close(ended)
		<-stopped
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now.wall, w.now.asking, w.pid = time.Duration(w.Clock.Now().UnixNano()), w.timeline.waited(), 0
	}
}

// since is what was used after an earlier moment.
func (c cost) since(before cost) cost {
	return cost{
		requests: c.requests - before.requests, rows: c.rows - before.rows, bytes: c.bytes - before.bytes,
		lxd: c.lxd - before.lxd, ssh: c.ssh - before.ssh, cpu: c.cpu - before.cpu,
		wall: c.wall - before.wall, asking: c.asking - before.asking,
	}
}

// repair repairs the next n leftovers with the program.
func (w *repairWorld) repair(n int) error {
	if err := w.appear(n); err != nil {
		return err
	}
	out, err := w.run(w.measure, w.program, "fix", "--finding", "leaked-volume", "--yes", "--limit", strconv.Itoa(n), "-o", "json")
	if err != nil {
		return err
	}
	var answer struct {
		Results []struct{ Object, Outcome, Gate, Why string }
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return fmt.Errorf("fix: %w", err)
	}
	done := map[string]bool{}
	why := ""
	for _, r := range answer.Results {
		done[r.Object] = r.Outcome == "done"
		if slices.Contains(w.leftovers[:n], r.Object) && r.Outcome != "done" {
			why = r.Object + ": " + r.Outcome + " " + r.Gate + " " + r.Why
		}
	}
	for _, name := range w.leftovers[:n] {
		if !done[name] {
			return fmt.Errorf("not repaired: %s", cmp.Or(why, name))
		}
	}
	if w.whole == nil {
		return errors.New("no single volume was asked for")
	}
	w.leftovers = w.leftovers[n:]
	w.print(fmt.Sprintf("%d, the look at everything", n), 1, w.whole.since(w.began))
	w.print(fmt.Sprintf("%d, each volume", n), n, w.now.since(*w.whole))
	return nil
}

// byHand does about the same with curl.
func (w *repairWorld) byHand(n int) error {
	argv := append([]string{"bash", "bench/byhand.sh", w.front.URL, w.Array.Token()}, w.leftovers[:n]...)
	if _, err := w.run(w.measure, argv...); err != nil {
		return err
	}
	for _, name := range w.leftovers[:n] {
		if v, ok := w.Array.Volume(name); ok && !v.Destroyed {
			return fmt.Errorf("by hand, %s is still there", name)
		}
	}
	w.leftovers = w.leftovers[n:]
	w.print(fmt.Sprintf("%d by hand, each volume", n), n, w.now.since(w.began))
	return nil
}

// print prints one row: what each of n took.
func (w *repairWorld) print(what string, n int, s cost) {
	each := func(sum int) string { return strconv.FormatFloat(float64(sum)/float64(n), 'f', -1, 64) }
	cpu := fmt.Sprintf("%.2f s", s.cpu.Seconds()/float64(n))
	if s.cpu == 0 {
		cpu = "-"
	}
	fmt.Printf("| %s | %s | %s | %.1f kB | %s | %s | %s | %.1f s | %.1f s | %.1f s | %.1f s |\n", what,
		each(s.requests), each(s.rows), float64(s.bytes)/float64(n)/1e3, each(s.lxd), each(s.ssh), cpu,
		s.asking.Seconds()/float64(n), (s.wall-s.asking).Seconds()/float64(n), s.wall.Seconds()/float64(n), s.wall.Seconds())
}
