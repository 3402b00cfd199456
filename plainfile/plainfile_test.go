package plainfile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/plainfile"
)

// TestRead: nothing that it is given makes it wait.
func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("file"), []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"link": "file", "to-pipe": "pipe", "dangling": "nothing"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", at("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, c := range []struct {
		path string
		most int64
		want string
		err  error
	}{
		{at("file"), 4, "four", nil},
		{at("link"), 99, "four", nil},
		{os.DevNull, 0, "", nil},
		{at("pipe"), 99, "", plainfile.ErrNotPlain},
		{at("to-pipe"), 99, "", plainfile.ErrNotPlain},
		{at("socket"), 99, "", syscall.ENXIO},
		{dir, 99, "", syscall.EISDIR},
		{at("dangling"), 99, "", fs.ErrNotExist},
	} {
		data, err := plainfile.Read(c.path, c.most)
		if string(data) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%s: %q, %v", c.path, data, err)
		}
	}
	if _, err := plainfile.Read(at("file"), 3); err == nil || !strings.Contains(err.Error(), "larger than 3 bytes") {
		t.Errorf("too large: %v", err)
	}
}
