package kernel

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
)

// kcmpFiles compares tables of open files (linux/kcmp.h, KCMP_FILES).
const kcmpFiles = 2

var _ devices.TableKernel = (*live)(nil)

// SameFiles implements devices.TableKernel. The kernel answers who may trace
// both, and may be built without the question.
func (*live) SameFiles(a, b int) (bool, error) {
	order, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), kcmpFiles, 0, 0, 0)
	if errno != 0 {
		return false, fmt.Errorf("comparing the open files of threads %d and %d: %w", a, b, errno)
	}
	return order == 0, nil
}
