package commands

import (
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// answering types one answer after the other, and does something instead of
// the one that is named.
type answering struct {
	answers []string
	at      string
	do      func()
	left    []byte
}

func (a *answering) Read(b []byte) (int, error) {
	if len(a.left) == 0 {
		if len(a.answers) == 0 {
			return 0, io.EOF
		}
		next := a.answers[0]
		a.answers = a.answers[1:]
		if next == a.at {
			a.do()
			select {} // as a terminal, at which nobody types any more
		}
		a.left = []byte(next + "\n")
	}
	n := copy(b, a.left)
	a.left = a.left[n:]
	return n, nil
}

// TestBatchSaysWhichVolume: before anything is asked about a volume of a batch,
// it is said which of how many it is, why it is a leftover and what the plan is;
// with --yes only which.
func TestBatchSaysWhichVolume(t *testing.T) {
	b := several(t)
	b.run("", "check")
	b.world.Age(50 * time.Hour)
	_, out, errs := b.run("n\nn\nq\n", "fix", "--finding", "leaked-image")
	for _, words := range []string{"1 of 5: ", "2 of 5: ", "3 of 5: ", "(leaked-image, "} {
		at := strings.Index(errs, words)
		if at < 0 {
			t.Fatalf("it does not say %q:\n%s", words, errs)
		}
		text := errs[at:]
		text = text[:strings.Index(text, "[y/N/?/q]")]
		if words[0] != '(' && (!strings.Contains(text, "  no LXD record; not connected\n") || !strings.Contains(text, "\n  1/") || !strings.Contains(text, "read everything again and verify\n\n")) {
			t.Errorf("there is no evidence or no plan above the question:\n%s", text)
		}
	}
	if strings.Contains(errs, "4 of 5") || strings.Contains(errs, " each, about ") {
		t.Errorf("it goes on, or tells how fast the answers came:\n%s", errs)
	}
	if !strings.Contains(oneSpace(out), "left (3): the answer was no") || !strings.Contains(out, "left (2): the operator ended the batch") {
		t.Errorf("it does not say why they are left:\n%s", out)
	}
	_, _, errs = b.run("n\nn\nn\nn\n", "fix", "--finding", "leaked-image", "-q")
	if !strings.Contains(errs, "2 of 5: ") || strings.Contains(errs, "no LXD record") {
		t.Errorf("-q:\n%s", errs)
	}
	file := filepath.Join(t.TempDir(), "plan.json")
	if status, out, errs := b.run("", "fix", "--finding", "leaked-image", "--limit", "2", "--save", file); status != StatusFindings {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	_, out, errs = b.run("n\nn\n", "fix", "--plan", file)
	if !strings.Contains(errs, "2 of 2: ") || !strings.Contains(errs, "no LXD record") || !strings.Contains(out, "left    64MiB") {
		t.Errorf("--plan:\n%s%s", out, errs)
	}
	_, _, errs = b.run("", "fix", "--finding", "leaked-image", "--limit", "2", "--yes")
	if strings.Contains(errs, "no LXD record") || !strings.Contains(errs, " (leaked-image, ") {
		t.Errorf("--yes:\n%s", errs)
	}
}

// TestBatchEndsWithTheAnswer: what is left is said once each reason, below the
// table, and the last lines are what it comes to.
func TestBatchEndsWithTheAnswer(t *testing.T) {
	b := several(t)
	status, out, errs := b.run("", "fix", "--all", "--yes")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != StatusFindings && status != StatusRefused || !strings.Contains(lines[len(lines)-1], "0 repaired, 5 refused") {
		t.Fatalf("status %d\n%s%s", status, out, errs)
	}
	if n := strings.Count(out, "no earlier check or fix saw it"); n != 1 || !strings.Contains(out, "gate seen-before (5): ") || strings.Contains(out, "Nothing was changed") {
		t.Errorf("the reason stands there %d times:\n%s", n, out)
	}
	if !strings.HasPrefix(lines[0], "RESULT") {
		t.Errorf("the table is not first:\n%s", out)
	}
	for _, line := range lines {
		if len([]rune(line)) > defaultWidth {
			t.Errorf("%d columns: %s", len([]rune(line)), line)
		}
	}
	b.run("", "check")
	b.world.Age(50 * time.Hour)
	status, out, errs = b.run("", "fix", "--finding", "leaked-image", "--yes")
	lines = strings.Split(strings.TrimSpace(out), "\n")
	if status != StatusOK || !strings.HasPrefix(lines[len(lines)-2], "5 repaired") || !strings.HasPrefix(lines[len(lines)-1], "To take one back: pureclean undo ") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
}

// severalAndOne is a world with a leaked volume that is connected, which comes
// first in a batch, and with copies of an image.
func severalAndOne(t *testing.T) *bench {
	t.Helper()
	world := aged(t, "unmap-refused-iscsi")
	for _, name := range []string{"more0", "more1", "more2"} {
		if err := world.LXD.Launch(lxd.InstanceSpec{Name: name, Pool: world.Pool(), Image: simulator.Image}); err != nil {
			t.Fatal(err)
		}
	}
	world.Age(50 * time.Hour)
	b := newBench(t, world)
	b.run("", "check")
	world.Age(50 * time.Hour)
	return b
}

// TestBatchIsStopped: a Ctrl-C, or the end of the input, in the middle of a
// volume ends with where it was and how the volume is now, and never with the
// words of the program's insides.
func TestBatchIsStopped(t *testing.T) {
	for name, test := range map[string]struct {
		answers []string
		status  int
		out     string
		errs    string
	}{
		"Ctrl-C at the first question":  {[]string{"^C"}, StatusRefused, "Stopped before step 1 of 6", "pureclean: cancelled; nothing was changed"},
		"Ctrl-C in the middle":          {[]string{"y", "^C"}, StatusRefused, "Stopped after step 1 of 6", "cancelled; nothing was changed"},
		"Ctrl-C before the destruction": {[]string{"y", "y", "^C"}, StatusTrouble, "Stopped after step 4 of 6", "stopped after step 4 of 6; the volume is disconnected and not destroyed"},
		"Ctrl-C at the second volume":   {[]string{"y", "y", "y", "^C"}, StatusTrouble, "1 repaired", "stopped after step 1 of 3 of "},
		"the end in the middle":         {[]string{"y"}, StatusRefused, "Stopped after step 1 of 6", "declined"},
		"the end before destruction":    {[]string{"y", "y"}, StatusTrouble, "Stopped after step 4 of 6", "1 repair failed"},
		"the end at the second volume":  {[]string{"y", "y", "y"}, StatusFindings, "left (1): the answer was no", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := severalAndOne(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b.out.Reset()
			b.err.Reset()
			b.s.In = &answering{answers: slices.Clone(test.answers), at: "^C", do: cancel}
			status := Main(ctx, []string{"pureclean", "fix", "--all"}, b.s)
			out, errs := b.out.String(), b.err.String()
			if status != test.status || !strings.Contains(oneSpace(out), test.out) || !strings.Contains(oneSpace(errs), test.errs) {
				t.Errorf("status %d, want %d, %q and %q\n%s\n%s", status, test.status, test.out, test.errs, out, errs)
			}
			if strings.HasPrefix(name, "Ctrl-C") && !strings.Contains("\n"+out, "\nstopped ") {
				t.Errorf("the table does not say which was stopped:\n%s", out)
			}
			for _, words := range []string{"context canceled", "EOF"} {
				if strings.Contains(out+errs, words) {
					t.Errorf("it says %q:\n%s%s", words, out, errs)
				}
			}
		})
	}
}
