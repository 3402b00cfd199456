package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What others can write to, or replace, is not trusted, wherever on the way that
// is; and the error says how to mend it, which does.
func TestTrusted(t *testing.T) {
	for _, c := range []struct {
		name string
		// spoil gets a directory with state/runs/one and returns what is bad.
		spoil func(*testing.T, string) string
		mend  string
	}{
		{"as it should be", func(*testing.T, string) string { return "" }, ""},
		{"the directory", func(t *testing.T, dir string) string { return mode(t, dir+"/state", 0o777) }, "chmod go-w"},
		{"the directory, sticky", func(t *testing.T, dir string) string { return mode(t, dir+"/state", 0o777|os.ModeSticky) }, "chmod go-w"},
		{"its group", func(t *testing.T, dir string) string { return mode(t, dir+"/state", 0o770) }, "chmod go-w"},
		{"a directory inside", func(t *testing.T, dir string) string { return mode(t, dir+"/state/runs", 0o777) }, "chmod go-w"},
		{"a file inside", func(t *testing.T, dir string) string { return mode(t, dir+"/state/runs/one", 0o666) }, "chmod go-w"},
		{"a parent", func(t *testing.T, dir string) string { return mode(t, dir, 0o777) }, "chmod go-w"},
		{"a sticky parent", func(t *testing.T, dir string) string { mode(t, dir, 0o777|os.ModeSticky); return "" }, ""},
		{"behind a link", func(t *testing.T, dir string) string {
			ok(t, os.Rename(dir+"/state", dir+"/elsewhere"))
			ok(t, os.Symlink("elsewhere", dir+"/state"))
			return mode(t, dir+"/elsewhere", 0o777)
		}, "chmod go-w"},
		{"somebody else's", func(t *testing.T, dir string) string {
			if os.Geteuid() != 0 {
				t.Skip("only root gives things away")
			}
			ok(t, os.Chown(dir+"/state", 12345, 12345))
			return dir + "/state"
		}, "chown 0"},
		{"somebody else's link", func(t *testing.T, dir string) string {
			if os.Geteuid() != 0 {
				t.Skip("only root gives things away")
			}
			ok(t, os.Rename(dir+"/state", dir+"/elsewhere"))
			ok(t, os.Symlink("elsewhere", dir+"/state"))
			ok(t, os.Lchown(dir+"/state", 12345, 12345))
			return dir + "/state"
		}, "chown 0"},
		{"not there yet", func(t *testing.T, dir string) string { ok(t, os.RemoveAll(dir+"/state")); return "" }, ""},
		{"anybody can make it", func(t *testing.T, dir string) string {
			ok(t, os.RemoveAll(dir+"/state"))
			return mode(t, dir, 0o777)
		}, "chmod go-w"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "it's")
			ok(t, os.MkdirAll(dir+"/state/runs", 0o700))
			ok(t, os.WriteFile(dir+"/state/runs/one", nil, 0o600))
			bad := c.spoil(t, dir)
			err := TrustedState(dir + "/state")
			var untrusted *UntrustedError
			if bad == "" {
				ok(t, err)
				return
			}
			if !errors.As(err, &untrusted) || untrusted.Path != bad || !strings.HasPrefix(untrusted.Mend, c.mend) {
				t.Errorf("%v, want one about %s", err, bad)
			}
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mode(t *testing.T, path string, mode os.FileMode) string {
	t.Helper()
	ok(t, os.Chmod(path, mode))
	return path
}
