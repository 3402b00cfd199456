// Package lxd is a simulated LXD: its records, its API on a unix socket, and
// the flows of its Pure Storage driver.
//
// The flows make the same REST calls in the same order as LXD's, write their
// records at the same moments and undo themselves in the same way: last step
// first, with the errors of undoing dropped. A flow that is disturbed (an
// array that answers 503, a device that never appears, a daemon that is
// killed) therefore leaves behind what the real one leaves behind, and nobody
// has to put a leak into the world by hand.
//
// What does not matter to that is left out: contents of volumes, networks,
// images from servers, migration between pools, and everything that writes
// through the API, which is for reading only.
package lxd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
)

type Options struct {
	Version string
	Clock   *fabric.Clock
	// Members are the servers; the first one serves the API. A server
	// without a cluster is a single member.
	Members   []*Member
	Clustered bool
	Seed      uint64
	Arrays    http.RoundTripper
}

// Member is one server: its daemon and its machine.
type Member struct {
	// Name is the server's name, which the array host is named after.
	Name string
	Host Machine

	server *Server
	// Status and Message are what the cluster's list says of it.
	status, message string
	// up is whether the daemon runs, and life how often it was started.
	up   bool
	life int
	// mounts counts the users of each mounted volume. It is the daemon's
	// memory and lost with it, unlike what is mounted.
	mounts map[mountKey]int
}

const (
	Online    = "Online"
	Offline   = "Offline"
	Evacuated = "Evacuated"
)

// Server is an LXD server or cluster. Flows that are called on it run in its
// first member; call them on another Member to run them there.
type Server struct {
	*Member

	behaviour behaviour
	version   string
	clock     *fabric.Clock
	clustered bool
	arrays    http.RoundTripper
	ctx       context.Context
	cancel    context.CancelFunc

	// unfinished are the array's names of volumes, see Unfinished.
	unfinished sync.Map

	mu         sync.Mutex
	random     *rand.Rand
	uuid       string
	members    []*Member
	db         Database
	operations []*operation
	before     func(method, path string) error
	cut        func(method, path string) error
	apis       []*APIServer
}

// New starts an LXD without pools, volumes and instances.
func New(o Options) (*Server, error) {
	b, err := behaviourOf(o.Version)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		Member:    o.Members[0],
		behaviour: b, version: o.Version, clock: o.Clock, clustered: o.Clustered,
		arrays: o.Arrays,
		ctx:    ctx, cancel: cancel,
		random:  rand.New(rand.NewPCG(o.Seed, 0x6c7864)),
		members: slices.Clone(o.Members), db: newDatabase(),
	}
	s.uuid = s.newUUID()
	for _, m := range s.members {
		m.server, m.up, m.status, m.message = s, true, Online, "Fully operational"
		m.mounts = map[mountKey]int{}
	}
	return s, nil
}

func (s *Server) Close() {
	s.cancel()
	s.mu.Lock()
	apis := s.apis
	s.apis = nil
	s.mu.Unlock()
	for _, a := range apis {
		a.stop()
	}
}

func (s *Server) Version() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.version
}

// NVMeMode is the value that this version wants in pure.mode for NVMe/TCP.
func (s *Server) NVMeMode() string { return s.now().nvme }

func (s *Server) now() behaviour {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.behaviour
}

func (s *Server) Members() []*Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.members)
}

func (s *Server) On(name string) (*Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.onLocked(name)
}

func (s *Server) onLocked(name string) (*Member, error) {
	for _, m := range s.members {
		if m.Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("no member is called %q", name)
}

// newUUID makes a random UUID; the lock is the caller's, or nobody else has s.
func (s *Server) newUUID() string {
	var u evidence.UUID
	for i := range u {
		u[i] = byte(s.random.Uint32())
	}
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return u.String()
}

// freshUUID is newUUID for those who don't hold the lock.
func (s *Server) freshUUID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newUUID()
}

// location is what records say of where something is; LXD calls a server
// without a cluster "none".
func (s *Server) location(member string) string {
	if !s.clustered {
		return "none"
	}
	return member
}

// retention is how long an operation that has ended stays listed.
const retention = 5 * time.Second

// worded is an error in LXD's own words, which begin with a capital letter.
func worded(format string, args ...any) error { return fmt.Errorf(format, args...) }
