package kernel

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

var (
	controllerName = regexp.MustCompile(`^nvme\d+$`)
	namespaceName  = regexp.MustCompile(`^nvme\d+n\d+$`)
)

// ClaimNamespace implements release.DeviceWriter. The open can wait for a path that
// is lost, so it is made where it can be left behind.
func (h *writer) ClaimNamespace(ctx context.Context, namespace release.Target) error {
	return h.do(ctx, "namespace "+namespace.Name, "claiming "+namespace.Name, func(context.Context) error {
		return h.claimNamespace(namespace)
	})
}

func (h *writer) claimNamespace(namespace release.Target) error {
	serial, err := evidence.ParseSerial(string(namespace.Serial))
	switch {
	case err != nil || serial != namespace.Serial:
		return fmt.Errorf("%q is not a Pure volume's serial: %w", namespace.Serial, release.ErrOther)
	case !namespaceName.MatchString(namespace.Name):
		return fmt.Errorf("%q is not the kernel's name of a namespace: %w", namespace.Name, release.ErrOther)
	case namespace.Dev == "":
		return fmt.Errorf("without its device number it can't be told from another: %w", release.ErrOther)
	}
	d, err := h.openDirectory("class/block/" + namespace.Name)
	if err != nil {
		return err
	}
	defer d.close()
	if dev, err := d.text("dev"); err != nil || dev != namespace.Dev {
		return fmt.Errorf("its device number is %q and not %s: %w", dev, namespace.Dev, release.ErrOther)
	}
	if is := namespaceSerial(d); is != namespace.Serial {
		return fmt.Errorf("it is volume %q and not %s: %w", is, namespace.Serial, release.ErrOther)
	}
	return h.claim(namespace.Name, namespace.Dev)
}

// namespaceSerial is what the kernel knows the namespace as, which it compares
// with the controller at each scan.
func namespaceSerial(d *directory) evidence.Serial {
	for _, attribute := range []string{"wwid", "nguid"} {
		if text, err := d.text(attribute); err == nil {
			if serial, ok := evidence.SerialOf(text); ok {
				return serial
			}
		}
	}
	return ""
}

// RescanController implements release.DeviceWriter. It reads the list of namespaces
// anew and harms nothing; of a controller that is not live nothing can be
// read.
func (h *writer) RescanController(ctx context.Context, controller string) error {
	return h.do(ctx, "controller "+controller, "scanning the namespaces of controller "+controller, func(context.Context) error {
		return h.rescanController(controller)
	})
}

func (h *writer) rescanController(controller string) error {
	if !controllerName.MatchString(controller) {
		return fmt.Errorf("that is not the kernel's name of a controller: %w", release.ErrOther)
	}
	d, err := h.openDirectory("class/nvme/" + controller)
	if err != nil {
		return err
	}
	defer d.close()
	nqn, err := d.text("subsysnqn")
	if err != nil {
		return err
	}
	if !strings.Contains(strings.ToLower(nqn), "com.purestorage:flasharray") {
		return fmt.Errorf("its subsystem %.100q is not a FlashArray's: %w", nqn, release.ErrOther)
	}
	state, err := d.text("state")
	if err != nil {
		return err
	}
	if state != "live" {
		return fmt.Errorf("its state is %q: %w", state, release.ErrState)
	}
	return withRoot(h.write(d.fd, "rescan_controller", "1"))
}
