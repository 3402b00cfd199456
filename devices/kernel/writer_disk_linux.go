package kernel

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// The states of a SCSI device that matter here.
const (
	stateRunning = "running"
	stateOffline = "offline"
)

var (
	scsiAddress = regexp.MustCompile(`^\d+:\d+:\d+:\d+$`)
	// leaving are the states of a device that is being deleted.
	leaving = []string{"cancel", "deleted"}
)

// SetState implements release.DeviceWriter.
func (h *writer) SetState(ctx context.Context, disk release.Target, state string) error {
	if state != stateRunning && state != stateOffline {
		return fmt.Errorf("setting the state of %s: %q is not a state that can be set: %w", disk.Name, state, release.ErrState)
	}
	return h.do(ctx, "disk "+disk.HCTL, fmt.Sprintf("setting %s (%s) %s", disk.Name, disk.HCTL, state), func(ctx context.Context) error {
		return h.setState(ctx, disk, state)
	})
}

func (h *writer) setState(ctx context.Context, disk release.Target, state string) error {
	d, now, err := h.openDisk(disk)
	if err != nil {
		return err
	}
	defer d.close()
	switch {
	case now == state:
		return nil
	case now != stateRunning && now != stateOffline:
		return fmt.Errorf("its state is %q, in which no other can be set: %w", now, release.ErrState)
	}
	if state == stateOffline {
		if err := h.unused(d, disk, now); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// The kernel compares with the newline.
	if err := h.write(d.fd, "state", state+"\n"); err != nil {
		if errors.Is(err, unix.EINVAL) {
			return fmt.Errorf("the kernel refused it: %w: %w", release.ErrState, err)
		}
		return withRoot(err)
	}
	now, err = d.text("state")
	if err == nil && now != state {
		err = fmt.Errorf("the kernel took it, and its state is %q: %w", now, release.ErrState)
	}
	return err
}

// DeleteDisk implements release.DeviceWriter. The kernel deletes before the write
// returns, and waits for I/O that is on its way: on a path that is blocked
// that can take until the session's recovery_tmo ends.
func (h *writer) DeleteDisk(ctx context.Context, disk release.Target) error {
	return h.do(ctx, "disk "+disk.HCTL, fmt.Sprintf("deleting %s (%s)", disk.Name, disk.HCTL), func(ctx context.Context) error {
		return h.deleteDisk(ctx, disk)
	})
}

func (h *writer) deleteDisk(ctx context.Context, disk release.Target) error {
	d, now, err := h.openDisk(disk)
	if err != nil {
		if hasGone(err) {
			return nil
		}
		return err
	}
	defer d.close()
	if slices.Contains(leaving, now) {
		return nil
	}
	if err := h.unused(d, disk, now); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := h.write(d.fd, "delete", "1"); err != nil && !hasGone(err) {
		return withRoot(err)
	}
	return nil
}

// openDisk opens a SCSI device's directory, proves that it is the disk that
// was meant, and returns its state. The error wraps fs.ErrNotExist when there
// is no such device.
func (h *writer) openDisk(disk release.Target) (*directory, string, error) {
	if err := complete(disk); err != nil {
		return nil, "", err
	}
	d, err := h.openDirectory("class/scsi_device/" + disk.HCTL + "/device")
	if err != nil {
		return nil, "", err
	}
	state, err := prove(d, disk)
	if err != nil {
		d.close()
		return nil, "", err
	}
	return d, state, nil
}

// complete refuses a target that proves nothing, and makes sure that nothing
// in it becomes a path that was not meant.
func complete(disk release.Target) error {
	serial, err := evidence.ParseSerial(string(disk.Serial))
	switch {
	case err != nil || serial != disk.Serial:
		return fmt.Errorf("%q is not a Pure volume's serial: %w", disk.Serial, release.ErrOther)
	case !isDiskName(disk.Name):
		return fmt.Errorf("%q is not the kernel's name of a SCSI disk: %w", disk.Name, release.ErrOther)
	case !scsiAddress.MatchString(disk.HCTL):
		return fmt.Errorf("%q is not a SCSI address: %w", disk.HCTL, release.ErrOther)
	case disk.Dev == "" || disk.Seq <= 0:
		return fmt.Errorf("without its device number and sequence number it can't be told from another: %w", release.ErrOther)
	}
	return nil
}

// prove compares everything that tells a disk from another that got its
// address, its name or its number since.
func prove(d *directory, disk release.Target) (state string, err error) {
	state, err = d.text("state")
	if err != nil {
		return "", err
	}
	names, err := d.names("block")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", missing("disk", err)
	}
	if len(names) == 0 && slices.Contains(leaving, state) {
		// The disk goes first, its SCSI device after the cache was written.
		return state, nil
	}
	if !slices.Equal(names, []string{disk.Name}) {
		return "", fmt.Errorf("at %s is now %s: %w", disk.HCTL, cmp.Or(strings.Join(names, ", "), "no disk"), release.ErrOther)
	}
	for _, one := range []struct{ what, attribute, want string }{
		{"device number", "dev", disk.Dev},
		{"sequence number", "diskseq", fmt.Sprint(disk.Seq)},
	} {
		got, err := d.text("block/" + disk.Name + "/" + one.attribute)
		if err != nil {
			return "", missing(one.what, err)
		}
		if got != one.want {
			return "", fmt.Errorf("its %s is %q and not %s: %w", one.what, got, one.want, release.ErrOther)
		}
	}
	serial, says := cachedSerial(d)
	if serial != disk.Serial {
		return "", fmt.Errorf("the kernel knows it as %s and not as volume %s: %w", says, disk.Serial, release.ErrOther)
	}
	return state, nil
}

// missing refuses what could not be read. The error's kind is not passed on:
// an attribute that this kernel does not have must not pass for a device that
// is no more.
func missing(what string, err error) error {
	return fmt.Errorf("its %s can't be read (%v): %w", what, err, release.ErrOther)
}

// cachedSerial is what the kernel knows the device as: what it answered when
// it was added or last scanned.
func cachedSerial(d *directory) (serial evidence.Serial, says string) {
	wwid, err := d.text("wwid")
	if err == nil && wwid != "" {
		serial, _ = evidence.SerialOf(wwid)
		return serial, fmt.Sprintf("%.64q", wwid)
	}
	page, err := d.data("vpd_pg83")
	if err != nil {
		return "", "nothing"
	}
	id := identityFromPage(page)
	return id.Serial, cmp.Or(string(id.Serial), fmt.Sprintf("page %.64q", hex.EncodeToString(page)))
}

// unused refuses a disk that something stands on, or that is claimed: the
// kernel's own last word, whatever mount namespace the claim is from.
func (h *writer) unused(d *directory, disk release.Target, state string) error {
	holders, err := d.holders("block/"+disk.Name, disk.Name)
	if err != nil {
		return missing("list of holders", err)
	}
	if len(holders) > 0 {
		return fmt.Errorf("%s stands on it: %w", strings.Join(holders, ", "), release.ErrInUse)
	}
	if state != stateRunning {
		return nil // it can't be opened, or the open would wait
	}
	return h.claim(disk.Name, disk.Dev)
}

// holders lists what stands on a disk or on one of its partitions.
func (d *directory) holders(dir, disk string) ([]string, error) {
	inside, err := d.names(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range append(inside, ".") {
		if name != "." && !strings.HasPrefix(name, disk) {
			continue
		}
		holders, err := d.names(dir + "/" + name + "/holders")
		if err != nil {
			return nil, err
		}
		all = append(all, holders...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// claim opens a disk exclusively and closes it again. It fails while the disk
// or one of its partitions is mounted, swap, or beneath another device.
func claim(name, dev string) error {
	path := "/dev/" + name
	fd, err := open(path, unix.O_RDONLY|unix.O_EXCL|unix.O_NONBLOCK|unix.O_CLOEXEC)
	switch {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%s is claimed exclusively: %w", path, release.ErrInUse)
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return nil // nobody can open it
	case err != nil:
		return withRoot(err)
	}
	defer func() { _ = unix.Close(fd) }() // only opened
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK || devString(st.Rdev) != dev {
		return fmt.Errorf("%s is device %s and not %s: %w", path, devString(st.Rdev), dev, release.ErrOther)
	}
	return nil
}
