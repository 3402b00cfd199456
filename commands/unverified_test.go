package commands

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/words"
)

// Whoever can write to what a change rests on decides what is destroyed: every
// command that changes anything refuses, and says how to mend it.
func TestUntrustedIsRefused(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	dir := t.TempDir()
	b.s.given.config.File = filepath.Join(dir, "pureclean.yaml")
	plan := filepath.Join(dir, "plan.json")
	if status, out, errs := b.run("", "fix", "--volume", volume, "--save", plan); status != StatusOK {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if err := os.WriteFile(b.s.given.config.File, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fix := []string{"fix", "--volume", volume, "--yes"}
	for _, test := range []struct {
		path string
		args [][]string
	}{
		{b.s.given.config.StateDir, [][]string{fix, {"undo", "--yes", "--run", "x"}, {"runs", "--yes", "--resume", "x"}, {"eradicate", "--volume", "p::x", "--confirm", "p::x"}, {"fix", "--all", "--yes"}}},
		{b.s.given.config.File, [][]string{fix}},
		{plan, [][]string{{"fix", "--plan", plan, "--yes"}}},
	} {
		info, err := os.Stat(test.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, args := range test.args {
			if err := os.Chmod(test.path, info.Mode()|0o022); err != nil {
				t.Fatal(err)
			}
			status, out, errs := b.run("", args...)
			if status != StatusRefused || !strings.Contains(strings.Join(strings.Fields(errs), " "), "chmod go-w "+words.Shell(test.path)) {
				t.Errorf("%v: status %d\n%s%s", args, status, out, errs)
			}
		}
		if err := os.Chmod(test.path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
		t.Fatal("it was destroyed")
	}
	if status, out, errs := b.run("", fix...); status != StatusOK {
		t.Errorf("mended: status %d\n%s%s", status, out, errs)
	}
}

// That an array did not prove who it is is said by what changes something and by
// scan, once; over http nothing is changed.
func TestUnverifiedIsSaid(t *testing.T) {
	b := newBench(t, aged(t, "unmap-refused-iscsi"))
	volume := b.leaked("leaked-volume")
	pool := b.world.Pool()
	b.s.given.config.Pools[pool] = config.Pool{}
	for _, args := range [][]string{{"scan"}, {"fix", "--volume", volume, "--dry-run"}} {
		if _, out, errs := b.run("", args...); strings.Count(errs, "is not verified") != 1 {
			t.Errorf("%v:\n%s%s", args, out, errs)
		}
	}
	for _, terminal := range []bool{false, true} {
		b.watched(t, terminal, 3)
		if said := strings.Count(b.err.String(), "is not verified"); said != 1 {
			t.Errorf("watched on a terminal %v: said %d times\n%s", terminal, said, b.err.String())
		}
		if above := strings.Contains(strings.Join(strings.Fields(b.out.String()), " "), "is not verified"); above != terminal {
			t.Errorf("above the picture of a terminal %v: %v", terminal, above)
		}
	}
	front := httptest.NewServer(b.world.Array.Handler())
	t.Cleanup(front.Close)
	b.s.given.config.Pools[pool] = config.Pool{Array: config.Array{URL: front.URL}}
	for _, args := range [][]string{{"--yes"}, {"--dry-run"}} {
		status, out, errs := b.run("", append([]string{"fix", "--volume", volume}, args...)...)
		if status != StatusRefused || !strings.Contains(out+errs, "http://") {
			t.Errorf("%v over http: status %d\n%s%s", args, status, out, errs)
		}
	}
	if v, ok := b.world.Array.Volume(volume); !ok || v.Destroyed {
		t.Error("it was destroyed over http")
	}
}

// watched watches that many looks of a scan.
func (b *bench) watched(t *testing.T, terminal bool, looks int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s, given := b.s, *b.s.given
	given.sleep = func(ctx context.Context, _ time.Duration) error {
		if looks--; looks == 0 {
			cancel()
		}
		return ctx.Err()
	}
	s.given, s.In, s.OutTerminal, s.ErrTerminal = &given, strings.NewReader(""), terminal, terminal
	b.out.Reset()
	b.err.Reset()
	Main(ctx, []string{"pureclean", "scan", "--watch"}, s)
}

// A step for another member is not done either where others can write to what
// this machine goes by.
func TestStepOfAnUntrustedMember(t *testing.T) {
	c, volume, _ := pair(t)
	second := c.members["lxd02"]
	if err := os.Chmod(second.sources.config.StateDir, 0o777); err != nil {
		t.Fatal(err)
	}
	status, out, errs := c.run("", "fix", "--volume", volume, "--yes")
	if v, _ := c.world.Array.Volume(volume); status == StatusOK || v.Destroyed {
		t.Errorf("status %d, destroyed %v\n%s%s", status, v.Destroyed, out, errs)
	}
	if !strings.Contains(strings.Join(strings.Fields(out+errs), " "), "can't be trusted") {
		t.Errorf("it does not say why\n%s%s", out, errs)
	}
}
