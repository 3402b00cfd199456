//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

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

// leaksOnBoth leaves leaks, made by one member and the other in turn and
// connected to both, which the first has seen.
func leaksOnBoth(volumes ...string) happening {
	return func(r *rig) error {
		for n, name := range volumes {
			if err := r.leakAttachedOn(n%2, name); err != nil {
				return err
			}
		}
		return all(r.settle, r.connectBoth, r.remembered)
	}
}

// leaksAmongOthers does it in a pool that has as many volumes with a record: a
// batch never takes more than half.
func leaksAmongOthers(volumes ...string) happening {
	return func(r *rig) error {
		for _, name := range volumes {
			if err := r.create("kept-" + name); err != nil {
				return err
			}
		}
		return leaksOnBoth(volumes...)(r)
	}
}

// connectBoth connects all leaks to both members.
func (r *rig) connectBoth() error {
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
	return nil
}

// remembered has the first member see what leaked, as a timer does. It counts while
// LXD has been running for longer.
func (r *rig) remembered() error {
	r.age()
	if err := await(2*time.Minute, "LXD has been running for a while", func() bool { return time.Since(r.now) > 100*time.Second }); err != nil {
		return err
	}
	_, err := r.pureclean("check")
	return err
}

// seenByBoth lets the second member reach LXD and the array, too, and see what
// leaked.
func seenByBoth(r *rig) error {
	if err := leaksOnBoth("data", "more")(r); err != nil {
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

// sshLost takes ssh from the second member in a step of each kind, one run after
// the other, at first in a wave: the first volume of a batch goes alone. No run
// may say that it did what it could not see; what is left is repaired when the
// member can be reached again.
func sshLost(r *rig, _ scanned) error {
	leaks := r.leaks()
	idle, cleared := "release", "clear"
	if r.nvme != nil {
		idle, cleared = "prove-idle", "await-namespace"
	}
	for n, kind := range []string{idle, "disconnect", cleared, "destroy"} {
		begun, err := r.records("before", kind)
		if err != nil {
			return err
		}
		alone, err := r.records("after", "destroy")
		if err != nil {
			return err
		}
		come := func() bool {
			if n < 2 {
				if now, err := r.records("after", "destroy"); err != nil || len(now) == len(alone) {
					begun, _ = r.records("before", kind)
					return false
				}
			}
			now, err := r.records("before", kind)
			return err == nil && len(now) > len(begun)
		}
		if err := r.loseIn(kind, come); err != nil {
			return err
		}
		for _, leak := range leaks {
			now, _ := r.world.Array.Volume(leak.Name)
			if left := r.picture(leak.Serial); now.Destroyed && (left != "" || r.connected(leak.Name)) {
				return fmt.Errorf("%s is destroyed, connected: %v, with the devices\n%s", leak.Name, r.connected(leak.Name), left)
			}
		}
	}
	return r.finished(leaks)
}

// loseIn goes on with the repair, without ssh to the second member from the
// moment on at which it has come to a step.
func (r *rig) loseIn(kind string, come func() bool) error {
	stop, lost := make(chan struct{}), make(chan error, 1)
	go func() {
		for !come() {
			select {
			case <-stop:
				lost <- fmt.Errorf("no run came to a step %s", kind)
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
		fmt.Printf("   ssh is lost in a step %s\n", kind)
		lost <- r.there("pkill -KILL -x " + sshd)()
	}()
	status, err := r.goOn()
	close(stop)
	if err := errors.Join(err, <-lost); err != nil {
		return err
	}
	if status == 0 {
		return fmt.Errorf("ssh was lost in a step %s, and the run ended with 0", kind)
	}
	return r.there("/usr/sbin/sshd -h " + keyFile)()
}

// goOn goes on with what was interrupted, or repairs everything. It returns the
// highest status.
func (r *rig) goOn() (int, error) {
	left, err := interrupted(r.pureclean)
	if err != nil {
		return 0, err
	}
	if len(left) == 0 {
		a, err := r.pureclean("fix", "--all", "--yes")
		fmt.Print(a.out) // which says why something failed
		return a.status, err
	}
	status := 0
	for _, run := range left {
		a, err := r.pureclean("runs", "--resume", run, "--yes")
		if err != nil {
			return 0, err
		}
		status = max(status, a.status)
	}
	return status, nil
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
// was made by one run, which says so again when it is resumed, and no run is left
// in the middle.
func (r *rig) truthful(leaks []array.Volume) error {
	for _, pureclean := range r.tools() {
		if left, err := interrupted(pureclean); err != nil || len(left) > 0 {
			return fmt.Errorf("the runs %v are not at their end: %w", left, err)
		}
	}
	done, said := map[string]int{}, map[string]bool{}
	for _, kind := range []string{"disconnect", "destroy"} {
		steps, err := r.records("after", kind)
		if err != nil {
			return err
		}
		for _, step := range steps {
			change := strings.TrimSpace(kind + " " + step.Object.Name + " " + step.Object.Host)
			if step.Outcome == "done" && !said[step.run+change] {
				said[step.run+change] = true
				done[change]++
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

// record is what the journals say of a step.
type record struct {
	run           string
	What, Outcome string
	Kind          string `json:"step_kind"`
	Object        struct{ Name, Host string }
}

// records are those of the steps of a kind, in the journals of all members.
func (r *rig) records(what, kind string) ([]record, error) {
	var found []record
	for _, m := range r.members {
		text, err := m.Do("grep -rHs . /var/lib/pureclean/runs")
		if err != nil && text != "" {
			return nil, err
		}
		for line := range strings.Lines(text) {
			file, line, _ := strings.Cut(line, ":")
			rec := record{run: file}
			if err := json.Unmarshal([]byte(line), &rec); err != nil {
				return nil, fmt.Errorf("a journal has %q: %w", line, err)
			}
			if rec.What == what && rec.Kind == kind {
				found = append(found, rec)
			}
		}
	}
	return found, nil
}
