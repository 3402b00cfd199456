package repair

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// A volume of a stretched pod is one volume on two arrays. Each of them makes
// connections of its own, which only it can cut; destroyed or recovered it is
// on both at once, whichever was told to.

// connection is one of a volume's, and the array that said so.
type connection struct {
	evidence.Connection
	array *evidence.Array
}

// peerCopy is what another array says of the volume.
type peerCopy struct {
	// name is the array's, as the pod calls it; array is nil if it was not
	// read, why says why not everything is known.
	name   string
	array  *evidence.Array
	volume *evidence.Volume
	why    string
}

// joinCopies finds what the other arrays of the volume's pod say of it.
func (s *subject) joinCopies() {
	if s.pod == nil || s.volume == nil {
		return
	}
	for _, where := range s.pod.Arrays {
		if strings.EqualFold(where.ID, s.array.ID) {
			continue
		}
		c := peerCopy{name: where.Name, why: "pod " + s.pod.Name + " is stretched to " + where.Name + ", which was not read"}
		for a := range evidence.Refs(s.world.Arrays) {
			asked := slices.ContainsFunc(a.Asked, func(pod string) bool { return strings.EqualFold(pod, s.pod.Name) })
			if where.ID == "" || !strings.EqualFold(a.ID, where.ID) || !asked {
				continue
			}
			c.array, c.volume, c.why = a, nil, a.Trouble
			for _, part := range []string{a.Pods.Why(), a.Volumes.Why(), a.Connections.Why(), a.Hosts.Why()} {
				if c.why == "" && part != "" {
					c.why = a.Name + ": " + part
				}
			}
			for v := range evidence.Refs(a.Volumes.Items) {
				if v.Serial == s.volume.Serial && v.Serial != "" && strings.EqualFold(v.Pod, s.pod.Name) {
					c.volume = v
				}
			}
			if c.why == "" {
				break
			}
		}
		s.copies = append(s.copies, c)
	}
}

// joinRows collects the volume's connections: those of its own array, those
// of the others, and what its own array shows of others that did not say so.
func (s *subject) joinRows() {
	var shown []evidence.Connection
	for _, row := range rowsAt(s.array, s.volume) {
		if isRemote(s.array, row.Host) {
			shown = append(shown, row)
		} else {
			s.rows = append(s.rows, connection{row, s.array})
		}
	}
	told := map[string]bool{}
	for _, c := range s.copies {
		for _, row := range rowsAt(c.array, c.volume) {
			if !isRemote(c.array, row.Host) {
				told[strings.ToLower(row.Host)] = true
				s.rows = append(s.rows, connection{row, c.array})
			}
		}
	}
	for _, row := range shown {
		if _, host, _ := strings.Cut(row.Host, ":"); !told[strings.ToLower(host)] {
			s.rows = append(s.rows, connection{row, s.array})
		}
	}
}

// rowsAt are an array's connections of a volume.
func rowsAt(a *evidence.Array, v *evidence.Volume) []evidence.Connection {
	if a == nil || v == nil {
		return nil
	}
	var rows []evidence.Connection
	for _, row := range a.Connections.Items {
		if (row.VolumeID != "" && row.VolumeID == v.ID) || (row.VolumeID == "" && strings.EqualFold(row.VolumeName, v.Name)) {
			rows = append(rows, row)
		}
	}
	return rows
}

// isRemote reports an array host that is another array's.
func isRemote(a *evidence.Array, host string) bool {
	return slices.ContainsFunc(a.Hosts.Items, func(h evidence.ArrayHost) bool {
		return strings.EqualFold(h.Name, host) && h.Local.IsNot()
	})
}

// at is the array that a step is about, and its volume.
func (s subject) at(step Step) (*evidence.Array, *evidence.Volume) {
	if s.array == nil || step.ArrayID == "" || strings.EqualFold(step.ArrayID, s.array.ID) {
		return s.array, s.volume
	}
	for _, c := range s.copies {
		if c.array != nil && strings.EqualFold(c.array.ID, step.ArrayID) && c.why == "" {
			return c.array, c.volume
		}
	}
	return nil, nil
}

// where names the array of a connection where it is not the volume's own.
func (s subject) where(c connection) string {
	if c.array == s.array {
		return c.Host + c.Group
	}
	return c.Host + c.Group + " on " + c.array.Name
}

// unreadCopies says what is not known of the volume on other arrays.
func (s subject) unreadCopies() string {
	for _, c := range s.copies {
		switch {
		case c.why != "":
			return c.why
		case c.volume == nil:
			return c.name + " lists no such volume, though pod " + s.pod.Name + " is stretched to it"
		case len(rowsAt(c.array, c.volume)) == 0 && !c.volume.ConnectionCount.IsZero():
			return fmt.Sprintf("%s lists no connection and counts %s", c.name, c.volume.ConnectionCount)
		}
	}
	return ""
}

// liveElsewhere names another array on which the volume is not destroyed.
func liveElsewhere(s subject) string {
	for a := range evidence.Refs(s.world.Arrays) {
		for v := range evidence.Refs(a.Volumes.Items) {
			if a != s.array && v.Serial == s.serial && s.serial != "" && !v.Destroyed.Is() {
				return a.Name
			}
		}
	}
	return ""
}

// silentPeers are the arrays on which pods that were asked for lie as well, and
// which were not asked for them, if what is sought may be there.
func (s *sought) silentPeers() []peerCopy {
	var all []peerCopy
	for a := range evidence.Refs(s.world.Arrays) {
		for _, pod := range a.Pods.Items {
			for _, where := range pod.Arrays {
				silent := peerCopy{name: cmp.Or(where.Name, where.ID), why: "pod " + pod.Name + " lies on it, too, and it was not asked"}
				if strings.EqualFold(where.ID, a.ID) || s.wasAsked(where.ID, pod.Name) || !s.mayBeIn(pod.Name) || slices.Contains(all, silent) {
					continue
				}
				all = append(all, silent)
			}
		}
	}
	return all
}

// wasAsked reports an array that spoke of a pod.
func (s *sought) wasAsked(id, pod string) bool {
	return slices.ContainsFunc(s.world.Arrays, func(a evidence.Array) bool {
		return id != "" && strings.EqualFold(a.ID, id) && slices.ContainsFunc(a.Asked, func(asked string) bool { return strings.EqualFold(asked, pod) })
	})
}

// mayBeIn reports a pod in which the target may be: by a name, or because no
// name says where it is.
func (s *sought) mayBeIn(pod string) bool {
	for name := range s.names {
		if in, _, inPod := strings.Cut(name, "::"); inPod && !strings.EqualFold(in, pod) {
			return false
		}
	}
	return true
}
