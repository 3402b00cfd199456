package kernel

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/evidence"
)

const serial11 = evidence.Serial("7A9AD0A2CE6B4C5A00011011")

// The 64-bit layout of struct sg_io_hdr in scsi/sg.h, by the numbers.
func TestSGHeaderLayout(t *testing.T) {
	var h sgHeader
	got := []uintptr{
		unsafe.Offsetof(h.dxferLen), unsafe.Offsetof(h.dxfer), unsafe.Offsetof(h.cmd), unsafe.Offsetof(h.sense),
		unsafe.Offsetof(h.timeout), unsafe.Offsetof(h.packID), unsafe.Offsetof(h.usrPtr), unsafe.Offsetof(h.status),
		unsafe.Offsetof(h.senseLen), unsafe.Offsetof(h.hostStatus), unsafe.Offsetof(h.driverStatus),
		unsafe.Offsetof(h.resid), unsafe.Offsetof(h.info), unsafe.Sizeof(h),
	}
	want := []uintptr{12, 16, 24, 32, 40, 48, 56, 64, 67, 68, 70, 72, 80, 88}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestInquiryCommandOnlyReadsThePage(t *testing.T) {
	want := []byte{0x12, 0x01, 0x83, 0x04, 0x00, 0x00}
	if diff := cmp.Diff(want, inquiryCommand(pageIdentification, inquiryBytes)); diff != "" {
		t.Error(diff)
	}
}

func TestReplyStaysWithinItsBuffers(t *testing.T) {
	sense := make([]byte, senseBytes)
	for _, test := range []struct {
		resid    int32
		senseLen uint8
		n, sense int
	}{
		{resid: 0, n: 100},
		{resid: 60, n: 40},
		{resid: 100, n: 0},
		{resid: 123, n: 0}, // as seen: more than was asked for
		{resid: -5, n: 0},
		{senseLen: 18, n: 100, sense: 18},
		{senseLen: 255, n: 100, sense: senseBytes},
	} {
		r := replyOf(&sgHeader{resid: test.resid, senseLen: test.senseLen}, 100, sense)
		if r.n != test.n || len(r.sense) != test.sense {
			t.Errorf("resid %d, sense %d: %d bytes, %d of sense", test.resid, test.senseLen, r.n, len(r.sense))
		}
	}
}

// page makes VPD page 0x83 of designators.
func page(first byte, designators ...[]byte) []byte {
	var body []byte
	for _, d := range designators {
		body = append(body, d...)
	}
	return append([]byte{first, 0x83, byte(len(body) >> 8), byte(len(body))}, body...)
}

func named(codeSet, associationAndType byte, value string) []byte {
	return append([]byte{codeSet, associationAndType, 0, byte(len(value))}, value...)
}

const (
	naaPure11 = "\x62\x4a\x93\x70\x7a\x9a\xd0\xa2\xce\x6b\x4c\x5a\x00\x01\x10\x11"
	naaPure12 = "\x62\x4a\x93\x70\x7a\x9a\xd0\xa2\xce\x6b\x4c\x5a\x00\x01\x10\x12"
	naaOther  = "\x60\x01\x40\x50\x7a\x9a\xd0\xa2\xce\x6b\x4c\x5a\x00\x01\x10\x11"
)

func TestIdentity(t *testing.T) {
	recorded, err := os.ReadFile("testdata/healthy/vpd_pg83")
	if err != nil {
		t.Fatal(err)
	}
	fixed := func(key, asc, ascq byte) []byte {
		return []byte{0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0}
	}
	pure := named(1, 3, naaPure11)
	const (
		known = evidence.IdentityKnown
		gone  = evidence.IdentityGone
		none  = evidence.IdentityUnknown
	)
	for _, test := range []struct {
		name   string
		reply  scsiReply
		data   []byte
		kind   evidence.IdentityKind
		serial evidence.Serial
		why    string
	}{
		{"recorded page", scsiReply{}, recorded, known, serial11, ""},
		{"recorded page, after it zeros", scsiReply{n: 1024}, append(recorded[:len(recorded):len(recorded)], make([]byte, 1024)...), known, serial11, ""},
		{"another vendor's", scsiReply{}, page(0, named(1, 3, naaOther)), known, "", "not a Pure volume"},
		{"only a vendor's text", scsiReply{}, page(0, named(2, 1, "LIO-ORG disk")), known, "", "not a Pure volume"},
		{"port and target identifiers are not the unit's", scsiReply{}, page(0, named(1, 0x13, naaPure12), named(1, 0x23, naaPure12), pure), known, serial11, ""},
		{"twice the same", scsiReply{}, page(0, pure, pure), known, serial11, ""},
		{"beside another vendor's", scsiReply{}, page(0, named(1, 3, naaOther), pure), known, serial11, ""},

		{"no such unit, fixed sense", scsiReply{status: 2, driver: 8, sense: fixed(5, 0x25, 0)}, nil, gone, "", "5/25/00"},
		{"no such unit, without the driver's flag", scsiReply{status: 2, sense: fixed(5, 0x25, 0)}, nil, gone, "", "5/25/00"},
		{"no such unit, descriptor sense", scsiReply{status: 2, driver: 8, sense: []byte{0x72, 5, 0x25, 0, 0, 0, 0, 0}}, nil, gone, "", "5/25/00"},
		{"qualifier 1", scsiReply{}, page(0x20, pure), gone, "", "qualifier 1"},
		{"qualifier 3", scsiReply{}, page(0x7f), gone, "", "qualifier 3"},
		{"qualifier 3, standard data", scsiReply{}, []byte{0x7f, 0, 6, 2, 91, 0, 0, 0}, gone, "", "qualifier 3"},

		{"no connection", scsiReply{host: 1}, nil, none, "", "host status 0x1"},
		{"no connection, with sense of gone", scsiReply{host: 1, status: 2, driver: 8, sense: fixed(5, 0x25, 0)}, nil, none, "", "host status 0x1"},
		{"no connection, with a page", scsiReply{host: 0xf}, recorded, none, "", "host status 0xf"},
		{"driver timeout", scsiReply{driver: 6}, recorded, none, "", "driver status 0x6"},
		{"busy", scsiReply{status: 8}, recorded, none, "", "status 0x8"},
		{"reservation conflict", scsiReply{status: 0x18}, recorded, none, "", "status 0x18"},
		{"not ready", scsiReply{status: 2, driver: 8, sense: fixed(2, 4, 0xb)}, nil, none, "", "2/04/0b"},
		{"page not supported", scsiReply{status: 2, driver: 8, sense: fixed(5, 0x24, 0)}, nil, none, "", "5/24/00"},
		{"another qualifier of 25", scsiReply{status: 2, driver: 8, sense: fixed(5, 0x25, 1)}, nil, none, "", "5/25/01"},
		{"key of 25/00 is not illegal request", scsiReply{status: 2, driver: 8, sense: fixed(6, 0x25, 0)}, nil, none, "", "6/25/00"},
		{"deferred error", scsiReply{status: 2, driver: 8, sense: append([]byte{0x71}, fixed(5, 0x25, 0)[1:]...)}, nil, none, "", "without a reason"},
		{"deferred error, descriptor", scsiReply{status: 2, driver: 8, sense: []byte{0x73, 5, 0x25, 0, 0, 0, 0, 0}}, nil, none, "", "without a reason"},
		{"no sense", scsiReply{status: 2}, nil, none, "", "without a reason"},
		{"short sense", scsiReply{status: 2, driver: 8, sense: fixed(5, 0x25, 0)[:13]}, nil, none, "", "without a reason"},
		{"sense without additional code", scsiReply{status: 2, driver: 8, sense: []byte{0x70, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x25, 0}}, nil, none, "", "without a reason"},
		{"status good but zeros", scsiReply{}, make([]byte, 252), none, "", "page 0x0"},
		{"nothing", scsiReply{}, nil, none, "", "sent 0 bytes"},
		{"another page", scsiReply{}, []byte{0, 0x80, 0, 0}, none, "", "page 0x80"},
		{"empty page", scsiReply{}, page(0), none, "", "not itself"},
		{"only ports", scsiReply{}, page(0, named(1, 0x13, naaPure12)), none, "", "not itself"},
		{"cut page", scsiReply{}, page(0, pure)[:20], none, "", "of which 20 came"},
		{"page of which less came", scsiReply{n: 10}, page(0, pure), none, "", "of which 10 came"},
		{"identifier longer than the page", scsiReply{}, page(0, pure[:12]), none, "", "within an identifier"},
		{"half an identifier's header", scsiReply{}, page(0, pure, []byte{1, 3}), none, "", "within an identifier"},
		{"two serials", scsiReply{}, page(0, pure, named(1, 3, naaPure12)), none, "", "two serials"},
		{"NAA as text", scsiReply{}, page(0, named(2, 3, naaPure11)), none, "", "malformed NAA"},
		{"short NAA", scsiReply{}, page(0, named(1, 3, naaPure11[:12])), none, "", "malformed NAA"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.reply.n == 0 {
				test.reply.n = len(test.data)
			}
			got := test.reply.identity(test.data)
			if got.Kind != test.kind || got.Serial != test.serial || !strings.Contains(got.Why, test.why) {
				t.Errorf("%+v", got)
			}
			if (got.Why == "") != (got.Serial != "") {
				t.Errorf("%+v: a reason is owed exactly when there is no serial", got)
			}
		})
	}
}

// Whatever a device sends, only a page that names one Pure unit gives a
// serial, and only the target's own word makes it gone.
func FuzzIdentity(f *testing.F) {
	f.Add(uint8(0), uint16(0), uint16(0), []byte{}, page(0, named(1, 3, naaPure11)))
	f.Add(uint8(2), uint16(0), uint16(8), []byte{0x72, 5, 0x25, 0}, []byte{})
	f.Add(uint8(0), uint16(0), uint16(0), []byte{}, []byte{0x7f, 0, 0, 0})
	f.Fuzz(func(t *testing.T, status uint8, host, driver uint16, sense, data []byte) {
		got := scsiReply{status: status, host: host, driver: driver, sense: sense, n: len(data)}.identity(data)
		switch got.Kind {
		case evidence.IdentityKnown:
			if status != 0 || host != 0 || got.Serial != "" && len(got.Serial) != 24 {
				t.Errorf("known: %+v", got)
			}
		case evidence.IdentityGone:
			if host != 0 || got.Serial != "" || (status == 0 && data[0]>>5 == 0) || (status != 0 && len(sense) < 4) {
				t.Errorf("gone: %+v", got)
			}
		default:
			if got.Serial != "" || got.Why == "" {
				t.Errorf("unknown: %+v", got)
			}
		}
	})
}

// aDisk is a machine with sdb, of which a test changes one thing.
type aDisk struct {
	state, dev string
	node       string
	open       error
	replies    []func(data []byte) (scsiReply, error)
	opened     int
	closed     int
	asked      int
}

func (d *aDisk) kernel() *live {
	return &live{
		timeout: defaultTimeout,
		attribute: func(name string) (string, error) {
			value, ok := map[string]string{"block/sdb/device/state": d.state, "block/sdb/dev": d.dev}[name]
			if !ok || value == "" {
				return "", &os.PathError{Op: "open", Path: "/sys/" + name, Err: unix.ENOENT}
			}
			return value, nil
		},
		openDisk: func(name string) (*scsiDisk, error) {
			d.opened++
			if d.open != nil {
				return nil, &os.PathError{Op: "open", Path: "/dev/" + name, Err: d.open}
			}
			return &scsiDisk{
				dev: d.node,
				inquire: func(_ byte, data []byte) (scsiReply, error) {
					reply := d.replies[min(d.asked, len(d.replies)-1)]
					d.asked++
					return reply(data)
				},
				close: func() { d.closed++ },
			}, nil
		},
	}
}

func healthyDisk() *aDisk {
	return &aDisk{state: "running", dev: "8:16", node: "8:16", replies: []func([]byte) (scsiReply, error){
		answer(page(0, named(1, 3, naaPure11))),
	}}
}

func answer(p []byte) func([]byte) (scsiReply, error) {
	return func(data []byte) (scsiReply, error) { return scsiReply{n: copy(data, p)}, nil }
}

func TestIdentify(t *testing.T) {
	unitAttention := func([]byte) (scsiReply, error) {
		return scsiReply{status: 2, driver: 8, sense: []byte{0x72, 6, 0x3f, 0x0e, 0, 0, 0, 0}}, nil
	}
	for _, test := range []struct {
		name   string
		disk   string
		change func(*aDisk)
		want   evidence.Identity
		// opened and asked are what the device felt of it.
		opened, asked int
	}{
		{
			name: "healthy", opened: 1, asked: 1,
			want: evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial11},
		},
		{
			name: "blocked", change: func(d *aDisk) { d.state = "blocked" },
			want: evidence.Identity{Why: `its state is "blocked"`},
		},
		{
			name: "no state", change: func(d *aDisk) { d.state = "" },
			want: evidence.Identity{Why: "no such file"},
		},
		{
			name: "gone from sysfs", change: func(d *aDisk) { d.dev = "" },
			want: evidence.Identity{Why: "no such file"},
		},
		{
			name: "node of another device", change: func(d *aDisk) { d.node = "8:32" }, opened: 1,
			want: evidence.Identity{Why: "/dev/sdb is device 8:32, but sdb is 8:16"},
		},
		{
			name: "open: path lost", change: func(d *aDisk) { d.open = unix.ENXIO }, opened: 1,
			want: evidence.Identity{Why: "says nothing about the volume"},
		},
		{
			name: "open: not root", change: func(d *aDisk) { d.open = unix.EACCES }, opened: 1,
			want: evidence.Identity{Why: "only root may ask"},
		},
		{
			name: "ioctl: path lost", opened: 1, asked: 1,
			change: func(d *aDisk) {
				d.replies[0] = func([]byte) (scsiReply, error) { return scsiReply{}, unix.ENODEV }
			},
			want: evidence.Identity{Why: "says nothing about the volume"},
		},
		{
			name: "unit attention first", opened: 1, asked: 2,
			change: func(d *aDisk) { d.replies = append([]func([]byte) (scsiReply, error){unitAttention}, d.replies...) },
			want:   evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial11},
		},
		{
			name: "unit attention always", opened: 1, asked: 2,
			change: func(d *aDisk) { d.replies[0] = unitAttention },
			want:   evidence.Identity{Why: "sense 6/3f/0e"},
		},
		{name: "path for a name", disk: "../sdb", want: evidence.Identity{Why: "not the kernel's name"}},
		{name: "a map", disk: "dm-0", want: evidence.Identity{Why: "not the kernel's name"}},
		{name: "a partition", disk: "sdb1", want: evidence.Identity{Why: "not the kernel's name"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := healthyDisk()
			if test.change != nil {
				test.change(d)
			}
			if test.disk == "" {
				test.disk = "sdb"
			}
			got := d.kernel().Identify(t.Context(), test.disk)
			if diff := cmp.Diff(test.want, got, cmpopts.IgnoreFields(evidence.Identity{}, "Why")); diff != "" {
				t.Error(diff)
			}
			if !strings.Contains(got.Why, test.want.Why) {
				t.Errorf("because %q", got.Why)
			}
			if d.opened != test.opened || d.asked != test.asked {
				t.Errorf("opened %d times, asked %d times", d.opened, d.asked)
			}
			if opens := d.opened; d.open == nil && d.closed != opens {
				t.Errorf("opened %d times, closed %d times", opens, d.closed)
			}
		})
	}
}

// A disk that hangs costs its caller the time that the caller has, and the
// process one goroutine, however often it is asked for.
func TestIdentifyADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unblock := make(chan struct{})
		d := healthyDisk()
		healthy := d.replies[0]
		d.replies[0] = func(data []byte) (scsiReply, error) {
			<-unblock
			return healthy(data)
		}
		l := d.kernel()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if got := l.Identify(ctx, "sdb"); got.Kind != evidence.IdentityUnknown || !strings.Contains(got.Why, "left behind") {
			t.Errorf("hung: %+v", got)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("waited %v", took)
		}
		for range 10 {
			if got := l.Identify(t.Context(), "sdb"); got.Kind != evidence.IdentityUnknown || !strings.Contains(got.Why, "not asked twice") {
				t.Errorf("asked again: %+v", got)
			}
		}
		synctest.Wait()
		if d.opened != 1 {
			t.Errorf("%d goroutines hang", d.opened)
		}
		if got := l.Identify(t.Context(), "sdc"); !strings.Contains(got.Why, "no such file") {
			t.Errorf("another disk: %+v", got)
		}
		close(unblock)
		synctest.Wait()
		if d.closed != 1 {
			t.Error("what was left behind did not close its disk")
		}
		want := evidence.Identity{Kind: evidence.IdentityKnown, Serial: serial11}
		if diff := cmp.Diff(want, l.Identify(t.Context(), "sdb")); diff != "" {
			t.Error(diff)
		}
	})
}

func TestIdentifyWaitsWithinReasonForACallerWithoutDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unblock := make(chan struct{})
		d := healthyDisk()
		d.replies[0] = func([]byte) (scsiReply, error) {
			<-unblock
			return scsiReply{}, unix.EIO
		}
		began := time.Now()
		if got := d.kernel().Identify(t.Context(), "sdb"); got.Kind != evidence.IdentityUnknown {
			t.Errorf("%+v", got)
		}
		if took := time.Since(began); took != defaultTimeout {
			t.Errorf("waited %v", took)
		}
		close(unblock)
	})
}

func TestIdentifyWithoutTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := healthyDisk()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := d.kernel().Identify(ctx, "sdb")
		synctest.Wait()
		if got.Kind != evidence.IdentityUnknown || d.opened != 0 {
			t.Errorf("%+v, opened %d times", got, d.opened)
		}
	})
}

// The real system calls, as far as a machine without such a disk has them.
func TestOpenDiskOfThisMachine(t *testing.T) {
	if _, err := openDisk("sdzzzzzzzzzzzz"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such disk: %v", err)
	}
	if _, err := openDisk("null"); !errors.Is(err, unix.ENOTBLK) {
		t.Errorf("/dev/null: %v", err)
	}
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := inquire(int(file.Fd()), pageIdentification, make([]byte, 64)); !errors.Is(err, unix.ENOTTY) {
		t.Errorf("INQUIRY to /dev/null: %v", err)
	}
}

func TestDiskNames(t *testing.T) {
	for name, want := range map[string]bool{
		"sda": true, "sdzzz": true, "": false, "s": false, "sd": false, "sda1": false, "sd{": false, "sdA": false, "xda": false, "sd/": false, "sd" + strings.Repeat("a", 15): false,
	} {
		if got := isDiskName(name); got != want {
			t.Errorf("%q is a disk's name: %t", name, got)
		}
	}
}

func TestShortSense(t *testing.T) {
	for _, b := range [][]byte{nil, {0x70}, {0x72}, {0x72, 6, 0x29}} {
		if got, ok := decodeSense(b); ok {
			t.Errorf("%x is %v", b, got)
		}
	}
}
