package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
)

// Who works from a machine is told while they do, and not for longer: what the
// file says counts only while it is locked.
func TestHolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	asked := func(held bool, want Holder) {
		t.Helper()
		got, is, err := HeldBy(dir)
		if err != nil || is != held || got != want {
			t.Errorf("%+v, %v, %v; want %+v, %v", got, is, err, want, held)
		}
	}
	asked(false, Holder{})
	b := open(t, dir)
	asked(false, Holder{}) // a step for another member has no more than the lock
	path := filepath.Join(dir, holderFile)
	if _, err := os.Stat(path); err == nil {
		t.Error("whoever asked made the file")
	}
	h := Holder{Operator: Operator{User: "root", Sudo: "ann", Host: "lxd01", PID: 7}, Since: start}
	for _, far := range []Holder{{Done: 0, Of: 40}, {Done: 39, Of: 40}, {Done: 4, Of: 40}, {}} {
		h.Alone, h.Done, h.Of = far.Of > 0, far.Done, far.Of
		if err := b.Hold(h); err != nil {
			t.Fatal(err)
		}
		asked(true, h)
	}
	if err := os.WriteFile(path, []byte("{half"), 0o600); err != nil {
		t.Fatal(err)
	}
	asked(true, Holder{})
	if err := b.Hold(h); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	asked(false, Holder{})
	if text, err := os.ReadFile(path); err != nil || len(text) == 0 {
		t.Errorf("the file is gone: %v", err)
	}
	asked(false, Holder{}) // who asked does not keep it
	open(t, dir)
	if err := Read(dir).Hold(h); !errors.Is(err, ErrReadOnly) {
		t.Errorf("a reader holds it: %v", err)
	}
}

// A run that can't be made known does not begin, and one that can waits for
// those who only ask.
func TestHolderThatIsKept(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	path := filepath.Join(dir, holderFile)
	asking := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY))
	if ok, err := asking.TryRLock(); !ok {
		t.Fatal(err)
	}
	b.patience = lockPoll / 5
	if err := b.Hold(Holder{}); !errors.Is(err, ErrUnwritable) || !errors.Is(err, ErrLocked) {
		t.Errorf("it was held by another: %v", err)
	}
	b.patience = claimFor
	done := make(chan error, 1)
	go func() { done <- b.Hold(Holder{}) }()
	if err := asking.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	if _, held, err := HeldBy(dir); os.Getuid() != 0 && err == nil && !held {
		t.Error("what can't be read is not held")
	}
}
