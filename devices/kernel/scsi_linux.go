package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/evidence"
)

const (
	// sgIO is SG_IO of scsi/sg.h.
	sgIO = 0x2285
	// inquiryMillis is the kernel's own limit for reading this page. Not
	// shorter, however little time the caller has: a command that times out
	// starts the path's error recovery, which disturbs live I/O. The caller's
	// deadline is kept by leaving the command behind.
	inquiryMillis = 30_000
	// inquiryBytes is more than any array's page 0x83 has.
	inquiryBytes = 1024
	senseBytes   = 64
)

// scsiDisk is a disk's open device node.
type scsiDisk struct {
	// dev is the node's own "major:minor".
	dev string
	// inquire sends an INQUIRY for the page and puts what comes into data.
	inquire func(page byte, data []byte) (scsiReply, error)
	close   func()
}

// Identify implements devices.Kernel. It asks only a disk whose state reads
// running at that moment: a command to a blocked one waits for the session
// to recover.
func (l *live) Identify(ctx context.Context, disk string) evidence.Identity {
	id, err := ask(ctx, l, "disk "+disk, func() (evidence.Identity, error) {
		return l.identify(disk)
	})
	if err != nil {
		return evidence.Identity{Why: fmt.Sprintf("%s did not say who it is: %v", disk, err)}
	}
	return id
}

func (l *live) identify(name string) (evidence.Identity, error) {
	if !isDiskName(name) {
		return evidence.Identity{}, fmt.Errorf("%q is not the kernel's name of a SCSI disk", name)
	}
	state, err := l.attribute("block/" + name + "/device/state")
	if err != nil {
		return evidence.Identity{}, err
	}
	if state != "running" {
		return evidence.Identity{}, fmt.Errorf("its state is %q, and only a running disk answers", state)
	}
	dev, err := l.attribute("block/" + name + "/dev")
	if err != nil {
		return evidence.Identity{}, err
	}
	disk, err := l.openDisk(name)
	if err != nil {
		return evidence.Identity{}, withHint(err)
	}
	defer disk.close()
	// In a container, or without udev, the node may be another device's.
	if disk.dev != dev {
		return evidence.Identity{}, fmt.Errorf("/dev/%s is device %s, but %s is %s", name, disk.dev, name, dev)
	}
	data := make([]byte, inquiryBytes)
	reply, err := disk.inquire(pageIdentification, data)
	// After a change at the target a device may report that first, once,
	// instead of answering.
	if err == nil && reply.isUnitAttention() {
		clear(data)
		reply, err = disk.inquire(pageIdentification, data)
	}
	if err != nil {
		return evidence.Identity{}, withHint(err)
	}
	return reply.identity(data), nil
}

func withHint(err error) error {
	switch {
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("only root may ask: %w", err)
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("its path is lost, which says nothing about the volume: %w", err)
	default:
		return err
	}
}

// isDiskName keeps anything from becoming a path that the kernel did not
// name: "sda" to "sdzzz…".
func isDiskName(name string) bool {
	letters, ok := strings.CutPrefix(name, "sd")
	return ok && letters != "" && len(name) <= 16 && strings.Trim(letters, "abcdefghijklmnopqrstuvwxyz") == ""
}

// openBlock opens a block device's node, without waiting for a medium and
// without the right to write. dev is the node's own "major:minor".
func openBlock(name string) (fd int, dev string, err error) {
	path := "/dev/" + name
	fd, err = open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if err != nil {
		return -1, "", err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		_ = unix.Close(fd)
		return -1, "", &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFBLK {
		_ = unix.Close(fd)
		return -1, "", &os.PathError{Op: "open", Path: path, Err: unix.ENOTBLK}
	}
	return fd, devString(st.Rdev), nil
}

// openDisk opens the node of a disk.
func openDisk(name string) (*scsiDisk, error) {
	fd, dev, err := openBlock(name)
	if err != nil {
		return nil, err
	}
	return &scsiDisk{
		dev: dev,
		inquire: func(page byte, data []byte) (scsiReply, error) {
			return inquire(fd, page, data)
		},
		close: func() { _ = unix.Close(fd) },
	}, nil
}

// sgHeader is struct sg_io_hdr of scsi/sg.h. Its pointers are pointers here
// too, so that what they point to stays where it is while the kernel writes
// there. The compiler puts the gap before usrPtr where C does.
type sgHeader struct {
	interfaceID    int32
	dxferDirection int32
	cmdLen         uint8
	maxSenseLen    uint8
	iovecCount     uint16
	dxferLen       uint32
	dxfer          unsafe.Pointer
	cmd            unsafe.Pointer
	sense          unsafe.Pointer
	timeout        uint32
	flags          uint32
	packID         int32
	usrPtr         unsafe.Pointer
	status         uint8
	maskedStatus   uint8
	msgStatus      uint8
	senseLen       uint8
	hostStatus     uint16
	driverStatus   uint16
	resid          int32
	duration       uint32
	info           uint32
}

// inquire sends INQUIRY with the EVPD bit for one page: a command that only
// reads, and nothing of the volume's data.
func inquire(fd int, page byte, data []byte) (scsiReply, error) {
	command := inquiryCommand(page, len(data))
	sense := make([]byte, senseBytes)
	h := &sgHeader{
		interfaceID:    'S',
		dxferDirection: -3, // SG_DXFER_FROM_DEV
		cmdLen:         uint8(len(command)),
		maxSenseLen:    senseBytes,
		dxferLen:       uint32(len(data)),
		dxfer:          unsafe.Pointer(&data[0]),
		cmd:            unsafe.Pointer(&command[0]),
		sense:          unsafe.Pointer(&sense[0]),
		timeout:        inquiryMillis,
	}
	if err := ioctl(fd, sgIO, unsafe.Pointer(h)); err != nil {
		return scsiReply{}, fmt.Errorf("INQUIRY: %w", err)
	}
	return replyOf(h, len(data), sense), nil
}

// replyOf keeps what the header says within the buffers it speaks of: resid
// has been seen larger than what was asked for, after a failed session.
func replyOf(h *sgHeader, asked int, sense []byte) scsiReply {
	n := asked - int(h.resid)
	if n < 0 || n > asked {
		n = 0
	}
	return scsiReply{
		status: h.status,
		host:   h.hostStatus,
		driver: h.driverStatus,
		sense:  sense[:min(int(h.senseLen), len(sense))],
		n:      n,
	}
}
