package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/internal/sshtest"
	"github.com/pureclean/pureclean/repair/journal"
)

// works puts a run onto a member's machine, until what is returned is called.
func (m *member) works(h journal.Holder) (end func()) {
	m.t.Helper()
	book, err := journal.Open(m.sources.config.StateDir)
	if err == nil {
		err = book.Hold(h)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	var once sync.Once
	end = func() { once.Do(func() { _ = book.Close() }) }
	m.t.Cleanup(end)
	return end
}

// While a run works from one member, none begins on another, whatever it is to
// do, and its operator is told who works where, since when and how far it has come.
func TestOneRunInACluster(t *testing.T) {
	t.Parallel()
	c, volume, _ := pair(t)
	live := liveVolumes(c.world)
	c.run("", "check") // so that a batch takes it
	second := c.members["lxd02"]
	at := c.world.Clock.Now()
	end := second.works(journal.Holder{
		Operator: journal.Operator{User: "root", Sudo: "ann", Host: "lxd02", PID: 4711}, Since: at.Add(-time.Hour), Alone: true, Done: 12, Of: 40,
	})
	who := "on lxd02: another run of pureclean is under way: ann as root, process 4711, since " + at.Add(-time.Hour).UTC().Format("2006-01-02 15:04") + " UTC, 12 of 40 volumes"
	refused := func(args ...string) {
		t.Helper()
		status, out, errs := c.run("", args...)
		if text := strings.Join(strings.Fields(out+errs), " "); status != StatusRefused || !strings.Contains(text, who) || !strings.Contains(text, "wait until it has ended") {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
	}
	refused("fix", "--volume", volume, "--yes")
	refused("fix", "--all", "--yes")
	if steps := second.steps(); len(steps) > 0 || connections(c.world, volume) != 2 {
		t.Errorf("%v was asked of it", steps)
	}
	if status, out, errs := c.run("", "scan"); status != StatusFindings {
		t.Errorf("scan: status %d\n%s%s", status, out, errs)
	}
	end()
	if status, out, errs := c.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	c.noHarm(live)
	second.works(journal.Holder{
		Operator: journal.Operator{User: "root", Sudo: "ann", Host: "lxd02", PID: 4711}, Since: at.Add(-time.Hour), Alone: true, Done: 12, Of: 40,
	})
	refused("undo", "--last", "--yes")
	refused("eradicate", "--volume", volume, "--confirm", volume)
	if v, there := c.world.Array.Volume(volume); !there || !v.Destroyed {
		t.Errorf("%v, %+v", there, v)
	}
}

// farEnd is a terminal on the second member of the cluster, which reaches the
// first by ssh as the first reaches it.
func (c *cluster) farEnd() *bench {
	c.t.Helper()
	second := c.members["lxd02"]
	at, err := c.world.LXD.On(second.name)
	if err != nil {
		c.t.Fatal(err)
	}
	api, err := at.Serve(filepath.Join(c.t.TempDir(), "s"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = api.Close() })
	servers := sshtest.Start(c.t, "lxd01")
	first := &member{t: c.t, name: "lxd01", sources: *c.s.given}
	first.sources.ssh = false
	far := newBench(c.t, c.world)
	given := second.sources
	given.socket, given.ssh, given.config.SSH = api.Path, true, servers.Client
	given.config.Members = map[string]config.Member{first.name: {Command: first.serve(filepath.Join(servers.Dir, "m-lxd01"))}}
	far.s.given = &given
	return far
}

// Two operators on two members, who begin at the same time: one repairs, and
// the other is told of it and has changed nothing.
func TestTwoOperatorsInACluster(t *testing.T) {
	t.Parallel()
	c, volume, _ := pair(t)
	far := c.farEnd()
	live := liveVolumes(c.world)
	type end struct {
		status int
		text   string
	}
	ends := make(chan end, 2)
	for _, b := range []*bench{c.bench, far} {
		go func() {
			status, out, errs := b.run("", "fix", "--volume", volume, "--yes")
			ends <- end{status, strings.Join(strings.Fields(out+errs), " ")}
		}()
	}
	done := 0
	for range 2 {
		switch e := <-ends; {
		case e.status == StatusOK && strings.Contains(e.text, "Repaired: "+volume):
			done++
		case e.status == StatusRefused && strings.Contains(e.text, "another run of pureclean is under way"):
		default:
			t.Errorf("status %d: %s", e.status, e.text)
		}
	}
	if v, _ := c.world.Array.Volume(volume); done != 1 || !v.Destroyed {
		t.Errorf("%d repaired it, and it is %+v", done, v)
	}
	if mine, theirs := c.journal(), far.journal(); (mine == "") == (theirs == "") {
		t.Errorf("the journals are\n%s\nand\n%s", mine, theirs)
	}
	c.noHarm(live)
}

// A run is known before it asks the others, and one that can't be told of is
// not passed by.
func TestKnownBeforeItAsks(t *testing.T) {
	t.Parallel()
	c, volume, _ := pair(t)
	second := c.members["lxd02"]
	var mu sync.Mutex
	var seen []fleet.Holder
	second.says(func(args []string, s Streams) int {
		mu.Lock()
		seen = append(seen, heldBy(c.s.given.config.StateDir))
		mu.Unlock()
		given := second.sources
		s.given = &given
		return Main(t.Context(), append([]string{"pureclean"}, args...), s)
	})
	if status, out, errs := c.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	for i, h := range seen {
		if !h.Held.Is() || h.By != "root" || h.Alone != (i > 0) {
			t.Errorf("when it was asked for the %d. time: %+v", i+1, h)
		}
	}
	if h := heldBy(c.s.given.config.StateDir); len(seen) == 0 || !h.Held.IsNot() {
		t.Errorf("%d times, and after it %+v", len(seen), h)
	}
	second.says(nil)
	second.sources.config.StateDir = "/proc/self/status" // no directory
	status, out, errs := c.run("", "undo", "--last", "--yes")
	if text := strings.Join(strings.Fields(out+errs), " "); status != StatusRefused || !strings.Contains(text, "whether another run of pureclean works from lxd02 is not known: who works from here can't be told") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// Of two that begin together the earlier goes on once the other has ended, and
// the later ends; neither waits for ever.
func TestBeside(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC)
	holder := func(change func(*fleet.Holder)) fleet.Holder {
		h := fleet.Holder{Held: evidence.Yes, By: "root", Host: "lxd01", PID: 9, Since: at.Add(time.Minute)}
		change(&h)
		return h
	}
	none := fleet.Holder{Held: evidence.No}
	for _, c := range []struct {
		name  string
		said  []fleet.Holder
		fails error
		asks  int
		why   string
	}{
		{"nobody", []fleet.Holder{none}, nil, 0, ""},
		{"one that works", []fleet.Holder{holder(func(h *fleet.Holder) { h.Alone = true })}, nil, 0, "root, process 9, since 2026-11-22 14:03 UTC"},
		{"one that began earlier", []fleet.Holder{holder(func(h *fleet.Holder) { h.Since = at.Add(-1) })}, nil, 0, "since 2026-11-22 14:01 UTC"},
		{"at once, and by its name the later", []fleet.Holder{holder(func(h *fleet.Holder) { h.Since = at }), none}, nil, 1, ""},
		{"one that began later, and goes", []fleet.Holder{holder(func(*fleet.Holder) {}), holder(func(*fleet.Holder) {}), none}, nil, 2, ""},
		{"one that began later, and works", []fleet.Holder{holder(func(*fleet.Holder) {}), holder(func(h *fleet.Holder) { h.Alone, h.Of = true, 7 })}, nil, 1, "0 of 7 volumes"},
		{"one that began later, and stays", []fleet.Holder{holder(func(*fleet.Holder) {})}, nil, 120, "since 2026-11-22 14:03 UTC"},
		{"one of whom nothing is known", []fleet.Holder{{Held: evidence.Yes}}, nil, 0, "under way: somebody"},
		{"not known", []fleet.Holder{{Why: "no rights"}}, nil, 0, "not known: no rights"},
		{"it does not answer any more", []fleet.Holder{holder(func(*fleet.Holder) {})}, errors.New("gone"), 1, "not known: gone"},
		{"itself, from a directory that both have", []fleet.Holder{holder(func(h *fleet.Holder) { h.Token, h.Alone = "mine", true })}, nil, 0, "it has this machine's state directory"},
		{"not known, and not why", []fleet.Holder{{}}, nil, 0, "not known: it does not say"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			o := others{
				own: fleet.Holder{Held: evidence.Yes, Token: "mine", Host: "lxd01", PID: 9, Since: at}, name: "lxd01",
				known: func(string) fleet.Holder { return c.said[min(asked, len(c.said)-1)] },
				sleep: func(context.Context, time.Duration) error { return nil },
				ask: func(context.Context, string) error {
					asked++
					return c.fails
				},
			}
			err := o.beside(t.Context(), "lxd02")
			if asked != c.asks || (err == nil) != (c.why == "") || err != nil && (!strings.Contains(err.Error(), c.why) || !errors.Is(err, journal.ErrLocked)) {
				t.Errorf("asked %d times: %v", asked, err)
			}
		})
	}
	if !(fleet.Holder{Since: at}).IsBefore("lxd01", fleet.Holder{Since: at}, "lxd02") || (fleet.Holder{Since: at}).IsBefore("lxd02", fleet.Holder{Since: at}, "lxd01") {
		t.Error("of two at once the names decide, for both alike")
	}
}

// Whatever the order in which several begin, exactly one goes on.
func TestExactlyOneGoesOn(t *testing.T) {
	const members = 4
	for round := range 60 {
		var dirs []string
		for range members {
			dirs = append(dirs, t.TempDir())
		}
		var mu sync.Mutex
		changed := sync.NewCond(&mu)
		news := 0
		tell := func() {
			mu.Lock()
			defer mu.Unlock()
			news++
			changed.Broadcast()
		}
		var known, ended, all sync.WaitGroup
		known.Add(members)
		ended.Add(members)
		on := make(chan int, members)
		for i := range members {
			all.Go(func() {
				book, err := journal.Open(dirs[i])
				if err != nil {
					t.Error(err)
				}
				own := journal.Holder{Operator: journal.Operator{User: "root", PID: i + 1}, Since: time.Unix(int64(round%2*i%3), 0)}
				if err := book.Hold(own); err != nil {
					t.Error(err)
				}
				known.Done()
				if round%3 == 0 {
					known.Wait() // all at the same time
				}
				heard := 0
				o := others{
					own: holderOf(own), name: fmt.Sprint(i), ask: func(context.Context, string) error { return nil },
					known: func(member string) fleet.Holder {
						mu.Lock()
						heard = news
						mu.Unlock()
						return heldBy(dirs[member[0]-'0'])
					},
					sleep: func(context.Context, time.Duration) error {
						mu.Lock()
						defer mu.Unlock()
						for news == heard {
							changed.Wait()
						}
						return nil
					},
				}
				for _, other := range slices.Backward([]int{0, 1, 2, 3}) {
					if err == nil && other != i {
						err = o.beside(t.Context(), fmt.Sprint(other))
					}
				}
				if err == nil {
					own.Alone = true
					err = book.Hold(own)
					on <- i
					tell()
					ended.Done()
					ended.Wait() // it works for as long as any other is there
				} else {
					ended.Done()
				}
				_ = book.Close()
				tell()
			})
		}
		all.Wait()
		if len(on) != 1 {
			t.Fatalf("round %d: %d go on", round, len(on))
		}
	}
}

// Who has no rights is told what to do.
func TestJournalOfRoot(t *testing.T) {
	refused := &fs.PathError{Op: "mkdir", Path: "/var/lib/pureclean", Err: fs.ErrPermission}
	var hinted *HintedError
	if err := noJournal(refused, t.TempDir()); !errors.As(err, &hinted) || !strings.Contains(hinted.Hint, "run it as root") || !errors.Is(err, fs.ErrPermission) {
		t.Error(err)
	}
}
