package visit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/rpc"
	"slices"
	"sync"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/host"
)

// Server lets visitors into a world.
type Server struct {
	listener net.Listener
	mu       sync.Mutex
	visitors map[net.Conn]bool
	closed   bool
	wg       sync.WaitGroup
}

// Serve answers at a unix socket for a world's machines until it is closed.
// Who may come in is decided by who may reach the socket, and checked again by
// the visitor (Enter): it must be the same user.
func Serve(w *simulator.World, socket string, facts Facts) (*Server, error) {
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("serving a world: %w", err)
	}
	facts.Machines = nil
	for _, h := range w.Hosts {
		facts.Machines = append(facts.Machines, h.Name())
	}
	desk := rpc.NewServer()
	if err := desk.RegisterName(serviceName, &service{world: w, facts: facts}); err != nil {
		return nil, errors.Join(fmt.Errorf("serving a world: %w", err), listener.Close())
	}
	s := &Server{listener: listener, visitors: map[net.Conn]bool{}}
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if !s.enter(conn) {
				continue
			}
			s.wg.Go(func() {
				desk.ServeConn(conn) // until the visitor has gone
				s.leave(conn)
			})
		}
	})
	return s, nil
}

func (s *Server) enter(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = conn.Close()
		return false
	}
	s.visitors[conn] = true
	return true
}

func (s *Server) leave(conn net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.visitors, conn)
	_ = conn.Close()
}

// Close lets nobody in any more and sends away who is inside.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.visitors {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wg.Wait()
	return err
}

// service answers visitors. Its methods have the shape that net/rpc wants.
type service struct {
	world *simulator.World
	facts Facts
}

// machine is the one of that name, if it can be reached: one that is down
// answers nobody.
func (s *service) machine(called string) (*host.Host, error) {
	i := slices.IndexFunc(s.world.Hosts, func(h *host.Host) bool { return h.Name() == called })
	switch {
	case i < 0:
		return nil, fmt.Errorf("there is no machine %s in this world", called)
	case !slices.Contains(s.world.Answering(), s.world.Hosts[i]):
		return nil, fmt.Errorf("machine %s: no route to host", called)
	}
	return s.world.Hosts[i], nil
}

// Facts tells a visitor where it is. No name is the first machine's.
func (s *service) Facts(called string, reply *Facts) error {
	*reply = s.facts
	reply.Machine = called
	if called == "" {
		reply.Machine = s.facts.Machines[0]
	}
	m, err := s.machine(reply.Machine)
	if err != nil {
		return err
	}
	reply.LXDDirs = m.System().LXDDirs
	return nil
}

// File reads a file of the machine's tree as it is now.
func (s *service) File(q FileQuestion, reply *FileAnswer) error {
	m, err := s.machine(q.Machine)
	if err != nil {
		return err
	}
	reply.Failure = failureOf(reply.read(m.FS(), q))
	return nil
}

// read asks a tree what is asked.
func (a *FileAnswer) read(tree fs.FS, q FileQuestion) (err error) {
	var one fs.FileInfo
	switch q.Op {
	case opOpen:
		one, err = a.open(tree, q.Name)
	case opStat:
		one, err = fs.Stat(tree, q.Name)
	case opLstat:
		one, err = fs.Lstat(tree, q.Name)
	case opReadLink:
		a.Target, err = fs.ReadLink(tree, q.Name)
	default:
		return fmt.Errorf("unknown question %q", q.Op)
	}
	if err == nil && one != nil {
		a.Info = infoOf(one)
	}
	return err
}

func (a *FileAnswer) open(tree fs.FS, name string) (fs.FileInfo, error) {
	f, err := tree.Open(name)
	if err != nil {
		return nil, err
	}
	one, err := f.Stat()
	if err == nil && one.IsDir() {
		err = a.list(tree, name)
	} else if err == nil {
		a.Data, err = io.ReadAll(f)
	}
	return one, errors.Join(err, f.Close())
}

func (a *FileAnswer) list(tree fs.FS, dir string) error {
	entries, err := fs.ReadDir(tree, dir)
	for _, e := range entries {
		if one, failed := e.Info(); failed == nil { // one of memory does not fail
			a.Entries = append(a.Entries, infoOf(one))
		}
	}
	return err
}

// Kernel asks the machine's kernel.
func (s *service) Kernel(q KernelQuestion, reply *KernelAnswer) error {
	m, err := s.machine(q.Machine)
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch kernel := m.Kernel(); q.Ask {
	case askMaps:
		reply.Maps, err = kernel.Maps(ctx)
	case askCheckers:
		reply.Checkers, err = kernel.Checkers(ctx)
	case askIdentify:
		reply.Identity = kernel.Identify(ctx, q.About)
	case askMountInfo:
		reply.Data, err = kernel.MountInfo(ctx, q.About)
	default:
		return fmt.Errorf("unknown question %q", q.Ask)
	}
	reply.Failure = failureOf(err)
	return nil
}

// changes are what a DeviceWriter can do.
var changes = map[string]func(context.Context, release.DeviceWriter, Change) error{
	doRemoveMap: func(ctx context.Context, h release.DeviceWriter, c Change) error { return h.RemoveMap(ctx, c.About) },
	doAddMap:    func(ctx context.Context, h release.DeviceWriter, c Change) error { return h.AddMap(ctx, c.About) },
	doSetQueueing: func(ctx context.Context, h release.DeviceWriter, c Change) error {
		return h.SetQueueing(ctx, c.About, c.On)
	},
	doSetState: func(ctx context.Context, h release.DeviceWriter, c Change) error {
		return h.SetState(ctx, c.Disk, c.State)
	},
	doDeleteDisk: func(ctx context.Context, h release.DeviceWriter, c Change) error { return h.DeleteDisk(ctx, c.Disk) },
	doClaim: func(ctx context.Context, h release.DeviceWriter, c Change) error {
		return h.ClaimNamespace(ctx, c.Disk)
	},
	doRescan: func(ctx context.Context, h release.DeviceWriter, c Change) error {
		return h.RescanController(ctx, c.About)
	},
}

// Change changes one of the machine's devices.
func (s *service) Change(c Change, reply *Failure) error {
	m, err := s.machine(c.Machine)
	if err != nil {
		return err
	}
	do, ok := changes[c.Do]
	if !ok {
		return fmt.Errorf("unknown change %q", c.Do)
	}
	*reply = failureOf(do(context.Background(), m.DeviceWriter(), c))
	return nil
}

// Dial tries a portal of the array's from the machine.
func (s *service) Dial(p Portal, reply *Failure) error {
	m, err := s.machine(p.Machine)
	if err != nil {
		return err
	}
	*reply = failureOf(m.Dial(context.Background(), p.Address))
	return nil
}

// Advance lets time pass in the world, and tells what time it is then.
func (s *service) Advance(d time.Duration, reply *time.Time) error {
	if d > 0 {
		s.world.Clock.Advance(d)
	}
	*reply = s.world.Clock.Now()
	return nil
}
