package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dmKernel answers device-mapper's ioctls as the kernel does: in the caller's
// buffer, of which it writes no more than what its data_size says.
type dmKernel struct {
	devices []dmDevice
	// before is called ahead of each request, to change the devices.
	before func(request uint)
	// asked lists the requests, with the device's name.
	asked  []string
	closed int
	// acts lets the requests be made that change a device, each after what
	// refuse says.
	acts   bool
	refuse func(request uint, d *dmDevice) error
}

type dmDevice struct {
	name, uuid   string
	major, minor uint32
	open         int32
	flags        uint32
	// status and table are the targets: "0 131072 multipath 2 0 …".
	status, table []string
}

func (k *dmKernel) open() (*dmControl, error) {
	return &dmControl{call: k.ioctl, close: func() { k.closed++ }}, nil
}

func (k *dmKernel) ioctl(request uint, buf []byte) error {
	if k.before != nil {
		k.before(request)
	}
	in := *(*unix.DmIoctl)(unsafe.Pointer(&buf[0]))
	if in.Version[0] != 4 || int(in.Data_size) != len(buf) || in.Data_start != 312 {
		return unix.EINVAL
	}
	out := in
	out.Version = [3]uint32{4, 48, 0}
	out.Data_size = 305
	out.Flags &^= unix.DM_BUFFER_FULL_FLAG
	var data []byte
	if request == unix.DM_LIST_DEVICES {
		k.asked = append(k.asked, "list")
		data = k.list()
		out.Data_start = 312
		k.finish(&out, buf, data)
		return nil
	}
	d := k.find(in)
	if d == nil {
		return unix.ENXIO
	}
	out.Dev = unix.Mkdev(d.major, d.minor)
	copy(out.Name[:], d.name)
	copy(out.Uuid[:], d.uuid)
	out.Open_count = d.open
	out.Flags |= d.flags
	out.Target_count = uint32(len(d.status))
	switch request {
	case unix.DM_DEV_STATUS:
		k.asked = append(k.asked, "status "+d.name)
		copy(buf, unsafe.Slice((*byte)(unsafe.Pointer(&out)), 305))
		return nil
	case unix.DM_TABLE_STATUS:
		if in.Flags&unix.DM_NOFLUSH_FLAG == 0 {
			return errors.New("without DM_NOFLUSH_FLAG this waits for the map's I/O")
		}
		what, targets := "targets ", d.status
		if in.Flags&unix.DM_STATUS_TABLE_FLAG != 0 {
			what, targets = "table ", d.table
		}
		k.asked = append(k.asked, what+d.name)
		if len(targets) == 0 {
			copy(buf, unsafe.Slice((*byte)(unsafe.Pointer(&out)), 305))
			return nil
		}
		k.finish(&out, buf, targetData(targets))
		return nil
	default:
		if !k.acts {
			return fmt.Errorf("request %#x is not one that only reads", request)
		}
		if err := k.act(request, d, &out, buf); err != nil {
			return err
		}
		copy(buf, unsafe.Slice((*byte)(unsafe.Pointer(&out)), 305))
		return nil
	}
}

// act changes a device, which must have been named by its uuid alone.
func (k *dmKernel) act(request uint, d *dmDevice, out *unix.DmIoctl, buf []byte) error {
	what := map[uint]string{unix.DM_DEV_REMOVE: "remove ", unix.DM_DEV_SUSPEND: "suspend ", unix.DM_TARGET_MSG: "message "}[request]
	if what == "" || out.Flags&(unix.DM_SUSPEND_FLAG|unix.DM_DEFERRED_REMOVE) != d.flags&(unix.DM_SUSPEND_FLAG|unix.DM_DEFERRED_REMOVE) {
		return fmt.Errorf("request %#x with flags %#x is one that nobody should make", request, out.Flags)
	}
	var message string
	if request == unix.DM_TARGET_MSG {
		message, _ = text(buf[312+8:])
		what = message + " "
	}
	k.asked = append(k.asked, what+d.name)
	if k.refuse != nil {
		if err := k.refuse(request, d); err != nil {
			return err
		}
	}
	switch request {
	case unix.DM_DEV_REMOVE:
		if d.open > 0 {
			return unix.EBUSY
		}
		if base, isPart := strings.CutPrefix(d.uuid[strings.Index(d.uuid, "-")+1:], "mpath-"); isPart && strings.HasPrefix(d.uuid, "part") {
			for i := range k.devices {
				if k.devices[i].uuid == "mpath-"+base {
					k.devices[i].open--
				}
			}
		}
		gone := d.uuid
		k.devices = slices.DeleteFunc(k.devices, func(o dmDevice) bool { return o.uuid == gone })
	case unix.DM_DEV_SUSPEND:
		d.flags &^= unix.DM_SUSPEND_FLAG
	case unix.DM_TARGET_MSG:
		switch message {
		case "fail_if_no_path":
			d.table[0] = strings.Replace(d.table[0], "multipath 1 queue_if_no_path ", "multipath 0 ", 1)
		case "queue_if_no_path":
			d.table[0] = strings.Replace(d.table[0], "multipath 0 ", "multipath 1 queue_if_no_path ", 1)
		default:
			return unix.EINVAL
		}
	}
	return nil
}

// finish writes the answer, or only that it does not fit.
func (k *dmKernel) finish(out *unix.DmIoctl, buf, data []byte) {
	if 312+len(data) > len(buf) {
		out.Flags |= unix.DM_BUFFER_FULL_FLAG
		copy(buf, unsafe.Slice((*byte)(unsafe.Pointer(out)), 305))
		return
	}
	out.Data_size = uint32(312 + len(data))
	copy(buf, unsafe.Slice((*byte)(unsafe.Pointer(out)), 312))
	copy(buf[312:], data)
}

func (k *dmKernel) find(in unix.DmIoctl) *dmDevice {
	for i, d := range k.devices {
		if in.Name[0] == 0 && in.Uuid[0] == 0 && in.Dev == unix.Mkdev(d.major, d.minor) {
			return &k.devices[i]
		}
		// With a uuid the kernel takes neither a name nor a number.
		if uuid, _ := text(in.Uuid[:]); uuid != "" && uuid == d.uuid && in.Name[0] == 0 && in.Dev == 0 {
			return &k.devices[i]
		}
	}
	return nil
}

// list makes struct dm_name_list, with the event number that follows each
// name since kernel 4.13.
func (k *dmKernel) list() []byte {
	var data []byte
	for i, d := range k.devices {
		at := len(data)
		data = binary.NativeEndian.AppendUint64(data, unix.Mkdev(d.major, d.minor))
		data = append(data, 0, 0, 0, 0)
		data = append(append(data, d.name...), 0)
		data = pad(data)
		data = append(data, 7, 0, 0, 0, 0, 0, 0, 0)
		if i < len(k.devices)-1 {
			binary.NativeEndian.PutUint32(data[at+8:], uint32(len(data)-at))
		}
	}
	return data
}

// targetData makes struct dm_target_spec and text for each target.
func targetData(targets []string) []byte {
	var data []byte
	for i, line := range targets {
		f := strings.SplitN(line, " ", 4)
		var spec unix.DmTargetSpec
		_, _ = fmt.Sscan(f[0], &spec.Sector_start)
		_, _ = fmt.Sscan(f[1], &spec.Length)
		copy(spec.Target_type[:], f[2])
		at := len(data)
		data = append(data, unsafe.Slice((*byte)(unsafe.Pointer(&spec)), 40)...)
		if len(f) > 3 {
			data = append(data, f[3]...)
		}
		data = append(data, 0)
		if i < len(targets)-1 {
			data = pad(data)
			binary.NativeEndian.PutUint32(data[at+20:], uint32(len(data)))
		}
	}
	return data
}

func pad(b []byte) []byte { return append(b, bytes.Repeat([]byte{0}, -len(b)&7)...) }

// recordedDM reads what a real kernel's ioctls answered.
func recordedDM(t *testing.T, state string) []dmDevice {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", state, "dm.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []dmDevice
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "dm "):
			var d dmDevice
			for word := range strings.FieldsSeq(line) {
				key, value, _ := strings.Cut(word, "=")
				switch key {
				case "name":
					d.name = value
				case "uuid":
					d.uuid = value
				case "dev":
					_, err = fmt.Sscanf(value, "%d:%d", &d.major, &d.minor)
				case "open":
					_, err = fmt.Sscan(value, &d.open)
				case "flags":
					_, err = fmt.Sscanf(value, "%v", &d.flags)
				}
				if err != nil {
					t.Fatalf("%q: %v", word, err)
				}
			}
			all = append(all, d)
		case strings.HasPrefix(line, "  table=false "):
			last := &all[len(all)-1]
			last.status = append(last.status, strings.TrimPrefix(line, "  table=false "))
		case strings.HasPrefix(line, "  table=true "):
			last := &all[len(all)-1]
			last.table = append(last.table, strings.TrimPrefix(line, "  table=true "))
		default:
			t.Fatalf("%s: %q", state, line)
		}
	}
	return all
}
