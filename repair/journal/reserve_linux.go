package journal

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// reserveRoom takes the blocks of a file's next bytes without changing its
// size. Filesystems that can't are not made to.
func reserveRoom(file *os.File, bytes int64) error {
	err := unix.Fallocate(int(file.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, bytes)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}
