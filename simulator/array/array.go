// Package array is a FlashArray that exists only in memory: its state, its
// REST API over HTTPS and its faults. Tests, the demo and the benchmark ask
// it as they would ask the real one.
//
// It follows the published description of REST 2.21 and answers of real
// arrays. What no public source settles is a switch in Unverified, and what
// is invented says so.
package array

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// Options describe an array. The zero value is a good one.
type Options struct {
	// Name is the array's, at most 56 characters. Empty is "fa-sim".
	Name string
	// ID is a UUID; its first 16 digits begin every serial. Empty is made
	// from Seed.
	ID string
	// Clock is the array's. Nil is one of its own, standing at the start of 2026.
	Clock *fabric.Clock
	// PageSize is the most items that one answer holds. 0 is 1000.
	PageSize   int
	Unverified Unverified
	// Seed makes ids and tokens. The same seed gives the same world.
	Seed int64
}

// Array is a simulated FlashArray. All methods may be called at any time
// from any goroutine.
type Array struct {
	options   config
	endpoints map[string]endpoint
	clock     *fabric.Clock
	token     string
	readOnly  string

	mu    sync.RWMutex // guards state
	state *state

	buffers  buffers
	sessions sessions
	faults   faults
	requests requestLog
	watch    watchers
}

// idleTimeout ends a session that is not used.
const idleTimeout = 30 * time.Minute

const purity = "6.7.2"

// restVersions are those that exist: 2.12 and 2.18 never did.
func restVersions() []string {
	var versions []string
	for major, minors := range []int{1: 19, 2: 36} {
		for minor := range minors + 1 {
			if major > 0 && (major != 2 || minor != 12 && minor != 18) {
				versions = append(versions, fmt.Sprintf("%d.%d", major, minor))
			}
		}
	}
	return versions
}

// New makes an array with nothing on it but the protection group
// "pgroup-auto", which is the default protection of new volumes and pods.
func New(o Options) *Array {
	o.Name, o.PageSize = cmp.Or(o.Name, "fa-sim"), cmp.Or(o.PageSize, 1000)
	if o.Clock == nil {
		o.Clock = fabric.NewClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	}
	a := &Array{options: config{Options: o, versions: restVersions()}, clock: o.Clock, endpoints: endpoints()}
	a.state = newState(&a.options)
	if a.options.ID == "" {
		a.options.ID = a.state.newID()
	}
	a.options.serial = strings.ToUpper(strings.ReplaceAll(a.options.ID, "-", "")[:16])
	a.token, a.readOnly = a.state.newID(), a.state.newID()
	a.sessions.ids, a.sessions.byToken = rand.New(rand.NewPCG(uint64(o.Seed), 0x73657373696f6e)), map[string]*session{}
	a.state.addProtection(autoGroup, nil)
	o.Clock.OnAdvance(a.tick)
	return a
}

func (a *Array) Name() string { return a.options.Name }
func (a *Array) ID() string   { return a.options.ID }

// Token is the API token of a user who may do everything.
func (a *Array) Token() string { return a.token }

// ReadOnlyToken is the API token of a user who may only read: changes are
// answered with 403.
func (a *Array) ReadOnlyToken() string { return a.readOnly }

// OnChange has f called after every change of the state, however it came
// about, before the answer to the request that made it. f may ask and change
// the array.
func (a *Array) OnChange(f func()) {
	a.watch.mu.Lock()
	defer a.watch.mu.Unlock()
	a.watch.calls = append(a.watch.calls, f)
}

func (a *Array) Batch(f func()) {
	a.watch.mu.Lock()
	a.watch.held++
	a.watch.mu.Unlock()
	defer func() {
		a.watch.mu.Lock()
		a.watch.held--
		missed := a.watch.held == 0 && a.watch.missed
		a.watch.missed = a.watch.missed && !missed
		a.watch.mu.Unlock()
		if missed {
			a.notify()
		}
	}()
	f()
}

type watchers struct {
	mu     sync.Mutex
	calls  []func()
	held   int
	missed bool
}

func (a *Array) notify() {
	a.watch.mu.Lock()
	if a.watch.held > 0 {
		a.watch.missed = true
		a.watch.mu.Unlock()
		return
	}
	calls := slices.Clone(a.watch.calls)
	a.watch.mu.Unlock()
	for _, f := range calls {
		f()
	}
}

// change makes one change under the lock. A change that fails has changed
// nothing.
func (a *Array) change(f func(s *state, now time.Time) error) error {
	now := a.clock.Now()
	a.mu.Lock()
	err := f(a.state, now)
	if err == nil {
		a.state.generation++
	}
	a.mu.Unlock()
	if err == nil {
		a.notify()
	}
	return err
}

// tick eradicates what has been destroyed for long enough.
func (a *Array) tick(now time.Time) {
	nothingDue := fmt.Errorf("nothing is due")
	// The error only says that nothing changed.
	_ = a.change(func(s *state, _ time.Time) error {
		if !s.expire(now) {
			return nothingDue
		}
		return nil
	})
}
