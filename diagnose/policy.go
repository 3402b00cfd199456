package diagnose

import (
	"slices"
	"strings"
	"time"
)

// Policy is what the operator allows. The zero Policy allows nothing: without
// ReadWithin no testimony is fresh enough.
type Policy struct {
	// MinAge is how old an object has to be, by the array's clock, before it
	// may be taken for a leftover; ImageMinAge the same for image volumes,
	// which exist on the array for as long as LXD unpacks them before any
	// record does; BatchMinAge the least of both in a batch.
	MinAge      time.Duration
	ImageMinAge time.Duration
	BatchMinAge time.Duration
	// More volumes without a record than MaxShare of the pool's volumes, and
	// more than MinShareCount, mean that records are missing.
	MaxShare      float64
	MinShareCount int
	// Shares are MaxShare of single pools, by their names.
	Shares map[string]float64
	// Batch is set when nobody looks at each object: the gates are stricter.
	Batch bool
	// DatabaseIsCurrent is set when the operator answers for one object that
	// LXD's database is the pool's true history, although something does not
	// fit it: gate explained then reads "waived". It has no effect in a batch.
	DatabaseIsCurrent bool
	// EvenIfRecovered is set when the operator answers for one object that it
	// may be destroyed again, although somebody has recovered it after a run
	// destroyed it: gate explained then reads "waived". It has no effect in a
	// batch.
	EvenIfRecovered bool
	// AskedMinAge is the operator's own least age for one object, if MinAgeAsked
	// is set. It holds whatever it is; where it is lower than MinAge or
	// ImageMinAge the gate reads "waived". It has no effect in a batch.
	AskedMinAge time.Duration
	MinAgeAsked bool
	// Pins maps a pool's name to the id of the only array that may answer.
	Pins map[string]string
	// Pools limits the judgement to these pools; empty means all.
	Pools []string
	// Down are the members of which the operator says that their machines are
	// down, see Fence.
	Down []string
	// Only picks the findings whose gates are asked. The others are found, and
	// never safe; nil picks all.
	Only func(*Finding) bool
	// Codes limits what is looked for to findings of these codes; nil is all.
	Codes []string
	// Ahead says of volumes and snapshots, by their ids, how many of their pool
	// the same batch may destroy before them on the same evidence.
	Ahead map[string]Ahead
	// ReadWithin bounds the time from the first word of the array to the last
	// word of LXD and of the hosts.
	ReadWithin time.Duration
}

// Ahead is what a batch may destroy before something, volumes and snapshots. The
// snapshots that go along with the volumes are among them.
type Ahead struct{ Volumes, Snapshots int }

// DefaultPolicy is the policy without a configuration.
func DefaultPolicy() Policy {
	return Policy{
		MinAge:        time.Hour,
		ImageMinAge:   24 * time.Hour,
		BatchMinAge:   24 * time.Hour,
		MaxShare:      0.10,
		MinShareCount: 5,
		ReadWithin:    10 * time.Minute,
	}
}

// judges reports whether a pool is asked about.
func (p Policy) judges(pool string) bool {
	return len(p.Pools) == 0 || slices.ContainsFunc(p.Pools, func(name string) bool { return strings.EqualFold(name, pool) })
}

// share is the part of a pool that may be without a record.
func (p Policy) share(pool string) float64 {
	if share, ok := p.Shares[pool]; ok {
		return share
	}
	return p.MaxShare
}

// minAge is the age that an object needs.
func (p Policy) minAge(image bool) time.Duration {
	if p.MinAgeAsked && !p.Batch {
		return p.AskedMinAge
	}
	return p.usualAge(image)
}

// usualAge is the age that an object needs without the operator's own word.
func (p Policy) usualAge(image bool) time.Duration {
	age := p.MinAge
	if image {
		age = p.ImageMinAge
	}
	if p.Batch {
		age = max(age, p.BatchMinAge)
	}
	return age
}
