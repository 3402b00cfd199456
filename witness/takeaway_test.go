package witness_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/witness"
)

// Nothing may look safer for being seen less well. The tests in takeaway_*
// take one thing away from a world at a time, and compare what is then called
// safe with what is called so when everything is seen.

// baseline is what is said of a world of which everything is seen.
type baseline struct {
	w        *simulator.World
	world    evidence.World
	safe     []string
	verdicts map[string]diagnose.Verdict
	cases    int
}

var classOf = sync.OnceValue(func() map[string]diagnose.Class {
	all := map[string]diagnose.Class{}
	for _, k := range diagnose.Kinds {
		all[k.Code] = k.Class
	}
	return all
})

// class is that of the finding with a key.
func class(key string) diagnose.Class {
	code, _, _ := strings.Cut(key, " ")
	return classOf()[code]
}

// everythingSeen looks at a world and makes sure that there is something safe
// to be lost in each of the classes.
func everythingSeen(t *testing.T, w *simulator.World, classes ...diagnose.Class) *baseline {
	t.Helper()
	world, report := ask(t, options(w))
	if !report.Complete {
		t.Fatalf("the world is not seen completely: %q", report.Doubts)
	}
	b := &baseline{w: w, world: world, safe: safe(report), verdicts: verdicts(report)}
	for _, c := range classes {
		if !slices.ContainsFunc(b.safe, func(k string) bool { return class(k) == c }) {
			t.Fatalf("nothing of class %s is safe in this world", c)
		}
	}
	for _, k := range b.safe {
		if _, object, _ := strings.Cut(k, " "); class(k) == diagnose.ClassDestroy && w.Live(strings.TrimSpace(object)) {
			t.Fatalf("%s is live and called safe", k)
		}
	}
	t.Cleanup(func() { t.Logf("%d cases", b.cases) })
	return b
}

var (
	everyClass = []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassSnapshot, diagnose.ClassDisconnect, diagnose.ClassHost}
	// ofArray are the classes whose remedy changes the array.
	ofArray = []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassSnapshot, diagnose.ClassDisconnect}
	destroy = []diagnose.Class{diagnose.ClassDestroy}
)

// least is what must happen to findings at the least.
type least struct {
	// told: the report says that it is not complete, so the status is 8.
	told bool
	// stopped are the classes of which nothing may be safe any more.
	stopped []diagnose.Class
}

// all that matters: an answer without which nothing can be said.
var nothingSafe = least{told: true, stopped: everyClass}

// check compares a look at the world in which something was taken away.
func (b *baseline) check(t *testing.T, what string, report diagnose.Report, want least) {
	t.Helper()
	b.cases++
	now, all := safe(report), verdicts(report)
	var still []string
	for _, k := range now {
		if !slices.Contains(b.safe, k) {
			t.Errorf("%s: %q became safe, it was %q", what, k, b.verdicts[k])
		}
		if slices.Contains(want.stopped, class(k)) {
			still = append(still, k)
		}
	}
	if len(still) > 0 {
		t.Errorf("%s: %d are still safe, such as %s", what, len(still), still[0])
	}
	for _, k := range b.safe {
		if slices.Contains(now, k) || all[k] == diagnose.Blocked || !report.Complete {
			continue
		}
		t.Errorf("%s: %q is gone (%q), and nothing says that something was not seen", what, k, all[k])
	}
	if want.told && report.Complete {
		t.Errorf("%s: the report claims to be complete", what)
	}
}

// look asks with changed options and checks.
func (b *baseline) look(t *testing.T, what string, o witness.Options, want least) {
	t.Helper()
	_, report := ask(t, o)
	b.check(t, what, report, want)
}

// places are the occurrences of a field to try one by one: all when there are
// few, else the first, one in the middle and the last.
func places(n, few int) []int {
	if n <= few {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	return []int{0, n / 2, n - 1}
}

func name(path []string) string { return fmt.Sprint(strings.Join(path, "/")) }
