package journal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// holderFile says who works from this machine. It is beside the lock, which a
// step has as well that is done for another member.
const holderFile = "holder"

// Holder is who works from a machine, for as long as they do: other members ask
// for it before they begin.
type Holder struct {
	// Token is random, and of this run alone: a machine that answers with it
	// shares the directory.
	Token    string    `json:"token"`
	Operator Operator  `json:"operator"`
	Since    time.Time `json:"since"`
	// Alone is set once nobody was found to work from another member.
	Alone bool `json:"alone"`
	// Done of the Of volumes of a batch have ended; 0 of 0 is not known.
	Done int `json:"done"`
	Of   int `json:"of"`
}

// Hold lets others know who works from here, until Close; again, how far it has
// come. Whoever asks after the first Hold has returned is told.
func (b *Book) Hold(h Holder) error {
	if b.lock == nil {
		return ErrReadOnly
	}
	path := filepath.Join(filepath.Dir(b.dir), holderFile)
	if b.holder == nil {
		held := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY), flock.SetPermissions(fileMode))
		if err := b.claim(held); err != nil {
			return unwritable(path, errors.Join(err, held.Close()))
		}
		b.holder = held
	}
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := overwrite(path, append(line, '\n')); err != nil {
		return unwritable(path, err)
	}
	return nil
}

// overwrite changes a file in place: another one would not have its lock.
func overwrite(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Truncate(int64(len(text))), file.Close())
}

// HeldBy says who works from the machine whose state directory that is, and
// whether anybody does. The kernel knows whether: what the file says counts only
// while somebody has it locked, and where it can't be understood somebody works
// of whom nothing more is known.
func HeldBy(dir string) (Holder, bool, error) {
	path := filepath.Join(dir, holderFile)
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	_ = lock.Close() // it was only asked
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Holder{}, false, nil
	case err != nil:
		return Holder{}, false, fmt.Errorf("who works from here can't be told: %w", err)
	case free:
		return Holder{}, false, nil
	}
	var h Holder
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &h) != nil {
		h = Holder{}
	}
	return h, true, nil
}
