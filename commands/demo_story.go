package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator"
)

// story is the demo's: one scene after another, each the real command on the
// embedded world.
type story struct {
	o     *demoOptions
	world *simulator.World
	given *sources
}

// scene is one screen of the story.
type scene struct {
	// words come first; args is the command line that is then run, after before.
	words  string
	before func()
	args   []string
	// after are commands to type, and what for.
	after [][2]string
	// cut scenes are interrupted in the middle.
	cut bool
}

// lastRun stands in a scene's command line for the run that was last.
const lastRun = "LAST"

// demoStory says what the embedded world is and what happened in it.
var demoStory = []string{
	"A FlashArray, fa-sim, with two pods: purepool over iSCSI and nvpool over NVMe/TCP. One LXD, one machine, lxd01. " +
		"All three live in this process; pureclean reaches them as it would the real ones: HTTPS, LXD's socket, sysfs.",
	"For six days instances were created, moved, snapshotted and deleted. Most of it went well.",
	"Then life happened: a device came later than LXD waits, the array did not answer during a rollback, LXD was killed " +
		"while it exported a snapshot, an administrator disconnected a volume that was mounted, a LUN number was used again.",
	"LXD rolled back as well as it could and forgot. The array did not forget: what was connected can't be deleted, " +
		"and keeps its space and its quota.",
}

func (o *demoOptions) runStory(ctx context.Context, world *simulator.World) error {
	dir, err := os.MkdirTemp("", "pureclean-demo")
	if err != nil {
		return fmt.Errorf("the demo's journal: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	t := &story{o: o, world: world, given: Inside(o.Streams, world, dir).given}
	return t.tell(ctx)
}

// tell plays the scenes in order.
func (t *story) tell(ctx context.Context) error {
	objects, err := t.objects(ctx)
	if err != nil {
		return err
	}
	scenes := []scene{
		{words: "The world\n" + strings.Join(demoStory, "\n")},
		{words: "First look at one pool. A scan changes nothing.", args: []string{"scan", "--pool", simulator.PoolName(evidence.ModeISCSI)}},
		{words: "One leftover of those: why is it one, and may it go?", args: []string{"explain", "--object", objects.reported}},
		{
			words: "Repair it.\n" +
				"On a real host fix asks before each step, and Enter means no there. Here --yes answers for you.\n" +
				"The dead portal is up again: while a path is down nobody can know what is behind it, and pureclean refuses.",
			before: func() { portalsUp(t.world) },
			args:   []string{"fix", "--volume", objects.reported, "--yes"},
		},
		{words: "Is it really gone, everywhere?", args: []string{"verify", "--volume", objects.reported}},
		{words: "Take back what was done.", args: []string{"undo", "--run", lastRun, "--yes"}},
		{words: "A volume that LXD lost and somebody uses is never touched.", args: []string{"fix", "--volume", objects.live, "--yes"}},
		{words: "A batch takes only what an earlier look saw as a leftover.", args: []string{"fix", "--finding", "leaked-image", "--yes"}},
		{words: "A repair that is interrupted in the middle.", args: []string{"fix", "--volume", objects.second, "--yes"}, cut: true},
		{words: "The journal knows what was done and what was not.", args: []string{"runs"}},
		{words: "Resume it: look at the world, and finish.", args: []string{"runs", "--resume", lastRun, "--yes"}},
		{words: "What you have seen\n" + strings.Join(demoLessons, "\n"), after: demoNext},
	}
	for i, scene := range scenes {
		next := ""
		if i+1 < len(scenes) {
			next, _, _ = strings.Cut(scenes[i+1].words, "\n")
			next = strings.TrimRight(strings.ToLower(next[:1])+next[1:], ".")
		}
		more, err := t.play(ctx, scene, fmt.Sprintf("[%d/%d] ", i+1, len(scenes)), next)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// demoLessons are what the story was for.
var demoLessons = []string{
	"A leftover is proved, not guessed: the array, LXD and every host are asked, and what one of them could not tell counts as unknown, which is never safe.",
	"Nothing is repaired unless every gate passes, and each gate is asked again before each step.",
	"Disconnect, confirm, destroy, verify: what is destroyed can be taken back until the array's timer runs out.",
	"A run that was interrupted stands in the journal, and can be finished or taken back.",
}

// demoNext is what to type where it is meant.
var demoNext = [][2]string{
	{"sudo pureclean doctor", "on an LXD host: can everybody be asked?"},
	{"sudo pureclean scan", "what was left behind; changes nothing"},
	{"sudo pureclean fix --volume VOLUME --dry-run", "the plan for one of them, and nothing done"},
	{"pureclean demo --shell", "practise first: all commands, in a world like this"},
}

// demoObjects are what the story is about.
type demoObjects struct {
	// reported is the reported case, second another leftover, live a volume
	// without a record that is in use.
	reported, second, live string
}

func (t *story) objects(ctx context.Context) (demoObjects, error) {
	look := t.o.common
	look.Streams.given = t.given
	seen, policy, err := look.look(ctx)
	if err != nil {
		return demoObjects{}, err
	}
	var found demoObjects
	for _, f := range diagnose.Judge(seen, policy).Findings {
		switch {
		case f.Code == "disappeared-record":
			found.live = f.Object
		case f.Verdict != diagnose.Safe || len(f.Connections) == 0:
		case f.Code == "leaked-volume":
			found.reported = f.Object
		case f.Code == "leaked-snapshot-volume":
			found.second = f.Object
		}
	}
	if found.reported == "" || found.second == "" || found.live == "" {
		return found, fmt.Errorf("the demo's world has not come out as it should: %+v", found)
	}
	return found, nil
}

// play runs one scene and reports whether to go on to what comes next.
func (t *story) play(ctx context.Context, sc scene, number, next string) (bool, error) {
	var text bytes.Buffer
	out := t.o.onto(&text)
	title, rest, _ := strings.Cut(sc.words, "\n")
	fmt.Fprintf(&text, "%s\n\n", out.bold(strings.TrimSpace(number+title)))
	for paragraph := range strings.Lines(rest) {
		out.hung("  - ", "    ", paragraph, plain)
	}
	if len(sc.after) > 0 {
		fmt.Fprintln(&text, "\nNow:")
		for _, try := range sc.after {
			out.line("  " + out.bold(try[0]))
			out.line("      " + try[1])
		}
	}
	if sc.before != nil {
		sc.before()
	}
	if args := slices.Clone(sc.args); args != nil {
		if i := slices.Index(args, lastRun); i >= 0 {
			runs, err := journal.Read(t.given.config.StateDir).List()
			if err != nil {
				return false, err
			}
			if len(runs) > 0 {
				args[i] = runs[0].ID
			}
		}
		if rest != "" {
			fmt.Fprintln(&text)
		}
		fmt.Fprintf(&text, "%s\n\n", out.bold("$ pureclean "+strings.Join(args, " ")))
		t.command(ctx, sc, strings.NewReader(""), &text, &text, args)
	}
	return t.o.turn(ctx, text.String()+"\n", next)
}

// command runs one command line on the embedded world, as Main would.
func (t *story) command(ctx context.Context, sc scene, in io.Reader, out, errs io.Writer, args []string) {
	given := *t.given
	if sc.cut {
		cut, cancel := context.WithCancel(ctx)
		defer cancel()
		ctx = cut
		given.sleep = func(ctx context.Context, d time.Duration) error {
			if d >= 5*time.Second { // the long look for what a scan brings back
				cancel()
			}
			t.world.Clock.Advance(d)
			return ctx.Err()
		}
	}
	s := t.o.Streams
	s.In, s.Out, s.Err, s.given = in, out, errs, &given
	if status := Main(ctx, append([]string{"pureclean"}, append(args, "--color", t.o.color)...), s); status != StatusOK {
		fmt.Fprintf(out, "(exit status %d)\n", status)
	}
}

// portalsUp brings the portals back that are cut in the demo's world.
func portalsUp(world *simulator.World) {
	_, portals := world.Array.NVMe()
	_, more := world.Array.ISCSI()
	for _, portal := range append(portals, more...) {
		world.Hosts[0].RestorePortal(portal)
	}
}
