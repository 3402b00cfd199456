package devices_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// load reads a recorded host from testdata.
func load(t testing.TB, name string) *treefs.FS {
	t.Helper()
	tree, err := treefs.ReadTarGz(filepath.Join("testdata", name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// recorded is a tree as --sysroot would read it.
func recorded(tree *treefs.FS) devices.System {
	return devices.System{
		FS: tree, Kernel: devices.Recording(tree), Recorded: true,
		Now: func() time.Time { return time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC) },
	}
}

func observe(t testing.TB, tree *treefs.FS) evidence.Host {
	t.Helper()
	return devices.Observe(t.Context(), recorded(tree))
}

// recordings are the names of all recorded hosts in testdata.
func recordings(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.tar.gz")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	names := make([]string, len(files))
	for i, file := range files {
		names[i] = strings.TrimSuffix(filepath.Base(file), ".tar.gz")
	}
	return names
}

// diffOne compares the only item of a list.
func diffOne[T any](t *testing.T, want T, got []T) {
	t.Helper()
	if diff := cmp.Diff([]T{want}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
