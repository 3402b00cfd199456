package witness

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/secret"
)

// A stretched pod lies on two arrays, and each knows only its own connections.
// So the other one is asked for the pod as well: through what the configuration
// names as the pool's peer, or, where an array of that id was read for another
// pool, through that. Which array it has to be, the first one's pod says, and
// what any other says is not kept.

// askPeers asks the other arrays of the pools' stretched pods, and adds what
// they say to the world. It returns all arrays, in the world's order.
func (o Options) askPeers(ctx context.Context, l limits, arrays []*array, world *evidence.World) []*array {
	var wanted []access
	again := map[int]bool{} // arrays that are to be asked for more pods
	for i, a := range arrays {
		for _, pool := range a.pools {
			others := otherArrays(&world.Arrays[i], pool)
			others = slices.DeleteFunc(others, func(where evidence.PodArray) bool {
				j := withID(arrays, world, where.ID)
				if j >= 0 {
					again[j] = true
					arrays[j].more = append(arrays[j].more, pool)
				}
				return j >= 0
			})
			wanted = append(wanted, o.peerAccesses(pool, others)...)
		}
	}
	first := len(arrays)
	arrays = append(arrays, group(wanted)...)
	world.Arrays = append(world.Arrays, make([]evidence.Array, len(arrays)-first)...)
	each(len(arrays), func(i int) {
		if i >= first || again[i] {
			ctx, cancel := l.of(ctx, peers, arrays[i].title())
			defer cancel()
			world.Arrays[i] = o.observeArray(ctx, arrays[i], nil)
		}
	})
	return arrays
}

// peers counts the configured peers of the pools that may be asked.
func (o Options) peers() int {
	n := 0
	for pool, own := range o.Config.Pools {
		if len(o.Pools) == 0 || slices.Contains(o.Pools, pool) {
			n += len(own.Peers)
		}
	}
	return n
}

// otherArrays are those on which a pool's pod lies besides the one that says
// so.
func otherArrays(said *evidence.Array, pool string) []evidence.PodArray {
	var others []evidence.PodArray
	for _, pod := range said.Pods.Items {
		for _, where := range pod.Arrays {
			if strings.EqualFold(pod.Name, pool) && where.ID != "" && said.ID != "" && !strings.EqualFold(where.ID, said.ID) {
				others = append(others, where)
			}
		}
	}
	return others
}

// withID is which of the arrays was read and said that it is the one; -1 is
// none.
func withID(arrays []*array, world *evidence.World, id string) int {
	return slices.IndexFunc(arrays, func(a *array) bool {
		i := slices.Index(arrays, a)
		return a.reader != nil && strings.EqualFold(world.Arrays[i].ID, id)
	})
}

// peerAccesses are how the configured peers of a pool are reached, of which
// those are wanted that hold its pod.
func (o Options) peerAccesses(pool string, wanted []evidence.PodArray) []access {
	if len(wanted) == 0 {
		return nil
	}
	var all []access
	configured := o.Config.Pools[pool].Peers
	for _, name := range slices.Sorted(maps.Keys(configured)) {
		a := o.peerAccess(pool, name)
		i := 0
		if a.pin != "" {
			i = slices.IndexFunc(wanted, func(where evidence.PodArray) bool { return strings.EqualFold(where.ID, a.pin) })
		}
		switch {
		case a.err != nil:
		case i < 0 || (a.pin == "" && len(wanted) > 1):
			a.err = &strayPeerError{pool: pool, peer: name, pin: a.pin, wanted: wanted}
		default:
			a.pin = wanted[i].ID
		}
		all = append(all, a)
	}
	return all
}

// peerAccess is how a configured peer is reached. LXD has no part in it, so its
// certificate is always verified.
func (o Options) peerAccess(pool, name string) access {
	own := o.Config.Pools[pool].Peers[name]
	a := access{pool: pool, peer: name, pin: own.ID}
	a.pure.URL, a.pure.Fingerprint = secret.Address(own.URL), own.Fingerprint
	if a.err = a.readCA(own.CAFile); a.err == nil {
		a.pure.Token, a.err = o.Config.PeerToken(pool, name)
	}
	if a.err == nil {
		a.err = pure.CheckGateway(own.URL, false)
	}
	if a.err != nil {
		a.err = fmt.Errorf("peer %s of pool %s: %w", name, pool, a.err)
	}
	return a
}

// strayPeerError is a configured peer that is not, or not certainly, the array
// to which the pod is stretched.
type strayPeerError struct {
	pool, peer, pin string
	wanted          []evidence.PodArray
}

func (e *strayPeerError) Error() string {
	var names []string
	for _, where := range e.wanted {
		names = append(names, fmt.Sprintf("%s (%s)", where.ID, where.Name))
	}
	which := "which of them is its peer " + e.peer + " is not said"
	if e.pin != "" {
		which = "its peer " + e.peer + " is pinned to " + e.pin
	}
	return fmt.Sprintf("pod %s is stretched to array %s, and %s: it was not read", e.pool, strings.Join(names, " and "), which)
}
