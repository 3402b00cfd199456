package commands

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/kernel"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/repair/journal"
	"github.com/pureclean/pureclean/sightings"
)

// sources is where the witnesses are: this machine's, or those of a demo.
type sources struct {
	config config.Config
	// socket is LXD's; empty means where lxc would look.
	socket string
	host   devices.System
	seen   []evidence.Sighting
	// fleet reaches other members' machines; nil reaches none. told is what
	// files say of them.
	fleet *fleet.Fleet
	told  []evidence.Host
	// ssh is set where a given world has other machines that ssh reaches.
	ssh bool
	// visit is set for a demo world that another process holds.
	visit bool
	// What follows is a demo's; nil means this machine's own.
	writer   release.DeviceWriter
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
	operator *journal.Operator
	// dial tries portals; nil means the network.
	dial func(context.Context, string) error
	// ids are the digits that runs are named with.
	ids io.Reader
}

// localWriter changes this machine's devices.
func (s sources) localWriter() release.DeviceWriter {
	if s.writer != nil {
		return s.writer
	}
	return kernel.LiveWriter()
}

// uptime is the clock that runs on in suspend; nil means this machine's own. No
// time but its own passes in a demo's world.
func (s sources) uptime() func() time.Duration {
	if s.now == nil {
		return nil
	}
	began := s.now()
	return func() time.Duration { return s.now().Sub(began) }
}

// sources finds the witnesses that the flags name.
func (o *common) sources() (sources, error) {
	if o.Streams.given != nil {
		from := *o.Streams.given
		// What earlier commands on the same world saw is added.
		if seen, err := sightings.Load(from.config.StateDir); err != nil || len(seen) > 0 {
			from.seen, o.forgotten = seen, err
		}
		if from.ssh {
			fleet, err := o.newFleet(from.config, from.now)
			from.fleet = fleet
			return from, err
		}
		return from, nil
	}
	settings, err := config.Load(o.config)
	if err != nil {
		return sources{}, err
	}
	host, err := o.host()
	if err != nil {
		return sources{}, err
	}
	// Without a memory it goes on, and says so: batches wait, and what lost its
	// record since an earlier look can't be told from other leftovers.
	from := sources{config: settings, host: host}
	from.seen, o.forgotten = sightings.Load(settings.StateDir)
	if o.sysroot == "" {
		// Beside a recorded host nobody is asked in its place.
		from.fleet, err = o.newFleet(settings, nil)
	}
	return from, err
}

// host is the machine to read: this one, or the tree below --sysroot.
func (o *common) host() (devices.System, error) {
	if o.Streams.given != nil {
		return o.Streams.given.host, nil
	}
	if o.sysroot != "" {
		system, err := devices.FromDir(o.sysroot)
		if err != nil {
			return devices.System{}, withHint(&UsageError{err},
				"--sysroot takes a directory with a host's sys, proc, dev and etc, recorded from one")
		}
		return system, nil
	}
	system := devices.Live(kernel.Live())
	if dir := strings.Trim(o.Getenv("LXD_DIR"), "/"); dir != "" {
		// LXD_DIR says where this machine's LXD is, to us as to lxc.
		system.LXDDirs = []string{dir}
	}
	return system, nil
}
