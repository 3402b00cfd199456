package kernel

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
)

const (
	wwid10 = "3624a93707a9ad0a2ce6b4c5a00011010"
	wwid11 = "3624a93707a9ad0a2ce6b4c5a00011011"
	wwid12 = "3624a93707a9ad0a2ce6b4c5a00011012"
)

func mapsOf(t *testing.T, k *dmKernel) ([]devices.DM, error) {
	t.Helper()
	l := &live{timeout: defaultTimeout, openDM: k.open}
	maps, err := l.Maps(t.Context())
	if k.closed != 1 {
		t.Errorf("the control node was closed %d times", k.closed)
	}
	return maps, err
}

func TestMapsOfRecordedHosts(t *testing.T) {
	healthy11 := devices.DM{
		Name: wwid11, UUID: "mpath-" + wwid11, Dev: "254:0",
		Status: "multipath 2 0 1 0 1 1 A 0 2 2 8:32 A 0 0 1 8:0 A 0 0 1",
		Table:  "multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:32 1 1 8:0 1 1",
	}
	for state, want := range map[string][]devices.DM{
		"healthy": {
			{
				Name: wwid10, UUID: "mpath-" + wwid10, Dev: "254:1",
				Status: "multipath 2 0 1 0 1 1 A 0 2 2 8:48 A 0 0 1 8:16 A 0 0 1",
				Table:  "multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:48 1 1 8:16 1 1",
			},
			healthy11,
		},
		"unmapped-queueing": {
			{
				Name: wwid10, UUID: "mpath-" + wwid10, Dev: "254:1", OpenCount: 1,
				Status: "multipath 2 0 1 0 1 1 E 0 2 2 8:48 F 1 0 1 8:16 F 1 0 1",
				Table:  "multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:48 1 1 8:16 1 1",
			},
			healthy11,
		},
		"no-paths-in-use": {
			{
				Name: wwid10, UUID: "mpath-" + wwid10, Dev: "254:1", OpenCount: 1,
				Status: "multipath 2 1 0 0 0 0",
				Table:  "multipath 1 queue_if_no_path 0 0 0",
			},
			healthy11,
		},
		"partitions": {
			{
				Name: wwid11, UUID: "mpath-" + wwid11, Dev: "254:0",
				Status: "multipath 2 0 1 0 1 1 A 0 2 2 8:0 A 0 0 1 8:32 A 0 0 1",
				Table:  "multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:0 1 1 8:32 1 1",
			},
			{
				Name: wwid12, UUID: "mpath-" + wwid12, Dev: "254:1", OpenCount: 2,
				Status: "multipath 2 0 1 0 1 1 A 0 2 2 8:16 A 0 0 1 8:48 A 0 0 1",
				Table:  "multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:16 1 1 8:48 1 1",
			},
			{Name: wwid12 + "-part1", UUID: "part1-mpath-" + wwid12, Dev: "254:2", Status: "linear", Table: "linear 254:1 16384"},
			{Name: wwid12 + "-part2", UUID: "part2-mpath-" + wwid12, Dev: "254:3", Status: "linear", Table: "linear 254:1 32768"},
		},
		"suspended": {
			{
				Name: wwid10, UUID: "mpath-" + wwid10, Dev: "254:1", Suspended: true,
				Status: "multipath 2 0 1 0 1 1 A 0 2 2 8:16 A 2 0 1 8:48 A 2 0 1",
				Table:  "multipath 0 1 alua 1 1 service-time 0 2 2 8:16 1 1 8:48 1 1",
			},
			{
				Name: wwid11, UUID: "mpath-" + wwid11, Dev: "254:0",
				Status: "multipath 2 0 1 0 1 1 A 0 2 2 8:32 A 0 0 1 8:0 A 0 0 1",
				Table:  "multipath 0 1 alua 1 1 service-time 0 2 2 8:32 1 1 8:0 1 1",
			},
		},
		"no-unit": {},
	} {
		t.Run(state, func(t *testing.T) {
			got, err := mapsOf(t, &dmKernel{devices: recordedDM(t, state)})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMapsOfManyKinds(t *testing.T) {
	k := &dmKernel{devices: []dmDevice{
		{name: "no table", uuid: "", major: 254, minor: 300},
		{
			name: "two segments", uuid: "LVM-x", major: 4095, minor: 1 << 19, open: 3, flags: unix.DM_DEFERRED_REMOVE,
			status: []string{"0 8 linear ", "8 8 linear "}, table: []string{"0 8 linear 8:0 0", "8 8 linear 8:16 2048"},
		},
		{name: "x", uuid: "mpath-" + wwid10, major: 254, status: []string{"0 8 error"}, table: []string{"0 8 error"}},
	}}
	got, err := mapsOf(t, k)
	if err != nil {
		t.Fatal(err)
	}
	want := []devices.DM{
		{Name: "no table", Dev: "254:300"},
		{
			Name: "two segments", UUID: "LVM-x", Dev: "4095:524288", OpenCount: 3, Deferred: true,
			Status: "linear\nlinear", Table: "linear 8:0 0\nlinear 8:16 2048",
		},
		{Name: "x", UUID: "mpath-" + wwid10, Dev: "254:0", Status: "error"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The table of dm-crypt holds the key in clear.
func TestMapsNeverAskForAKey(t *testing.T) {
	k := &dmKernel{devices: []dmDevice{{
		name: "luks", uuid: "CRYPT-LUKS2-x", major: 254,
		status: []string{"0 8 crypt "}, table: []string{"0 8 crypt aes-xts-plain64 00112233445566778899aabbccddeeff 0 8:0 0"},
	}}}
	got, err := mapsOf(t, k)
	if err != nil {
		t.Fatal(err)
	}
	if slices.Contains(k.asked, "table luks") {
		t.Errorf("asked for the key: %v", k.asked)
	}
	if diff := cmp.Diff([]devices.DM{{Name: "luks", UUID: "CRYPT-LUKS2-x", Dev: "254:0", Status: "crypt"}}, got); diff != "" {
		t.Error(diff)
	}
	// A table that becomes an encrypted one between the two requests.
	k = &dmKernel{devices: slices.Clone(k.devices)}
	k.devices[0].status = []string{"0 8 linear "}
	if got, err = mapsOf(t, k); err != nil || got[0].Table != "" {
		t.Errorf("kept %+v, %v", got, err)
	}
}

func TestMapsThatDoNotFitTheFirstBuffer(t *testing.T) {
	k := &dmKernel{}
	for i := range uint32(2000) {
		k.devices = append(k.devices, dmDevice{
			name: fmt.Sprintf("map%04d", i), uuid: fmt.Sprintf("mpath-%033d", i), major: 254, minor: i,
			status: []string{"0 8 multipath 2"}, table: []string{"0 8 multipath 0 " + strings.Repeat("x", int(i)*40)},
		})
	}
	got, err := mapsOf(t, k)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2000 {
		t.Fatalf("%d maps", len(got))
	}
	for i, m := range got {
		d := k.devices[i]
		want := devices.DM{
			Name: d.name, UUID: d.uuid, Dev: fmt.Sprintf("254:%d", i),
			Status: "multipath 2", Table: strings.TrimSpace(strings.SplitN(d.table[0], " ", 3)[2]),
		}
		if diff := cmp.Diff(want, m); diff != "" {
			t.Fatal(diff)
		}
	}
}

// What goes, comes or is renamed while the list is read must not be missed,
// and no answer may mix two devices.
func TestMapsThatChangeMeanwhile(t *testing.T) {
	one := func(name string, minor uint32) dmDevice {
		return dmDevice{
			name: name, uuid: "mpath-" + name, major: 254, minor: minor,
			status: []string{"0 8 multipath " + name}, table: []string{"0 8 multipath " + name},
		}
	}
	dm := func(name string, minor int) devices.DM {
		return devices.DM{
			Name: name, UUID: "mpath-" + name, Dev: fmt.Sprintf("254:%d", minor),
			Status: "multipath " + name, Table: "multipath " + name,
		}
	}
	for _, test := range []struct {
		name string
		// change is made once, before the numbered request.
		at     int
		change func(*dmKernel)
		want   []devices.DM
	}{
		{"renamed", 2, func(k *dmKernel) { k.devices[1].name = "c" }, []devices.DM{
			dm("a", 0),
			{Name: "c", UUID: "mpath-b", Dev: "254:1", Status: "multipath b", Table: "multipath b"},
		}},
		{"removed", 2, func(k *dmKernel) { k.devices = k.devices[1:] }, []devices.DM{dm("b", 1)}},
		{"removed and made anew with another number", 2, func(k *dmKernel) { k.devices[0] = one("a", 9) }, []devices.DM{dm("a", 9), dm("b", 1)}},
		{"number reused before the targets are read", 3, func(k *dmKernel) { k.devices[0] = one("z", 0) }, []devices.DM{dm("z", 0), dm("b", 1)}},
		{"number reused before the table is read", 4, func(k *dmKernel) { k.devices[0] = one("z", 0) }, []devices.DM{dm("z", 0), dm("b", 1)}},
		{"removed before the table is read", 4, func(k *dmKernel) { k.devices = k.devices[1:] }, []devices.DM{dm("b", 1)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &dmKernel{devices: []dmDevice{one("a", 0), one("b", 1)}}
			requests := 0
			k.before = func(uint) {
				if requests++; requests == test.at {
					test.change(k)
				}
			}
			got, err := mapsOf(t, k)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}

	t.Run("without end", func(t *testing.T) {
		k := &dmKernel{devices: []dmDevice{one("a", 0)}}
		k.before = func(request uint) {
			if request == unix.DM_DEV_STATUS {
				k.devices[0].minor++
			}
		}
		got, err := mapsOf(t, k)
		if !errors.Is(err, errChanged) || got != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestMapsErrors(t *testing.T) {
	failing := func(err error) func() (*dmControl, error) {
		return func() (*dmControl, error) { return nil, &os.PathError{Op: "open", Path: dmNode, Err: err} }
	}
	answering := func(err error) func() (*dmControl, error) {
		return func() (*dmControl, error) {
			return &dmControl{call: func(uint, []byte) error { return err }, close: func() {}}, nil
		}
	}
	negative := &dmKernel{devices: []dmDevice{{name: "a", major: 254, open: -1}}}
	for _, test := range []struct {
		name string
		open func() (*dmControl, error)
		is   error
		says string
	}{
		{"no node", failing(unix.ENOENT), fs.ErrNotExist, "modprobe dm_mod"},
		{"not root", failing(unix.EACCES), fs.ErrPermission, "only root"},
		{"no capability", answering(unix.EACCES), fs.ErrPermission, "only root"},
		{"old kernel", answering(unix.ENOTTY), unix.ENOTTY, "list devices"},
		{"an answer of zeros", answering(nil), errShort, "list devices"},
		{"negative open count", negative.open, nil, "open count of -1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &live{timeout: defaultTimeout, openDM: test.open}
			maps, err := l.Maps(t.Context())
			if maps != nil || err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, %v", maps, err)
			}
		})
	}
}

// What could not be read, or is about another device, is no map that lacks
// something.
func TestMapsOfBadAnswers(t *testing.T) {
	table := uint32(unix.DM_STATUS_TABLE_FLAG)
	another := func(answer *unix.DmIoctl) error {
		answer.Dev++
		return nil
	}
	for _, test := range []struct {
		name    string
		request uint
		flags   uint32
		spoil   func(answer *unix.DmIoctl) error
		is      error
		says    string
	}{
		{"status of another", unix.DM_DEV_STATUS, 0, another, nil, "the kernel answered for 254:1"},
		{"targets of another", unix.DM_TABLE_STATUS, 0, another, errChanged, ""},
		{"table of another", unix.DM_TABLE_STATUS, table, another, errChanged, ""},
		{"targets that can't be read", unix.DM_TABLE_STATUS, 0, func(*unix.DmIoctl) error { return unix.EIO }, unix.EIO, "target status"},
		{"a table that can't be read", unix.DM_TABLE_STATUS, table, func(*unix.DmIoctl) error { return unix.EIO }, unix.EIO, "table"},
		{"a name without end", unix.DM_DEV_STATUS, 0, func(answer *unix.DmIoctl) error {
			copy(answer.Name[:], strings.Repeat("x", unix.DM_NAME_LEN))
			return nil
		}, errShort, "status"},
		{"an answer that never fits", unix.DM_DEV_STATUS, 0, func(answer *unix.DmIoctl) error {
			answer.Flags |= unix.DM_BUFFER_FULL_FLAG
			return nil
		}, nil, "larger than 67108864 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			k := &dmKernel{devices: []dmDevice{mapDevice("mpatha", uuid10, 0, 0)}}
			call := func(request uint, buf []byte) error {
				if len(buf) > dmLargestBuffer {
					return unix.ENOMEM
				}
				header := (*unix.DmIoctl)(unsafe.Pointer(&buf[0]))
				flags := header.Flags
				if err := k.ioctl(request, buf); err != nil || request != test.request || flags&table != test.flags {
					return err
				}
				return test.spoil(header)
			}
			l := &live{timeout: defaultTimeout, openDM: func() (*dmControl, error) {
				return &dmControl{call: call, close: func() {}}, nil
			}}
			maps, err := l.Maps(t.Context())
			if maps != nil || err == nil || test.is != nil && !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, %v", maps, err)
			}
		})
	}
}

// The real system call, as far as this machine has device-mapper.
func TestOpenDMOfThisMachine(t *testing.T) {
	control, err := openDM()
	if err == nil {
		control.close()
	}
	if _, missing := os.Stat(dmNode); errors.Is(missing, fs.ErrNotExist) && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no node: %v", err)
	}
}

func TestMapsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unblock := make(chan struct{})
		k := &dmKernel{before: func(uint) { <-unblock }}
		l := &live{timeout: defaultTimeout, openDM: k.open}
		began := time.Now()
		if _, err := l.Maps(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hung: %v", err)
		}
		if took := time.Since(began); took != defaultTimeout {
			t.Errorf("waited %v", took)
		}
		if _, err := l.Maps(t.Context()); !errors.Is(err, errStillOut) {
			t.Errorf("asked again: %v", err)
		}
		close(unblock)
		synctest.Wait()
		if maps, err := l.Maps(t.Context()); err != nil || len(maps) != 0 {
			t.Errorf("after it came back: %v, %v", maps, err)
		}
	})
}

// The layout of linux/dm-ioctl.h, by the numbers.
func TestDMLayout(t *testing.T) {
	got := []int{
		dmHeaderSize, dmSizeAt, dmStartAt, dmTargetsAt, dmOpenAt, dmFlagsAt, dmDevAt, dmNameAt, dmUUIDAt,
		dmSpecSize, dmSpecNextAt, dmSpecTypeAt,
	}
	want := []int{312, 12, 16, 20, 24, 28, 40, 48, 176, 40, 20, 24}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// recordBuffers returns the kernel's answers to all requests about a recorded
// host, for the tests of the decoding alone.
func recordBuffers(t testing.TB, k *dmKernel) [][]byte {
	t.Helper()
	var all [][]byte
	call := func(request uint, buf []byte) error {
		err := k.ioctl(request, buf)
		all = append(all, bytes.Clone(buf))
		return err
	}
	control := &dmControl{call: call, buf: make([]byte, 1024)}
	if _, err := control.maps(); err != nil {
		t.Fatal(err)
	}
	return all
}

// namesIn and targetsIn read an answer that may be anything.
func namesIn(buf []byte) ([]dmName, error) {
	h, err := decodeHeader(buf)
	if err != nil {
		return nil, err
	}
	return decodeNames(h, buf)
}

func targetsIn(buf []byte) ([]dmTarget, error) {
	h, err := decodeHeader(buf)
	if err != nil {
		return nil, err
	}
	return decodeTargets(h, buf)
}

func TestDecodingTruncatedAnswers(t *testing.T) {
	buffers := recordBuffers(t, &dmKernel{devices: []dmDevice{
		{name: "aaaa", uuid: "mpath-a", major: 1, status: []string{"0 8 linear 1", "8 8 linear 2"}, table: []string{"0 8 linear 1", "8 8 linear 2"}},
		{name: "bbbb", uuid: "mpath-b", major: 2},
	}})
	list, targets := buffers[0], buffers[2]
	whole := (*unix.DmIoctl)(unsafe.Pointer(&list[0])).Data_size
	for size := uint32(0); size < whole; size++ {
		cut := bytes.Clone(list)
		(*unix.DmIoctl)(unsafe.Pointer(&cut[0])).Data_size = size
		names, err := namesIn(cut)
		// Where nothing follows the header there is no device: that is how
		// the kernel says it. What comes after the last name may be missing:
		// 7 bytes of padding and 8 of event number.
		if err == nil && size != 312 && size < whole-15 {
			t.Errorf("list cut at %d of %d: %v", size, whole, names)
		}
	}
	whole = (*unix.DmIoctl)(unsafe.Pointer(&targets[0])).Data_size
	for size := uint32(0); size < whole; size++ {
		cut := bytes.Clone(targets)
		(*unix.DmIoctl)(unsafe.Pointer(&cut[0])).Data_size = size
		if got, err := targetsIn(cut); err == nil {
			t.Errorf("targets cut at %d of %d: %v", size, whole, got)
		}
	}
	for n := range 312 {
		if _, err := decodeHeader(list[:n]); !errors.Is(err, errShort) {
			t.Errorf("header of %d bytes: %v", n, err)
		}
	}
	endless := bytes.Clone(list[:312])
	for i := dmNameAt; i < 312; i++ {
		endless[i] = 'x'
	}
	if _, err := decodeHeader(endless); !errors.Is(err, errShort) {
		t.Errorf("a name without end: %v", err)
	}
}

func FuzzDecodeNames(f *testing.F) {
	k := &dmKernel{devices: []dmDevice{{name: "aaaa", major: 1}, {name: "bb", major: 2}}}
	f.Add(recordBuffers(f, k)[0])
	f.Fuzz(func(t *testing.T, buf []byte) {
		before := bytes.Clone(buf)
		names, err := namesIn(buf)
		if err != nil && names != nil {
			t.Errorf("an error and %d names", len(names))
		}
		if len(names)*dmListNameAt > len(buf) {
			t.Errorf("%d names in %d bytes", len(names), len(buf))
		}
		for _, n := range names {
			if strings.Contains(n.name, "\x00") {
				t.Errorf("a NUL in %q", n.name)
			}
		}
		if !bytes.Equal(before, buf) {
			t.Error("decoding changed the buffer")
		}
	})
}

func FuzzDecodeTargets(f *testing.F) {
	k := &dmKernel{devices: []dmDevice{{name: "a", major: 1, status: []string{"0 8 linear 1", "8 8 linear 2"}, table: []string{"0 8 linear", "8 8 linear"}}}}
	f.Add(recordBuffers(f, k)[2])
	f.Fuzz(func(t *testing.T, buf []byte) {
		before := bytes.Clone(buf)
		targets, err := targetsIn(buf)
		if err != nil && targets != nil {
			t.Errorf("an error and %d targets", len(targets))
		}
		if h, herr := decodeHeader(buf); err == nil && (herr != nil || len(targets) != h.targets) {
			t.Errorf("%d targets of %d", len(targets), h.targets)
		}
		if !bytes.Equal(before, buf) {
			t.Error("decoding changed the buffer")
		}
	})
}

// Each length and end of an answer is checked by itself.
func TestDecodingWrongAnswers(t *testing.T) {
	for _, at := range []int{dmNameAt, dmUUIDAt} {
		endless := make([]byte, dmHeaderSize)
		for i := range map[int]int{dmNameAt: unix.DM_NAME_LEN, dmUUIDAt: unix.DM_UUID_LEN}[at] {
			endless[at+i] = 'x'
		}
		if _, err := decodeHeader(endless); !errors.Is(err, errShort) {
			t.Errorf("a text without end at %d: %v", at, err)
		}
	}
	buf := make([]byte, dmHeaderSize+8, dmHeaderSize+64)
	for _, h := range []dmHeader{{start: dmHeaderSize - 1, size: dmHeaderSize}, {start: dmHeaderSize + 8, size: dmHeaderSize}, {start: dmHeaderSize, size: len(buf) + 1}} {
		if _, err := payload(buf, h); !errors.Is(err, errShort) {
			t.Errorf("from %d to %d: %v", h.start, h.size, err)
		}
	}
	answer := func(targets int, data []byte) []byte {
		buf := append(make([]byte, dmHeaderSize), data...)
		encodeRequest(buf[:dmHeaderSize], 0, 0)
		binary.NativeEndian.PutUint32(buf[dmSizeAt:], uint32(len(buf)))
		binary.NativeEndian.PutUint32(buf[dmTargetsAt:], uint32(targets))
		return append(buf[:dmHeaderSize], data...)
	}
	// The next name is inside of this one.
	entry := binary.NativeEndian.AppendUint64(nil, 7)
	entry = append(binary.NativeEndian.AppendUint32(entry, dmListNameAt), "aaaaaaaa\x00\x00\x00\x00b\x00"...)
	if names, err := namesIn(answer(0, entry)); !errors.Is(err, errShort) {
		t.Errorf("%v, %v", names, err)
	}
	// The next target is this one.
	data := targetData([]string{"0 8 linear 1", "8 8 linear 2"})
	binary.NativeEndian.PutUint32(data[dmSpecNextAt:], 0)
	if targets, err := targetsIn(answer(2, data)); !errors.Is(err, errShort) {
		t.Errorf("%v, %v", targets, err)
	}
}
