package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The requests that change a device. Each names it by its uuid, for which the
// kernel looks and acts under one lock: a number or a name may be another
// device's by the time the request arrives, a uuid never is.

// statusByUUID describes a device, and reports whether there is one.
func (c *dmControl) statusByUUID(uuid string) (dmHeader, bool, error) {
	h, err := c.byUUID(unix.DM_DEV_STATUS, uuid, nil)
	if errors.Is(err, unix.ENXIO) {
		return dmHeader{}, false, nil
	}
	if err == nil && h.uuid != uuid {
		err = fmt.Errorf("the kernel answered for %q", h.uuid)
	}
	if err != nil {
		return dmHeader{}, false, fmt.Errorf("status of %s: %w", uuid, err)
	}
	return h, true, nil
}

// remove removes a device that nobody has open; the kernel answers EBUSY for
// one that is. Nothing is flushed: a device without opener has nothing that
// is not written.
func (c *dmControl) remove(uuid string) error {
	_, err := c.byUUID(unix.DM_DEV_REMOVE, uuid, nil)
	return err
}

// resume lets a suspended device go on: it is DM_DEV_SUSPEND without the flag
// that would suspend it.
func (c *dmControl) resume(uuid string) error {
	_, err := c.byUUID(unix.DM_DEV_SUSPEND, uuid, nil)
	return err
}

// message sends a message to the device's first target.
func (c *dmControl) message(uuid, message string) error {
	_, err := c.byUUID(unix.DM_TARGET_MSG, uuid, encodeMessage(message))
	return err
}

func (c *dmControl) byUUID(request uint, uuid string, data []byte) (dmHeader, error) {
	if c.buf == nil {
		c.buf = make([]byte, dmFirstBuffer)
	}
	if err := encodeByUUID(c.buf, uuid, 0, data); err != nil {
		return dmHeader{}, err
	}
	if err := c.call(request, c.buf); err != nil {
		return dmHeader{}, err
	}
	return decodeHeader(c.buf)
}
