package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// tally is what the share gate counts of a pool's volumes or snapshots in
// LXD's naming. What is destroyed without a record counts as well: a batch of
// an hour ago may have done it, and many small batches are a large one.
type tally struct {
	all int
	// without counts those without a record, by what their number says of the
	// records.
	without map[candidate]int
	// gone are those of all kinds that are destroyed already.
	gone int
}

// note counts one without a record.
func (t *tally) note(group candidate, gone bool) {
	if t.without == nil {
		t.without = map[candidate]int{}
	}
	t.without[group]++
	if gone {
		t.gone++
	}
}

// countVolume counts a volume after it was classified. Of a name that is known
// in part only it is not excluded that it is LXD's.
func (v *volume) countVolume() {
	t := &v.pool.volumes
	group := v.candidate()
	switch {
	case !v.LXD.IsLXD() && v.LXD.UUID.IsZero():
		return
	case group != "":
		t.note(group, false)
	case v.code == codeForeign:
		t.note(candidateVolume, false)
	case v.code == codePending && v.LXD.Snapshot:
		return // LXD destroys its copies all the time
	case v.code == codePending && v.LXD.Type == evidence.TypeImage:
		t.note(candidateImage, true)
	case v.code == codePending:
		t.note(candidateVolume, true)
	}
	t.all++
}

// countSnapshots counts the snapshots of all pools of an array.
func (f *facts) countSnapshots(a *arrayFacts) {
	for s := range evidence.Refs(a.Snapshots.Items) {
		pool := a.pools[strings.ToLower(s.Pod)]
		named := s.LXD.IsLXD() || !s.LXD.UUID.IsZero()
		switch {
		case pool == nil || (!named && s.Suffix != reverter):
			continue
		case !named:
			// It never has a record, so it says nothing of others' records.
			pool.copies.note(candidateReverter, s.Destroyed.Is())
		case s.LXD.UUID.IsZero() || !f.recorded(s.LXD.UUID):
			pool.copies.note(candidateSnapshot, s.Destroyed.Is())
		}
		pool.copies.all++
	}
}

// share is the breaker: when much of a pool has no record, it is the records
// that are missing. It counts all candidates, safe or not, so that doubt
// about one never makes room for another. What goes along with a volume, its
// snapshots, has to pass the snapshots' as well.
func share(s Subject) (Result, string) { return s.share(s.pool != nil && s.f.policy.Batch) }

// share is asked as one of a batch, or alone.
func (s Subject) share(batch bool) (Result, string) {
	if s.pool == nil {
		return Uncertain, "it is in no pool"
	}
	ahead := s.f.policy.Ahead[s.id()]
	b := breaker{&s.pool.volumes, "", "volume", 1, ahead.Volumes}
	switch {
	case s.snapshot != nil && s.f.hasRecord(s):
	case s.snapshot != nil && s.snapshot.Suffix == reverter:
		b = breaker{&s.pool.copies, candidateReverter, "snapshot", 1, ahead.Snapshots}
	case s.snapshot != nil:
		b = breaker{&s.pool.copies, candidateSnapshot, "snapshot", 1, ahead.Snapshots}
	default:
		b.group = s.volume.candidate()
	}
	if b.group == "" {
		return Pass, "it is not counted among those without a record"
	}
	result, why := b.ask(s, batch)
	if n := s.along(); result == Pass && n > 0 {
		with := breaker{&s.pool.copies, candidateSnapshot, "snapshot", n, ahead.Snapshots}
		also, words := with.ask(s, batch)
		return also, why + "; " + count(n, "snapshot") + " would go with it: " + words
	}
	return result, why
}

// along is how many live snapshots a volume takes with it.
func (s Subject) along() int {
	if s.snapshot != nil || s.volume == nil || s.class != ClassDestroy {
		return 0
	}
	return len(slices.Collect(filter(s.volume.snapshots(), func(snap *evidence.Snapshot) bool { return !snap.Destroyed.Is() })))
}

// breaker asks one of a pool's two counts about something that is to go, with
// how many others before it.
type breaker struct {
	t     *tally
	group candidate
	what  string
	going int
	ahead int
}

func (b breaker) ask(s Subject, batch bool) (Result, string) {
	t := b.t
	n, limit := t.without[b.group], max(s.f.policy.MinShareCount, int(s.f.policy.share(s.pool.name)*float64(t.all)))
	words := fmt.Sprintf("%d of the pool's %s in LXD's naming are %s without a record", n, count(t.all, b.what), b.group)
	if t.gone > 0 {
		words += fmt.Sprintf(" (%d of all are destroyed)", t.gone)
	}
	switch {
	case n > limit:
		return Fail, words + fmt.Sprintf(", more than the %d that are taken for leftovers: records may be missing; if they are not, set pools.%s.max_share in the configuration", limit, s.pool.name)
	case batch && 2*n > t.all:
		return Fail, words + ", more than half: no batch takes that much; repair them one by one"
	case batch && 2*(t.gone+b.ahead+b.going) > t.all:
		already := "already"
		if b.ahead > 0 {
			already = "already or with it"
		}
		return Fail, fmt.Sprintf("%d of the pool's %s in LXD's naming are destroyed %s, and no batch takes more than half: repair it alone", t.gone+b.ahead, count(t.all, b.what), already)
	}
	return Pass, words + fmt.Sprintf(", up to %d are taken for leftovers", limit)
}
