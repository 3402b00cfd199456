package witness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
)

// wholeFor is how long a look at everything may stand behind looks at some
// volumes. What it stands for is about the pool: whose it is, how much of it has
// no record, what does not fit LXD's database. None of that is about the volume
// that is to be changed, of which everything is read each time.
const wholeFor = 10 * time.Minute

// Watch looks at the same world again and again, as a repair does, and stays
// logged in meanwhile. The zero Watch has seen nothing yet. Looks may be asked
// for at the same time.
type Watch struct {
	mu sync.Mutex
	// idle are logged in, and no look uses them just now.
	idle []*array
	// latest is the last look.
	latest *seen
}

// seen is a look, and when the one at everything began on which it is built: by
// the wall's clock and by the one that runs on in suspend.
type seen struct {
	world  evidence.World
	arrays []*array
	wall   time.Time
	up     time.Duration
}

// Look returns what everybody says. Where the scope is some volumes, of the
// arrays only what may have changed is read: all there is about those volumes
// and about what LXD has let go of since the last look, who the array is, its
// pods, its hosts, and how many volumes and snapshots it counts. LXD is asked for
// everything but the rows of volumes that it has told already (records.Again), the
// hosts for everything, or those for everything that may have something of the
// volumes. The rest is what the last look saw.
// Where that could not be the same any more, everything is read: when it is older
// than ten minutes, when anything differs that is always read, when the counts
// don't add up, when anything is not known.
func (w *Watch) Look(ctx context.Context, o Options, scope evidence.Scope) (evidence.World, ArrayAccess, error) {
	o = o.withDefaults()
	if scope.Past {
		o.past = scope.Volumes
	}
	o.sought = scope.Sought
	part := w.part(o, scope)
	if part != nil {
		world, arrays, err := w.lookPart(ctx, o, part)
		w.give(arrays)
		var changed *changedError
		switch {
		case err == nil:
			return world, w.remember(world, arrays, part.base.wall, part.base.up), nil
		case !errors.As(err, &changed):
			return world, nil, err
		case ctx.Err() != nil:
			return world, nil, ctx.Err()
		}
		if o.Array.Log != nil {
			o.Array.Log.Debug("looking at everything", "because", changed.Error())
		}
	}
	began, up := o.Now(), o.Uptime()
	if part != nil {
		began, up = part.base.wall, part.base.up // as old are the rows of LXD that it takes
	}
	world, arrays, err := w.look(ctx, o, nil, part)
	for i, a := range arrays {
		if i < len(world.Arrays) && world.Arrays[i].Trouble != "" && a.reader != nil {
			// Perhaps it is the session's fault. The next look begins with a new
			// one; this one ends by itself.
			_ = a.reader.Close(ctx)
			a.reader = nil
		}
	}
	w.give(arrays)
	if err != nil {
		return world, nil, err
	}
	return world, w.remember(world, arrays, began, up), nil
}

// remember keeps a look, and says how its arrays were reached.
func (w *Watch) remember(world evidence.World, arrays []*array, wall time.Time, up time.Duration) ArrayAccess {
	access := accessOf(arrays, world)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest = &seen{world, arrays, wall, up}
	return access
}

// Close logs out everywhere.
func (w *Watch) Close(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	closeAll(ctx, w.idle)
	w.idle = nil
}

// take gives arrays the logins that earlier looks have left.
func (w *Watch) take(arrays []*array) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range arrays {
		i := slices.IndexFunc(w.idle, func(before *array) bool { return a.err == nil && sameAccess(a.pure, before.pure) })
		if i >= 0 {
			a.reader = w.idle[i].reader
			w.idle = slices.Delete(w.idle, i, i+1)
		}
	}
}

// give takes the logins back.
func (w *Watch) give(arrays []*array) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range arrays {
		if a.reader != nil {
			w.idle = append(w.idle, &array{pure: a.pure, reader: a.reader})
		}
	}
}

// part is a look at some volumes, built on an earlier one at everything. The
// nil part is a look at everything.
type part struct {
	base  *seen
	scope evidence.Scope

	mu  sync.Mutex
	err error
}

// changedError is why a part is not enough.
type changedError struct{ err error }

func (e *changedError) Error() string { return e.err.Error() }
func (e *changedError) Unwrap() error { return e.err }

// part says on what a look at some volumes can be built; nil is on nothing.
func (w *Watch) part(o Options, scope evidence.Scope) *part {
	w.mu.Lock()
	defer w.mu.Unlock()
	if scope.IsEverything() || w.latest == nil || o.Whole || o.Thorough {
		return nil
	}
	wall, up := o.Now().Sub(w.latest.wall), o.Uptime()-w.latest.up
	if wall < 0 || max(wall, up) > wholeFor {
		return nil // a clock that was set back says nothing about age
	}
	for i := range w.latest.world.Arrays {
		stretched := func(pod evidence.Pod) bool { return len(pod.Arrays) > 1 }
		if slices.ContainsFunc(w.latest.world.Arrays[i].Pods.Items, stretched) {
			return nil // what only the other array knows has to be read as well
		}
	}
	return &part{base: w.latest, scope: scope}
}

func (p *part) failed() bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err != nil
}

func (p *part) changed(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = &changedError{err}
	}
}

// fits reports that the arrays are those of the earlier look, which read all of
// them and of LXD.
func (p *part) fits(arrays []*array) bool {
	if p == nil {
		return true
	}
	why := ""
	switch {
	case len(arrays) != len(p.base.world.Arrays):
		why = "there are other arrays than before"
	case p.base.world.LXD.Trouble != "" || !p.base.world.LXD.Records.IsComplete():
		why = "LXD could not be read fully before"
	}
	for i, a := range arrays {
		if why == "" && !slices.Equal(a.pools, p.base.world.Arrays[i].Asked) {
			why = "there are other pools than before"
		}
	}
	if why != "" {
		p.changed(errors.New(why))
	}
	return why == ""
}

// baseOf is the earlier reading of an array, which is asked in the same order.
func (p *part) baseOf(a *array) *evidence.Array {
	return evidence.Find(p.base.world.Arrays, func(base *evidence.Array) bool { return slices.Equal(a.pools, base.Asked) })
}

// again reads anew what an array has of the volumes.
func (p *part) again(ctx context.Context, a *array) evidence.Array {
	base := p.baseOf(a)
	var ids []string
	if strings.EqualFold(base.ID, p.scope.ArrayID) {
		ids = related(base, p.scope.Volumes)
		for _, id := range p.scope.Volumes {
			if !slices.ContainsFunc(base.Volumes.Items, func(v evidence.Volume) bool { return v.ID == id }) {
				p.changed(fmt.Errorf("volume %s was not there before", id))
				return evidence.Array{}
			}
		}
	}
	few := p.scope.Anew != evidence.AnewAll && p.scope.Anew != evidence.AnewNow
	if few && len(ids) == 0 {
		return *base
	}
	said, err := a.reader.Again(ctx, base, ids, few)
	if err != nil {
		p.changed(err)
		return evidence.Array{}
	}
	p.judge(a, base, &said)
	return said
}

// judge doubts what was read as a whole reading is doubted. Any doubt is one too
// many: the whole says what is wrong.
func (p *part) judge(a *array, base, said *evidence.Array) {
	if err := a.moved(*said); err != nil {
		p.changed(err)
		return
	}
	decode(said)
	contradictions(said, a.pools)
	for _, why := range []string{said.Trouble, said.Volumes.Why(), said.Hosts.Why(), said.Connections.Why()} {
		if why != "" {
			p.changed(errors.New(why))
			return
		}
	}
	if why := p.strangers(base, said); why != "" {
		p.changed(errors.New(why))
	}
}

// strangers compares how many volumes the array connects to hosts that are no
// machine that was read: LXD changes those of its members all the time, and
// nobody may change the others'.
func (p *part) strangers(base, said *evidence.Array) string {
	ours := map[string]bool{}
	for h := range evidence.Refs(p.base.world.Hosts) {
		for _, own := range slices.Concat(h.IQNs.Items, h.NQNs.Items, h.WWPNs.Items) {
			ours[evidence.Initiator(own)] = true
		}
	}
	for i := range said.Hosts.Items {
		h, before := &said.Hosts.Items[i], &base.Hosts.Items[i]
		member := slices.ContainsFunc(h.Initiators(), func(initiator string) bool { return ours[evidence.Initiator(initiator)] })
		if !member && h.ConnectionCount != before.ConnectionCount {
			return fmt.Sprintf("another number of volumes is connected to host %s, which is no member that was read", h.Name)
		}
	}
	return ""
}

// about picks the volumes of which everything is read anew.
func (p *part) about(said *evidence.Array) func(id string) bool {
	switch {
	case p == nil:
		return func(string) bool { return true }
	case p.scope.Anew != evidence.AnewAll || !strings.EqualFold(said.ID, p.scope.ArrayID):
		return func(string) bool { return false }
	}
	ids := related(said, p.scope.Volumes)
	return func(id string) bool { return slices.Contains(ids, id) }
}

// recorded is how LXD is read: everything, and of its volumes only those that the
// look is about where the earlier look has the others.
func (p *part) recorded(arrays []evidence.Array) func(context.Context, *records.Reader) evidence.LXD {
	if p == nil {
		return func(ctx context.Context, r *records.Reader) evidence.LXD { return r.Observe(ctx) }
	}
	rows := 0
	for i := range arrays {
		rows += len(arrays[i].Volumes.Items) + len(arrays[i].Snapshots.Items)
	}
	about, there := map[evidence.UUID]bool{}, make(map[evidence.UUID]bool, rows)
	for a := range evidence.Refs(arrays) {
		var ids []string
		if strings.EqualFold(a.ID, p.scope.ArrayID) {
			ids = related(a, p.scope.Volumes)
		}
		note := func(uuid evidence.UUID, destroyed evidence.Answer, id string) {
			if destroyed.IsNot() {
				there[uuid] = true
			}
			if slices.Contains(ids, id) {
				about[uuid] = true
			}
		}
		for v := range evidence.Refs(a.Volumes.Items) {
			note(v.LXD.UUID, v.Destroyed, v.ID)
		}
		for s := range evidence.Refs(a.Snapshots.Items) {
			note(s.LXD.UUID, s.Destroyed, s.SourceID)
		}
	}
	return func(ctx context.Context, r *records.Reader) evidence.LXD {
		return r.Again(ctx, &p.base.world.LXD, about, there)
	}
}

// related are the volumes themselves, their other halves, and what they were
// copied from or to.
func related(base *evidence.Array, ids []string) []string {
	all := slices.Clone(ids)
	uuids, sources := map[evidence.UUID]bool{}, map[string]bool{}
	for v := range evidence.Refs(base.Volumes.Items) {
		if slices.Contains(ids, v.ID) {
			if !v.LXD.UUID.IsZero() {
				uuids[v.LXD.UUID] = true
			}
			if v.SourceID != "" {
				sources[v.SourceID] = true
			}
		}
	}
	for v := range evidence.Refs(base.Volumes.Items) {
		if uuids[v.LXD.UUID] || sources[v.ID] || (v.SourceID != "" && slices.Contains(ids, v.SourceID)) {
			all = append(all, v.ID)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// changes reads anew what LXD has let go of since the last look: it deletes a
// volume first and its record then, so by now the array says what became of it.
// Then it holds what is known against what the array counts.
func (p *part) changes(ctx context.Context, a *array, said *evidence.Array, world *evidence.World) {
	if p == nil || p.failed() {
		return
	}
	if world.LXD.Trouble != "" || !world.LXD.Records.IsComplete() {
		return // nothing is safe then, whatever the array has
	}
	if ids := stillThere(ctx, a, said, p.letGo(said, &world.LXD)); len(ids) > 0 {
		again, err := a.reader.Again(ctx, said, ids, false)
		if err != nil {
			p.changed(err)
			return
		}
		// LXD was asked after the first of the two, which is what counts.
		again.Source.Began, again.Source.Ended = said.Began, said.Ended
		again.Since = said.Since
		*said = again
		p.judge(a, p.baseOf(a), said)
	}
	if p.takenUp(said, &world.LXD) {
		p.changed(errors.New("LXD has made a volume since, which the array counts and nobody has asked for"))
		return
	}
	if p.scope.Anew != evidence.AnewAll {
		return
	}
	if err := a.reader.Counts(ctx, said); err != nil {
		p.changed(err)
	}
}

// stillThere asks what became of volumes, takes from what the array said those
// that it certainly does not have any more, and returns the others.
func stillThere(ctx context.Context, a *array, said *evidence.Array, ids []string) []string {
	serials := map[evidence.Serial]string{}
	for v := range evidence.Refs(said.Volumes.Items) {
		if slices.Contains(ids, v.ID) {
			serials[v.Serial] = v.ID
		}
	}
	if len(serials) == 0 {
		return ids
	}
	gone := map[string]bool{}
	for _, answer := range a.reader.Lookup(ctx, slices.Sorted(maps.Keys(serials))) {
		if answer.Found.IsNot() {
			gone[serials[answer.Serial]] = true
		}
	}
	if len(gone) > 0 {
		pure.Forget(said, gone)
	}
	return slices.DeleteFunc(ids, func(id string) bool { return gone[id] })
}

// hasRows reports that LXD's records are the very rows of the last look, and not
// copies of them: nothing has come or gone.
func (p *part) hasRows(now *evidence.LXD) bool {
	before, after := p.base.world.LXD.Records.Items, now.Records.Items
	return len(before) > 0 && len(before) == len(after) && &before[0] == &after[0]
}

// takenUp reports a record that was not there at the last look, and of which the
// array has nothing that is known. Its volume would make up for one that somebody
// else has destroyed: the array counts as many as before.
func (p *part) takenUp(said *evidence.Array, now *evidence.LXD) bool {
	before := p.base.world.LXD.Records.Items
	if p.hasRows(now) {
		return false
	}
	known := setOf(before, func(record *evidence.Record) evidence.UUID { return record.UUID })
	for v := range evidence.Refs(said.Volumes.Items) {
		known[v.LXD.UUID] = true
	}
	for s := range evidence.Refs(said.Snapshots.Items) {
		known[s.LXD.UUID] = true
	}
	for record := range evidence.Refs(now.Records.Items) {
		if !known[record.UUID] {
			return true
		}
	}
	return false
}

// letGo are the volumes of records that were there at the last look, and are
// not any more.
func (p *part) letGo(said *evidence.Array, now *evidence.LXD) []string {
	if p.hasRows(now) {
		return nil
	}
	there := setOf(now.Records.Items, func(record *evidence.Record) evidence.UUID { return record.UUID })
	gone := map[evidence.UUID]bool{}
	for record := range evidence.Refs(p.base.world.LXD.Records.Items) {
		if !record.UUID.IsZero() && !there[record.UUID] {
			gone[record.UUID] = true
		}
	}
	if len(gone) == 0 {
		return nil
	}
	var ids []string
	for v := range evidence.Refs(said.Volumes.Items) {
		if gone[v.LXD.UUID] {
			ids = append(ids, v.ID)
		}
	}
	for s := range evidence.Refs(said.Snapshots.Items) {
		if gone[s.LXD.UUID] {
			ids = append(ids, s.SourceID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
