package hostlog

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

func TestBoottime(t *testing.T) {
	for line, want := range map[string]time.Duration{
		"[   12.345678] x": 12345678 * time.Microsecond,
		"[99999.000001] ":  99999*time.Second + time.Microsecond,
		"12.345678] x":     -1,
		"[12.345678":       -1,
		"[x.345678] x":     -1,
		"[-1.345678] x":    -1,
		"[1.34567] x":      -1,
		"[1.3456789] x":    -1,
		"[1.34567x] x":     -1,
		"[1] x":            -1,
	} {
		got, _, ok := boottime(line)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %s, %v", line, got, ok)
		}
	}
}

func TestCutStamp(t *testing.T) {
	for line, want := range map[string]bool{
		"Nov 22 08:24:19 host kernel: x": true, "Nov 22 08:24:19xhost kernel: x": false, "Nov 22 08:24:19": false,
	} {
		if stamp, rest, ok := cutStamp(line, time.Stamp); ok != want || ok && (stamp != "Nov 22 08:24:19" || rest != "host kernel: x") {
			t.Errorf("%q: %q, %q, %v", line, stamp, rest, ok)
		}
	}
}

func TestDiskName(t *testing.T) {
	for dev, want := range map[string]string{
		"8:0": "sda", "8:240": "sdp", "65:0": "sdq", "71:240": "sddx", "128:0": "sddy", "135:240": "sdiv", "8:256": "sdiw",
		"8": "", "8:": "", "x:0": "", "8:x": "", "8:17": "", "8:-16": "", "8:2097152": "", "9:0": "", "64:0": "", "72:0": "", "136:0": "",
	} {
		if got, ok := diskName(dev); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v; want %q", dev, got, ok, want)
		}
	}
}

// A map of which a log tells without its time is not known yet.
func TestMapKnown(t *testing.T) {
	a := evidence.Arrival{Serial: "7A9AD0A2CE6B4C5A00011001"}
	r := logReader{arrivals: []evidence.Arrival{a}}
	if r.mapKnown(a) {
		t.Error("a disk's arrival is taken for its map's")
	}
	r.arrivals[0].MapMS = evidence.CountOf(5)
	if !r.mapKnown(a) {
		t.Error("the same map is told twice")
	}
}

// faulty is a log that fails at one point.
type faulty struct {
	fs.FileInfo
	open, seek, read error
}

func (f faulty) Open(string) (fs.File, error)   { return f, f.open }
func (f faulty) Stat() (fs.FileInfo, error)     { return f, nil }
func (f faulty) Close() error                   { return nil }
func (f faulty) Mode() fs.FileMode              { return 0 }
func (f faulty) Size() int64                    { return logTail + 1 }
func (f faulty) Seek(int64, int) (int64, error) { return 1, f.seek }
func (f faulty) Read([]byte) (int, error)       { return 0, f.read }

// opening fails only where the log is opened, not where it is looked at.
type opening struct{ faulty }

func (o opening) Stat(string) (fs.FileInfo, error) { return o.faulty, nil }

// What could not be read of a log is an error, and no empty log.
func TestUnreadableLog(t *testing.T) {
	broken := errors.New("broken")
	for name, f := range map[string]faulty{"open": {open: broken}, "seek": {seek: broken}, "read": {read: broken}} {
		r := logReader{Tree: hostfs.Tree{FS: opening{f}}}
		if text, err := r.tail("x", logTail); !errors.Is(err, broken) {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	// Opening what is no file may never end.
	tree := treefs.New()
	tree.AddDevice("x", 8, 0, false)
	r := logReader{Tree: hostfs.Tree{FS: tree}}
	if text, err := r.tail("x", logTail); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a device: %q, %v", text, err)
	}
}
