package records

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// every is all reasons that an error of this package can have.
var every = []error{errNoLXD, errStopped, errNotRunning, errDenied, errTimeout, errNotLXD, errForbidden, errStarting, errMalformed}

// wantReason checks that an error has this reason first, and a hint.
func wantReason(t *testing.T, err, reason error) {
	t.Helper()
	if !errors.Is(err, reason) {
		t.Errorf("error %v, want %v", err, reason)
		return
	}
	if Hint(err) == "" {
		t.Errorf("no hint for %v", err)
	}
}

func TestOpenTellsApartWhatIsInTheWay(t *testing.T) {
	dir, err := os.MkdirTemp("", "lxd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// A socket whose daemon is gone.
	left := filepath.Join(dir, "left")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: left})
	if err != nil {
		t.Fatal(err)
	}
	listener.SetUnlinkOnClose(false)
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	none := errNoLXD
	if errors.Is(absent("", "/"), errStopped) { // this machine has one
		none = errStopped
	}
	for _, test := range []struct {
		socket string
		want   error
	}{
		{filepath.Join(dir, "missing"), none},
		{filepath.Join(file, "below"), none},
		{file, errNotLXD},
		{left, errNotRunning},
	} {
		_, err := Open(context.Background(), Options{Socket: test.socket})
		wantReason(t, err, test.want)
		if err != nil && test.want != none {
			mentions(t, err.Error(), test.socket)
		}
	}
}

func TestOpenWithoutPermission(t *testing.T) {
	f := newLXD(t, capture(t, healthy))
	if err := os.Chmod(f.socket, 0); err != nil {
		t.Fatal(err)
	}
	if unix.Access(f.socket, unix.W_OK) == nil {
		t.Skip("permissions don't bind this user")
	}
	_, err := Open(context.Background(), Options{Socket: f.socket})
	wantReason(t, err, errDenied)
}

func TestOpenJudgesWhoAnswers(t *testing.T) {
	server := func(edit func(server, environment object)) http.HandlerFunc {
		metadata := capture(t, healthy)[atServer].(object)
		edit(metadata, metadata["environment"].(object))
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(envelope(t, metadata)) }
	}
	for name, test := range map[string]struct {
		answer http.HandlerFunc
		want   error
	}{
		"a web page":      {body(200, "<html>It works!</html>"), errNotLXD},
		"not found page":  {body(404, "404 page not found\n"), errNotLXD},
		"another API":     {body(404, `{"message":"page not found"}`), errNotLXD},
		"nothing":         {body(200, `{"type":"sync","status_code":200}`), errNotLXD},
		"null":            {body(200, `{"type":"sync","status_code":200,"metadata":null}`), errNotLXD},
		"a list":          {body(200, `{"type":"sync","status_code":200,"metadata":[]}`), errNotLXD},
		"another version": {server(func(s, _ object) { s["api_version"] = "2.0" }), errNotLXD},
		"Incus":           {server(func(_, e object) { e["server"] = "incus" }), errNotLXD},
		"half an answer":  {body(200, `{"type":"sync","status_code":200,"metadata":{"api_version":"1.0"`), errMalformed},
		"forbidden":       {fail(403, "not authorized"), errForbidden},
		"starting":        {fail(503, "LXD daemon not initialized yet"), errStarting},
		"cut off":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, errNotRunning},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLXD(t, nil)
			f.raw[atServer] = test.answer
			_, err := Open(context.Background(), Options{Socket: f.socket})
			wantReason(t, err, test.want)
			for _, reason := range every {
				if reason != test.want && errors.Is(err, reason) && reason != errMalformed {
					t.Errorf("%v is also %v", err, reason)
				}
			}
		})
	}
}

// An error without a reason of ours is still an error, with LXD's words.
func TestOpenPassesOnLXDsError(t *testing.T) {
	f := newLXD(t, nil)
	f.raw[atServer] = fail(500, "database is locked")
	_, err := Open(context.Background(), Options{Socket: f.socket})
	if err == nil {
		t.Fatal("no error")
	}
	mentions(t, err.Error(), f.socket, "GET /1.0", "database is locked")
	if strings.Contains(err.Error(), "unix.socket/1.0") {
		t.Errorf("%q names a host that does not exist", err)
	}
}

func TestOpenHasADeadline(t *testing.T) {
	for name, open := range map[string]func(socket string) error{
		"the caller's": func(socket string) error {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			_, err := Open(ctx, Options{Socket: socket})
			return err
		},
		"its own": func(socket string) error {
			_, err := Open(context.Background(), Options{Socket: socket, Timeout: 10 * time.Millisecond})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newLXD(t, nil)
			f.raw[atServer] = func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
			wantReason(t, open(f.socket), errTimeout)
		})
	}
}

func TestOpenStopsWhenTold(t *testing.T) {
	f := newLXD(t, nil)
	ctx, cancel := context.WithCancel(context.Background())
	f.raw[atServer] = func(_ http.ResponseWriter, req *http.Request) {
		cancel()
		<-req.Context().Done()
	}
	if _, err := Open(ctx, Options{Socket: f.socket}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// The kernel's answers, wrapped as net/http wraps them.
func TestExplainKernelErrors(t *testing.T) {
	for errno, want := range map[syscall.Errno]error{
		syscall.ENOENT:       errStopped,
		syscall.ENOTDIR:      errStopped,
		syscall.EACCES:       errDenied,
		syscall.EPERM:        errDenied,
		syscall.ECONNREFUSED: errNotRunning,
		syscall.ECONNRESET:   errNotRunning,
		syscall.EPIPE:        errNotRunning,
	} {
		dialed := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", errno)}
		err := explain(&url.Error{Op: "Get", URL: "http://unix.socket/1.0", Err: dialed})
		wantReason(t, err, want)
		if !errors.Is(err, errno) {
			t.Errorf("%v does not wrap %v", err, errno)
		}
	}
}

func TestHintSaysNothingOfStrangers(t *testing.T) {
	if got := Hint(errors.New("something else")); got != "" {
		t.Errorf("hint %q", got)
	}
	if got := Hint(nil); got != "" {
		t.Errorf("hint %q for no error", got)
	}
	for _, reason := range every {
		if Hint(fmt.Errorf("so it is: %w", reason)) == "" {
			t.Errorf("no hint for %v", reason)
		}
	}
}

func TestLocate(t *testing.T) {
	root := t.TempDir()
	dir := func(name string, socket bool) string {
		path := filepath.Join(root, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if socket {
			if err := os.WriteFile(filepath.Join(path, socketName), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	snap, debian, empty := dir("snap", true), dir("debian", true), dir("empty", false)
	missing := filepath.Join(root, "missing")
	for name, test := range map[string]struct {
		opts        Options
		env         map[string]string
		dirs        []string
		socket, dir string
	}{
		"nothing set, both there":  {dirs: []string{snap, debian}, socket: snap + "/unix.socket", dir: snap},
		"nothing set, package":     {dirs: []string{missing, debian}, socket: debian + "/unix.socket", dir: debian},
		"nothing set, nobody home": {dirs: []string{missing, empty}, socket: empty + "/unix.socket", dir: empty},
		"LXD_DIR":                  {env: map[string]string{"LXD_DIR": "/srv/lxd"}, dirs: []string{snap}, socket: "/srv/lxd/unix.socket", dir: "/srv/lxd"},
		"LXD_SOCKET":               {env: map[string]string{"LXD_SOCKET": "/run/lxd/x"}, dirs: []string{snap}, socket: "/run/lxd/x", dir: "/run/lxd"},
		"LXD_SOCKET and LXD_DIR": {
			env: map[string]string{"LXD_SOCKET": "/run/x", "LXD_DIR": "/srv/lxd"}, dirs: []string{snap}, socket: "/run/x", dir: "/srv/lxd",
		},
		"Socket wins": {
			opts: Options{Socket: "/a/b"}, env: map[string]string{"LXD_SOCKET": "/run/x", "LXD_DIR": "/srv/lxd"}, socket: "/a/b", dir: "/srv/lxd",
		},
		"Dir wins": {
			opts: Options{Dir: "/d"}, env: map[string]string{"LXD_SOCKET": "/run/x", "LXD_DIR": "/srv/lxd"}, socket: "/d/unix.socket", dir: "/d",
		},
		"Socket and Dir": {opts: Options{Socket: "/a/b", Dir: "/d"}, socket: "/a/b", dir: "/d"},
	} {
		t.Run(name, func(t *testing.T) {
			socket, dir := locate(test.opts, func(key string) string { return test.env[key] }, test.dirs)
			if socket != test.socket || dir != test.dir {
				t.Errorf("socket %s in %s, want %s in %s", socket, dir, test.socket, test.dir)
			}
		})
	}
}

// A socket that is closed to us is still better than one that is not there.
func TestLocatePrefersAClosedSocketToNone(t *testing.T) {
	root := t.TempDir()
	snap := filepath.Join(root, "snap")
	if err := os.Mkdir(snap, 0o700); err != nil {
		t.Fatal(err)
	}
	// A dangling link can't be written to, not even by root.
	if err := os.Symlink(filepath.Join(root, "gone"), filepath.Join(snap, socketName)); err != nil {
		t.Fatal(err)
	}
	open := filepath.Join(root, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(open, socketName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for other, want := range map[string]string{filepath.Join(root, "missing"): snap, open: open} {
		socket, dir := locate(Options{}, func(string) string { return "" }, []string{snap, other})
		if socket != filepath.Join(want, socketName) || dir != want {
			t.Errorf("with %s: socket %s, want that of %s", other, socket, want)
		}
	}
}
