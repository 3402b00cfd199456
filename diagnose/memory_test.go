package diagnose

import (
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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
