package commands

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/metrics"
)

// pin pins every pool of the bench's world to an array.
func (b *bench) pin(id string) {
	pools := map[string]config.Pool{}
	for name, pool := range b.s.given.config.Pools {
		pool.Array.ID = id
		pools[name] = pool
	}
	b.s.given.config.Pools = pools
}

// TestPinnedArrayByEveryCommand: another array that answers is not read by any
// command, so none says that something is gone, safe or nothing to repair, and
// none changes anything.
func TestPinnedArrayByEveryCommand(t *testing.T) {
	b := newBench(t, aged(t, "device-never-iscsi"))
	volume := b.leaked("leaked-volume")
	fixed := func() string {
		t.Helper()
		if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
			t.Fatalf("fix: status %d\n%s%s", status, out, errs)
		}
		_, out, _ := b.run("", "runs", "-o", "csv")
		run, _, _ := strings.Cut(strings.Split(strings.TrimSpace(out), "\n")[1], ",")
		return run
	}
	v, _ := b.world.Array.Volume(volume)
	const another = "0badc0de-0000-4000-8000-00000000ffff"
	refused := func(args ...string) {
		t.Helper()
		b.pin(another)
		defer b.pin("")
		before := fmt.Sprint(b.world.Array.Volumes(), b.world.Array.Connections(), b.world.Array.Hosts())
		b.world.Array.ResetRequests()
		status, out, errs := b.run("", args...)
		want := []int{StatusTrouble, StatusRefused}
		if args[0] == "check" {
			want = []int{int(metrics.Unknown)}
		}
		if !slices.Contains(want, status) {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
		if said := out + errs; !strings.Contains(strings.Join(strings.Fields(said), " "), another) || strings.Contains(said, "Gone, everywhere") {
			t.Errorf("%v does not say which array was pinned:\n%s", args, said)
		}
		for _, r := range b.world.Array.Requests() {
			if r.Method != http.MethodGet && !strings.HasSuffix(r.Path, "/login") && !strings.HasSuffix(r.Path, "/logout") {
				t.Errorf("%v: %s %s was sent", args, r.Method, r.Path)
			}
			if strings.HasSuffix(r.Path, "/volumes") {
				t.Errorf("%v: the other array's volumes were read", args)
			}
		}
		if after := fmt.Sprint(b.world.Array.Volumes(), b.world.Array.Connections(), b.world.Array.Hosts()); after != before {
			t.Errorf("%v changed the array", args)
		}
	}
	for _, args := range [][]string{
		{"scan"},
		{"check"},
		{"doctor"},
		{"explain", "--object", volume},
		{"verify", "--volume", volume},
		{"verify", "--volume", v.Serial},
		{"fix", "--volume", volume, "--yes"},
		{"fix", "--all", "--yes"},
	} {
		refused(args...)
	}
	run := fixed()
	for _, args := range [][]string{
		{"verify", "--volume", volume},
		{"undo", "--run", run, "--yes"},
		{"eradicate", "--volume", volume, "--confirm", volume},
	} {
		refused(args...)
	}
}

// TestPinnedArrayIsNotResumed: an interrupted run is not gone on with on
// another array, nor taken back there, nor what it destroyed eradicated. On its
// own it is.
func TestPinnedArrayIsNotResumed(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	v, _ := b.world.Array.Volume(volume)
	whole := b.s.given.writer
	b.s.given.writer = &killedWriter{DeviceWriter: whole}
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusTrouble {
		t.Fatalf("the run to be resumed: status %d\n%s%s", status, out, errs)
	}
	b.s.given.writer = whole
	run := b.interrupted()
	const another = "0badc0de-0000-4000-8000-00000000ffff"
	refused := func(args ...string) {
		t.Helper()
		b.pin(another)
		defer b.pin("")
		before, devices := fmt.Sprint(b.world.Array.Volumes(), b.world.Array.Connections()), fmt.Sprint(b.world.Hosts[0].DevicesOf(v.Serial), b.world.Hosts[0].Strays())
		status, out, errs := b.run("", args...)
		if text := strings.Join(strings.Fields(out+errs), " "); !slices.Contains([]int{StatusTrouble, StatusRefused}, status) || !strings.Contains(text, another) {
			t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
		}
		if after := fmt.Sprint(b.world.Array.Volumes(), b.world.Array.Connections()); after != before {
			t.Errorf("%v changed the array", args)
		}
		if after := fmt.Sprint(b.world.Hosts[0].DevicesOf(v.Serial), b.world.Hosts[0].Strays()); after != devices {
			t.Errorf("%v changed a device", args)
		}
	}
	refused("runs", "--resume", run, "--yes")
	if b.interrupted() != run {
		t.Fatal("the run is no longer interrupted")
	}
	if status, out, errs := b.run("", "runs", "--resume", run, "--yes"); status != StatusOK {
		t.Fatalf("resumed on its own array: status %d\n%s%s", status, out, errs)
	}
	refused("undo", "--run", run, "--yes")
	refused("eradicate", "--volume", volume, "--confirm", volume)
	if status, out, errs := b.run("", "undo", "--run", run, "--yes"); status != StatusOK {
		t.Errorf("undone on its own array: status %d\n%s%s", status, out, errs)
	}
}

// TestPoolThatLXDDoesNotHave: what the configuration says of a pool whose name is
// spelled otherwise is in force nowhere, so nothing is read and nothing changed.
func TestPoolThatLXDDoesNotHave(t *testing.T) {
	for _, name := range []string{"purepol", "PurePool"} {
		b := newBench(t, aged(t, "device-never-iscsi"))
		volume := b.leaked("leaked-volume")
		own := b.s.given.config.Pools["purepool"]
		if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusOK {
			t.Fatalf("fix: status %d\n%s%s", status, out, errs)
		}
		_, out, _ := b.run("", "runs", "-o", "csv")
		run, _, _ := strings.Cut(strings.Split(strings.TrimSpace(out), "\n")[1], ",")
		other := own
		other.Array.ID = "0badc0de-0000-4000-8000-00000000ffff"
		b.s.given.config.Pools = map[string]config.Pool{name: other}
		before := fmt.Sprint(b.world.Array.Volumes())
		for _, args := range [][]string{
			{"scan"},
			{"check"},
			{"doctor"},
			{"verify", "--volume", volume},
			{"fix", "--all", "--yes"},
			{"eradicate", "--volume", volume, "--confirm", volume},
			{"undo", "--run", run, "--yes"},
		} {
			status, out, errs := b.run("", args...)
			if said := strings.Join(strings.Fields(out+errs), " "); status == StatusOK || !strings.Contains(said, name) || strings.Contains(said, "Gone, everywhere") {
				t.Errorf("%s: %v: status %d\n%s%s", name, args, status, out, errs)
			}
		}
		if now := fmt.Sprint(b.world.Array.Volumes()); now != before {
			t.Errorf("%s: the array was changed:\n%s\n%s", name, before, now)
		}
	}
}
