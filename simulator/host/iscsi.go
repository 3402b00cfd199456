package host

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/fabric"
)

const (
	loggedIn = "LOGGED_IN"
	failed   = "FAILED"
	free     = "FREE"
)

// session is an iSCSI session: one portal, and a SCSI host of its own.
type session struct {
	id     int
	host   int
	target fabric.Target
	portal string // address:port
	state  string
	lost   time.Time
	// recovery is how long I/O waits for the portal: multipathd sets 10 s for
	// FlashArrays, open-iscsi's default is 120 s.
	recovery time.Duration
}

func (s *session) live() bool { return s.state == loggedIn }

// splitPortal takes a portal apart; all have an address and a port.
func splitPortal(portal string) (address, port string) {
	address, port, _ = net.SplitHostPort(portal)
	return address, port
}

// Login connects to all portals of the array that can be reached and scans
// the sessions that are new. Sessions that exist are left as they are, as
// "iscsiadm --login" and "nvme connect" leave them.
func (h *Host) Login(mode string) error {
	return h.change(func(v view) error {
		if mode == evidence.ModeNVMeTCP {
			return h.loginNVMe(v)
		}
		return h.loginISCSI(v, h.options.Target)
	})
}

// Logout ends all sessions to the array and forgets them, whatever uses
// their devices, as "iscsiadm --logout" and "nvme disconnect" do.
func (h *Host) Logout(mode string) {
	h.do(func(view) {
		if mode == evidence.ModeNVMeTCP {
			for _, c := range slices.Clone(h.subsystem.controllers) {
				h.removeController(c)
			}
			return
		}
		for _, s := range slices.Clone(h.sessions) {
			h.endSession(s)
		}
		h.nodes = nil
	})
}

type node struct{ iqn, portal string }

// LoginTo connects over iSCSI to another array, as its administrator does for
// volumes of a stretched pod; Login leaves that one out.
func (h *Host) LoginTo(target fabric.Target) error {
	h.mu.Lock()
	if !slices.Contains(h.others, target) {
		h.others = append(h.others, target)
	}
	h.mu.Unlock()
	return h.change(func(v view) error { return h.loginISCSI(v, target) })
}

func (h *Host) loginISCSI(v view, target fabric.Target) error {
	iqn, portals := target.ISCSI()
	for _, portal := range portals {
		// "iscsiadm --op new" makes the record, whether the portal answers
		// or not.
		if !slices.Contains(h.nodes, node{iqn, portal}) {
			h.nodes = append(h.nodes, node{iqn, portal})
		}
		if h.sessionTo(portal) != nil || h.cut[portal] {
			continue
		}
		s := &session{
			id: h.nextSession, host: lowest(0, h.sessions, func(s *session) int { return s.host }), target: target, portal: portal, state: loggedIn,
			recovery: 120 * time.Second,
		}
		if h.multipathd {
			s.recovery = 10 * time.Second
		}
		h.nextSession++
		h.sessions = append(h.sessions, s)
		h.scan(s, v)
	}
	if slices.ContainsFunc(h.sessions, func(s *session) bool { return s.live() && s.target == target }) {
		return nil
	}
	return fmt.Errorf("host %s: no portal of %s answers (%s)", h.Name(), iqn, strings.Join(portals, ", "))
}

func (h *Host) sessionTo(portal string) *session {
	return first(h.sessions, func(s *session) bool { return s.portal == portal })
}

func (h *Host) endSession(s *session) {
	for _, d := range h.present() {
		if d.session == s {
			h.removeDisk(d)
		}
	}
	h.sessions = slices.DeleteFunc(h.sessions, func(o *session) bool { return o == s })
}

// Rescan scans all sessions, as "iscsiadm -m session -R" does.
func (h *Host) Rescan() {
	h.do(func(v view) {
		for _, s := range h.sessions {
			h.scan(s, v)
		}
	})
}

// RescanFirst scans one session only: the first that LXD finds when it lists
// /sys/class/iscsi_session in the order of names. A volume that is connected
// while sessions exist therefore gets one path, or none if that session is
// down.
func (h *Host) RescanFirst() {
	h.do(func(v view) {
		if len(h.sessions) == 0 {
			return
		}
		h.scan(slices.MinFunc(h.sessions, func(a, b *session) int { return strings.Compare(fmt.Sprint(a.id), fmt.Sprint(b.id)) }), v)
	})
}

// scan is a scan of one session. Logical units without a device get one;
// devices that are running are asked again who they are. It removes nothing.
func (h *Host) scan(s *session, v view) {
	if !s.live() {
		return
	}
	for _, d := range h.disks {
		if d.session == s && !d.gone && d.state == running {
			d.rescan(v)
		}
	}
	shown := v.scsi[s.target]
	for _, lun := range slices.Sorted(maps.Keys(shown)) {
		if h.diskAt(s, lun) != nil || h.hidden(shown[lun].Serial) {
			continue
		}
		h.addDisk(s, shown[lun])
	}
}
