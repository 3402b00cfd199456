package witness_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/witness"
)

// reached are machines that can be asked, by their members' names.
type reached struct {
	mu    sync.Mutex
	hosts map[string]*host.Host
	asked []string
	// first happens before a machine looks at itself.
	first func()
}

func (r *reached) Ask(ctx context.Context, member string) evidence.Host {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, member)
	h := r.hosts[member]
	if h == nil {
		return evidence.Host{Source: evidence.Source{Name: member, Trouble: "it is away"}}
	}
	if r.first != nil {
		r.first()
	}
	said := devices.Observe(ctx, h.System())
	said.Name = member
	return said
}

func threeMembers(t *testing.T) (*simulator.World, *reached, witness.Options) {
	t.Helper()
	w := worlds.New(t, simulator.Options{Members: 3})
	r := &reached{hosts: map[string]*host.Host{}}
	for _, h := range w.Hosts[1:] {
		r.hosts[h.Name()] = h
	}
	o := options(w)
	o.Fleet = r
	return w, r, o
}

// Who watches is told of everybody who is asked, for how long at most, how many
// rows of an array have come and how many members have answered.
func TestProgressOfALook(t *testing.T) {
	_, _, o := threeMembers(t)
	var mu sync.Mutex
	open, limited, rows, members := map[string]int{}, 0, int64(0), int64(0)
	o.Progress = func(a witness.Asking) {
		mu.Lock()
		defer mu.Unlock()
		key := a.Kind + " " + a.Name
		switch {
		case a.Begins:
			open[key]++
			if a.Limit > 0 {
				limited++
			}
		case a.Done:
			open[key]--
		case a.Kind == "array":
			rows = max(rows, a.Got)
			if a.Got > a.Of {
				t.Errorf("%d of %d rows", a.Got, a.Of)
			}
		case a.Kind == "members":
			members = max(members, a.Got)
			if a.Of != 2 {
				t.Errorf("%d of %d members", a.Got, a.Of)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	if _, err := witness.Ask(ctx, o); err != nil {
		t.Fatal(err)
	}
	for key, n := range open {
		if n != 0 {
			t.Errorf("%s: %d", key, n)
		}
	}
	if len(open) < 5 || limited < 5 || rows == 0 || members != 2 {
		t.Errorf("%v, %d with a limit, %d rows, %d members", open, limited, rows, members)
	}
}

func names(hosts []evidence.Host) string {
	var all []string
	for _, h := range hosts {
		all = append(all, h.Name)
	}
	return strings.Join(all, " ")
}

// All members' machines are asked, once each, offline ones too, and this one
// comes first. Only of those that are said to be down nobody asks.
func TestOthers(t *testing.T) {
	w, r, o := threeMembers(t)
	w.LXD.Members()[2].KillDaemon()
	world, err := witness.Ask(t.Context(), o)
	if err != nil || names(world.Hosts) != "lxd01 lxd02 lxd03" {
		t.Fatalf("%v, %v", names(world.Hosts), err)
	}
	if slices.Sort(r.asked); !slices.Equal(r.asked, []string{"lxd02", "lxd03"}) {
		t.Errorf("asked %v", r.asked)
	}
	for _, h := range world.Hosts {
		if h.Trouble != "" || !h.IQNs.IsComplete() || h.Began.Before(world.Arrays[0].Ended) {
			t.Errorf("%s: %q, began %s", h.Name, h.Trouble, h.Began)
		}
	}
	r.asked, o.Down = nil, []string{"lxd03"}
	if world, err = witness.Ask(t.Context(), o); err != nil || names(world.Hosts) != "lxd01 lxd02" || !slices.Equal(r.asked, []string{"lxd02"}) {
		t.Errorf("%v, %v, %v", names(world.Hosts), err, r.asked)
	}
	o.Fleet = nil
	if world, err = witness.Ask(t.Context(), o); err != nil || names(world.Hosts) != "lxd01" {
		t.Errorf("%v, %v", names(world.Hosts), err)
	}
}

// A server without a cluster has nobody to ask.
func TestNoOthers(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	r := &reached{}
	o := options(w)
	o.Fleet = r
	if world, err := witness.Ask(t.Context(), o); err != nil || len(world.Hosts) != 1 || len(r.asked) > 0 {
		t.Errorf("%v, %v, %v", names(world.Hosts), err, r.asked)
	}
}

// What another member's machine shows is looked up on the array as well.
func TestOthersAreLookedUp(t *testing.T) {
	w, _, o := threeMembers(t)
	other, err := w.Array.CreateVolume("boot-of-lxd02", 1<<30, array.VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	second := w.Hosts[1]
	if err := w.Array.CreateHost("lxd02-iscsi", []string{second.IQN()}, nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Array.Connect("lxd02-iscsi", other.Name, 1); err != nil {
		t.Fatal(err)
	}
	if err := second.Login(evidence.ModeISCSI); err != nil {
		t.Fatal(err)
	}
	second.Rescan()
	world, err := witness.Ask(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(world.Arrays[0].Lookups, func(l evidence.Lookup) bool { return l.Name == other.Name && l.Found.Is() }) {
		t.Errorf("%+v", world.Arrays[0].Lookups)
	}
}

// Two names that lead to one machine, or two machines that are one to the
// array: nothing is known of either.
func TestContradiction(t *testing.T) {
	w, r, o := threeMembers(t)
	for _, c := range []struct {
		name, who, words string
		do               func()
	}{
		{"a name leads here", "lxd01 lxd02", "boot id", func() { r.hosts["lxd02"] = w.Hosts[0] }},
		{"two names lead to one", "lxd02 lxd03", "boot id", func() { r.hosts["lxd02"] = w.Hosts[2] }},
		{"a copied machine", "lxd02 lxd03", "initiator " + w.Hosts[2].IQN(), func() {
			r.hosts["lxd02"] = host.New(host.Options{Name: "lxd02", Clock: w.Clock, IQN: w.Hosts[2].IQN()})
		}},
		{"a copied LXD", "lxd02 lxd03", "initiator nqn.2014-08.org.nvmexpress:uuid:", func() {
			r.hosts["lxd02"] = host.New(host.Options{Name: "lxd02", Clock: w.Clock, ServerUUID: strings.TrimPrefix(w.Hosts[2].NQN(), "nqn.2014-08.org.nvmexpress:uuid:")})
		}},
		{"all is well", "", "", func() { r.hosts["lxd02"] = w.Hosts[1] }},
	} {
		c.do()
		world, err := witness.Ask(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		inDoubt(t, c.name, c.who, world, func(h evidence.Host) bool { return strings.Contains(h.Trouble, c.words) })
	}
}

// inDoubt holds the machines of which nothing is known against their names, and
// their reasons against what fits.
func inDoubt(t *testing.T, what, who string, world evidence.World, fits func(evidence.Host) bool) {
	t.Helper()
	var troubled []string
	for _, h := range world.Hosts {
		if h.Trouble == "" {
			continue
		}
		troubled = append(troubled, h.Name)
		if !fits(h) || h.Hint == "" {
			t.Errorf("%s: %s: %q, %q", what, h.Name, h.Trouble, h.Hint)
		}
	}
	if strings.Join(troubled, " ") != who {
		t.Errorf("%s: in doubt are %v", what, troubled)
	}
}

// stranger is a machine that is no member, with an LXD of its own.
func stranger(w *simulator.World) *host.Host {
	h := host.New(host.Options{Name: "elsewhere", Clock: w.Clock, IQN: "iqn.2026-11.example:elsewhere", ServerUUID: "5e1f0a52-0d9c-4d5f-8b54-3d9be7a1c3f0"})
	h.RestartLXD()
	return h
}

// A machine that does not run the member's LXD is not taken for the member,
// whatever name leads to it.
func TestNoMember(t *testing.T) {
	w, r, o := threeMembers(t)
	here := o.Host
	for _, c := range []struct {
		name, who string
		do        func()
	}{
		{"a name leads to a stranger", "lxd02", func() { r.hosts["lxd02"] = stranger(w) }},
		{"and two do", "lxd02 lxd03", func() {
			h := stranger(w)
			h.StopLXD()
			r.hosts["lxd03"] = h
		}},
		{"LXD is restarted after it was asked", "lxd02", func() {
			r.hosts["lxd02"], r.hosts["lxd03"] = w.Hosts[1], w.Hosts[2]
			r.first = sync.OnceFunc(w.Hosts[1].RestartLXD)
		}},
		{"and stays", "", func() {}},
		{"LXD's socket is another machine's", "lxd01", func() { o.Host = stranger(w).System() }},
		{"a member of which LXD knows nothing", "", func() {
			o.Host = here
			w.LXD.Members()[1].KillDaemon()
		}},
	} {
		c.do()
		world, err := witness.Ask(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		inDoubt(t, c.name, c.who, world, func(h evidence.Host) bool {
			return strings.Contains(h.Trouble, "LXD on "+h.Name+" is process") || strings.Contains(h.Trouble, "boot id")
		})
	}
}

// LXD's word of an earlier look is not held against a machine on which LXD was
// restarted since: everybody is asked again.
func TestNoMemberSinceARestart(t *testing.T) {
	w, _, o := threeMembers(t)
	v, err := w.Array.CreateVolume("purepool::u-df2ba6a8d9a047beab5d2d0586abac61", 1<<30, array.VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var watch witness.Watch
	defer watch.Close(t.Context())
	world, _ := lookAt(t, &watch, o, evidence.Scope{})
	for _, anew := range []evidence.Anew{evidence.AnewAll, evidence.AnewBoth, evidence.AnewHosts} {
		w.Hosts[1].RestartLXD()
		part, _ := lookAt(t, &watch, o, evidence.Scope{ArrayID: world.Arrays[0].ID, Volumes: []string{v.ID}, Anew: anew})
		for _, h := range part.Hosts {
			if h.Trouble != "" {
				t.Errorf("%v: %s: %s", anew, h.Name, h.Trouble)
			}
		}
	}
}

// A file speaks for a machine that does not, and is a recording whatever it
// says of itself.
func TestTold(t *testing.T) {
	w, r, o := threeMembers(t)
	second, third := devices.Observe(t.Context(), w.Hosts[1].System()), devices.Observe(t.Context(), w.Hosts[2].System())
	second.Kernel = "from a file"
	w.Hosts[2].RestartLXD() // a recording is of then
	r.hosts["lxd03"] = nil
	o.Told = []evidence.Host{second, third}
	world, err := witness.Ask(t.Context(), o)
	if err != nil || names(world.Hosts) != "lxd01 lxd02 lxd03" {
		t.Fatalf("%v, %v", names(world.Hosts), err)
	}
	if h := world.Hosts[1]; h.Recorded || h.Kernel == "from a file" {
		t.Error("a file was believed rather than the machine")
	}
	if h := world.Hosts[2]; !h.Recorded || h.Boot == "" || h.Trouble != "" {
		t.Errorf("%+v", h)
	}
	o.Fleet = nil
	if world, err = witness.Ask(t.Context(), o); err != nil || names(world.Hosts) != "lxd01 lxd02 lxd03" || !world.Hosts[1].Recorded {
		t.Errorf("%v, %v", names(world.Hosts), err)
	}
}
