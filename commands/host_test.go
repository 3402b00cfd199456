package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/repair"
	"github.com/pureclean/pureclean/simulator"
)

func hasHost(w *simulator.World, name string) bool {
	for _, h := range w.Array.Hosts() {
		if h.Name == name {
			return true
		}
	}
	return false
}

// An array host that is idle and named as LXD names them may be anybody's, and
// nothing brings it back: only a member's goes, and only by its full name.
func TestFixOfAHostObject(t *testing.T) {
	for _, test := range []struct {
		name    string
		spoil   func(*testing.T, *bench, string) string
		args    []string
		answers string
		status  int
		says    string
	}{
		{"somebody else's", func(t *testing.T, b *bench, _ string) string {
			if err := b.world.Array.CreateHost("oracle-prod-iscsi", []string{"iqn.1988-12.com.oracle:prod"}, nil, nil); err != nil {
				t.Fatal(err)
			}
			return "oracle-prod-iscsi"
		}, []string{"--yes", "--confirm", "oracle-prod-iscsi"}, "", StatusRefused, "belongs to no member"},
		{"somebody is logged in", func(t *testing.T, b *bench, host string) string {
			if err := b.world.Array.SetConnectivity(host, "healthy", "Redundant"); err != nil {
				t.Fatal(err)
			}
			return host
		}, []string{"--yes", "--confirm", "HOST"}, "", StatusRefused, "logged in"},
		{"without its name", nil, []string{"--yes"}, "", StatusRefused, "--confirm"},
		{"with another name", nil, []string{"--yes", "--confirm", "lxd02-iscsi"}, "", StatusRefused, `"lxd02-iscsi"`},
		{"no", nil, nil, "n\n", StatusRefused, "Nothing was changed"},
		{"by its name", nil, []string{"--yes", "--confirm", "HOST"}, "", StatusOK, "Repaired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, aged(t, "host-not-deleted-iscsi"))
			host := b.world.Array.Hosts()[0].Name
			if test.spoil != nil {
				host = test.spoil(t, b, host)
			}
			args := []string{"fix", "--volume", host}
			for _, arg := range test.args {
				args = append(args, strings.ReplaceAll(arg, "HOST", host))
			}
			status, out, errs := b.run(test.answers, args...)
			if status != test.status || !strings.Contains(out+errs, test.says) {
				t.Errorf("status %d, want %d and %q:\n%s%s", status, test.status, test.says, out, errs)
			}
			if gone := !hasHost(b.world, host); gone != (test.status == StatusOK) {
				t.Errorf("gone: %v", gone)
			}
		})
	}
}

// --yes answers for no step that nothing takes back: of the whole table.
func TestYesAnswersOnlyWhatCanBeUndone(t *testing.T) {
	b := newBench(t, worlds.Of(t, "healthy-iscsi"))
	o := &changing{common: common{Streams: b.s}, yes: true, noInput: true}
	never := 0
	for _, step := range repair.Steps {
		if !step.Asks {
			continue
		}
		reply, err := asker{o: o}.ask(t.Context(), repair.Question{Step: repair.Step{Kind: step.Kind}, Plan: repair.Plan{Object: "x"}})
		if yes := reply == repair.Yes && err == nil; yes == (step.Undo == repair.UndoNever) {
			t.Errorf("%s, undo %q: --yes answers it: %v", step.Kind, step.Undo, yes)
		}
		if step.Undo == repair.UndoNever {
			never++
		}
	}
	if never == 0 {
		t.Error("the table has no step that can't be undone")
	}
	for _, kind := range []string{"eradicate", "never heard of"} {
		if reply, _ := (asker{o: o}).ask(t.Context(), repair.Question{Step: repair.Step{Kind: kind}}); reply == repair.Yes {
			t.Errorf("--yes answers %s", kind)
		}
	}
}
