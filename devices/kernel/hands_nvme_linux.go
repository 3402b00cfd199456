package kernel

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/pureclean/pureclean/devices"
)

var controllerName = regexp.MustCompile(`^nvme\d+$`)

// RescanController implements devices.Hands. It reads the list of namespaces
// anew and harms nothing; of a controller that is not live nothing can be
// read.
func (h *hands) RescanController(ctx context.Context, controller string) error {
	ctx, cancel := context.WithTimeout(ctx, h.live.patience)
	defer cancel()
	err := h.change(ctx, "controller "+controller, func() error { return h.rescanController(controller) })
	if err != nil {
		return fmt.Errorf("scanning the namespaces of controller %s: %w", controller, err)
	}
	return nil
}

func (h *hands) rescanController(controller string) error {
	if !controllerName.MatchString(controller) {
		return fmt.Errorf("that is not the kernel's name of a controller: %w", devices.ErrOther)
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
		return fmt.Errorf("its subsystem %.100q is not a FlashArray's: %w", nqn, devices.ErrOther)
	}
	state, err := d.text("state")
	if err != nil {
		return err
	}
	if state != "live" {
		return fmt.Errorf("its state is %q: %w", state, devices.ErrState)
	}
	return withRoot(h.write(d.fd, "rescan_controller", "1"))
}
