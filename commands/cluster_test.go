package commands

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/internal/sshtest"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// cluster is a terminal on the first member of a simulated cluster. The other
// members are behind real ssh servers; what they run is this package's own
// Main, before their simulated machine.
type cluster struct {
	*bench
	servers  *sshtest.Servers
	settings *config.Config
	members  map[string]*member
}

// member is another member's machine.
type member struct {
	t        testing.TB
	name     string
	sources  sources
	listener net.Listener
	wg       sync.WaitGroup

	mu sync.Mutex
	// answer stands in for pureclean there; nil is the real one.
	answer func(args []string, s Streams) int
	calls  [][]string
}

// newCluster puts servers before the other members of a world.
func newCluster(t *testing.T, world *simulator.World) *cluster {
	t.Helper()
	c := &cluster{bench: newBench(t, world), members: map[string]*member{}}
	var names []string
	for _, h := range world.Hosts[1:] {
		names = append(names, h.Name())
	}
	c.servers = sshtest.Start(t, names...)
	c.s.given.ssh = true
	c.settings = &c.s.given.config
	c.settings.SSH = c.servers.Client
	c.settings.Members = map[string]config.Member{}
	for _, h := range world.Hosts[1:] {
		m := &member{t: t, name: h.Name(), sources: *c.s.given}
		m.sources.host, m.sources.writer, m.sources.ssh = h.System(), h.DeviceWriter(), false
		m.sources.config.StateDir = t.TempDir()
		c.settings.Members[m.name] = config.Member{Command: m.serve(filepath.Join(c.servers.Dir, "m-"+m.name))}
		c.members[m.name] = m
	}
	return c
}

// serve listens for the programs that ssh runs, and returns the command that
// is one.
func (m *member) serve(dir string) string {
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	command := filepath.Join(dir, MemberProgram)
	if err := os.Mkdir(dir, 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.Symlink(self, command); err != nil {
		m.t.Fatal(err)
	}
	if m.listener, err = net.Listen("unix", filepath.Join(dir, "s")); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		_ = m.listener.Close()
		m.wg.Wait()
	})
	go func() {
		for {
			conn, err := m.listener.Accept()
			if err != nil {
				return
			}
			m.wg.Add(1)
			go func() {
				defer m.wg.Done()
				m.run(conn)
			}()
		}
	}()
	return command + " " + dir
}

// run is one call of pureclean on that machine.
func (m *member) run(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	line, err := in.ReadString('\n')
	var args []string
	if err != nil || json.Unmarshal([]byte(line), &args) != nil {
		m.t.Errorf("the member's program said %q: %v", line, err)
		return
	}
	out := &frames{encoder: json.NewEncoder(conn)}
	given := m.sources
	s := Streams{In: in, Out: stream{out, 1}, Err: stream{out, 2}, Getenv: func(string) string { return "" }, given: &given}
	m.mu.Lock()
	m.calls = append(m.calls, args)
	answer := m.answer
	m.mu.Unlock()
	if answer == nil {
		answer = func(args []string, s Streams) int {
			return Main(context.Background(), append([]string{"pureclean"}, args...), s)
		}
	}
	status := answer(args, s)
	_ = out.send(frame{Status: &status}) // whoever asked may have gone
}

// says lets the machine answer something else.
func (m *member) says(answer func(args []string, s Streams) int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = answer
}

// called are the arguments of all calls.
func (m *member) called() [][]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.calls)
}

// frame carries output and the exit status to the program that ssh runs.
type frame struct {
	FD     int    `json:"fd,omitempty"`
	Data   []byte `json:"data,omitempty"`
	Status *int   `json:"status,omitempty"`
}

type frames struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

func (f *frames) send(one frame) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.encoder.Encode(one)
}

type stream struct {
	to *frames
	fd int
}

func (s stream) Write(p []byte) (int, error) { return len(p), s.to.send(frame{FD: s.fd, Data: p}) }

// MemberProgram is the name under which this test program is what ssh runs on
// a member's machine: it passes everything on to the test, see RunMember.
const MemberProgram = "pureclean-member"

// RunMember is that program. It returns its exit status.
func RunMember() int {
	conn, err := net.Dial("unix", filepath.Join(os.Args[1], "s"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(conn).Encode(os.Args[2:]); err != nil {
		return 1
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		if c, ok := conn.(*net.UnixConn); ok {
			_ = c.CloseWrite()
		}
	}()
	for decoder := json.NewDecoder(conn); ; {
		var f frame
		if err := decoder.Decode(&f); err != nil {
			return 1
		}
		if f.Status != nil {
			return *f.Status
		}
		to := map[int]*os.File{1: os.Stdout, 2: os.Stderr}[f.FD]
		if _, err := to.Write(f.Data); err != nil {
			return 1
		}
	}
}

// three is a cluster of three members, each of which has used the pool, with
// a leaked volume that is connected to all of them and has its device there.
func three(t *testing.T) (*simulator.World, array.Volume) {
	t.Helper()
	world := worlds.New(t, simulator.Options{Members: 3})
	return world, leakEverywhere(t, world)
}

func leakEverywhere(t *testing.T, world *simulator.World) array.Volume {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range world.LXD.Members()[1:] {
		must(m.Launch(container(world, fmt.Sprintf("web%d", i+2))))
	}
	s, _ := simulator.Find("connect-reply-lost-iscsi")
	must(s.In(world))
	var leaked array.Volume
	for _, v := range world.Array.Volumes() {
		if !v.Destroyed && !world.Live(v.Name) {
			leaked = v
		}
	}
	if leaked.Name == "" {
		t.Fatal("nothing leaked")
	}
	connected := map[string]bool{}
	for _, c := range world.Array.Connections() {
		if c.Volume == leaked.Name {
			connected[c.Host] = true
		}
	}
	for _, h := range world.Array.Hosts() {
		if !connected[h.Name] {
			must(world.Array.Connect(h.Name, leaked.Name, 77))
		}
	}
	for _, h := range world.Hosts {
		h.Rescan()
		if len(h.DevicesOf(leaked.Serial)) == 0 {
			t.Fatalf("%s has no device of %s", h.Name(), leaked.Name)
		}
	}
	world.Age(48 * time.Hour)
	return leaked
}

// steps are those that were asked of a machine.
func (m *member) steps() []string {
	var all []string
	for _, args := range m.called() {
		if i := slices.Index(args, "--step"); i >= 0 {
			all = append(all, args[i+1])
		}
	}
	return all
}

// liveVolumes are those that must not be destroyed.
func liveVolumes(world *simulator.World) []string {
	var live []string
	for _, v := range world.Array.Volumes() {
		if !v.Destroyed && world.Live(v.Name) {
			live = append(live, v.Name)
		}
	}
	return live
}

// noHarm compares with what was live before.
func (c *cluster) noHarm(live []string) {
	c.t.Helper()
	for _, name := range live {
		if v, ok := c.world.Array.Volume(name); !ok || v.Destroyed {
			c.t.Errorf("the live volume %s was destroyed", name)
		}
	}
}

func container(world *simulator.World, name string) lxd.InstanceSpec {
	return lxd.InstanceSpec{Name: name, Pool: world.Pool(), Image: simulator.Image}
}
