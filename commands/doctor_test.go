package commands_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// examined is what scripts read.
type examined struct {
	Schema    string
	Complete  bool
	Witnesses []struct {
		Kind      string
		Testifies bool
		Facts     []string
	}
	Advice []struct {
		Check, Severity, Kind, Observed, Source, File, Why, Into string
		Line                                                     int
		Write, Then                                              []string
	}
	Waits []struct {
		Devices, Late int
		MedianMS      int64 `json:"median_ms"`
		SlowestMS     int64 `json:"slowest_ms"`
		Histogram     []struct{ Devices int }
		Complaints    []struct {
			Kind  string
			Times int
		}
		Causes []struct{ Code string }
	}
}

// captureAdvice is what doctor says of the recorded states. All of it is true
// there: the machine was an emulated one, on which a map took up to 34 seconds,
// and LXD 6.9 was what ran. There is nothing else to be named in the healthy
// one: its settings are the defaults of its packages.
var captureAdvice = map[string][]string{
	"01-healthy-attached": {
		"critical cannot-testify",
		"info lxd-image-copies",
		"info multipath-recheck-wwid",
		"warning fewer-paths",
		"warning slow-devices",
	},
	"03-leak15210-late-device": {
		"critical cannot-testify",
		"info lxd-image-copies",
		"info multipath-recheck-wwid",
		"warning device-timeouts",
		"warning fewer-paths",
		"warning slow-devices",
	},
	"05-stale-array-side": {
		"critical cannot-testify",
		"info lxd-image-copies",
		"info multipath-recheck-wwid",
		"warning device-timeouts",
		"warning slow-devices",
	},
}

// standIn is the id of the array in the recordings. It was a stand-in that made
// its serials up, so only a pin says that it is the right one.
const standIn = "4a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"

func TestDoctorOnRecordedHosts(t *testing.T) {
	for state, want := range captureAdvice {
		t.Run(state, func(t *testing.T) {
			recording := recordingsDir + state
			server, err := replay(recording, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Close() })
			root := t.TempDir()
			if err := treefs.Unpack(filepath.Join(recording, "root.tar.gz"), root); err != nil {
				t.Fatal(err)
			}
			ca := write(t, "ca.pem", string(server.CertPEM))
			config := write(t, "config.yaml", fmt.Sprintf("pools:\n  purepool: {array: {ca_file: %s, id: %s}}\n  nvpool: {array: {ca_file: %s, id: %s}}\n", ca, standIn, ca, standIn))
			t.Setenv("LXD_SOCKET", server.Socket)
			// Only one process of the host was recorded: that witness can't testify.
			status, stdout, stderr := run(t, "doctor", "-o", "json", "--config", config, "--sysroot", root)
			if status != 8 || !strings.Contains(stderr, `"code":"incomplete"`) {
				t.Errorf("status %d, stderr %s", status, stderr)
			}
			var got examined
			decode(t, stdout, &got)
			var named []string
			for _, a := range got.Advice {
				named = append(named, a.Severity+" "+a.Check)
			}
			slices.Sort(named)
			if diff := cmp.Diff(want, named); diff != "" {
				t.Errorf("advice (-want +got):\n%s", diff)
			}
			if len(got.Waits) != 1 || got.Waits[0].Devices < 17 || got.Waits[0].SlowestMS != 34000 || got.Waits[0].Late != 1 || len(got.Waits[0].Causes) == 0 {
				t.Errorf("%+v", got.Waits)
			}
			for _, request := range server.Requests() {
				if request.Method != "GET" && !strings.HasSuffix(request.Path, "/login") && !strings.HasSuffix(request.Path, "/logout") {
					t.Errorf("doctor sent %s %s", request.Method, request.Path)
				}
			}
		})
	}
}

// TestDoctorStatuses: hints alone are no finding, advice is one, and a witness
// that can't testify is worse.
func TestDoctorStatuses(t *testing.T) {
	w := worlds.New(t, simulator.Options{})
	w.Array.ResetRequests()
	w.API.ForgetRequests()
	status, stdout, stderr := runBefore(context.Background(), w, nil, "doctor")
	if status != 0 || stderr != "" || !strings.Contains(stdout, "Nothing is wrong.") {
		t.Errorf("nothing wrong: status %d\n%s%s", status, stdout, stderr)
	}
	refuseWrites(t, w, "doctor")

	queueing := worlds.New(t, simulator.Options{Queueing: true})
	status, stdout, _ = runBefore(context.Background(), queueing, nil, "doctor")
	if status != 4 || !strings.Contains(stdout, "from    /etc/multipath.conf:4, defaults") || !strings.Contains(stdout, "write   no_path_retry 12") {
		t.Errorf("queueing: status %d\n%s", status, stdout)
	}
	status, stdout, stderr = runBefore(context.Background(), w, func(s *commands.Streams) {}, "doctor", "--live", "--sysroot", t.TempDir())
	if status != 16 || stdout != "" || !strings.Contains(stderr, "--live") {
		t.Errorf("--live of a record: status %d %s", status, stderr)
	}
}

// TestDoctorLive: a portal that is cut off is named, with what LXD can do
// without it, and nothing but the array's own portals is tried.
func TestDoctorLive(t *testing.T) {
	w := worlds.New(t, simulator.Options{Transports: []string{"iscsi", "nvme/tcp"}})
	_, portals := w.Array.ISCSI()
	w.Hosts[0].CutPortal(portals[1])
	w.Array.ResetRequests()
	w.API.ForgetRequests()
	status, stdout, stderr := runBefore(context.Background(), w, nil, "doctor", "--live", "-o", "json")
	var got examined
	decode(t, stdout, &got)
	closed := 0
	for _, a := range got.Advice {
		if a.Check == "portal-closed" {
			closed++
			address, _, _ := strings.Cut(portals[0], ":")
			if !strings.Contains(a.Observed, portals[1]) || !slices.Contains(a.Then, "lxc storage set purepool pure.target="+address) {
				t.Errorf("%+v", a)
			}
		}
	}
	if status != 4 || closed != 1 || !slices.Contains(got.Witnesses[2].Facts, "3 of 4 portals answer") {
		t.Errorf("status %d, %d closed: %+v %s", status, closed, got.Witnesses, stderr)
	}
	refuseWrites(t, w, "doctor --live")
}

// TestDoctorFits: no line of prose is wider than the terminal; what is to be
// typed or written stays whole.
func TestDoctorFits(t *testing.T) {
	for _, w := range []*simulator.World{worlds.Demo(t), worlds.Of(t, "queueing")} {
		for _, width := range []int{60, 80} {
			for _, args := range [][]string{{"doctor"}, {"doctor", "-v", "--live"}} {
				_, stdout, stderr := runBefore(context.Background(), w, func(s *commands.Streams) {
					s.OutTerminal = true
					s.Width = func() int { return width }
				}, args...)
				if len(stdout) < 500 {
					t.Fatalf("%v: %s%s", args, stdout, stderr)
				}
				whole := false
				for line := range strings.Lines(colour.ReplaceAllString(stdout, "")) {
					line = strings.TrimRight(line, "\n")
					if label, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "          ") {
						whole = slices.Contains([]string{"do", "then", "write"}, label)
					}
					if utf8.RuneCountInString(line) <= width || len(strings.Fields(line)) <= 2 || whole || strings.HasPrefix(line, "next:") {
						continue
					}
					t.Errorf("%v is %d columns wide at %d: %q", args, utf8.RuneCountInString(line), width, line)
				}
			}
		}
	}
}

// TestDoctorShowsNoControls: what stands in a host's files moves no cursor.
func TestDoctorShowsNoControls(t *testing.T) {
	s := serve(t, worlds.Of(t, "queueing"))
	evil := "\x1b]2J\u202e"
	put(t, filepath.Join(s.tree, "etc/multipath.conf"), "overrides {\n no_path_retry \"queue\"\n features \"1 queue_if_no_path"+evil+"\"\n}\nblacklist {\n wwid \".*"+evil+"\"\n devnode \"^sd\"\n}\n")
	put(t, filepath.Join(s.tree, "etc/udev/rules.d/60-multipath.rules"), "")
	put(t, filepath.Join(s.tree, "var/log/syslog"), "2026-11-22T08:00:00+0000 h lxd[1]: Failed locating device for volume "+evil+"\n")
	for _, format := range []string{"table", "wide", "json", "yaml", "csv"} {
		status, stdout, stderr := s.run(t, "doctor", "-o", format)
		if strings.ContainsAny(stdout+stderr, "\x1b\u202e") {
			t.Errorf("%s passes controls on: %q", format, stdout)
		}
		if status == 16 || !strings.Contains(stdout, "no_path_retry 12") || !strings.Contains(stdout, "60-multipath.rules") {
			t.Errorf("%s: status %d\n%s%s", format, status, stdout, stderr)
		}
		if strings.Contains(stdout+stderr, s.Array.Token()) {
			t.Errorf("%s shows the token", format)
		}
	}
}

// put writes a file of a host's tree.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
