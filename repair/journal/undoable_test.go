package journal

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestUndoable(t *testing.T) {
	now := start
	later, earlier := now.Add(time.Hour), now.Add(-time.Hour)
	all := []Summary{
		{ID: "aa00", Kind: KindFix, State: Finished, Until: later},
		{ID: "aa01", Kind: KindFix, State: Interrupted, Until: later},
		{ID: "bb00", Kind: KindFix, State: Finished, Until: earlier},
		{ID: "bb01", Kind: KindFix, State: Finished, Until: now},
		{ID: "bb02", Kind: KindFix, State: Finished},
		{ID: "cc00", Kind: KindFix, State: Undone, Until: later},
		{ID: "cc01", Kind: KindUndo, State: Finished, Of: "cc00", Until: later},
		{ID: "dd00", Kind: KindFix, State: Finished, Until: later},
		{ID: "dd01", Kind: KindEradicate, State: Finished, Of: "dd00"},
		{ID: "ee00", Kind: KindFix, State: Finished, Until: later},
		{ID: "ee01", Kind: KindEradicate, State: Stopped, Of: "ee00"},
		{ID: "ff00", Kind: KindFix, State: Finished, Until: later},
		{ID: "ff01", Kind: KindEradicate, State: Finished, Of: "ff00", Until: later}, // SafeMode
	}
	var got []string
	for _, s := range Undoable(all, now) {
		got = append(got, s.ID)
	}
	if diff := cmp.Diff([]string{"aa00", "aa01", "ee00", "ff00"}, got); diff != "" {
		t.Error(diff)
	}
	if len(all) != 13 || all[2].ID != "bb00" {
		t.Error("the list itself was changed")
	}
}
