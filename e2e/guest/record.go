//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/kernel"
)

// treeWord begins the line on which the machine's tree is sent out.
const treeWord = "TREE "

// recording is the machine's root as a reader saw it: what was read, and the
// names of all that stood beside it. Processes are read side by side.
type recording struct {
	fs.FS
	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	header tar.Header
	data   []byte
}

// sendTree reads the machine's devices, and prints an archive of all that was
// read, with what the commands say that stand for the kernel's answers.
func sendTree() error {
	seen := &recording{FS: os.DirFS("/"), entries: map[string]entry{}}
	system := devices.Live(kernel.Live())
	system.FS, system.LXDDirs = seen, []string{strings.TrimPrefix(lxdDir, "/")}
	devices.Observe(context.Background(), system)
	// A repair reads these too.
	for _, name := range names("/run/udev/data/b*") {
		if _, err := fs.ReadFile(seen, "run/udev/data/"+name); err != nil {
			return err
		}
	}
	for line, text := range commands() {
		seen.add("commands/"+devices.OutputName(line), tar.Header{Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: 0o644}, []byte(text))
	}
	packed, err := seen.pack()
	if err == nil {
		fmt.Println(treeWord + base64.StdEncoding.EncodeToString(packed))
	}
	return err
}

// commands are what devices.Recording reads in place of the kernel's answers.
func commands() map[string]string {
	said := map[string]string{}
	for _, line := range []string{"dmsetup info", "dmsetup status", "dmsetup table", "multipathd show maps json", "multipathd show config local"} {
		words := strings.Fields(line)
		if out, err := shFor(10*time.Second, words[0], words[1:]...); err == nil {
			said[line] = out
		}
	}
	for _, disk := range names("/sys/block/sd*") {
		out, err := shFor(10*time.Second, "/lib/udev/scsi_id", "-g", "-u", "/dev/"+disk)
		if err != nil {
			out = "gone\n"
		}
		said["scsi_id -g -u /dev/"+disk] = out
	}
	for line := range strings.Lines(read("/proc/self/mountinfo") + "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && strings.Contains(line, " - nsfs ") {
			if out, err := sh("nsenter", "--mount="+fields[4], "cat", "/proc/self/mountinfo"); err == nil {
				said["nsenter --mount="+fields[4]+" cat /proc/self/mountinfo"] = out
			}
		}
	}
	return said
}

func (r *recording) add(name string, header tar.Header, data []byte) {
	header.Name = name
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries[name] = entry{header, data}
}

// real notes the links on the way to a name, and says where they lead. The
// last one is followed only if that is asked for.
func (r *recording) real(name string, follow bool) string {
	done, rest := "", name
	for links := 0; rest != "" && links < 40; {
		var next string
		next, rest, _ = strings.Cut(rest, "/")
		at := path.Join(done, next)
		target, err := os.Readlink("/" + at)
		if err != nil || (rest == "" && !follow) {
			done = at
			continue
		}
		r.link(at, target)
		links++
		if !strings.HasPrefix(target, "/") {
			target = path.Join("/", done, target)
		}
		done, rest = "", strings.TrimPrefix(path.Join(target, rest), "/")
	}
	return done
}

func (r *recording) link(name, target string) {
	r.add(name, tar.Header{Typeflag: tar.TypeSymlink, Linkname: target, Mode: 0o777}, nil)
}

// note remembers that something is there, unless it was read already.
func (r *recording) note(name string) {
	r.mu.Lock()
	_, known := r.entries[name]
	r.mu.Unlock()
	if known {
		return
	}
	info, err := os.Lstat("/" + name)
	if err != nil {
		return
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeSymlink != 0:
		if target, err := os.Readlink("/" + name); err == nil {
			r.link(name, target)
		}
	case mode.IsDir():
		r.add(name, tar.Header{Typeflag: tar.TypeDir, Mode: 0o755}, nil)
	case mode.IsRegular():
		r.add(name, tar.Header{Typeflag: tar.TypeReg, Mode: 0o644}, nil)
	case mode&fs.ModeDevice != 0:
		number := info.Sys().(*syscall.Stat_t).Rdev
		header := tar.Header{Typeflag: tar.TypeBlock, Mode: 0o600, Devmajor: int64(unix.Major(number)), Devminor: int64(unix.Minor(number))}
		if mode&fs.ModeCharDevice != 0 {
			header.Typeflag = tar.TypeChar
		}
		r.add(name, header, nil)
	}
}

// Open reads a file at once and keeps what it read.
func (r *recording) Open(name string) (fs.File, error) {
	file, err := r.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	at := r.real(name, true)
	r.note(at)
	if info.IsDir() {
		return &listed{file.(fs.ReadDirFile), at, r}, nil
	}
	if !info.Mode().IsRegular() {
		return file, nil
	}
	data, err := io.ReadAll(io.LimitReader(file, 1<<20))
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	r.add(at, tar.Header{Typeflag: tar.TypeReg, Size: int64(len(data)), Mode: 0o644}, data)
	return &kept{bytes.NewReader(data), info}, nil
}

func (r *recording) Stat(name string) (fs.FileInfo, error) {
	r.note(r.real(name, true))
	return fs.Stat(r.FS, name)
}

func (r *recording) Lstat(name string) (fs.FileInfo, error) {
	r.note(r.real(name, false))
	return fs.Lstat(r.FS, name)
}

func (r *recording) ReadLink(name string) (string, error) {
	r.note(r.real(name, false))
	return fs.ReadLink(r.FS, name)
}

// kept is a file that was read.
type kept struct {
	*bytes.Reader
	info fs.FileInfo
}

func (k *kept) Stat() (fs.FileInfo, error) { return k.info, nil }
func (k *kept) Close() error               { return nil }

// listed is a directory whose names are noted when they are listed.
type listed struct {
	fs.ReadDirFile
	at string
	r  *recording
}

func (l *listed) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := l.ReadDirFile.ReadDir(n)
	for _, e := range entries {
		l.r.note(path.Join(l.at, e.Name()))
	}
	return entries, err
}

func (r *recording) pack() ([]byte, error) {
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(r.entries)) {
		e := r.entries[name]
		if err := archive.WriteHeader(&e.header); err != nil {
			return nil, err
		}
		if _, err := archive.Write(e.data); err != nil {
			return nil, err
		}
	}
	err = errors.Join(archive.Close(), zipped.Close())
	return out.Bytes(), err
}
