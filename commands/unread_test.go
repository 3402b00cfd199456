package commands

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/internal/worlds"
)

// While a member is away, nobody is told that it has nothing, or to take away
// what may be its: neither by a scan, nor by a run, dry or not.
func TestMemberAway(t *testing.T) {
	t.Parallel()
	c := newCluster(t, worlds.Of(t, "member-offline"))
	c.servers.Stop("lxd03")
	for _, run := range []struct {
		says, never []string
		args        []string
	}{
		{
			[]string{"no device on lxd01 and lxd02; lxd03 was not read", "no running use known; connected to lxd03-iscsi; lxd03 was not read"},
			[]string{"used by nothing", "lxd02 and lxd03"},
			[]string{"scan", "-v"},
		},
		{[]string{"bring lxd03 back, or fence it and state so with --host-down lxd03"}, []string{"take away"}, []string{"fix", "--all", "--dry-run"}},
		{[]string{"What to do: bring lxd03 back, or fence it and state so with --host-down lxd03"}, []string{"take away"}, []string{"fix", "--all", "--yes"}},
	} {
		_, out, _ := c.run("", append(run.args, "--color", "never")...)
		text := strings.Join(strings.Fields(out), " ")
		for _, says := range run.says {
			if !strings.Contains(text, says) {
				t.Errorf("%v: %q is not in\n%s", run.args, says, out)
			}
		}
		for _, never := range run.never {
			if strings.Contains(text, never) {
				t.Errorf("%v: %q is in\n%s", run.args, never, out)
			}
		}
	}
}

// What scan says comes next is what works: what can't be undone wants its name,
// and a dry run and a refusal say so with that name.
func TestNextCommandWorks(t *testing.T) {
	t.Parallel()
	for scenario, c := range map[string]struct{ object, typed string }{
		"host-not-deleted-iscsi": {"lxd01-iscsi", "lxd01-iscsi"},
		"waiting-reader":         {"lxd01:mpathc", "mpathc"},
	} {
		b := newBench(t, worlds.Of(t, scenario))
		run := func(args ...string) (int, string) {
			status, out, errs := b.run("", append(args, "--color", "never")...)
			return status, strings.Join(strings.Fields(out+errs), " ")
		}
		_, out := run("scan")
		_, next, _ := strings.Cut(out, "next: pureclean explain")
		if want := "pureclean fix --volume " + c.object + " --confirm " + c.typed; c.object == c.typed && !strings.Contains(next, want) {
			t.Errorf("%s: %q is not next in\n%s", scenario, want, out)
		}
		if _, out = run("fix", "--volume", c.object, "--dry-run"); !strings.Contains(out, "the run wants its name again, as --confirm "+c.typed) {
			t.Errorf("%s: a dry run does not say that it wants the name\n%s", scenario, out)
		}
		if status, out := run("fix", "--volume", c.object, "--yes"); status != StatusRefused || !strings.Contains(out, "What to do: give its name again, with --confirm "+c.typed) {
			t.Errorf("%s: status %d\n%s", scenario, status, out)
		}
		if status, out := run("fix", "--volume", c.object, "--confirm", c.typed, "--yes"); status != StatusOK {
			t.Errorf("%s: status %d\n%s", scenario, status, out)
		}
	}
}
