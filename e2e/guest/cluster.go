//go:build linux

package main

import (
	"fmt"
	"slices"
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
	if err := all(func() error { return leakAttached(r) }, r.settle); err != nil {
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
