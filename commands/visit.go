package commands

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/simulator/visit"
	"github.com/pureclean/pureclean/wait"
)

// onCommand runs a command on another machine of a demo world. There it is
// what ssh is elsewhere, and it takes ssh's arguments.
const onCommand = "__on"

// askNobody are the commands for which it does not matter in which world they
// are run.
var askNobody = []string{"", "demo", "version", "completion"}

// worldFlags lead to witnesses elsewhere.
var worldFlags = []string{"config", "sysroot"}

// kept are what is taken over from the environment into a demo world. All
// else there is about real arrays, LXDs and machines.
var kept = []string{"NO_COLOR", "TERM", "GOGC", "SUDO_USER"}

// worldError is a demo world that a command can't or must not enter. Nothing is
// done then: least of all on the real machine, which was not meant.
type worldError struct{ err error }

func (e *worldError) Error() string { return e.err.Error() }

func (e *worldError) Unwrap() error { return e.err }

// enter leads a command into the demo world that the environment names, where
// there is one. What it returns has no way to a witness outside of that world,
// and leave ends the visit.
func (s Streams) enter(ctx context.Context, args []string) (inside Streams, leave func(), err error) {
	leave = func() {}
	if s.given != nil {
		return s, leave, nil
	}
	machine, name := "", ""
	switch {
	case len(args) > 1 && args[1] == onCommand:
		name, machine = onCommand, parseOn(args[2:]).machine
	case len(args) > 1 && args[1] == completeCommand:
		name = completeCommand
	default:
		t := readTyped(App(s), fromHabit(args)[min(1, len(args)):])
		if len(t.path) > 0 && len(t.given[helpNames[0]]) == 0 {
			name = t.path[0].Name
		}
		for _, flag := range worldFlags {
			if len(t.given[flag]) > 0 && s.Getenv(visit.Variable) != "" && !slices.Contains(askNobody, name) {
				return s, leave, withHint(&worldError{usagef("--%s leads out of the demo world: nothing was done", flag)},
					"leave it out: here the world's own LXD, array and machines are asked")
			}
		}
	}
	dir := s.Getenv(visit.Variable)
	switch {
	case slices.Contains(askNobody, name):
		return s, leave, nil
	case dir == "" && s.Above != nil && s.Above() != "":
		return s, leave, withHint(&worldError{fmt.Errorf("this shell is in the demo world %s, and sudo, or what else ran this command, has dropped %s: "+
			"which machine is meant is not clear, so nothing was done", s.Above(), visit.Variable)},
			"in the demo world leave sudo out; for this machine, leave the demo's shell first (exit)")
	case dir == "":
		return s, leave, nil
	}
	v, err := visit.Enter(ctx, dir, machine, os.Geteuid())
	if err != nil {
		return s, leave, notEntered(dir, err)
	}
	given, err := s.visiting(dir, v)
	if err != nil {
		_ = v.Close()
		return s, leave, notEntered(dir, err)
	}
	outside := s.Getenv
	s.Getenv = func(name string) string {
		if slices.Contains(kept, name) {
			return outside(name)
		}
		return ""
	}
	s.given, s.CacheDir = given, filepath.Join(dir, "cache")
	if name != completeCommand && name != onCommand {
		s.sayDemo()
	}
	return s, func() { _ = v.Close() }, nil
}

// notEntered says why, and what to do about it.
func notEntered(dir string, err error) error {
	hint := "unset " + visit.Variable + ", or leave this shell (exit), and pureclean is about this machine again"
	var foreign *visit.ForeignError
	if strings.HasSuffix(err.Error(), visit.NoRoute) {
		return &worldError{err} // as ssh says it of a machine that is off
	}
	switch {
	case errors.As(err, &foreign):
		hint = "only who opened a demo world enters it; leave sudo out. " + capital(hint)
	case errors.Is(err, fs.ErrNotExist):
		err = errors.New("it is not there any more")
	}
	return withHint(&worldError{fmt.Errorf("%s names the demo world %s, which can't be entered: %w; nothing was done", visit.Variable, dir, err)}, hint)
}

// demoWords stand above all that is printed in a demo world.
const demoWords = "demo world: LXD, the array and the hosts are simulated; nothing here is real"

// inDemo reports that what is looked at is a demo world of another process.
func (s Streams) inDemo() bool { return s.given != nil && s.given.visit }

// byHand stands before a command for people: a demo world has no other
// commands than ours, and somebody else's would be carried out on this machine.
func (s Streams) byHand() string {
	if s.inDemo() {
		return "on a real host: "
	}
	return "by hand: "
}

func (s Streams) byHandIf(shown bool) string {
	if shown {
		return s.byHand()
	}
	return ""
}

// sayDemo says where we are on whichever stream the person sees.
func (s Streams) sayDemo() {
	w, terminal := s.Err, s.ErrTerminal
	if s.OutTerminal && !s.ErrTerminal {
		w, terminal = s.Out, true
	}
	fmt.Fprintln(w, colourise(s, colors[0], terminal).warning(demoWords))
}

// visiting are the sources of a process that visits a demo world.
func (s Streams) visiting(dir string, v *visit.Visit) (*sources, error) {
	var settings config.Config
	if err := gob.NewDecoder(bytes.NewReader(v.Settings)).Decode(&settings); err != nil {
		return nil, fmt.Errorf("another version of pureclean serves it: %w", err)
	}
	settings.StateDir = filepath.Join(settings.StateDir, v.Machine)
	settings.SSH = []string{visit.Guide{Dir: dir}.SSH()}
	operator := journal.CurrentOperator(s.Getenv)
	operator.Host = v.Machine
	return &sources{
		config: settings, socket: v.LXDSocket, host: v.System(), writer: v.DeviceWriter(), now: v.Now, dial: v.Dial,
		ssh: len(v.Machines) > 1, operator: &operator, visit: true,
		sleep: func(ctx context.Context, d time.Duration) error {
			if v.Pace > 0 {
				if err := wait.For(ctx, d/time.Duration(v.Pace)); err != nil {
					return err
				}
			}
			_, err := v.Advance(ctx, d)
			return err
		},
	}, nil
}

// onArguments are ssh's.
type onArguments struct {
	machine string
	command []string
}

// parseOn reads what ssh would be given: options, a destination and a command.
func parseOn(args []string) onArguments {
	var on onArguments
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		if args[0] == "-o" && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	if len(args) > 0 {
		on.machine, args = args[0][strings.LastIndex(args[0], "@")+1:], args[1:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	on.command = strings.Fields(strings.Join(args, " "))
	return on
}

// sshFailed is what ssh itself ends with.
const sshFailed = 255

// runOn is one command on another machine. Only the one that pureclean itself
// asks there is answered: the operator stands on the first.
func runOn(ctx context.Context, s Streams, args []string, err error) int {
	on := parseOn(args)
	switch {
	case err != nil:
		fmt.Fprintf(s.Err, "ssh: %s: %s\n", on.machine, clean(err.Error()))
		return sshFailed
	case s.given == nil:
		fmt.Fprintf(s.Err, "ssh: %s is for demo worlds only\n", onCommand)
		return sshFailed
	case len(on.command) < 2 || filepath.Base(on.command[0]) != "pureclean" || on.command[1] != "devices":
		fmt.Fprintf(s.Err, "ssh: on the other machines of a demo world only this is answered: ssh %s pureclean devices\n", on.machine)
		return sshFailed
	}
	s.InTerminal, s.OutTerminal, s.ErrTerminal = false, false, false
	return finish(s, on.command, App(s).RunContext(ctx, on.command))
}

// demoAbove is the demo world that a process above this one is in, though this
// one is not led there: sudo keeps little of the environment. proc is /proc.
func demoAbove(proc fs.FS, pid int) string {
	for range 64 { // a chain of parents is short; a loop there is none
		if pid <= 1 {
			return ""
		}
		dir := strconv.Itoa(pid)
		// Of other users' processes root may read the environment, and
		// everybody the command line.
		environment, _ := fs.ReadFile(proc, dir+"/environ")
		for one := range strings.SplitSeq(string(environment), "\x00") {
			if key, value, _ := strings.Cut(one, "="); key == visit.Variable && value != "" {
				return value
			}
		}
		line, _ := fs.ReadFile(proc, dir+"/cmdline")
		words := strings.Split(string(line), "\x00")
		if len(words) > 1 && words[1] == "demo" && slices.Contains(words, "--shell") {
			return "of process " + dir
		}
		status, err := fs.ReadFile(proc, dir+"/status")
		if err != nil {
			return ""
		}
		pid = 0
		for line := range strings.Lines(string(status)) {
			if parent, found := strings.CutPrefix(line, "PPid:"); found {
				pid, _ = strconv.Atoi(strings.TrimSpace(parent)) // no number is nobody
			}
		}
	}
	return ""
}
