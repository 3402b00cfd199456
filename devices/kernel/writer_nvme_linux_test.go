package kernel

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// A namespace is claimed only if it is the one that was meant.
func TestClaimNamespace(t *testing.T) {
	target := release.Target{Name: "nvme0n3", Dev: "259:7", Serial: serial10}
	for _, test := range []struct {
		name   string
		change func(s sysfs, dir string, target *release.Target)
		claim  error
		is     error
	}{
		{"it is", nil, nil, nil},
		{"by its NGUID", func(s sysfs, dir string, _ *release.Target) {
			s.put(dir+"/wwid", "uuid.0123\n")
			s.put(dir+"/nguid", strings.TrimPrefix(serial10.EUI(), "eui.")+"\n")
		}, nil, nil},
		{"claimed", nil, fmt.Errorf("busy: %w", release.ErrInUse), release.ErrInUse},
		{"another number", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/dev", "259:8\n") }, nil, release.ErrOther},
		{"another volume", func(s sysfs, dir string, _ *release.Target) { s.put(dir+"/wwid", serial11.EUI()+"\n") }, nil, release.ErrOther},
		{"no identity", func(s sysfs, dir string, _ *release.Target) { s.remove(dir + "/wwid") }, nil, release.ErrOther},
		{"it has gone", func(s sysfs, _ string, _ *release.Target) { s.remove("class/block/nvme0n3") }, nil, fs.ErrNotExist},
		{"a disk", func(_ sysfs, _ string, d *release.Target) { d.Name = "sda" }, nil, release.ErrOther},
		{"a path", func(_ sysfs, _ string, d *release.Target) { d.Name = "../block/nvme0n3" }, nil, release.ErrOther},
		{"no number", func(_ sysfs, _ string, d *release.Target) { d.Dev = "" }, nil, release.ErrOther},
		{"no number, and none there", func(s sysfs, dir string, d *release.Target) { d.Dev = ""; s.put(dir+"/dev", "\n") }, nil, release.ErrOther},
		{"a serial spelled otherwise, of what has gone", func(s sysfs, _ string, d *release.Target) {
			d.Serial = evidence.Serial(strings.ToLower(string(d.Serial)))
			s.remove("class/block/nvme0n3")
		}, nil, release.ErrOther},
		{"no serial, and none there", func(s sysfs, dir string, d *release.Target) { d.Serial = ""; s.put(dir+"/wwid", "uuid.0123\n") }, nil, release.ErrOther},
		{"no serial", func(_ sysfs, _ string, d *release.Target) { d.Serial = "" }, nil, release.ErrOther},
	} {
		r, s := newRig(), sysfs{t, t.TempDir()}
		r.writer.sysfs = s.root
		const dir = "devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n3"
		s.put(dir+"/dev", "259:7\n")
		s.put(dir+"/wwid", serial10.EUI()+"\n")
		s.put("class/block/x", "")
		if err := os.Symlink("../../"+dir, filepath.Join(s.root, "class/block/nvme0n3")); err != nil {
			t.Fatal(err)
		}
		meant, claims := target, 0
		if test.change != nil {
			test.change(s, dir, &meant)
		}
		r.claim = func(name, dev string) error {
			if claims++; name != "nvme0n3" || dev != "259:7" {
				t.Errorf("claimed %s, %s", name, dev)
			}
			return test.claim
		}
		err := r.ClaimNamespace(t.Context(), meant)
		if !errors.Is(err, test.is) || (err != nil) != (test.is != nil) || (claims > 0) != (test.is == nil || errors.Is(test.is, release.ErrInUse)) {
			t.Errorf("%s: %v, %d claims", test.name, err, claims)
		}
	}
}
