package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/simulator/host"
)

// A namespace that a zpool has, which no file shows, is not given up: the
// kernel is asked before the array disconnects it.
func TestClaimedNamespace(t *testing.T) {
	r := newRig(t, host.Options{})
	r.attachNVMe(ours)
	r.must(r.Claim(string(ours)))
	if uses := devices.Observe(t.Context(), r.rel.System).Uses; len(uses.Items) > 0 || !uses.IsComplete() {
		t.Fatalf("it shows: %v", uses)
	}
	_, err := r.rel.Release(t.Context(), ours, connected)
	if !slices.Equal(codes(err), []release.Code{release.CodeInUse}) || !strings.Contains(err.Error(), "is claimed exclusively") {
		t.Errorf("it is given up: %v", err)
	}
	// One who claims for a moment is waited for.
	r.atSleep = func(time.Duration) { r.Release(string(ours)) }
	done, err := r.rel.Release(t.Context(), ours, connected)
	if err != nil || len(done.Namespaces) != 1 {
		t.Errorf("%+v, %v", done, err)
	}
	r.wasMade()
}

// A claim that can't be made says nothing, and so nothing is given up.
func TestClaimThatFails(t *testing.T) {
	for _, fails := range []error{syscall.EIO, release.ErrAbandoned, release.ErrOther, context.DeadlineExceeded} {
		r := newRig(t, host.Options{})
		r.attachNVMe(ours)
		r.FailWrites(func(call string, _ int) error {
			if strings.HasPrefix(call, "before ClaimNamespace") {
				return fails
			}
			return nil
		})
		if _, err := r.rel.Release(t.Context(), ours, connected); !errors.Is(err, fails) || !strings.Contains(err.Error(), "has claimed nvme0n1") {
			t.Errorf("%v: %v", fails, err)
		}
		r.has(ours, "nvme0n1")
	}
}

// While the list of namespaces can't be read, an empty one is not taken for
// their having gone.
func TestAwaitDoubtsAnEmptyList(t *testing.T) {
	for _, heals := range []bool{true, false} {
		r := newRig(t, host.Options{})
		r.layer()
		r.attachNVMe(ours)
		done, err := r.rel.Release(t.Context(), ours, connected)
		r.must(err)
		r.LoseAnnouncement()
		r.disconnect()
		const list = "sys/class/nvme-subsystem"
		started := r.slept
		r.atSleep = func(at time.Duration) {
			// It goes at once, and whoever reads the list fails.
			if at-started < time.Second {
				r.must(r.rel.Writer.RescanController(context.Background(), "nvme0"))
				r.must(r.rel.Writer.RescanController(context.Background(), "nvme1"))
				r.fails(list, syscall.EIO)
			}
			if heals && at-started > 10*time.Second {
				delete(r.layer().fails, list)
			}
		}
		err = r.rel.Clear(t.Context(), ours, done)
		if heals {
			r.must(err)
			continue
		}
		if !errors.Is(err, release.ErrStillThere) || r.slept-started < 30*time.Second {
			t.Errorf("after %s: %v", r.slept-started, err)
		}
	}
}
