package diagnose

import (
	"iter"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// none is the end of a chain of indices.
const none = int32(-1)

// chained are the items of a chain.
func chained[T any](items []T, next []int32, first int32) iter.Seq[*T] {
	return func(yield func(*T) bool) {
		for i := first; i != none && yield(&items[i]); i = next[i] {
		}
	}
}

// index finds items by something that several may have: those are chained.
type index[K comparable] struct {
	firsts map[K]int32
	next   []int32
}

func newIndex[K comparable](items int) index[K] {
	return index[K]{make(map[K]int32, items), make([]int32, items)}
}

// add puts item i in front of the others.
func (x *index[K]) add(key K, i int) {
	x.next[i], x.firsts[key] = x.first(key), int32(i)
}

func (x *index[K]) first(key K) int32 {
	if i, ok := x.firsts[key]; ok {
		return i
	}
	return none
}

// arrayFacts is one array's testimony, joined.
type arrayFacts struct {
	*evidence.Array
	// creator is what the serials of volumes made by this array begin with;
	// empty when the array's id is not known.
	creator string
	pods    map[string]*evidence.Pod // by lower-case name
	pools   map[string]*poolFacts    // by lower-case pod name
	volumes []volume
	byID    map[string]int32
	hosts   map[string]*arrayHost // by lower-case name
	// byUUID and snapByUUID find volumes and snapshots by LXD's UUIDs. What has
	// none is not LXD's and is never looked up.
	byUUID, snapByUUID index[evidence.UUID]
	// connNext chains Connections, snapNext Snapshots, protNext Protections
	// of one volume.
	connNext, snapNext, protNext []int32
	// snapSource is the volume that each snapshot is of.
	snapSource []int32
	// noSerial is set when a volume has no serial: a device may be its.
	noSerial bool
	// rows counts connections by lower-case host name.
	rows map[string]int
	// lookups holds the answers for serials outside the pods.
	lookups map[evidence.Serial]*evidence.Lookup
	// outside are the volumes outside the pods: those that were listed, and
	// those that were found by the serial of a device.
	outside []evidence.Other
}

// volume is one volume of an array with everything that belongs to it.
type volume struct {
	*evidence.Volume
	array *arrayFacts
	// pool is nil for a volume that is in no pod of a pool.
	pool *poolFacts
	// record is LXD's record of it; of LXD's temporary copy of a snapshot,
	// the snapshot's.
	record *evidence.Record
	// code is what the volume is the object of, see classify.
	code string
	// conns, snaps and prots begin the chains; remotes is that of connections
	// to hosts of a peer array, as this one shows them.
	conns, remotes, snaps, prots int32
	// index is the volume's own.
	index int32
	busy  evidence.Answer
	// another says which array host that is no member's had it connected.
	another string
	// copyOf is the volume of a pool whose pod is stretched to this array.
	copyOf *volume
	// gone are uses by path of a device that no longer exists.
	gone []goneUse
}

// goneUse is a use on a host of a device that is gone.
type goneUse struct {
	host *hostFacts
	use  *evidence.Use
}

// arrayHost is an array host and whose it is.
type arrayHost struct {
	*evidence.ArrayHost
	owner owner
}

func newArray(said *evidence.Array) *arrayFacts {
	a := &arrayFacts{
		Array:   said,
		pods:    map[string]*evidence.Pod{},
		pools:   map[string]*poolFacts{},
		hosts:   make(map[string]*arrayHost, len(said.Hosts.Items)),
		rows:    map[string]int{},
		lookups: make(map[evidence.Serial]*evidence.Lookup, len(said.Lookups)),
	}
	if id := strings.ToUpper(strings.ReplaceAll(said.ID, "-", "")); len(id) >= 16 {
		a.creator = id[:16]
	}
	for i := range said.Pods.Items {
		a.pods[strings.ToLower(said.Pods.Items[i].Name)] = &said.Pods.Items[i]
	}
	for i := range said.Hosts.Items {
		a.hosts[strings.ToLower(said.Hosts.Items[i].Name)] = &arrayHost{ArrayHost: &said.Hosts.Items[i]}
	}
	for i := range said.Lookups {
		a.lookups[said.Lookups[i].Serial] = &said.Lookups[i]
	}
	a.outside = slices.Clip(said.Elsewhere.Items)
	listed := make(map[string]bool, len(a.outside))
	for i := range a.outside {
		listed[a.outside[i].ID] = true
	}
	for _, l := range said.Lookups {
		if l.Found.Is() && !listed[l.VolumeID] {
			listed[l.VolumeID] = true
			a.outside = append(a.outside, evidence.Other{ID: l.VolumeID, Name: l.Name, Serial: l.Serial, Destroyed: l.Destroyed})
		}
	}
	return a
}

// joinVolumes hangs connections, snapshots, protections and activity on the
// volumes. Rows name their volume twice, by id and by name; either will do.
func (f *facts) joinVolumes(a *arrayFacts) {
	items := a.Volumes.Items
	a.volumes = make([]volume, len(items))
	a.byID = make(map[string]int32, len(items))
	a.byUUID = newIndex[evidence.UUID](len(items))
	for i := range items {
		a.byID[items[i].ID] = int32(i)
		if !items[i].LXD.UUID.IsZero() {
			a.byUUID.add(items[i].LXD.UUID, i)
		}
		a.volumes[i] = volume{
			Volume: &items[i], array: a, pool: a.pools[strings.ToLower(either(items[i].Pod, podOf(items[i].Name)))],
			conns: none, remotes: none, snaps: none, prots: none, index: int32(i),
		}
		a.noSerial = a.noSerial || items[i].Serial == ""
		f.joinSerial(&a.volumes[i])
	}
	find := a.finder()

	a.connNext = make([]int32, len(a.Connections.Items))
	for i := len(a.Connections.Items) - 1; i >= 0; i-- { // so that chains begin with the first
		row := &a.Connections.Items[i]
		a.rows[strings.ToLower(row.Host)]++
		if v := find(row.VolumeID, row.VolumeName); v != nil {
			head := &v.conns
			if a.isRemote(row) {
				head = &v.remotes
			}
			a.connNext[i], *head = *head, int32(i)
		} else if pool := a.pools[strings.ToLower(podOf(row.VolumeName))]; pool != nil {
			pool.unsure = "a connection names volume " + quoted(row.VolumeName) + ", which the array does not list"
		}
	}
	a.snapNext = make([]int32, len(a.Snapshots.Items))
	a.snapSource = make([]int32, len(a.Snapshots.Items))
	a.snapByUUID = newIndex[evidence.UUID](len(a.Snapshots.Items))
	for i := range a.Snapshots.Items {
		row := &a.Snapshots.Items[i]
		if !row.LXD.UUID.IsZero() {
			a.snapByUUID.add(row.LXD.UUID, i)
		}
		source := row.SourceName
		if source == "" {
			source = strings.TrimSuffix(row.Name, "."+row.Suffix)
		}
		a.snapSource[i] = none
		if v := find(row.SourceID, source); v != nil {
			a.snapNext[i], v.snaps = v.snaps, int32(i)
			a.snapSource[i] = v.index
		}
		if pool := a.pools[strings.ToLower(row.Pod)]; pool != nil && !row.Destroyed.Is() {
			pool.snapshots++
		}
	}
	a.protNext = make([]int32, len(a.Protections.Items))
	for i := range a.Protections.Items {
		row := &a.Protections.Items[i]
		if v := find(row.VolumeID, row.VolumeName); v != nil {
			a.protNext[i], v.prots = v.prots, int32(i)
		}
	}
	for row := range evidence.Refs(a.Activity.Items) {
		if v := find(row.VolumeID, row.VolumeName); v != nil {
			v.busy = row.Busy
		}
	}
}

// finder finds the volume that a row names. Most lists are in the order of the
// volumes, so those beside the last one are tried first; not where two have one id.
func (a *arrayFacts) finder() func(id, name string) *volume {
	byName, last, unique := a.namesOnDemand(), 0, len(a.byID) == len(a.volumes)
	return func(id, name string) *volume {
		i, ok := int32(0), false
		switch {
		case id != "":
			for _, near := range [...]int{last + 1, last, last - 1} {
				if unique && near >= 0 && near < len(a.volumes) && a.volumes[near].ID == id {
					last = near
					return &a.volumes[near]
				}
			}
			i, ok = a.byID[id]
		case name != "":
			i, ok = byName(name)
		}
		if !ok {
			return nil
		}
		last = int(i)
		return &a.volumes[i]
	}
}

// namesOnDemand looks volumes up by name. The map is made when the first row
// comes without an id, which a healthy array never sends.
func (a *arrayFacts) namesOnDemand() func(string) (int32, bool) {
	var names map[string]int32
	return func(name string) (int32, bool) {
		if names == nil {
			names = make(map[string]int32, len(a.volumes))
			for i := range a.volumes {
				names[strings.ToLower(a.volumes[i].Name)] = int32(i)
			}
		}
		i, ok := names[strings.ToLower(name)]
		return i, ok
	}
}

// connections are the rows of the volume, in the array's order.
func (v *volume) connections() iter.Seq[*evidence.Connection] {
	return chained(v.array.Connections.Items, v.array.connNext, v.conns)
}

// remoteConnections are those that the array shows of a peer.
func (v *volume) remoteConnections() iter.Seq[*evidence.Connection] {
	return chained(v.array.Connections.Items, v.array.connNext, v.remotes)
}

// isRemote reports a connection that a peer array makes, to a host of its own.
func (a *arrayFacts) isRemote(row *evidence.Connection) bool {
	object := a.hosts[strings.ToLower(row.Host)]
	return object != nil && object.Local.IsNot()
}

// hostNames lists what the volume is connected to; nil where none is seen and
// there may be some.
func (v *volume) hostNames() []string {
	names := each(slices.Collect(v.connections()), connectionName)
	doubt := v.throughPeers(func(c throughPeer) { names = append(names, c.name()) })
	if names == nil && doubt == "" && (v.pool == nil || v.pool.unreadPeer == "") && v.array.Connections.IsComplete() && !v.disagrees() {
		return []string{}
	}
	return names
}

func connectionName(row *evidence.Connection) string {
	switch {
	case row.Group != "" && row.Host != "":
		return row.Host + " (group " + row.Group + ")"
	case row.Group != "":
		return "group " + row.Group
	default:
		return row.Host
	}
}

// snapshots are those of the volume, destroyed ones too.
func (v *volume) snapshots() iter.Seq[*evidence.Snapshot] {
	return chained(v.array.Snapshots.Items, v.array.snapNext, v.snaps)
}

// disagrees reports that the count in the volume's own row and the list of
// connections contradict each other: one of them is stale or cut short. The
// count is of hosts and groups; whether the hosts of a group are in it, and a
// peer's, is not documented, so these explain a difference, and nothing else does.
func (v *volume) disagrees() bool {
	if v.ConnectionCount.IsZero() {
		return v.conns != none
	}
	if !v.ConnectionCount.Known {
		return v.conns == none && v.remotes == none
	}
	direct, all := map[string]bool{}, map[string]bool{}
	for row := range v.connections() {
		host, group := "host "+strings.ToLower(row.Host), "group "+strings.ToLower(row.Group)
		if row.Host != "" {
			all[host] = true
		}
		if row.Group != "" {
			all[group], direct[group] = true, true
		} else {
			direct[host] = true
		}
	}
	remotes := int64(0)
	for range v.remoteConnections() {
		remotes++
	}
	return v.ConnectionCount.N < int64(len(direct)) || v.ConnectionCount.N > int64(len(all))+remotes
}

// source is the volume that a snapshot is of, nil when it is not listed.
func (a *arrayFacts) source(snapshot int) *volume {
	if i := a.snapSource[snapshot]; i != none {
		return &a.volumes[i]
	}
	return nil
}

// ofUUID and snapshotsOfUUID are those with a UUID of LXD's, whatever else their
// names say and in whatever pool.
func (a *arrayFacts) ofUUID(id evidence.UUID) iter.Seq[*volume] {
	return chained(a.volumes, a.byUUID.next, a.byUUID.first(id))
}

func (a *arrayFacts) snapshotsOfUUID(id evidence.UUID) iter.Seq[*evidence.Snapshot] {
	return chained(a.Snapshots.Items, a.snapByUUID.next, a.snapByUUID.first(id))
}

// named are the pool's volumes of an LXD name, destroyed ones too. It is asked for
// each volume, and filter would make garbage each time.
func (a *arrayFacts) named(pool *poolFacts, name evidence.Name) iter.Seq[*volume] {
	return func(yield func(*volume) bool) {
		for v := range a.ofUUID(name.UUID) {
			if v.LXD == name && v.pool == pool && !yield(v) {
				return
			}
		}
	}
}

// snapshotsNamed are the pool's snapshots of an LXD name.
func (a *arrayFacts) snapshotsNamed(pool *poolFacts, name evidence.Name) iter.Seq[*evidence.Snapshot] {
	return filter(a.snapshotsOfUUID(name.UUID), func(s *evidence.Snapshot) bool { return s.LXD == name && a.pools[lower(s.Pod)] == pool })
}

// created lists the arrays that made the volume of this serial; more than one
// when an array was asked through two gateways.
func (f *facts) created(serial evidence.Serial) []*arrayFacts {
	return those(f.arrays, func(a *arrayFacts) bool { return a.creator != "" && a.creator == serial.Creator() })
}
