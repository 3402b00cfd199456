package visit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/visit"
)

// open opens a world below a directory of the test's own.
func open(t *testing.T, w *simulator.World) (dir string, close func()) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pv") // a unix socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	server, err := visit.Serve(w, visit.Socket(dir), visit.Facts{LXDSocket: w.Socket, Settings: []byte("mine")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return dir, func() { _ = server.Close() }
}

func enter(t *testing.T, dir, machine string) *visit.Visit {
	t.Helper()
	v, err := visit.Enter(t.Context(), dir, machine, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// What a visitor sees of a machine is what is seen in the world's process.
func TestSeesTheSame(t *testing.T) {
	w := worlds.Demo(t)
	dir, _ := open(t, w)
	v := enter(t, dir, "")
	if v.Machine != "lxd01" || v.LXDSocket != w.Socket || string(v.Settings) != "mine" || !slices.Equal(v.Machines, []string{"lxd01"}) {
		t.Errorf("the facts are %+v", v.Facts)
	}
	if now := v.Now(); !now.Equal(w.Clock.Now()) {
		t.Errorf("it is %s there, and not %s", now, w.Clock.Now())
	}
	ctx := t.Context()
	near, far := devices.Observe(ctx, w.Hosts[0].System()), devices.Observe(ctx, v.System())
	if len(far.Disks.Items) == 0 || len(far.Maps.Items) == 0 || len(far.Namespaces.Items) == 0 {
		t.Fatalf("the visitor sees no devices: %+v", far.Doubts())
	}
	if diff := cmp.Diff(near, far, cmpopts.EquateEmpty(), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Errorf("a visitor sees something else (-near +far):\n%s", diff)
	}
	_, portals := w.Array.ISCSI()
	if err := v.Dial(ctx, portals[0]); err != nil {
		t.Errorf("a portal that is up: %v", err)
	}
	if err := v.Dial(ctx, "192.0.2.1:3260"); err == nil {
		t.Error("a portal that is not the world's could be reached")
	}
}

// A machine to which nothing has happened yet is there as well.
func TestSeesANewMachine(t *testing.T) {
	w, err := simulator.New(simulator.Options{Members: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	dir, _ := open(t, w)
	if _, err := fs.Stat(enter(t, dir, w.Hosts[1].Name()).System().FS, "proc"); err != nil {
		t.Error(err)
	}
}

// Links, devices and what is not there are told as the tree itself tells them.
func TestFiles(t *testing.T) {
	w := worlds.Demo(t)
	dir, _ := open(t, w)
	near, far := w.Hosts[0].FS(), enter(t, dir, "").System().FS
	seen := 0
	err := fs.WalkDir(near, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		seen++
		if seen%7 != 0 { // a part of them is enough
			return nil
		}
		a, errA := fs.Stat(near, name)
		b, errB := fs.Stat(far, name)
		if errors.Is(errA, fs.ErrNotExist) != errors.Is(errB, fs.ErrNotExist) {
			t.Errorf("%s: %v, and far away %v", name, errA, errB)
		}
		if errA == nil && errB == nil && (a.Mode() != b.Mode() || a.Size() != b.Size() || a.Sys() != b.Sys() || a.Name() != b.Name()) {
			t.Errorf("%s: %v %v, and far away %v %v", name, a, a.Sys(), b, b.Sys())
		}
		if entry.Type() == fs.ModeSymlink {
			a, _ := fs.ReadLink(near, name)
			if b, err := fs.ReadLink(far, name); err != nil || a != b {
				t.Errorf("%s: %s, and far away %s, %v", name, a, b, err)
			}
		}
		if entry.Type().IsRegular() {
			a, _ := fs.ReadFile(near, name)
			if b, err := fs.ReadFile(far, name); err != nil || string(a) != string(b) {
				t.Errorf("%s: %q, and far away %q, %v", name, a, b, err)
			}
		}
		return nil
	})
	if err != nil || seen < 1000 {
		t.Fatalf("%d files: %v", seen, err)
	}
	if _, err := fs.ReadFile(far, "sys/nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	f, err := far.Open("sys/block")
	if err != nil {
		t.Fatal(err)
	}
	if entries, err := f.(fs.ReadDirFile).ReadDir(-1); err != nil || len(entries) == 0 {
		t.Errorf("an open directory: %v, %v", entries, err)
	}
	if _, err := f.Read(make([]byte, 1)); err == nil {
		t.Error("a directory was read")
	}
}

// Every change reaches the machine as what it is, and its refusals come back as
// what they are.
func TestDeviceWriter(t *testing.T) {
	w := worlds.Of(t, "map-left")
	dir, _ := open(t, w)
	writer, ctx := enter(t, dir, "lxd01").DeviceWriter(), t.Context()
	disk := release.Target{Name: "sdx", HCTL: "0:0:0:1", Dev: "8:16", Seq: 9}
	calls := map[string]func() error{
		"RemoveMap uuid":       func() error { return writer.RemoveMap(ctx, "uuid") },
		"AddMap wwid":          func() error { return writer.AddMap(ctx, "wwid") },
		"SetQueueing uuid":     func() error { return writer.SetQueueing(ctx, "uuid", true) },
		"SetState sdx":         func() error { return writer.SetState(ctx, disk, "offline") },
		"DeleteDisk sdx":       func() error { return writer.DeleteDisk(ctx, disk) },
		"ClaimNamespace sdx":   func() error { return writer.ClaimNamespace(ctx, disk) },
		"RescanController one": func() error { return writer.RescanController(ctx, "one") },
	}
	for call, do := range calls {
		for _, refusal := range []error{release.ErrInUse, release.ErrOther, release.ErrState, release.ErrAbandoned, syscall.ENODEV, context.DeadlineExceeded} {
			asked := ""
			w.Hosts[0].FailWrites(func(c string, _ int) error {
				asked = c
				return fmt.Errorf("the reason: %w", refusal)
			})
			err := do()
			if asked != "before "+call || !errors.Is(err, refusal) || !strings.Contains(err.Error(), "the reason") {
				t.Errorf("%s arrived as %q, and its refusal %v as %v", call, asked, refusal, err)
			}
			for _, other := range []error{release.ErrInUse, release.ErrOther} {
				if other != refusal && errors.Is(err, other) {
					t.Errorf("%s: %v came back as %v", call, refusal, other)
				}
			}
		}
	}
	w.Hosts[0].FailWrites(nil)
	maps := devices.Observe(ctx, w.Hosts[0].System()).Maps.Items
	idle := slices.IndexFunc(maps, func(m evidence.Map) bool { return m.OpenCount == evidence.Count{Known: true} })
	if idle < 0 {
		t.Fatal("the world has no idle map")
	}
	if err := writer.RemoveMap(ctx, maps[idle].UUID); err != nil {
		t.Fatal(err)
	}
	if now := devices.Observe(ctx, w.Hosts[0].System()).Maps.Items; len(now) != len(maps)-1 {
		t.Errorf("the map is still there: %+v", now)
	}
}

// A machine that is down answers nobody, and whether something was changed on
// a world that falls silent is not known.
func TestSilence(t *testing.T) {
	w := worlds.Of(t, "member-offline")
	dir, closeIt := open(t, w)
	up, down := "", ""
	for _, h := range w.Hosts {
		if slices.Contains(w.Answering(), h) {
			up = h.Name()
		} else {
			down = h.Name()
		}
	}
	if _, err := visit.Enter(t.Context(), dir, down, os.Geteuid()); err == nil || !strings.Contains(err.Error(), "no route to host") {
		t.Errorf("a machine that is down was entered: %v", err)
	}
	v := enter(t, dir, up)
	closeIt()
	if err := v.DeviceWriter().RescanController(t.Context(), "nvme0"); !errors.Is(err, release.ErrAbandoned) {
		t.Errorf("after the world has gone: %v", err)
	}
	if _, err := v.System().Kernel.Maps(t.Context()); err == nil {
		t.Error("a kernel answers after the world has gone")
	}
	if _, err := fs.ReadFile(v.System().FS, "sys/block"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file of a world that has gone: %v", err)
	}
}

// The shell of the operator is in the world, whatever was set before, and its
// own file is still read.
func TestShell(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("LXD_DIR", "/var/lib/real")
	t.Setenv("LXD_SOCKET", "/var/lib/real/unix.socket")
	t.Setenv(visit.Variable, "/another/world")
	for _, name := range []string{"sh", "bash", "zsh", "fish"} {
		t.Run(name, func(t *testing.T) {
			shell, err := exec.LookPath(name)
			if err != nil {
				t.Skipf("SKIPPED: install %s to run it", name)
			}
			dir := t.TempDir()
			g := visit.Guide{Dir: dir, LXDSocket: dir + "/unix.socket", Program: "/bin/echo", Name: "pureclean", OnMember: "__on", Completion: "completion"}
			if err := g.Write(); err != nil {
				t.Fatal(err)
			}
			typed := `echo "world=$PURECLEAN_DEMO lxd=$LXD_SOCKET dir=$LXD_DIR."` + "\npureclean scan\nssh lxd02 uptime\nsudo pureclean scan 2>/dev/null || echo no root\nexit 3\n"
			var out bytes.Buffer
			if err := g.Shell(t.Context(), shell, strings.NewReader(typed), &out, &out); err != nil {
				t.Fatal(err)
			}
			want := "world=" + dir + " lxd=" + dir + "/unix.socket dir=.\nscan\n__on lxd02 uptime\nno root\n"
			if !strings.HasSuffix(out.String(), want) {
				t.Errorf("it printed\n%s\nand not\n%s", out.String(), want)
			}
		})
	}
	if err := (visit.Guide{Dir: t.TempDir()}).Shell(t.Context(), "/none/sh", nil, nil, nil); err == nil {
		t.Error("a shell that is not there was run")
	}
}

// Any terminal enters with one line, as often as one likes.
func TestEnvFile(t *testing.T) {
	dir := t.TempDir()
	g := visit.Guide{Dir: dir, LXDSocket: dir + "/unix.socket", Program: "/bin/echo", Name: "pureclean", OnMember: "__on", Completion: "completion"}
	if err := g.Write(); err != nil {
		t.Fatal(err)
	}
	for _, shell := range []string{"sh", "bash", "zsh"} {
		path, err := exec.LookPath(shell)
		if err != nil {
			continue
		}
		line := fmt.Sprintf(`PS1='$ '; . %[1]s; . %[1]s; echo "$PS1$PURECLEAN_DEMO"; echo "$PATH" | tr : '\n' | grep -c /bin$; pureclean x`, g.EnvFile())
		out, err := exec.Command(path, "-c", line).CombinedOutput()
		lines := strings.Split(string(out), "\n")
		if err != nil || lines[0] != "(demo world) $ "+dir || lines[2] != "x" {
			t.Errorf("%s: %q, %v", shell, out, err)
		}
	}
}

// A world that is somebody else's is not entered, nor one that others can
// replace, nor one that is not there any more.
func TestEnterRefuses(t *testing.T) {
	w := worlds.Demo(t)
	dir, closeIt := open(t, w)
	me := os.Geteuid()
	refused := func(what, dir, why string, user int) {
		t.Helper()
		v, err := visit.Enter(t.Context(), dir, "", user)
		if err == nil {
			_ = v.Close()
			t.Errorf("%s was entered", what)
			return
		}
		if !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, which does not say %q", what, err, why)
		}
	}
	refused("another user's", dir, "belongs to user", me+1)
	refused("one without a full path", "world", "full path", me)
	refused("none", filepath.Join(dir, "none"), "no such file", me)
	if v, err := visit.Enter(t.Context(), dir, "lxd77", me); err == nil {
		_ = v.Close()
		t.Error("a machine that is not there was entered")
	}
	if me == 0 {
		// The names say another user, and the process behind them is ours.
		if err := errors.Join(os.Chown(dir, 1234, -1), os.Chown(visit.Socket(dir), 1234, -1)); err != nil {
			t.Fatal(err)
		}
		refused("one that another user's process serves", dir, "serves this world", 1234)
		if err := errors.Join(os.Chown(dir, 0, -1), os.Chown(visit.Socket(dir), 0, -1)); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	refused("a link", link, "not what a world has there", me)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	refused("one that others can write", dir, "written by others", me)
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	closeIt()
	refused("one that has ended", dir, "", me)
	if err := os.WriteFile(visit.Socket(dir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("a file", dir, "not what a world has there", me)
}
