package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const toyDir = "internal/mutate/testdata/toy"

// tryToy judges the toy package, with a list of equivalent changes of its own.
func tryToy(t *testing.T, o options, list string) (string, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "equivalent.txt")
	if err := os.WriteFile(name, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	o.limit = time.Minute
	var out strings.Builder
	err := run(context.Background(), &out, o, []target{{toyDir, nil}}, name)
	return out.String(), err
}

const toyEqual = `# a comment
` + toyDir + `.Smaller: <= for <: a < b
  Of two that are the same
  either is the smaller.
`

// TestToy: what survives in the toy package is known, all else is killed, and
// a second call has nothing left to do.
func TestToy(t *testing.T) {
	t.Chdir("../..")
	before := filesOf(t, toyDir)
	o := options{out: filepath.Join(t.TempDir(), "results")}
	said, err := tryToy(t, o, toyEqual)
	if err != nil {
		t.Fatal(err)
	}
	results, err := openResults(o.out)
	if err != nil {
		t.Fatal(err)
	}
	results.Close()
	got := map[string]State{}
	killed := 0
	for _, v := range results.all {
		if v.State == Killed {
			killed++
			continue
		}
		got[strings.TrimPrefix(v.Key, toyDir+".")] = v.State
	}
	want := map[string]State{
		"Waited: longer: patience":                                                Survived,
		"Waited: shorter: patience":                                               Survived,
		"Waited: > for >=: d >= patience":                                         Survived,
		`Note: never: if name == "b"`:                                             Survived,
		"Forgotten: not: return true":                                             NotCovered,
		"Forgotten: not: return false":                                            NotCovered,
		"Forgotten: never: if len(names) > 0 && names[0] == bad":                  NotCovered,
		"Forgotten: >= for >: len(names) > 0":                                     NotCovered,
		`Forgotten: without "len(names) > 0": len(names) > 0 && names[0] == bad`:  NotCovered,
		`Forgotten: without "names[0] == bad": len(names) > 0 && names[0] == bad`: NotCovered,
		`Forgotten: without element: "x"`:                                         NotCovered,
		`Forgotten: without element: "y"`:                                         NotCovered,
		"Smaller: <= for <: a < b":                                                Equivalent,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s\n%s", diff, said)
	}
	// Conditions, answers and the limit of Allowed, what Waited says, what Note
	// notes, and which Smaller takes.
	if killed != 19 {
		t.Errorf("%d are killed:\n%s", killed, said)
	}
	if diff := cmp.Diff(before, filesOf(t, toyDir)); diff != "" {
		t.Errorf("something was written into the tree: %s", diff)
	}
	again, err := tryToy(t, o, toyEqual)
	if err != nil || !strings.Contains(again, "0 are to be tried") {
		t.Errorf("again: %v\n%s", err, again)
	}
}

func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	return files
}

// TestListIsHeld: what is listed as equivalent must be possible, must have a
// reason, and must not be noticed by a test.
func TestListIsHeld(t *testing.T) {
	t.Chdir("../..")
	for _, c := range []struct {
		name, list, want string
		o                options
	}{
		{"no such change", toyDir + ".Gone: not: return true\n  It was there once.\n", "there is no such change any more", options{list: true}},
		{"no reason", toyDir + ".Waited: longer: patience\n", "there is no reason", options{list: true}},
		{"twice", toyEqual + toyEqual, "listed twice", options{list: true}},
		{"a reason of nothing", "  A reason.\n", "a reason without a change", options{list: true}},
		{"noticed", toyDir + ".Smaller: never: if a < b\n  So it was thought.\n", "TestSmaller notices it", options{listed: true, function: "Smaller"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			said, err := tryToy(t, c.o, c.list)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\n%s", err, said)
			}
		})
	}
}

// TestRefusals: of the toy's changes those are chosen that take a refusal away,
// or make a permission easier.
func TestRefusals(t *testing.T) {
	t.Chdir("../..")
	said, err := tryToy(t, options{list: true, refusals: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(said) {
		_, key, _ := strings.Cut(strings.TrimSpace(line), "\t")
		got = append(got, strings.TrimPrefix(key, toyDir+"."))
	}
	want := []string{
		`Allowed: without "!known": !known || used`,
		`Allowed: without "used": !known || used`,
		"Allowed: never: if n > most",
		`Forgotten: without "len(names) > 0": len(names) > 0 && names[0] == bad`,
		`Forgotten: without "names[0] == bad": len(names) > 0 && names[0] == bad`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestSample: a sample is the same each time, and the other flags say what is
// wrong with them.
func TestSample(t *testing.T) {
	t.Chdir("../..")
	sample := func(seed uint64) string {
		said, err := tryToy(t, options{list: true, n: 5, seed: seed}, "")
		if err != nil || strings.Count(said, "\n") != 5 {
			t.Fatalf("%v\n%s", err, said)
		}
		return said
	}
	if one, two := sample(1), sample(2); one != sample(1) || one == two {
		t.Errorf("samples of seed 1 and 2:\n%s\n%s", one, two)
	}
	for _, o := range []options{{function: "("}, {packages: "none"}} {
		if err := run(context.Background(), io.Discard, o, targets, "internal/mutate/equivalent.txt"); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// TestEquivalent: the list of this project can be read.
func TestEquivalent(t *testing.T) {
	if _, err := readEquivalent("equivalent.txt"); err != nil {
		t.Error(err)
	}
}
