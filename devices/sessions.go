package devices

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// readSessions lists the iSCSI sessions, of all targets: which are Pure's
// follows from the target's name. It reads single attributes by name, for
// some of the others hold credentials.
func readSessions(t hostfs.Tree) (sessions []evidence.Session, names initiators, d hostfs.Doubts) {
	dirs, err := t.Names("sys/class/iscsi_session")
	d.Check("the iSCSI sessions could not be listed", err)
	names.doubts.Check("the iSCSI sessions could not be listed", err)
	connections, err := t.Names("sys/class/iscsi_connection")
	d.Check("the iSCSI connections could not be listed", err)
	for _, name := range dirs {
		id, ok := numbered(name, "session")
		if !ok {
			d.Add("the iSCSI session %q is not understood", name)
			continue
		}
		dir := "sys/class/iscsi_session/" + name
		target, err := t.Text(dir + "/targetname")
		if d.Check("the target of "+name, err); err == nil && target == "" {
			d.Add("%s does not say to what target it leads", name) // it may be an array's
		}
		s := evidence.Session{
			ID: id, Target: target,
			State:       t.Field(dir + "/state"),
			Iface:       t.Field(dir + "/ifacename"),
			RecoveryTmo: t.Count(dir + "/recovery_tmo"),
		}
		if c := connectionOf(id, connections); c != "" {
			dir := "sys/class/iscsi_connection/" + c
			s.ConnState = t.Field(dir + "/state")
			// What it was told to connect to stays; the address proper is only
			// there while the connection is up, and says what a host name means.
			s.Address = t.Field(dir + "/persistent_address")
			s.Port = t.Field(dir + "/persistent_port")
			if address := t.Field(dir + "/address"); !evidence.IsAddress(s.Address) && evidence.IsAddress(address) {
				s.Address, s.Port = address, t.Field(dir+"/port")
			}
		}
		sessions = append(sessions, s)
		initiator, err := t.Text(dir + "/initiatorname")
		names.doubts.Check("the initiator of "+name, err)
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
