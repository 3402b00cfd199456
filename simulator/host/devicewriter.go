package host

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// DeviceWriter changes the machine as release.DeviceWriter says, and as Linux would let
// them: a map that is open stays, a path under a map stays, a disk that is
// not the one that was meant is not touched.
func (h *Host) DeviceWriter() release.DeviceWriter { return deviceWriter{h} }

// FailWrites lets f decide what becomes of the calls of a DeviceWriter; nil ends it.
// Calls are counted from 1, over all writers of this machine. f is asked twice
// for each: with "before NAME OBJECT", where an error keeps the call from
// being made, and with "after NAME OBJECT", where an error replaces the
// answer of a call that was made: a lost reply. NAME is the method's, OBJECT
// the map's uuid, the disk's name, the WWID or the controller. f may change
// the machine: what it does happens in that moment.
func (h *Host) FailWrites(f func(call string, n int) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failWrites = f
}

type deviceWriter struct{ host *Host }

func (s deviceWriter) call(ctx context.Context, name, object string, do func(view) error) error {
	h := s.host
	h.mu.Lock()
	h.writeCalls++
	n, fail := h.writeCalls, h.failWrites
	h.mu.Unlock()
	if fail != nil {
		if err := fail(fmt.Sprintf("before %s %s", name, object), n); err != nil {
			return err
		}
	}
	err := ctx.Err()
	if err == nil {
		err = h.change(do)
	}
	if fail != nil {
		if lost := fail(fmt.Sprintf("after %s %s", name, object), n); lost != nil {
			return lost
		}
	}
	if err != nil {
		return fmt.Errorf("host %s: %s %s: %w", h.Name(), name, object, err)
	}
	return nil
}

// mapBy finds a Pure volume's map by what device-mapper calls it for ever.
func (h *Host) mapBy(uuid string) (*dmap, error) {
	if _, ours := evidence.SerialOf(uuid); !ours || !strings.HasPrefix(uuid, "mpath-") {
		return nil, fmt.Errorf("%q is not the uuid of a Pure volume's map: %w", uuid, release.ErrOther)
	}
	return first(h.maps, func(m *dmap) bool { return m.uuid == uuid }), nil
}

func (s deviceWriter) RemoveMap(ctx context.Context, uuid string) error {
	return s.call(ctx, "RemoveMap", uuid, func(view) error {
		m, err := s.host.mapBy(uuid)
		switch {
		case err != nil || m == nil:
			return err
		case m.suspended:
			return fmt.Errorf("it is suspended, and not by us: %w", release.ErrState)
		}
		if n := s.host.inUse(&m.block); n > 0 {
			return fmt.Errorf("it is open %d times: %w", n, release.ErrInUse)
		}
		s.host.removeMap(m)
		return nil
	})
}

func (s deviceWriter) AddMap(ctx context.Context, wwid string) error {
	return s.call(ctx, "AddMap", wwid, func(view) error {
		serial, ours := evidence.SerialOf(wwid)
		switch {
		case !ours || serial.WWID() != wwid:
			return fmt.Errorf("it is not a Pure volume's WWID: %w", release.ErrOther)
		case !s.host.multipathd:
			return fmt.Errorf("%w: %w", errNoDaemon, syscall.ECONNREFUSED)
		case s.host.assemble(string(serial)) == nil:
			return fmt.Errorf("multipathd has no usable path of it: %w", syscall.ENODEV)
		}
		return nil
	})
}

// SetQueueing implements release.DeviceWriter. What waited for a path leaves at once
// when it need not wait any more.
func (s deviceWriter) SetQueueing(ctx context.Context, uuid string, on bool) error {
	return s.call(ctx, "SetQueueing", uuid, func(view) error {
		m, err := s.host.mapBy(uuid)
		switch {
		case err != nil:
			return err
		case m == nil:
			return fmt.Errorf("there is no such map: %w", syscall.ENOENT)
		}
		m.queueing = on
		m.stuck = m.stuck && on
		if !on && m.active() == 0 {
			s.host.processes = slices.DeleteFunc(s.host.processes, func(p *process) bool { return p.reads && slices.Contains(p.files, &m.block) })
		}
		return nil
	})
}

func (s deviceWriter) SetState(ctx context.Context, target release.Target, state string) error {
	return s.call(ctx, "SetState", target.Name, func(view) error {
		d, err := s.host.meant(target)
		switch {
		case err != nil:
			return err
		case d == nil:
			return syscall.ENOENT
		case d.state == state:
			return nil
		case (d.state != running && d.state != offline) || (state != running && state != offline):
			return fmt.Errorf("it is %s: %w", d.state, release.ErrState)
		}
		if state == offline {
			if err := s.host.unclaimed(d); err != nil {
				return err
			}
		}
		d.state = state
		return nil
	})
}

func (s deviceWriter) DeleteDisk(ctx context.Context, target release.Target) error {
	return s.call(ctx, "DeleteDisk", target.Name, func(view) error {
		d, err := s.host.meant(target)
		if err != nil || d == nil {
			return err
		}
		if err := s.host.unclaimed(d); err != nil {
			return err
		}
		s.host.removeDisk(d)
		return nil
	})
}

// meant finds a disk by its address; nil means that nothing has it. It is
// another one if anything of the target is not so.
func (h *Host) meant(target release.Target) (*disk, error) {
	d := first(h.disks, func(d *disk) bool { return !d.gone && d.hctl() == target.HCTL })
	if d == nil {
		return nil, nil
	}
	if is := d.target(); is != target {
		return nil, fmt.Errorf("at %s is %+v and not %+v: %w", target.HCTL, is, target, release.ErrOther)
	}
	return d, nil
}

func (d *disk) target() release.Target {
	return release.Target{Name: d.name, HCTL: d.hctl(), Dev: d.dev(), Seq: d.seq, Serial: evidence.Serial(d.serial)}
}

// unclaimed refuses a disk that a device stands on, or that is opened
// exclusively. A process that just has it open is not noticed.
func (h *Host) unclaimed(d *disk) error {
	if h.isPath(d) || h.claimed(&d.block) {
		return fmt.Errorf("it is claimed: %w", release.ErrInUse)
	}
	return nil
}

// claimed reports a device that is opened exclusively.
func (h *Host) claimed(b *block) bool {
	return slices.ContainsFunc(h.mounts, func(m *mount) bool { return m.block == b }) ||
		slices.ContainsFunc(h.maps, func(m *dmap) bool { return m.base == b }) ||
		slices.Contains(h.swaps, b) || slices.Contains(h.exports, b) || slices.Contains(h.claims, b)
}

func (s deviceWriter) ClaimNamespace(ctx context.Context, target release.Target) error {
	return s.call(ctx, "ClaimNamespace", target.Name, func(view) error {
		n := s.host.headOf(string(target.Serial))
		switch {
		case n == nil:
			return syscall.ENOENT
		case n.name != target.Name || n.dev() != target.Dev:
			return fmt.Errorf("it is %s now: %w", n.name, release.ErrOther)
		case s.host.claimed(&n.block):
			return fmt.Errorf("it is claimed: %w", release.ErrInUse)
		}
		return nil
	})
}

func (s deviceWriter) RescanController(ctx context.Context, name string) error {
	return s.call(ctx, "RescanController", name, func(v view) error {
		c := first(s.host.subsystem.controllers, func(c *controller) bool { return c.name() == name })
		switch {
		case c == nil:
			return syscall.ENOENT
		case c.state != live:
			return fmt.Errorf("it is %s: %w", c.state, release.ErrState)
		}
		c.deaf = false
		s.host.followController(c, v)
		return nil
	})
}

// LoseAnnouncement lets every controller that is live now miss what the array
// announces, until it is told to look: its namespaces stay as they are.
func (h *Host) LoseAnnouncement() {
	h.do(func(view) {
		for _, c := range h.subsystem.controllers {
			c.deaf = c.state == live
		}
	})
}
