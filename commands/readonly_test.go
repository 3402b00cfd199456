package commands_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
)

// picture is a directory with the content and the time of every file in it.
func picture(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		all[path] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// refuseWrites fails the test for every request that does more than read.
func refuseWrites(t *testing.T, w *simulator.World, what any) {
	t.Helper()
	requests := w.Array.Requests()
	for _, r := range requests {
		if r.Method != "GET" && !(r.Method == "POST" && (r.Path == "/login" || r.Path == "/logout")) {
			t.Errorf("%v sent the array %s %s", what, r.Method, r.Path)
		}
	}
	for _, r := range w.API.Requests() {
		if r.Method != "GET" {
			t.Errorf("%v sent LXD %s", what, r)
		}
	}
}

// lookers are the command lines that look, in every format.
var lookers = [][]string{
	{"scan"},
	{"scan", "-o", "json"},
	{"scan", "-o", "csv"},
	{"scan", "--pool", "purepool"},
	{"explain", "--object", "purepool/custom/wiki"},
	{"explain", "--object", "nothing-of-this-name"},
	{"explain", "--object", "purepool/custom/uploads", "-o", "json"},
	{"check"},
	{"devices"},
	{"version"},
}

func TestNothingButReadingIsSent(t *testing.T) {
	w := worlds.Demo(t)
	s := serve(t, w)
	before := picture(t, s.tree)
	socket := picture(t, filepath.Dir(w.Socket))
	array, records := fmt.Sprint(w.Array.Volumes(), w.Array.Connections(), w.Array.Hosts()), fmt.Sprint(w.LXD.Volumes(), w.LXD.Instances())
	sent := 0
	for _, args := range lookers {
		w.Array.ResetRequests()
		w.API.ForgetRequests()
		var stdout string
		if args[0] == "version" {
			_, stdout, _ = run(t, args...)
		} else {
			_, stdout, _ = s.run(t, args...)
		}
		if stdout == "" && args[len(args)-1] != "nothing-of-this-name" {
			t.Errorf("%v printed nothing", args)
		}
		asked := len(w.Array.Requests())
		sent += asked
		if looks := args[0] == "scan" || args[0] == "explain" || args[0] == "check"; looks != (asked > 5) {
			t.Errorf("%v sent the array %d requests", args, asked)
		}
		refuseWrites(t, w, args)
	}
	t.Logf("%d requests to the array", sent)
	if diff := cmp.Diff(before, picture(t, s.tree)); diff != "" {
		t.Errorf("the host's tree was changed:\n%s", diff)
	}
	if diff := cmp.Diff(socket, picture(t, filepath.Dir(w.Socket))); diff != "" {
		t.Errorf("LXD's directory was changed:\n%s", diff)
	}
	if array != fmt.Sprint(w.Array.Volumes(), w.Array.Connections(), w.Array.Hosts()) || records != fmt.Sprint(w.LXD.Volumes(), w.LXD.Instances()) {
		t.Error("the array or LXD is not what it was")
	}
	sessions := 0
	for _, r := range w.Array.Requests() {
		switch r.Path {
		case "/login":
			sessions++
		case "/logout":
			sessions--
		}
	}
	if sessions != 0 {
		t.Errorf("%d sessions were left on the array", sessions)
	}
}

// TestNothingIsWrittenBeforeALiveHost is the same before a host that is not a
// recording, on which something could be done.
func TestNothingIsWrittenBeforeALiveHost(t *testing.T) {
	w := worlds.Demo(t)
	for _, args := range lookers {
		switch args[0] {
		case "devices":
			continue // it reads this machine, whatever LXD and array there are
		case "check":
			continue // it would remember in this machine's state_dir; see TestCheck
		}
		status, _, stderr := runBefore(context.Background(), w, nil, args...)
		if status == 8 && !strings.Contains(stderr, "could not tell") {
			t.Errorf("%v: %s", args, stderr)
		}
		refuseWrites(t, w, args)
	}
}
