package release_test

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/simulator/host"
)

// waits is a map without a path, in which a process waits, and what else uses it.
func waits(t *testing.T, uses ...func(*rig) error) *rig {
	r := newRig(t, host.Options{Queueing: true})
	r.attach(ours)
	r.must(r.Read(string(ours), "dd", 4000))
	for _, use := range uses {
		r.must(use(r))
	}
	r.disconnect()
	return r
}

// What waits is ended, in one write, and nothing else is touched.
func TestFree(t *testing.T) {
	r := waits(t)
	if err := r.rel.Free(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	r.wasMade("end the I/O that waits in mpatha")
	r.has(ours, "mpatha open 0 queueing no [sda running] [sdb running]")
	if r.InUse(string(ours)) {
		t.Error("dd waits still")
	}
}

// The machine judges for itself, whatever was seen before.
func TestFreeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(r *rig)
		code   release.Code
	}{
		"a path answers":                  {func(r *rig) { r.attach(ours) }, release.CodeAnswers},
		"it does not queue":               {func(r *rig) { r.SetQueueing(false) }, release.CodeChanged},
		"there is no map":                 {func(r *rig) { r.Close(4000); r.SetQueueing(false); r.must(r.RemoveDevice(string(ours))) }, release.CodeChanged},
		"not all processes are visible":   {func(r *rig) { r.reads("proc/self/status", "") }, release.CodeBlind},
		"what uses devices can't be read": {func(r *rig) { r.fails("proc/swaps", syscall.EIO) }, release.CodeBlind},
		"how often it is open is not known": {func(r *rig) {
			r.rel.System.Kernel = kernelWith{r.rel.System.Kernel, func(all []devices.DM) { all[0].OpenCount = -1 }}
		}, release.CodeInUse},
	} {
		r := waits(t)
		c.change(r)
		err := r.rel.Free(t.Context(), ours)
		if !errors.Is(err, release.ErrRefused) || !slices.Contains(codes(err), c.code) {
			t.Errorf("%s: %v", name, err)
		}
		r.wasMade()
	}
	for says, use := range map[string]func(*rig) error{
		"dm-0 is mounted at /mnt":                    func(r *rig) error { return r.Mount(string(ours), "/mnt", host.FirstNamespace) },
		"a file system (ext4) on dm-0 is alive":      func(r *rig) error { return r.Mount(string(ours), "/mnt", host.HiddenNamespace) },
		"loop device loop1 is on dm-0":               func(r *rig) error { return r.Loop(string(ours)) },
		"not everybody is known who has mpatha open": func(r *rig) error { return r.Open(string(ours), "dd", 4000) },
	} {
		r := waits(t, use)
		if err := r.rel.Free(t.Context(), ours); !errors.Is(err, release.ErrRefused) || !slices.Contains(codes(err), release.CodeInUse) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is not said: %v", says, err)
		}
		r.wasMade()
	}
	r := waits(t)
	if err := r.rel.Free(t.Context(), ""); err == nil {
		t.Error("without a serial")
	}
	r.noteFails = func(release.Action) error { return errors.New("the disk is full") }
	if err := r.rel.Free(t.Context(), ours); !errors.Is(err, release.ErrUnrecorded) {
		t.Errorf("without a record: %v", err)
	}
	if !r.InUse(string(ours)) {
		t.Error("it was done all the same")
	}
}
