package repair

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/repair/journal"
)

// smallDisk mounts a filesystem with that many pages at the journal's place.
func (k *kit) smallDisk(pages int) {
	k.t.Helper()
	k.letGo()
	dir := k.t.TempDir()
	err := unix.Mount("none", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, fmt.Sprintf("size=%d", pages*os.Getpagesize()))
	switch {
	case errors.Is(err, unix.EPERM) && os.Getenv("CI") == "":
		k.t.Skip("only root can mount a small filesystem to fill")
	case err != nil:
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		_ = k.book.Close()
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			k.t.Error(err)
		}
	})
	k.dir = dir
}

// fill takes all that is left on the journal's disk.
func (k *kit) fill() {
	k.t.Helper()
	f, err := os.OpenFile(filepath.Join(k.dir, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil && !errors.Is(err, syscall.ENOSPC) {
		k.t.Fatal(err)
	}
	if err != nil {
		return
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, os.Getpagesize()))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		k.t.Fatal(err)
	}
}

// TestDiskFull runs on disks that are too small for the journal, by more and
// by less. What can't be recorded is not begun: either nothing is changed, or
// the run is done and on record.
func TestDiskFull(t *testing.T) {
	begun := 0
	for pages := 1; pages <= 64; pages *= 2 {
		t.Run(fmt.Sprint(pages, " pages"), func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			k.smallDisk(pages)
			k.world.Array.ResetRequests()
			book, err := journal.Open(k.dir)
			if errors.Is(err, journal.ErrUnwritable) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			k.book = book
			result, err := k.tools().Run(context.Background(), plan)
			switch {
			case err == nil:
				begun++
				k.repaired(plan)
			case !errors.Is(err, journal.ErrUnwritable) || !errors.Is(err, syscall.ENOSPC):
				t.Errorf("%v", err)
			case result.Changed || k.changedAnything(plan) || len(k.changes()) > 0:
				t.Errorf("it was changed without a record: %+v, %v", result, k.changes())
			}
			k.noHarm()
		})
	}
	if begun == 0 || begun == 7 {
		t.Errorf("%d of 7 disks had room: the sizes prove nothing", begun)
	}
}

// TestDiskFillsUpMeanwhile: the disk fills up before each question. What was
// reserved at the start is enough to go on, or the run stops where it is and
// says so; when there is room again it is finished.
func TestDiskFillsUpMeanwhile(t *testing.T) {
	for at := 1; at <= 3; at++ {
		t.Run(fmt.Sprint("question ", at), func(t *testing.T) {
			k := newKit(t, "unmap-refused-iscsi")
			plan := k.plan("leaked-volume")
			k.smallDisk(64)
			k.open()
			k.world.Array.ResetRequests()
			tools := k.tools()
			n := 0
			tools.Ask = func(context.Context, Question) (Reply, error) {
				if n++; n == at {
					k.fill()
				}
				return Yes, nil
			}
			if _, err := tools.Run(context.Background(), plan); err != nil && !errors.Is(err, journal.ErrUnwritable) {
				t.Error(err)
			}
			if n < at {
				t.Fatalf("there were %d questions", n)
			}
			k.noHarm()
			if err := os.Remove(filepath.Join(k.dir, "ballast")); err != nil {
				t.Fatal(err)
			}
			k.crash()
			k.settle("leaked-volume")
			k.repaired(plan)
		})
	}
}
