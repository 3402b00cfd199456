package release_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/simulator/host"
)

// What was released is kept in a file and sent over a wire. Nothing of another
// volume that it names is touched, whatever it calls it.
func TestReleasedOfAnotherVolume(t *testing.T) {
	r := newRig(t, host.Options{})
	r.late(theirs)
	const idle = "sda running; sdb running"
	r.has(theirs, idle)
	var paths []release.Target
	for _, d := range devices.Observe(t.Context(), r.rel.System).Disks.Items {
		paths = append(paths, release.Target{Name: d.Name, HCTL: d.HCTL, Dev: d.Dev, Seq: d.Seq.N, Serial: d.Serial})
	}
	ourPaths := slices.Clone(paths)
	for i := range ourPaths {
		ourPaths[i].Serial = ours
	}
	for name, done := range map[string]release.Released{
		"its paths":                {Serial: ours, Offline: paths},
		"its paths, found":         {Serial: ours, Found: paths},
		"its paths, left":          {Serial: ours, Left: paths},
		"its map":                  {Serial: ours, Maps: []release.ReleasedMap{{UUID: theirs.MapUUID(), QueueingOff: true}}},
		"its paths, as if ours":    {Serial: ours, Connected: true, Offline: ourPaths},
		"and at another number":    {Serial: ours, Connected: true, Offline: ourPaths, Numbers: []int64{77}},
		"its paths, not connected": {Serial: ours, Left: ourPaths, Offline: ourPaths},
	} {
		done.Boot = devices.Observe(t.Context(), r.rel.System).Boot
		r.made = nil
		backErr, clearErr := r.rel.Rollback(t.Context(), done), r.rel.Clear(t.Context(), ours, done)
		if backErr == nil || clearErr == nil || errors.Is(clearErr, release.ErrHalfway) {
			t.Errorf("%s: rollback %v, clear %v", name, backErr, clearErr)
		}
		r.has(theirs, idle)
		if slices.ContainsFunc(r.made, func(words string) bool { return words[len(words)-1] != '!' }) {
			t.Errorf("%s: made %q", name, r.made)
		}
	}
	for _, target := range []release.Target{{Name: "dm-0", HCTL: "0:0:0:1", Serial: ours}, {Name: "sda", HCTL: "0:0:0:1/..", Serial: ours}} {
		done := release.Released{Serial: ours, Left: []release.Target{target}}
		if err := done.Of(ours); !errors.Is(err, release.ErrRefused) {
			t.Errorf("%+v is taken for a path: %v", target, err)
		}
	}
	if err := r.rel.Clear(t.Context(), ours, release.Released{Serial: theirs}); !errors.Is(err, release.ErrRefused) {
		t.Error(err)
	}
}
