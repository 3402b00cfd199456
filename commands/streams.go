package commands

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/pureclean/pureclean/simulator/visit"
)

// Streams is the program's surroundings. Data goes to Out; progress, prompts,
// logs and errors go to Err.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
	// InTerminal, OutTerminal and ErrTerminal say which of them is a terminal.
	InTerminal, OutTerminal, ErrTerminal bool
	// Width is the width of Out's terminal in columns; 0 when it has none.
	Width func() int
	// Height is its height in rows; 0 when it has none.
	Height func() int
	// Resized tells when the terminal changed its size, until it is stopped.
	Resized func() (<-chan os.Signal, func())
	// Pulse is how what is waited for is shown; nil is not at all.
	Pulse *Pulse
	// Getenv reads the environment.
	Getenv func(string) string
	// BeforeLook is called before the world is read; nil is nothing.
	BeforeLook func()
	// Memory is how many bytes the rows of all arrays may take; nil, or 0,
	// leaves it to package pure.
	Memory func() int64
	// CacheDir is where the names for TAB are kept; empty for nowhere.
	CacheDir string
	// Above is the demo world that a process above this one is in; nil, or
	// empty, is none.
	Above func() string
	// given replaces the witnesses that the flags name: a demo's world.
	given *sources
}

// System is the process's own Streams.
func System() Streams {
	terminal := func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }
	size := func() (width, height int) {
		width, height, err := term.GetSize(int(os.Stdout.Fd()))
		if err != nil {
			return 0, 0
		}
		return width, height
	}
	pulse := &Pulse{Now: time.Now, Every: every, Width: func() int {
		width, _, _ := term.GetSize(int(os.Stderr.Fd())) // 0 is as good as an error
		return width
	}}
	if out, err := os.Stdout.Stat(); err == nil && out.Mode()&os.ModeNamedPipe != 0 {
		pulse = nil // whoever reads it, a pager for one, may draw on the same terminal
	}
	return Streams{
		Pulse: pulse,
		In:    os.Stdin, Out: os.Stdout, Err: os.Stderr,
		InTerminal: terminal(os.Stdin), OutTerminal: terminal(os.Stdout), ErrTerminal: terminal(os.Stderr),
		Width:    func() int { width, _ := size(); return width },
		Height:   func() int { _, height := size(); return height },
		Getenv:   os.Getenv,
		Resized:  resized,
		Memory:   func() int64 { return spareMemory(os.DirFS("/")) },
		CacheDir: cacheDir(os.Getenv, os.Geteuid()),
		Above:    func() string { return demoAbove(os.DirFS("/proc"), os.Getppid()) },
	}
}

// cacheDir is $XDG_CACHE_HOME/pureclean where that is set, else the system's
// for root and the user's own for others; empty when there is none.
func cacheDir(getenv func(string) string, uid int) string {
	base := getenv("XDG_CACHE_HOME")
	switch {
	case filepath.IsAbs(base):
	case uid == 0:
		base = "/var/cache"
	default:
		base, _ = os.UserCacheDir() // without a home there is nowhere
	}
	if base == "" {
		return ""
	}
	return filepath.Join(base, "pureclean")
}

// resized listens for the kernel's word that the terminal changed its size.
func resized() (<-chan os.Signal, func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGWINCH)
	return signals, func() { signal.Stop(signals) }
}

// outputError is an answer that could not be written: a full disk, a closed
// pipe. The scan went well, yet whoever reads the answer has only part of it.
type outputError struct{ err error }

func (e *outputError) Error() string { return fmt.Sprintf("can't write the answer: %v", e.err) }

func (e *outputError) Unwrap() error { return e.err }

// print runs write on a buffer before Out and returns the first error.
func (s Streams) print(write func(w io.Writer) error) error {
	buffer := bufio.NewWriterSize(s.Out, 64<<10)
	if err := write(buffer); err != nil {
		return &outputError{err}
	}
	if err := buffer.Flush(); err != nil {
		return &outputError{err}
	}
	return nil
}

// Variable is one that the program reads from its environment.
type Variable struct {
	Name, Meaning string
}

// Environment lists them all.
var Environment = []Variable{
	{visit.Variable, "the directory of the demo world in which the command is run; pureclean demo --shell sets it"},
	{"SHELL", "the shell that pureclean demo --shell opens"},
	{"LXD_SOCKET", "the unix socket of LXD"},
	{"LXD_DIR", "the directory of LXD, with its unix.socket and storage-pools"},
	{"CREDENTIALS_DIRECTORY", "set by systemd; a credential pure-api-token-POOL or pure-api-token there is the array's API token"},
	{"PURECLEAN_API_TOKEN_FILE", "a file with the array's API token, readable by its owner alone"},
	{"PURECLEAN_SSH", "the ssh client and its first arguments, instead of those of the configuration"},
	{"NO_COLOR", "if it is not empty, --color auto means never"},
	{"TERM", "if it is dumb, --color auto means never"},
	{"XDG_CACHE_HOME", "the directory below which the names for TAB are kept"},
	{"SUDO_USER", "who used sudo, for the journal"},
	{"GOGC", "of Go's run-time; if it is set, pureclean does not trade time for memory"},
}
