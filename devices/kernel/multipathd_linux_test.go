package kernel

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// daemon is a multipathd that answers from recorded output, over a real
// socket and in multipathd's own framing.
type daemon struct {
	maps string
	// paths are the lines of "%d|%w|%m|%t|%o|%T|%i|%D|%z|%0".
	paths string
}

func recordedDaemon(t *testing.T, state string) daemon {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", state, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return daemon{maps: read("maps.json"), paths: read("paths.txt")}
}

func (d daemon) reply(command string) string {
	if command == "show maps json" {
		return d.maps
	}
	format, ok := strings.CutPrefix(command, "show paths raw format ")
	if !ok {
		return "fail\n"
	}
	var out strings.Builder
	for line := range strings.Lines(d.paths) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) < 6 {
			return d.paths
		}
		out.WriteString(strings.NewReplacer("%d", f[0], "%t", f[3], "%T", f[5]).Replace(format) + "\n")
	}
	return out.String()
}

// listen runs serve for each connection until the test ends.
func listen(t *testing.T, address string, serve func(net.Conn)) socket {
	t.Helper()
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return socket{address: address, owner: uint32(os.Getuid())}
}

// replying reads a command and writes what reply returns, with its length.
func replying(reply func(command string) string) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		var length uint64
		if binary.Read(r, binary.NativeEndian, &length) != nil {
			return
		}
		command := make([]byte, length)
		if _, err := io.ReadFull(r, command); err != nil || command[length-1] != 0 {
			return
		}
		text := append([]byte(reply(string(command[:length-1]))), 0)
		_ = binary.Write(conn, binary.NativeEndian, uint64(len(text)))
		_, _ = conn.Write(text)
	}
}

func path(t *testing.T) string { return filepath.Join(t.TempDir(), "multipathd.socket") }

func abstract(t *testing.T) string {
	return fmt.Sprintf("@pureclean-test-%d-%s", os.Getpid(), t.Name())
}

func TestCheckersOfRecordedHosts(t *testing.T) {
	for state, want := range map[string]map[string]string{
		"healthy":           {"sda": "ready", "sdb": "ready", "sdc": "ready", "sdd": "ready"},
		"unmapped-queueing": {"sda": "ready", "sdb": "faulty", "sdc": "ready", "sdd": "faulty"},
		"no-paths-in-use":   {"sda": "ready", "sdc": "ready"},
		"no-unit":           {},
	} {
		t.Run(state, func(t *testing.T) {
			s := listen(t, path(t), replying(recordedDaemon(t, state).reply))
			got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).Checkers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCheckersOfPathsOutsideMaps(t *testing.T) {
	d := recordedDaemon(t, "no-paths-in-use")
	d.paths += "sde|x||orphan|running|i/o pending|0:0:0:9|8:64||0\n-|x||failed||faulty|||0\n"
	s := listen(t, path(t), replying(d.reply))
	got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).Checkers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"sda": "ready", "sdc": "ready", "sde": "i/o pending"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Since 0.12 multipathd listens at a path; before, at an abstract address.
func TestCheckersAskTheNewerSocketFirst(t *testing.T) {
	newer := daemon{maps: `{"major_version":0,"maps":[]}`, paths: "sda|||active||ready\n"}
	older := daemon{maps: `{"major_version":0,"maps":[]}`, paths: "sda|||active||faulty\n"}
	older2 := listen(t, abstract(t), replying(older.reply))
	missing := socket{address: path(t), owner: older2.owner}

	l := &live{timeout: defaultTimeout, sockets: []socket{missing, older2}}
	got, err := l.Checkers(t.Context())
	if err != nil || got["sda"] != "faulty" {
		t.Errorf("only the abstract one: %v, %v", got, err)
	}
	l.sockets[0] = listen(t, path(t), replying(newer.reply))
	got, err = l.Checkers(t.Context())
	if err != nil || got["sda"] != "ready" {
		t.Errorf("both: %v, %v", got, err)
	}
	want := []socket{{"/run/multipathd.socket", 0}, {"@/org/kernel/linux/storage/multipathd", 0}}
	if diff := cmp.Diff(want, multipathdSockets(), cmp.AllowUnexported(socket{})); diff != "" {
		t.Error(diff)
	}
}

func TestCheckersWithoutMultipathd(t *testing.T) {
	stale := path(t)
	l, err := net.Listen("unix", stale)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = l.Close()
	k := &live{timeout: defaultTimeout, sockets: []socket{{address: path(t)}, {address: stale}, {address: abstract(t)}}}
	got, err := k.Checkers(t.Context())
	if err == nil || len(got) != 0 || !strings.Contains(err.Error(), "multipathd is not running") {
		t.Errorf("%v, %v", got, err)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the cause is lost: %v", err)
	}
}

// Any user can listen at an abstract address that nobody uses.
func TestCheckersBelieveOnlyRoot(t *testing.T) {
	d := daemon{maps: `{"major_version":0,"maps":[]}`, paths: "sda|||active||ready\n"}
	impostor := listen(t, abstract(t), replying(d.reply))
	impostor.owner++
	got, err := (&live{timeout: defaultTimeout, sockets: []socket{impostor}}).Checkers(t.Context())
	if err == nil || len(got) != 0 || !strings.Contains(err.Error(), "is not multipathd") || strings.Contains(err.Error(), "is not running") {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCheckersErrors(t *testing.T) {
	const empty = `{"major_version":0,"maps":[]}`
	good := `{"major_version":0,"maps":[{"name":"m","path_groups":[{"paths":[{"dev":"sda","chk_st":"ready"}]}]}]}`
	for _, test := range []struct {
		name        string
		maps, paths string
		says        string
	}{
		{"refused", "fail\n", "", "refused"},
		{"refused, newer", "fail\ndevice not found\n", "", `refused the command: "device not found"`},
		{"busy", "timeout\n", "", "too busy"},
		{"busy, newer", "fail\ntimeout\n", "", "too busy"},
		{"not root", "permission deny: need to be root\n", "", "only root"},
		{"not root, newer", "fail\npermission deny: need to be root\n", "", "only root"},
		{"no reply", "", "", "not the JSON expected"},
		{"half JSON", good[:40], "", "not the JSON expected"},
		{"JSON and more", good + "x", "", "not the JSON expected"},
		{"no maps", `{"major_version":0}`, "", "another form"},
		{"null maps", `{"major_version":0,"maps":null}`, "", "another form"},
		{"no version", `{"maps":[]}`, "", "another form"},
		{"next version", `{"major_version":1,"maps":[]}`, "", "another form"},
		{"a path without state", strings.Replace(good, "chk_st", "state", 1), "", `path "sda" has no chk_st`},
		{"half a line", empty, "sda|active", "is not a path"},
		{"too many fields", empty, "a|b|c|d", "is not a path"},
		{"paths refused", empty, "fail\n", "refused"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := listen(t, path(t), replying(daemon{maps: test.maps, paths: test.paths}.reply))
			got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).Checkers(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

func TestCheckersBrokenFraming(t *testing.T) {
	for _, test := range []struct {
		name   string
		length uint64
		body   string
		says   string
	}{
		{"shorter than announced", 100, "half", "unexpected EOF"},
		{"absurd length", 1 << 62, "", "a reply of 4611686018427387904 bytes"},
		{"large length, nothing sent", multipathdLimit, "", "unexpected EOF"},
		{"empty", 0, "", "not the JSON expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := listen(t, path(t), func(conn net.Conn) {
				_, _ = io.ReadFull(conn, make([]byte, 8+len("show maps json")+1))
				_ = binary.Write(conn, binary.NativeEndian, test.length)
				_, _ = io.WriteString(conn, test.body)
			})
			got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).Checkers(t.Context())
			if err == nil || len(got) != 0 || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// What was understood before the trouble is still told, with the trouble.
func TestCheckersTellWhatTheyKnow(t *testing.T) {
	d := recordedDaemon(t, "healthy")
	d.paths = "rubbish\n"
	s := listen(t, path(t), replying(d.reply))
	got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).Checkers(t.Context())
	if err == nil || len(got) != 4 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestCheckersOfADaemonThatHangs(t *testing.T) {
	asked := make(chan struct{})
	s := listen(t, path(t), func(conn net.Conn) {
		_, _ = io.ReadFull(conn, make([]byte, 8+len("show maps json")+1))
		close(asked)
		_, _ = conn.Read(make([]byte, 1)) // until the other side hangs up
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).Checkers(ctx)
	if !errors.Is(err, context.Canceled) || len(got) != 0 {
		t.Errorf("cancelled: %v, %v", got, err)
	}

	s = listen(t, path(t), func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
	got, err = (&live{timeout: 20 * time.Millisecond, sockets: []socket{s}}).Checkers(t.Context())
	if !errors.Is(err, context.DeadlineExceeded) || len(got) != 0 {
		t.Errorf("no patience left: %v, %v", got, err)
	}
}

func FuzzReadMaps(f *testing.F) {
	f.Add([]byte(`{"major_version":0,"maps":[{"name":"m","path_groups":[{"paths":[{"dev":"sda","chk_st":"ready"}]}]}]}`))
	f.Fuzz(func(t *testing.T, reply []byte) {
		into := map[string]string{}
		_ = readMaps(reply, into)
		for dev := range into {
			if dev == "" || dev == "-" {
				t.Errorf("a path of no name in %q", reply)
			}
		}
	})
}

// What says "ok" before it has heard the whole command did not mean it.
func TestReplyToHalfACommand(t *testing.T) {
	s := listen(t, path(t), func(conn net.Conn) {
		_ = binary.Write(conn, binary.NativeEndian, uint64(len("ok\x00")))
		_, _ = io.WriteString(conn, "ok\x00")
	})
	// More than the socket takes before somebody reads.
	reply, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).askMultipathd(t.Context(), strings.Repeat("x", 8<<20))
	if err == nil {
		t.Errorf("%q", reply)
	}
}

// Who listens is asked of a unix socket that is open, and of nothing else.
func TestOwnerOf(t *testing.T) {
	one, other := net.Pipe()
	defer one.Close()
	defer other.Close()
	if owner, err := ownerOf(one); err == nil {
		t.Errorf("a pipe of user %d", owner)
	}
	s := listen(t, path(t), replying(func(string) string { return "" }))
	conn, err := net.Dial("unix", s.address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ownerOf(conn); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	if owner, err := ownerOf(conn); err == nil {
		t.Errorf("a closed connection of user %d", owner)
	}
}

// TestMultipathConfigRefused: what says why there is none is no configuration,
// in which all else would be as multipath has it built in.
func TestMultipathConfigRefused(t *testing.T) {
	for _, reply := range []string{"fail\n", "timeout\n", "fail\ntimeout\n", "fail\npermission deny: need to be root\n"} {
		s := listen(t, path(t), replying(func(string) string { return reply }))
		if got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).MultipathConfig(t.Context()); err == nil || got != "" {
			t.Errorf("%q became the configuration %q", reply, got)
		}
	}
}

func TestMultipathConfig(t *testing.T) {
	s := listen(t, path(t), replying(func(string) string { return "defaults {}" }))
	if got, err := (&live{timeout: defaultTimeout, sockets: []socket{s}}).MultipathConfig(t.Context()); err != nil || got != "defaults {}" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := (&live{timeout: defaultTimeout}).MultipathConfig(t.Context()); err == nil {
		t.Errorf("nobody says %q", got)
	}
}
