package commands_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/completion"
	"github.com/pureclean/pureclean/internal/worlds"
)

// atTab is what zsh gets for words, of which the last is under the cursor.
func atTab(t *testing.T, cache string, words ...string) (kind string, values []string) {
	t.Helper()
	var out, errs bytes.Buffer
	status := commands.Main(context.Background(), append([]string{"pureclean", "__complete", "zsh"}, words...), commands.Streams{
		In: failing{t}, Out: &out, Err: &errs, CacheDir: cache, Getenv: os.Getenv,
	})
	if status != 0 || errs.Len() > 0 {
		t.Errorf("%q: status %d, %s", words, status, errs.String())
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	for _, line := range lines[1:] {
		value, _, _ := strings.Cut(line, "\t")
		values = append(values, value)
	}
	return lines[0], values
}

// failing is read by nobody.
type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("a TAB asked a question")
	return 0, errors.New("nobody is there")
}

// TestTabAfterALook: a scan leaves the names, and a TAB offers them, findings
// first, without asking anybody.
func TestTabAfterALook(t *testing.T) {
	s := serve(t, worlds.Demo(t))
	cache := filepath.Join(t.TempDir(), "cache")
	var out bytes.Buffer
	commands.Main(context.Background(), []string{"pureclean", "scan", "--config", s.config, "--sysroot", s.tree}, commands.Streams{
		In: failing{t}, Out: &out, Err: &out, CacheDir: cache, Getenv: os.Getenv,
	})
	s.Array.ResetRequests()
	s.API.ForgetRequests()
	_, objects := atTab(t, cache, "explain", "--object", "purepool")
	leaked, record := slices.Index(objects, "purepool::u-5805369565714a11a69ed2b62f2a3da1"), slices.Index(objects, "purepool/custom/wiki")
	if leaked < 0 || record < leaked {
		t.Errorf("offered: %q\n%s", objects, out.String())
	}
	if _, pools := atTab(t, cache, "scan", "--pool", ""); !slices.Equal(pools, []string{"nvpool", "purepool"}) {
		t.Errorf("pools: %q", pools)
	}
	if _, members := atTab(t, cache, "fix", "--pool", "nvpool", "--volume=nv"); !slices.ContainsFunc(members, func(m string) bool { return strings.HasPrefix(m, "--volume=nvpool::") }) {
		t.Errorf("joined: %q", members)
	}
	if n := len(s.Array.Requests()); n > 0 {
		t.Errorf("a TAB asked the array %d times", n)
	}
	if n := len(s.API.Requests()); n > 0 {
		t.Errorf("a TAB asked LXD %d times", n)
	}
}

// TestTabKeepsNames: a look that saw nothing forgets nothing, and one that
// can't write the names down goes on.
func TestTabKeepsNames(t *testing.T) {
	cache := t.TempDir()
	if err := completion.Save(cache, []completion.Name{{Kind: completion.Pool, Pool: "p", Name: "kept"}}); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LXD_SOCKET", filepath.Join(t.TempDir(), "absent"))
	var out bytes.Buffer
	look := func(cache string) int {
		return commands.Main(context.Background(), []string{"pureclean", "scan", "--sysroot", demoTree(t), "--config", write(t, "c.yaml", "")}, commands.Streams{
			In: failing{t}, Out: &out, Err: &out, CacheDir: cache, Getenv: os.Getenv,
		})
	}
	if status := look(cache); status != 8 {
		t.Errorf("status %d: %s", status, out.String())
	}
	if names := completion.Load(cache); !slices.ContainsFunc(names, func(n completion.Name) bool { return n.Name == "kept" }) {
		t.Errorf("a look that could not see everything forgot what an earlier one saw: %v", names)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := look(filepath.Join(file, "below")); status != 8 || strings.Contains(out.String(), "below") {
		t.Errorf("without a place for names: status %d: %s", status, out.String())
	}
}

func TestTab(t *testing.T) {
	for _, test := range []struct {
		words  []string
		kind   string
		has    []string
		hasNot []string
	}{
		{words: []string{""}, has: []string{"scan", "fix", "completion"}, hasNot: []string{"__complete", "--help", "help"}},
		{words: []string{"-"}, has: []string{"--help"}},
		{words: []string{"scan", ""}, has: []string{"--pool", "--output", "--help"}},
		{words: []string{"scan", "--pool", "p", "--color", "never", "--"}, has: []string{"--pool", "--output"}, hasNot: []string{"--color"}},
		{words: []string{"scan", "-o", "json", "--"}, hasNot: []string{"--output"}},
		{words: []string{"scan", "--format", ""}, has: []string{"json", "csv"}},
		{words: []string{"scan", "-f", ""}, has: []string{"json", "csv"}},
		{words: []string{"version", "-o", ""}, has: []string{"json", "yaml", "table"}, hasNot: []string{"csv", "wide"}},
		{words: []string{"fix", "--finding", ""}, has: []string{"leaked-volume"}, hasNot: []string{"mixed-map"}},
		{words: []string{"check", "--ignore", ""}, has: []string{"leaked-volume", "mixed-map"}},
		{words: []string{"fix", "--save", ""}, kind: "files"},
		{words: []string{"fix", "--config=x"}, kind: "files"},
		{words: []string{"scan", "--sysroot", ""}, kind: "directories"},
		{words: []string{"demo", "--serve", ""}, kind: "directories"},
		{words: []string{"explain", "--object", "/dev/m"}, kind: "files"},
		{words: []string{"completion", ""}, has: []string{"bash", "zsh", "fish"}},
		{words: []string{"completion", "bash", ""}, has: []string{"--help"}, hasNot: []string{"zsh"}},
		// Nothing sensible can follow these.
		{words: []string{"scan", "stray", ""}},
		{words: []string{"scan", "stray", "--"}},
		{words: []string{"scan", "--", ""}},
		{words: []string{"scan", "--", "--"}},
		{words: []string{"nonsense", ""}},
		{words: []string{"scan", "--frob=x"}},
		{words: []string{"scan", "--timeout", ""}},
		{words: []string{"eradicate", "--confirm", ""}},
		// The name that was given is a value, whatever it looks like.
		{words: []string{"fix", "--volume", "--all", "--"}, has: []string{"--all"}, hasNot: []string{"--volume"}},
		{words: []string{"fix", "--volume", "--", "--"}, has: []string{"--all"}},
	} {
		kind, values := atTab(t, t.TempDir(), test.words...)
		want := test.kind
		if want == "" {
			want = completion.Words
		}
		if kind != want {
			t.Errorf("%q: %s, want %s", test.words, kind, want)
		}
		for _, has := range test.has {
			if !slices.Contains(values, has) {
				t.Errorf("%q: %q is not offered, but %q", test.words, has, values)
			}
		}
		if len(test.has) == 0 && len(test.hasNot) == 0 && kind == completion.Words && len(values) > 0 {
			t.Errorf("%q: %q", test.words, values)
		}
		for _, not := range test.hasNot {
			if slices.Contains(values, not) {
				t.Errorf("%q: %q is offered", test.words, not)
			}
		}
	}
}

// TestTabRunsNothing: whatever the words are, no command is reached: all of
// them would ask LXD, and the array, or write.
func TestTabRunsNothing(t *testing.T) {
	s := serve(t, worlds.Demo(t))
	s.Array.ResetRequests()
	s.API.ForgetRequests()
	for _, shell := range []string{"zsh", "fish", "bash", "", "--"} {
		for _, words := range [][]string{
			{"fix", "--all", "--yes", "--config", s.config, "--"},
			{"fix", "--all", "--yes", "--config", s.config, "--", "--generate-bash-completion"},
			{"scan", "--config", s.config, "--sysroot", s.tree, "--generate-bash-completion"},
			{"scan", "--config", s.config, "--sysroot", s.tree, "--help"},
			{"scan"},
			{},
			{""},
			{"--"},
			{"-"},
			{"="},
			{"--="},
			{"--pool="},
		} {
			var out, errs bytes.Buffer
			status := commands.Main(context.Background(), append([]string{"pureclean", "__complete", shell}, words...), commands.Streams{
				In: failing{t}, Out: &out, Err: &errs, Getenv: os.Getenv,
			})
			if status != 0 || errs.Len() > 0 {
				t.Errorf("%s %q: status %d: %s%s", shell, words, status, out.String(), errs.String())
			}
		}
	}
	if n := len(s.Array.Requests()) + len(s.API.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}
