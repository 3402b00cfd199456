package commands

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/metrics"
	"github.com/pureclean/pureclean/simulator"
)

// stretchedLeak is the leak that both arrays connect.
func stretchedLeak(t *testing.T, w *simulator.World) string {
	t.Helper()
	for _, c := range w.Peer.Connections() {
		if !strings.Contains(c.Host, ":") && !w.Recorded(c.Volume) {
			return c.Volume
		}
	}
	t.Fatal("the peer connects no leak")
	return ""
}

// flat is a text without its line breaks.
func flat(s string) string { return strings.Join(strings.Fields(s), " ") }

// TestStretchedPod walks through the commands for a leak that lies on two
// arrays, which the configuration both lets be read.
func TestStretchedPod(t *testing.T) {
	w := worlds.Of(t, "stretched-pod")
	leak := stretchedLeak(t, w)
	far, err := w.ArrayName(w.Pool(), "custom", "far")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, w)
	run := func(args ...string) (int, string, string) { return b.run("", append(args, "--color", "never")...) }
	says := func(what, text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(flat(text), part) {
				t.Errorf("%s: %q is not in\n%s", what, part, text)
			}
		}
	}

	status, out, _ := run("scan", "-o", "json")
	var scan struct {
		Complete  bool
		Witnesses []struct{ Kind, Name string }
		Findings  []struct {
			Code, Object, Verdict string
			Connections           []string
		}
	}
	if err := json.Unmarshal([]byte(out), &scan); err != nil || status != 4 || !scan.Complete {
		t.Fatalf("scan: %d, %v\n%s", status, err, out)
	}
	if !slices.ContainsFunc(scan.Witnesses, func(s struct{ Kind, Name string }) bool { return s.Kind == "array" && s.Name == "fa-peer" }) {
		t.Errorf("scan: %+v", scan.Witnesses)
	}
	for _, f := range scan.Findings {
		if f.Code != "leaked-volume" || f.Verdict != "safe" || slices.Contains(f.Connections, "lxd01-iscsi on fa-peer") != (f.Object == leak) {
			t.Errorf("scan: %+v", f)
		}
	}
	_, out, _ = run("scan")
	says("scan", out, "SAFE TO REPAIR")
	if strings.Contains(out, "another machine") || strings.Contains(out, "foreign") {
		t.Errorf("scan:\n%s", out)
	}

	_, out, _ = run("explain", "--object", leak)
	says("explain", out, "connected to lxd01-iscsi on fa-peer", "lxd01's way to it through the peer", "disconnect it from lxd01-iscsi on fa-peer")
	_, out, _ = run("explain", "--object", leak, "-v")
	says("explain -v", out, "is stretched, and all of its arrays were read")
	status, out, _ = run("explain", "--object", far)
	says("explain", out, "LXD's custom/far", "connected to lxd01-iscsi on fa-peer")
	if status != 0 || strings.Contains(out, "finding") {
		t.Errorf("what the peer alone connects: %d\n%s", status, out)
	}

	_, out, _ = run("fix", "--volume", leak, "--dry-run")
	says("fix --dry-run", out, "disconnect "+leak+" from lxd01-iscsi on fa-peer")
	status, out, _ = run("verify", "--volume", leak)
	if status != 4 {
		t.Errorf("verify before: %d\n%s", status, out)
	}
	status, out, errs := run("fix", "--volume", leak, "--yes")
	if status != StatusOK {
		t.Fatalf("fix: %d\n%s%s", status, out, errs)
	}
	status, out, _ = run("verify", "--volume", leak)
	says("verify", out, "Gone, everywhere", "array fa-sim: "+leak+" is destroyed", "array fa-peer: "+leak+" is destroyed")
	if status != 0 {
		t.Errorf("verify after: %d\n%s", status, out)
	}
	if v, _ := w.Array.Volume(far); v.Destroyed || len(w.Peer.Connections()) == 0 {
		t.Errorf("what the peer alone connects was touched: %+v", v)
	}
}

// TestStretchedPodOfWhichOneArrayIsRead: without the peer all is blocked, the
// gate names the lines that are missing, and nothing is called gone.
func TestStretchedPodOfWhichOneArrayIsRead(t *testing.T) {
	w := worlds.Of(t, "stretched-pod")
	leak := stretchedLeak(t, w)
	b := newBench(t, w)
	run := func(args ...string) (int, string, string) { return b.run("", append(args, "--color", "never")...) }
	both := b.s.given.config.Pools
	alone := map[string]config.Pool{w.Pool(): {Array: both[w.Pool()].Array}}
	b.s.given.config.Pools = alone
	status, out, _ := run("scan", "-o", "json")
	if status != 8 || strings.Contains(out, `"verdict": "safe"`) || strings.Contains(out, "foreign-connection") || strings.Contains(out, `"complete": true,\n  "doubts"`) {
		t.Errorf("scan: %d\n%s", status, out)
	}
	_, out, errs := run("scan")
	for _, part := range []string{"not everything could be seen", "! array fa-peer: pod purepool is stretched to it, and it was not read", "hint: give its url and token_file as pools.purepool.peers.fa-peer"} {
		if !strings.Contains(flat(out+errs), part) || strings.Contains(out, "all sources complete") {
			t.Errorf("scan: %q is not in\n%s", part, out+errs)
		}
	}
	_, out, _ = run("explain", "--object", leak, "-v")
	for _, part := range []string{"is stretched to fa-peer, which was not read", "pools.purepool.peers.fa-peer", "connected to fa-peer:lxd01-iscsi"} {
		if !strings.Contains(flat(out), part) {
			t.Errorf("explain: %q is not in\n%s", part, out)
		}
	}
	if status, out, errs := run("fix", "--volume", leak, "--yes"); status != 32 {
		t.Errorf("fix: %d\n%s%s", status, out, errs)
	}
	b.s.given.config.Pools = both
	if status, out, errs := b.run("", "check"); status != int(metrics.Warning) || !strings.Contains(out, "leaked=2") {
		t.Errorf("check with the peer: %d\n%s%s", status, out, errs)
	}
	if status, out, errs := run("fix", "--volume", leak, "--yes"); status != StatusOK {
		t.Fatalf("fix with the peer: %d\n%s%s", status, out, errs)
	}
	b.s.given.config.Pools = alone
	for _, asked := range []string{leak, leak[strings.LastIndex(leak, ":")+1:]} {
		status, out, _ := run("verify", "--volume", asked)
		if status != 8 || !strings.Contains(flat(out), "array fa-peer: pod purepool lies on it, too, and it was not asked") {
			t.Errorf("verify %s: %d\n%s", asked, status, out)
		}
	}
	b.s.given.config.Pools = both
	if status, out, errs := run("verify", "--volume", leak); status != 0 {
		t.Errorf("verify with the peer: %d\n%s%s", status, out, errs)
	}
}
