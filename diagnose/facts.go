package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// facts is a world that has been read once and indexed, so that every check
// and gate afterwards costs a lookup: two hundred thousand volumes stay
// linear. Rows are joined by index, not by copies.
type facts struct {
	world  *evidence.World
	policy Policy

	arrays  []*arrayFacts
	pools   []*poolFacts
	hosts   []*hostFacts
	members memberFacts
	records recordFacts
	use     expectations
	paths   pathUses
	// operations are those that may still change a volume.
	operations []*evidence.Operation
	// fences are the operator's words that a machine is down.
	fences []Fence
	// astrayVolumes are those of names that lead elsewhere, by serial.
	astrayVolumes map[evidence.Serial]*volume
	// seen holds the earlier sightings by volume id.
	seen map[string]*evidence.Sighting
	// seenByName are those with a record, by the full name; made on demand.
	seenByName map[string]*evidence.Sighting
	// moves are recorded volumes that are not in their place.
	moves        []*move
	movedVolumes map[*volume]*move
	movedRecords map[*evidence.Record][]*move
	// lost are the names that an array should have and has not, see lostNames.
	lost map[*arrayFacts]map[string]*evidence.Record
	// bySerial is every volume of every array; made on demand.
	bySerial map[evidence.Serial]*volume
	// offline are paths that interrupted runs left so.
	offline map[offlineKey]*evidence.LeftOffline
	// destroyed is what our runs destroyed, by id.
	destroyed map[string]*evidence.Destroyed
	takenBack map[string]*evidence.TakenBack
	// trails are of volumes, by id.
	trails map[string]*evidence.Trail
	// misdates are records whose volume was made at another time; made on demand.
	misdates []misdate
	// late are the volumes for whose device LXD waited in vain.
	late map[*volume]*Late
}

func newFacts(w *evidence.World, p Policy) *facts {
	f := &facts{world: w, policy: p, seen: make(map[string]*evidence.Sighting, len(w.Seen))}
	for i := range w.Seen {
		f.seen[w.Seen[i].VolumeID] = &w.Seen[i]
	}
	f.offline = leftOffline(w.LeftOffline)
	f.destroyed = destroyedByUs(w.Destroyed)
	f.takenBack = takenBackByUs(w.TakenBack)
	f.trails = map[string]*evidence.Trail{}
	for i := range w.Arrays {
		for j := range w.Arrays[i].Trails {
			f.trails[w.Arrays[i].Trails[j].VolumeID] = &w.Arrays[i].Trails[j]
		}
	}
	for i := range w.LXD.Operations.Items {
		if op := &w.LXD.Operations.Items[i]; mayChange(op) {
			f.operations = append(f.operations, op)
		}
	}
	f.members = newMembers(&w.LXD)
	for i := range w.Hosts {
		h := newHost(&w.Hosts[i])
		h.arrays = w.Arrays
		f.hosts = append(f.hosts, h)
	}
	for i := range w.Arrays {
		f.arrays = append(f.arrays, newArray(&w.Arrays[i]))
	}
	f.indexPools()
	f.records = newRecords(&w.LXD)
	for _, pool := range f.pools {
		pool.records = f.records.inPool[pool.name]
	}
	f.use = newExpectations(f)
	f.joinPaths()
	for _, array := range f.arrays {
		f.joinVolumes(array)
		f.joinOwners(array)
	}
	f.joinAstray()
	f.joinFences()
	f.joinPeers()
	f.attributeUses()
	f.joinMoves()
	f.classify()
	f.joinLate()
	return f
}

// poolFacts is one pool of LXD together with its pod.
type poolFacts struct {
	name string
	// pool is nil for a pod of which LXD lists no pool: none of its volumes
	// can be judged then.
	pool  *evidence.Pool
	array *arrayFacts // nil when no array spoke for it
	pod   *evidence.Pod
	// judged is false for pools outside the policy.
	judged  bool
	records int
	// live counts live volumes, named those of them in LXD's naming.
	live, named int
	// leaked counts those that LXD left behind.
	leaked    int
	snapshots int
	// images counts live image volumes without a record.
	images int
	// volumes and copies are for the share gate: copies are snapshots.
	volumes, copies tally
	// foreign and unsure are an example of a connection of this pod to a host
	// that is certainly, or perhaps, not a member's.
	foreign, unsure string
	// unsureOf is that host, where unsure is of one.
	unsureOf owner
	// another is an example of a volume that another LXD had connected.
	another string
	// peers are the other arrays that the pod lies on and that told all of it;
	// unreadPeer says why one of them is not among these.
	peers      []*peer
	unreadPeer string
	// unlike says why LXD's database may not be the pool's history, without
	// and with what hosts say; nil until somebody asks.
	unlike map[doubtKey]string
	// lostSnapshots are those that LXD has a record of and the array has not; nil
	// until somebody asks.
	lostSnapshots []*evidence.Record
}

// blind reports that LXD's records of the pool were not read at all. Nothing
// can then be said of any of its volumes, not even that it might be leaked.
func (p *poolFacts) blind(f *facts) bool {
	return p.pool == nil || (p.records == 0 && !f.world.LXD.Records.IsComplete())
}

// indexPools joins LXD's pools with arrays and pods by gateway and name; the
// array compares names without case.
func (f *facts) indexPools() {
	taken := map[*evidence.Pod]bool{}
	for pool := range evidence.Refs(f.world.LXD.Pools.Items) {
		facts := &poolFacts{name: pool.Name, pool: pool, judged: f.policy.judges(pool.Name)}
		for _, array := range f.arrays {
			if array.Gateway != pool.Gateway {
				continue
			}
			if facts.array == nil {
				facts.array = array
			}
			if pod := array.pods[strings.ToLower(pool.Name)]; pod != nil && facts.pod == nil {
				facts.array, facts.pod = array, pod
				taken[pod] = true
			}
		}
		f.addPool(facts)
	}
	for _, array := range f.arrays {
		for pod := range evidence.Refs(array.Pods.Items) {
			if slices.ContainsFunc(f.pools, func(p *poolFacts) bool { return p.isPeer(array, pod) }) {
				continue // it is told together with the pool, see joinPeers
			}
			if !taken[pod] {
				f.addPool(&poolFacts{name: pod.Name, array: array, pod: pod, judged: f.policy.judges(pod.Name)})
			}
		}
	}
}

func (f *facts) addPool(pool *poolFacts) {
	f.pools = append(f.pools, pool)
	if pool.array != nil && pool.pod != nil {
		pool.array.pools[strings.ToLower(pool.pod.Name)] = pool
	}
}

// isNVMe reports a pool whose volumes appear as namespaces.
func (p *poolFacts) isNVMe() bool { return p != nil && p.pool != nil && p.pool.IsNVMe() }
