package devices

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// readSessions lists the iSCSI sessions, of all targets: which are Pure's
// follows from the target's name. It reads single attributes by name, for
// some of the others hold credentials.
func readSessions(t tree) (sessions []evidence.Session, names initiators, d doubts) {
	dirs, err := t.names("sys/class/iscsi_session")
	d.check("the iSCSI sessions could not be listed", err)
	names.doubts.check("the iSCSI sessions could not be listed", err)
	connections, err := t.names("sys/class/iscsi_connection")
	d.check("the iSCSI connections could not be listed", err)
	for _, name := range dirs {
		id, ok := numbered(name, "session")
		if !ok {
			d.add("the iSCSI session %q is not understood", name)
			continue
		}
		dir := "sys/class/iscsi_session/" + name
		target, err := t.text(dir + "/targetname")
		d.check("the target of "+name, err)
		s := evidence.Session{
			ID: id, Target: target,
			State:       t.field(dir + "/state"),
			Iface:       t.field(dir + "/ifacename"),
			RecoveryTmo: t.count(dir + "/recovery_tmo"),
		}
		if c := connectionOf(id, connections); c != "" {
			dir := "sys/class/iscsi_connection/" + c
			s.ConnState = t.field(dir + "/state")
			// The address proper is only there while the connection is up.
			s.Address = t.field(dir + "/persistent_address")
			s.Port = t.field(dir + "/persistent_port")
		}
		sessions = append(sessions, s)
		initiator, err := t.text(dir + "/initiatorname")
		names.doubts.check("the initiator of "+name, err)
		names.add(initiator)
	}
	slices.SortFunc(sessions, func(a, b evidence.Session) int { return a.ID - b.ID })
	return sessions, names, d
}

// connectionOf finds a session's first connection, "connection<S>:<C>". The
// number is compared whole: session 1 is not connection10:0's.
func connectionOf(session int, connections []string) string {
	for _, name := range connections {
		before, _, ok := strings.Cut(name, ":")
		if id, isNumber := numbered(before, "connection"); ok && isNumber && id == session {
			return name
		}
	}
	return ""
}

// numbered reads the number after a prefix.
func numbered(s, prefix string) (int, bool) {
	digits, ok := strings.CutPrefix(s, prefix)
	if !ok || !isDigits(digits) {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}
