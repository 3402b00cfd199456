package commands

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
)

// killedWriter sets one path offline and does nothing any more, as that of a
// process that was killed.
type killedWriter struct {
	release.DeviceWriter
	dead bool
}

var errKilled = errors.New("killed")

func (k *killedWriter) SetState(ctx context.Context, disk release.Target, state string) error {
	if k.dead {
		return errKilled
	}
	k.dead = true
	return k.DeviceWriter.SetState(ctx, disk, state)
}

func (k *killedWriter) AddMap(ctx context.Context, wwid string) error {
	if k.dead {
		return errKilled
	}
	return k.DeviceWriter.AddMap(ctx, wwid)
}

// A path that an interrupted run left offline can't say which volume it is.
// Scan, explain and check say whose work that is and how it goes on, fix does
// so before anything else, and once it is finished nothing does any more.
func TestScanNamesTheInterruptedRun(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	whole := b.s.given.writer
	b.s.given.writer = &killedWriter{DeviceWriter: whole}
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusTrouble {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	b.s.given.writer = whole
	run := b.interrupted()
	if run == "" {
		t.Fatal("no run is interrupted")
	}
	command := "pureclean runs --resume " + run
	_, scan, _ := b.run("", "scan", "--color", "never")
	_, explain, _ := b.run("", "explain", "--color", "never", "--object", volume)
	_, csv, _ := b.run("", "scan", "-o", "csv")
	_, page, _ := b.run("", "scan", "-o", "html")
	if page = regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, ""); strings.Count(page, command) < 3 { // detail, gate, what to type
		t.Errorf("the page does not name the command")
	}
	for name, out := range map[string]string{"scan": scan, "explain": explain, "scan -o csv": csv} {
		if flat := strings.Join(strings.Fields(out), " "); !strings.Contains(flat, "offline on lxd01 and was interrupted: "+command) {
			t.Errorf("%s does not name run %s:\n%s", name, run, out)
		}
	}
	for name, out := range map[string]string{"scan": scan, "explain": explain} {
		if !strings.Contains(out, "next:  "+command+"\n") {
			t.Errorf("%s does not name the command:\n%s", name, out)
		}
	}
	_, _, errs := b.run("", "fix", "--volume", volume, "--yes", "--dry-run")
	if first, _, _ := strings.Cut(errs, "\n"); !strings.HasPrefix(first, "Run "+run+" of "+volume+" was interrupted") || !strings.Contains(errs, command) {
		t.Errorf("fix does not say so first:\n%s", errs)
	}
	if status, out, errs := b.run("", "runs", "--resume", run, "--yes"); status != StatusOK {
		t.Fatalf("resume: status %d\n%s%s", status, out, errs)
	}
	for _, args := range [][]string{{"scan"}, {"explain", "--object", volume}, {"fix", "--volume", volume, "--dry-run"}} {
		if _, out, errs := b.run("", args...); strings.Contains(out+errs, "interrupted") || strings.Contains(out+errs, "--resume") {
			t.Errorf("%v still calls it interrupted:\n%s%s", args, out, errs)
		}
	}
}

// A run of another member may have left a path here offline: its journal is there,
// and nobody here can know of it. Where to look is said.
func TestPathLeftOfflineByAnotherMember(t *testing.T) {
	c, volume, serial := pair(t)
	far := c.farEnd()
	for _, disk := range c.world.Hosts[1].DevicesOf(serial) {
		if err := c.world.Hosts[1].OfflinePath(disk); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"scan"}, {"explain", "--object", volume}, {"fix", "--volume", volume, "--yes"}} {
		_, out, errs := far.run("", append(args, "--color", "never")...)
		if !strings.Contains(flat(out+errs), "an interrupted run of another member may have set it offline: pureclean runs says so there (lxd01)") {
			t.Errorf("%v:\n%s%s", args, out, errs)
		}
	}
}
