package journal

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/words"
)

// History is what the file of one run says.
type History struct {
	ID      string
	Records []Record
	// Torn is set when the last line is not whole: the run was killed while
	// it wrote. The record of which it was a part counts as not written.
	Torn bool
	// good is the length of what is whole, in bytes.
	good int64
}

// maxFile bounds what is read.
const maxFile = 64 << 20

// known is a file as it was read.
type known struct {
	size    int64
	changed time.Time
	History
}

// Read reads one run. A torn last line is left out; any other line that can't
// be understood is ErrDamaged, with the records in front of it. A file that is as
// long as when it was read last, and was not changed since, is not read again:
// files only grow, and each look of a batch asks for all of them.
func (b *Book) Read(id string) (History, error) {
	h := History{ID: id}
	if !validID(id) {
		return h, fmt.Errorf("%q: %w", id, ErrNoRun)
	}
	info, err := os.Stat(b.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return h, fmt.Errorf("%q: %w", id, ErrNoRun)
	}
	if err == nil && info.Size() > maxFile {
		return h, fmt.Errorf("%s: larger than %d bytes: %w", b.path(id), maxFile, ErrDamaged)
	}
	if err == nil {
		if last, ok := b.recall(id); ok && last.size == info.Size() && last.changed.Equal(info.ModTime()) {
			return last.History, nil
		}
	}
	data, err := os.ReadFile(b.path(id))
	if err != nil {
		return h, fmt.Errorf("reading the run %s: %w", id, err)
	}
	size := int64(len(data))
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		record, err := parse(line, len(h.Records)+1)
		torn := !whole || err != nil && len(rest) == 0
		if len(h.Records) == 0 {
			torn = !whole && isBegun(line)
		}
		switch {
		case torn:
			h.Torn = true
			return h, nil
		case !whole && err == nil:
			err = errors.New("its end is missing")
		}
		if err != nil {
			return h, fmt.Errorf("%s: line %d: %w: %w", b.path(id), len(h.Records)+1, ErrDamaged, err)
		}
		h.Records = append(h.Records, record)
		h.good += int64(len(line)) + 1
		data = rest
	}
	if size == info.Size() { // else somebody writes to it just now
		h.Records = slices.Clip(h.Records)
		b.remember(id, known{size, info.ModTime(), h})
	}
	return h, nil
}

func (b *Book) recall(id string) (known, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	last, ok := b.known[id]
	return last, ok
}

func (b *Book) remember(id string, now known) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.known == nil {
		b.known = map[string]known{}
	}
	b.known[id] = now
}

func parse(line []byte, n int) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	if r.N != n {
		return r, fmt.Errorf("it is record %d and should be %d", r.N, n)
	}
	if n == 1 && (r.What != WhatBegin || r.Schema != Schema) {
		return r, fmt.Errorf("it does not begin a run of schema %s", Schema)
	}
	return r, nil
}

// isBegun reports the beginning of a first record: whoever wrote it was killed before
// anything was done. Anything else, such as the zeros that a power failure leaves,
// stands where a run's records were.
func isBegun(text []byte) bool {
	const first = `{"n":1,`
	return bytes.HasPrefix([]byte(first), text) || bytes.HasPrefix(text, []byte(first)) && !bytes.Contains(text, []byte{0})
}

// validID keeps names of files out that are none of ours.
func validID(id string) bool {
	return len(id) >= 4 && len(id) <= 32 && strings.Trim(id, "0123456789abcdef") == ""
}

// Began reports whether a step was begun.
func (h History) Began() bool {
	return slices.ContainsFunc(h.Records, func(r Record) bool { return r.What == WhatBefore })
}

// State is what became of a run.
type State string

// The states.
const (
	// Finished: all that was planned is done.
	Finished State = "finished"
	// Interrupted: it was stopped, and something was changed or may have
	// been. It can be resumed or undone.
	Interrupted State = "interrupted"
	// UnderWay: a process is at it just now.
	UnderWay State = "under way"
	// Stopped: it was refused and nothing stayed changed.
	Stopped State = "refused"
	// Left: the same of one to which somebody said no, or which they ended.
	Left State = "declined"
	// Overtaken: it was stopped, and a later undo of the same run took back what
	// was left.
	Overtaken State = "overtaken"
	// Undone: what it did was taken back.
	Undone State = "undone"
	// Damaged: its file can't be read to its end, so nobody knows how far it came.
	Damaged State = "damaged"
)

// Summary is one run in a list.
type Summary struct {
	ID       string
	Kind     Kind
	Of       string
	Began    time.Time
	Ended    time.Time
	Operator Operator
	// Last is who took it up last: the operator, or whoever resumed it.
	Last  Operator
	State State
	// Said is what whoever took it up last has stated.
	Said Said
	// Object is what it was about.
	Object Object
	// Until is when an undo stops being possible; zero when nothing was
	// destroyed.
	Until time.Time
	// UntilHere is the same by this machine's clock, if the array's is far off.
	UntilHere time.Time
	// Why is the end's note or error.
	Why string
	// Damaged is why the file can't be read to its end, and File which it is.
	Damaged, File string
	// Written is when the file was written to last.
	Written time.Time
}

// keptAtMost is the longest for which an array keeps what is destroyed.
const keptAtMost = 30 * 24 * time.Hour

// Unsettled reports a damaged run of which something may be left to do by hand:
// what it may have destroyed can still be there. An eradication leaves nothing.
func (s Summary) Unsettled(now time.Time) bool {
	end := s.Deadline()
	if end.IsZero() {
		end = s.Written.Add(keptAtMost)
	}
	return s.State == Damaged && s.Kind != KindEradicate && now.Before(end)
}

// List lists all runs, the newest first. A file that can't be read is listed
// as a damaged run that says why.
func (b *Book) List() ([]Summary, error) {
	entries, err := os.ReadDir(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing the runs: %w", err)
	}
	var all []Summary
	for _, entry := range entries {
		id, ours := strings.CutSuffix(entry.Name(), suffix)
		if !ours || !validID(id) {
			continue
		}
		h, err := b.Read(id)
		if err == nil && len(h.Records) == 0 {
			continue // killed before it began
		}
		s := h.Summary()
		s.File = b.path(id)
		if info, err := entry.Info(); err == nil {
			s.Written = info.ModTime()
		}
		switch {
		case s.State == Interrupted && b.underWay(id):
			s.State = UnderWay // also if its last line is only half there
		case err != nil:
			s.State, s.Damaged = Damaged, err.Error()
		}
		all = append(all, s)
	}
	undone := map[string]Summary{}
	for _, s := range all {
		if s.Kind == KindUndo && s.State == Finished {
			undone[s.Of] = s
		}
	}
	for i := range all {
		s := &all[i]
		if _, is := undone[s.ID]; is {
			s.State = Undone
		}
		if by, is := undone[s.Of]; is && s.Kind == KindUndo && s.State == Interrupted {
			s.State, s.Ended, s.Why = Overtaken, by.Ended, "undo "+by.ID+" took back what was left"
		}
	}
	slices.SortFunc(all, func(a, b Summary) int { // of two that began together the one that was written to last is the newer
		return cmp.Or(b.Began.Compare(a.Began), b.Written.Compare(a.Written), cmp.Compare(b.ID, a.ID))
	})
	return all, nil
}

// Summary says what the records add up to. That it was undone only the other
// runs say.
func (h History) Summary() Summary {
	s := Summary{ID: h.ID, State: Interrupted}
	for _, r := range h.Records {
		switch r.What {
		case WhatBegin:
			s.Kind, s.Of, s.Began, s.Said = r.Kind, r.Of, r.Time, said(r)
			if r.Operator != nil {
				s.Operator, s.Last = *r.Operator, *r.Operator
			}
			if r.Object != nil {
				s.Object = *r.Object
			}
		case WhatEnd:
			s.Ended, s.Why = r.Time, strings.TrimSpace(r.Note+" "+r.Error)
			s.State = stateOf(r.Outcome)
		default:
			// Whatever follows an end was a run again.
			s.State, s.Ended, s.Why = Interrupted, time.Time{}, ""
			if r.What == WhatResume {
				s.Said = said(r)
			}
			if r.What == WhatResume && r.Operator != nil {
				s.Last = *r.Operator
			}
		}
		if !r.Until.IsZero() {
			s.Until, s.UntilHere = r.Until, r.UntilHere
		}
	}
	return s
}

// Said is what an operator states for a run, in flags. It is not taken for granted
// later: whoever goes on with the run, or takes it back, has to state it again.
type Said struct {
	HostsDown                          []string
	DatabaseIsCurrent, EvenIfRecovered bool
}

func said(r Record) Said { return Said{r.HostsDown, r.DatabaseIsCurrent, r.EvenIfRecovered} }

// ToUndo are the flags for a command that takes the run back, each with a space
// before it.
func (s Said) ToUndo() string {
	flags := ""
	for _, member := range s.HostsDown {
		flags += " --host-down " + words.Shell(member)
	}
	return flags
}

// ToResume are those for one that goes on with it.
func (s Said) ToResume() string {
	flags := s.ToUndo()
	if s.DatabaseIsCurrent {
		flags += " --database-is-current"
	}
	if s.EvenIfRecovered {
		flags += " --even-if-recovered"
	}
	return flags
}

// Deadline is when an undo stops being possible by this machine's clock: it is
// what people are told, and what is held against now.
func (s Summary) Deadline() time.Time {
	if s.UntilHere.IsZero() {
		return s.Until
	}
	return s.UntilHere
}

func stateOf(o Outcome) State {
	switch o {
	case Done, Already:
		return Finished
	case Refused:
		return Stopped
	case Declined:
		return Left
	default:
		return Interrupted
	}
}
