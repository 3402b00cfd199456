//go:build !linux

package devices

import (
	"errors"
	"io/fs"
)

// chroot is for Linux only: elsewhere os.Root does its work.
type chroot struct{}

func newChroot(string) *chroot { return nil }

func (*chroot) read(string) (fs.File, error)     { return nil, errors.ErrUnsupported }
func (*chroot) stat(string) (fs.FileInfo, error) { return nil, errors.ErrUnsupported }
