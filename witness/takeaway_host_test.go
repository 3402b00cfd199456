package witness_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
)

// spoiled is a host's tree in which one file or directory can't be read.
type spoiled struct {
	fs.FS
	mu     sync.Mutex
	opened map[string]bool
	// at is what can't be read, err why. half gives half of a file first.
	at   string
	err  error
	half bool
}

func (s *spoiled) Open(name string) (fs.File, error) {
	s.mu.Lock()
	s.opened[name] = true
	s.mu.Unlock()
	if name == s.at && !s.half {
		return nil, &fs.PathError{Op: "open", Path: name, Err: s.err}
	}
	f, err := s.FS.Open(name)
	if name != s.at || err != nil {
		return f, err
	}
	return &halfFile{File: f, err: s.err}, nil
}

// ReadLink implements fs.ReadLinkFS.
func (s *spoiled) ReadLink(name string) (string, error) {
	s.mu.Lock()
	s.opened[name] = true
	s.mu.Unlock()
	if name == s.at {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: s.err}
	}
	return fs.ReadLink(s.FS, name)
}

// Lstat implements fs.ReadLinkFS.
func (s *spoiled) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(s.FS, name) }

// halfFile fails in the middle of being read.
type halfFile struct {
	fs.File
	rest io.Reader
	err  error
}

func (h *halfFile) Read(p []byte) (int, error) {
	if h.rest == nil {
		data, err := io.ReadAll(h.File)
		if err != nil {
			return 0, err
		}
		h.rest = bytes.NewReader(data[:len(data)/2])
	}
	n, err := h.rest.Read(p)
	if errors.Is(err, io.EOF) {
		err = h.err
	}
	return n, err
}

// ReadDir implements fs.ReadDirFile for directories.
func (h *halfFile) ReadDir(n int) ([]fs.DirEntry, error) {
	d, ok := h.File.(fs.ReadDirFile)
	if !ok {
		return nil, h.err
	}
	entries, err := d.ReadDir(n)
	if err != nil {
		return entries, err
	}
	return entries[:len(entries)/2], h.err
}

// onHost looks again at the host only, and leaves what the others said.
func (b *baseline) onHost(system devices.System) diagnose.Report {
	host := devices.Observe(context.Background(), system)
	host.Name = b.world.Hosts[0].Name
	world := b.world
	world.Hosts = []evidence.Host{host}
	return diagnose.Judge(world, diagnose.DefaultPolicy())
}

var number = regexp.MustCompile(`[0-9]+|sd[a-z]+|[0-9a-f]{8,}`)

func TestTakingHostFilesAway(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves out the sweeps over all that can be missing")
	}
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	system := b.w.Hosts[0].System()
	tree := &spoiled{FS: system.FS, opened: map[string]bool{}}
	system.FS = tree
	b.check(t, "nothing spoiled", b.onHost(system), least{})
	var names []string
	for name := range tree.opened {
		names = append(names, name)
	}
	slices.Sort(names)
	// Of files that differ in a number only, the first may not be read, one
	// in the middle can't be, and the last breaks off.
	alike := map[string][]string{}
	for _, name := range names {
		kind := number.ReplaceAllString(name, "#")
		alike[kind] = append(alike[kind], name)
	}
	if len(alike) < 100 {
		t.Fatalf("only %d kinds of files are read", len(alike))
	}
	lost := 0
	for kind, names := range alike {
		for i, s := range []*spoiled{
			{err: syscall.EACCES, at: names[0]},
			{err: syscall.EIO, at: names[len(names)/2]},
			{err: syscall.EIO, at: names[len(names)-1], half: true},
		} {
			if strings.HasSuffix(kind, "/comm") && i > 0 {
				continue // anybody may read it
			}
			s.FS, s.opened = tree.FS, map[string]bool{}
			system.FS = s
			report := b.onHost(system)
			b.check(t, kind+" ("+s.at+") "+s.err.Error(), report, least{})
			if !report.Complete {
				lost++
			}
		}
	}
	t.Logf("%d files of %d kinds; %d looks said that they did not see all", len(names), len(alike), lost)
	if lost < 100 {
		t.Errorf("only %d looks said that they did not see all", lost)
	}
}

// TestTakingHostWitnessesAway takes away what the judgement of use rests on.
func TestTakingHostWitnessesAway(t *testing.T) {
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	used := least{told: true, stopped: []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassDisconnect, diagnose.ClassHost}}
	for _, at := range []string{
		"proc", "sys/block", "sys/class/block", "sys/class/iscsi_session", "sys/class/nvme", "sys/class/nvme-subsystem",
		"proc/swaps",
	} {
		system := b.w.Hosts[0].System()
		s := &spoiled{FS: system.FS, opened: map[string]bool{}, at: at, err: syscall.EACCES}
		system.FS = s
		report := b.onHost(system)
		if !s.opened[at] {
			t.Errorf("%s is not read", at)
		}
		want := used
		if strings.HasPrefix(at, "sys/class/") {
			want = least{told: true}
		}
		b.check(t, at, report, want)
	}
}

// lame is a kernel one of whose answers is an error.
type lame struct {
	devices.Kernel
	fails string
}

var errLame = errors.New("operation not permitted")

func (k lame) Maps(ctx context.Context) ([]devices.DM, error) {
	if k.fails == "maps" {
		return nil, errLame
	}
	maps, err := k.Kernel.Maps(ctx)
	if k.fails == "half the maps" && err == nil {
		return maps[:len(maps)/2], errLame
	}
	return maps, err
}

func (k lame) Checkers(ctx context.Context) (map[string]string, error) {
	if k.fails == "checkers" {
		return nil, errLame
	}
	return k.Kernel.Checkers(ctx)
}

func (k lame) Identify(ctx context.Context, disk string) evidence.Identity {
	if k.fails == "identify" {
		return evidence.Identity{Why: errLame.Error()}
	}
	return k.Kernel.Identify(ctx, disk)
}

func (k lame) MountInfo(ctx context.Context, path string) ([]byte, error) {
	if k.fails == "mountinfo" {
		return nil, errLame
	}
	info, err := k.Kernel.MountInfo(ctx, path)
	if k.fails == "half a mountinfo" && err == nil {
		return info[:len(info)/2], errLame
	}
	return info, err
}

func TestTakingTheKernelAway(t *testing.T) {
	b := everythingSeen(t, worlds.Demo(t), everyClass...)
	used := least{told: true, stopped: []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassDisconnect, diagnose.ClassHost}}
	for fails, want := range map[string]least{
		"maps": used, "half the maps": used, "checkers": {}, "identify": {},
	} {
		system := b.w.Hosts[0].System()
		system.Kernel = lame{system.Kernel, fails}
		b.check(t, fails, b.onHost(system), want)
	}
	system := b.w.Hosts[0].System()
	system.Kernel = nil
	b.check(t, "no kernel", b.onHost(system), used)
	system = b.w.Hosts[0].System()
	system.Recorded = true
	b.check(t, "a recording", b.onHost(system), least{})
	system = b.w.Hosts[0].System()
	system.FS = &spoiled{FS: system.FS, opened: map[string]bool{}, at: ".", err: syscall.EIO}
	b.check(t, "no root", b.onHost(system), least{})

	world := b.world
	world.Hosts = nil
	b.check(t, "no host", diagnose.Judge(world, diagnose.DefaultPolicy()), used)
	world.Hosts = []evidence.Host{{}}
	b.check(t, "a host that said nothing", diagnose.Judge(world, diagnose.DefaultPolicy()), used)
	world = b.world
	world.LXD = evidence.LXD{}
	b.check(t, "an LXD that said nothing", diagnose.Judge(world, diagnose.DefaultPolicy()), nothingSafe)
	world = b.world
	world.Arrays = nil
	b.check(t, "no array", diagnose.Judge(world, diagnose.DefaultPolicy()), nothingSafe)
}

// TestTakingMountsAway is about a leaked volume that is mounted where no
// process is: only one question to the kernel tells.
func TestTakingMountsAway(t *testing.T) {
	w := worlds.Of(t, "held-in-namespace")
	b := everythingSeen(t, w)
	if len(b.safe) > 0 || len(b.verdicts) == 0 {
		t.Fatalf("a leak is to be found and not to be safe: %v", b.verdicts)
	}
	for _, fails := range []string{"mountinfo", "half a mountinfo"} {
		system := w.Hosts[0].System()
		system.Kernel = lame{system.Kernel, fails}
		b.check(t, fails, b.onHost(system), nothingSafe)
	}
}
