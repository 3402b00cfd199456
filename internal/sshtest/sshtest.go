// Package sshtest runs real OpenSSH servers for tests: one per machine, on
// loopback, unprivileged, with keys and configuration of their own, and ended
// with the test. What a machine runs is the test's matter.
package sshtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Servers are the machines of one test.
type Servers struct {
	// Dir is private to the test and short enough for sockets.
	Dir string
	// Client is an ssh client that knows the machines by their names.
	Client []string

	t       testing.TB
	running map[string]*exec.Cmd
}

// sshd is where Debian has it: it wants to be called by its full name.
const sshd = "/usr/sbin/sshd"

// Start starts a server for each name. Without OpenSSH's server the test is
// skipped, and in CI it fails; with -short it is skipped.
func Start(t testing.TB, names ...string) *Servers {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves out real ssh servers")
	}
	if _, err := os.Stat(sshd); err != nil {
		if slices.Contains(os.Environ(), "CI=true") {
			t.Fatalf("openssh-server is missing, which this proof needs: %v", err)
		}
		t.Skipf("SKIPPED, not proven here: install openssh-server to run it (%v)", err)
	}
	if os.Getuid() == 0 {
		// Where sshd puts away its privileges when it has any.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.MkdirTemp("", "pcssh")
	if err != nil {
		t.Fatal(err)
	}
	s := &Servers{Dir: dir, Client: []string{"ssh", "-F", filepath.Join(dir, "ssh_config")}, t: t, running: map[string]*exec.Cmd{}}
	t.Cleanup(s.close)
	s.keygen("user")
	s.write("authorized_keys", s.read("user.pub"))
	var config, known strings.Builder
	for _, name := range names {
		s.keygen("host-" + name)
		port := s.run(name)
		fmt.Fprintf(&config, "Host %[1]s\n  HostName 127.0.0.1\n  Port %[2]d\n  HostKeyAlias %[1]s\n", name, port)
		fmt.Fprintf(&known, "%s %s", name, s.read("host-"+name+".pub"))
	}
	fmt.Fprintf(&config, "Host *\n  UserKnownHostsFile %[1]s/known_hosts\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n"+
		"  IdentityFile %[1]s/user\n  IdentitiesOnly yes\n  IdentityAgent none\n  ControlMaster auto\n  ControlPath %[1]s/c-%%n\n  ControlPersist 60\n", dir)
	s.write("known_hosts", known.String())
	s.write("ssh_config", config.String())
	return s
}

// run starts one server and returns its port.
func (s *Servers) run(name string) int {
	s.t.Helper()
	for try := 0; ; try++ {
		// Nobody can hand sshd an open socket, so another may take the port.
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			s.t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			s.t.Fatal(err)
		}
		// Bash and other shells read files of their user even for one command:
		// those are the machine's, and some run a hundred programs.
		s.write("sshd-"+name, fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %[2]s/host-%[3]s\nAuthorizedKeysFile %[2]s/authorized_keys\n"+
			"PidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n"+
			"UseDNS no\nPrintMotd no\nMaxStartups 200\nMaxSessions 200\nLogLevel INFO\nSetEnv HOME=%[2]s\n", port, s.Dir, name))
		command := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(s.Dir, "sshd-"+name))
		says, err := command.StderrPipe()
		if err != nil {
			s.t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			s.t.Fatal(err)
		}
		said, err := listening(says)
		if err == nil {
			s.running[name] = command
			return port
		}
		_ = command.Wait()
		if try == 5 {
			s.t.Fatalf("sshd does not start: %v\n%s", err, said)
		}
	}
}

// listening waits for the line with which sshd says that it is ready.
func listening(says io.Reader) (string, error) {
	var said strings.Builder
	lines := bufio.NewReader(says)
	for {
		line, err := lines.ReadString('\n')
		said.WriteString(line)
		if strings.HasPrefix(line, "Server listening on ") {
			go func() { _, _ = io.Copy(io.Discard, lines) }()
			return said.String(), nil
		}
		if err != nil {
			return said.String(), err
		}
	}
}

// Stop switches a machine off. The connections that it has end, too.
func (s *Servers) Stop(name string) {
	s.t.Helper()
	command := s.running[name]
	delete(s.running, name)
	s.hangup(name)
	if command != nil {
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	}
}

// hangup ends the connection that clients share.
func (s *Servers) hangup(name string) {
	// There may be none.
	_ = exec.Command(s.Client[0], append(s.Client[1:len(s.Client):len(s.Client)], "-O", "exit", name)...).Run()
}

// Forget makes a machine's host key another than the one that is known.
func (s *Servers) Forget(name string) {
	s.t.Helper()
	s.hangup(name)
	s.keygen("other-" + name)
	var known []string
	for line := range strings.Lines(s.read("known_hosts")) {
		if !strings.HasPrefix(line, name+" ") {
			known = append(known, line)
		}
	}
	s.write("known_hosts", strings.Join(known, "")+name+" "+s.read("other-"+name+".pub"))
}

func (s *Servers) keygen(name string) {
	s.t.Helper()
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(s.Dir, name)).CombinedOutput()
	if err != nil {
		s.t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
}

func (s *Servers) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Servers) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

func (s *Servers) close() {
	for name, command := range s.running {
		s.hangup(name)
		_ = command.Process.Kill()
		_ = command.Wait() // it was killed
	}
	if err := os.RemoveAll(s.Dir); err != nil {
		s.t.Error(err)
	}
}
