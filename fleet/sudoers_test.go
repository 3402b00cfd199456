package fleet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// documented are the sudoers lines of docs/fleet.md: those with a regular
// expression, and those for an older sudo.
func documented(t *testing.T) (now, older string) {
	t.Helper()
	text, err := os.ReadFile("../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), "```text\n")
	if len(parts) < 3 {
		t.Fatal("docs/fleet.md has no such blocks")
	}
	now, _, _ = strings.Cut(parts[1], "```\n")
	older, _, _ = strings.Cut(parts[2], "```\n")
	return now, older
}

// allowed are the commands that they allow. Sudo matches the words as one text,
// with regexec(3) where it stands between ^ and $, else with fnmatch(3); as long as
// no pattern of that has a wildcard that matches a blank, each word by itself is the
// same.
func allowed(t *testing.T, lines string) []string {
	t.Helper()
	alias, user, found := strings.Cut(strings.ReplaceAll(lines, "\\\n", " "), "\n")
	_, commands, isAlias := strings.Cut(alias, "Cmnd_Alias PURECLEAN = ")
	if !found || !isAlias || user != "User_Alias MEMBERS = pureclean\nMEMBERS ALL=(root) NOPASSWD: PURECLEAN\n" || strings.ContainsAny(lines, "*?!") {
		t.Fatalf("that is not what is understood here:\n%s", lines)
	}
	var all []string
	for command := range strings.SplitSeq(commands, ",") {
		all = append(all, strings.TrimSpace(command))
	}
	return all
}

func matches(t *testing.T, patterns []string, words []string) bool {
	t.Helper()
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		program, arguments, _ := strings.Cut(pattern, " ")
		if strings.HasPrefix(arguments, "^") {
			return program == words[0] && regexp.MustCompile(arguments).MatchString(strings.Join(words[1:], " "))
		}
		return slices.EqualFunc(strings.Fields(pattern), words, func(pattern, word string) bool {
			ok, err := path.Match(pattern, word)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		})
	})
}

// What the documentation lets a user do with sudo is what is asked for, each
// step of it, and nothing more.
func TestSudoersLine(t *testing.T) {
	dir := t.TempDir()
	client := filepath.Join(dir, "ssh")
	script := "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done; shift\necho \"$*\" >>" + dir + "/calls\nexit 255\n"
	if err := os.WriteFile(client, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	f := New(Options{Client: []string{client}, Version: "v1", Members: map[string]Member{"lxd03": {Command: []string{"sudo", "-n", "pureclean"}}}})
	f.Ask(t.Context(), "lxd03")
	f.spoken["lxd03"] = severalFrom
	m, serial := f.Machine(evidence.Host{Source: evidence.Source{Name: "lxd03"}, Boot: "b"}), evidence.Serial("D5BC07893D61B51B0001100A")
	released := release.Released{Serial: serial}
	_, errRelease := m.Release(t.Context(), serial, release.Expect{}, release.Callbacks{})
	_, errStale := m.RemoveStale(t.Context(), serial, release.Callbacks{})
	errFree := m.Free(t.Context(), serial, release.Callbacks{})
	left := m.Detached(t.Context(), []release.Sought{{Serial: serial}, {Serial: another}})
	if errRelease == nil || errStale == nil || errFree == nil || left[0].Answer.Is() || left[1].Answer.Is() || m.Rollback(t.Context(), released, release.Callbacks{}) == nil ||
		m.Clear(t.Context(), serial, released, release.Callbacks{}) == nil {
		t.Fatal("a client that fails did something")
	}
	tasks := []release.Task{{Serial: serial, Released: released}, {Serial: another, Released: release.Released{Serial: another}}}
	for _, step := range []string{release.TaskRelease, release.TaskClear, release.TaskStale} {
		said, begun := m.Together(t.Context(), step, tasks, nil)
		if !begun || len(said) != 2 || !errors.Is(said[0], ErrLost) || !errors.Is(said[1], ErrLost) {
			t.Fatalf("%s: a client that fails did something: %+v", step, said)
		}
	}
	calls, err := os.ReadFile(dir + "/calls")
	if err != nil {
		t.Fatal(err)
	}
	now, older := documented(t)
	asked := strings.Split(strings.TrimSpace(string(calls)), "\n")
	if len(asked) != 1+len(Steps())+3 {
		t.Fatalf("asked was for %q", asked)
	}
	for _, lines := range []string{now, older} {
		patterns := allowed(t, lines)
		for _, call := range asked {
			words, isSudo := strings.CutPrefix(call, "sudo -n pureclean ")
			run := append([]string{"/usr/bin/pureclean"}, strings.Fields(words)...)
			several := strings.Count(call, "--remove") > 1
			if ok := matches(t, patterns, run); !isSudo || ok != (lines == now || !several) {
				t.Errorf("allowed is %v: %s", ok, call)
			}
			for _, more := range []string{"--config=/etc/shadow", "--config /etc/shadow", "--sysroot /", "-v", "x"} {
				for at := 1; at <= len(run); at++ {
					if matches(t, patterns, slices.Insert(slices.Clone(run), at, strings.Fields(more)...)) {
						t.Errorf("allowed: %s with %s at %d", call, more, at)
					}
				}
			}
		}
		for _, other := range []string{
			"scan", "fix --all --yes", "devices", "devices --sysroot / -o json", "devices --remove " + string(serial), "devices --step clear",
			"devices --remove D5BC07893D61B51B0001100 --step clear", "devices --remove D5BC07893D61B51B0001100A0 --step clear", "devices --remove D5BC07893D61B51B0001100Z --step clear",
			"devices --remove " + string(serial) + " --remove D5BC07893D61B51B0001100Z --step clear", "devices --remove " + string(serial) + " --step clear --step free",
			"devices --remove " + string(serial) + " --step everything",
		} {
			if matches(t, patterns, append([]string{"/usr/bin/pureclean"}, strings.Fields(other)...)) {
				t.Errorf("allowed: %s", other)
			}
		}
	}
	visudo, err := exec.LookPath("visudo")
	if err != nil {
		t.Skip("the line is compared, but visudo is not installed here to parse it")
	}
	for i, lines := range []string{now, older} {
		file := filepath.Join(dir, fmt.Sprint("sudoers", i))
		if err := os.WriteFile(file, []byte(lines), 0o440); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(visudo, "-c", "-f", file).CombinedOutput(); err != nil {
			t.Errorf("visudo: %v\n%s", err, out)
		}
	}
}
