package journal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
)

// Nothing is begun, and nothing is left, where any part of a run's file fails.
func TestNothingIsBegunOnAFailingDisk(t *testing.T) {
	for name, fail := range map[string]func(*Book){
		"no random numbers": func(b *Book) { b.IDs = iotest.ErrReader(syscall.EIO) },
		"no room":           func(b *Book) { b.grow = func(*os.File, int64) error { return syscall.EIO } },
		"no write":          func(b *Book) { b.write = func(*os.File, []byte) error { return syscall.EIO } },
		"no name":           func(b *Book) { b.sync = func(string) error { return syscall.EIO } },
	} {
		t.Run(name, func(t *testing.T) {
			b := open(t, t.TempDir())
			fail(b)
			if r, err := b.Create(Record{Kind: KindFix}, ticking()); r != nil || !errors.Is(err, ErrUnwritable) || !errors.Is(err, syscall.EIO) {
				t.Errorf("%v, %v", r, err)
			}
			if left, err := os.ReadDir(b.dir); err != nil || len(left) != 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}

// A write that failed is an error though the disk can be synced.
func TestAWriteThatFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := file.Sync(); err != nil {
		t.Skipf("this filesystem can't sync it: %v", err)
	}
	if err := writeSynced(file, []byte("x")); err == nil {
		t.Error("nothing was written, and nothing is said")
	}
}

// Whoever has a run open keeps it: two would write into one file.
func TestARunIsOpenOnce(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	r := create(t, b, Record{Kind: KindFix}, ticking())
	b.patience = time.Millisecond
	if again, _, err := b.Continue(r.ID, ticking()); again != nil || !errors.Is(err, ErrLocked) {
		t.Errorf("%v, %v", again, err)
	}
	if err := b.claim(claimOf(b.path("beef"))); err == nil || errors.Is(err, ErrLocked) {
		t.Errorf("a file that is not there is held by another: %v", err)
	}
}

// What is no run is never read as one, and what can't be read is an error.
func TestWhatCantBeRead(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	r := create(t, b, Record{Kind: KindFix}, ticking())
	text, err := os.ReadFile(b.path(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "beef"+suffix), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read("../beef"); !errors.Is(err, ErrNoRun) {
		t.Errorf("a file elsewhere: %v", err)
	}
	if _, _, err := b.Continue("beef", ticking()); !errors.Is(err, ErrNoRun) {
		t.Errorf("going on with no run: %v", err)
	}
	if err := os.Mkdir(b.path("face"), 0o700); err != nil {
		t.Fatal(err)
	}
	if h, err := b.Read("face"); err == nil {
		t.Errorf("a directory is read as %+v", h)
	}
	if err := os.WriteFile(b.path("cafe"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(b.path("cafe"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if h, err := b.Read("cafe"); !errors.Is(err, ErrDamaged) || len(h.Records) > 0 {
		t.Errorf("a file of more than %d bytes: %v", maxFile, err)
	}
	// The numbers fit, what is said does not.
	odd := append(append([]byte{}, text...), `{"n":2,"what":7}`+"\n"+`{"n":3,"what":"end"}`+"\n"...)
	if err := os.WriteFile(b.path("dead"), odd, 0o600); err != nil {
		t.Fatal(err)
	}
	if h, err := b.Read("dead"); !errors.Is(err, ErrDamaged) || len(h.Records) != 1 {
		t.Errorf("a line that says nonsense: %+v, %v", h, err)
	}
}

// A directory that can't be read is not one without runs, and one that can't be
// written to is no journal.
func TestADirectoryThatIsNone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := Open(dir); b != nil || !errors.Is(err, ErrUnwritable) {
		t.Errorf("%v, %v", b, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if b, err := Await(ctx, dir); b != nil || !errors.Is(err, ErrUnwritable) {
		t.Errorf("%v, %v", b, err)
	}
	if err := errors.Join(os.Remove(dir), os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, runsDir), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, lockFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if all, err := Read(dir).List(); err == nil {
		t.Errorf("runs: %v", all)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, runsDir)), os.Mkdir(filepath.Join(dir, runsDir), 0o700)); err != nil {
		t.Fatal(err)
	}
	if b, err := Open(dir); b != nil || !errors.Is(err, ErrUnwritable) || errors.Is(err, ErrLocked) {
		t.Errorf("its lock can't be made: %v, %v", b, err)
	}
}
