package commands

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// CutProgram is the name under which this test program stands before ssh and
// can end it between any two lines, see RunCut.
const CutProgram = "pureclean-cut"

// RunCut is that program: it is given a directory and ssh's command line.
// Before each line that passes, in either direction, and before the end, it
// asks the test whether to go on.
func RunCut() int {
	dir, argv := os.Args[1], os.Args[2:]
	if !slices.Contains(argv, "--step") {
		path, err := exec.LookPath(argv[0])
		if err == nil {
			err = syscall.Exec(path, argv, os.Environ())
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	conn, err := net.Dial("unix", filepath.Join(dir, "cut"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ssh := exec.Command(argv[0], argv[1:]...)
	ssh.Stderr = os.Stderr
	in, err := ssh.StdinPipe()
	if err != nil {
		return 1
	}
	out, err := ssh.StdoutPipe()
	if err != nil {
		return 1
	}
	if err := ssh.Start(); err != nil {
		return 1
	}
	var mu sync.Mutex
	asked := json.NewEncoder(conn)
	answers := json.NewDecoder(conn)
	pass := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		var goOn bool
		if asked.Encode(what) != nil || answers.Decode(&goOn) != nil || !goOn {
			_ = ssh.Process.Kill()
			os.Exit(255)
		}
	}
	relay := func(to io.WriteCloser, from io.Reader, what string) {
		defer to.Close()
		lines := bufio.NewReader(from)
		for {
			line, err := lines.ReadBytes('\n')
			if len(line) > 0 {
				pass(what)
				if _, err := to.Write(line); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}
	go relay(in, os.Stdin, "to")
	relay(os.Stdout, out, "from")
	err = ssh.Wait()
	pass("end")
	if err != nil {
		return 255
	}
	return 0
}

// cuts counts what passes and ends one ssh.
type cuts struct {
	mu     sync.Mutex
	passed int
	// at is the number of what does not pass any more; 0 lets all pass.
	at  int
	cut bool
}

func (c *cuts) pass() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.passed++
	if c.at > 0 && c.passed == c.at {
		c.cut = true
		return false
	}
	return true
}

// cutting puts the program before the cluster's ssh.
func (c *cluster) cutting(at int) *cuts {
	c.t.Helper()
	cut := &cuts{at: at}
	listener, err := net.Listen("unix", filepath.Join(c.servers.Dir, "cut"))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				decoder, encoder := json.NewDecoder(conn), json.NewEncoder(conn)
				for what := ""; decoder.Decode(&what) == nil; {
					if encoder.Encode(cut.pass()) != nil {
						return
					}
				}
			}()
		}
	}()
	self, err := os.Executable()
	if err != nil {
		c.t.Fatal(err)
	}
	path := filepath.Join(c.servers.Dir, CutProgram)
	if err := os.Symlink(self, path); err != nil {
		c.t.Fatal(err)
	}
	c.settings.SSH = append([]string{path, c.servers.Dir}, c.servers.Client...)
	return cut
}

// pair is a cluster of two members with a leaked volume connected to both.
func pair(t *testing.T) (*cluster, string, string) {
	t.Helper()
	world := worlds.New(t, simulator.Options{Members: 2})
	leaked := leakEverywhere(t, world)
	return newCluster(t, world), leaked.Name, leaked.Serial
}

// Whatever message an ssh is ended at, nothing that lives is harmed, and
// running again finishes what was begun.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	all := os.Getenv("PURECLEAN_LONG") != ""
	at, last := 4, 12
	for at <= last {
		total := 0
		t.Run(fmt.Sprint(at), func(t *testing.T) { total = cutAt(t, at) })
		if total < at {
			break // nothing was cut: it was the last
		}
		switch {
		case all:
			at, last = at+1, at+1
		default:
			at += 6
		}
	}
}

func cutAt(t *testing.T, at int) int {
	c, volume, serial := pair(t)
	live := liveVolumes(c.world)
	cut := c.cutting(at)
	status, out, errs := c.run("", "fix", "--volume", volume, "--yes")
	switch {
	case cut.cut && status == StatusOK:
		// The last answer was lost, and looking again told.
	case cut.cut && status != StatusTrouble && status != StatusRefused:
		t.Errorf("cut at %d: status %d\n%s%s", at, status, out, errs)
	case !cut.cut && status != StatusOK:
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	c.noHarm(live)
	for try := 0; ; try++ {
		if v, ok := c.world.Array.Volume(volume); ok && v.Destroyed {
			break
		}
		if try == 3 {
			t.Fatalf("cut at %d: running again does not finish it", at)
		}
		args := []string{"fix", "--volume", volume, "--yes"}
		if id := c.interrupted(); id != "" {
			args = []string{"runs", "--resume", id, "--yes"}
		}
		status, out, errs = c.run("", args...)
		t.Logf("cut at %d: %v: status %d", at, args, status)
		if status != StatusOK {
			t.Logf("%s%s", out, errs)
		}
	}
	for _, h := range c.world.Hosts {
		if left := h.DevicesOf(serial); len(left) > 0 {
			t.Errorf("cut at %d: %s has %v", at, h.Name(), left)
		}
	}
	if id := c.interrupted(); id != "" {
		t.Errorf("cut at %d: run %s is still interrupted", at, id)
	}
	c.noHarm(live)
	return cut.passed
}

// interrupted is a run that is to be resumed.
func (b *bench) interrupted() string {
	b.t.Helper()
	_, out, _ := b.run("", "runs", "-o", "csv")
	for line := range strings.Lines(out) {
		if cells := strings.Split(line, ","); len(cells) > 2 && cells[2] == "interrupted" {
			return cells[0]
		}
	}
	return ""
}
