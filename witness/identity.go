package witness

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
)

// pin is the id of the only array that may answer for a pool, or as its peer.
type pin struct{ pool, id, peer string }

// pinsError is two pools on one array that are pinned to different ones.
type pinsError struct{ one, other pin }

func (e *pinsError) Error() string {
	return fmt.Sprintf("pool %s is pinned to array %s and pool %s to %s, and one address leads to both: it was not read", e.one.pool, e.one.id, e.other.pool, e.other.id)
}

// pinned puts the pins of the array's pools into its access. Pools that share
// an access lie on one array, so they can't be pinned to two.
func (a *array) pinned() error {
	for _, p := range a.pins {
		if !strings.EqualFold(p.id, a.pins[0].id) {
			return &pinsError{a.pins[0], p}
		}
		a.pure.ID = p.id
	}
	return nil
}

// moved refuses what was said when the array's address led to another one by
// the time at which everything was read.
func (a *array) moved(said evidence.Array) error {
	if a.pure.ID == "" || said.ID == "" || strings.EqualFold(a.pure.ID, said.ID) {
		return nil
	}
	return &pure.OtherArrayError{Expected: a.pure.ID, ID: said.ID, Name: said.Name}
}

// named adds to an error about another array, which only a pin expects, whose
// pin it is.
func (a *array) named(err error) error {
	var other *pure.OtherArrayError
	if !errors.As(err, &other) {
		return err
	}
	if p := a.pins[0]; p.peer != "" {
		return fmt.Errorf("pod %s is stretched to array %s, and array %s (%s) answers at the address of its peer %s: it was not read", p.pool, other.Expected, other.ID, other.Name, p.peer)
	}
	return fmt.Errorf("pool %s is pinned to array %s, and array %s (%s) answered: it was not read", a.pins[0].pool, other.Expected, other.ID, other.Name)
}

// suspect doubts an array that no configuration pins, and that may not be the
// one that holds the pools: by the serials of their volumes, which begin with
// digits of the id of the array that made them, and by what earlier runs saw.
// A pod can be moved to another array, or be taken over by one, with all of
// its volumes. So this is a doubt and no refusal, and a pin ends it.
func suspect(said *evidence.Array, world *evidence.World) {
	if creator(said.ID) == "" {
		return // whoever it is, nothing follows from such an id
	}
	for _, pool := range said.Asked {
		s := suspicion{said: said, pool: pool, known: creators(said, pool)}
		for _, why := range []string{s.byPod(), s.bySerials(), s.byDevices(world.Hosts), s.byMemory(world.Seen)} {
			if why == "" {
				continue
			}
			said.Trouble = joined(said.Trouble, "it may not be the array of pool "+pool+": "+why)
			said.Hint = "find out where the array's address leads; if this is the right one (a pod that was moved here, or taken over), pin it: pools." + pool + ".array.id: " + said.ID + " in the configuration"
			break
		}
	}
}

// suspicion is what is known against one array as that of one pool.
type suspicion struct {
	said *evidence.Array
	pool string
	// known are the first digits of the serials that the arrays of the pod
	// give: this one's, and those that it is stretched to.
	known []string
}

// byPod holds where the pod lies, by the array's own word, against its id.
func (s suspicion) byPod() string {
	for _, pod := range s.said.Pods.Items {
		at := func(where evidence.PodArray) bool { return strings.EqualFold(where.ID, s.said.ID) }
		if strings.EqualFold(pod.Name, s.pool) && len(pod.Arrays) > 0 && !slices.ContainsFunc(pod.Arrays, at) {
			return fmt.Sprintf("it says that it is %s, and that the pod lies on %s", s.said.ID, pod.Arrays[0].ID)
		}
	}
	return ""
}

// bySerials holds the volumes and snapshots of the pod that are named as LXD
// names them against the array's id: when it made none of them, none was made
// since they came here.
func (s suspicion) bySerials() string {
	var stranger evidence.Serial
	known := false
	look := func(name evidence.Name, pod string, serial evidence.Serial) {
		if name.IsLXD() && serial != "" && strings.EqualFold(pod, s.pool) {
			stranger, known = serial, known || s.knows(serial)
		}
	}
	for v := range evidence.Refs(s.said.Volumes.Items) {
		look(v.LXD, v.Pod, v.Serial)
	}
	for v := range evidence.Refs(s.said.Snapshots.Items) {
		look(v.LXD, v.Pod, v.Serial)
	}
	if stranger == "" || known {
		return ""
	}
	return fmt.Sprintf("it says that it is %s, and the serials of all that LXD has there (such as %s) begin with the digits of another array", s.said.ID, stranger)
}

// byDevices holds what hosts have mounted at LXD's own paths of the pool
// against what the array has.
func (s suspicion) byDevices(hosts []evidence.Host) string {
	for h := range evidence.Refs(hosts) {
		for _, use := range h.Uses.Items {
			if use.Kind != evidence.UseMount || !strings.Contains(use.Where, "/storage-pools/"+s.pool+"/") {
				continue
			}
			for _, serial := range serialsOf(h, use) {
				if !s.knows(serial) && !s.has(serial) {
					return fmt.Sprintf("it says that it is %s, and %s has a volume with serial %s mounted at %s, which another array made and this one does not have", s.said.ID, h.Name, serial, use.Where)
				}
			}
		}
	}
	return ""
}

// byMemory holds the array's id against those under which earlier runs saw
// the pod.
func (s suspicion) byMemory(seen []evidence.Sighting) string {
	earlier := ""
	for _, sighting := range seen {
		if !strings.EqualFold(sighting.Pod, s.pool) || sighting.ArrayID == "" {
			continue
		}
		if strings.EqualFold(sighting.ArrayID, s.said.ID) || slices.Contains(s.known, creator(sighting.ArrayID)) {
			return ""
		}
		earlier = sighting.ArrayID
	}
	if earlier == "" {
		return ""
	}
	return fmt.Sprintf("it says that it is %s, and earlier runs saw the pod on array %s only", s.said.ID, earlier)
}

func (s suspicion) knows(serial evidence.Serial) bool {
	return slices.Contains(s.known, serial.Creator())
}

// has reports a serial that the array knows, in the pods or elsewhere.
func (s suspicion) has(serial evidence.Serial) bool {
	return slices.ContainsFunc(s.said.Volumes.Items, func(v evidence.Volume) bool { return v.Serial == serial }) ||
		slices.ContainsFunc(s.said.Lookups, func(l evidence.Lookup) bool { return l.Serial == serial && l.Found.Is() })
}

// creators are the digits with which the serials of the arrays that hold a pod
// begin.
func creators(said *evidence.Array, pool string) []string {
	all := []string{creator(said.ID)}
	for _, pod := range said.Pods.Items {
		if !strings.EqualFold(pod.Name, pool) {
			continue
		}
		for _, where := range pod.Arrays {
			all = append(all, creator(where.ID))
		}
	}
	return all
}

// creator is what the serials of an array's volumes begin with; empty for an
// id that is none.
func creator(id string) string {
	digits := strings.ToUpper(strings.ReplaceAll(id, "-", ""))
	if len(digits) < 16 {
		return ""
	}
	return digits[:16]
}

// serialsOf are the volumes that a use is of.
func serialsOf(h *evidence.Host, use evidence.Use) []evidence.Serial {
	is := func(name, dev string) bool {
		return (use.Device != "" && use.Device == name) || (use.Dev != "" && use.Dev == dev)
	}
	var all []evidence.Serial
	if use.Serial != "" {
		all = append(all, use.Serial)
	}
	for _, m := range h.Maps.Items {
		if m.Serial != "" && is(m.Kernel, m.Dev) {
			all = append(all, m.Serial)
		}
	}
	for _, d := range h.Disks.Items {
		if d.Serial != "" && is(d.Name, d.Dev) {
			all = append(all, d.Serial)
		}
	}
	for _, n := range h.Namespaces.Items {
		if n.Serial != "" && is(n.Name, n.Dev) {
			all = append(all, n.Serial)
		}
	}
	return all
}

func joined(first, second string) string {
	if first == "" {
		return second
	}
	return first + "; " + second
}
