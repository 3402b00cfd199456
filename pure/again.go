package pure

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/jsonpull"
)

// maxAgain is how many volumes are asked for by id at most; for more than
// these everything is read.
const maxAgain = 64

// NotAgainError is why a part of what an array has could not be read anew. The
// whole has to be read then, which says what is wrong, if anything is.
type NotAgainError struct {
	why string
	err error
}

func (e *NotAgainError) Error() string {
	if e.err != nil {
		return e.why + ": " + e.err.Error()
	}
	return e.why
}

func (e *NotAgainError) Unwrap() error { return e.err }

// Again reads anew what an array has of the volumes with these ids, itself, its
// pods and its hosts, and takes everything else from base, an earlier reading
// of all of it. The lists are complete if base's are, and as old as base in all
// that is not about those volumes: evidence.Array.Since says so.
//
// It costs a handful of requests, however many volumes there are. That the
// array gives only what was asked for does not prove that it looked: so each
// question is also about volumes that are known to have what is asked for, and
// without them in the answer it is not believed.
//
// With few it is less: whether the array has the volumes, and connects them.
//
// The error is a *NotAgainError. Nothing is known then.
func (r *Reader) Again(ctx context.Context, base *evidence.Array, ids []string, few bool) (evidence.Array, error) {
	r.session.resume()
	if why := unfitFor(base, ids); why != "" {
		return evidence.Array{}, &NotAgainError{why: why}
	}
	r.controls = controls(base.Volumes.Items)
	r.session.wire.clock.take()
	a := *base
	a.Began = r.session.wire.now()
	if a.Since.IsZero() {
		a.Since = base.Ended
	}
	o := observation{session: r.session, array: &a, scope: newScope(base.Asked)}
	if err := o.readAgain(ctx, base, ids, few); err != nil {
		return evidence.Array{}, err
	}
	clock, contradicted := r.session.wire.clock.take()
	if contradicted > 0 {
		return evidence.Array{}, &NotAgainError{why: fmt.Sprintf("the array's answers disagree about the time by %s", contradicted)}
	}
	a.Clock = clock
	a.TLS = r.session.wire.protection()
	sent := r.session.wire.requests.Load()
	a.Requests = int(sent - r.counted)
	r.counted = sent
	a.Ended = r.session.wire.now()
	return a, nil
}

// unfitFor says why nothing can be built on an earlier reading.
func unfitFor(base *evidence.Array, ids []string) string {
	whys := []string{
		base.Trouble, base.Pods.Why(), base.Volumes.Why(), base.Snapshots.Why(), base.Connections.Why(),
		base.Hosts.Why(), base.HostGroups.Why(), base.Protections.Why(),
	}
	for _, why := range whys {
		if why != "" {
			return "it was not all read before: " + why
		}
	}
	if len(ids) > maxAgain || slices.Contains(ids, "") {
		return fmt.Sprintf("%d volumes are too many to be asked for by id", len(ids))
	}
	return ""
}

func (o *observation) readAgain(ctx context.Context, base *evidence.Array, ids []string, few bool) error {
	var jobs []func() error
	a, s, about := o.array, o.session, named(ids)
	if len(ids) > 0 {
		jobs = append(
			jobs,
			again(ctx, s, &a.Volumes, part[evidence.Volume]{
				all:       o.scope.volumes(),
				parameter: "ids", of: func(v *evidence.Volume) string { return v.ID }, every: true,
				carry: func(fresh, before *evidence.Volume) {
					if fresh.Name == before.Name && fresh.Pod == before.Pod {
						fresh.LXD = before.LXD
					}
				},
			}, ids),
			again(ctx, s, &a.Connections, part[evidence.Connection]{
				all:       question[evidence.Connection]{resource: &connections},
				parameter: "volume_ids", of: func(c *evidence.Connection) string { return c.VolumeID },
			}, ids),
		)
	}
	if len(ids) > 0 && !few {
		jobs = append(
			jobs,
			again(ctx, s, &a.Snapshots, part[evidence.Snapshot]{
				all:       o.scope.snapshots(),
				parameter: "source_ids", of: func(v *evidence.Snapshot) string { return v.SourceID },
				carry: func(fresh, before *evidence.Snapshot) {
					if fresh.Suffix == before.Suffix {
						fresh.LXD = before.LXD
					}
				},
			}, ids),
			again(ctx, s, &a.Protections, part[evidence.Protection]{
				all:       question[evidence.Protection]{resource: &protections},
				parameter: "member_ids", of: func(p *evidence.Protection) string { return p.VolumeID },
			}, ids),
			func() error {
				rows, err := list(ctx, s, question[sample]{resource: &activity, only: url.Values{"ids": {strings.Join(ids, ",")}}})
				if err != nil {
					return err
				}
				// A volume that is not in it is not idle but unknown.
				fresh := convert(rows, func(r *sample) evidence.Activity { return r.Activity })
				a.Activity = replaced(a.Activity, fresh.Items, func(r *evidence.Activity) bool { return about[r.VolumeID] })
				return nil
			},
		)
	}
	if !few {
		jobs = append(
			jobs,
			func() error { return o.readArray(ctx) },
			func() error { return o.readPods(ctx) },
			func() error { return o.readHosts(ctx) },
		)
	}
	for _, err := range sideBySide(len(jobs), func(i int) error { return jobs[i]() }) {
		if err != nil {
			return &NotAgainError{why: "a part of it could not be read", err: err}
		}
	}
	return o.sameEstate(base)
}

// sameEstate holds what is always read against the earlier reading. What it
// shows stands for what is not read again.
func (o *observation) sameEstate(base *evidence.Array) error {
	a := o.array
	switch {
	case !strings.EqualFold(a.ID, base.ID) || a.Version != base.Version:
		return &NotAgainError{why: "another array, or another version of it, answers"}
	case !a.Pods.IsComplete():
		return &NotAgainError{why: "its pods could not all be read: " + a.Pods.Why()}
	case !a.Hosts.IsComplete():
		return &NotAgainError{why: "its hosts could not all be read: " + a.Hosts.Why()}
	case !slices.EqualFunc(a.Pods.Items, base.Pods.Items, samePod):
		return &NotAgainError{why: "its pods are not what they were"}
	case !slices.EqualFunc(a.Hosts.Items, base.Hosts.Items, sameHost):
		return &NotAgainError{why: "its hosts are not what they were"}
	}
	return nil
}

// samePod compares all but what is used.
func samePod(a, b evidence.Pod) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Destroyed == b.Destroyed && a.Promotion == b.Promotion &&
		slices.Equal(a.Arrays, b.Arrays) && a.Links == b.Links
}

// sameHost compares all but how many volumes are connected, which each use of a
// volume changes.
func sameHost(a, b evidence.ArrayHost) bool {
	return a.Name == b.Name && a.Local == b.Local && a.Group == b.Group && a.Destroyed == b.Destroyed &&
		slices.Equal(a.IQNs, b.IQNs) && slices.Equal(a.NQNs, b.NQNs) && slices.Equal(a.WWNs, b.WWNs)
}

func named(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// part is a list of which only what is about some volumes is read.
type part[R any] struct {
	// all is the question for the whole list.
	all question[R]
	// parameter names the volumes, of says about which of them a row is.
	parameter string
	of        func(*R) string
	// every is set where each volume has a row.
	every bool
	// carry gives a row what was concluded from the one before it, if it is the
	// same.
	carry func(fresh, before *R)
}

// isUnchanged reports that the rows of a list that are about volumes are those
// that were read anew.
func (p part[R]) isUnchanged(before, fresh []R, about map[string]bool) bool {
	n := 0
	for i := range before {
		if !about[p.of(&before[i])] {
			continue
		}
		if n == len(fresh) {
			return false
		}
		row := fresh[n]
		if p.carry != nil {
			p.carry(&row, &before[i])
		}
		if !reflect.DeepEqual(row, before[i]) {
			return false
		}
		n++
	}
	return n == len(fresh)
}

// again reads the rows of a list that are about volumes, and replaces those.
func again[R any](ctx context.Context, s *session, place *evidence.List[R], p part[R], ids []string) func() error {
	return func() error {
		about := named(ids)
		controls := controlsOf(place.Items, about, p.of)
		if len(controls) == 0 {
			// Nothing is known that would show that the array looked, so all of
			// it is read: what is about these is all that it has, or had.
			rows, err := list(ctx, s, p.all)
			if err == nil && !rows.IsComplete() {
				err = &NotAgainError{why: rows.Why()}
			}
			*place = rows
			return err
		}
		rows, err := list(ctx, s, question[R]{resource: p.all.resource, only: url.Values{p.parameter: {strings.Join(append(slices.Clone(ids), controls...), ",")}}})
		switch {
		case err != nil:
			return err
		case !rows.IsComplete():
			return &NotAgainError{why: rows.Why()}
		}
		seen, fresh := map[string]bool{}, make([]R, 0, len(rows.Items))
		for row := range evidence.Refs(rows.Items) {
			id := p.of(row)
			seen[id] = true
			switch {
			case !about[id]:
			case p.all.ours != nil && !p.all.ours(row):
				return &NotAgainError{why: p.all.label(row) + " has left its pod"}
			default:
				fresh = append(fresh, *row)
			}
		}
		for _, id := range controls {
			if !seen[id] {
				return &NotAgainError{why: "what the array certainly had is not in its answer to " + p.parameter}
			}
		}
		for _, id := range ids {
			if p.every && !seen[id] {
				return &NotAgainError{why: "volume " + id + " is not there any more"}
			}
		}
		if p.isUnchanged(place.Items, fresh, about) {
			return nil // and none of the others has to be copied
		}
		*place = replaced(*place, fresh, func(row *R) bool { return about[p.of(row)] })
		return nil
	}
}

// controlsOf are two volumes, far from each other in a list, that have rows in
// it and are not asked about anyway.
func controlsOf[R any](rows []R, about map[string]bool, of func(*R) string) []string {
	var found []string
	fits := func(id string) bool { return id != "" && !about[id] && !slices.Contains(found, id) }
	for i := range rows {
		if id := of(&rows[i]); fits(id) {
			found = append(found, id)
			break
		}
	}
	for i := len(rows) - 1; i >= 0 && len(found) == 1; i-- {
		if id := of(&rows[i]); fits(id) {
			found = append(found, id)
		}
	}
	return found
}

// replaced is a list with the rows of it that are about something replaced by
// fresh ones.
func replaced[R any](rows evidence.List[R], fresh []R, about func(*R) bool) evidence.List[R] {
	items := make([]R, 0, len(rows.Items)+len(fresh))
	for i := range rows.Items {
		if !about(&rows.Items[i]) {
			items = append(items, rows.Items[i])
		}
	}
	items = append(items, fresh...)
	if !rows.IsComplete() {
		return evidence.Incomplete(items, rows.Why())
	}
	return evidence.Complete(items)
}

// Forget takes from a reading what it has of volumes that are gone.
func Forget(a *evidence.Array, gone map[string]bool) {
	a.Volumes = replaced(a.Volumes, nil, func(v *evidence.Volume) bool { return gone[v.ID] })
	a.Snapshots = replaced(a.Snapshots, nil, func(s *evidence.Snapshot) bool { return gone[s.SourceID] })
	a.Connections = replaced(a.Connections, nil, func(c *evidence.Connection) bool { return gone[c.VolumeID] })
	a.Protections = replaced(a.Protections, nil, func(p *evidence.Protection) bool { return gone[p.VolumeID] })
	a.Activity = replaced(a.Activity, nil, func(s *evidence.Activity) bool { return gone[s.VolumeID] })
}

// Counts compares how many live volumes and snapshots the pods have by the
// array's own count with how many are known. A difference means that something
// came, went or was recovered that nobody asked for.
func (r *Reader) Counts(ctx context.Context, said *evidence.Array) error {
	where := newScope(said.Asked).where(inPods)
	if where == "" {
		return &NotAgainError{why: "there are no pods, or too many, to count in"}
	}
	live := func(destroyed evidence.Answer) bool { return !destroyed.Is() }
	known := map[string]int64{}
	for i := range said.Volumes.Items {
		if live(said.Volumes.Items[i].Destroyed) {
			known["volumes"]++
		}
	}
	for i := range said.Snapshots.Items {
		if live(said.Snapshots.Items[i].Destroyed) {
			known["volume-snapshots"]++
		}
	}
	var group errgroup.Group
	for _, path := range []string{"volumes", "volume-snapshots"} {
		group.Go(func() error {
			n, err := r.session.count(ctx, path, url.Values{"filter": {where}, "destroyed": {"false"}})
			switch {
			case err != nil:
				return &NotAgainError{why: "its " + path + " could not be counted", err: err}
			case n != known[path]:
				return &NotAgainError{why: fmt.Sprintf("it counts %d live %s, and %d are known", n, path, known[path])}
			}
			return nil
		})
	}
	return group.Wait()
}

// count asks how many rows a list has, and reads none of them.
func (s *session) count(ctx context.Context, path string, query url.Values) (int64, error) {
	query.Set("limit", strconv.Itoa(1))
	query.Set("total_item_count", "true")
	var e envelope
	c := call{op: "count " + path, path: "/api/" + s.api.String() + "/" + path, query: query}
	err := s.get(ctx, c, func(_ http.Header, body io.Reader) (err error) {
		e, _, err = readPage(body, nil, (*jsonpull.Cursor).Skip, func() {})
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case !e.total.Known:
		return 0, fmt.Errorf("the array does not say how many %s there are", path)
	}
	return e.total.N, nil
}
