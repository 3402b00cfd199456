//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pureclean/pureclean/simulator/fabric"
)

const nvmetDir = "/sys/kernel/config/nvmet"

// nvmeTarget shows the array's volumes as the kernel's NVMe/TCP target.
type nvmeTarget struct {
	nqn     string
	portals []string
	shown   map[int]string // NSID to serial
}

// newNVMeTarget makes the subsystem and its ports, without a namespace. The
// kernel shows the same namespaces to all hosts, so each machine has a target of
// its own.
func newNVMeTarget(nqn, initiator string, portals []string) (*nvmeTarget, error) {
	t := &nvmeTarget{nqn: nqn, portals: portals, shown: map[int]string{}}
	host := nvmetDir + "/hosts/" + initiator
	err := errors.Join(os.Mkdir(t.subsystem(), 0o755), os.Mkdir(host, 0o755),
		writes(t.subsystem(), "attr_allow_any_host", "0", "attr_model", "Pure Storage FlashArray", "attr_serial", "5D1A2B3C4D5E6F70"),
		os.Symlink(host, t.subsystem()+"/allowed_hosts/"+initiator))
	if err != nil {
		return nil, err
	}
	for n, portal := range portals {
		address, service, _ := strings.Cut(portal, ":")
		if _, err := sh("ip", "address", "add", address+"/32", "dev", "lo"); err != nil {
			return nil, err
		}
		port := fmt.Sprintf("%s/ports/%d", nvmetDir, n+1)
		err := errors.Join(os.Mkdir(port, 0o755),
			writes(port, "addr_adrfam", "ipv4", "addr_trtype", "tcp", "addr_traddr", address, "addr_trsvcid", service),
			t.cut(n, false))
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *nvmeTarget) subsystem() string { return nvmetDir + "/subsystems/" + t.nqn }

// show makes what the hosts see be exports.
func (t *nvmeTarget) show(exports []fabric.Export) error {
	return change(t.shown, exports, func(e fabric.Export) int { return e.NSID }, t.hide, t.add)
}

func (t *nvmeTarget) hide(id int) error {
	return errors.Join(write(t.namespace(id)+"/enable", "0"), os.Remove(t.namespace(id)))
}

func (t *nvmeTarget) namespace(id int) string {
	return fmt.Sprintf("%s/namespaces/%d", t.subsystem(), id)
}

func (t *nvmeTarget) add(e fabric.Export) error {
	file, err := contents(e)
	if err != nil {
		return err
	}
	serial := strings.ToLower(e.Serial)
	dir := t.namespace(e.NSID)
	err = errors.Join(os.Mkdir(dir, 0o755), writes(dir,
		"device_path", file, "buffered_io", "1",
		"device_nguid", "00"+serial[:14]+"24a937"+serial[14:],
		// With a UUID the kernel would name the namespace by that.
		"device_uuid", "00000000-0000-0000-0000-000000000000",
		"enable", "1"))
	if err != nil {
		return err
	}
	t.shown[e.NSID] = e.Serial
	return nil
}

// cut makes a portal unreachable, or reachable again. Its controllers break
// and come back by themselves.
func (t *nvmeTarget) cut(n int, cut bool) error {
	link := fmt.Sprintf("%s/ports/%d/subsystems/%s", nvmetDir, n+1, t.nqn)
	if cut {
		return os.Remove(link)
	}
	return os.Symlink(t.subsystem(), link)
}
