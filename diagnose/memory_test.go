package diagnose

import (
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
)

// TestMemoryChangesNothing: whatever was judged before, and whichever lists are
// the same rows as then, fewer of the same rows, or others in their place, what is
// judged is what a judgement without a memory says.
func TestMemoryChangesNothing(t *testing.T) {
	t.Parallel()
	for trap, set := range traps {
		s := everything()
		set(s)
		var m Memory
		same := func(when string) {
			t.Helper()
			if diff := cmp.Diff(Judge(s.World, s.policy), m.Judge(s.World, s.policy)); diff != "" {
				t.Errorf("%s, %s (-without +with):\n%s", trap, when, diff)
			}
		}
		same("at first")
		table := m.records.made
		same("once more")
		if len(s.LXD.Records.Items) > 0 && m.records.made != table {
			t.Errorf("%s: the table of the same records was made anew", trap)
		}
		a, arrays := s.array(), s.Arrays
		for list, change := range map[string]iter.Seq2[string, func()]{
			"sightings": changed(&s.Seen),
			"records":   changed(&s.LXD.Records.Items),
			"volumes":   changed(&a.Volumes.Items),
			"snapshots": changed(&a.Snapshots.Items),
			"arrays":    changed(&s.Arrays),
		} {
			for how, restore := range change {
				same(list + " " + how)
				restore()
			}
			same(list + " as before")
		}
		s.Arrays = append(slices.Clone(arrays), arrays...)
		same("with each array twice")
	}
}

// changed yields a list without its first and its last row, as a part of the same
// memory and as a copy, and one whose rows stand in another order.
func changed[T any](list *[]T) iter.Seq2[string, func()] {
	return func(yield func(string, func()) bool) {
		all := *list
		if len(all) == 0 {
			return
		}
		turned := slices.Clone(all)
		slices.Reverse(turned)
		for how, some := range map[string][]T{
			"without the last":       all[:len(all)-1],
			"without the first":      all[1:],
			"a copy":                 slices.Clone(all),
			"a copy that is shorter": slices.Clone(all[1:]),
			"in another order":       turned,
			"none":                   nil,
		} {
			*list = some
			if !yield(how, func() { *list = all }) {
				return
			}
		}
	}
}

// TestMemoryOfOtherSightings: what an earlier run saw of a volume is that of the
// sightings that are judged, though the volumes are the very same.
func TestMemoryOfOtherSightings(t *testing.T) {
	t.Parallel()
	s := healthy()
	lost := s.volume("p1", name500())
	s.record(lost, "lost")
	v := s.vol(lost)
	v.Name, v.LXD = "p1::renamed", evidence.Name{}
	var m Memory
	for i, id := range []string{"another", v.ID, "another"} {
		s.Seen = []evidence.Sighting{{ArrayID: arrayID, Pod: "p1", VolumeID: id, Name: "p1::" + spell(name500()), Recorded: clock.Add(-24 * time.Hour), LXDName: "custom/lost (default)"}}
		moved := slices.ContainsFunc(m.Judge(s.World, s.policy).Findings, func(f Finding) bool { return f.Code == codeMoved })
		if moved != (id == v.ID) {
			t.Errorf("%d: with a sighting of %s it is moved: %v", i, id, moved)
		}
	}
}
