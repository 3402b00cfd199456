package treefs_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pureclean/pureclean/devices/treefs"
)

func sample() *treefs.FS {
	t := treefs.New()
	t.AddFile("sys/devices/platform/host0/block/sda/size", []byte("2048\n"))
	t.AddLink("sys/block/sda", "../devices/platform/host0/block/sda")
	t.AddLink("sys/class", "/sys")
	t.AddLink("outside", "../../../sys/block/sda/size")
	t.AddDir("empty")
	t.AddFile("proc/odd\nname:\x01", []byte("x"))
	t.AddDevice("dev/sda", 8, 16, false)
	t.AddDevice("dev/sg0", 21, 3, true)
	return t
}

func TestStandardContract(t *testing.T) {
	if err := fstest.TestFS(sample(), "sys/devices/platform/host0/block/sda/size", "empty", "dev/sda", "proc/odd\nname:\x01"); err != nil {
		t.Fatal(err)
	}
}

func TestLinksStayInside(t *testing.T) {
	tree := sample()
	tree.AddLink("dangling", "/nowhere")
	tree.AddLink("loop", "loop2")
	tree.AddLink("loop2", "/loop")
	for name, want := range map[string]string{
		"sys/block/sda/size":       "2048\n",
		"sys/class/block/sda/size": "2048\n", // through an absolute link
		"outside":                  "2048\n", // ".." above the root is the root
	} {
		if got, err := fs.ReadFile(tree, name); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := tree.Stat("dangling"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("dangling link: %v", err)
	}
	if _, err := tree.Stat("loop"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a loop of links must be an error of its own, got %v", err)
	}
	if info, err := tree.Lstat("dangling"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("lstat of a dangling link: %v, %v", info, err)
	}
	if target, err := fs.ReadLink(tree, "sys/class"); err != nil || target != "/sys" {
		t.Errorf("readlink: %q, %v", target, err)
	}
}

func TestDeviceNumbers(t *testing.T) {
	info, err := sample().Stat("dev/sg0")
	if err != nil || info.Sys() != (treefs.Device{Major: 21, Minor: 3}) || info.Mode()&fs.ModeCharDevice == 0 {
		t.Fatalf("got %v %v %v", info.Mode(), info.Sys(), err)
	}
}

func TestChange(t *testing.T) {
	tree := sample()
	tree.AddFile("sys/block/sda/ro", []byte("0")) // through a link
	if got, err := tree.ReadFile("sys/devices/platform/host0/block/sda/ro"); err != nil || string(got) != "0" {
		t.Errorf("a file added through a link: %q, %v", got, err)
	}
	tree.Remove("sys/block/sda")
	if _, err := tree.Lstat("sys/block/sda"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed link: %v", err)
	}
	if _, err := tree.Stat("sys/devices/platform/host0/block/sda/size"); err != nil {
		t.Errorf("removing a link must not remove its target: %v", err)
	}
	if tree.Err() != nil {
		t.Fatal(tree.Err())
	}
	tree.AddFile("sys/devices/platform/host0/block/sda/size/below", nil)
	if tree.Err() == nil {
		t.Error("a file below a file was accepted")
	}
}

func TestCopyToDisk(t *testing.T) {
	tree := sample()
	tree.Remove("dev")
	dir := t.TempDir()
	if err := os.CopyFS(dir, tree); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "sys/block/sda/size"))
	if err != nil || string(got) != "2048\n" {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestFromTarGz(t *testing.T) {
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for _, h := range []tar.Header{
		{Name: "./", Typeflag: tar.TypeDir},
		{Name: "./a/b", Typeflag: tar.TypeReg, Size: 2},
		{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/a/b"},
		{Name: "h", Typeflag: tar.TypeLink, Linkname: "a/b"},
		{Name: "../escape", Typeflag: tar.TypeReg, Size: 2},
		{Name: "dev/x", Typeflag: tar.TypeBlock, Devmajor: 259, Devminor: 7},
		{Name: "fifo", Typeflag: tar.TypeFifo},
	} {
		if err := archive.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := archive.Write([]byte("hi")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	whole := packed.Bytes()
	tree, err := treefs.FromTarGz(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a/b", "l", "h", "escape"} {
		if got, err := tree.ReadFile(name); err != nil || string(got) != "hi" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got := tree.Files(); !slices.Equal(got, []string{"a/b", "escape", "h"}) {
		t.Errorf("files: %q", got)
	}
	if _, err := treefs.FromTarGz(bytes.NewReader(whole[:len(whole)/2])); err == nil {
		t.Error("half an archive was accepted")
	}
	if _, err := treefs.FromTarGz(strings.NewReader("plain")); err == nil {
		t.Error("text was accepted as an archive")
	}
}
