package array

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// state is everything that the array holds. It is changed under the array's
// lock only.
type state struct {
	config *config
	ids    *rand.Rand

	last        uint64 // rank of the newest row
	generation  uint64 // of the whole state, to know when a cached list is old
	serials     uint32
	safeMode    bool
	delay       time.Duration
	idlePerf    bool // performance answers are empty
	pods        catalogue[*pod]
	volumes     catalogue[*volume]
	volumeIDs   map[string]*volume
	snapshots   catalogue[*snapshot]
	hosts       catalogue[*host]
	initiators  map[string]*host
	groups      catalogue[*group]
	connections series[*connection]
	protections catalogue[*protection]
	memberships series[*membership]
	audits      series[*audit]
}

// config is what never changes after New.
type config struct {
	Options
	serial   string // first 16 digits of every volume's serial
	versions []string
}

// life is the part of an object that can be destroyed and recovered.
type life struct {
	destroyed bool
	expires   time.Time
	// with is the rank of the volume together with which a snapshot was
	// destroyed, and with which it comes back; 0 for one destroyed by itself.
	with rank
}

func (l *life) destroy(now time.Time, delay time.Duration, with rank) {
	*l = life{destroyed: true, expires: now.Add(delay), with: with}
}

func (l *life) recover() { *l = life{} }

// remaining is time_remaining: milliseconds, null while alive.
func (l *life) remaining(now time.Time) value {
	if !l.destroyed {
		return nothing()
	}
	return number(max(0, l.expires.Sub(now).Milliseconds()))
}

func (l *life) expired(now time.Time) bool { return l.destroyed && !now.Before(l.expires) }

type pod struct {
	rank
	id, name            string
	requested, promoted string
	arrays              []PodArray
	linkSources         int64
	linkTargets         int64
	auto                string // the default protection, until it is taken away
}

type volume struct {
	rank
	life
	id, name, serial string
	nsid             int64
	pod              *pod
	provisioned      int64
	created          int64
	used             int64
	written          bool // by a host, however little is told of what it occupies
	promoted         string
	source           *volume
	connections      []*connection
	snapshots        []*snapshot
	memberships      []*membership
	io               perf
	gone             bool // eradicated; only a copy may still point here
}

type snapshot struct {
	rank
	life
	id, suffix, serial string
	volume             *volume
	provisioned        int64
	created            int64
	used               int64
}

func (s *snapshot) name() string { return s.volume.name + "." + s.suffix }

type host struct {
	rank
	name             string
	iqns, nqns, wwns []string
	group            *group
	status, details  string // of port_connectivity, empty is what follows from the rest
	connections      []*connection
	luns             lunSet
}

// remote hosts belong to a peer array; their names carry its name.
func (h *host) remote() bool { return strings.Contains(h.name, ":") }

type group struct {
	rank
	name  string
	hosts []*host
	// shared are the volumes connected to the group, whatever the number of its
	// hosts.
	shared []*volume
}

// connection is one row: a host and a volume, with a group when it was made
// through one.
type connection struct {
	rank
	volume *volume
	host   *host
	group  *group
	lun    int
}

type protection struct {
	rank
	life
	id, name string
	pod      *pod
	members  []*membership
}

type membership struct {
	rank
	group  *protection
	volume *volume
}

type audit struct {
	rank
	id                             string
	time                           int64
	command, subcommand, arguments string
	user, by                       string
}

func newState(c *config) *state {
	return &state{
		config: c,
		// Independent of the global generator: the same seed is the same world.
		ids:         rand.New(rand.NewPCG(uint64(c.Seed), 0x707572656172726)),
		serials:     0x00011000,
		delay:       24 * time.Hour,
		pods:        newCatalogue[*pod](noPod),
		volumes:     newCatalogue[*volume](noVolume),
		volumeIDs:   map[string]*volume{},
		snapshots:   newCatalogue[*snapshot](noVolumeOrSnapshot),
		hosts:       newCatalogue[*host](noHost),
		initiators:  map[string]*host{},
		groups:      newCatalogue[*group](noGroup),
		protections: newCatalogue[*protection](noProtection),
	}
}

func (s *state) next() rank {
	s.last++
	return rank(s.last)
}

// newID is a random id in the shape of a UUID, without a version, as Purity makes them.
func (s *state) newID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], s.ids.Uint64())
	binary.BigEndian.PutUint64(raw[8:], s.ids.Uint64())
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

// newSerial is the array's 16 digits and a counter of 8.
func (s *state) newSerial() (serial string, count uint32) {
	s.serials++
	return fmt.Sprintf("%s%08X", s.config.serial, s.serials), s.serials
}

// key folds a name: the array takes names in any case and keeps the one given.
func key(name string) string { return strings.ToLower(name) }

func (s *state) pod(name string) (*pod, error)               { return s.pods.find(name) }
func (s *state) volume(name string) (*volume, error)         { return s.volumes.find(name) }
func (s *state) snapshot(name string) (*snapshot, error)     { return s.snapshots.find(name) }
func (s *state) host(name string) (*host, error)             { return s.hosts.find(name) }
func (s *state) protection(name string) (*protection, error) { return s.protections.find(name) }

func without[T comparable](all []T, one T) []T {
	if i := slices.Index(all, one); i >= 0 {
		return slices.Delete(all, i, i+1)
	}
	return all
}
