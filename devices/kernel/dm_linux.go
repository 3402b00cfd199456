package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
)

const (
	dmNode = "/dev/mapper/control"
	// The kernel answers in the buffer of the question and says when it is
	// too small. 20 000 maps need about 4 MiB for the list.
	dmFirstBuffer   = 16 << 10
	dmLargestBuffer = 64 << 20
	// dmRounds is how often the list is read anew when it changes meanwhile.
	dmRounds = 3
)

// errChanged means that a device went, or became another, between two
// questions about it.
var errChanged = errors.New("device-mapper's devices changed while they were read")

// dmControl is the open control node.
type dmControl struct {
	// call makes one request; question and answer share buf.
	call  func(request uint, buf []byte) error
	close func()
	buf   []byte
}

// Maps implements devices.Kernel. The error wraps fs.ErrNotExist when there
// is no control node, as on a machine without the dm_mod module.
//
// DM.Table is filled for multipath and linear targets only: the table of a
// dm-crypt or dm-integrity device holds its key.
func (l *live) Maps(ctx context.Context) ([]devices.DM, error) {
	maps, err := ask(ctx, l, "device-mapper", func() ([]devices.DM, error) {
		control, err := l.openDM()
		if err != nil {
			return nil, err
		}
		defer control.close()
		return control.maps()
	})
	if err != nil {
		return nil, fmt.Errorf("device-mapper can't be asked%s: %w", dmHint(err), err)
	}
	return maps, nil
}

func dmHint(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return " (it answers only root)"
	case errors.Is(err, os.ErrNotExist):
		return " (no " + dmNode + "; \"modprobe dm_mod\" makes it)"
	default:
		return ""
	}
}

// maps lists all devices, and lists them again when one changed meanwhile.
func (c *dmControl) maps() ([]devices.DM, error) {
	for range dmRounds {
		maps, err := c.mapsOnce()
		if !errors.Is(err, errChanged) {
			return maps, err
		}
	}
	return nil, fmt.Errorf("after %d attempts: %w", dmRounds, errChanged)
}

func (c *dmControl) mapsOnce() ([]devices.DM, error) {
	h, buf, err := c.ask(unix.DM_LIST_DEVICES, 0, 0)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	names, err := decodeNames(h, buf)
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	maps := make([]devices.DM, 0, len(names))
	for _, n := range names {
		one, err := c.device(n.dev)
		if err != nil {
			return nil, fmt.Errorf("device %q (%s): %w", n.name, devString(n.dev), err)
		}
		maps = append(maps, one)
	}
	return maps, nil
}

// device describes one device. It is addressed by number and not by name,
// because multipathd renames maps; that the number is not another's by now is
// checked by the uuid in each answer.
func (c *dmControl) device(dev uint64) (devices.DM, error) {
	h, _, err := c.ask(unix.DM_DEV_STATUS, dev, 0)
	if err != nil {
		return devices.DM{}, fmt.Errorf("status: %w", gone(err))
	}
	if h.dev != dev {
		return devices.DM{}, fmt.Errorf("status: the kernel answered for %s", devString(h.dev))
	}
	if h.open < 0 {
		return devices.DM{}, fmt.Errorf("status: an open count of %d", h.open)
	}
	one := devices.DM{
		Name:      h.name,
		UUID:      h.uuid,
		Dev:       devString(h.dev),
		OpenCount: int64(h.open),
		Suspended: h.flags&unix.DM_SUSPEND_FLAG != 0,
		Deferred:  h.flags&unix.DM_DEFERRED_REMOVE != 0,
	}
	status, err := c.targets(dev, h.uuid, 0)
	if err != nil {
		return devices.DM{}, fmt.Errorf("target status: %w", err)
	}
	one.Status = lines(status)
	if holdsKey(status) {
		return one, nil
	}
	table, err := c.targets(dev, h.uuid, unix.DM_STATUS_TABLE_FLAG)
	if err != nil {
		return devices.DM{}, fmt.Errorf("table: %w", err)
	}
	if !holdsKey(table) {
		one.Table = lines(table)
	}
	return one, nil
}

// targets reads the live table's targets: their status, or with
// DM_STATUS_TABLE_FLAG their parameters. Always with DM_NOFLUSH_FLAG, without
// which the kernel first waits for the device's I/O: for ever on a queueing
// map without paths.
func (c *dmControl) targets(dev uint64, uuid string, flags uint32) ([]dmTarget, error) {
	h, buf, err := c.ask(unix.DM_TABLE_STATUS, dev, flags|unix.DM_NOFLUSH_FLAG)
	if err != nil {
		return nil, gone(err)
	}
	if h.dev != dev || h.uuid != uuid {
		return nil, errChanged
	}
	return decodeTargets(h, buf)
}

// ask makes a request about the device of that number, 0 for none, with a
// buffer that is large enough for the answer, and returns the answer's header
// and the whole of it, which is valid until the next call.
func (c *dmControl) ask(request uint, dev uint64, flags uint32) (dmHeader, []byte, error) {
	if c.buf == nil {
		c.buf = make([]byte, dmFirstBuffer)
	}
	for {
		encodeRequest(c.buf, dev, flags)
		if err := c.call(request, c.buf); err != nil {
			return dmHeader{}, nil, err
		}
		h, err := decodeHeader(c.buf)
		if err != nil {
			return dmHeader{}, nil, err
		}
		if h.flags&unix.DM_BUFFER_FULL_FLAG == 0 {
			return h, c.buf, nil
		}
		if len(c.buf) >= dmLargestBuffer {
			return dmHeader{}, nil, fmt.Errorf("the answer is larger than %d bytes", len(c.buf))
		}
		c.buf = make([]byte, 4*len(c.buf))
	}
}

// gone recognises the kernel's word for a device that no longer exists.
func gone(err error) error {
	if errors.Is(err, unix.ENXIO) {
		return errChanged
	}
	return err
}

// holdsKey reports that a target of the table may hold an encryption key or
// another secret among its parameters.
func holdsKey(targets []dmTarget) bool {
	return slices.ContainsFunc(targets, func(t dmTarget) bool { return t.kind != "multipath" && t.kind != "linear" })
}

func lines(targets []dmTarget) string {
	all := make([]string, 0, len(targets))
	for _, t := range targets {
		all = append(all, strings.TrimSpace(t.kind+" "+t.params))
	}
	return strings.Join(all, "\n")
}

// openDM opens the control node, read-write as every user of it does.
func openDM() (*dmControl, error) {
	fd, err := open(dmNode, unix.O_RDWR|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &dmControl{
		call: func(request uint, buf []byte) error {
			return ioctl(fd, request, unsafe.Pointer(&buf[0]))
		},
		close: func() { _ = unix.Close(fd) },
	}, nil
}
