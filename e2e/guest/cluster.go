//go:build linux

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// What happens in a cluster of two.

// arrayHost is the array's object of the nth machine, from 0.
func (r *rig) arrayHost(n int) (string, error) {
	for _, h := range r.world.Array.Hosts() {
		if slices.Contains(h.IQNs, r.members[n].IQN()) || slices.Contains(h.NQNs, r.members[n].NQN()) {
			return h.Name, nil
		}
	}
	return "", fmt.Errorf("the array has no host for %s", memberName(n+1))
}

// connect connects a volume to the nth machine, as an administrator does who
// wants to look into it, and has that machine find it.
func (r *rig) connect(volume string, n int) error {
	host, err := r.arrayHost(n)
	if err != nil {
		return err
	}
	if err := r.world.Array.Connect(host, volume, 0); err != nil {
		return err
	}
	return r.members[n].Settle()
}

func leakOnBoth(r *rig) error {
	if err := then(leakAttached, (*rig).settle)(r); err != nil {
		return err
	}
	leak := r.leaks()[0]
	if err := r.connect(leak.Name, 1); err != nil {
		return err
	}
	for n, m := range r.members {
		dev, ok := m.Device(leak.Serial)
		if !ok {
			return fmt.Errorf("%s has no device of the leak", memberName(n+1))
		}
		fmt.Printf("   %s has %s of %s\n", memberName(n+1), dev, leak.Name)
	}
	return nil
}

// mountedThere mounts a leak that is the second member's alone.
func mountedThere(r *rig) error {
	if err := all(func() error { return r.leakAttachedOn(1, "data") }, r.settle); err != nil {
		return err
	}
	leak := r.leaks()[0]
	dev, ok := r.second.Device(leak.Serial)
	if !ok || r.machine.Picture(leak.Serial) != "" {
		return fmt.Errorf("lxd02 has %q of the leak, and lxd01 %q", dev, r.machine.Picture(leak.Serial))
	}
	r.releases = append(r.releases, r.there("umount /mnt"))
	return r.there("mount -t ext4 /dev/" + dev + " /mnt")()
}

// there runs commands on the second member until one fails.
func (r *rig) there(commands ...string) func() error {
	return func() error {
		for _, command := range commands {
			if _, err := r.second.Do(command); err != nil {
				return err
			}
		}
		return nil
	}
}

// silent has a leak on both, and then the second member does not answer until it
// is released.
func silent(quiet, again string) happening {
	return func(r *rig) error {
		if err := leakOnBoth(r); err != nil {
			return err
		}
		r.releases = append(r.releases, r.there(again))
		return r.there(quiet)()
	}
}

// off has a leak on both, and then the second member loses its power.
func off(r *rig) error {
	second, err := r.world.LXD.On(memberName(2))
	if err != nil {
		return err
	}
	if err := leakOnBoth(r); err != nil {
		return err
	}
	second.KillDaemon()
	r.second.call("PowerOff")
	r.second, r.members = nil, r.members[:1]
	return await(time.Minute, "the second machine is off", func() bool {
		_, err := sh("ssh", "-o", "ConnectTimeout=5", memberName(2), "true")
		return err != nil
	})
}

// moved stops a container whose volume LXD can't unmap, and starts it on the
// second member: the first is still connected.
func moved(r *rig) error {
	l := r.world.LXD
	if err := all(func() error { return r.launchOn(0, "app") }, r.settle); err != nil {
		return err
	}
	err := all(
		func() error { return r.cannotUnmap(func() error { return l.StopInstance("", "app") }) },
		func() error { return l.MoveInstance("", "app", memberName(2)) },
		func() error { return l.StartInstance("", "app") },
	)
	if err != nil {
		return err
	}
	v, err := r.volume(evidence.TypeContainer, "app")
	r.free[memberName(1)+" "+v.Serial] = true
	return err
}

// staleHere asks for the connection that is left over to be cut. That may be
// refused; what is done must be that, and that alone. The second member's
// devices and its connection are guarded.
func staleHere(r *rig, found scanned) error {
	v, err := r.volume(evidence.TypeContainer, "app")
	if err != nil {
		return err
	}
	f, ok := found.find("stale-connection", v.Name)
	if !ok {
		return fmt.Errorf("%s was not found to be connected in vain", v.Name)
	}
	before := r.machine.Picture(v.Serial)
	for _, args := range [][]string{{"fix", "--volume", v.Name, "--yes"}, {"fix", "--all", "--yes"}} {
		a, err := r.pureclean(args...)
		if err != nil {
			return err
		}
		host, err := r.arrayHost(0)
		if err != nil {
			return err
		}
		after, connected := r.machine.Picture(v.Serial), r.connectedTo(v.Name, host)
		switch {
		case f.Verdict == "safe" && a.status == 0:
			if after != "" || connected {
				return fmt.Errorf("it is repaired, lxd01 is connected: %v, and has\n%s", connected, after)
			}
		case f.Verdict == "safe" || a.status == 0:
			return fmt.Errorf("it is %s, and fix ended with %d: %s%s", f.Verdict, a.status, a.out, a.errors)
		case after != before || !connected:
			return fmt.Errorf("it was refused; lxd01 is connected: %v, and has\n%s\nin place of\n%s", connected, after, before)
		}
	}
	return nil
}

func (r *rig) connectedTo(volume, host string) bool {
	return slices.ContainsFunc(r.world.Array.Connections(), func(c array.Connection) bool { return c.Volume == volume && c.Host == host })
}

// migrating stops LXD in the middle of a live migration: the virtual machine's
// volume is connected to both members, and open on both. It goes on when it is
// released, unless its daemon dies.
func migrating(died bool) happening {
	return func(r *rig) error {
		l := r.world.LXD
		err := all(
			func() error {
				return l.Launch(lxd.InstanceSpec{Name: "vm1", Pool: r.world.Pool(), Type: evidence.TypeVM})
			},
			r.settle,
		)
		if err != nil {
			return err
		}
		reached, goOn, ended := make(chan bool), make(chan error), make(chan error, 1)
		l.SetBeforeCall(func(method, path string) error {
			if method != lxd.StepRecord || path != "move instance vm1" {
				return nil
			}
			close(reached)
			return <-goOn
		})
		go func() { ended <- l.MoveInstance("", "vm1", memberName(2)) }()
		select {
		case <-reached:
		case err := <-ended:
			return fmt.Errorf("LXD did not migrate: %w", err)
		}
		finish := func(how error) error {
			goOn <- how
			err := <-ended
			l.SetBeforeCall(nil)
			return err
		}
		if !died {
			r.releases = append(r.releases, func() error { return finish(nil) })
			return nil
		}
		if err := finish(lxd.ErrKilled); !errors.Is(err, lxd.ErrKilled) {
			return fmt.Errorf("LXD was to be killed in the migration: %w", err)
		}
		l.StartDaemon()
		return nil
	}
}

// evacuated has the second member evacuated, which may still be connected.
func evacuated(r *rig) error {
	second, err := r.world.LXD.On(memberName(2))
	if err != nil {
		return err
	}
	if err := leakOnBoth(r); err != nil {
		return err
	}
	second.SetStatus(lxd.Evacuated, "Unavailable due to maintenance")
	r.releases = append(r.releases, func() error { second.SetStatus(lxd.Online, "Fully operational"); return nil })
	return nil
}
