package visit

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/rpc"
	"slices"
	"sync"

	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/host"
)

type Server struct {
	listener net.Listener
	stop     context.CancelFunc
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
	_ = desk.RegisterName(serviceName, &service{world: w, facts: facts}) // it is one
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{listener: listener, stop: stop}
	s.wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() {
				defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
				desk.ServeConn(conn) // until the visitor has gone
			})
		}
	})
	return s, nil
}

// Close lets nobody in any more and sends away who is inside.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.stop()
	s.wg.Wait()
	return err
}

// service answers visitors, as net/rpc wants it.
type service struct {
	world *simulator.World
	facts Facts
}

// NoRoute ends what is said of a machine that is down.
const NoRoute = "no route to host"

// machine is the one of that name, if it can be reached: one that is down
// answers nobody.
func (s *service) machine(called string) (*host.Host, error) {
	i := slices.IndexFunc(s.world.Hosts, func(h *host.Host) bool { return h.Name() == called })
	switch {
	case i < 0:
		return nil, fmt.Errorf("there is no machine %s in this world", called)
	case !slices.Contains(s.world.Answering(), s.world.Hosts[i]):
		return nil, fmt.Errorf("machine %s: %s", called, NoRoute)
	}
	return s.world.Hosts[i], nil
}

// Ask answers a question to a machine; without a name it is the first.
func (s *service) Ask(q Question, a *Answer) error {
	m, err := s.machine(cmp.Or(q.Machine, s.facts.Machines[0]))
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch kernel, writer := m.Kernel(), m.DeviceWriter(); q.Do {
	case "Facts":
		a.Facts = s.facts
		a.Facts.Machine, a.Facts.LXDDirs = m.Name(), m.System().LXDDirs
	case "Tree":
		var tree *treefs.FS
		if tree, a.Seen = m.Tree(); a.Seen != q.Seen {
			a.Tree, err = packed(tree)
		}
	case "Maps":
		a.Maps, err = kernel.Maps(ctx)
	case "Checkers":
		a.Checkers, err = kernel.Checkers(ctx)
	case "Identify":
		a.Identity = kernel.Identify(ctx, q.About)
	case "MountInfo":
		a.Data, err = kernel.MountInfo(ctx, q.About)
	case "RemoveMap":
		err = writer.RemoveMap(ctx, q.About)
	case "AddMap":
		err = writer.AddMap(ctx, q.About)
	case "SetQueueing":
		err = writer.SetQueueing(ctx, q.About, q.On)
	case "SetState":
		err = writer.SetState(ctx, q.Disk, q.State)
	case "DeleteDisk":
		err = writer.DeleteDisk(ctx, q.Disk)
	case "ClaimNamespace":
		err = writer.ClaimNamespace(ctx, q.Disk)
	case "RescanController":
		err = writer.RescanController(ctx, q.About)
	case "Dial":
		err = m.Dial(ctx, q.About)
	case "Advance":
		if q.For > 0 {
			s.world.Clock.Advance(q.For)
		}
		a.Now = s.world.Clock.Now()
	default:
		return fmt.Errorf("unknown question %q", q.Do)
	}
	a.Failure = failureOf(err)
	return nil
}

// packed is a tree as treefs.FromTarGz reads it.
func packed(tree *treefs.FS) ([]byte, error) {
	var out bytes.Buffer
	zipped, _ := gzip.NewWriterLevel(&out, gzip.NoCompression) // a level that there is
	archive := tar.NewWriter(zipped)
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target, _ := tree.ReadLink(name) // what is no link has none
		info, err := entry.Info()
		if err != nil {
			return err
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		header.Name = name
		if d, ok := info.Sys().(treefs.Device); ok {
			header.Devmajor, header.Devminor = int64(d.Major), int64(d.Minor)
		}
		if err := archive.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
			return err
		}
		data, err := tree.ReadFile(name)
		if err == nil {
			_, err = archive.Write(data)
		}
		return err
	})
	err = errors.Join(err, archive.Close(), zipped.Close())
	return out.Bytes(), err
}
