package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/wait"
)

const (
	// removeTries and removePause are for what opens a map for a moment: a
	// worker of udev, a look of multipathd. Somebody who uses it outlasts
	// them.
	removeTries = 10
	removePause = 500 * time.Millisecond
	// mapTries and mapPause are how long a map that multipathd was told to
	// make is waited for.
	mapTries = 10
	mapPause = 500 * time.Millisecond
)

// LiveWriter returns the DeviceWriter of the running machine. Make one for the
// process, as with Live. They need root.
func LiveWriter() release.DeviceWriter {
	return &writer{
		live: live{
			timeout: defaultTimeout,
			openDM:  openDM,
			sockets: multipathdSockets(),
		},
		sysfs: "/sys",
		write: writeAttribute,
		claim: claim,
		sleep: wait.For,
	}
}

// writer changes the running machine. No command is run: each change is one
// ioctl, one write below /sys or one message to multipathd.
type writer struct {
	// live asks; its inflight counts what was left behind here.
	live live
	// sysfs is where sysfs is mounted.
	sysfs string
	// write writes one attribute in an open directory of sysfs.
	write func(dir int, name, value string) error
	// claim opens a disk exclusively for a moment, see claim.
	claim func(disk, dev string) error
	sleep func(context.Context, time.Duration) error
}

var _ release.DeviceWriter = (*writer)(nil)

var (
	// pureMapUUID is the uuid of a Pure volume's map. What else there is in
	// device-mapper is nobody's business here.
	pureMapUUID = regexp.MustCompile(`^mpath-3624a9370[0-9a-f]{24}$`)
	pureWWID    = regexp.MustCompile(`^3624a9370[0-9a-f]{24}$`)
	// plainName is a map's name that multipathd's parser takes as one word.
	plainName = regexp.MustCompile(`^[A-Za-z0-9._:+-]+$`)
)

// inTime does work in the time that there is for it. An error says what was tried.
func (h *writer) inTime(ctx context.Context, what string, work func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, h.live.timeout)
	defer cancel()
	if err := work(ctx); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// do is change in that time.
func (h *writer) do(ctx context.Context, object, what string, work func(context.Context) error) error {
	return h.inTime(ctx, what, func(ctx context.Context) error {
		return h.change(ctx, object, func() error { return work(ctx) })
	})
}

// change does one piece of work that changes the object, where it can be left
// behind. An error that wraps ErrAbandoned means that it may still be done.
func (h *writer) change(ctx context.Context, object string, work func() error) error {
	_, err := run(ctx, &h.live.inflight, object, func() (struct{}, error) { return struct{}{}, work() })
	if errors.Is(err, errLeft) || errors.Is(err, errStillOut) {
		return fmt.Errorf("%w (%w)", release.ErrAbandoned, err)
	}
	return err
}

// changeMap makes one request to device-mapper that changes a map.
func (h *writer) changeMap(ctx context.Context, uuid string, request func(*dmControl) error) error {
	return h.change(ctx, "map "+uuid, func() error {
		control, err := h.live.openDM()
		if err != nil {
			return fmt.Errorf("device-mapper can't be asked%s: %w", dmHint(err), err)
		}
		defer control.close()
		return request(control)
	})
}

// family is a map and the maps of its partitions.
type family struct {
	m     *devices.DM
	parts []devices.DM
}

func (h *writer) family(ctx context.Context, uuid string) (family, error) {
	maps, err := h.live.Maps(ctx)
	if err != nil {
		return family{}, err
	}
	var f family
	for i := range maps {
		switch number, rest, _ := strings.Cut(maps[i].UUID, "-"); {
		case maps[i].UUID == uuid:
			f.m = &maps[i]
		case strings.HasPrefix(number, "part") && rest == uuid:
			f.parts = append(f.parts, maps[i])
		}
	}
	return f, nil
}

// RemoveMap implements release.DeviceWriter. It does not ask multipathd to do it:
// before 0.9.8 that goes by names, since then it waits for the map's I/O with
// all of multipathd's maps locked. Multipathd follows the kernel's event.
func (h *writer) RemoveMap(ctx context.Context, uuid string) error {
	if !pureMapUUID.MatchString(uuid) {
		return fmt.Errorf("removing a map: %q is not the uuid of a Pure volume's map: %w", uuid, release.ErrOther)
	}
	return h.inTime(ctx, "removing the map "+uuid, func(ctx context.Context) (err error) {
		for try := range removeTries {
			if try > 0 && h.sleep(ctx, removePause) != nil {
				break
			}
			if err = h.removeMap(ctx, uuid); !errors.Is(err, release.ErrInUse) {
				break
			}
		}
		return err
	})
}

// removeMap tries once. The error wraps ErrInUse when another try may do.
func (h *writer) removeMap(ctx context.Context, uuid string) error {
	f, err := h.family(ctx, uuid)
	if err != nil || f.m == nil {
		return err
	}
	if f.m.Suspended {
		return fmt.Errorf("it is suspended, and not by us; \"dmsetup resume %s\" lets its I/O go on: %w", f.m.Name, release.ErrState)
	}
	for _, part := range f.parts {
		if part.OpenCount != 0 {
			return fmt.Errorf("its partition %s is open %d times: %w", part.Name, part.OpenCount, release.ErrInUse)
		}
	}
	if others := f.m.OpenCount - int64(len(f.parts)); others != 0 {
		return fmt.Errorf("it is open %d times, of which its partitions are %d: %w", f.m.OpenCount, len(f.parts), release.ErrInUse)
	}
	for _, part := range f.parts {
		if err := h.removeOne(ctx, part.UUID); err != nil {
			return fmt.Errorf("its partition %s: %w", part.Name, err)
		}
	}
	return h.removeOne(ctx, uuid)
}

// removeOne removes one device and makes sure that it has gone. What the
// attempt left suspended is resumed: I/O to it would wait for ever.
func (h *writer) removeOne(ctx context.Context, uuid string) error {
	return h.changeMap(ctx, uuid, func(c *dmControl) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		failed := c.remove(uuid)
		now, exists, err := c.statusByUUID(uuid)
		switch {
		case err != nil:
			return errors.Join(withRoot(failed), err)
		case !exists:
			return nil
		case now.flags&unix.DM_SUSPEND_FLAG != 0:
			if err := c.resume(uuid); err != nil {
				return errors.Join(withRoot(failed), fmt.Errorf("and it is suspended and could not be resumed: %w", err))
			}
		}
		switch {
		case errors.Is(failed, unix.EBUSY):
			return fmt.Errorf("it is open %d times: %w", now.open, release.ErrInUse)
		case failed == nil:
			return fmt.Errorf("it was removed and is there again: %w", release.ErrInUse)
		default:
			return withRoot(failed)
		}
	})
}

// AddMap implements release.DeviceWriter. Only multipathd makes maps. What counts is
// that the map is there afterwards: before 0.9.8 multipathd makes a map that
// has a friendly name, fails to find it by its WWID, and says "fail".
func (h *writer) AddMap(ctx context.Context, wwid string) error {
	if !pureWWID.MatchString(wwid) {
		return fmt.Errorf("adding a map: %q is not a Pure volume's WWID: %w", wwid, release.ErrOther)
	}
	return h.inTime(ctx, "adding the map of "+wwid, func(ctx context.Context) error {
		told := h.tell(ctx, "add map "+wwid)
		for try := range mapTries {
			f, err := h.family(ctx, "mpath-"+wwid)
			if err != nil {
				return errors.Join(told, err)
			}
			if f.m != nil {
				return nil
			}
			if errors.Is(told, errNoDaemon) || try == mapTries-1 || h.sleep(ctx, mapPause) != nil {
				break
			}
		}
		if told == nil {
			return errors.New("multipathd agreed, and the map did not appear")
		}
		return told
	})
}

// SetQueueing implements release.DeviceWriter. Multipathd must know, or it turns
// queueing on again with its next look; without it the kernel is told.
func (h *writer) SetQueueing(ctx context.Context, uuid string, on bool) error {
	if !pureMapUUID.MatchString(uuid) {
		return fmt.Errorf("setting queueing: %q is not the uuid of a Pure volume's map: %w", uuid, release.ErrOther)
	}
	return h.inTime(ctx, "setting queueing of the map "+uuid, func(ctx context.Context) error {
		return h.setQueueing(ctx, uuid, on)
	})
}

func (h *writer) setQueueing(ctx context.Context, uuid string, on bool) error {
	f, err := h.family(ctx, uuid)
	if err != nil {
		return err
	}
	if f.m == nil {
		return fmt.Errorf("there is no such map: %w", fs.ErrNotExist)
	}
	// Multipathd before 0.9.8 knows maps by name only.
	command, message := "disablequeueing map ", "fail_if_no_path"
	if on {
		command, message = "restorequeueing map ", "queue_if_no_path"
	}
	told := fmt.Errorf("multipathd can't be told of the name %q", f.m.Name)
	if plainName.MatchString(f.m.Name) {
		told = h.tell(ctx, command+f.m.Name)
	}
	switch {
	case told == nil && on:
		// Whether it queues now is for multipathd's configuration to say.
		return nil
	case errors.Is(told, release.ErrAbandoned):
		return told
	}
	// By its name it may have been another map, if the two were renamed. And
	// what multipathd does not manage, only the kernel can be told.
	if is, err := h.queueing(ctx, uuid); err != nil || is == on {
		return err
	}
	if err := h.changeMap(ctx, uuid, func(c *dmControl) error { return c.message(uuid, message) }); err != nil {
		return withRoot(err)
	}
	if is, err := h.queueing(ctx, uuid); err != nil || is == on {
		return err
	}
	return errors.New("it was told, and its table did not change")
}

// queueing reads from the kernel whether a map queues.
func (h *writer) queueing(ctx context.Context, uuid string) (bool, error) {
	f, err := h.family(ctx, uuid)
	if err != nil {
		return false, err
	}
	if f.m == nil {
		return false, fmt.Errorf("it has gone: %w", fs.ErrNotExist)
	}
	return f.m.Queues()
}

// tell sends multipathd a command that changes something. The reply is "ok",
// or a refusal. One that does not come, and "timeout", leave open whether
// multipathd does it later.
func (h *writer) tell(ctx context.Context, command string) error {
	reply, err := h.live.askMultipathd(ctx, command)
	switch {
	case errors.Is(err, errNoDaemon):
		return err
	case ctx.Err() != nil, errors.Is(err, errDaemonBusy):
		return fmt.Errorf("multipathd, %q: %w", command, errors.Join(release.ErrAbandoned, err))
	case err != nil:
		return fmt.Errorf("multipathd, %q: %w", command, err)
	case strings.TrimSpace(string(reply)) != "ok":
		return fmt.Errorf("multipathd, %q: it said %.200q", command, strings.TrimSpace(string(reply)))
	}
	return nil
}

func withRoot(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("only root may do this: %w", err)
	}
	return err
}
