package release_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/simulator/host"
)

// A request that is under way is a use, though nobody has the device open any
// more: what it writes has not arrived.
func TestRequestsUnderWayAreAUse(t *testing.T) {
	for _, test := range []struct {
		name, file, says string
		attach           func(r *rig)
	}{
		{"map", "sys/devices/virtual/block/dm-0/inflight", "3 requests of mpatha are under way", func(r *rig) { r.attach(ours) }},
		{"namespace", "sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/inflight", "3 requests of nvme0n1 are under way", func(r *rig) { r.attachNVMe(ours) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRig(t, host.Options{})
			test.attach(r)
			r.reads(test.file, "       1        2\n")
			_, err := r.rel.Release(t.Context(), ours, connected)
			var refusal *release.Refusal
			if !errors.As(err, &refusal) || !refusal.Has(release.CodeInUse) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v", err)
			}
			r.wasMade()
		})
	}
}

// A list of namespaces that can't be read says nothing of what is left.
func TestAwaitWhatCanNotBeListed(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attachNVMe(ours)
	_, err := r.rel.Release(t.Context(), ours, connected)
	r.must(err)
	r.CutPortal(controllerPortal) // so that it does not go at once
	r.disconnect()
	r.layer()
	r.slept = 0
	r.atSleep = func(time.Duration) {
		r.fails("sys/class/nvme-subsystem", errors.New("no"))
		r.RestorePortal(controllerPortal)
	}
	err = r.rel.Clear(t.Context(), ours, release.Released{})
	if !errors.Is(err, release.ErrStillThere) || !strings.Contains(err.Error(), "the NVMe subsystems could not be listed") || r.slept != 30*time.Second {
		t.Errorf("%v after %v", err, r.slept)
	}
}
