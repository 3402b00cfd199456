package records

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/evidence"
)

// atOnce bounds the requests that LXD has to answer at the same time.
const atOnce = 4

// answers are LXD's answers to everything that was asked, as they came.
type answers struct {
	server     reply[serverRow]
	pools      reply[[]poolRow]
	projects   reply[[]projectRow]
	members    reply[[]memberRow]
	operations reply[map[string][]operationRow]
	instances  reply[[]instanceRow]
	// volumes has one answer for each of pure(), in that order.
	volumes []reply[[]evidence.Record]
	// servers has the answers of the other members, by name.
	servers map[string]reply[serverRow]
	// project has the rows of projects by name.
	project map[string]projectRow
	// down are the members that are said to be down.
	down []string
	// before is what the volumes' rows were partly taken from; nil is nothing.
	before *earlier
}

// Observe reads everything. It never fails: each list says why it may lack
// something, and Trouble sums it up.
//
// What LXD is doing is read before the list of volumes. Read the other way
// round, an operation that ends in between would leave a volume with neither a
// record nor an operation to excuse it. For the same reason the caller reads
// the array first.
func (r *Reader) Observe(ctx context.Context) evidence.LXD { return r.observe(ctx, nil) }

func (r *Reader) observe(ctx context.Context, before *earlier) evidence.LXD {
	began := r.now()
	a := &answers{server: r.server(ctx, ""), down: r.down, before: before}
	if a.server.err != nil && hopeless(a.server.err) {
		return r.silence(evidence.Source{Name: r.socket, Began: began}, a.server.err)
	}
	r.askFirst(ctx, a)
	r.askVolumes(ctx, a)
	out, hint := a.testimony(nil)
	if clashes := a.clashes(out); len(clashes) > 0 {
		// LXD may have been creating or deleting while we read. What clashes
		// twice, with everything read anew in between, is no coincidence.
		a.pools, a.before = r.pools(ctx, nil), nil
		r.askVolumes(ctx, a)
		out, hint = a.testimony(clashes)
	}
	out.Source = evidence.Source{
		Name:     a.server.value.name(),
		Began:    began,
		Ended:    r.now(),
		Requests: r.requests(),
		Trouble:  trouble(out),
		Hint:     hint,
	}
	out.Source.Name = cmp.Or(out.Source.Name, r.socket)
	out.Dir = r.dir
	return out
}

// askFirst asks for all that has to be known before the volumes are listed.
func (r *Reader) askFirst(ctx context.Context, a *answers) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	group.Go(func() error { a.operations = r.operations(ctx); return nil })
	group.Go(func() error { a.pools = r.pools(ctx, a.before); return nil })
	group.Go(func() error { a.projects = r.projects(ctx); return nil })
	if a.server.value.clustered().Is() {
		group.Go(func() error { a.members = r.members(ctx); return nil })
	}
	_ = group.Wait()
	a.project = make(map[string]projectRow, len(a.projects.value))
	for _, row := range a.projects.value {
		a.project[row.Name] = row
	}
}

// askVolumes asks for the volumes and for those who use them.
func (r *Reader) askVolumes(ctx context.Context, a *answers) {
	pools, members := a.pure(), a.others()
	a.volumes = make([]reply[[]evidence.Record], len(pools))
	servers := make([]reply[serverRow], len(members))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, pool := range pools {
		group.Go(func() error { a.volumes[i] = r.poolVolumes(ctx, pool, a.before); return nil })
	}
	group.Go(func() error { a.instances = r.instances(ctx, a.before); return nil })
	for i, member := range members {
		group.Go(func() error { servers[i] = r.member(ctx, member); return nil })
	}
	_ = group.Wait()
	if a.before != nil && !a.before.isSameProcess(ctx, r) {
		a.before = nil
		for i, pool := range pools {
			a.volumes[i] = r.poolVolumes(ctx, pool, nil)
		}
	}
	a.servers = make(map[string]reply[serverRow], len(members))
	for i, member := range members {
		a.servers[member] = servers[i]
	}
}

// The lists of evidence.LXD, by the names they have in a summary.
const (
	listPools      = "pools"
	listRecords    = "records"
	listInstances  = "instances"
	listMembers    = "members"
	listOperations = "operations"
	listDaemon     = "daemon volumes"
)

// testimony turns the answers into evidence, and uses up those with the most
// rows: they are not needed beside what they become. It gives the first thing that
// the operator can do about what is missing. Of the clashes between LXD's
// lists, those count that an earlier reading had too.
func (a *answers) testimony(before []clash) (evidence.LXD, string) {
	out := evidence.LXD{
		Version:   a.server.value.Environment.Version,
		Clustered: a.server.value.clustered(),
		Server:    a.server.value.name(),
	}
	var scope doubts
	out.SeesAll, out.SeesAllWhy = a.rights()
	if !out.SeesAll.Is() {
		scope.add("it is not proven that LXD shows us everything: %s", out.SeesAllWhy)
		// What was not answered says nothing of our rights.
		if err := errors.Join(a.server.err, a.pools.err); err != nil {
			scope.advise(Hint(err))
		} else {
			scope.advise(Hint(errForbidden))
		}
	}
	a.projectDoubts(&scope)

	var members, own doubts
	pools, records, instances, operations := scope.copy(), scope.copy(), scope.copy(), scope.copy()
	a.extensionDoubts(map[string]*doubts{listRecords: &records, listInstances: &instances, listOperations: &operations})

	out.Members = list(a.memberList(&members), &members)
	out.DaemonVolumes = list(a.daemonVolumes(out.Members, &own), &own)
	out.Operations = list(a.operationList(out.Members, &operations), &operations)
	out.Pools = list(a.poolList(&pools), &pools)
	out.Instances = list(a.instanceList(&instances), &instances)
	out.Records = list(a.recordList(out.Pools, &records), &records)

	if len(before) > 0 {
		for _, c := range a.clashes(out) {
			if !slices.ContainsFunc(before, c.same) {
				continue
			}
			d := &records
			if c.list == listInstances {
				d = &instances
			}
			d.add("%s", c.why)
			d.advise(clashHint)
		}
		out.Instances = list(out.Instances.Items, &instances)
		out.Records = list(out.Records.Items, &records)
	}
	for _, d := range []*doubts{&pools, &records, &instances, &members, &operations, &own} {
		if d.hint != "" {
			return out, d.hint
		}
	}
	return out, ""
}

// silence is the testimony of an LXD that does not speak.
func (r *Reader) silence(source evidence.Source, err error) evidence.LXD {
	why := err.Error()
	source.Ended = r.now()
	source.Requests = r.requests()
	source.Trouble, source.Hint = why, Hint(err)
	return evidence.LXD{
		Source:        source,
		Dir:           r.dir,
		SeesAllWhy:    why,
		Pools:         evidence.Incomplete([]evidence.Pool{}, why),
		Records:       evidence.Incomplete([]evidence.Record{}, why),
		Instances:     evidence.Incomplete([]evidence.Instance{}, why),
		Members:       evidence.Incomplete([]evidence.Member{}, why),
		Operations:    evidence.Incomplete([]evidence.Operation{}, why),
		DaemonVolumes: evidence.Incomplete([]evidence.DaemonVolume{}, why),
	}
}

// trouble sums up which lists are not complete, and why.
func trouble(out evidence.LXD) string {
	d := &doubts{}
	for _, l := range []struct{ name, why string }{
		{listPools, out.Pools.Why()},
		{listRecords, out.Records.Why()},
		{listInstances, out.Instances.Why()},
		{listMembers, out.Members.Why()},
		{listOperations, out.Operations.Why()},
		{listDaemon, out.DaemonVolumes.Why()},
	} {
		if l.why != "" {
			d.add("%s: %s", l.name, l.why)
		}
	}
	return d.why()
}

// member asks one member of the cluster for its configuration.
func (r *Reader) member(ctx context.Context, name string) reply[serverRow] {
	got := r.server(ctx, name)
	if answered := got.value.Environment.Name; got.err == nil && answered != name {
		got.err = fmt.Errorf("%w: %q answered instead of %q", errMalformed, answered, name)
	}
	return got
}
