package commands

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/kernel"
	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/repair"
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

// reach says how the machines of other members are reached.
type reach struct {
	push, noSSH bool
	down        cli.StringSlice
	told        cli.StringSlice
}

// reachFlags are those of every command that asks other members' machines.
func (r *reach) reachFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "push", Usage: "send this program over ssh to members that do not have it", Destination: &r.push},
		&cli.BoolFlag{Name: "no-ssh", Usage: "ask no other member's machine; nothing that it might use can then be repaired", Destination: &r.noSSH},
	}
}

// downFlag is for commands that may rest on the operator's word.
func (r *reach) downFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "host-down", Usage: "state that member `NAME` is fenced: switched off, or cut off from the array; may be repeated", Destination: &r.down}
}

// toldFlag is for commands that change nothing.
func (r *reach) toldFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "host-evidence", Usage: "believe `[NAME=]FILE`, which pureclean devices -o json wrote on a machine that ssh can't reach; may be repeated", Destination: &r.told, TakesFile: true}
}

// newFleet is the fleet that a configuration describes.
func (o *common) newFleet(settings config.Config, now func() time.Time) (*fleet.Fleet, error) {
	options := fleet.Options{Members: map[string]fleet.Member{}, Client: settings.SSH, Version: version(), Push: o.push, Now: now}
	if client := strings.Fields(o.Getenv("PURECLEAN_SSH")); len(client) > 0 {
		options.Client = client
	}
	for name, m := range settings.Members {
		if err := checkMember(m); err != nil {
			return nil, &config.Error{File: settings.File, Err: fmt.Errorf("members.%s: %w", name, err)}
		}
		options.Members[name] = memberOf(m)
	}
	return fleet.New(options), nil
}

func memberOf(m config.Member) fleet.Member {
	return fleet.Member{Destination: m.SSH, Command: strings.Fields(m.Command)}
}

func checkMember(m config.Member) error { return fleet.CheckMember(memberOf(m)) }

// hostsTold reads the testimony of machines that can't be asked.
func (o *common) hostsTold(from sources) ([]evidence.Host, error) {
	var hosts []evidence.Host
	for _, value := range o.told.Value() {
		name, path, found := strings.Cut(value, "=")
		if !found {
			name, path = "", value
		}
		host, err := fleet.ReadFile(path, name, o.now(), time.Duration(from.config.Safety.HostEvidenceAge))
		if err != nil {
			return nil, withHint(&UsageError{fmt.Errorf("--host-evidence: %w", err)},
				"on that machine: pureclean devices -o json > host.json; its age limit is safety.host_evidence_age")
		}
		if slices.ContainsFunc(hosts, func(h evidence.Host) bool { return strings.EqualFold(h.Name, host.Name) }) {
			return nil, usagef("--host-evidence: two files are of %s; NAME=FILE says of which machine a file is", clean(host.Name))
		}
		hosts = append(hosts, host)
	}
	return hosts, nil
}

// lockLimit is how long a step waits for the one before on the same machine,
// which may still be taking something back.
const lockLimit = 45 * time.Second

// lockMachine keeps other runs of this machine from working meanwhile.
func lockMachine(ctx context.Context, stateDir string) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, lockLimit)
	defer cancel()
	book, err := journal.Await(ctx, stateDir)
	if err != nil {
		return nil, err
	}
	return func() { _ = book.Close() }, nil
}

// notDown refuses to begin on a word that does not count.
func notDown(world evidence.World, policy diagnose.Policy) error {
	for _, fence := range diagnose.Fences(world, policy) {
		if !fence.Holds {
			why := "that " + fence.Member + " is down is not taken for granted: " + fence.Why
			return withHint(&repair.RefusedError{Step: "the plan", Gate: "host-down", Result: diagnose.Fail, Why: why},
				"fence it, and wait until LXD (lxc cluster list) and the array show it; nothing was changed")
		}
	}
	return nil
}
