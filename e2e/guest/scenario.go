//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
)

// scenario is a state of the machine, and what must come of it.
type scenario struct {
	name, what string
	// version is LXD's; "" is 6.9.
	version string
	// iscsi and nvme say why it can't exist on the transport; "" is that it
	// can.
	iscsi, nvme string
	// cluster needs two machines.
	cluster bool
	// alone ones look for seconds: beside other machines what the array said would
	// be too old when it is written.
	alone bool
	// short are the transports on which it runs when only one scenario of each
	// kind is asked for.
	short []string
	// happen makes the state, in a world in which a container runs.
	happen happening
	// code is what must be found of the volume that leaks, "" that nothing
	// leaks. also must be found of something.
	code string
	also []string
	// blocked is the gate that must refuse the repair; "" is that the repair
	// must succeed.
	blocked string
	// unseen is what the repair must say when it is refused at the last moment,
	// by the kernel, of what no look could see.
	unseen string
	// cure ends what blocked it; then the repair must succeed. With nil it is
	// never repaired.
	cure func(*rig) error
	// during runs beside the repair until it is told to stop.
	during func(*rig, <-chan struct{}) error
	// stopped is what the repair must say when it is stopped halfway by what
	// happens during it; "" is that it must succeed.
	stopped string
	// own judges in place of the usual: what is found, and what is repaired.
	own func(*rig, scanned) error
	// check is what else must be so in the end.
	check func(*rig) error
}

// happening makes a state.
type happening func(*rig) error

// then lets one happen after the other, until one fails.
func then(steps ...happening) happening {
	return func(r *rig) error {
		for _, step := range steps {
			if err := step(r); err != nil {
				return err
			}
		}
		return nil
	}
}

func (s scenario) not(transport string) string {
	if transport == evidence.ModeNVMeTCP {
		return s.nvme
	}
	return s.iscsi
}

// members is how many machines it needs.
func (s scenario) members() int {
	if s.cluster {
		return 2
	}
	return 1
}

var (
	transports = []string{evidence.ModeISCSI, evidence.ModeNVMeTCP}
	onISCSI    = transports[:1]
	onNVMe     = transports[1:]
)

// machines is the same for who runs them, who knows by it what else may run.
func (s scenario) machines() string {
	if s.alone {
		return "alone"
	}
	return strconv.Itoa(s.members())
}

// list names each scenario and transport, how many machines it needs, whether it is one of the short run,
// and why one can't exist.
func list() {
	for _, s := range scenarios() {
		for _, t := range transports {
			fmt.Printf("%s %s %s %v %s\n", s.name, t, s.machines(), slices.Contains(s.short, t), s.not(t))
		}
	}
}

func runScenario(name, transport string, do func(scenario, string) error) int {
	for _, s := range scenarios() {
		if s.name != name {
			continue
		}
		began := time.Now()
		fmt.Printf("%s over %s: %s\n", s.name, transport, s.what)
		if err := do(s, transport); err != nil {
			tell()
			fmt.Printf("FAIL %s %s after %.0f s: %v\n", s.name, transport, time.Since(began).Seconds(), err)
			if errors.Is(err, errNotMade) {
				return statusNotMade
			}
			return 1
		}
		fmt.Printf("PASS %s %s in %.0f s\n", s.name, transport, time.Since(began).Seconds())
		return 0
	}
	fmt.Printf("FAIL there is no scenario %q\n", name)
	return 1
}

// errNotMade is a state that could not be made: nothing was asked of pureclean,
// and nothing is proved. statusNotMade tells e2e so.
var errNotMade = errors.New("it could not be made to happen")

const statusNotMade = 3

// run lets it happen, and has pureclean look and repair.
func (s scenario) run(transport string) error {
	return s.with(transport, func(r *rig) error {
		r.age()
		done := r.guarded()
		return errors.Join(s.judge(r), done(), r.trouble())
	})
}

// record lets it happen, and sends out what the machine looks like then.
func (s scenario) record(transport string) error {
	return s.with(transport, func(*rig) error { return sendTree() })
}

// with is a world in which it has happened.
func (s scenario) with(transport string, do func(*rig) error) (err error) {
	r, err := newRig(transport, cmp.Or(s.version, "6.9"), s.members())
	if err != nil {
		return fmt.Errorf("%w: the rig: %w", errNotMade, err)
	}
	defer func() {
		if err != nil && r.second != nil {
			r.second.Tell()
		}
		err = errors.Join(err, r.close())
	}()
	if err := then((*rig).launch, (*rig).settle, s.happen, (*rig).settle, (*rig).trouble)(r); err != nil {
		return fmt.Errorf("%w: %w", errNotMade, err)
	}
	return do(r)
}

// judge has pureclean look and repair, and judges it.
func (s scenario) judge(r *rig) error {
	found, err := r.scan()
	if err != nil {
		return err
	}
	for _, code := range s.also {
		if !slices.ContainsFunc(found.Findings, func(f finding) bool { return f.Code == code }) {
			return fmt.Errorf("there is no finding %s", code)
		}
	}
	if s.own != nil {
		return errors.Join(s.own(r, found), s.checked(r))
	}
	if s.code == "" {
		return s.nothing(r, found)
	}
	leaks := r.leaks()
	if len(leaks) == 0 {
		return errors.New("nothing leaked")
	}
	leak := leaks[0]
	f, ok := found.find(s.code, leak.Name)
	switch {
	case !ok:
		return fmt.Errorf("%s was not found to be %s", leak.Name, s.code)
	case s.blocked == "" && f.Verdict != "safe":
		return fmt.Errorf("the repair of %s is %s: %v", leak.Name, f.Verdict, f.against())
	case s.blocked != "" || s.unseen != "":
		if err := s.refused(r, leak, f); err != nil || s.cure == nil {
			return err
		}
		if err := s.cure(r); err != nil {
			return fmt.Errorf("ending what blocked it: %w", err)
		}
	}
	if s.stopped != "" {
		return s.halfway(r, leak)
	}
	return s.repaired(r, leak)
}

// nothing is there to be repaired, and nothing is.
func (s scenario) nothing(r *rig, found scanned) error {
	if leaks := r.leaks(); len(leaks) > 0 {
		return fmt.Errorf("%s leaked", leaks[0].Name)
	}
	for _, f := range found.Findings {
		if f.Verdict == "safe" {
			return fmt.Errorf("%s %s is found safe to repair", f.Code, f.Object)
		}
	}
	a, err := r.pureclean("fix", "--all", "--yes", "--detailed-exitcode") // 1 would be a repair
	// What is only reported, or refused, is listed and left alone.
	left := len(found.Findings) > 0 && (a.status == 4 || a.status == 32) && strings.Contains(a.out+a.errors, "Nothing was changed")
	if err == nil && a.status != 0 && !left {
		err = fmt.Errorf("fix --all ended with %d: %s%s", a.status, a.out, a.errors)
	}
	return errors.Join(err, s.checked(r))
}

func (s scenario) checked(r *rig) error {
	if s.check == nil {
		return nil
	}
	return s.check(r)
}

// refused asks for the repair and is refused with nothing changed.
func (s scenario) refused(r *rig, leak array.Volume, f finding) error {
	gates := f.against()
	named := s.blocked == ""
	for _, g := range gates {
		named = named || strings.HasPrefix(g, s.blocked+" ")
	}
	switch {
	case s.blocked != "" && (f.Verdict == "safe" || len(gates) == 0):
		return fmt.Errorf("the repair of %s is not blocked", leak.Name)
	case !named:
		return fmt.Errorf("it is not %s that blocks the repair of %s but %v", s.blocked, leak.Name, gates)
	}
	before, connected := r.picture(leak.Serial), r.connected(leak.Name)
	a, err := r.pureclean("fix", "--volume", leak.Name, "--yes")
	if err != nil {
		return err
	}
	after := r.picture(leak.Serial)
	now, there := r.world.Array.Volume(leak.Name)
	switch {
	case a.status != 32 && a.status != 8:
		return fmt.Errorf("fix ended with %d: %s%s", a.status, a.out, a.errors)
	case !strings.Contains(a.out+a.errors, s.unseen):
		return fmt.Errorf("the repair was refused, and not because %s: %s%s", s.unseen, a.out, a.errors)
	case before != after:
		return fmt.Errorf("the repair was refused, and the devices changed from\n%s\nto\n%s", before, after)
	case !there || now.Destroyed || connected != r.connected(leak.Name):
		return errors.New("the repair was refused, and the array changed")
	}
	return nil
}

// fix asks for the repair, and lets happen meanwhile what is to happen.
func (s scenario) fix(r *rig, leak array.Volume) (answer, error) {
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		if s.during == nil {
			ended <- nil
			return
		}
		ended <- s.during(r, stop)
	}()
	a, err := r.pureclean("fix", "--volume", leak.Name, "--yes")
	// On a busy host a look takes so long that nothing may rest on it: that is
	// asked for again.
	for range 3 {
		if err == nil && a.status == 32 && strings.Contains(a.errors, "gate fresh-look") {
			a, err = r.pureclean("fix", "--volume", leak.Name, "--yes")
		}
	}
	close(stop)
	return a, errors.Join(err, <-ended)
}

// halfway asks for the repair, which has to end when it is in the middle.
func (s scenario) halfway(r *rig, leak array.Volume) error {
	a, err := s.fix(r, leak)
	if err != nil {
		return err
	}
	now, there := r.world.Array.Volume(leak.Name)
	switch {
	case a.status != 8 || !strings.Contains(strings.Join(strings.Fields(a.out+a.errors), " "), s.stopped):
		return fmt.Errorf("fix ended with %d: %s%s", a.status, a.out, a.errors)
	case !there || now.Destroyed || !r.connected(leak.Name):
		return fmt.Errorf("the array has %s: destroyed %v, connected %v", leak.Name, now.Destroyed, r.connected(leak.Name))
	}
	return s.checked(r)
}

// repaired asks for the repair and for the proof.
func (s scenario) repaired(r *rig, leak array.Volume) error {
	a, err := s.fix(r, leak)
	if err != nil {
		return err
	}
	now, there := r.world.Array.Volume(leak.Name)
	switch {
	case a.status != 0:
		return fmt.Errorf("fix ended with %d: %s%s", a.status, a.out, a.errors)
	case !there:
		return fmt.Errorf("%s was eradicated", leak.Name)
	case !now.Destroyed || r.connected(leak.Name):
		return fmt.Errorf("%s is repaired, and the array has it: destroyed %v, connected %v", leak.Name, now.Destroyed, r.connected(leak.Name))
	}
	// A scan brings nothing back.
	if err := r.settle(); err != nil {
		return err
	}
	if left := r.picture(leak.Serial); left != "" {
		return fmt.Errorf("%s is repaired, and the machine has\n%s", leak.Name, left)
	}
	a, err = r.pureclean("verify", "--volume", leak.Name)
	if err == nil && a.status != 0 {
		err = fmt.Errorf("verify ended with %d: %s%s", a.status, a.out, a.errors)
	}
	return errors.Join(err, s.checked(r))
}
