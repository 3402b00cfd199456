package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// memory of one machine, and processors: with two it takes half as long
	// again, most of it in waiting for each other's locks.
	memory, processors = "1536", "1"
	// cpu is what is emulated.
	cpu = "max"
	// nic is the way to another machine, and alone what is behind it where there
	// is none.
	nic, alone = "virtio-net-pci,netdev=net,romfile=", "hubport,id=net,hubid=0"
	// payload is the size of the disk with the programs, which a machine
	// remembers while it is frozen.
	payload = 192 << 20
	sector  = 512
	// bootLimit is for a machine that boots on a busy host without hardware
	// support, thawLimit for one that is thawed.
	bootLimit = 4 * time.Minute
)

// machine is a virtual machine that is frozen right after it has booted, and
// the programs that run in it.
type machine struct {
	dir   string // the disk, the kernel and the frozen state
	work  string
	guest string
	disk  string // the programs, as an archive
	init  string // the first process, which the kernel starts from a disk
}

func newMachine(ctx context.Context, work, suite string) (*machine, error) {
	m := &machine{work: work, guest: filepath.Join(work, "guest"), disk: filepath.Join(work, "programs.tar"), init: filepath.Join(work, "init")}
	if err := m.build(ctx); err != nil {
		return nil, err
	}
	dir, err := output(ctx, "e2e/image", suite)
	if err != nil {
		return nil, err
	}
	version, err := output(ctx, qemu, "-version")
	if err != nil {
		return nil, err
	}
	script, err := os.ReadFile("e2e/init")
	if err != nil {
		return nil, err
	}
	// A disk has whole sectors; bash reads past the script's end.
	script = append(script, bytes.Repeat([]byte("\n"), sector-len(script)%sector)...)
	if err := os.WriteFile(m.init, script, 0o644); err != nil {
		return nil, err
	}
	// A state can only be thawed by what froze it.
	key := fmt.Sprintf("%x", sha256.Sum256([]byte(version+memory+processors+cpu+nic+fmt.Sprint(payload)+string(script))))
	m.dir = filepath.Join(strings.TrimSpace(dir), key[:12])
	if _, err := os.Stat(m.dir); err == nil {
		return m, nil
	}
	return m, m.freeze(ctx)
}

// build compiles the programs and packs them.
func (m *machine) build(ctx context.Context) error {
	packed, err := os.Create(m.disk)
	if err != nil {
		return err
	}
	defer packed.Close()
	archive := tar.NewWriter(packed)
	for _, p := range []struct{ name, pkg string }{{"guest", "./e2e/guest"}, {"pureclean", "."}} {
		path := filepath.Join(m.work, p.name)
		cmd := exec.CommandContext(ctx, "go", "build", "-tags", "urfave_cli_no_docs", "-ldflags", "-s -w", "-o", path, p.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", p.name, err, out)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{Name: p.name, Mode: 0o755, Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := archive.Write(data); err != nil {
			return err
		}
	}
	return errors.Join(archive.Close(), packed.Truncate(payload))
}

const qemu = "qemu-system-x86_64"

// start starts a machine. Its second serial line is the socket "line", its
// monitor "monitor", both in dir.
func (m *machine) start(ctx context.Context, dir, disk, network string, more ...string) (stop func(), err error) {
	image := filepath.Dir(m.dir)
	args := append([]string{
		"-accel", "tcg,thread=multi", "-cpu", cpu, "-smp", processors, "-m", memory,
		"-nodefaults", "-display", "none", "-no-reboot",
		"-kernel", filepath.Join(image, "vmlinuz"), "-initrd", filepath.Join(image, "initrd"),
		"-append", "root=/dev/vda ro console=ttyS0 loglevel=4 panic=-1 init=/bin/bash -- /dev/vdc",
		"-drive", "if=virtio,format=qcow2,file=" + disk,
		"-drive", "if=virtio,format=raw,readonly=on,file=" + m.disk,
		"-drive", "if=virtio,format=raw,readonly=on,file=" + m.init,
		"-serial", "file:" + filepath.Join(dir, "console"),
		"-serial", "unix:" + filepath.Join(dir, "line") + ",server=on,wait=off",
		"-monitor", "unix:" + filepath.Join(dir, "monitor") + ",server=on,wait=off",
		"-device", nic, "-netdev", network,
	}, more...)
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, qemu, args...)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	return func() {
		cancel()
		_ = cmd.Wait() // it was killed
	}, nil
}

// dial connects to a socket that a machine is about to make.
func dial(ctx context.Context, path string) (net.Conn, error) {
	for end := time.Now().Add(30 * time.Second); ; {
		line, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err == nil || ctx.Err() != nil || time.Now().After(end) {
			return line, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// freeze boots a machine and keeps it as it is when it is ready.
func (m *machine) freeze(ctx context.Context) error {
	fmt.Fprintln(os.Stderr, "booting the virtual machine once")
	dir, err := os.MkdirTemp(filepath.Dir(m.dir), "freezing.")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	disk := filepath.Join(dir, "disk")
	if _, err := output(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", filepath.Join(filepath.Dir(m.dir), "root.img"), disk); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	stop, err := m.start(ctx, dir, disk, alone)
	if err != nil {
		return err
	}
	defer stop()
	line, err := dial(ctx, filepath.Join(dir, "line"))
	if err != nil {
		return err
	}
	defer line.Close()
	if err := expect(ctx, line, "READY"); err != nil {
		console, _ := os.ReadFile(filepath.Join(dir, "console"))
		return fmt.Errorf("the machine did not boot: %w\n%s", err, console)
	}
	monitor, err := dial(ctx, filepath.Join(dir, "monitor"))
	if err != nil {
		return err
	}
	defer monitor.Close()
	// It pauses itself when the state is written, and answers after that.
	if _, err := fmt.Fprintf(monitor, "stop\nmigrate \"exec:cat >%s\"\ninfo migrate\n", filepath.Join(dir, "state")); err != nil {
		return err
	}
	if err := expect(ctx, monitor, "Migration status: completed"); err != nil {
		return fmt.Errorf("the machine could not be frozen: %w", err)
	}
	if _, err := fmt.Fprintln(monitor, "quit"); err != nil {
		return err
	}
	stop()
	for _, name := range []string{"line", "monitor"} {
		_ = os.Remove(filepath.Join(dir, name)) // the machine may have done so
	}
	if err := os.Rename(dir, m.dir); err != nil {
		return err
	}
	// The temporary directory is for its owner alone.
	return os.Chmod(m.dir, 0o755)
}

// expect reads until the text comes.
func expect(ctx context.Context, from net.Conn, text string) error {
	stop := context.AfterFunc(ctx, func() { _ = from.Close() })
	defer stop()
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%q did not come", text), lines.Err(), ctx.Err())
}

// thawedMachine is one that runs. What it is to do, and what it says, goes
// through line.
type thawedMachine struct {
	dir  string
	line net.Conn
	stop func()
}

// thaw goes on with the machine that was frozen, in a new directory dir.
func (m *machine) thaw(ctx context.Context, dir, network string) (*thawedMachine, error) {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	// What it writes goes nowhere.
	stop, err := m.start(ctx, dir, filepath.Join(m.dir, "disk"), network, "-snapshot", "-incoming", "exec:cat "+filepath.Join(m.dir, "state"))
	if err != nil {
		return nil, err
	}
	monitor, err := dial(ctx, filepath.Join(dir, "monitor"))
	if err != nil {
		stop()
		return nil, err
	}
	defer monitor.Close()
	t := &thawedMachine{dir: dir, stop: stop}
	// It was frozen while it stood still, and goes on standing still. What is
	// asked of it is answered when it has thawed.
	if err = thawed(ctx, monitor); err == nil {
		t.line, err = dial(ctx, filepath.Join(dir, "line"))
	}
	if err != nil {
		stop()
		return nil, err
	}
	context.AfterFunc(ctx, func() { _ = t.line.Close() })
	return t, nil
}

// do has the guest program do something, and returns what that printed.
func (t *thawedMachine) do(command string) (string, error) {
	if _, err := fmt.Fprintf(t.line, "%d %s\n", time.Now().Unix(), command); err != nil {
		return "", err
	}
	return conversation(t.line)
}

// run thaws a machine, has the guest program do something with a scenario in
// it, and returns what that printed. Where a scenario needs two machines, the
// second one serves the first.
func (m *machine) run(ctx context.Context, verb string, c testCase, limit time.Duration) (string, error) {
	dir, err := os.MkdirTemp(m.work, c.name)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	network, wire := alone, "stream,id=net,addr.type=unix,addr.path="+filepath.Join(dir, "wire")
	if c.members == 2 {
		network = wire + ",server=on"
	}
	first, err := m.thaw(ctx, filepath.Join(dir, "1"), network)
	if err != nil {
		return "", err
	}
	defer first.stop()
	served := make(chan string, 1)
	if c.members == 2 {
		second, err := m.thaw(ctx, filepath.Join(dir, "2"), wire+",server=off")
		if err != nil {
			return "", err
		}
		defer second.stop()
		go func() {
			text, _ := second.do("serve") // until it is stopped
			served <- "--- the second machine\n" + text
		}()
		defer second.line.Close()
	} else {
		served <- ""
	}
	text, err := first.do(verb + " " + c.name + " " + c.transport)
	if ctx.Err() != nil {
		err = fmt.Errorf("it took longer than %s", limit)
	}
	cancel()
	text += <-served
	if err != nil {
		console, _ := os.ReadFile(filepath.Join(first.dir, "console"))
		text += string(console)
	}
	return text, err
}

// thawed waits until the machine runs.
func thawed(ctx context.Context, monitor net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = monitor.Close() })
	defer stop()
	go func() {
		for ctx.Err() == nil {
			if _, err := fmt.Fprint(monitor, "cont\ninfo status\n"); err != nil {
				return
			}
			time.Sleep(500 * time.Millisecond)
		}
	}()
	lines := bufio.NewScanner(monitor)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "VM status: running") {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("the machine did not thaw: %w", errNotMade), lines.Err(), ctx.Err())
}

// errNotMade is a scenario whose state the guest could not make: see there.
var errNotMade = errors.New("its state could not be made, so nothing was judged")

// conversation is what the guest prints, until it says how it ended. The error
// has the reason that it gave.
func conversation(line io.Reader) (string, error) {
	var text strings.Builder
	var reason string
	lines := bufio.NewScanner(line)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		said := strings.TrimRight(lines.Text(), "\r")
		if status, ended := strings.CutPrefix(said, "END "); ended {
			switch status {
			case "0":
				return text.String(), nil
			case "3":
				return text.String(), fmt.Errorf("%w: %s", errNotMade, reason)
			}
			return text.String(), fmt.Errorf("it ended with status %s: %s", status, reason)
		}
		if why, failed := strings.CutPrefix(said, "FAIL "); failed {
			reason = why
		}
		text.WriteString(said + "\n")
	}
	return text.String(), errors.Join(errors.New("it ended without a word"), lines.Err())
}

// output runs a program and returns what it printed.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return string(out), nil
}
