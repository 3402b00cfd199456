//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pureclean/pureclean/simulator/array"
)

// Batches in a cluster, by two operators at once. What they say in their journals is
// held against the array.

const farSocket = "/run/lxd02.socket"

// purecleanThere runs the real program on the second member, where LXD and the
// array are reached through the first.
func (r *rig) purecleanThere(args ...string) (answer, error) {
	return r.tool([]string{"ssh", memberName(2), "env", "LXD_DIR=" + lxdDir, "LXD_SOCKET=" + farSocket, "pureclean"}, args...)
}

// leaksOnBoth leaves two leaks, each made by another member and connected to
// both, which both members have seen.
func leaksOnBoth(r *rig) error {
	if err := errors.Join(r.leakAttachedOn(0, "data"), r.leakAttachedOn(1, "more"), r.settle()); err != nil {
		return err
	}
	for _, leak := range r.leaks() {
		for n, m := range r.members {
			host, err := r.arrayHost(n)
			if err == nil && !r.connectedTo(leak.Name, host) {
				err = r.connect(leak.Name, n)
			}
			if _, ok := m.Device(leak.Serial); !ok || err != nil {
				return errors.Join(err, fmt.Errorf("%s has no device of %s", memberName(n+1), leak.Name))
			}
		}
	}
	r.age()
	return r.remembered()
}

// remembered has the first member see what leaked, as a timer does.
func (r *rig) remembered() error {
	_, err := r.pureclean("check")
	return err
}

// seenByBoth lets the second member reach LXD and the array, too, and see what
// leaked.
func seenByBoth(r *rig) error {
	if err := leaksOnBoth(r); err != nil {
		return err
	}
	second, err := r.world.LXD.On(memberName(2))
	if err != nil {
		return err
	}
	api, err := second.Serve(filepath.Join(filepath.Dir(r.world.Socket), "second.socket"))
	if err != nil {
		return err
	}
	at := strings.TrimPrefix(r.world.Server.URL, "https://")
	if err := steps("ssh -f -N -o ControlPath=none -o ExitOnForwardFailure=yes -R " + at + ":" + at + " -R " + farSocket + ":" + api.Path + " " + memberName(2))(); err != nil {
		return err
	}
	r.reached = true
	_, err = r.purecleanThere("check")
	return err
}

// bothAtOnce lets both members repair everything at the same time. One of them
// has to go on, and the other to be told of it. What is left is repaired afterwards.
func bothAtOnce(r *rig, _ scanned) error {
	leaks := r.leaks()
	type end struct {
		answer
		err error
	}
	there := make(chan end, 1)
	go func() {
		a, err := r.purecleanThere("fix", "--all", "--yes")
		there <- end{a, err}
	}()
	here, err := r.pureclean("fix", "--all", "--yes")
	other := <-there
	if err := errors.Join(err, other.err); err != nil {
		return err
	}
	told := 0
	for _, a := range []answer{here, other.answer} {
		if a.status == 32 && strings.Contains(strings.Join(strings.Fields(a.errors), " "), "another run of pureclean is under way: root, process ") {
			told++
		}
	}
	if told != 1 {
		return fmt.Errorf("%d of two were told of the other: status %d and %d\n%s\n%s", told, here.status, other.status, here.out+here.errors, other.out+other.errors)
	}
	return r.finished(leaks)
}

// finished has what is left repaired from the first member, each member its own
// interrupted runs, and holds both journals against the array.
func (r *rig) finished(leaks []array.Volume) error {
	for range 3 {
		for _, pureclean := range r.tools() {
			if err := resume(pureclean); err != nil {
				return err
			}
		}
		if len(r.leaks()) == 0 {
			break
		}
		if _, err := r.pureclean("fix", "--all", "--yes"); err != nil {
			return err
		}
	}
	if err := r.settle(); err != nil {
		return err
	}
	for _, leak := range leaks {
		now, there := r.world.Array.Volume(leak.Name)
		if left := r.picture(leak.Serial); !there || !now.Destroyed || r.connected(leak.Name) || left != "" {
			return fmt.Errorf("%s: there %v, destroyed %v, connected %v, with the devices\n%s", leak.Name, there, now.Destroyed, r.connected(leak.Name), left)
		}
	}
	return r.truthful(leaks)
}

// tools are the program on each member.
func (r *rig) tools() []func(...string) (answer, error) {
	all := []func(...string) (answer, error){r.pureclean}
	if r.reached {
		all = append(all, r.purecleanThere)
	}
	return all
}

// interrupted are the runs that a member's journal says are not at their end.
func interrupted(pureclean func(...string) (answer, error)) ([]string, error) {
	a, err := pureclean("runs", "-o", "json")
	if err != nil {
		return nil, err
	}
	var list struct {
		Runs []struct{ Run, State string }
	}
	if err := json.Unmarshal([]byte(a.out), &list); err != nil {
		return nil, fmt.Errorf("runs printed no JSON: %w: %s%s", err, a.out, a.errors)
	}
	var left []string
	for _, run := range list.Runs {
		if run.State != "finished" && run.State != "refused" {
			left = append(left, run.Run)
		}
	}
	return left, nil
}

func resume(pureclean func(...string) (answer, error)) error {
	left, err := interrupted(pureclean)
	for _, run := range left {
		if _, failed := pureclean("runs", "--resume", run, "--yes"); failed != nil {
			return failed
		}
	}
	return err
}

// truthful holds what the journals say was done against what was: each change
// was made once, by one of them, and no run is left in the middle.
func (r *rig) truthful(leaks []array.Volume) error {
	for _, pureclean := range r.tools() {
		if left, err := interrupted(pureclean); err != nil || len(left) > 0 {
			return fmt.Errorf("the runs %v are not at their end: %w", left, err)
		}
	}
	done := map[string]int{}
	for _, m := range r.members {
		text, err := m.Do("grep -rhs . /var/lib/pureclean/runs")
		if err != nil && text != "" {
			return err
		}
		for line := range strings.Lines(text) {
			var record struct {
				What, Outcome string
				Kind          string `json:"step_kind"`
				Object        struct{ Name, Host string }
			}
			if err := json.Unmarshal([]byte(line), &record); err != nil {
				return fmt.Errorf("a journal has %q: %w", line, err)
			}
			if record.What == "after" && record.Outcome == "done" && (record.Kind == "disconnect" || record.Kind == "destroy") {
				done[strings.TrimSpace(record.Kind+" "+record.Object.Name+" "+record.Object.Host)]++
			}
		}
	}
	fmt.Printf("   the journals say: %v\n", done)
	var failed []error
	for _, leak := range leaks {
		wanted := []string{"destroy " + leak.Name}
		for n := range r.members {
			host, err := r.arrayHost(n)
			failed = append(failed, err)
			wanted = append(wanted, "disconnect "+leak.Name+" "+host)
		}
		for _, change := range wanted {
			if done[change] != 1 {
				failed = append(failed, fmt.Errorf("the journals say %d times that this was done: %s", done[change], change))
			}
		}
	}
	return errors.Join(failed...)
}
