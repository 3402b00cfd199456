package completion

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// bashBreaks is bash's own $COMP_WORDBREAKS.
const bashBreaks = " \t\n\"'@><=;|&(:"

func TestBash(t *testing.T) {
	for _, test := range []struct{ raw, value, want string }{
		{"", "purepool", "purepool"},
		{"pu", "purepool", "purepool"},
		{"p::u-1", "p::u-12", "u-12"},
		{"p:", "p::u-12", ":u-12"},
		{"--volume=p::u", "--volume=p::u-12", "u-12"},
		{"--volume=", "--volume=a b", `a\ b`},
		{`"p::u`, "p::u-12", "p::u-12"},
		{`--volume="p::u`, "--volume=p::u-12", "p::u-12"},
		{`'p::u`, "p::u-12", "p::u-12"},
		{`'it`, "it's", "no"},
		{`"a`, "a$b", "no"},
		{`"a`, "a`b", "no"},
		{`"a`, "a!b", "no"},
		{`'a`, "a$`!b", "a$`!b"},
		{`a\ b`, "a b:c", `a\ b:c`},
		{`a\:b`, "a:b:c", `a:b:c`},
		{"x", "x$(touch y)", `x\$\(touch\ y\)`},
		{"x", "x;~*?[]{}<>|&#!^", `x\;\~\*\?\[\]\{\}\<\>\|\&\#\!\^`},
		{"é", "é-名", "é-名"},
	} {
		w := ParseBash(test.raw, bashBreaks)
		if !strings.HasPrefix(test.value, w.Text) {
			t.Errorf("%s: is read as %q", test.raw, w.Text)
		}
		got, ok := w.Insert(test.value)
		if !ok {
			got = "no"
		}
		if got != test.want {
			t.Errorf("%s: for %q bash gets %q, want %q", test.raw, test.value, got, test.want)
		}
	}
	for _, raw := range []string{"$x", "`x", `"$(x)`, "$((1))", "a$"} {
		if w := ParseBash(raw, bashBreaks); w.Plain {
			t.Errorf("%s: only an evaluation could tell what it is", raw)
		}
	}
	for _, raw := range []string{"'$x'", `\$x`, `"\$x`} {
		if w := ParseBash(raw, bashBreaks); !w.Plain || w.Text != "$x" {
			t.Errorf("%s: %+v", raw, w)
		}
	}
}

func TestNamesComeBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	world := evidence.World{}
	world.LXD.Pools.Items = []evidence.Pool{{Name: "p", Mode: "iscsi"}}
	world.LXD.Members.Items = []evidence.Member{{Name: "lxd01"}}
	world.LXD.Records.Items = []evidence.Record{
		{Pool: "p", Project: "default", Type: "custom", Name: "a"},
		{Pool: "p", Project: "web", Type: "container", Name: "b/snap0"},
	}
	report := diagnose.Report{Findings: []diagnose.Finding{
		{Code: "leaked-volume", Pool: "p", Object: "p::u-1", Verdict: diagnose.Safe},
		{Code: "mixed-map", Object: "p::u-1"},
		{Code: "ghost-path", Object: "sdz"},
		{Code: "leaked-volume", Object: "with\x1b[31m colour"},
		{Code: "leaked-volume", Object: "two\nlines"},
		{Code: "leaked-volume", Object: "a\ttab"},
		{Code: "leaked-volume", Object: "reordered \u202e"},
		{Code: "leaked-volume", Object: "not \xff utf-8"},
		{Code: "leaked-volume", Object: strings.Repeat("long", 100)},
		{Code: "unsafe-setting", Object: "LXD 6.9"},
		{Code: "leaked-volume", Object: ""},
	}}
	want := []Name{
		{Finding, "p", "p::u-1", "leaked-volume, safe to repair"},
		{Finding, "", "sdz", "ghost-path"},
		{Pool, "p", "p", "iscsi"},
		{Member, "", "lxd01", ""},
		{Record, "p", "p/custom/a", ""},
		{Record, "p", "p/web/container/b/snap0", ""},
	}
	for range 2 { // the second replaces the first
		if err := Save(dir, NamesOf(world, report)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, Load(dir)); diff != "" {
			t.Error(diff)
		}
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, file): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, mode)
		}
	}
}

// TestSaveFollowsNoLink: what waits under the file's name is replaced and not
// written through.
func TestSaveFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(precious, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(precious, filepath.Join(dir, file)); err != nil {
		t.Fatal(err)
	}
	if err := Save(dir, []Name{{Pool, "p", "p", ""}}); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(precious); string(data) != "mine" {
		t.Errorf("it wrote through a link: %q", data)
	}
	if names := Load(dir); len(names) != 1 {
		t.Errorf("%v", names)
	}
}

func TestNamesAreFewAndSmall(t *testing.T) {
	dir := t.TempDir()
	var names []Name
	for i := range 3 * maxNames {
		names = append(names, Name{Record, "pool", strings.Repeat("x", maxName-8) + string(rune('a'+i%26)) + strings.Repeat("y", i%7) + string(rune('A'+i/26%26)), ""})
	}
	for i := range names {
		names[i].Name = names[i].Name[:maxName-20] + strings.Repeat("z", i%10) + string(rune(0x4e00+i))
	}
	if err := Save(dir, names); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, file))
	if err != nil || info.Size() > maxBytes {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	if got := Load(dir); len(got) > maxNames || len(got) < maxNames/2 {
		t.Errorf("%d names", len(got))
	}
}

func TestLoadBelievesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"none":             "",
		"another version":  "pureclean/names/v2\npool\tp\tp\t\n",
		"not ours":         "#!/bin/sh\ntouch PWNED\n",
		"binary":           "pureclean/names/v1\n\x00\x01\x02\n",
		"fields missing":   "pureclean/names/v1\npool\tp\n",
		"another kind":     "pureclean/names/v1\nsecret\tp\tp\t\n",
		"escape sequences": "pureclean/names/v1\npool\tp\t\x1b[2J\t\n",
		"a note with them": "pureclean/names/v1\npool\tp\tp\t\x1b[2J\n",
		"no name":          "pureclean/names/v1\npool\tp\t\tx\n",
		"one endless line": "pureclean/names/v1\n" + strings.Repeat("x", 2*maxBytes),
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Load(dir); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
	if got := Load("/nonexistent"); got != nil {
		t.Errorf("%v", got)
	}
}

func TestMerge(t *testing.T) {
	before := []Name{{Finding, "a", "a::1", ""}, {Finding, "b", "b::1", ""}, {Record, "b", "b/custom/x", ""}}
	now := []Name{{Finding, "a", "a::2", ""}, {Pool, "a", "a", ""}}
	if diff := cmp.Diff(now, Merge(now, before, true, nil)); diff != "" {
		t.Errorf("all pools: %s", diff)
	}
	want := []Name{{Finding, "a", "a::2", ""}, {Finding, "b", "b::1", ""}, {Pool, "a", "a", ""}}
	if diff := cmp.Diff(want, Merge(now, before, true, []string{"a"})); diff != "" {
		t.Errorf("one pool: %s", diff)
	}
	want = []Name{{Finding, "a", "a::2", ""}, {Finding, "a", "a::1", ""}, {Finding, "b", "b::1", ""}, {Record, "b", "b/custom/x", ""}, {Pool, "a", "a", ""}}
	if diff := cmp.Diff(want, Merge(now, before, false, nil)); diff != "" {
		t.Errorf("not complete: %s", diff)
	}
}
