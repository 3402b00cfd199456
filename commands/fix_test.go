package commands

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// bench is a terminal in front of a simulated world.
type bench struct {
	t     *testing.T
	world *simulator.World
	s     Streams
	out   bytes.Buffer
	err   bytes.Buffer
}

func newBench(t *testing.T, world *simulator.World) *bench {
	t.Helper()
	b := &bench{t: t, world: world}
	settings := demoSettings(world)
	settings.StateDir = t.TempDir()
	b.s = Streams{
		Out: &b.out, Err: &b.err, Getenv: func(string) string { return "" },
		InTerminal: true, OutTerminal: true, ErrTerminal: true,
		given: &sources{
			config: settings, socket: world.Socket, host: world.Hosts[0].System(), writer: world.Hosts[0].DeviceWriter(), now: world.Clock.Now,
			sleep: func(_ context.Context, d time.Duration) error { world.Clock.Advance(d); return nil },
		},
	}
	return b
}

// run types a command line and the answers to its questions.
func (b *bench) run(answers string, args ...string) (status int, stdout, stderr string) {
	b.t.Helper()
	b.out.Reset()
	b.err.Reset()
	b.s.In = strings.NewReader(answers)
	status = Main(b.t.Context(), append([]string{"pureclean"}, args...), b.s)
	return status, b.out.String(), b.err.String()
}

// aged is a world in which that scenario happened two days ago.
func aged(t *testing.T, name string) *simulator.World {
	t.Helper()
	world := worlds.Of(t, name)
	world.Age(48 * time.Hour)
	return world
}

// leaked is the one leftover of a world, by its full name.
func (b *bench) leaked(code string) string {
	b.t.Helper()
	_, out, errs := b.run("", "scan", "-o", "csv")
	for line := range strings.Lines(out) {
		cells := strings.Split(line, ",")
		if cells[0] == code {
			if cells[2] != "safe" {
				b.t.Fatalf("it is not safe: %s%s", line, errs)
			}
			return cells[4]
		}
	}
	b.t.Fatalf("no %s in:\n%s%s", code, out, errs)
	return ""
}

// The reported case, over both transports: repaired step by step, proven
// gone, and taken back.
func TestFixVerifyUndo(t *testing.T) {
	for _, name := range []string{"device-never-iscsi", "device-never-nvme", "device-too-late-iscsi", "device-too-late-nvme", "unmap-refused-iscsi"} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, aged(t, name))
			volume := b.leaked("leaked-volume")

			status, out, errs := b.run("", "fix", "--volume", volume, "--dry-run")
			if status != 0 || !strings.Contains(out, "destroy") || strings.Contains(out, "done") {
				t.Fatalf("dry run: status %d\n%s%s", status, out, errs)
			}
			status, out, errs = b.run(strings.Repeat("y\n", 9), "fix", "--volume", volume)
			if status != StatusOK || !strings.Contains(out, "Repaired: "+volume) {
				t.Fatalf("fix: status %d\n%s%s", status, out, errs)
			}
			if strings.Contains(out, "Nothing was changed") || !strings.Contains(out, "pureclean undo --run ") {
				t.Errorf("the answer does not say how to undo:\n%s", out)
			}
			status, out, errs = b.run("", "verify", "--volume", volume)
			if status != StatusOK || !strings.Contains(out, "Gone, everywhere") {
				t.Errorf("verify: status %d\n%s%s", status, out, errs)
			}
			status, out, errs = b.run("", "scan", "-o", "csv")
			if strings.Contains(out, "leaked-") {
				t.Errorf("scan after fix: status %d\n%s%s", status, out, errs)
			}

			status, out, errs = b.run("", "runs", "-o", "csv")
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if status != StatusOK || len(lines) != 2 || !strings.Contains(lines[1], "finished") {
				t.Fatalf("runs: status %d\n%s%s", status, out, errs)
			}
			run, _, _ := strings.Cut(lines[1], ",")
			status, out, errs = b.run(strings.Repeat("y\n", 9), "undo", "--run", run)
			if status != StatusOK {
				t.Fatalf("undo: status %d\n%s%s", status, out, errs)
			}
			if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
				t.Errorf("the volume is not back: %+v, %v", v, ok)
			}
			if status, out, errs = b.run("", "runs"); status != StatusOK || !strings.Contains(out, "undone") {
				t.Errorf("runs after undo: status %d\n%s%s", status, out, errs)
			}
		})
	}
}

// No is the default of every question, and nothing happens without an answer.
func TestFixAsksFirst(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	volume := b.leaked("leaked-volume")
	before := b.world.Array.Connections()
	for _, test := range []struct {
		name, answers string
		args          []string
		terminal      bool
		status        int
		says          string
	}{
		{"Enter means no", "\n", nil, true, StatusRefused, "Nothing was changed"},
		{"no", "n\n", nil, true, StatusRefused, "Nothing was changed"},
		{"nonsense, then quit", "maybe\nq\n", nil, true, StatusRefused, `"maybe" is none of`},
		{"why, then no", "?\nn\n", nil, true, StatusRefused, "hosts-answered"},
		{"the end of the input", "", nil, true, StatusRefused, "Nothing was changed"},
		{"a line without its end", "y", nil, true, StatusRefused, "no answer: nothing more is done"},
		{"no terminal", "y\ny\ny\n", nil, false, StatusUsage, "--yes answers yes"},
		{"no input", "y\ny\n", []string{"--no-input"}, true, StatusUsage, "--yes answers yes"},
		{"an empty name", "", []string{"--volume", ""}, true, StatusUsage, "--volume was given twice"},
		{"no file to save to", "", []string{"--yes", "--save", ""}, true, StatusUsage, "--save is empty"},
		{"no age", "", []string{"--yes", "--min-age", ""}, true, StatusUsage, "--min-age is empty"},
		{"no recorded host", "", []string{"--yes", "--sysroot="}, true, StatusUsage, "--sysroot is empty"},
		{"too much chosen", "", []string{"--all"}, true, StatusUsage, "exclude each other"},
		{"a recorded host", "y\n", []string{"--sysroot", t.TempDir()}, true, StatusUsage, "can't be changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.s.InTerminal, b.s.ErrTerminal = test.terminal, test.terminal
			given := b.s.given
			if strings.Contains(test.name, "recorded") {
				b.s.given = nil
			}
			defer func() { b.s.given = given }()
			status, out, errs := b.run(test.answers, append([]string{"fix", "--volume", volume}, test.args...)...)
			if status != test.status || !strings.Contains(out+errs, test.says) {
				t.Errorf("status %d, want %d and %q:\n%s%s", status, test.status, test.says, out, errs)
			}
			if after := b.world.Array.Connections(); len(after) != len(before) {
				t.Errorf("%d connections, there were %d", len(after), len(before))
			}
			if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
				t.Error("the volume is destroyed")
			}
		})
	}
}

// What LXD uses is refused, by name, whatever is answered.
func TestFixRefusesTheLiving(t *testing.T) {
	b := newBench(t, aged(t, "healthy-iscsi"))
	for _, v := range b.world.Array.Volumes() {
		status, out, errs := b.run(strings.Repeat("y\n", 9), "fix", "--volume", v.Name, "--detailed-exitcode")
		if status == StatusRepaired || strings.Contains(out, "Repaired") {
			t.Errorf("%s was repaired:\n%s%s", v.Name, out, errs)
		}
		if now, ok := b.world.Array.Volume(v.Name); !ok || now.Destroyed {
			t.Errorf("%s is destroyed", v.Name)
		}
	}
	if status, out, errs := b.run("", "fix", "--all", "--yes", "--detailed-exitcode"); status != StatusOK || !strings.Contains(out, "nothing to repair") {
		t.Errorf("fix --all: status %d\n%s%s", status, out, errs)
	}
}

// A plan that was saved is carried out only while what it rests on holds.
func TestFixPlan(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	volume := b.leaked("leaked-volume")
	file := filepath.Join(t.TempDir(), "plan.json")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--save", file); status != StatusOK {
		t.Fatalf("save: status %d\n%s%s", status, out, errs)
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if status, _, errs := b.run("", "fix", "--volume", volume, "--save", filepath.Join(file, "x")); status != StatusUsage || !strings.Contains(errs, "in a directory that is there") {
		t.Errorf("below a file: status %d\n%s", status, errs)
	}
	if status, _, errs := b.run("", "fix", "--volume", volume, "--save", file); status != StatusUsage || !strings.Contains(errs, "not there yet") {
		t.Errorf("an old plan was replaced: status %d\n%s", status, errs)
	}
	b.world.Clock.Advance(time.Hour)
	if status, out, errs := b.run("", "fix", "--plan", file, "--yes"); status != StatusRefused || !strings.Contains(out+errs, "expired") {
		t.Errorf("an expired plan: status %d\n%s%s", status, out, errs)
	}
	if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
		t.Error("the volume is destroyed")
	}
}

// A batch repairs only what an earlier look saw as a leftover, a day old at
// least; one after the other, or in waves.
func TestFixBatch(t *testing.T) {
	for _, size := range []int{1, 4} {
		t.Run(fmt.Sprint("waves of ", size), func(t *testing.T) { fixBatch(t, size) })
	}
}

func fixBatch(t *testing.T, size int) {
	t.Helper()
	world := aged(t, "image-each-launch")
	for n := range 3 {
		if err := world.LXD.Launch(lxd.InstanceSpec{Name: fmt.Sprint("more", n), Pool: world.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
	}
	world.Age(48 * time.Hour)
	b := newBench(t, world)
	b.s.given.config.Safety.WaveSize = size
	status, out, errs := b.run("", "fix", "--finding", "leaked-image", "--yes")
	if status != StatusRefused || !strings.Contains(out, "seen-before") || !strings.Contains(oneSpace(out), "run the batch again") {
		t.Fatalf("the first look repaired something, or was silent: status %d\n%s%s", status, out, errs)
	}
	world.Age(time.Hour)
	status, out, errs = b.run("", "fix", "--finding", "leaked-image", "--yes")
	if status != StatusOK || !strings.Contains(out, "\ndone ") {
		t.Fatalf("the second did not: status %d\n%s%s", status, out, errs)
	}
	if named := strings.Contains(errs, " 1/3 confirm"); named != (size > 1) {
		t.Errorf("each line says whose it is: %v\n%s", named, errs)
	}
	if n := strings.Count(out, "\ndone "); n < 4 {
		t.Errorf("%d were repaired:\n%s%s", n, out, errs)
	}
	for _, v := range world.Array.Volumes() {
		if world.Live(v.Name) && v.Destroyed {
			t.Errorf("%s is live and destroyed", v.Name)
		}
	}
	if status, out, errs = b.run("", "scan", "-o", "csv"); strings.Contains(out, "leaked-image") {
		t.Errorf("scan after the batch: status %d\n%s%s", status, out, errs)
	}
}

// A run that is cut after it changed something says so, is listed as
// interrupted, and is finished by --resume.
func TestFixInterrupted(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	whole := b.s.given.sleep
	ctx, cancel := context.WithCancel(t.Context())
	slept := time.Duration(0) // at a terminal a wait is counted down in seconds
	b.s.given.sleep = func(ctx context.Context, d time.Duration) error {
		if slept += d; slept >= 5*time.Second {
			cancel()
		}
		if err := whole(ctx, d); err != nil {
			return err
		}
		return ctx.Err()
	}
	b.s.In = strings.NewReader("")
	status := Main(ctx, []string{"pureclean", "fix", "--volume", volume, "--yes"}, b.s)
	if status != StatusTrouble || !strings.Contains(b.err.String(), "--resume") || strings.Contains(b.out.String()+b.err.String(), "othing was changed") {
		t.Fatalf("status %d\n%s%s", status, b.out.String(), b.err.String())
	}
	said := oneSpace(b.out.String() + b.err.String())
	for _, words := range []string{"Stopped after step 3 of 6: ", "stopped after step 3 of 6; the volume is disconnected and not destroyed", "take back with pureclean undo "} {
		if !strings.Contains(said, words) {
			t.Errorf("it does not say %q:\n%s", words, said)
		}
	}
	if strings.Contains(said, "context canceled") {
		t.Errorf("it speaks of contexts:\n%s", said)
	}
	b.s.given.sleep = whole
	if _, out, _ := b.run("", "scan"); !strings.Contains(out, "was interrupted") || !strings.Contains(out[strings.LastIndex(out, "next:"):], "runs --resume ") {
		t.Errorf("scan does not name the interrupted run first:\n%s", out)
	}
	status, out, errs := b.run("", "runs", "-o", "csv")
	run, _, _ := strings.Cut(strings.Split(out, "\n")[1], ",")
	if status != StatusFindings || !strings.Contains(out, "interrupted") {
		t.Fatalf("runs: status %d\n%s%s", status, out, errs)
	}
	if status, out, errs = b.run("", "runs", "--resume", run, "--yes"); status != StatusOK {
		t.Fatalf("resume: status %d\n%s%s", status, out, errs)
	}
	if v, ok := b.world.Array.Volume(volume); ok && !v.Destroyed {
		t.Error("the volume is not destroyed")
	}
}

// A copy that nothing connects is LXD's to delete: what lists it, what explains
// it and what would repair it say the same.
func TestCopyAtRestIsOnlyReported(t *testing.T) {
	b := newBench(t, aged(t, "killed-before-copy-is-mapped-iscsi"))
	_, stdout, _ := b.run("", "scan", "-o", "csv")
	_, row, _ := strings.Cut(stdout, "\n")
	field := strings.Split(row, ",")
	if len(field) < 5 || field[0] != "leaked-snapshot-volume" || field[2] != "report-only" {
		t.Fatalf("scan says %q", row)
	}
	volume := field[4]
	if _, stdout, _ = b.run("", "explain", "--object", volume); !strings.Contains(stdout, "leave it to LXD") || !strings.Contains(stdout, "lxc storage volume delete purepool data/daily0") {
		t.Errorf("explain says %s", stdout)
	}
	status, _, stderr := b.run("", "fix", "--volume", volume)
	if status != StatusRefused || !strings.Contains(stderr, "leave it to LXD") {
		t.Errorf("fix ends with %d and says %s", status, stderr)
	}
}

// --limit takes so many and tells what it leaves, in a dry run as in a run, and
// can't be more than the site's own bound.
func TestFixLimit(t *testing.T) {
	world := aged(t, "image-each-launch")
	for n := range 3 {
		if err := world.LXD.Launch(lxd.InstanceSpec{Name: fmt.Sprint("more", n), Pool: world.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
	}
	world.Age(48 * time.Hour)
	b := newBench(t, world)
	b.run("", "fix", "--finding", "leaked-image", "--dry-run")
	world.Age(time.Hour)
	for _, c := range []struct {
		name   string
		max    int
		args   []string
		status int
		want   []string
	}{
		{"below nothing", 0, []string{"--finding", "leaked-image", "--limit", "-1"}, StatusUsage, []string{"is not a number of repairs"}},
		{"one volume", 0, []string{"--volume", "x", "--limit", "2"}, StatusUsage, []string{"--limit goes with"}},
		{"more than the site allows", 2, []string{"--finding", "leaked-image", "--limit", "3", "--yes"}, StatusUsage, []string{"safety.max_per_run, which is 2"}},
		{"a dry run of all", 0, []string{"--finding", "leaked-image", "--dry-run"}, StatusOK, []string{"With --yes they go in waves of 1, "}},
		{"a dry run", 0, []string{"--finding", "leaked-image", "--limit", "3", "--dry-run"}, StatusFindings, []string{"repairs 3 at", "in waves of 1, 2;"}},
		{"the site's bound", 2, []string{"--finding", "leaked-image", "--dry-run"}, StatusFindings, []string{"repairs 2 at", "in waves of 1 (2 times);"}},
		{"a run", 0, []string{"--finding", "leaked-image", "--limit", "3", "--yes"}, StatusFindings, []string{"3 repaired", "repairs 3 at", "3 of 3, "}},
	} {
		b.s.given.config.Safety.MaxPerRun = c.max
		status, out, errs := b.run("", append([]string{"fix"}, c.args...)...)
		for _, want := range c.want {
			if status != c.status || !strings.Contains(out+errs, want) {
				t.Errorf("%s: status %d, no %q:\n%s%s", c.name, status, want, out, errs)
			}
		}
	}
}
