package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// ticking is a clock that moves by a second each time it is read.
func ticking() func() time.Time {
	now := start
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

func open(t *testing.T, dir string) *Book {
	t.Helper()
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func create(t *testing.T, b *Book, first Record, now func() time.Time) *Run {
	t.Helper()
	r, err := b.Create(first, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func add(t *testing.T, r *Run, records ...Record) {
	t.Helper()
	for _, record := range records {
		if err := r.Append(record); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWrittenIsRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir)
	operator := Operator{User: "root", Sudo: "ann", Host: "lxd01", PID: 7}
	r := create(t, b, Record{Kind: KindFix, Operator: &operator, Object: &Object{Name: "p::u-1", ID: "1"}}, ticking())
	until := start.Add(24 * time.Hour)
	add(t, r,
		Record{What: WhatBefore, Step: 1, StepKind: "destroy"},
		Record{What: WhatAfter, Step: 1, StepKind: "destroy", Outcome: Done, Until: until, Error: "two\nlines \x00"},
		Record{What: WhatEnd, Outcome: Done},
	)
	h, err := b.Read(r.ID)
	if err != nil || h.Torn {
		t.Fatal(err, h.Torn)
	}
	var whats []What
	for i, record := range h.Records {
		whats = append(whats, record.What)
		if record.N != i+1 || !record.Time.Equal(start.Add(time.Duration(i+1)*time.Second)) {
			t.Errorf("record %d is %+v", i, record)
		}
	}
	if diff := cmp.Diff([]What{WhatBegin, WhatBefore, WhatAfter, WhatEnd}, whats); diff != "" {
		t.Error(diff)
	}
	if h.Records[2].Error != "two\nlines \x00" {
		t.Errorf("%q", h.Records[2].Error)
	}
	want := Summary{
		ID: r.ID, Kind: KindFix, Began: start.Add(time.Second), Ended: start.Add(4 * time.Second), Operator: operator, Last: operator,
		State: Finished, Object: Object{Name: "p::u-1", ID: "1"}, Until: until,
	}
	got, err := Read(dir).List()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 1 {
		want.File, want.Written = b.path(r.ID), got[0].Written // which is the disk's
	}
	if diff := cmp.Diff([]Summary{want}, got); diff != "" {
		t.Error(diff)
	}
	for name, mode := range map[string]fs.FileMode{
		dir: 0o700, filepath.Join(dir, runsDir): 0o700, filepath.Join(dir, lockFile): 0o600, b.path(r.ID): 0o600,
	} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	if _, err := Open(dir); !errors.Is(err, ErrLocked) {
		t.Errorf("a second one: %v", err)
	}
	if _, err := Read(dir).Create(Record{}, ticking()); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a reader created a run: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

// A kill can leave any part of the last line.
func TestTornAnywhere(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	r := create(t, b, Record{Kind: KindFix}, ticking())
	add(t, r, Record{What: WhatBefore, Step: 1, StepKind: "destroy"}, Record{What: WhatAfter, Step: 1, Outcome: Done})
	whole, err := os.ReadFile(b.path(r.ID))
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	second := strings.LastIndex(strings.TrimSuffix(string(whole), "\n"), "\n") + 1
	for cut := second; cut < len(whole); cut++ {
		if err := os.WriteFile(b.path(r.ID), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := b.Read(r.ID)
		if err != nil || len(h.Records) != 2 || h.Torn != (cut > second) || h.Summary().State != Interrupted {
			t.Fatalf("cut at %d: %d records, torn %v, %v", cut, len(h.Records), h.Torn, err)
		}
		again, _, err := b.Continue(r.ID, ticking())
		if err != nil {
			t.Fatal(err)
		}
		add(t, again, Record{What: WhatEnd, Outcome: Done})
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
		h, err = b.Read(r.ID)
		if err != nil || h.Torn || len(h.Records) != 3 || h.Records[2].N != 3 || h.Summary().State != Finished {
			t.Fatalf("cut at %d and went on: %+v, %v", cut, h, err)
		}
	}
}

func TestDamaged(t *testing.T) {
	b := open(t, t.TempDir())
	for _, text := range []string{
		"{\"n\":1}\n{\"n\":2}\n",
		"half\n{\"n\":2}\n",
		"half",
		"half\n",
		strings.Repeat("\x00", 4000),
		`{"n":1,"time":` + strings.Repeat("\x00", 4000),
		`{"n":1,"what":"end"}` + "\n",
		`{"n":1,"what":"begin","schema":"pureclean/run/v1"}` + "\n" + `{"n":3,"what":"end","outcome":"done"}` + "\n" + `{"n":4}` + "\n",
	} {
		if err := os.WriteFile(b.path("dead"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read("dead"); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q: %v", text, err)
		}
		if _, _, err := b.Continue("dead", ticking()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%q was continued: %v", text, err)
		}
		all, err := b.List()
		if err != nil || len(all) != 1 || all[0].State != Damaged || all[0].Damaged == "" {
			t.Errorf("%q is listed as %+v, %v", text, all, err)
		}
	}
}

// A run that was killed while its first record was written did nothing.
func TestNeverBegan(t *testing.T) {
	b := open(t, t.TempDir())
	for _, text := range []string{"", "{", `{"n":1`, `{"n":1,"time":"2026-`} {
		if err := os.WriteFile(b.path("dead"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if all, err := b.List(); err != nil || len(all) != 0 {
			t.Errorf("%q is listed as %+v, %v", text, all, err)
		}
	}
}

func TestNamesOfNoRun(t *testing.T) {
	b := open(t, t.TempDir())
	for _, id := range []string{"", "../lock", "abc", "ABCD", "beef/..", "beef", strings.Repeat("a", 40)} {
		if _, err := b.Read(id); !errors.Is(err, ErrNoRun) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// Nothing is started that can't be recorded.
func TestDiskFull(t *testing.T) {
	full := func(*os.File, int64) error { return syscall.ENOSPC }
	b := open(t, t.TempDir())
	b.grow = full
	if _, err := b.Create(Record{Kind: KindFix}, ticking()); !errors.Is(err, ErrUnwritable) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(b.dir); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	b.grow = reserveRoom
	r := create(t, b, Record{Kind: KindFix}, ticking())
	write := b.write
	b.write = func(*os.File, []byte) error { return syscall.EIO }
	if err := r.Append(Record{What: WhatBefore, Step: 1}); !errors.Is(err, ErrUnwritable) {
		t.Errorf("%v", err)
	}
	b.write = write
	if err := r.Append(Record{What: WhatAfter, Step: 1}); !errors.Is(err, ErrUnwritable) {
		t.Errorf("a record was written after one that was lost: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	b.grow = full
	if _, _, err := b.Continue(r.ID, ticking()); !errors.Is(err, ErrUnwritable) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
}

// The room for what follows is taken before anything is started, and what was
// written counts as it is.
func TestRoomIsTaken(t *testing.T) {
	b := open(t, t.TempDir())
	r := create(t, b, Record{Kind: KindFix}, ticking())
	info, err := os.Stat(b.path(r.ID))
	if err != nil {
		t.Fatal(err)
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok || sys.Blocks*512 < reserve {
		t.Skipf("this filesystem reserves nothing: %d blocks", sys.Blocks)
	}
	if info.Size() > 1000 {
		t.Errorf("%d bytes", info.Size())
	}
}

func TestStates(t *testing.T) {
	begin := Record{Kind: KindFix}
	before := Record{What: WhatBefore, Step: 1}
	for _, c := range []struct {
		name    string
		records []Record
		want    State
	}{
		{"killed at once", nil, Interrupted},
		{"killed in a step", []Record{before}, Interrupted},
		{"failed", []Record{before, {What: WhatEnd, Outcome: Failed}}, Interrupted},
		{"refused", []Record{{What: WhatEnd, Outcome: Refused}}, Stopped},
		{"declined", []Record{{What: WhatEnd, Outcome: Declined}}, Left},
		{"done", []Record{before, {What: WhatEnd, Outcome: Done}}, Finished},
		{"resumed", []Record{before, {What: WhatEnd, Outcome: Failed}, {What: WhatResume}}, Interrupted},
		{"resumed and done", []Record{before, {What: WhatResume}, {What: WhatEnd, Outcome: Done}}, Finished},
	} {
		b := open(t, t.TempDir())
		r := create(t, b, begin, ticking())
		add(t, r, c.records...)
		all, err := b.List()
		if err := errors.Join(err, r.Close()); err != nil {
			t.Fatal(err)
		}
		if want := map[State]State{Interrupted: UnderWay}[c.want]; want != "" && all[0].State != want {
			t.Errorf("%s, while its process is there: %+v", c.name, all)
		}
		all, err = b.List()
		if err != nil || len(all) != 1 || all[0].State != c.want {
			t.Errorf("%s: %+v, %v", c.name, all, err)
		}
	}
}

func TestUndoneIsSaidByTheOther(t *testing.T) {
	b := open(t, t.TempDir())
	now := ticking()
	fix := create(t, b, Record{Kind: KindFix}, now)
	add(t, fix, Record{What: WhatBefore, Step: 1}, Record{What: WhatEnd, Outcome: Done})
	undo := create(t, b, Record{Kind: KindUndo, Of: fix.ID}, now)
	states := func() (all []State) {
		list, err := b.List()
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			all = append(all, s.State)
		}
		return all
	}
	if diff := cmp.Diff([]State{UnderWay, Finished}, states()); diff != "" {
		t.Error(diff)
	}
	add(t, undo, Record{What: WhatEnd, Outcome: Done})
	if diff := cmp.Diff([]State{Finished, Undone}, states()); diff != "" {
		t.Error(diff)
	}
}

// TestBeganTogether: of runs that began in the same moment the one that was
// written to last comes first, and else the order is always the same.
func TestBeganTogether(t *testing.T) {
	b := open(t, t.TempDir())
	var ids []string
	for range 6 {
		r := create(t, b, Record{Kind: KindFix}, func() time.Time { return start })
		ids = append(ids, r.ID)
	}
	for i, id := range ids {
		if err := os.Chtimes(b.path(id), start, start.Add(time.Duration(i/2)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{}
	for i := 4; i >= 0; i -= 2 {
		want = append(want, max(ids[i], ids[i+1]), min(ids[i], ids[i+1]))
	}
	list, err := b.List()
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, s := range list {
		got = append(got, s.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoJournalYet(t *testing.T) {
	if all, err := Read(filepath.Join(t.TempDir(), "none")).List(); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
}
