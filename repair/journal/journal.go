// Package journal keeps what runs did: one file of JSON lines per run, below
// the state directory. A record is written and synced before a change is made
// and after it, so that after a power failure or a kill at any point the file
// says what may have been done. It says what was meant; what is, only the
// world says. The last line may be torn by a kill, which is normal.
//
// A record holds no secret: nobody who writes one is given any.
package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
	runsDir  = "runs"
	lockFile = "lock"
	suffix   = ".jsonl"
	// reserve is the room that a run's file is given before anything is
	// started, so that a disk that fills up on the way does not stop a
	// repair in the middle. The longest runs write a tenth of it.
	reserve = 256 << 10
)

// What Open and Create refuse with.
var (
	// ErrLocked: another run is under way on this machine.
	ErrLocked = errors.New("another run of pureclean is under way")
	// ErrUnwritable: a record could not be written, so nothing may be started.
	ErrUnwritable = errors.New("the journal can't be written")
	// ErrNoRun: there is no run of that name.
	ErrNoRun = errors.New("there is no such run")
	// ErrReadOnly: the book was opened to be read.
	ErrReadOnly = errors.New("the journal was opened for reading")
	// ErrDamaged: a line that is not the last one can't be understood.
	ErrDamaged = errors.New("the journal is damaged")
)

// Book is the journal of one machine.
type Book struct {
	// IDs is where the digits come from that runs are named with: the
	// kernel's random numbers, unless a demo wants the same each time.
	IDs  io.Reader
	dir  string
	lock *flock.Flock
	// holder is locked while others are told who works here, see Hold.
	holder *flock.Flock
	// grow gives a new file its room; tests replace it.
	grow func(*os.File, int64) error
	// write makes one write and syncs it; tests replace it.
	write func(*os.File, []byte) error
	// sync writes the names in a directory to the disk; tests replace it.
	sync func(string) error
	// patience is how long a run's file may be held by those who only ask;
	// tests have less.
	patience time.Duration
	// mu guards known, the files that were read and have not changed since.
	mu    sync.Mutex
	known map[string]known
}

// Open opens the journal below a state directory for a run, and keeps others
// from doing the same until Close. The directory is made if there is none.
func Open(dir string) (*Book, error) {
	return openWith(dir, (*flock.Flock).TryLock)
}

// lockPoll is how often Await tries.
const lockPoll = 100 * time.Millisecond

// Await is Open, and waits until the run that is under way has ended, or ctx
// has.
func Await(ctx context.Context, dir string) (*Book, error) {
	return openWith(dir, func(lock *flock.Flock) (bool, error) {
		locked, err := lock.TryLockContext(ctx, lockPoll)
		if ctx.Err() != nil {
			err = nil // it is locked, and that is what is told
		}
		return locked, err
	})
}

func openWith(dir string, take func(*flock.Flock) (bool, error)) (*Book, error) {
	runs := filepath.Join(dir, runsDir)
	if err := os.MkdirAll(runs, dirMode); err != nil {
		return nil, unwritable(dir, err)
	}
	lock := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(fileMode))
	locked, err := take(lock)
	if err != nil {
		return nil, unwritable(dir, err)
	}
	if !locked {
		return nil, fmt.Errorf("%s: %w; wait until it has ended", lock.Path(), ErrLocked)
	}
	b := &Book{IDs: rand.Reader, dir: runs, lock: lock, grow: reserveRoom, write: writeSynced, sync: syncDir, patience: claimFor}
	if err := errors.Join(b.sync(dir), b.sync(runs)); err != nil {
		return nil, errors.Join(unwritable(dir, err), lock.Close())
	}
	return b, nil
}

// Read opens the journal to be read only; runs may be under way. A directory
// that does not exist holds no run.
func Read(dir string) *Book { return &Book{dir: filepath.Join(dir, runsDir)} }

// Close lets others run.
func (b *Book) Close() error {
	if b.lock == nil {
		return nil
	}
	// The files stay: removing one would let two runs lock two files.
	if b.holder != nil {
		return errors.Join(b.holder.Close(), b.lock.Close())
	}
	return b.lock.Close()
}

// Run is one run's file, open for writing.
type Run struct {
	// ID names the run for people: a few hexadecimal digits.
	ID   string
	book *Book
	file *os.File
	// held tells readers that the run is under way. The kernel gives it back
	// when the process ends, however it does.
	held *flock.Flock
	next int
	// failed is why a record could not be written. Nothing is written after
	// it: what would follow a hole can't be trusted.
	failed error
	now    func() time.Time
}

// Create begins a new run with its first record, which is given its kind.
func (b *Book) Create(first Record, now func() time.Time) (*Run, error) {
	if b.lock == nil {
		return nil, ErrReadOnly
	}
	id, file, err := b.newFile()
	if err != nil {
		return nil, unwritable(b.dir, err)
	}
	r := &Run{ID: id, book: b, file: file, held: claimOf(file.Name()), now: now}
	if err := errors.Join(b.claim(r.held), b.grow(file, reserve)); err != nil {
		return nil, b.drop(r, err)
	}
	first.What, first.Schema = WhatBegin, Schema
	if err := r.Append(first); err != nil {
		return nil, b.drop(r, err)
	}
	if err := b.sync(b.dir); err != nil {
		return nil, b.drop(r, err)
	}
	return r, nil
}

// drop removes the file of a run that never began.
func (b *Book) drop(r *Run, why error) error {
	if !errors.Is(why, ErrUnwritable) {
		why = unwritable(b.dir, why)
	}
	return errors.Join(why, r.Close(), os.Remove(r.file.Name()))
}

// newFile makes a file that nobody else has. Four digits are easy to type;
// when many are taken, more are used.
func (b *Book) newFile() (string, *os.File, error) {
	for try := 0; ; try++ {
		digits := make([]byte, 2+try/8)
		if _, err := io.ReadFull(b.IDs, digits); err != nil {
			return "", nil, err
		}
		id := hex.EncodeToString(digits)
		file, err := os.OpenFile(b.path(id), os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_EXCL, fileMode)
		if errors.Is(err, fs.ErrExist) && try < 48 {
			continue
		}
		return id, file, err
	}
}

func (b *Book) path(id string) string { return filepath.Join(b.dir, id+suffix) }

// Append writes one record with one write, and returns when the disk has it.
// After an error no further record is taken.
func (r *Run) Append(record Record) error {
	if r.failed != nil {
		return r.failed
	}
	record.N, record.Time = r.next+1, r.now().UTC()
	line, err := record.line()
	if err == nil {
		err = r.book.write(r.file, line)
	}
	if err != nil {
		r.failed = unwritable(r.file.Name(), err)
		return r.failed
	}
	r.next++
	return nil
}

// Close closes the file. All records are on the disk by then.
func (r *Run) Close() error { return errors.Join(r.file.Close(), r.held.Close()) }

// claimOf is the lock of one run's file. It is never taken on the way of a
// reader for longer than it takes to ask, and never makes a file.
func claimOf(name string) *flock.Flock { return flock.New(name, flock.SetFlag(os.O_RDONLY)) }

// claimFor is what a Book has as its patience.
const claimFor = 5 * time.Second

// claim takes the lock of a run's file. Whoever keeps it works on the run, in
// this process or another; a reader has it for a moment.
func (b *Book) claim(held *flock.Flock) error {
	ctx, stop := context.WithTimeout(context.Background(), b.patience)
	defer stop()
	if locked, err := held.TryLockContext(ctx, lockPoll/10); !locked {
		if ctx.Err() == nil {
			return err
		}
		return fmt.Errorf("%s is held by another: %w", held.Path(), ErrLocked)
	}
	return nil
}

// underWay asks whether a process has a run open just now. What can't be asked
// is not known to be.
func (b *Book) underWay(id string) bool {
	claim := claimOf(b.path(id))
	free, err := claim.TryRLock()
	_ = claim.Close() // it was only asked
	return err == nil && !free
}

// Continue opens a run again, to go on with it. A torn last line is cut off.
func (b *Book) Continue(id string, now func() time.Time) (*Run, History, error) {
	if b.lock == nil {
		return nil, History{}, ErrReadOnly
	}
	history, err := b.Read(id)
	if err != nil {
		return nil, history, err
	}
	file, err := os.OpenFile(b.path(id), os.O_WRONLY|os.O_APPEND, fileMode)
	if err != nil {
		return nil, history, unwritable(b.path(id), err)
	}
	r := &Run{ID: id, book: b, file: file, held: claimOf(file.Name()), next: len(history.Records), now: now}
	err = b.claim(r.held)
	if err == nil && history.Torn {
		err = errors.Join(file.Truncate(history.good), file.Sync())
	}
	if err == nil {
		err = b.grow(file, history.good+reserve)
	}
	if err != nil {
		return nil, history, errors.Join(unwritable(b.path(id), err), r.Close())
	}
	return r, history, nil
}

func writeSynced(file *os.File, line []byte) error {
	if _, err := file.Write(line); err != nil {
		return err
	}
	return file.Sync()
}

func syncDir(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func unwritable(what string, err error) error {
	return fmt.Errorf("%s: %w, so nothing is started: %w", what, ErrUnwritable, err)
}
