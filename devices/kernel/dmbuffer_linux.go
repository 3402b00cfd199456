package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The layout of struct dm_ioctl, struct dm_name_list and struct
// dm_target_spec of linux/dm-ioctl.h. What follows the header starts at its
// data_start and ends at its data_size.
const (
	dmHeaderSize = int(unsafe.Sizeof(unix.DmIoctl{}))
	dmVersionAt  = int(unsafe.Offsetof(unix.DmIoctl{}.Version))
	dmSizeAt     = int(unsafe.Offsetof(unix.DmIoctl{}.Data_size))
	dmStartAt    = int(unsafe.Offsetof(unix.DmIoctl{}.Data_start))
	dmTargetsAt  = int(unsafe.Offsetof(unix.DmIoctl{}.Target_count))
	dmOpenAt     = int(unsafe.Offsetof(unix.DmIoctl{}.Open_count))
	dmFlagsAt    = int(unsafe.Offsetof(unix.DmIoctl{}.Flags))
	dmDevAt      = int(unsafe.Offsetof(unix.DmIoctl{}.Dev))
	dmNameAt     = int(unsafe.Offsetof(unix.DmIoctl{}.Name))
	dmUUIDAt     = int(unsafe.Offsetof(unix.DmIoctl{}.Uuid))

	// struct dm_name_list: dev, next, name.
	dmListNextAt = 8
	dmListNameAt = 12

	dmSpecSize   = int(unsafe.Sizeof(unix.DmTargetSpec{}))
	dmSpecNextAt = int(unsafe.Offsetof(unix.DmTargetSpec{}.Next))
	dmSpecTypeAt = int(unsafe.Offsetof(unix.DmTargetSpec{}.Target_type))
)

var errShort = errors.New("the kernel's answer ends too early")

// dmHeader is the part of the answer that is the same for every request.
type dmHeader struct {
	start, size int
	targets     int
	open        int32
	flags       uint32
	dev         uint64
	name, uuid  string
}

// dmName is one entry of the list of devices.
type dmName struct {
	name string
	dev  uint64
}

// dmTarget is one target of a table: its type, and its status or parameters.
type dmTarget struct{ kind, params string }

// encodeRequest clears buf and writes a request into it.
func encodeRequest(buf []byte, dev uint64, flags uint32) {
	clear(buf)
	order := binary.NativeEndian
	// Version 4.0.0 is what every kernel since 2.6 understands.
	order.PutUint32(buf[dmVersionAt:], 4)
	order.PutUint32(buf[dmSizeAt:], uint32(len(buf)))
	order.PutUint32(buf[dmStartAt:], uint32(dmHeaderSize))
	order.PutUint32(buf[dmFlagsAt:], flags)
	order.PutUint64(buf[dmDevAt:], dev)
}

// encodeByUUID clears buf and writes a request about the device of that uuid,
// followed by data. With a uuid the kernel wants neither name nor number.
func encodeByUUID(buf []byte, uuid string, flags uint32, data []byte) error {
	if uuid == "" || len(uuid) >= unix.DM_UUID_LEN {
		return fmt.Errorf("%q can't be a device's uuid", uuid)
	}
	if dmHeaderSize+len(data) > len(buf) {
		return fmt.Errorf("a request of %d bytes", len(data))
	}
	encodeRequest(buf, 0, flags)
	copy(buf[dmUUIDAt:], uuid)
	copy(buf[dmHeaderSize:], data)
	return nil
}

// encodeMessage is struct dm_target_msg: a sector of the target, and text.
func encodeMessage(message string) []byte {
	data := binary.NativeEndian.AppendUint64(nil, 0)
	return append(append(data, message...), 0)
}

func decodeHeader(buf []byte) (dmHeader, error) {
	if len(buf) < dmHeaderSize {
		return dmHeader{}, errShort
	}
	order := binary.NativeEndian
	h := dmHeader{
		start:   int(order.Uint32(buf[dmStartAt:])),
		size:    int(order.Uint32(buf[dmSizeAt:])),
		targets: int(order.Uint32(buf[dmTargetsAt:])),
		open:    int32(order.Uint32(buf[dmOpenAt:])),
		flags:   order.Uint32(buf[dmFlagsAt:]),
		dev:     order.Uint64(buf[dmDevAt:]),
	}
	var whole bool
	if h.name, whole = text(buf[dmNameAt : dmNameAt+unix.DM_NAME_LEN]); !whole {
		return dmHeader{}, fmt.Errorf("a name without end: %w", errShort)
	}
	if h.uuid, whole = text(buf[dmUUIDAt : dmUUIDAt+unix.DM_UUID_LEN]); !whole {
		return dmHeader{}, fmt.Errorf("a uuid without end: %w", errShort)
	}
	return h, nil
}

// payload is what follows the header. An answer that was to hold something
// says where, even when it holds nothing.
func payload(buf []byte, h dmHeader) ([]byte, error) {
	if h.start < dmHeaderSize || h.size < h.start || h.size > len(buf) {
		return nil, fmt.Errorf("data from %d to %d in %d bytes: %w", h.start, h.size, len(buf), errShort)
	}
	return buf[h.start:h.size], nil
}

// decodeNames reads the answer to DM_LIST_DEVICES. Each entry's next counts
// from the entry's own beginning.
func decodeNames(h dmHeader, buf []byte) ([]dmName, error) {
	data, err := payload(buf, h)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	var names []dmName
	for {
		if len(data) < dmListNameAt {
			return nil, errShort
		}
		dev := binary.NativeEndian.Uint64(data)
		next := binary.NativeEndian.Uint32(data[dmListNextAt:])
		name, whole := text(data[dmListNameAt:])
		if dev == 0 || !whole {
			return nil, fmt.Errorf("entry %d of the list: %w", len(names)+1, errShort)
		}
		names = append(names, dmName{name, dev})
		if next == 0 {
			return names, nil
		}
		if int64(next) <= dmListNameAt || int64(next) >= int64(len(data)) {
			return nil, fmt.Errorf("entry %d of the list is followed by nothing: %w", len(names), errShort)
		}
		data = data[next:]
	}
}

// decodeTargets reads the answer to DM_TABLE_STATUS. Each target's next
// counts from the first target's beginning, unlike in the list of devices.
func decodeTargets(h dmHeader, buf []byte) ([]dmTarget, error) {
	if h.targets == 0 {
		return nil, nil // no live table
	}
	data, err := payload(buf, h)
	if err != nil {
		return nil, err
	}
	var targets []dmTarget
	at := 0
	for {
		if len(data)-at < dmSpecSize {
			return nil, errShort
		}
		spec := data[at:]
		kind, _ := text(spec[dmSpecTypeAt:dmSpecSize])
		params, whole := text(spec[dmSpecSize:])
		if !whole {
			return nil, fmt.Errorf("target %d: %w", len(targets)+1, errShort)
		}
		targets = append(targets, dmTarget{kind, params})
		if len(targets) == h.targets {
			return targets, nil
		}
		next := int64(binary.NativeEndian.Uint32(spec[dmSpecNextAt:]))
		if next < int64(at+dmSpecSize) || next >= int64(len(data)) {
			return nil, fmt.Errorf("target %d is followed by nothing: %w", len(targets), errShort)
		}
		at = int(next)
	}
}

// text copies the characters up to the first NUL, and reports whether there
// is one.
func text(b []byte) (string, bool) {
	before, _, whole := bytes.Cut(b, []byte{0})
	return string(before), whole
}

// devString is "major:minor". The kernel gives numbers in the encoding that
// the C library uses too.
func devString(dev uint64) string {
	return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev))
}
