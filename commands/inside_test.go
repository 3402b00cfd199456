package commands_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/commands"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// TestInsideIsTheSameTwice: what the docs show is what everybody sees.
func TestInsideIsTheSameTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the whole story, told twice")
	}
	leaked := "purepool::u-5805369565714a11a69ed2b62f2a3da1"
	picture := func() string {
		w, err := simulator.DemoAt(worlds.Now)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		var all bytes.Buffer
		s := commands.Inside(commands.Streams{In: strings.NewReader(""), Out: &all, Err: &all, Getenv: func(string) string { return "" }}, w, t.TempDir())
		for _, line := range []string{"scan", "scan -o json", "explain --object " + leaked, "fix --yes --volume " + leaked, "runs", "runs -o json", "scan"} {
			commands.Main(t.Context(), append([]string{"pureclean"}, strings.Fields(line)...), s)
		}
		// Where the array happens to listen is the one thing that differs.
		return strings.ReplaceAll(all.String(), w.Server.URL, "https://array")
	}
	first := picture()
	if !strings.Contains(first, "pureclean undo ") || !strings.Contains(first, "root") {
		t.Errorf("nothing was repaired by root:\n%s", first)
	}
	if diff := cmp.Diff(first, picture()); diff != "" {
		t.Error(diff)
	}
}

// TestTools: what completion and the man pages are made from is there.
func TestTools(t *testing.T) {
	for _, c := range commands.App(commands.System()).Commands {
		if len(commands.ExitStatuses(c)) < 2 {
			t.Errorf("%s: its help has no exit statuses", c.Name)
		}
	}
	for _, v := range commands.Environment {
		if v.Name == "" || v.Meaning == "" || v.Name != strings.ToUpper(v.Name) {
			t.Errorf("%+v", v)
		}
	}
}
