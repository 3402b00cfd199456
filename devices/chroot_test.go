package devices

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// The kernel's way through a recorded tree and os.Root's lead to the same
// places, out of the tree never.
func TestBothWaysThroughATreeAgree(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	for name, text := range map[string]string{
		filepath.Join(outside, "secret"): "outside",
		filepath.Join(dir, "a/b/file"):   "inside",
		filepath.Join(dir, "etc/passwd"): "recorded",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{
		"relative": "a/b/file", "absolute": "/a/b/file", "directory": "/a/b", "up": "a/../etc/passwd", "far-up": "../../../../etc/passwd",
		"escape": filepath.Join(outside, "secret"), "dangling": "nowhere", "loop": "loop", "a/b/back": "../../etc", "a/chain": "/directory/back/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	system, err := FromDir(withSys(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	kernels := system.FS.(*rooted)
	if kernels.chroot == nil {
		t.Skip("this kernel has no openat2")
	}
	ours := &rooted{root: kernels.root, fsys: kernels.fsys}
	read := 0
	for _, name := range []string{
		"a/b/file", "relative", "absolute", "directory/file", "directory", "up", "far-up", "escape", "dangling", "loop", "a/b/back/passwd", "a/chain",
		"a", ".", "nothing", "a/b/file/below", "../etc/passwd", "/etc/passwd", "",
	} {
		want, got := look(ours, name), look(kernels, name)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: os.Root and the kernel differ: %s", name, diff)
		}
		if got.Text == "outside" {
			t.Errorf("%q leads out of the tree", name)
		}
		if got.Text != "" {
			read++
		}
	}
	if read != 8 {
		t.Errorf("%d of the names lead to a file, want 8", read)
	}
}

type looked struct {
	Text           string
	Opens, Stats   bool
	Missing, IsDir bool
	Size           int64
}

func look(fsys fs.FS, name string) looked {
	var l looked
	f, err := fsys.Open(name)
	if l.Opens = err == nil; l.Opens {
		text, _ := io.ReadAll(f) // of a directory there is none
		l.Text = string(text)
		_ = f.Close()
	}
	l.Missing = hostfs.Absent(err)
	info, err := fs.Stat(fsys, name)
	if l.Stats = err == nil; l.Stats {
		if l.IsDir = info.IsDir(); !l.IsDir {
			l.Size = info.Size()
		}
	}
	return l
}

// withSys makes a directory look like a recorded host.
func withSys(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(filepath.Join(dir, "sys"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
