package fleet

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// documented are the sudoers lines of docs/fleet.md.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```text\n")
	lines, _, found := strings.Cut(rest, "```\n")
	if !found {
		t.Fatal("docs/fleet.md has no such block")
	}
	return lines
}

// allowed are the commands that they allow. Sudo matches the words as one text
// with fnmatch(3); as long as no pattern has a wildcard that matches a blank,
// each word by itself is the same.
func allowed(t *testing.T, lines string) [][]string {
	t.Helper()
	alias, user, found := strings.Cut(strings.ReplaceAll(lines, "\\\n", " "), "\n")
	_, commands, isAlias := strings.Cut(alias, "Cmnd_Alias PURECLEAN = ")
	if !found || !isAlias || user != "User_Alias MEMBERS = pureclean\nMEMBERS ALL=(root) NOPASSWD: PURECLEAN\n" || strings.ContainsAny(lines, "*?!^") {
		t.Fatalf("that is not what is understood here:\n%s", lines)
	}
	var all [][]string
	for command := range strings.SplitSeq(commands, ",") {
		all = append(all, strings.Fields(command))
	}
	return all
}

func matches(t *testing.T, patterns [][]string, words []string) bool {
	t.Helper()
	return slices.ContainsFunc(patterns, func(pattern []string) bool {
		return slices.EqualFunc(pattern, words, func(pattern, word string) bool {
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
	calls, err := os.ReadFile(dir + "/calls")
	if err != nil {
		t.Fatal(err)
	}
	lines := documented(t)
	patterns := allowed(t, lines)
	asked := strings.Split(strings.TrimSpace(string(calls)), "\n")
	if len(asked) != 1+len(Steps()) || len(patterns) != len(asked) {
		t.Fatalf("%d are allowed, and asked was for %q", len(patterns), asked)
	}
	for _, call := range asked {
		words, isSudo := strings.CutPrefix(call, "sudo -n pureclean ")
		run := append([]string{"/usr/bin/pureclean"}, strings.Fields(words)...)
		if !isSudo || !matches(t, patterns, run) {
			t.Errorf("not allowed: %s", call)
		}
		for _, more := range []string{"--config=/etc/shadow", "--config /etc/shadow", "--sysroot /", "-v", "x"} {
			if matches(t, patterns, append(slices.Clone(run), strings.Fields(more)...)) {
				t.Errorf("allowed: %s %s", call, more)
			}
		}
	}
	for _, other := range []string{
		"scan", "fix --all --yes", "devices", "devices --sysroot / -o json", "devices --remove " + string(serial),
		"devices --remove D5BC07893D61B51B0001100 --step clear", "devices --remove D5BC07893D61B51B0001100A0 --step clear", "devices --remove D5BC07893D61B51B0001100Z --step clear",
	} {
		if matches(t, patterns, append([]string{"/usr/bin/pureclean"}, strings.Fields(other)...)) {
			t.Errorf("allowed: %s", other)
		}
	}
	visudo, err := exec.LookPath("visudo")
	if err != nil {
		t.Skip("the line is compared, but visudo is not installed here to parse it")
	}
	file := filepath.Join(dir, "sudoers")
	if err := os.WriteFile(file, []byte(lines), 0o440); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(visudo, "-c", "-f", file).CombinedOutput(); err != nil {
		t.Errorf("visudo: %v\n%s", err, out)
	}
}
