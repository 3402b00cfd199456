package journal

import (
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What can't be brought to the disk is no record: a pipe takes all that is
// written and can't be synced.
func TestWhatIsNotSyncedIsNotRecorded(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	if err := writeSynced(writer, []byte("{}\n")); err == nil {
		t.Error("the record was not synced, and nobody said so")
	}
	line := make([]byte, 3)
	if _, err := reader.Read(line); err != nil || string(line) != "{}\n" {
		t.Errorf("%q %v", line, err)
	}
	if _, err := os.Stat("/proc/self/fd"); err == nil {
		if err := syncDir("/proc/self/fd"); err == nil {
			t.Error("the directory was not synced, and nobody said so")
		}
	}
}

// A run that ended and was begun again is under way or interrupted, whatever
// its first end was.
func TestBegunAgain(t *testing.T) {
	for _, end := range []Outcome{Done, Refused, Declined} {
		b := open(t, t.TempDir())
		r := create(t, b, Record{Kind: KindFix}, ticking())
		add(t, r, Record{What: WhatEnd, Outcome: end}, Record{What: WhatResume}, Record{What: WhatBefore, Step: 1})
		if all, err := b.List(); err != nil || all[0].State != UnderWay {
			t.Errorf("%s: %+v, %v", end, all, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		all, err := b.List()
		if err != nil || len(all) != 1 || all[0].State != Interrupted || !all[0].Ended.IsZero() {
			t.Errorf("%s: %+v, %v", end, all, err)
		}
	}
}

// Only an undo that ended well, of that very run, calls it undone.
func TestUndoneByNothingElse(t *testing.T) {
	b := open(t, t.TempDir())
	now := ticking()
	done := Record{What: WhatEnd, Outcome: Done}
	first := create(t, b, Record{Kind: KindFix}, now)
	add(t, first, done)
	second := create(t, b, Record{Kind: KindFix}, now)
	add(t, second, done)
	eradicated := create(t, b, Record{Kind: KindEradicate, Of: first.ID}, now)
	add(t, eradicated, done)
	undo := create(t, b, Record{Kind: KindUndo, Of: second.ID}, now)
	add(t, undo, done)
	all, err := b.List()
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]State{}
	for _, s := range all {
		states[s.ID] = s.State
	}
	if diff := cmp.Diff(map[string]State{first.ID: Finished, second.ID: Undone, eradicated.ID: Finished, undo.ID: Finished}, states); diff != "" {
		t.Error(diff)
	}
}

// A journal that was opened to be read takes no records.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	r := create(t, open(t, dir), Record{Kind: KindFix}, ticking())
	book := Read(dir)
	if _, err := book.Create(Record{Kind: KindFix}, ticking()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("created: %v", err)
	}
	if _, _, err := book.Continue(r.ID, ticking()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("continued: %v", err)
	}
}

// A file that was read is read again once it has grown or was changed, and only
// then.
func TestReadAgainWhenChanged(t *testing.T) {
	b := open(t, t.TempDir())
	r := create(t, b, Record{Kind: KindFix}, ticking())
	count := func(want int) {
		t.Helper()
		if h, err := b.Read(r.ID); err != nil || len(h.Records) != want {
			t.Errorf("%d records, %v, and not %d", len(h.Records), err, want)
		}
	}
	count(1)
	add(t, r, Record{What: WhatEnd, Outcome: Done})
	count(2)
	data, err := os.ReadFile(b.path(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	last := b.known[r.ID].changed
	data[0] = '!'
	if err := errors.Join(os.WriteFile(b.path(r.ID), data, fileMode), os.Chtimes(b.path(r.ID), last, last)); err != nil {
		t.Fatal(err)
	}
	count(2) // nothing tells that it is another
	if err := os.Chtimes(b.path(r.ID), last, last.Add(1)); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(r.ID); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged file was read: %v", err)
	}
}
