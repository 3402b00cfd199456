package commands_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// What was recorded from a real LXD and a real kernel, and what is wrong in
// each state: exactly this, and nothing else.
var captures = map[string][]string{
	"01-healthy-attached": {
		// LXD rescans only the first session that it finds.
		"degraded-paths purepool::u-6784e1783ed346daa88ca8378a44b162",
	},
	"03-leak15210-late-device": {
		"degraded-paths purepool::u-6784e1783ed346daa88ca8378a44b162",
		"leaked-volume nvpool::u-0e41cf8047644118b57b0fe66e4ab07b",
		"leaked-volume purepool::u-df2ba6a8d9a047beab5d2d0586abac61",
	},
	"05-stale-array-side": {
		"destroyed-but-recorded purepool::u-38a6b1c53673464d892f903889fc39b3-b",
		"foreign-volume purepool::manual-vol",
		"idle-host lxdlab-nvme-tcp",
		"idle-host oldnode-iscsi",
		"in-use-without-connection purepool::u-6784e1783ed346daa88ca8378a44b162",
		"leaked-snapshot-volume purepool::su-e8ab2d4244064a60871cb386e4170965",
		"leaked-volume nvpool::u-0e41cf8047644118b57b0fe66e4ab07b",
		"leaked-volume purepool::u-139212eb40a646c1a25fab50c565c82b",
		"leaked-volume purepool::u-6bde5e9496884d2e832b6078e07be707",
		"leaked-volume purepool::u-7147d98a1f474f7ba3224323d9bf2952",
		"leaked-volume purepool::u-df2ba6a8d9a047beab5d2d0586abac61",
		"leaked-volume purepool::u-fa5f7fd069664cf79e7bcde71475f312",
		"stale-connection purepool::u-da659b9140694ef594c61b6b09aac17e",
		"stale-map mpathh",
	},
}

// replayed serves a recorded state and returns the flags that look at it.
func replayed(t *testing.T, state string) (*replayServer, []string) {
	t.Helper()
	recording := recordingsDir + state
	server, err := replay(recording, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	root := t.TempDir()
	if err := treefs.Unpack(filepath.Join(recording, "root.tar.gz"), root); err != nil {
		t.Fatal(err)
	}
	ca := write(t, "ca.pem", string(server.CertPEM))
	config := write(t, "config.yaml", fmt.Sprintf("pools:\n  purepool: {array: {ca_file: %s}}\n  nvpool: {array: {ca_file: %s}}\n", ca, ca))
	t.Setenv("LXD_SOCKET", server.Socket)
	return server, []string{"--config", config, "--sysroot", root}
}

type scanned struct {
	Complete bool
	Findings []struct{ Code, Object, Verdict string }
	Summary  struct {
		LeakedVolumes int   `json:"leaked_volumes"`
		LeakedBytes   int64 `json:"leaked_bytes"`
	}
}

func TestScanFindsExactlyWhatWasRecorded(t *testing.T) {
	for state, want := range captures {
		t.Run(state, func(t *testing.T) {
			server, flags := replayed(t, state)
			status, stdout, stderr := run(t, append([]string{"scan", "-o", "json"}, flags...)...)
			// Only one process of the host was recorded, so nothing can be
			// called safe and the scan says that it did not see everything.
			if status != 8 || !strings.Contains(stderr, `"code":"incomplete"`) {
				t.Errorf("status %d, stderr %s", status, stderr)
			}
			var got scanned
			decode(t, stdout, &got)
			var found []string
			for _, f := range got.Findings {
				found = append(found, f.Code+" "+f.Object)
				if f.Verdict == "safe" {
					t.Errorf("%s %s is called safe on a recorded host", f.Code, f.Object)
				}
			}
			slices.Sort(found)
			// The recorded array's clock stands still.
			want := append(slices.Clone(want), "unsafe-setting array clock")
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got.Complete {
				t.Error("complete, though most of the host was not recorded")
			}
			for _, request := range server.Requests() {
				if request.Method != "GET" && !strings.HasSuffix(request.Path, "/login") && !strings.HasSuffix(request.Path, "/logout") {
					t.Errorf("scan sent %s %s", request.Method, request.Path)
				}
			}
		})
	}
}

func TestNoCaptureShowsItsToken(t *testing.T) {
	_, flags := replayed(t, "05-stale-array-side")
	for _, args := range [][]string{
		{"scan", "-v"},
		{"scan", "-o", "json"},
		{"scan", "-o", "yaml"},
		{"scan", "-o", "csv"},
		{"scan", "-o", "wide"},
		{"explain", "-v", "--object", "purepool::su-e8ab2d4244064a60871cb386e4170965"},
		{"explain", "-o", "json", "--object", "sdd"},
	} {
		_, stdout, stderr := run(t, append(args, flags...)...)
		if strings.Contains(stdout+stderr, "11111111-2222") {
			t.Errorf("%v printed the token", args)
		}
		if stdout == "" {
			t.Errorf("%v printed nothing: %s", args, stderr)
		}
	}
}

// TestLogsTellWhyItLeaked: of the recorded leaks, the journal proves that LXD
// gave up, on both, and of the disk that it came later. The kernel logs nothing
// of a namespace.
func TestLogsTellWhyItLeaked(t *testing.T) {
	_, flags := replayed(t, "03-leak15210-late-device")
	type late struct {
		GaveUp       string `json:"gave_up"`
		Came         string `json:"came"`
		AfterSeconds *int   `json:"after_seconds"`
		LimitSeconds int    `json:"limit_seconds"`
		File         string `json:"file"`
		Line         int    `json:"line"`
	}
	var scan struct {
		Findings []struct {
			Object, Cause string
			Late          *late
		}
	}
	_, stdout, _ := run(t, append([]string{"scan", "-o", "json"}, flags...)...)
	decode(t, stdout, &scan)
	after := 208
	want := map[string]*late{
		"nvpool::u-0e41cf8047644118b57b0fe66e4ab07b":   {GaveUp: "2026-11-22T08:32:05Z", LimitSeconds: 30, File: "the journal", Line: 1420},
		"purepool::u-df2ba6a8d9a047beab5d2d0586abac61": {GaveUp: "2026-11-22T08:31:31Z", Came: "2026-11-22T08:34:59Z", AfterSeconds: &after, LimitSeconds: 30, File: "the journal", Line: 1411},
	}
	for _, f := range scan.Findings {
		if diff := cmp.Diff(want[f.Object], f.Late); diff != "" {
			t.Errorf("%s (-want +got)\n%s", f.Object, diff)
		}
	}
	_, stdout, _ = run(t, append([]string{"explain", "--object", "purepool::u-df2ba6a8d9a047beab5d2d0586abac61", "-o", "json"}, flags...)...)
	if !strings.Contains(stdout, "its device came 208 s after LXD had given up (timeout 30 s; the journal, line 1411); the array then refused") {
		t.Error(stdout)
	}
	// LXD's line, pasted whole, leads to the leftover that it tells of.
	_, stdout, _ = run(t, append([]string{"explain", "--object", `Failed locating device for volume "default_leak1": context deadline exceeded`, "-o", "json"}, flags...)...)
	if !strings.Contains(stdout, `"object": "purepool::u-df2ba6a8d9a047beab5d2d0586abac61"`) {
		t.Error(stdout)
	}
	_, stdout, _ = run(t, append([]string{"doctor"}, flags...)...)
	words := strings.Join(strings.Fields(stdout), " ")
	for _, said := range []string{
		"left of it: nvpool::u-0e41cf8047644118b57b0fe66e4ab07b (leaked-volume), purepool::u-df2ba6a8d9a047beab5d2d0586abac61 (leaked-volume)",
		"purepool::u-df2ba6a8d9a047beab5d2d0586abac61: LXD gave up at 2026-11-22 08:31:31, the device came 208 s later (leaked-volume)",
		"nvpool::u-0e41cf8047644118b57b0fe66e4ab07b: LXD gave up at 2026-11-22 08:32:05 (leaked-volume)",
	} {
		if !strings.Contains(words, said) {
			t.Errorf("doctor does not say %q:\n%s", said, stdout)
		}
	}
}

// TestLateDeviceInTheSimulator: two leaks of one machine, of which the log
// proves different things, and a volume that LXD has.
func TestLateDeviceInTheSimulator(t *testing.T) {
	none := func(string) bool { return true }
	world := worlds.Built(t, simulator.Scenario{Options: simulator.Options{LXDVersion: "6.3"}, Run: func(w *simulator.World) {
		h, volume := w.Hosts[0], func(name string) lxd.VolumeSpec {
			return lxd.VolumeSpec{Pool: w.Pool(), Name: name, Bytes: simulator.Small}
		}
		h.KeepLog()
		for _, name := range []string{"one", "two"} {
			h.NeverAppear(none)
			if err := w.LXD.CreateVolume(volume(name)); err == nil {
				t.Error(name + " was made")
			}
			h.NeverAppear(nil)
			w.Clock.Advance(90 * time.Second)
			if name == "one" {
				if err := w.LXD.CreateVolume(volume("good")); err != nil { // scans
					t.Error(err)
				}
			}
		}
		w.Clock.Advance(48 * time.Hour)
	}})
	s := serve(t, world)
	var scan struct {
		Findings []struct {
			Code, Object, Cause, Verdict string
			Late                         *struct {
				AfterSeconds *int `json:"after_seconds"`
				Text         string
			}
		}
	}
	_, stdout, _ := s.run(t, "scan", "-o", "json")
	decode(t, stdout, &scan)
	got := map[string]string{}
	for _, f := range scan.Findings {
		if f.Late != nil {
			got[f.Late.Text] = f.Code
			if f.Late.AfterSeconds != nil {
				got[f.Late.Text] += fmt.Sprintf(" %d s: %s", *f.Late.AfterSeconds, f.Cause[:strings.Index(f.Cause, " (")])
			}
		}
	}
	want := map[string]string{
		`Failed to locate device for volume "default_one": context deadline exceeded`: "leaked-volume 90 s: its device came 90 s after LXD had given up",
		`Failed to locate device for volume "default_two": context deadline exceeded`: "leaked-volume",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s\n%s", diff, stdout)
	}
	_, stdout, _ = s.run(t, "doctor", "-o", "json")
	var answer struct {
		Waits []struct {
			Became []struct {
				Code   string
				GaveUp time.Time `json:"gave_up"`
			}
		}
	}
	decode(t, stdout, &answer)
	if len(answer.Waits) != 1 || len(answer.Waits[0].Became) != 2 || answer.Waits[0].Became[0].Code != "leaked-volume" || answer.Waits[0].Became[0].GaveUp.IsZero() {
		t.Errorf("%+v", answer.Waits)
	}
}

// TestVolumeOutsideThePods: of a volume in no pod of LXD's it is said that the
// array has it.
func TestVolumeOutsideThePods(t *testing.T) {
	_, flags := replayed(t, "05-stale-array-side")
	_, stdout, stderr := run(t, append([]string{"explain", "--object", "plainvol"}, flags...)...)
	if !strings.Contains(strings.Join(strings.Fields(stdout), " "), "plainvol is a volume outside LXD's pods; pureclean leaves it alone.") {
		t.Error(stdout, stderr)
	}
}
