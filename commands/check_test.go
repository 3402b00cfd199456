package commands

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/sightings"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
)

// oneLine is what the convention wants of stdout: metrics has the test that
// reads it by the letter.
var oneLine = regexp.MustCompile(`^PURECLEAN (OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+ \| [^|\n]+\n$`)

// checks runs a check, which has one line to say and nothing else.
func (b *bench) checks(status int, said string, args ...string) string {
	b.t.Helper()
	got, out, errs := b.run("", append([]string{"check"}, args...)...)
	if got != status || !oneLine.MatchString(out) || errs != "" || !strings.Contains(out, said) {
		b.t.Errorf("check %v: status %d, want %d with %q\n%s%s", args, got, status, said, out, errs)
	}
	if words := []string{"OK", "WARNING", "CRITICAL", "UNKNOWN"}; got >= 0 && got < len(words) && !strings.HasPrefix(out, "PURECLEAN "+words[got]+" ") {
		b.t.Errorf("check %v: status %d and %q", args, got, out)
	}
	return out
}

func TestCheck(t *testing.T) {
	healthy, err := simulator.Healthy(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer healthy.Close()
	b := newBench(t, healthy)
	b.checks(0, " - 0 leaked volumes | leaked=0;0;5;0 bytes=0B;;;0 ")

	b = newBench(t, aged(t, "device-too-late-iscsi"))
	b.world.Array.ResetRequests()
	b.checks(1, " - 1 leaked volume holds 64MiB, the oldest for 2 days; 1 other warning: unsafe-setting | leaked=1;0;5;0 ")
	b.checks(1, ", the oldest for 2 days | leaked=1;0;5;0 ", "--ignore", "unsafe-setting")
	b.checks(1, "leaked=1;1;5;0 ", "-w", "1")
	b.checks(0, "leaked=1;1;5;0 ", "-w", "1", "--ignore", "unsafe-setting")
	b.checks(2, "leaked=1;0;0;0 ", "-c", "0")
	b.checks(2, "leaked=1;0;@1:2;0 ", "--critical", "@1:2")
	b.checks(2, "bytes=", "--critical-bytes", "1KiB")
	b.checks(1, ";;1099511627776;0 ", "--critical-bytes", "1TiB")
	b.checks(2, "oldest=", "--critical-age", "1d")
	b.checks(0, "0 leaked volumes", "--ignore", "leaked-volume", "--ignore", "unsafe-setting")
	for _, r := range b.world.Array.Requests() {
		if r.Method != "GET" && r.Path != "/login" && r.Path != "/logout" {
			t.Errorf("check sent the array %s %s", r.Method, r.Path)
		}
	}
}

// The details come below the line, and on stderr still nothing.
func TestCheckDetails(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	volume := b.leaked("leaked-volume")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
		t.Fatalf("fix: %s%s", out, errs)
	}
	status, out, errs := b.run("", "check", "-v", "--ignore", "unsafe-setting")
	first, rest, _ := strings.Cut(out, "\n")
	if status != 0 || !oneLine.MatchString(first+"\n") || errs != "" {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	for _, want := range []string{"info: pending-eradication " + volume + ": ", "run ", " of " + volume + " can be undone until 2"} {
		if !strings.Contains(rest, want) {
			t.Errorf("%q is not in:\n%s", want, rest)
		}
	}
}

// A wrong command line ends as the convention wants it, too.
func TestCheckBadArguments(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	for _, c := range []struct {
		said string
		args []string
	}{
		{"unknown flag --frob", []string{"--frob"}},
		{"-w needs a value", []string{"-w"}},
		{`unexpected argument "10"; pureclean check takes flags only`, []string{"10"}},
		{`--warning: "x" is not a number`, []string{"-w", "x"}},
		{`--critical: "9:1" begins after its end`, []string{"-c", "9:1"}},
		{`--critical-bytes: "10lb" is not a size`, []string{"--critical-bytes", "10lb"}},
		{`--warning-age: "soon" is not a time span`, []string{"--warning-age", "soon"}},
		{`--ignore "leaked-volme": there is no such finding`, []string{"--ignore", "leaked-volme"}},
		{"--timeout must be more than zero", []string{"--timeout", "0s"}},
		{"--pool is empty", []string{"--pool", ""}},
		{`there is no pool "absent"`, []string{"--pool", "absent"}},
		{"unknown flag --output", []string{"--output", "json"}},
		{"no such file or directory", []string{"--textfile", "/absent/dir/x.prom"}},
		{"is not a regular file", []string{"--textfile", "/dev/null"}},
		{`\x1b[2J`, []string{"--ignore", "\x1b[2J"}},
		{`\x7c`, []string{"--ignore", "a|leaked=0"}},
		{`"a\nPURECLEAN OK - fine"`, []string{"--pool", "a\nPURECLEAN OK - fine"}},
	} {
		b.checks(3, c.said, c.args...)
	}
}

// Whatever goes wrong, the textfile says that nothing is known, and keeps
// when all was.
func TestCheckTextfileOfAFailure(t *testing.T) {
	world := aged(t, "device-too-late-iscsi")
	b := newBench(t, world)
	file := filepath.Join(t.TempDir(), "pureclean.prom")
	value := func(name string) string {
		t.Helper()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if text, ok := strings.CutPrefix(line, name+" "); ok {
				return strings.TrimSpace(text)
			}
		}
		return "absent"
	}
	b.checks(1, "1 leaked volume", "--textfile", file)
	success := value("pureclean_last_success_timestamp_seconds")
	if value("pureclean_complete") != "1" || success == "0" {
		t.Fatalf("complete %s, last success %s", value("pureclean_complete"), success)
	}
	for name, fail := range map[string]func(t *testing.T) (args []string){
		"a wrong flag":      func(*testing.T) []string { return []string{"--frob"} },
		"a stray argument":  func(*testing.T) []string { return []string{"stray"} },
		"a wrong threshold": func(*testing.T) []string { return []string{"-w", "x"} },
		"no such pool":      func(*testing.T) []string { return []string{"--pool", "absent"} },
		"the array is down": func(t *testing.T) []string {
			t.Cleanup(world.Array.Inject(array.Fault{Kind: array.Forbidden}))
			return nil
		},
		"the array is slow": func(t *testing.T) []string {
			t.Cleanup(world.Array.Inject(array.Fault{Path: "/volumes", Kind: array.Delay}))
			return []string{"--timeout", "200ms"}
		},
		"no LXD": func(t *testing.T) []string {
			socket := b.s.given.socket
			b.s.given.socket = filepath.Join(t.TempDir(), "absent")
			t.Cleanup(func() { b.s.given.socket = socket })
			return nil
		},
		"a wrong configuration": func(t *testing.T) []string {
			given := b.s.given
			b.s.given = nil
			t.Cleanup(func() { b.s.given = given })
			return []string{"--config", filepath.Join(t.TempDir(), "absent.yaml")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			world.Clock.Advance(time.Minute)
			before := value("pureclean_check_timestamp_seconds")
			b.checks(1, "", "--textfile", file)
			success := value("pureclean_last_success_timestamp_seconds")
			if success == before {
				t.Error("the clock stands still")
			}
			b.checks(3, "", append([]string{"--textfile", file}, fail(t)...)...)
			if value("pureclean_complete") != "0" || value("pureclean_last_success_timestamp_seconds") != success {
				t.Errorf("complete %s, last success %s, want 0 and %s", value("pureclean_complete"), value("pureclean_last_success_timestamp_seconds"), success)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		b.out.Reset()
		if status := Main(ctx, []string{"pureclean", "check", "--textfile", file}, b.s); status != 3 || !strings.Contains(b.out.String(), "cancelled") {
			t.Errorf("status %d: %s", status, b.out.String())
		}
		if value("pureclean_complete") != "0" {
			t.Error("complete")
		}
	})
}

// A textfile that can't be written is not kept quiet, and hides nothing.
func TestCheckTextfileNotWritten(t *testing.T) {
	world := aged(t, "device-too-late-iscsi")
	b := newBench(t, world)
	o := &checkOptions{common: common{Streams: b.s, timeout: time.Minute, color: "auto"}}
	dir := filepath.Join(t.TempDir(), "metrics")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	o.textfile = filepath.Join(dir, "pureclean.prom")
	// It vanishes between the first look and the write.
	now, asked := b.s.given.now, 0
	b.s.given.now = func() time.Time {
		if asked++; asked > 1 {
			_ = os.Remove(dir)
		}
		return now()
	}
	o.Out = &b.out
	err := runCheck(t.Context(), o, nil)
	if !errors.Is(err, checkEnd(metrics.Unknown)) || !strings.Contains(b.out.String(), "textfile: ") || !strings.Contains(b.out.String(), "1 leaked volume") {
		t.Errorf("%v: %s", err, b.out.String())
	}
}

// A check is an earlier look for a batch. fix by itself refuses the first
// time: TestFixBatch.
func TestCheckIsRemembered(t *testing.T) {
	world := aged(t, "image-each-launch")
	b := newBench(t, world)
	// Not there yet, as on a machine that never repaired anything.
	b.s.given.config.StateDir = filepath.Join(b.s.given.config.StateDir, "pureclean")
	b.checks(1, "leaked volume")
	seen, err := sightings.Load(b.s.given.config.StateDir)
	if err != nil || len(seen) == 0 {
		t.Fatalf("%v, %v", seen, err)
	}
	world.Age(time.Hour)
	if status, out, errs := b.run("", "fix", "--finding", "leaked-image", "--yes"); status != StatusOK {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// Without a place to remember what leaks is known all the same; without a journal
// that can be read it is not known whether a repair was interrupted.
func TestCheckWithoutMemory(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// A directory that can't be made, whoever we are.
	b.s.given.config.StateDir = filepath.Join(file, "state")
	b.checks(3, "interrupted=U;")
	b.checks(3, "1 leaked volume")
	b.checks(3, "whether a repair was interrupted is not known: listing the runs: ")
	_, out, _ := b.run("", "check", "-v")
	if !strings.Contains(out, "\nnote: mkdir ") {
		t.Errorf("not said:\n%s", out)
	}
}

// Nobody says that nothing is left behind while it is not known whether a repair
// left paths offline. A machine that never repaired anything has no journal, and
// is OK.
func TestJournalThatIsNotRead(t *testing.T) {
	b := newBench(t, aged(t, "healthy-iscsi"))
	b.checks(0, "0 leaked volumes")
	runs := filepath.Join(b.s.given.config.StateDir, "runs")
	if err := os.WriteFile(runs, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	b.checks(3, "whether a repair was interrupted is not known: ")
	if status, out, _ := b.run("", "scan"); status != StatusOK || strings.Contains(out, nothingLeft) || !strings.Contains(out, "Whether a repair was interrupted is not known: ") {
		t.Errorf("scan: status %d\n%s", status, out)
	}
}

func TestCheckInterrupted(t *testing.T) {
	healthy, err := simulator.Healthy(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer healthy.Close()
	b := newBench(t, healthy)
	book, err := journal.Open(b.s.given.config.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	run, err := book.Create(journal.Record{Kind: journal.KindFix}, healthy.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(run.Close(), book.Close()); err != nil {
		t.Fatal(err)
	}
	b.checks(1, "; 1 interrupted run (pureclean runs) | ")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestCheckOnAFullDisk(t *testing.T) {
	b := newBench(t, aged(t, "device-too-late-iscsi"))
	b.s.Out = fullDisk{}
	b.s.In = strings.NewReader("")
	if status := Main(t.Context(), []string{"pureclean", "check"}, b.s); status != 3 || !strings.Contains(b.err.String(), "no space left") {
		t.Errorf("status %d: %s", status, b.err.String())
	}
}

// Names are given by others.
func TestCheckViewOfHostileNames(t *testing.T) {
	evil := "u-1|leaked=0\nPURECLEAN OK - fine\x1b[2J\u202e"
	r := metrics.Reading{Report: diagnose.Report{
		Doubts:    []string{evil},
		Witnesses: []diagnose.Witness{{Kind: "host", Name: evil, Reason: evil, Hint: evil}},
		Findings:  []diagnose.Finding{{Code: "mixed-map", Severity: diagnose.Critical, Object: evil, Detail: evil}},
	}, Runs: metrics.Runs{Undoable: []metrics.Deadline{{Run: evil, Object: evil}}}}
	for _, status := range []func(*metrics.Verdict){func(*metrics.Verdict) {}, func(v *metrics.Verdict) { v.Status = metrics.Unknown }} {
		v := metrics.Judge(&r, metrics.Defaults())
		status(&v)
		var out strings.Builder
		o := &checkOptions{common: common{Streams: Streams{Out: &out}}, details: true}
		if err := o.tell(checkView{&r, v, errors.New(evil), []string{evil}}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if !oneLine.MatchString(lines[0] + "\n") {
			t.Errorf("%q", lines[0])
		}
		if len(lines) != 5 {
			t.Errorf("%d lines:\n%s", len(lines), out.String())
		}
		if strings.ContainsAny(strings.Join(lines[1:], ""), "|\x1b\u202e") {
			t.Errorf("not escaped: %q", lines[1:])
		}
	}
}

// Monitoring systems cut off what is long.
func TestCheckDetailsAreBounded(t *testing.T) {
	r := metrics.Reading{Report: diagnose.Report{Complete: true}}
	for range 1000 {
		r.Report.Findings = append(r.Report.Findings, diagnose.Finding{Code: "leaked-volume", Severity: diagnose.Warning})
	}
	lines := checkView{reading: &r}.details()
	if len(lines) != maxDetails+1 || lines[maxDetails] != "and 960 more findings: pureclean scan" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}
