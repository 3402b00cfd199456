package docs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/simulator"
)

// clock is when the demo's world is looked at in the docs.
var clock = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)

// session is a shell at the first machine of a simulated world.
type session struct {
	t     *testing.T
	world *simulator.World
	s     commands.Streams
	// socket is where pureclean in a real shell finds this session.
	socket string
	status int
	// changes is set for a world of its own.
	changes bool
}

var demo = sync.OnceValues(func() (*simulator.World, error) { return simulator.DemoAt(clock) })

// newSession builds the world that is named: a scenario, "demo", or
// "demo-paths-up", in which the portals that are down in the demo are up again.
// What only looks at the demo shares it.
func newSession(t *testing.T, name string, changes bool) *session {
	t.Helper()
	var world *simulator.World
	var err error
	switch scenario, found := simulator.Find(name); {
	case name == "demo" && !changes:
		world, err = demo()
	case name == "demo":
		world, err = simulator.DemoAt(clock)
	case name == "demo-paths-up":
		if world, err = simulator.DemoAt(clock); err == nil {
			pathsUp(world)
		}
	case !found:
		t.Fatalf("there is no world %q", name)
	default:
		if world, err = scenario.Build(); err == nil {
			world.Age(48 * time.Hour)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if name != "demo" || changes {
		t.Cleanup(world.Close)
	}
	s := &session{t: t, world: world, changes: name != "demo" || changes}
	s.s = commands.Inside(commands.Streams{In: strings.NewReader(""), Getenv: getenv}, world, t.TempDir())
	return s
}

func pathsUp(world *simulator.World) {
	_, nvme := world.Array.NVMe()
	_, iscsi := world.Array.ISCSI()
	for _, portal := range append(nvme, iscsi...) {
		world.Hosts[0].RestorePortal(portal)
	}
}

// getenv is an environment without colours.
func getenv(name string) string {
	return map[string]string{"NO_COLOR": "1"}[name]
}

// simple are lines that need no shell.
var simple = regexp.MustCompile(`^pureclean( [A-Za-z0-9:/._=,@-]+)*$`)

// prompt is where a person answers.
var prompt = regexp.MustCompile(`\[y/N/\?(?:/q)?\] ?(\S*)$`)

// run runs one command line and returns what a terminal would show. Answers
// are typed at its questions, if there are any; then there is a terminal.
func (s *session) run(line string, answers []string) string {
	var out bytes.Buffer
	// No two commands are typed in the same moment; a world that is shared
	// stands still.
	if s.changes {
		s.world.Clock.Advance(time.Second)
	}
	if simple.MatchString(line) {
		typist := &typist{answers: answers, echo: &out}
		s.status = s.main(strings.Fields(line), typist, &out, &out, len(answers) > 0)
	} else {
		s.status = s.shell(line, &out)
	}
	// Where the array happens to listen is the one thing that differs.
	return strings.ReplaceAll(out.String(), s.world.Server.URL, "https://fa-sim.example")
}

func (s *session) main(args []string, in io.Reader, out, errs io.Writer, terminal bool) int {
	streams := s.s
	streams.In, streams.Out, streams.Err = in, out, errs
	streams.InTerminal, streams.OutTerminal, streams.ErrTerminal = terminal, terminal, terminal
	return commands.Main(context.Background(), args, streams)
}

// typist answers questions, and is echoed as by a terminal.
type typist struct {
	answers []string
	echo    io.Writer
}

func (y *typist) Read(p []byte) (int, error) {
	if len(y.answers) == 0 {
		return 0, io.EOF
	}
	line := y.answers[0] + "\n"
	y.answers = y.answers[1:]
	_, _ = io.WriteString(y.echo, line)
	return copy(p, line), nil
}

// shell runs a line in a real one, in which pureclean is this test's own
// executable: it asks the session.
func (s *session) shell(line string, out io.Writer) int {
	s.t.Helper()
	if s.socket == "" {
		s.listen()
	}
	// $? is that of the line before.
	command := exec.Command("sh", "-c", "(exit "+itoa(s.status)+")\n"+line)
	command.Env = append(os.Environ(), "PATH="+programDir(s.t)+string(os.PathListSeparator)+os.Getenv("PATH"), sessionVariable+"="+s.socket, "LC_ALL=C", "TZ=UTC")
	command.Stdout, command.Stderr = out, out
	err := command.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.ExitCode()
	default:
		s.t.Fatal(err)
		return -1
	}
}

// sessionVariable tells pureclean in a shell where its session is.
const sessionVariable = "PURECLEAN_DOCS_SESSION"

// call is what pureclean in a shell asks, and reply the answer.
type call struct{ Args []string }

type reply struct {
	Out, Err []byte
	Status   int
}

func (s *session) listen() {
	s.t.Helper()
	dir, err := os.MkdirTemp("", "pd") // a socket's path is short
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s.socket = filepath.Join(dir, "s")
	listener, err := net.Listen("unix", s.socket)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			var asked call
			if json.NewDecoder(connection).Decode(&asked) == nil {
				var out, errs bytes.Buffer
				status := s.main(asked.Args, strings.NewReader(""), &out, &errs, false)
				_ = json.NewEncoder(connection).Encode(reply{out.Bytes(), errs.Bytes(), status})
			}
			_ = connection.Close()
		}
	}()
}

// ask is pureclean in a shell.
func ask(socket string) int {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return 125
	}
	var answer reply
	if json.NewEncoder(connection).Encode(call{append([]string{"pureclean"}, os.Args[1:]...)}) != nil || json.NewDecoder(connection).Decode(&answer) != nil {
		return 125
	}
	_, _ = os.Stdout.Write(answer.Out)
	_, _ = os.Stderr.Write(answer.Err)
	return answer.Status
}

// programDir is a directory with a program pureclean.
func programDir(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "pureclean")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	if socket := os.Getenv(sessionVariable); socket != "" && filepath.Base(os.Args[0]) == "pureclean" {
		os.Exit(ask(socket))
	}
	status := m.Run()
	if world, err := demo(); err == nil {
		world.Close()
	}
	os.Exit(status)
}
