package host

import (
	"context"
	"errors"
	"slices"
)

// Dial tries a TCP connection to a portal ("address:port") from this machine:
// it succeeds where the array has one that is not cut off.
func (h *Host) Dial(_ context.Context, portal string) error {
	var err error
	h.do(func(view) {
		_, iscsi := h.options.Target.ISCSI()
		_, nvme := h.options.Target.NVMe()
		for _, target := range h.others {
			_, portals := target.ISCSI()
			iscsi = slices.Concat(iscsi, portals)
		}
		switch {
		case h.cut[portal]:
			err = errors.New("connect: no route to host")
		case !slices.Contains(iscsi, portal) && !slices.Contains(nvme, portal):
			err = errors.New("connect: connection refused")
		}
	})
	return err
}

// CutPortal makes a portal ("address:port") unreachable from this machine.
// An iSCSI session to it fails and its disks block; after the recovery time
// they are transport-offline. An NVMe controller tries to connect again, and
// is removed when it could not for its ctrl_loss_tmo.
func (h *Host) CutPortal(portal string) {
	h.do(func(view) {
		h.cut[portal] = true
		if s := h.sessionTo(portal); s != nil && s.live() {
			s.state, s.lost = failed, h.clock.Now()
			h.setStates(s, running, blocked)
		}
		if c := h.controllerTo(portal); c != nil && c.state == live {
			c.state, c.lost = connecting, h.clock.Now()
		}
	})
}

// RestorePortal makes a portal reachable again. Sessions and controllers that
// still exist come back by themselves; a session is not scanned.
func (h *Host) RestorePortal(portal string) {
	h.do(func(v view) {
		delete(h.cut, portal)
		if s := h.sessionTo(portal); s != nil && !s.live() {
			s.state = loggedIn
			h.setStates(s, blocked, running)
			h.setStates(s, transportOffline, running)
		}
		if c := h.controllerTo(portal); c != nil && c.state == connecting {
			c.state, c.deaf = live, false
			h.followController(c, v)
		}
	})
}

func (h *Host) setStates(s *session, from, to string) {
	for _, d := range h.disks {
		if d.session == s && d.state == from {
			d.state = to
		}
	}
}

func (h *Host) time() {
	now := h.clock.Now()
	for _, s := range h.sessions {
		if s.state == failed && now.Sub(s.lost) >= s.recovery {
			s.state = free
			h.setStates(s, blocked, transportOffline)
		}
	}
	for _, c := range slices.Clone(h.subsystem.controllers) {
		if c.state == connecting && now.Sub(c.lost) >= controllerLoss {
			h.removeController(c)
		}
	}
}
