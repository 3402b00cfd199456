package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/fabric"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

const (
	// As many members as a cluster of that size needs: an array gives each
	// host some thousand LUNs at most.
	membersPer = 20000.0 / 64
	mostLUNs   = 950 // connections of one host
	perVolume  = 3   // connections
	perMachine = 9   // attached volumes of one instance
	leakEvery  = 100 // one volume in so many has no record
	pool       = "purepool"
)

// world is one array and one LXD, a cluster of many members, served to other processes.
type world struct {
	world   *array.Array
	array   *httptest.Server
	proxies []func()
	meter   *meter
	volumes int
	members int
	records int

	socket, config, tree, plan string
}

func (w *world) String() string {
	return fmt.Sprintf("%d volumes, %d connections, %d snapshots, %d hosts, %d records", w.volumes, len(w.world.Connections()), w.volumes, w.members, w.records)
}

// newWorld makes a world whose array is asked through before.
func newWorld(dir string, volumes int, before func(http.Handler) http.Handler) (*world, error) {
	clock := fabric.NewClock(time.Now().Add(-72 * time.Hour))
	w := &world{world: array.New(array.Options{Name: "fa-bench", Clock: clock, Seed: 1}), meter: &meter{}, volumes: volumes, members: max(1, int(float64(volumes)/membersPer))}
	hosts := make([]*lxd.Member, w.members)
	for i := range hosts {
		name := fmt.Sprintf("lxd%02d", i+1)
		hosts[i] = &lxd.Member{Name: name, Host: host.New(host.Options{Name: name, Clock: clock, Target: w.world})}
	}
	// httptest's server, because what it sends can be counted.
	w.array = httptest.NewTLSServer(w.meter.arrays(before(w.world.Handler())))
	server, err := lxd.New(lxd.Options{Version: "6.9", Arrays: w.array.Client().Transport, Clock: clock, Members: hosts, Clustered: true, Seed: 1})
	if err != nil {
		return nil, err
	}
	if err := w.fill(server, hosts); err != nil {
		return nil, err
	}
	clock.Advance(72 * time.Hour)
	return w, w.serve(dir, server, hosts)
}

// fill makes the world's pod and pool, and an estate in it.
func (w *world) fill(server *lxd.Server, hosts []*lxd.Member) error {
	if err := w.world.CreatePod(pool); err != nil {
		return err
	}
	for _, m := range hosts {
		if err := w.world.CreateHost(m.Name+"-iscsi", []string{m.Host.IQN()}, nil, nil); err != nil {
			return err
		}
	}
	if err := server.CreatePool(lxd.PoolSpec{Name: pool, Gateway: w.array.URL, Token: w.world.Token(), Mode: evidence.ModeISCSI, Recover: true}); err != nil {
		return err
	}
	e := estate{array: w.world, server: server, members: w.members}
	err := e.fill(w.volumes)
	w.records = e.records
	return err
}

// estate is what a healthy cluster has, by the thousand, with one leak in a
// hundred.
type estate struct {
	array   *array.Array
	server  *lxd.Server
	members int
	records int
	// connected counts connections.
	connected int
}

func (e *estate) fill(volumes int) error {
	var failed error
	e.array.Batch(func() {
		instances := map[string]*lxd.Instance{}
		for i := range volumes {
			if failed = e.volume(instances, i); failed != nil {
				return
			}
		}
		for _, instance := range instances {
			e.server.PutInstance(*instance)
		}
	})
	return failed
}

func (e *estate) volume(instances map[string]*lxd.Instance, i int) error {
	hex := fmt.Sprintf("%08x%04x4000800000%010x", i*2654435761%(1<<32), i%65536, i)
	name := pool + "::u-" + hex
	if _, err := e.array.CreateVolume(name, 10<<30, array.VolumeOptions{Used: 1 << 30}); err != nil {
		return err
	}
	uuid, err := evidence.ParseUUID(hex)
	if err != nil {
		return err
	}
	recorded := i%leakEvery != 0
	suffix := fmt.Sprintf("su-%08x%04x4000900000%010x", i*2654435761%(1<<32), i%65536, i)
	if _, err := e.array.CreateSnapshot(name, suffix); err != nil {
		return err
	}
	if recorded {
		snapshot, err := evidence.ParseUUID(suffix[3:])
		if err != nil {
			return err
		}
		volume := fmt.Sprintf("data%06d", i)
		e.server.PutVolume(lxd.Volume{Pool: pool, Type: "custom", Name: volume, Content: "filesystem", Config: map[string]string{"volatile.uuid": uuid.String()}})
		e.server.PutVolume(lxd.Volume{Pool: pool, Type: "custom", Name: volume + "/snap0", Content: "filesystem", Config: map[string]string{"volatile.uuid": snapshot.String()}})
		e.records++
		for j := range e.ways() {
			attach(instances, (i+j)%e.members, i/e.members*perVolume/perMachine, volume)
		}
	}
	for j := range e.ways() {
		if e.connected++; e.connected > mostLUNs*e.members {
			return nil
		}
		if err := e.array.Connect(fmt.Sprintf("lxd%02d-iscsi", (i+j)%e.members+1), name, 0); err != nil {
			return err
		}
	}
	return nil
}

// ways is to how many members a volume is connected.
func (e *estate) ways() int { return min(perVolume, e.members) }

// attach gives the volume to a running instance on a member that it is
// connected to.
func attach(instances map[string]*lxd.Instance, member, machine int, volume string) {
	name := fmt.Sprintf("web-%02d-%05d", member+1, machine)
	instance, ok := instances[name]
	if !ok {
		instance = &lxd.Instance{
			Name: name, Type: "container", Member: fmt.Sprintf("lxd%02d", member+1), Running: true,
			Devices: map[string]map[string]string{},
		}
		instances[name] = instance
	}
	instance.Devices[volume] = map[string]string{"type": "disk", "pool": pool, "source": volume, "path": "/srv/" + volume}
}

// serve lets other processes ask, through a meter.
func (w *world) serve(dir string, server *lxd.Server, hosts []*lxd.Member) error {
	real := filepath.Join(dir, "lxd.socket")
	api, err := server.Serve(real)
	if err != nil {
		return err
	}
	w.proxies = append(w.proxies, func() { _ = api.Close() })
	w.socket = filepath.Join(dir, "unix.socket")
	listener, err := net.Listen("unix", w.socket)
	if err != nil {
		return err
	}
	front := &http.Server{Handler: w.meter.lxds(remember(lxdAt(real))), ReadHeaderTimeout: time.Minute}
	go func() { _ = front.Serve(listener) }()
	w.proxies = append(w.proxies, func() { _ = front.Close() })

	w.tree = filepath.Join(dir, "host")
	machine, ok := hosts[0].Host.(*host.Host)
	if !ok {
		return errors.New("the first member has no simulated machine")
	}
	if err := machine.WriteTo(w.tree); err != nil {
		return err
	}
	w.config = filepath.Join(dir, "config.yaml")
	digest := sha256.Sum256(w.array.Certificate().Raw)
	settings := fmt.Sprintf("pools:\n  %s: {array: {fingerprint: \"sha256:%x\"}}\n", pool, digest)
	if err := os.WriteFile(w.config, []byte(settings), 0o600); err != nil {
		return err
	}
	w.plan = filepath.Join(dir, "plan.json")
	return writePlan(w.plan, w.array.URL, w.world.Token(), w.socket, w.members)
}

func (w *world) close() {
	for _, stop := range w.proxies {
		stop()
	}
	w.array.Close()
}

// counts are what a command asked. pages are the array's requests for a
// further page of a list, array all others; bytes are the answers' bodies.
type counts struct{ array, pages, lxd, bytes int64 }

// meter counts.
type meter struct{ array, pages, lxd, bytes atomic.Int64 }

func (m *meter) reset() {
	for _, n := range []*atomic.Int64{&m.array, &m.pages, &m.lxd, &m.bytes} {
		n.Store(0)
	}
}

func (m *meter) counts() counts {
	return counts{m.array.Load(), m.pages.Load(), m.lxd.Load(), m.bytes.Load()}
}

// arrays counts what an array is asked and sends.
func (m *meter) arrays(array http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if query.Has("continuation_token") || query.Has("offset") {
			m.pages.Add(1)
		} else {
			m.array.Add(1)
		}
		array.ServeHTTP(&counted{rw, m}, r)
	})
}

// lxds is the same of an LXD.
func (m *meter) lxds(lxd http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		m.lxd.Add(1)
		lxd.ServeHTTP(&counted{rw, m}, r)
	})
}

type counted struct {
	http.ResponseWriter
	meter *meter
}

func (c *counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.meter.bytes.Add(int64(n))
	return n, err
}

// Unwrap lets the simulator reach the connection, to break it.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// lxdAt asks the LXD at a socket.
func lxdAt(socket string) http.Handler {
	behind := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "lxd"})
	behind.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}
	return behind
}

// remember gives the answers to GET from memory after the first time, so that the
// simulator's own speed is not measured.
func remember(behind http.Handler) http.Handler {
	var mu sync.Mutex
	answers := map[string]*httptest.ResponseRecorder{}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			behind.ServeHTTP(rw, r)
			return
		}
		mu.Lock()
		answer, ok := answers[r.URL.String()]
		if !ok {
			answer = httptest.NewRecorder()
			behind.ServeHTTP(answer, r)
			answers[r.URL.String()] = answer
		}
		mu.Unlock()
		pass(rw, answer)
	})
}

// numberDevices adds sys/dev/block/MAJOR:MINOR, which the recording lacks and
// without which lsblk sees nothing and would win by doing nothing.
func numberDevices(dir string) error {
	numbers, err := filepath.Glob(filepath.Join(dir, "sys/block/*/dev"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "sys/dev/block"), 0o755); err != nil {
		return err
	}
	for _, file := range numbers {
		number, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name := filepath.Base(filepath.Dir(file))
		if err := os.Symlink("../../block/"+name, filepath.Join(dir, "sys/dev/block", strings.TrimSpace(string(number)))); err != nil {
			return err
		}
	}
	return nil
}
