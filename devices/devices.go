// Package devices reads one host's Pure block devices: SCSI paths, multipath
// maps, NVMe namespaces, and everything that uses them. It reads sysfs,
// procfs and /dev, and asks the kernel only what no file holds. It never
// reads a device's data, and it changes nothing: that is for devices/release.
package devices

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// System is a host to be read: the running one (Live), a recorded one
// (FromDir) or a simulated one.
type System struct {
	// FS is the host's root: sys/, proc/, dev/, etc/, run/ and var/ are below
	// it. Links are read with fs.ReadLink, so it should implement
	// fs.ReadLinkFS.
	FS fs.FS
	// Kernel answers what no file holds; nil means that nobody can.
	Kernel Kernel
	// Hostname names the witness; empty means as proc/sys/kernel/hostname says.
	Hostname string
	// LXDDirs are the places where LXD's directory may be, relative to FS;
	// empty means the snap's and the package's.
	LXDDirs []string
	// Recorded marks a host that is not the running one.
	Recorded bool
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// InquiryTimeout bounds one question to one disk; 0 means 5 seconds.
	InquiryTimeout time.Duration
	// asked counts the questions to Kernel.
	asked *atomic.Int64
	// place names the witness when the host does not: the directory of a
	// recording.
	place string
}

// defaultInquiryTimeout is long for a healthy path, which answers within
// milliseconds, and short for an operator who waits.
const defaultInquiryTimeout = 5 * time.Second

// Live is the running host, asked through kernel.
func Live(kernel Kernel) System {
	// Without a name the witness is still named, from proc.
	name, _ := os.Hostname()
	return System{FS: machineRoot(), Kernel: kernel, Hostname: name}
}

// FromDir is the host whose files were recorded below dir, and whose
// commands' output stands in dir/commands. No link leads out of dir.
func FromDir(dir string) (System, error) {
	// With a slash at its end it is a directory or nothing: to open a pipe is to
	// wait for who writes to it.
	root, err := os.OpenRoot(strings.TrimSuffix(dir, "/") + "/")
	if err != nil {
		return System{}, fmt.Errorf("reading a recorded host from %s: %w", dir, err)
	}
	fsys := &rooted{root: root, fsys: root.FS(), chroot: newChroot(dir)}
	info, err := fs.Stat(fsys, "sys")
	switch {
	case errors.Is(err, fs.ErrNotExist) || (err == nil && !info.IsDir()):
		return System{}, errors.Join(fmt.Errorf("%s has no directory sys, so it holds no recorded host: "+
			"give the directory that holds sys, proc, dev and etc", filepath.Clean(dir)), root.Close())
	case err != nil:
		return System{}, errors.Join(fmt.Errorf("reading a recorded host from %s: %w", dir, err), root.Close())
	}
	return System{FS: fsys, Kernel: Recording(fsys), Recorded: true, place: dir}, nil
}

// WithDefaults fills in what the caller left out.
func (s System) WithDefaults() System {
	if s.Kernel == nil {
		s.Kernel = noKernel{}
	}
	if len(s.LXDDirs) == 0 {
		s.LXDDirs = []string{"var/snap/lxd/common/lxd", "var/lib/lxd"}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.asked == nil {
		s.asked = &atomic.Int64{}
	}
	if s.InquiryTimeout <= 0 {
		s.InquiryTimeout = defaultInquiryTimeout
	}
	return s
}

// Boot is the boot id of the kernel that runs; empty when it can't be read.
func (s System) Boot() string {
	return hostfs.Tree{FS: s.FS}.Field("proc/sys/kernel/random/boot_id")
}

// Maps lists all of device-mapper's devices, or ends with an error in time.
func (s System) Maps(ctx context.Context) ([]DM, error) {
	return within(ctx, kernelLimit, s.WithDefaults().Kernel.Maps)
}

// Identify asks the disk at a SCSI address who it is, if it is running.
func (s System) Identify(ctx context.Context, hctl, disk string) evidence.Identity {
	return inquire(ctx, s.WithDefaults(), "sys/class/scsi_device/"+hctl+"/device", disk, make(chan struct{}, 1))
}

// KernelLog is the kernel's own log; "" where nobody can tell it.
func (s System) KernelLog(ctx context.Context) (string, error) {
	reporter, ok := s.Kernel.(Reporter)
	if !ok {
		return "", nil
	}
	return within(ctx, kernelLimit, reporter.Log)
}

// Journal is systemd's journal of a recorded host. That of any other is no text.
func (s System) Journal() (string, error) {
	recorded, ok := s.Kernel.(recording)
	if !ok {
		return "", fs.ErrNotExist
	}
	return recorded.output("journalctl -b -o short-iso")
}
