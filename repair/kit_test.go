package repair

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/pure"
	"github.com/pureclean/pureclean/records"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/secret"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

// kit is a simulated world with the real witnesses, the real writer and the
// real journal.
type kit struct {
	t     *testing.T
	world *simulator.World
	dir   string
	book  *journal.Book
	// wrap is short, for what looks so often that greeting the array each time
	// is most of the work; nil is a real network.
	wrap func(http.RoundTripper) http.RoundTripper
	// watch is the process's. It ends with it.
	watch witness.Watch
	// live are the volumes that must stay, as the world knew at the start.
	live []string
	// shares is set for machines that do a step for several volumes at once.
	shares bool
}

func newKit(t *testing.T, scenario string) *kit {
	t.Helper()
	return kitOf(t, worlds.Of(t, scenario))
}

func kitOf(t *testing.T, w *simulator.World) *kit {
	t.Helper()
	k := &kit{t: t, world: w, dir: t.TempDir()}
	k.wrap = k.short
	k.open()
	t.Cleanup(func() {
		k.watch.Close(context.Background())
		_ = k.book.Close()
	})
	k.markLive()
	return k
}

// open opens the journal as a new process does.
func (k *kit) open() {
	k.t.Helper()
	book, err := journal.Open(k.dir)
	if err != nil {
		k.t.Fatal(err)
	}
	k.book = book
}

// crash ends the process: the kernel gives its lock back.
func (k *kit) crash() {
	k.t.Helper()
	if err := k.book.Close(); err != nil {
		k.t.Fatal(err)
	}
	k.watch = witness.Watch{}
	k.open()
}

func (k *kit) markLive() {
	k.live = nil
	for _, v := range k.world.Array.Volumes() {
		if !v.Destroyed && k.world.Live(v.Name) {
			k.live = append(k.live, v.Name)
		}
	}
}

// harmed are volumes that were live and are destroyed.
func (k *kit) harmed() []string {
	var harmed []string
	for _, name := range k.live {
		if v, ok := k.world.Array.Volume(name); !ok || v.Destroyed {
			harmed = append(harmed, name)
		}
	}
	return harmed
}

func (k *kit) noHarm() {
	k.t.Helper()
	if harmed := k.harmed(); len(harmed) > 0 {
		k.t.Errorf("live volumes were destroyed: %v", harmed)
	}
}

// reach is how a process gets at a world: over its sockets. It travels to a
// child as JSON.
type reach struct {
	Socket, URL, Fingerprint, Token, ArrayID string
	Pools                                    []string
	Peer                                     peerReach
	Seen                                     []evidence.Sighting
	// wrap leads requests to the array past the network; nil does not, and a
	// child gets none.
	wrap func(http.RoundTripper) http.RoundTripper
	// progress is told what has been asked.
	progress func(witness.Asking)
	// fleet are the machines of other members, which a child can't ask.
	fleet witness.Fleet
}

// peerReach is how the peer of a stretched pod is reached; empty without one.
type peerReach struct{ URL, Fingerprint, TokenFile, Token, ArrayID string }

func (k *kit) reach() reach {
	peer := peerReach{}
	if p := k.world.Peer; p != nil {
		peer = peerReach{k.world.PeerServer.URL, k.world.PeerServer.Fingerprint, k.world.PeerTokenFile, p.Token(), p.ID()}
	}
	return reach{
		Peer:   peer,
		Socket: k.world.Socket, URL: k.world.Server.URL, Fingerprint: k.world.Server.Fingerprint,
		Token: k.world.Array.Token(), ArrayID: k.world.Array.ID(), Pools: k.world.Pools(), Seen: k.world.Seen,
		wrap: k.wrap,
	}
}

// look asks the world's witnesses, and that machine.
func (w reach) look(ctx context.Context, watch *witness.Watch, about evidence.Scope, host devices.System, now func() time.Time, sleep pause) (evidence.World, error) {
	settings := config.Default()
	settings.Pools = map[string]config.Pool{}
	for _, pool := range w.Pools {
		own := config.Pool{Array: config.Array{Fingerprint: w.Fingerprint}}
		if w.Peer.URL != "" {
			own.Peers = map[string]config.Array{"dr": {URL: w.Peer.URL, TokenFile: w.Peer.TokenFile, Fingerprint: w.Peer.Fingerprint}}
		}
		settings.Pools[pool] = own
	}
	world, _, err := watch.Look(ctx, witness.Options{
		Config: settings, Records: records.Options{Socket: w.Socket, Now: now}, Array: pure.Options{Now: now, Sleep: sleep, Wrap: w.wrap},
		Host: host, Seen: w.Seen, Now: now, Progress: w.progress, Fleet: w.fleet,
	}, about)
	return world, err
}

type pause func(context.Context, time.Duration) error

// tools are those of a process that repairs the world, but for what is of
// the process itself: the machine and the journal.
func (w reach) tools(now func() time.Time, sleep pause) Tools {
	return Tools{
		Lost: func(err error) bool {
			var lost *pure.LostError
			return errors.As(err, &lost) || errors.Is(err, context.DeadlineExceeded)
		},
		SessionEnded: func(err error) bool {
			var ended *pure.SessionEndedError
			return errors.As(err, &ended)
		},
		Writer: func(ctx context.Context, arrayID string) (Writer, error) {
			access := pure.Access{URL: w.URL, Token: secret.New(w.Token), Fingerprint: w.Fingerprint, ID: w.ArrayID}
			if arrayID == w.Peer.ArrayID {
				access = pure.Access{URL: w.Peer.URL, Token: secret.New(w.Peer.Token), Fingerprint: w.Peer.Fingerprint, ID: w.Peer.ArrayID}
			}
			if arrayID != access.ID {
				return nil, fmt.Errorf("asked for array %s", arrayID)
			}
			return pure.OpenWriter(ctx, access, pure.Options{Now: now, Sleep: sleep, Timeout: 5 * time.Second, Wrap: w.wrap})
		},
		Policy: diagnose.DefaultPolicy(), Ask: yes, Now: now, Sleep: sleep, Operator: journal.CurrentOperator(os.Getenv),
	}
}

func (k *kit) look(ctx context.Context, about evidence.Scope) (evidence.World, error) {
	return k.reach().look(ctx, &k.watch, about, k.world.Hosts[0].System(), k.world.Clock.Now, k.sleep)
}

// short leads requests to the array without a network, which halves the time
// of a look.
func (k *kit) short(http.RoundTripper) http.RoundTripper { return k.world.Direct() }

func (k *kit) sleep(ctx context.Context, d time.Duration) error {
	k.world.Clock.Advance(d)
	return ctx.Err()
}

func (k *kit) writer(ctx context.Context, arrayID string) (Writer, error) {
	return k.tools().Writer(ctx, arrayID)
}

func (k *kit) machine(member string) (Machine, bool) {
	m, ok := k.local(member, k.sleep)
	return k.sharing(member, m), ok
}

// sharing is a machine that does a step for several volumes, if the kit's do.
func (k *kit) sharing(member string, m Machine) Machine {
	if k.shares {
		return sharing{Machine: m, key: member}
	}
	return m
}

func (k *kit) local(member string, sleep func(context.Context, time.Duration) error) (release.Local, bool) {
	for _, h := range k.world.Hosts {
		if h.Name() == member {
			return release.Local{System: h.System(), Writer: h.DeviceWriter(), Sleep: sleep}, true
		}
	}
	return release.Local{}, false
}

func yes(context.Context, Question) (Reply, error) { return Yes, nil }

func (k *kit) tools() Tools {
	t := k.reach().tools(k.world.Clock.Now, k.sleep)
	t.Look, t.Machine, t.Journal = k.look, k.machine, k.book
	return t
}

// scan is what the program's scan finds.
func (k *kit) scan() (evidence.World, diagnose.Report) {
	k.t.Helper()
	world, err := k.look(context.Background(), evidence.Scope{})
	if err != nil {
		k.t.Fatal(err)
	}
	return world, diagnose.Judge(world, diagnose.DefaultPolicy())
}

func (k *kit) codes() []string {
	k.t.Helper()
	_, report := k.scan()
	var codes []string
	for _, f := range report.Findings {
		codes = append(codes, f.Code)
	}
	return codes
}

// finding is the first of a code.
func (k *kit) finding(code string) diagnose.Finding {
	k.t.Helper()
	_, report := k.scan()
	for _, f := range report.Findings {
		if f.Code == code {
			return f
		}
	}
	k.t.Fatalf("there is no %s", code)
	return diagnose.Finding{}
}

func (k *kit) plan(code string) Plan {
	k.t.Helper()
	world, report := k.scan()
	for _, f := range report.Findings {
		if f.Code != code {
			continue
		}
		p, err := NewPlan(world, diagnose.DefaultPolicy(), f, k.world.Clock.Now())
		if err != nil {
			k.t.Fatal(err)
		}
		return p
	}
	k.t.Fatalf("there is no %s in %v", code, k.codes())
	return Plan{}
}

func (k *kit) plans(tools Tools) []Plan {
	k.t.Helper()
	world, report := k.scan()
	var plans []Plan
	for _, f := range report.Findings {
		p, err := NewPlan(world, tools.Policy, f, k.world.Clock.Now())
		if err == nil {
			plans = append(plans, p)
		}
	}
	return plans
}

func kinds(p Plan) []string {
	var all []string
	for _, s := range p.Steps {
		all = append(all, s.Kind)
	}
	return all
}

func (k *kit) volume(name string) (destroyed, there bool) {
	v, ok := k.world.Array.Volume(name)
	return v.Destroyed, ok
}

func (k *kit) connections(volume string) int {
	n := 0
	for _, c := range k.world.Array.Connections() {
		if c.Volume == volume {
			n++
		}
	}
	return n
}

// requests are the changes that reached the array.
func (k *kit) changes() []string {
	var all []string
	for _, r := range k.world.Array.Requests() {
		if r.Method != "GET" && !strings.HasPrefix(r.Path, "/log") {
			all = append(all, r.Method+" "+r.Path)
		}
	}
	return all
}

func (k *kit) records(id string) []journal.Record {
	k.t.Helper()
	h, err := k.book.Read(id)
	if err != nil {
		k.t.Fatal(err)
	}
	return h.Records
}

func (k *kit) state(id string) journal.State {
	k.t.Helper()
	all, err := k.book.List()
	if err != nil {
		k.t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(s journal.Summary) bool { return s.ID == id })
	if i < 0 {
		k.t.Fatalf("run %s is not listed in %v", id, all)
	}
	return all[i].State
}
