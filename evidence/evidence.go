// Package evidence holds the plain words in which the three witnesses (the
// array, LXD and the hosts) say what they saw. It does no I/O and draws no
// conclusion: pure, records and devices fill it, diagnose judges it.
//
// One rule shapes every type here: the zero value is never good news. A zero
// Answer is unknown, a zero List is incomplete, a zero Count is not known, a
// zero Identity is unknown. Code that forgets to fill something in therefore
// makes the tool refuse, not delete.
package evidence

import (
	"reflect"
	"strings"
	"time"
)

// World is everything the witnesses said for one judgement.
type World struct {
	Arrays []Array `json:"arrays"`
	LXD    LXD     `json:"lxd"`
	Hosts  []Host  `json:"hosts"`
	// Seen is what earlier runs remembered. An empty memory is no evidence
	// in either direction.
	Seen []Sighting `json:"seen"`
	// LeftOffline are paths that interrupted runs set offline: words for
	// people, and no evidence.
	LeftOffline []LeftOffline `json:"left_offline,omitempty"`
	// Destroyed are what runs in the journal here destroyed, and no undo
	// brought back.
	Destroyed []Destroyed `json:"destroyed,omitempty"`
	// TakenBack are what runs in the journal here did and undo took back.
	TakenBack []TakenBack `json:"taken_back,omitempty"`
}

// Scope is what a look is about. The zero Scope is everything. Else it is what
// there is about some volumes of an array, for somebody who has looked at
// everything before.
type Scope struct {
	ArrayID string
	// Volumes are ids.
	Volumes []string
	// Anew is what of that is read anew.
	Anew Anew
	// Past asks for the audit trail of those volumes whatever they are, also
	// destroyed ones: for who has to know what was done to them since.
	Past bool
	// Near asks of the machines only Members, and those that may have something of
	// the volumes. The others are as they were in the look before (Host.Kept): for
	// who changes what one machine has, or how it is connected.
	Near    bool
	Members []string
	// Sought are ids of volumes and snapshots for which the whole array is read
	// where its pods do not have them: what has left them is not gone.
	Sought []string
}

// Anew is what is read again where the rest of the last look is good enough,
// with the times that it has there. That is so after a step, to see whether it
// is done; nothing is begun on it but what a disconnect leaves to do on a machine.
// And it is so for whoever has read all of it a moment ago and has waited for
// others since: that one reads AnewNow.
type Anew int

// What is read again.
const (
	AnewAll   Anew = iota
	AnewHosts      // what the hosts have
	AnewArray      // whether the array has the volumes and connects them
	AnewBoth       // the two, and LXD
	AnewNow        // all but what the array counts, and what its audit trail says was done
)

// And is what is read again for two who want to know.
func (a Anew) And(b Anew) Anew {
	switch {
	case a == b:
		return a
	case a == AnewAll || b == AnewAll:
		return AnewAll
	case a == AnewNow || b == AnewNow:
		return AnewNow
	}
	return AnewBoth
}

// IsEverything reports a scope that leaves nothing out.
func (s Scope) IsEverything() bool { return len(s.Volumes) == 0 }

// Source says which witness spoke, when, and at what cost.
type Source struct {
	// Name is the witness's own name: the array's, the LXD server's or the
	// host's. Until it is known it is what we called: a URL, a socket, a path.
	Name string `json:"name"`
	// Began and Ended bracket the reading, by this machine's clock. They
	// order the witnesses and are never compared with an array's times.
	Began time.Time `json:"began"`
	Ended time.Time `json:"ended"`
	// Requests counts what was sent to get the answer, retries included.
	Requests int `json:"requests"`
	// Trouble is why the witness could not speak at all or not fully; empty
	// when it could. Hint is what the operator can do about it.
	Trouble string `json:"trouble,omitempty"`
	Hint    string `json:"hint,omitempty"`
}

// Took is how long the reading lasted.
func (s Source) Took() time.Duration { return s.Ended.Sub(s.Began) }

// Sighting is what an earlier run remembered of one array object, a volume or
// a snapshot.
type Sighting struct {
	ArrayID string `json:"array_id"`
	PodID   string `json:"pod_id"`
	// Pod is the pod's name, by which it is asked for; empty where an older
	// version wrote it down.
	Pod string `json:"pod,omitempty"`
	// VolumeID is the id on the array, of a snapshot the snapshot's.
	VolumeID string `json:"volume_id"`
	// Name is the full name that it had then; empty where an older version
	// wrote it down.
	Name string `json:"name,omitempty"`
	// Recorded is when LXD was last seen to have a record of it.
	Recorded time.Time `json:"recorded,omitzero"`
	// Leaked is when it was first seen without a record, and was so in each look
	// since, with the same size and the same bytes written to it.
	Leaked time.Time `json:"leaked,omitzero"`
	// Last is the newest of these looks; zero where an older version wrote it down.
	Last Moment `json:"last,omitzero"`
	// Again is set where what was seen before Leaked does not count: it was too
	// long ago, or of something else.
	Again Moment `json:"again,omitzero"`
	// Written and Provisioned are the volume's, in all of these looks.
	Written     Count `json:"written"`
	Provisioned int64 `json:"provisioned,omitempty"`
	// LXDName is what LXD called it then: type/name, with its project.
	LXDName string `json:"lxd_name,omitempty"`
	// Mounted is when it was last seen mounted where LXD mounts its own, or open in
	// a virtual machine, while it had no record, and Where the place below
	// storage-pools or that.
	Mounted time.Time `json:"mounted,omitzero"`
	Where   string    `json:"where,omitempty"`
	// Stale are its connections that nothing used when it was last seen.
	Stale []StaleSighting `json:"stale,omitempty"`
}

// StaleSighting is a connection that nothing uses. The array does not say when
// a connection was made, so this is all that is known of its age.
type StaleSighting struct {
	// Host is the array host, LUN and NSID what the array calls the volume there.
	Host string `json:"host"`
	LUN  int64  `json:"lun,omitempty"`
	NSID int64  `json:"nsid,omitempty"`
	// Since is when it was first seen unused, and was so ever since.
	Since time.Time `json:"since"`
	// ArrayClock is the same moment by the array's clock, which no machine that
	// starts with a wrong time has set; zero where it was not known.
	ArrayClock time.Time `json:"array_clock,omitzero"`
	// Last is when it was last seen so; zero where an older version wrote it down.
	Last Moment `json:"last,omitzero"`
}

// Moment is one by this machine's clock and by the array's. Each of them may
// have been set since.
type Moment struct {
	At         time.Time `json:"at"`
	ArrayClock time.Time `json:"array_clock,omitzero"`
}

// Since is between which two lengths the time from then to now was, by both
// clocks. What was not told, or is not past, was not.
func (m Moment) Since(then Moment) (least, most time.Duration, ok bool) {
	for _, t := range []time.Time{m.At, m.ArrayClock, then.At, then.ArrayClock} {
		if t.IsZero() {
			return 0, 0, false
		}
	}
	ours, theirs := m.At.Sub(then.At), m.ArrayClock.Sub(then.ArrayClock)
	return min(ours, theirs), max(ours, theirs), min(ours, theirs) >= -ClockTolerance
}

// SightingGap is the longest time between two looks of which the later carries
// on what the earlier began: in a longer one nobody knows what was. A weekend
// without a look does not begin anew.
const SightingGap = 72 * time.Hour

// ConnectionGap is the same of a connection. Nothing tells it from one that was made
// in its place, for the array gives the lowest number that is free: so it must not
// have been out of sight for long. Checks that run every hour keep it in sight.
const ConnectionGap = 2 * time.Hour

// Equal reports the same sighting.
func (s Sighting) Equal(other Sighting) bool { return reflect.DeepEqual(s, other) }

// StaleSince is since when a connection was seen unused; zero for never.
func (s Sighting) StaleSince(host string) StaleSighting {
	for _, c := range s.Stale {
		if strings.EqualFold(c.Host, host) {
			return c
		}
	}
	return StaleSighting{}
}
