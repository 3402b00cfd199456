package devices

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// The machine's files read the same, and fail the same, as by opening them.
func TestMachineRoot(t *testing.T) {
	dir := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "small": 7, "buffer": 512, "large": 100000} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("x", size)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "many"), 0o700); err != nil {
		t.Fatal(err)
	}
	quick, plain := hostfs.Tree{FS: machineRoot()}, hostfs.Tree{FS: os.DirFS("/")}
	if _, ok := quick.FS.(hostfs.UpToFS); !ok {
		t.Fatal("files are opened before they are read")
	}
	in := func(name string) string { return strings.TrimPrefix(filepath.Join(dir, name), "/") }
	for _, name := range []string{in("empty"), in("small"), in("buffer"), in("large"), "proc/version", "proc/sys/kernel/random/uuid/x", in("absent"), in(""), "../etc/passwd", "/proc/version"} {
		for _, limit := range []int64{0, 6, 7, 511, 512, 513, 1 << 20} {
			got, gotErr := quick.Data(name, limit)
			want, wantErr := plain.Data(name, limit)
			if string(got) != string(want) || (gotErr == nil) != (wantErr == nil) {
				t.Errorf("%s, at most %d bytes: %d bytes and %v, want %d and %v", name, limit, len(got), gotErr, len(want), wantErr)
			}
			for _, is := range []error{fs.ErrNotExist, fs.ErrInvalid, syscall.ENOTDIR, syscall.EISDIR} {
				if errors.Is(gotErr, is) != errors.Is(wantErr, is) {
					t.Errorf("%s: %v, want %v", name, gotErr, wantErr)
				}
			}
		}
	}
	if _, ok := quick.FS.(hostfs.NamesFS); !ok {
		t.Fatal("what each entry of a directory is is asked")
	}
	for i := range 500 { // more than the kernel tells at once
		if err := os.WriteFile(filepath.Join(dir, "many", fmt.Sprintf("a name that is not short, number %d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{in(""), in("many"), in("small"), in("absent"), "proc/self/task", "../etc", "/etc"} {
		got, gotErr := quick.Names(name)
		want, wantErr := plain.Names(name)
		if !slices.Equal(got, want) || (gotErr == nil) != (wantErr == nil) || errors.Is(gotErr, syscall.ENOTDIR) != errors.Is(wantErr, syscall.ENOTDIR) {
			t.Errorf("%s: %d names and %v, want %d and %v", name, len(got), gotErr, len(want), wantErr)
		}
	}
	if !quick.Exists(in("small")).Is() || !quick.Exists(in("absent")).IsNot() {
		t.Error("what is there is not told from what is not")
	}
}
