package records

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An LXD that is merely stopped is not called absent, and nobody who has one is
// shown the demo.
func TestStoppedIsNotAbsent(t *testing.T) {
	const socket = "/nowhere/unix.socket"
	for sign, start := range map[string]string{
		"var/snap/lxd": "snap start lxd",
		"etc/systemd/system/snap.lxd.daemon.service": "snap start lxd",
		"var/lib/lxd":                        "systemctl start lxd",
		"usr/lib/systemd/system/lxd.service": "systemctl start lxd",
	} {
		root := t.TempDir()
		if err := absent(socket, root); !errors.Is(err, errNoLXD) || !strings.Contains(Hint(err), "pureclean demo") {
			t.Errorf("an empty machine: %v, hint %q", err, Hint(err))
		}
		if err := os.MkdirAll(filepath.Join(root, sign), 0o700); err != nil {
			t.Fatal(err)
		}
		err := absent(socket, root)
		if !errors.Is(err, errStopped) || errors.Is(err, errNoLXD) || !hopeless(err) {
			t.Errorf("%s: %v", sign, err)
		}
		mentions(t, err.Error(), socket, "stopped")
		mentions(t, Hint(err), start, "LXD_SOCKET")
		if strings.Contains(Hint(err), "demo") {
			t.Errorf("%s: hint %q", sign, Hint(err))
		}
	}
}

// A sign that can't be looked at may be one.
func TestASignThatIsHidden(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "var", "snap"), 0o700); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(root, "var", "snap", "lxd")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	if err := absent("/nowhere", root); !errors.Is(err, errStopped) {
		t.Errorf("%v", err)
	}
}
