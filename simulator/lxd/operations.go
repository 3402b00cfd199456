package lxd

import (
	"maps"
	"slices"
	"time"

	"github.com/canonical/lxd/shared/api"

	"github.com/pureclean/pureclean/evidence"
)

type operation struct {
	id, class, description string
	project, location      string
	entity                 string
	created, updated       time.Time
	status                 api.StatusCode
	err                    string
	// orphan: the daemon that ran it was killed. It stays until the next
	// start, which makes a failure of it, and goes with the one after.
	orphan, reported bool
}

func (o *operation) running() bool { return o.status == api.Running }

// begin starts a flow in the member's daemon. A flow without a description is
// a request that LXD answers itself, without an operation.
func (m *Member) begin(project, description, entity string) (*run, error) {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.up {
		return nil, worded("Get \"http://unix.socket/1.0\": dial unix: connect: connection refused")
	}
	r := &run{Server: s, behaviour: s.behaviour, member: m, life: m.life, client: map[string]*client{}}
	if description != "" {
		now := s.clock.Now()
		r.op = &operation{
			id: s.newUUID(), class: api.OperationClassTask, description: description, project: projectOr(project),
			location: m.Name, entity: entity, created: now, updated: now, status: api.Running,
		}
		s.operations = append(s.operations, r.op)
	}
	return r, nil
}

// end finishes a flow's operation. A flow that was killed is left as it is.
func (r *run) end(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.op == nil || r.deadLocked() {
		return
	}
	r.op.updated, r.op.status = r.clock.Now(), api.Success
	if err != nil {
		r.op.status, r.op.err = api.Failure, err.Error()
	}
}

func (m *Member) flow(project, description, entity string, do func(*run) error) error {
	r, err := m.begin(project, description, entity)
	if err != nil {
		return err
	}
	err = do(r)
	r.end(err)
	return err
}

// StartOperation starts an operation that does nothing, such as a backup that
// takes its time or an exec; finish ends it.
func (m *Member) StartOperation(project, class, description, entity string) (finish func(error), err error) {
	r, err := m.begin(project, description, entity)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.op.class = class
	return r.end, nil
}

func (s *Server) listedLocked() []*operation {
	now := s.clock.Now()
	s.operations = slices.DeleteFunc(s.operations, func(o *operation) bool {
		return !o.running() && !o.orphan && now.Sub(o.updated) > retention
	})
	var shown []*operation
	for _, o := range s.operations {
		m, err := s.onLocked(o.location)
		if !s.behaviour.keptOperations && (err != nil || !m.up) {
			// Older versions ask each member for its own, and leave out
			// silently those that don't answer.
			continue
		}
		shown = append(shown, o)
	}
	return shown
}

// KillDaemon stops the member's daemon dead: what it was doing is not undone,
// and what it had in memory is lost. Its instances run on and what it mounted
// stays mounted.
func (m *Member) KillDaemon() {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if !m.up {
		return
	}
	m.up = false
	m.life++
	m.mounts = map[mountKey]int{}
	for _, a := range s.apis {
		if a.at == m {
			a.pause()
		}
	}
	if s.clustered {
		m.status, m.message = Offline, "No heartbeat for 1m20s"
	}
	for _, o := range s.operations {
		if o.location == m.Name && o.running() {
			o.orphan = true
		}
	}
}

// StartDaemon starts the daemon again. It counts the mounts of the instances
// that run on it, and nothing else.
func (m *Member) StartDaemon() {
	s := m.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.up {
		return
	}
	m.up = true
	m.life++
	m.restarted()
	for _, a := range s.apis {
		if a.at == m {
			a.resume()
		}
	}
	if m.status == Offline {
		m.status, m.message = Online, "Fully operational"
	}
	s.cut = nil
	now := s.clock.Now()
	s.operations = slices.DeleteFunc(s.operations, func(o *operation) bool {
		return o.location == m.Name && o.orphan && (o.reported || !s.behaviour.keptOperations)
	})
	for _, o := range s.operations {
		if o.location == m.Name && o.orphan {
			o.status, o.err, o.updated, o.reported = api.Failure, "Operation exited uncleanly", now, true
		}
	}
	for _, i := range s.db.instances {
		if i.Member != m.Name || !i.Running {
			continue
		}
		for _, d := range i.disks() {
			s.countLocked(m, d.volume, d.snapshot)
		}
	}
}

func (s *Server) countLocked(m *Member, k volumeKey, snapshot string) {
	if snapshot != "" {
		k.name += "/" + snapshot
	}
	content := s.db.volumes[k].Content
	m.mounts[mountKey{k, content}]++
	if k.kind == evidence.TypeVM {
		m.mounts[mountKey{k, evidence.ContentFilesystem}]++
	}
}

// Upgrade makes another version of all members, as a refresh of the snap does:
// daemons restart, instances run on, and what an old version left behind
// stays. A pool over NVMe/TCP gets the mode's new name.
func (s *Server) Upgrade(version string) error {
	b, err := behaviourOf(version)
	if err != nil {
		return err
	}
	members := s.Members()
	for _, m := range members {
		m.KillDaemon()
	}
	s.mu.Lock()
	old := s.behaviour.nvme
	s.behaviour, s.version = b, version
	for name, p := range s.db.pools {
		if p.Config["pure.mode"] == old {
			p.Config = maps.Clone(p.Config)
			p.Config["pure.mode"] = b.nvme
			s.db.pools[name] = p
		}
	}
	s.mu.Unlock()
	for _, m := range members {
		m.StartDaemon()
	}
	return nil
}

func (m *Member) Up() bool {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	return m.up
}

func (m *Member) SetStatus(status, message string) {
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	m.status, m.message = status, message
}
