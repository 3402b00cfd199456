//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/pureclean/pureclean/simulator/lxd"
)

// scenarios are all there are, in the order in which they are run.
func scenarios() []scenario {
	return []scenario{
		{
			name: "healthy", what: "containers and volumes come and go, and nothing fails",
			happen: healthy,
		},
		{
			name: "leak-with-map", what: "a new volume is not let go: it leaks, with a map and two paths, or a namespace",
			happen: leakAttached, code: "leaked-volume",
		},
		{
			name: "leak-no-device", what: "the device of a new volume never appears, and LXD 6.3 can't take the volume back",
			version: "6.3", happen: leakHidden, code: "leaked-volume",
		},
		{
			name: "leak-late-device", what: "the same, and the device appears after LXD gave up",
			version: "6.3", happen: leakLate, code: "leaked-volume",
		},
	}
}

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
		return errors.New("LXD could unmap the volume")
	}
	fmt.Printf("   LXD: %v\n", err)
	heal()
	return nil
}

// leakHidden leaves a volume whose device does not appear.
func leakHidden(r *rig) error {
	r.holdDevices(true)
	err := r.create("data")
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
