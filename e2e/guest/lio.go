//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pureclean/pureclean/simulator/fabric"
)

const (
	targetDir = "/sys/kernel/config/target"
	// backing is where the volumes' contents are.
	backing = "/var/tmp/volumes"
)

// scsiTarget shows the array's volumes as the kernel's iSCSI target, one
// portal group per portal.
type scsiTarget struct {
	iqn, initiator string
	portals        []string
	// first keeps the numbers of the groups' units apart, which are not those
	// that an initiator sees.
	first int
	shown map[int]string // LUN to serial
}

// newSCSITarget makes the target and its portals, without a volume.
func newSCSITarget(iqn, initiator string, portals []string) (*scsiTarget, error) {
	t := &scsiTarget{iqn: iqn, initiator: initiator, portals: portals, shown: map[int]string{}}
	if err := os.MkdirAll(targetDir+"/core/fileio_0", 0o755); err != nil {
		return nil, err
	}
	for n, portal := range portals {
		if _, err := sh("ip", "address", "add", hostOf(portal)+"/32", "dev", "lo"); err != nil {
			return nil, err
		}
		dir := t.group(n)
		for _, part := range []string{"np/" + portal, "acls/" + initiator} {
			if err := os.MkdirAll(filepath.Join(dir, part), 0o755); err != nil {
				return nil, err
			}
		}
		if err := writes(dir, "attrib/authentication", "0", "attrib/generate_node_acls", "0", "enable", "1"); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// also is the same target as another machine sees it.
func (t *scsiTarget) also(initiator string) (*scsiTarget, error) {
	other := &scsiTarget{iqn: t.iqn, initiator: initiator, portals: t.portals, first: t.first + 10000, shown: map[int]string{}}
	for n := range t.portals {
		if err := os.Mkdir(other.group(n)+"/acls/"+initiator, 0o755); err != nil {
			return nil, err
		}
	}
	return other, nil
}

func hostOf(portal string) string {
	address, _, _ := strings.Cut(portal, ":")
	return address
}

// group is the directory of the nth portal's group.
func (t *scsiTarget) group(n int) string {
	return fmt.Sprintf("%s/iscsi/%s/tpgt_%d", targetDir, t.iqn, n+1)
}

// show makes what the initiator sees be exports.
func (t *scsiTarget) show(exports []fabric.Export) error {
	return change(t.shown, exports, func(e fabric.Export) int { return e.LUN }, t.hide, t.add)
}

// change hides what is shown and not among exports, and then adds what is new there.
func change(shown map[int]string, exports []fabric.Export, number func(fabric.Export) int, hide func(int) error, add func(fabric.Export) error) error {
	want := map[int]fabric.Export{}
	for _, e := range exports {
		want[number(e)] = e
	}
	var failed []error
	for n, serial := range shown {
		if want[n].Serial != serial {
			delete(shown, n)
			failed = append(failed, hide(n))
		}
	}
	for n, e := range want {
		if shown[n] == "" {
			failed = append(failed, add(e))
		}
	}
	return errors.Join(failed...)
}

func (t *scsiTarget) add(e fabric.Export) error {
	store, err := backstore(e)
	if err != nil {
		return err
	}
	for n := range t.portals {
		lun := fmt.Sprintf("%s/lun/lun_%d", t.group(n), t.first+e.LUN)
		mapped := fmt.Sprintf("%s/acls/%s/lun_%d", t.group(n), t.initiator, e.LUN)
		if err := errors.Join(os.Mkdir(lun, 0o755), os.Symlink(store, lun+"/port"),
			os.Mkdir(mapped, 0o755), os.Symlink(lun, mapped+"/map")); err != nil {
			return err
		}
	}
	t.shown[e.LUN] = e.Serial
	return nil
}

// hide takes a LUN away: from the initiator first, then from the group. A
// command that is under way is waited for by the kernel.
func (t *scsiTarget) hide(lun int) error {
	for n := range t.portals {
		group := fmt.Sprintf("%s/lun/lun_%d", t.group(n), t.first+lun)
		mapped := fmt.Sprintf("%s/acls/%s/lun_%d", t.group(n), t.initiator, lun)
		if err := errors.Join(os.Remove(mapped+"/map"), os.Remove(mapped), os.Remove(group+"/port"), os.Remove(group)); err != nil {
			return err
		}
	}
	return nil
}

// backstore makes a volume known to the target core, as one of Pure's. It
// stays when the volume is disconnected, and so does its content.
func backstore(e fabric.Export) (dir string, err error) {
	dir = targetDir + "/core/fileio_0/" + e.Serial
	if exists(dir) {
		return dir, nil
	}
	file, err := contents(e)
	if err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return "", err
	}
	return dir, writes(dir,
		"control", fmt.Sprintf("fd_dev_name=%s,fd_dev_size=%d,fd_buffered_io=1", file, e.Bytes),
		"enable", "1",
		"wwn/vendor_id", "PURE", "wwn/product_id", "FlashArray", "wwn/revision", "8888", "wwn/company_id", "0x24a937",
		// The first digit of a serial of 25 fills the last place of the
		// vendor's extension, which is 0 on the array.
		"wwn/vpd_unit_serial", "0"+e.Serial,
		// What mkfs clears at once.
		"attrib/max_write_same_len", "65535")
}

// contents is the file with the volume's content; a new one is empty.
func contents(e fabric.Export) (string, error) {
	if err := os.MkdirAll(backing, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(backing, e.Serial)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	return path, errors.Join(file.Truncate(e.Bytes), file.Close())
}

// cut makes a portal unreachable, or reachable again. The sessions through it
// break and come back by themselves.
func (t *scsiTarget) cut(n int, cut bool) error {
	value := "1"
	if cut {
		value = "0"
	}
	return write(t.group(n)+"/enable", value)
}
