//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func healthy(r *rig) error {
	l, pool := r.world.LXD, r.world.Pool()
	return all(
		func() error { return r.create("data") },
		func() error { return l.AttachVolume("", "web1", "data", pool, "data", "/srv") },
		func() error { return r.create("short-lived") },
		func() error { return l.DeleteVolume(pool, "", "short-lived") },
	)
}

// leakAttached leaves a volume with its devices: the array does not answer
// when LXD wants to unmap it.
func leakAttached(r *rig) error {
	var heal func()
	r.when(lxd.StepHost, "unmount", func() { heal = r.unavailable("GET", "/hosts") })
	err := r.create("data")
	r.world.LXD.SetBeforeCall(nil)
	if err == nil || heal == nil {
		return fmt.Errorf("LXD could unmap the volume, or did not come to it: %w", err)
	}
	fmt.Printf("   LXD: %v\n", err)
	heal()
	return nil
}

// leakAnd does more to a volume that leaked with its devices.
func leakAnd(do func(r *rig, leak array.Volume) error) happening {
	return func(r *rig) error {
		return all(
			func() error { return leakAttached(r) },
			r.settle,
			func() error { return do(r, r.leaks()[0]) },
		)
	}
}

// leakHidden leaves a volume whose device does not appear.
func leakHidden(r *rig) error {
	r.holdDevices(true)
	return r.leakInVain("data")
}

// leakInVain has LXD create a volume whose device it waits for in vain.
func (r *rig) leakInVain(name string) error {
	err := r.create(name)
	if err == nil {
		return errors.New("LXD found a device")
	}
	fmt.Printf("   LXD: %v\n", err)
	return nil
}

func leakLate(r *rig) error {
	if err := leakHidden(r); err != nil {
		return err
	}
	r.holdDevices(false)
	return nil
}

// leakAlone leaves no volume but the leak: LXD logs out with the last one,
// and in again for the next.
func leakAlone(r *rig) error {
	if err := r.world.LXD.StopInstance("", "web1"); err != nil {
		return err
	}
	return leakHidden(r)
}

// attachData mounts a custom volume for web1, one that will be lost, and
// returns the array's volume.
func (r *rig) attachData() (array.Volume, error) {
	pool := r.world.Pool()
	err := all(
		func() error { return r.create("data") },
		func() error { return r.world.LXD.AttachVolume("", "web1", "data", pool, "data", "/srv") },
		r.settle,
	)
	if err != nil {
		return array.Volume{}, err
	}
	name, err := r.world.ArrayName(pool, "custom", "data")
	if err != nil {
		return array.Volume{}, err
	}
	v, _ := r.world.Array.Volume(name)
	r.lost[r.machine.MountPath(pool, "custom", "default_data")] = true
	return v, nil
}

// disconnect takes a volume from the machine on the array, as an
// administrator does.
func (r *rig) disconnect(v array.Volume) error {
	for _, c := range r.world.Array.Connections() {
		if c.Volume == v.Name {
			return r.world.Array.Disconnect(c.Host, v.Name)
		}
	}
	return fmt.Errorf("%s is not connected", v.Name)
}

func cutOffInUse(r *rig) error {
	v, err := r.attachData()
	if err != nil {
		return err
	}
	return r.disconnect(v)
}

// numberReused lets the next volume have the number of a mounted one. A scan
// puts it into the mounted volume's map, and LXD waits for it in vain.
func numberReused(r *rig) error {
	if err := cutOffInUse(r); err != nil {
		return err
	}
	r.machine.never = true
	return r.leakInVain("next")
}

func arrayFirst(r *rig) error {
	return leakAnd(func(r *rig, leak array.Volume) error {
		if err := r.disconnect(leak); err != nil {
			return err
		}
		return r.pathsFail(leak)
	})(r)
}

// slowArray goes on showing what it has disconnected for a while.
func slowArray(r *rig) error {
	r.linger = lingering
	return leakAttached(r)
}

// manyMaps connects volumes that are not LXD's.
func manyMaps(r *rig) error {
	if err := leakAttached(r); err != nil {
		return err
	}
	hosts := r.world.Array.Hosts()
	var failed []error
	r.world.Array.Batch(func() {
		for n := range 200 {
			name := fmt.Sprintf("vol-%03d", n)
			_, err := r.world.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{})
			failed = append(failed, err, r.world.Array.Connect(hosts[0].Name, name, 0))
		}
	})
	return errors.Join(failed...)
}
