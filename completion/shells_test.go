package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/completion"
)

// callsFile is the variable that names the file in which every call of the
// program is written down.
const callsFile = "PURECLEAN_TEST_CALLS"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"pureclean": func() { os.Exit(pretend()) }})
}

// pretend is a pureclean that writes down how it was called, and does nothing
// but to complete.
func pretend() int {
	if path := os.Getenv(callsFile); path != "" {
		line, _ := json.Marshal(os.Args[1:])
		file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		if _, err := file.Write(append(line, '\n')); err != nil || file.Close() != nil {
			return 1
		}
	}
	if len(os.Args) > 1 && strings.Contains(os.Args[1], "complet") {
		return commands.Main(context.Background(), os.Args, commands.System())
	}
	return 0
}

// world is what the last look saw: names as they are, and names as somebody
// could give them who wants a TAB to run something.
var world = []completion.Name{
	{Kind: completion.Finding, Pool: "purepool", Name: "purepool::u-5805369565714a11a69ed2b62f2a3da1", Note: "leaked-volume, safe to repair"},
	{Kind: completion.Finding, Pool: "purepool", Name: "purepool::u-ae91aba5b1854c00b1e5f3652c450a65", Note: "leaked-volume"},
	{Kind: completion.Finding, Pool: "nvpool", Name: "nvpool::c-0653a3b60397468eaf761a1c8d187aa2", Note: "degraded-paths"},
	{Kind: completion.Finding, Pool: "purepool", Name: "hostile1-$(touch PWNED)", Note: "$(touch PWNED)"},
	{Kind: completion.Finding, Pool: "purepool", Name: "hostile2-`touch PWNED`", Note: "`touch PWNED`"},
	{Kind: completion.Finding, Pool: "purepool", Name: "hostile3; touch PWNED; #", Note: "; touch PWNED"},
	{Kind: completion.Finding, Pool: "purepool", Name: `hostile4 it's "so" \ called`, Note: `'"\`},
	{Kind: completion.Finding, Pool: "purepool", Name: "hostile5::a b::$HOME*?[x]{1,2}~!&|<>", Note: "%s %n \\n"},
	{Kind: completion.Finding, Pool: "purepool", Name: "hostile6-é-ü-名", Note: "letters"},
	{Kind: completion.Pool, Pool: "purepool", Name: "purepool", Note: "iscsi"},
	{Kind: completion.Pool, Pool: "nvpool", Name: "nvpool", Note: "nvme/tcp"},
	{Kind: completion.Record, Pool: "purepool", Name: "purepool/custom/wiki"},
	{Kind: completion.Record, Pool: "purepool", Name: "purepool/container/web01"},
}

// shells are those with a script, and how each is started without anybody's
// own settings.
var shells = map[string]struct {
	argv []string
	load string
}{
	"bash": {[]string{"bash", "--norc", "--noprofile", "-i"}, "set +o history; source <(pureclean completion bash)"},
	"zsh":  {[]string{"zsh", "-f", "-i"}, "autoload -Uz compinit; compinit -D; source <(pureclean completion zsh)"},
	"fish": {[]string{"fish", "--no-config", "-i"}, "pureclean completion fish | source"},
}

// What is typed, with a TAB at its end, and the words that the program then
// gets when Enter is pressed.
var completed = []struct {
	name  string
	typed string
	want  []string
	// only are the shells that it is for; none means all.
	only []string
}{
	{name: "a command", typed: "pureclean expl", want: []string{"explain"}},
	{name: "a command of a command", typed: "pureclean completion fi", want: []string{"completion", "fish"}},
	{name: "a flag", typed: "pureclean fix --dr", want: []string{"fix", "--dry-run"}},
	{name: "a name with colons", typed: "pureclean explain --object purepool::u-5", want: []string{"explain", "--object", "purepool::u-5805369565714a11a69ed2b62f2a3da1"}},
	{name: "its beginning", typed: "pureclean fix --volume nvp", want: []string{"fix", "--volume", "nvpool::c-0653a3b60397468eaf761a1c8d187aa2"}},
	{name: "one colon", typed: "pureclean fix --volume nvpool:", want: []string{"fix", "--volume", "nvpool::c-0653a3b60397468eaf761a1c8d187aa2"}},
	{name: "joined", typed: "pureclean fix --volume=purepool::u-5", want: []string{"fix", "--volume=purepool::u-5805369565714a11a69ed2b62f2a3da1"}},
	{name: "in double quotes", typed: `pureclean fix --volume "purepool::u-5`, want: []string{"fix", "--volume", "purepool::u-5805369565714a11a69ed2b62f2a3da1"}},
	{name: "in single quotes", typed: `pureclean fix --volume 'purepool::u-5`, want: []string{"fix", "--volume", "purepool::u-5805369565714a11a69ed2b62f2a3da1"}},
	{name: "a record", typed: "pureclean explain --object purepool/custom/w", want: []string{"explain", "--object", "purepool/custom/wiki"}},
	{name: "of one pool", typed: "pureclean fix --pool nvpool --volume ", want: []string{"fix", "--pool", "nvpool", "--volume", "nvpool::c-0653a3b60397468eaf761a1c8d187aa2"}},
	{name: "a pool", typed: "pureclean scan --pool pu", want: []string{"scan", "--pool", "purepool"}},
	{name: "the other pool", typed: "pureclean scan --pool purepool --pool ", want: []string{"scan", "--pool", "purepool", "--pool", "nvpool"}},
	{name: "a code", typed: "pureclean fix --finding leaked-im", want: []string{"fix", "--finding", "leaked-image"}},
	{name: "a format", typed: "pureclean scan -o js", want: []string{"scan", "-o", "json"}},
	{name: "a format, joined", typed: "pureclean scan --output=y", want: []string{"scan", "--output=yaml"}},
	{name: "a colour", typed: "pureclean scan --color al", want: []string{"scan", "--color", "always"}},
	{name: "a file", typed: "pureclean scan --config 'sub dir/fi", want: []string{"scan", "--config", "sub dir/file.yaml"}},
	{name: "a file, joined", typed: "pureclean scan --config=plai", want: []string{"scan", "--config=plain.yaml"}},
	{name: "a directory", typed: "pureclean scan --sysroot onlyd", want: []string{"scan", "--sysroot", "onlydir/"}, only: []string{"bash", "fish"}},
	{name: "a directory, zsh", typed: "pureclean scan --sysroot onlyd", want: []string{"scan", "--sysroot", "onlydir"}, only: []string{"zsh"}}, // it takes the slash back
	{name: "spaces around", typed: "  pureclean   scan    --pool   pu", want: []string{"scan", "--pool", "purepool"}},
	{name: "after another command", typed: "true && pureclean scan --pool pu", want: []string{"scan", "--pool", "purepool"}},
	{name: "hostile: $()", typed: "pureclean explain --object hostile1", want: []string{"explain", "--object", "hostile1-$(touch PWNED)"}},
	{name: "hostile: $(), joined", typed: "pureclean explain --object=hostile1", want: []string{"explain", "--object=hostile1-$(touch PWNED)"}},
	{name: "hostile: ``", typed: "pureclean explain --object hostile2", want: []string{"explain", "--object", "hostile2-`touch PWNED`"}},
	{name: "hostile: ;", typed: "pureclean explain --object hostile3", want: []string{"explain", "--object", "hostile3; touch PWNED; #"}},
	{name: "hostile: ; in quotes", typed: "pureclean explain --object 'hostile3", want: []string{"explain", "--object", "hostile3; touch PWNED; #"}},
	{name: "hostile: quotes", typed: "pureclean explain --object hostile4", want: []string{"explain", "--object", `hostile4 it's "so" \ called`}},
	{name: "hostile: after a blank", typed: `pureclean explain --object hostile4\ it`, want: []string{"explain", "--object", `hostile4 it's "so" \ called`}},
	{name: "hostile: all else", typed: "pureclean explain --object hostile5", want: []string{"explain", "--object", "hostile5::a b::$HOME*?[x]{1,2}~!&|<>"}},
	{name: "hostile: behind colons", typed: "pureclean explain --object hostile5::a", want: []string{"explain", "--object", "hostile5::a b::$HOME*?[x]{1,2}~!&|<>"}},
	{name: "letters of others", typed: "pureclean explain --object hostile6", want: []string{"explain", "--object", "hostile6-é-ü-名"}},
}

// Lines on which a TAB must run nothing, whatever is half-typed. They are not
// entered.
var halfTyped = []string{
	"pureclean fix --volume $(touch PWNED) --fin",
	"pureclean fix --volume `touch PWNED` --fin",
	"pureclean fix --volume \"$(touch PWNED)\" --volume ",
	"pureclean fix --volume ${x:=$(touch PWNED)} --dr",
	"pureclean fix --volume <(touch PWNED) --dr",
	"pureclean fix --volume x --yes -- ",
	"pureclean fix --volume x --yes -- --",
	"pureclean fix --all --yes ",
	"pureclean eradicate --volume x --confirm ",
	"pureclean fix --volume '$(touch PWNED)",
	"pureclean fix --config '$(touch PWNED)/",
	"pureclean __complete ",
	"$(touch PWNED)/pureclean fix --volume ",
	"./pureclean fix --volume ",
}

// bash and fish leave a word alone that is still open; zsh's own TAB expands
// it, with or without us.
var halfTypedOpen = []string{
	"pureclean fix --volume $(touch PWNED)",
	"pureclean fix --volume (touch PWNED)",
	"pureclean fix --config (touch PWNED)/x",
	"pureclean fix --volume=$(touch PWNED)",
	"pureclean fix --volume `touch PWNED`",
	"pureclean fix --config $(touch PWNED)/",
	"pureclean fix --config `touch PWNED`/x",
	"pureclean fix --config $((a[$(touch PWNED)]))/x",
	"pureclean fix --volume \"$(touch PWNED)",
	"pureclean fix --volume ${x:=`touch PWNED`}",
}

func TestShells(t *testing.T) {
	for name := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, name)
			for _, c := range completed {
				if len(c.only) > 0 && !slices.Contains(c.only, name) {
					continue
				}
				before := len(s.calls())
				s.send(c.typed)
				s.key("Tab")
				s.key("Enter")
				got := s.nextRun(before)
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("%s: %q and TAB (-want +got):\n%s\n%s", c.name, c.typed, diff, s.screen())
				}
			}
			lines := halfTyped
			if name != "zsh" {
				lines = append(slices.Clone(lines), halfTypedOpen...)
			}
			for i, line := range lines {
				before := len(s.calls())
				s.send(line)
				s.key("Tab")
				s.key("C-u")
				done := fmt.Sprint("done", i)
				s.send("pureclean " + done)
				s.key("Enter")
				if got := s.nextRun(before); !cmp.Equal(got, []string{done}) {
					t.Errorf("%q and TAB ran %q\n%s", line, got, s.screen())
				}
			}
			if _, err := os.Stat(filepath.Join(s.dir, "PWNED")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something that was typed, or a name, was run: %v\n%s", err, s.screen())
			}
		})
	}
}

// TestShellsListFindingsFirst looks at what a person sees.
func TestShellsListFindingsFirst(t *testing.T) {
	for name := range shells {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, name)
			s.send("pureclean explain --object pure")
			for range 3 { // bash completes, beeps and lists
				s.key("Tab")
			}
			screen := s.waitFor("purepool/custom/wiki")
			finding, record := strings.Index(screen, "u-5805369565714a11a69ed2b62f2a3da1"), strings.Index(screen, "purepool/container/web01")
			if finding < 0 || record < 0 || finding > record || strings.Contains(screen, "nvpool") {
				t.Errorf("what is listed:\n%s", screen)
			}
		})
	}
}

// terminal is a shell in a terminal.
type terminal struct {
	t      *testing.T
	socket string
	dir    string
	log    string
}

func start(t *testing.T, shell string) *terminal {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out real shells")
	}
	for _, tool := range []string{"tmux", shell} {
		if _, err := exec.LookPath(tool); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("%s is not installed, and this is where it is tested", tool)
			}
			t.Skipf("%s is not installed", tool)
		}
	}
	dir := t.TempDir()
	s := &terminal{t: t, socket: filepath.Join(dir, "tmux"), dir: filepath.Join(dir, "work"), log: filepath.Join(dir, "calls")}
	for path, text := range map[string]string{"sub dir/file.yaml": "", "plain.yaml": "", "onlydir/x": "", "onlydir-file": ""} {
		path = filepath.Join(s.dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cache := filepath.Join(dir, "cache")
	if err := completion.Save(filepath.Join(cache, "pureclean"), world); err != nil {
		t.Fatal(err)
	}
	argv := []string{"-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "50", "-c", s.dir}
	for _, variable := range []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_CACHE_HOME=" + cache, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir,
		callsFile + "=" + s.log, "LC_ALL=C.UTF-8", "PS1=> ", "GOCOVERDIR=" + dir,
	} {
		argv = append(argv, "-e", variable)
	}
	s.tmux(append(argv, shells[shell].argv...)...)
	s.tmux("set-option", "-g", "remain-on-exit", "on")
	t.Cleanup(s.close)
	s.send(shells[shell].load)
	s.key("Enter")
	s.send("pureclean ready")
	s.key("Enter")
	s.nextRun(0)
	return s
}

// close ends the shell, and waits until it has written what it keeps of itself.
func (s *terminal) close() {
	pid, err := strconv.Atoi(strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_pid}")))
	if err != nil {
		s.t.Error(err)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		s.t.Error(err)
	}
	s.wait("the shell to end", func() bool { return strings.TrimSpace(s.tmux("display-message", "-p", "#{pane_dead}")) == "1" })
	s.tmux("kill-server")
}

func (s *terminal) tmux(args ...string) string {
	s.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", s.socket}, args...)...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (s *terminal) send(text string) { s.t.Helper(); s.tmux("send-keys", "-l", text) }

func (s *terminal) key(name string) { s.t.Helper(); s.tmux("send-keys", name) }

func (s *terminal) screen() string { s.t.Helper(); return s.tmux("capture-pane", "-p") }

// calls are all calls of the program so far.
func (s *terminal) calls() [][]string {
	s.t.Helper()
	data, err := os.ReadFile(s.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(data)) {
		var call []string
		if err := json.Unmarshal([]byte(line), &call); err != nil {
			break // still being written
		}
		all = append(all, call)
	}
	return all
}

// nextRun is the first call after the given number of them that is neither for
// a TAB nor for the script.
func (s *terminal) nextRun(after int) []string {
	s.t.Helper()
	var found []string
	s.wait("a command", func() bool {
		for _, call := range s.calls()[after:] {
			if len(call) > 0 && (call[0] == "__complete" || (call[0] == "completion" && after == 0)) {
				continue
			}
			found = call
			return true
		}
		return false
	})
	return found
}

func (s *terminal) waitFor(text string) string {
	s.t.Helper()
	var screen string
	s.wait(text, func() bool {
		screen = s.screen()
		return strings.Contains(screen, text)
	})
	return screen
}

// wait looks until it is so. The shell is another process, so there is
// nothing else to wait for than what it does.
func (s *terminal) wait(what string, so func() bool) {
	s.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			s.t.Fatalf("waited in vain for %s:\n%s", what, s.screen())
		}
	}
}
