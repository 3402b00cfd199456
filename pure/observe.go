package pure

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/evidence"
)

// maxFilterPods is for how many pods a filter is written. An array with more
// of ours is read whole and sorted out here.
const maxFilterPods = 32

// podName is what an array accepts as a pod's name. Nothing else is ever
// written into a filter.
var podName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

// Observe reads everything that concerns the pods, whose names may be given
// in any case. It never fails: what could not be read is in a list that says
// so, and Trouble sums it up. A pod that the array does not have is no
// trouble but a fact, see evidence.Array.Absent.
//
// It costs one request per kind of object and one more per page, however
// many volumes there are, up to four at a time.
func (r *Reader) Observe(ctx context.Context, pods []string) evidence.Array {
	r.session.resume()
	r.session.memory.taken.Store(0) // what was read before is the caller's
	began := r.opened
	if r.observed {
		began = r.session.wire.now()
		r.session.wire.clock.take() // what was heard since the last time is old
	}
	a := evidence.Array{
		Source:  evidence.Source{Name: r.gateway, Began: began},
		Gateway: r.gateway,
		API:     r.session.api.String(),
		Newest:  r.session.newest.String(),
		Asked:   append([]string{}, pods...),
	}
	o := observation{session: r.session, array: &a, scope: newScope(pods)}
	o.read(ctx)
	unify(&a)

	r.controls = controls(a.Volumes.Items)
	clock, contradicted := r.session.wire.clock.take()
	a.Clock = clock
	if contradicted > 0 {
		o.trouble(fmt.Errorf("the array's answers disagree about the time by %s", contradicted))
	}
	a.Trouble, a.Hint = o.sum()
	a.TLS = r.session.wire.protection()
	sent := r.session.wire.requests.Load()
	a.Requests = int(sent - r.counted)
	r.counted, r.observed = sent, true
	a.Ended = r.session.wire.now()
	return a
}

// scope is which pods are ours.
type scope struct {
	asked  map[string]bool // folded
	filter []string        // in a fixed order
	// refused says of each pod that could not be asked for why.
	refused []string
}

func newScope(pods []string) scope {
	s := scope{asked: map[string]bool{}}
	for _, pod := range pods {
		switch {
		case !podName.MatchString(pod):
			s.refused = append(s.refused, fmt.Sprintf("pod %q was not asked for: no array has a pod of such a name", pod))
		case !s.asked[fold(pod)]:
			s.asked[fold(pod)] = true
			s.filter = append(s.filter, pod)
		}
	}
	slices.Sort(s.filter)
	return s
}

// where writes a filter with one term per pod; term holds a %s.
func (s scope) where(term string) string {
	if len(s.filter) > maxFilterPods {
		return ""
	}
	terms := make([]string, len(s.filter))
	for i, pod := range s.filter {
		terms[i] = fmt.Sprintf(term, pod)
	}
	return strings.Join(terms, " or ")
}

// holds reports whether an object is in one of the pods, or can't be told
// not to be: by the pod that it names, or by its own name.
func (s scope) holds(pod, name string) bool {
	before, _, inPod := strings.Cut(name, "::")
	switch {
	case pod == "" && name == "":
		return true
	case pod != "" && s.asked[fold(pod)]:
		return true
	default:
		return inPod && s.asked[fold(before)]
	}
}

// inPods is the filter for what lies in our pods.
const inPods = "pod.name='%s'"

// volumes asks for the volumes of our pods, snapshots for their snapshots.
func (s scope) volumes() question[evidence.Volume] {
	return question[evidence.Volume]{
		resource: &volumes, filter: s.where(inPods),
		ours: func(v *evidence.Volume) bool { return s.holds(v.Pod, v.Name) },
	}
}

func (s scope) snapshots() question[evidence.Snapshot] {
	return question[evidence.Snapshot]{
		resource: &snapshots, filter: s.where(inPods),
		ours: func(v *evidence.Snapshot) bool { return s.holds(v.Pod, v.Name) },
	}
}

// observation is one reading of an array.
type observation struct {
	session *session
	array   *evidence.Array
	scope   scope
	// failed are what could not be read at all, by name, and why.
	failed []failedList
	other  []error
}

type failedList struct {
	name string
	err  error
}

func (o *observation) read(ctx context.Context) {
	jobs := o.jobs()
	for i, err := range sideBySide(len(jobs), func(i int) error { return jobs[i].read(ctx) }) {
		if err != nil {
			o.failed = append(o.failed, failedList{jobs[i].name, err})
		}
	}
}

// sideBySide reads n lists, as many at a time as the array may be asked for. One
// that fails does not stop the others.
func sideBySide(n int, read func(i int) error) []error {
	errs := make([]error, n)
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range n {
		group.Go(func() error {
			errs[i] = read(i)
			return nil
		})
	}
	_ = group.Wait() // the errors are in the slice
	return errs
}

// job reads one list into its place.
type job struct {
	name string
	read func(context.Context) error
}

// jobs are in the order in which they start: those with the most pages first,
// so that none of them is left alone at the end.
func (o *observation) jobs() []job {
	a, s, scope := o.array, o.session, o.scope
	return []job{
		{"connections", into(&a.Connections, nil, s, question[evidence.Connection]{resource: &connections})},
		{"volumes", ofPods(scope, &a.Volumes, s, scope.volumes())},
		{"snapshots", ofPods(scope, &a.Snapshots, s, scope.snapshots())},
		{"activity", o.readActivity},
		{"protections", into(&a.Protections, nil, s, question[evidence.Protection]{resource: &protections})},
		{"hosts", o.readHosts},
		{"host groups", into(&a.HostGroups, nil, s, question[evidence.HostGroup]{resource: &hostGroups})},
		{"pods", o.readPods},
		{"the array itself", o.readArray},
	}
}

// into reads a list into its place; refused are reasons why it lacks some.
func into[R any](place *evidence.List[R], refused []string, s *session, q question[R]) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		*place, err = list(ctx, s, q)
		*place = notAsked(*place, refused)
		return err
	}
}

// ofPods is into for what lies in pods: nothing does when there are none, and
// a request without a filter would bring the whole array.
func ofPods[R any](scope scope, place *evidence.List[R], s *session, q question[R]) func(context.Context) error {
	if len(scope.filter) == 0 {
		return func(context.Context) error {
			*place = notAsked(evidence.Complete([]R{}), scope.refused)
			return nil
		}
	}
	return into(place, scope.refused, s, q)
}

func (o *observation) readPods(ctx context.Context) error {
	rows, err := list(ctx, o.session, question[podRow]{
		resource: &pods,
		ours:     func(p *podRow) bool { return p.Name == "" || o.scope.asked[fold(p.Name)] },
	})
	o.array.Pods = notAsked(convert(rows, func(p *podRow) evidence.Pod { return p.Pod }), o.scope.refused)
	return err
}

func (o *observation) readActivity(ctx context.Context) error {
	var rows evidence.List[sample]
	err := ofPods(o.scope, &rows, o.session, question[sample]{
		// A filter by name with a wildcard is less reliable than one by pod,
		// which this list does not know; whatever it leaves out is unknown.
		resource: &activity, filter: o.scope.where("name='%s::*'"),
		ours: func(s *sample) bool { return o.scope.holds("", s.VolumeName) },
	})(ctx)
	o.array.Activity = convert(rows, func(s *sample) evidence.Activity { return s.Activity })
	return err
}

func (o *observation) readHosts(ctx context.Context) error {
	rows, err := list(ctx, o.session, question[evidence.ArrayHost]{resource: &hosts})
	if o.session.newest.compare(withDestroyedHosts) < 0 {
		// Such an array has no destroyed hosts.
		for i := range rows.Items {
			rows.Items[i].Destroyed = evidence.No
		}
	}
	o.array.Hosts = rows
	return err
}

// readArray learns who answers.
func (o *observation) readArray(ctx context.Context) error {
	row, err := o.session.itself(ctx)
	a := o.array
	a.ID, a.Version, a.ManualEradication = row.ID, row.Version, row.ManualEradication
	a.Name = cmp.Or(row.Name, a.Name)
	a.EradicationDelay = row.Delay
	if row.Delay == 0 {
		a.EradicationDelay = row.EnabledDelay
	}
	return err
}

func convert[R, T any](rows evidence.List[R], to func(*R) T) evidence.List[T] {
	items := make([]T, len(rows.Items))
	for i := range rows.Items {
		items[i] = to(&rows.Items[i])
	}
	if rows.IsComplete() {
		return evidence.Complete(items)
	}
	return evidence.Incomplete(items, rows.Why())
}

func (o *observation) trouble(err error) { o.other = append(o.other, err) }

// sum says in one sentence what could not be read, and what can be done.
func (o *observation) sum() (trouble, hint string) {
	var parts []string
	if len(o.failed) > 0 {
		names := make([]string, len(o.failed))
		for i, f := range o.failed {
			names[i] = f.name
		}
		what := "could not read " + strings.Join(names, ", ")
		if len(o.failed) == len(o.jobs()) {
			what = "nothing could be read"
		}
		parts = append(parts, what+": "+o.failed[0].err.Error())
		hint = Hint(o.failed[0].err)
	}
	for _, err := range o.other {
		parts = append(parts, err.Error())
		hint = cmp.Or(hint, Hint(err))
	}
	return strings.Join(parts, "; "), hint
}
