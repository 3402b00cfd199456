// Package witness asks the three witnesses, the array, LXD and the host, in
// the order in which nothing that happens meanwhile can make a live volume
// look like a leftover.
//
// LXD writes its record before it creates the volume, and deletes the volume
// before the record. So the array's volumes are read first and LXD's records
// after them: a volume that is created in between is not in the first list,
// and one that is in the first list and not in the second had no record the
// whole time. The other way round, every volume created in between would
// look leaked. Operations are read before the records for the same reason
// (package records), and the hosts last, because use can begin at any time. At
// the end LXD is asked once more for what it has begun meanwhile: other members'
// machines take their time.
package witness

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/wait"
)

// Options says whom to ask and how.
type Options struct {
	Config  config.Config
	Records records.Options
	Array   pure.Options
	// Host is the machine whose devices are read.
	Host devices.System
	// Fleet asks the machines of the other members; nil asks none.
	Fleet Fleet
	// Told is the testimony of machines that can't be asked, from files. It
	// counts where no machine of that name answers.
	Told []evidence.Host
	// Down are the members that the operator says are down. They are not
	// asked.
	Down []string
	// Seen is what earlier runs remembered; it is passed on.
	Seen []evidence.Sighting
	// Pools limits the question to these pools; empty means all.
	Pools []string
	// Getenv is os.Getenv outside of tests.
	Getenv func(string) string
	// Thorough also asks for what only advice rests on: the array's ports and
	// the token's role, and the hosts' logs. Live in addition tries to connect
	// to the array's portals from here; it needs Thorough.
	Thorough, Live bool
	// Logs reads this host's logs alone, for the causes that they prove.
	Logs bool
	// Dial opens a TCP connection; nil is the network's own.
	Dial func(ctx context.Context, address string) error
	// Limit sets the deadline of one witness; nil is context.WithTimeoutCause.
	Limit func(context.Context, time.Duration, error) (context.Context, context.CancelFunc)
	// Whole also asks the arrays for what they have outside the pools' pods:
	// the question is about one object, which may be anywhere.
	Whole bool
	// Ports also asks them for their target ports, as Thorough does: the object
	// may be one, or a way to one.
	Ports bool
	// Progress is told when somebody is asked, how far that is, and when it is
	// done, by several at once.
	Progress func(Asking)
	// Now is time.Now outside of tests, and Uptime the clock that runs on in
	// suspend.
	Now    func() time.Time
	Uptime func() time.Duration

	// past are the volumes whose audit trail the look is about.
	past []string
	// sought is Scope.Sought.
	sought []string
}

// Fleet asks one member's machine for its devices. It never fails: the
// testimony says why it is none, under the member's name.
type Fleet interface {
	Ask(ctx context.Context, member string) evidence.Host
}

// UnknownPoolError is a pool that neither LXD nor the configuration knows.
type UnknownPoolError struct {
	Name  string
	Known []string
}

func (e *UnknownPoolError) Error() string {
	if len(e.Known) == 0 {
		return fmt.Sprintf("there is no pool %q: LXD has no pool with driver pure", e.Name)
	}
	return fmt.Sprintf("there is no pool %q with driver pure; there is %s", e.Name, strings.Join(e.Known, ", "))
}

// ArrayAccess says how each array that answered was reached, by the array's id. Who
// changes something on it reaches it in the same way.
type ArrayAccess map[string]pure.Access

// Ask returns everything that the witnesses said. A witness that can't be
// asked does not fail it: its part of the World says why. The only error is
// an *UnknownPoolError.
func Ask(ctx context.Context, o Options) (evidence.World, error) {
	world, _, err := AskAndRemember(ctx, o)
	return world, err
}

// AskAndRemember is Ask, and says how each array was reached.
func AskAndRemember(ctx context.Context, o Options) (evidence.World, ArrayAccess, error) {
	var w Watch
	defer w.Close(ctx)
	return w.Look(ctx, o, evidence.Scope{})
}

// look asks everybody. Of the arrays it asks for everything, or what part says
// is to be read anew; what stands in the way of that is part's to say. LXD is
// asked for what rows, another part or the same, does not know.
func (w *Watch) look(ctx context.Context, o Options, part, rows *part) (evidence.World, []*array, error) {
	world := evidence.World{Seen: o.Seen}

	limits := o.limits(ctx)
	reader, pools, err := o.openRecords(ctx, limits)
	if err != nil {
		world.LXD.Source = o.silent("LXD", err, records.Hint(err))
	}
	asked, err := o.choose(pools, err == nil)
	if err != nil {
		return world, nil, err
	}

	arrays := group(asked)
	w.take(arrays)
	if !part.fits(arrays) {
		return world, arrays, part.err
	}
	o.Array.Memory /= int64(max(1, len(arrays)+o.peers())) // they are read side by side
	world.Arrays = o.observeArrays(ctx, limits, arrays, part)
	if part.failed() {
		return world, arrays, part.err
	}
	arrays = o.askPeers(ctx, limits, arrays, &world)

	var host evidence.Host
	var log *evidence.Log
	var both sync.WaitGroup
	both.Go(func() {
		if reader != nil {
			ctx, cancel := limits.of(ctx, estate, "LXD")
			defer cancel()
			world.LXD = o.observeRecords(ctx, reader, asked, rows.recorded(world.Arrays))
		}
	})
	both.Go(func() { host = o.observeHost(ctx, limits, part.serials(world.Arrays)) })
	both.Go(func() {
		if o.Logs || o.Thorough {
			log = o.readLog(ctx, limits)
		}
	})
	both.Wait() // their evidence says what failed
	world.Hosts = o.observeHosts(ctx, limits, &world.LXD, host, part.kept(world.Arrays))
	part.disown(&world.LXD, world.Hosts)
	world.Hosts[0].Log = log
	if o.Thorough {
		o.askMore(ctx, limits, arrays, &world)
	}
	outside := o.Whole || o.leftPods(world.Arrays)
	each(len(arrays), func(i int) {
		ctx, cancel := limits.of(ctx, serials, arrays[i].title())
		defer cancel()
		part.changes(ctx, arrays[i], &world.Arrays[i], &world)
		o.lookUp(ctx, arrays[i], &world.Arrays[i], world.Hosts)
		if part == nil {
			o.lookElsewhere(ctx, arrays[i], &world.Arrays[i], &world, outside)
			if o.Ports && arrays[i].reader != nil {
				arrays[i].reader.Ports(ctx, &world.Arrays[i])
			}
		}
		o.lookTrail(ctx, arrays[i], &world.Arrays[i], &world.LXD, part)
	})
	if part.failed() {
		return world, arrays, part.err
	}
	if reader != nil {
		ctx, cancel := limits.of(ctx, serials, "LXD")
		reader.Later(ctx, &world.LXD)
		cancel()
	}
	for i, a := range arrays {
		if len(a.pins) == 0 {
			suspect(&world.Arrays[i], &world)
		}
	}
	return world, arrays, nil
}

// lookPart asks for what a part says is to be read anew.
func (w *Watch) lookPart(ctx context.Context, o Options, part *part) (evidence.World, []*array, error) {
	if part.scope.Anew == evidence.AnewHosts || part.scope.Anew == evidence.AnewArray {
		return w.lookAgain(ctx, o, part)
	}
	return w.look(ctx, o, part, part)
}

// lookAgain asks the hosts, or the arrays, or both, and takes the rest from the
// look before.
func (w *Watch) lookAgain(ctx context.Context, o Options, part *part) (evidence.World, []*array, error) {
	world, limits := part.base.world, o.limits(ctx)
	world.Seen = o.Seen
	arrays := make([]*array, len(part.base.arrays))
	for i, a := range part.base.arrays {
		again := *a
		again.reader = nil // another look may use it
		arrays[i] = &again
	}
	w.take(arrays)
	if part.scope.Anew == evidence.AnewArray {
		world.Arrays = o.observeArrays(ctx, limits, arrays, part)
		if len(o.past) > 0 && !part.failed() {
			each(len(arrays), func(i int) {
				ctx, cancel := limits.of(ctx, serials, arrays[i].title())
				defer cancel()
				o.lookTrail(ctx, arrays[i], &world.Arrays[i], &world.LXD, part)
			})
		}
	} else {
		world.Hosts = o.observeHosts(ctx, limits, &world.LXD, o.observeHost(ctx, limits, part.serials(world.Arrays)), part.kept(world.Arrays))
		part.disown(&world.LXD, world.Hosts)
	}
	if part.failed() {
		return world, arrays, part.err
	}
	return world, arrays, nil
}

func (o Options) observeArrays(ctx context.Context, limits limits, arrays []*array, part *part) []evidence.Array {
	all := make([]evidence.Array, len(arrays))
	each(len(arrays), func(i int) {
		ctx, cancel := limits.of(ctx, lists, arrays[i].title())
		defer cancel()
		all[i] = o.observeArray(ctx, arrays[i], part)
	})
	return all
}

// accessOf is how each array was reached, with the id that it answered with:
// whoever reaches it again must find the same one.
func accessOf(arrays []*array, world evidence.World) ArrayAccess {
	all := ArrayAccess{}
	for i, a := range arrays {
		if id := world.Arrays[i].ID; id != "" {
			access := a.pure
			access.ID = id
			all[id] = access
		}
	}
	return all
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Uptime == nil {
		o.Uptime = wait.Uptime
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	if o.Progress == nil {
		o.Progress = func(Asking) {}
	}
	return o
}

// silent is the source of a witness that said nothing at all.
func (o Options) silent(name string, err error, hint string) evidence.Source {
	now := o.Now()
	return evidence.Source{Name: name, Began: now, Ended: now, Trouble: err.Error(), Hint: hint}
}

// openRecords returns a reader even when only the pools could not be listed:
// there may be more to learn from it, and it says itself what is missing.
func (o Options) openRecords(ctx context.Context, l limits) (*records.Reader, []records.PoolAccess, error) {
	ctx, cancel := l.of(ctx, opening, "LXD")
	defer cancel()
	defer o.asking(ctx, "lxd", "LXD")()
	reader, err := records.Open(ctx, o.Records)
	if err != nil {
		return nil, nil, err
	}
	pools, err := reader.Pools(ctx)
	return reader, pools, err
}

// choose joins LXD's pools with the configured ones and limits them to those
// asked for.
func (o Options) choose(found []records.PoolAccess, lxdListed bool) ([]access, error) {
	known := map[string]access{}
	for _, pool := range found {
		known[pool.Pool.Name] = o.access(pool)
	}
	for name := range o.Config.Pools {
		if _, ok := known[name]; !ok && o.Config.Pools[name].Array.URL != "" {
			known[name] = o.access(records.PoolAccess{Pool: evidence.Pool{Name: name}, Verify: true})
		}
	}
	for _, pool := range found {
		name := pool.Pool.Name
		if strays := o.strays(found, name); lxdListed && len(strays) > 0 {
			one := known[name]
			one.err = &StrayPoolError{Pool: name, Names: strays}
			known[name] = one
		}
	}
	names := slices.Sorted(maps.Keys(known))
	wanted := names
	if len(o.Pools) > 0 {
		wanted = slices.Compact(slices.Sorted(slices.Values(o.Pools)))
	}
	var asked []access
	for _, name := range wanted {
		pool, ok := known[name]
		if !ok && lxdListed {
			return nil, &UnknownPoolError{Name: name, Known: names}
		}
		if ok {
			asked = append(asked, pool)
		}
	}
	return asked, nil
}

// strays are names in the configuration that LXD does not have, and that may mean
// one of its pools: those that differ from the pool's in case only, and all of them
// where the configuration does not name the pool. One that several clusters share
// names the pools of the others, too.
func (o Options) strays(found []records.PoolAccess, pool string) []string {
	_, own := o.Config.Pools[pool]
	return slices.DeleteFunc(slices.Sorted(maps.Keys(o.Config.Pools)), func(name string) bool {
		isLXDs := slices.ContainsFunc(found, func(p records.PoolAccess) bool { return p.Pool.Name == name })
		return isLXDs || own && !strings.EqualFold(name, pool)
	})
}

// StrayPoolError is a configuration that names pools which LXD does not have, and
// may mean one that it has. What it says of them, such as a pin or a limit, is not
// in force.
type StrayPoolError struct {
	Pool  string
	Names []string
}

func (e *StrayPoolError) Error() string {
	return fmt.Sprintf("the configuration speaks of pool %s, which LXD does not have: if %s is meant, what is said of it, such as a pin or a limit, is not in force; the array was not read; spell the name as LXD does, or give %s an entry of its own",
		strings.Join(e.Names, ", "), e.Pool, e.Pool)
}

func (o Options) observeRecords(ctx context.Context, reader *records.Reader, asked []access, observe func(context.Context, *records.Reader) evidence.LXD) evidence.LXD {
	defer o.asking(ctx, "lxd", "LXD")()
	lxd := observe(ctx, reader)
	// What was really asked is what the pools' gateways are.
	for i, pool := range lxd.Pools.Items {
		for _, a := range asked {
			if a.pool == pool.Name {
				lxd.Pools.Items[i].Gateway = a.pure.URL
			}
		}
	}
	return lxd
}

// observeHost reads this machine; with serials, all there is about these.
func (o Options) observeHost(ctx context.Context, l limits, serials []evidence.Serial) evidence.Host {
	ctx, cancel := l.of(ctx, estate, "this host")
	defer cancel()
	defer o.asking(ctx, "host", o.Host.Hostname)()
	host := devices.ObserveVolumes(ctx, o.Host, serials)
	host.Hint = lateHint(ctx, host.Trouble, host.Hint)
	return host
}

// observeHosts adds the machines of the other members to this one.
func (o Options) observeHosts(ctx context.Context, l limits, lxd *evidence.LXD, here evidence.Host, kept map[string]*evidence.Host) []evidence.Host {
	if server := lxd.Server; server != "" && server != "none" {
		// The socket that answered is this machine's, so it is that member,
		// whatever the machine calls itself.
		here.Name = server
	}
	return o.observeOthers(ctx, l, lxd, here, kept)
}

// setOf is the set of what f gives of each item.
func setOf[T any, K comparable](items []T, f func(*T) K) map[K]bool {
	set := make(map[K]bool, len(items))
	for one := range evidence.Refs(items) {
		set[f(one)] = true
	}
	return set
}

// each runs f for 0..n-1 side by side and returns when all have.
func each(n int, f func(int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}

// lookUp asks the array for the serials that hosts show and that are not in
// our pods: a device of a volume elsewhere on the array, of the machine's
// boot disk above all, must not pass for one whose volume is gone.
func (o Options) lookUp(ctx context.Context, a *array, said *evidence.Array, hosts []evidence.Host) {
	if a.reader == nil {
		return
	}
	serials := shown(hosts)
	known := make(map[evidence.Serial]bool, len(serials))
	for _, serial := range serials {
		known[serial] = false
	}
	tell := func(serial evidence.Serial) {
		if _, asked := known[serial]; asked {
			known[serial] = true
		}
	}
	for i := range said.Volumes.Items {
		tell(said.Volumes.Items[i].Serial)
	}
	for i := range said.Lookups {
		tell(said.Lookups[i].Serial) // in the reading that this one is built on
	}
	unknown := slices.DeleteFunc(serials, func(serial evidence.Serial) bool { return known[serial] })
	if len(unknown) == 0 {
		return
	}
	said.Lookups = append(slices.Clip(said.Lookups), a.reader.Lookup(ctx, unknown)...)
	var untold []string
	for _, answer := range said.Lookups {
		if _, err := evidence.ParseSerial(string(answer.Serial)); err == nil && answer.Found == evidence.Unknown {
			untold = append(untold, string(answer.Serial))
		}
	}
	if len(untold) > 0 && said.Trouble == "" {
		// What becomes of these devices is not known, and no list says so.
		said.Trouble = fmt.Sprintf("the array could not be asked for %d of the serials that devices of hosts show, such as %s", len(untold), untold[0])
		said.Hint = lateHint(ctx, said.Trouble, "try again; pureclean scan -v shows the requests and their answers")
	}
}

// shown lists every serial that a host's devices carry, cached or live, in a
// fixed order.
func shown(hosts []evidence.Host) []evidence.Serial {
	var all []evidence.Serial
	for _, host := range hosts {
		for _, disk := range host.Disks.Items {
			all = append(all, disk.Serial, disk.Live.Serial)
		}
		for _, m := range host.Maps.Items {
			all = append(all, m.Serial)
		}
		for _, namespace := range host.Namespaces.Items {
			all = append(all, namespace.Serial)
		}
		for _, link := range host.Links.Items {
			all = append(all, link.Serial)
		}
	}
	all = slices.DeleteFunc(all, func(s evidence.Serial) bool { return s == "" })
	slices.SortFunc(all, cmp.Compare)
	return slices.Compact(all)
}
