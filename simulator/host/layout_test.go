package host_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/simulator/host"
)

// testdata/recorded-*.txt list what package devices reads on real machines:
// each name that exists there, with the shape of its content. One is Linux 6.1
// with LXD 6.9 and a volume on two paths and one on one path, both mounted;
// the other is Linux 6.12 with two NVMe namespaces on two controllers. The
// numbers of hosts and sessions are those of a machine that just logged in.

// shapeOf is what a file's content looks like without its values.
func shapeOf(name string, data []byte) string {
	switch {
	case len(data) == 0:
		return "empty"
	case strings.Contains(name, "/vpd_pg") || bytes.ContainsRune(data, 0):
		return fmt.Sprintf("page %x", data[1])
	}
	lines := strings.Split(string(data), "\n")
	if !strings.HasSuffix(name, ".out") {
		// Of longer files the first line tells the format.
		lines = lines[:1]
	}
	var shapes []string
	for _, line := range lines {
		if shape := lineShape(line); !slices.Contains(shapes, shape) {
			shapes = append(shapes, shape)
		}
	}
	slices.Sort(shapes)
	return strings.Join(shapes, "|")
}

var (
	hexadecimal = regexp.MustCompile(`\b(0x)?[0-9a-fA-F]{12,}\b|[0-9a-fA-F]{24,}`)
	number      = regexp.MustCompile(`\d+`)
	letters     = regexp.MustCompile(`\bmpath[a-z]\b`)
)

func lineShape(line string) string {
	line = hexadecimal.ReplaceAllString(line, "H")
	line = letters.ReplaceAllString(line, "mpathX")
	return number.ReplaceAllString(strings.Join(strings.Fields(line), " "), "9")
}

// describe tells what a name is: "dir", "link to …" or "file" with its shape.
func describe(fsys fs.FS, name string) string {
	info, err := fs.Lstat(fsys, name)
	if err != nil {
		return "missing"
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, _ := fs.ReadLink(fsys, name)
		return "link to " + lineShape(path.Dir(target)) + "/" + lineShape(path.Base(target))
	}
	if info.IsDir() {
		return "dir"
	}
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return "unreadable"
	}
	return "file " + shapeOf(name, data)
}

// The machines of the recordings.
func recordedISCSI(t *testing.T) world {
	w := newWorld(t, host.Options{
		IQN: "iqn.1993-08.org.debian:01:d4ce7f755aa1",
	})
	w.attach(vol1)
	w.array.connect(w.IQN(), vol2)
	w.RescanFirst()
	w.Device(vol2)
	w.must(w.Mount(vol1, w.MountPath("purepool", "containers", "c1"), host.LXDNamespace))
	w.must(w.Mount(vol2, w.MountPath("purepool", "custom", "default_fs1"), host.LXDNamespace))
	return w
}

func recordedNVMe(t *testing.T) world {
	w := newWorld(t, host.Options{ServerUUID: "0198ccbf-f421-71bd-9bf0-d71e6af8e308"})
	w.attachNVMe("7A9AD0A2CE6B4C5A00011010", "7A9AD0A2CE6B4C5A00011011")
	return w
}

func TestLayoutIsTheKernels(t *testing.T) {
	for file, machine := range map[string]func(*testing.T) world{
		"testdata/recorded-iscsi.txt": recordedISCSI,
		"testdata/recorded-nvme.txt":  recordedNVMe,
	} {
		t.Run(file, func(t *testing.T) {
			dir := t.TempDir()
			w := machine(t)
			w.must(w.WriteTo(dir))
			rendered, err := devices.FromDir(dir)
			w.must(err)
			list, err := os.ReadFile(file)
			w.must(err)
			n := 0
			for line := range strings.Lines(string(list)) {
				name, wanted, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
				if !ok {
					t.Fatalf("line %q", line)
				}
				n++
				if got := describe(rendered.FS, name); got != wanted {
					t.Errorf("%s\n got  %s\n want %s", name, got, wanted)
				}
			}
			if n < 50 {
				t.Errorf("only %d names were compared", n)
			}
		})
	}
}

// The inquiry's fields are padded with blanks, which readers must cope with.
func TestPadding(t *testing.T) {
	w := recordedISCSI(t)
	w.attachNVMe(vol3)
	for name, wanted := range map[string]string{
		"sys/block/sda/device/vendor":                     "PURE    \n",
		"sys/block/sda/device/model":                      "FlashArray      \n",
		"sys/block/sda/device/vpd_pg80":                   "\x00\x80\x00\x18" + vol1,
		"sys/block/sda/stat":                              fmt.Sprintf("%8d%9d%9d%9d"+strings.Repeat("%9d", 13)+"\n", 48, 0, 384, 48, 0, 0, 0, 0, 0, 48, 48, 0, 0, 0, 0, 0, 0),
		"sys/block/nvme0c1n1/hidden":                      "1\n",
		"sys/class/nvme/nvme0/serial":                     "4A1B2C3D4E5F6071    \n",
		"sys/class/nvme-subsystem/nvme-subsys0/model":     "Pure Storage FlashArray                 \n",
		"sys/block/nvme0n1/nguid":                         "00d5bc07-893d-61b5-24a9-371b00011014\n",
		"etc/iscsi/initiatorname.iscsi":                   "InitiatorName=iqn.1993-08.org.debian:01:d4ce7f755aa1\n",
		"proc/self/comm":                                  "pureclean\n",
		"sys/class/scsi_device/0:0:0:1/device/wwid":       "naa.624a9370d5bc07893d61b51b0001100a\n",
		"sys/dev/block/253:0/slaves/sdb/holders/dm-0/dev": "253:0\n",
	} {
		got, err := fs.ReadFile(w.FS(), name)
		if err != nil || string(got) != wanted {
			t.Errorf("%s: %q, %v; want %q", name, got, err, wanted)
		}
	}
	if _, err := fs.Stat(w.FS(), "sys/block/nvme0c1n1/dev"); err == nil {
		t.Error("a hidden device has a number")
	}
}
