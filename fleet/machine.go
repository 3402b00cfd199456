package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/evidence"
)

// ErrLost is a conversation that broke off. What was asked for may be done,
// half done or not done; a look at the machine tells.
var ErrLost = errors.New("the conversation broke off")

// Machine is another member's machine, on which each step is one ssh.
type Machine struct {
	fleet *Fleet
	name  string
	boot  string
}

// Machine is the member's machine that the testimony is of. It works on none
// but the one that gave it.
func (f *Fleet) Machine(host evidence.Host) *Machine {
	return &Machine{fleet: f, name: host.Name, boot: host.Boot}
}

// Release makes the array's disconnect safe there, see release.Releaser.
func (m *Machine) Release(ctx context.Context, serial evidence.Serial, expect release.Expect, c release.Callbacks) (release.Released, error) {
	r, err := m.talk(ctx, request{Step: "release", Serial: serial, Expect: expect}, c)
	return r.Released, err
}

// Rollback takes back what was released, see release.Releaser.
func (m *Machine) Rollback(ctx context.Context, done release.Released, c release.Callbacks) error {
	_, err := m.talk(ctx, request{Step: "rollback", Serial: done.Serial, Released: done}, c)
	return err
}

// Clear removes what is left after the array's disconnect, see
// release.Releaser.
func (m *Machine) Clear(ctx context.Context, serial evidence.Serial, done release.Released, c release.Callbacks) error {
	_, err := m.talk(ctx, request{Step: "clear", Serial: serial, Released: done}, c)
	return err
}

// RemoveStale removes devices that no volume is behind, see release.Releaser.
func (m *Machine) RemoveStale(ctx context.Context, serial evidence.Serial, c release.Callbacks) (release.Released, error) {
	r, err := m.talk(ctx, request{Step: "stale", Serial: serial}, c)
	return r.Released, err
}

// Free ends the I/O that waits in the volume's map there, see release.Releaser.
func (m *Machine) Free(ctx context.Context, serial evidence.Serial, c release.Callbacks) error {
	_, err := m.talk(ctx, request{Step: "free", Serial: serial}, c)
	return err
}

// Detached reports of each volume whether nothing of it is left there, with one
// ssh for all, see release.Local.
func (m *Machine) Detached(ctx context.Context, sought []release.Sought) []release.Detachment {
	all := make([]release.Detachment, len(sought))
	if len(sought) == 0 {
		return all
	}
	ask := request{Step: "detached", Serial: sought[0].Serial}
	for _, s := range sought[1:] {
		ask.Also = append(ask.Also, s.Serial)
	}
	r, err := m.talk(ctx, ask, release.Callbacks{}, sought...)
	for i, s := range sought {
		all[i].Reasons = []string{"it did not say what is left of " + string(s.Serial)}
		if err != nil {
			all[i].Reasons = []string{err.Error()}
			continue
		}
		for _, said := range r.Detached {
			if said.Serial == s.Serial {
				all[i] = release.Detachment{Answer: said.Answer, Reasons: said.Reasons}
			}
		}
	}
	return all
}

// Shares tells machines apart that can do one step for several volumes, with one
// ssh. It is empty for one that can't: its pureclean is too old, or sudo there
// was seen to allow no more than one volume.
func (m *Machine) Shares() string {
	m.fleet.mu.Lock()
	defer m.fleet.mu.Unlock()
	if m.fleet.spoken[m.name] < severalFrom || m.fleet.alone[m.name] {
		return ""
	}
	return m.name + " " + m.boot
}

// Together does one step for several volumes, each for itself, with one ssh:
// TaskRelease, TaskClear or TaskStale, and tells with which error it ended for
// each. Their Sleep is not called: all of them rest together, by sleep. What
// breaks off is not known of any of them. It reports false where the machine did
// not begin, nor could have: it does one volume at a time.
func (m *Machine) Together(ctx context.Context, step string, tasks []release.Task, sleep func(context.Context, time.Duration) error) ([]error, bool) {
	ask := request{Step: step}
	t := &talk{ask: step, of: map[evidence.Serial]release.Callbacks{}, sleep: sleep, allowed: map[evidence.Serial]bool{}}
	for _, task := range tasks {
		ask.More = append(ask.More, target{task.Serial, task.Expect, task.Released})
		t.of[task.Serial] = task.Callbacks
	}
	// A request about one volume has it beside the step.
	ask.Serial, ask.Expect, ask.Released = ask.More[0].Serial, ask.More[0].Expect, ask.More[0].Released
	ask.More = ask.More[1:]
	said, err := m.converse(ctx, t, ask)
	if len(tasks) > 1 && t.declined {
		m.fleet.mu.Lock()
		defer m.fleet.mu.Unlock()
		m.fleet.alone[m.name] = true
		return nil, false
	}
	all := make([]error, len(tasks))
	for i, task := range tasks {
		var failed *wireError
		switch {
		case i == 0:
			failed = said.Error
		case err == nil:
			failed = said.More[i-1].Error
		}
		all[i] = t.ends(m.name, task.Serial, failed, err)
	}
	return all, true
}

// talk has the conversation about one step for one volume. A nil error means that
// the machine heard that its result was heard, and ended well.
func (m *Machine) talk(ctx context.Context, ask request, back release.Callbacks, sought ...release.Sought) (result, error) {
	t := &talk{ask: ask.Step, of: map[evidence.Serial]release.Callbacks{ask.Serial: back}, sleep: back.Sleep, allowed: map[evidence.Serial]bool{}}
	for _, s := range sought {
		t.of[s.Serial] = release.Callbacks{Elsewhere: s.Elsewhere}
	}
	said, err := m.converse(ctx, t, ask)
	return said, t.ends(m.name, ask.Serial, said.Error, err)
}

// converse has a conversation to its end. An error is why it broke off, or did not
// begin.
func (m *Machine) converse(ctx context.Context, t *talk, ask request) (result, error) {
	words := []string{"devices"}
	for _, one := range ask.each() {
		if _, err := evidence.ParseSerial(string(one.Serial)); err != nil {
			return result{}, fmt.Errorf("%w: %w", release.ErrRefused, err)
		}
		words = append(words, "--remove", string(one.Serial))
	}
	limit := steps[ask.Step].limit * time.Duration(1+len(ask.More))
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	if t.call, err = m.fleet.start(limited, m.name, append(words, "--step", ask.Step)...); err != nil {
		return result{}, fmt.Errorf("%s: %w", m.name, err)
	}
	t.begun = true
	said, broken := t.run(m.complete(ask))
	_ = t.stdout.Close()
	status := t.end()
	t.declined = !t.heard && status > 0 && status != statusLost
	switch {
	case broken == nil && status == 0:
	case broken == nil:
		broken = causeOf(m.name, t.member, status, t.stderr.String())
	case limited.Err() != nil && ctx.Err() == nil:
		broken = fmt.Errorf("it did not end within %s", limit)
	case errors.Is(broken, errHungUp):
		broken = causeOf(m.name, t.member, status, t.stderr.String())
	}
	return said, broken
}

func (m *Machine) complete(ask request) request {
	ask.Schema, ask.Version, ask.Name, ask.Boot = stepSchema, m.fleet.o.Version, m.name, m.boot
	ask.Conversation = m.fleet.speaks(m.name)
	return ask
}

// talk is one conversation, seen from here.
type talk struct {
	*call
	ask string
	// of is what is asked back about each volume, and sleep waits for all.
	of    map[evidence.Serial]release.Callbacks
	sleep func(context.Context, time.Duration) error
	// begun is set once ssh was started, and heard once anything was said there.
	begun, heard bool
	// declined is set when it ended there, by itself, before anything was said:
	// nothing was done, for nothing was allowed.
	declined bool
	// allowed are the volumes to which a write was allowed. To others none was
	// made, except to take others back.
	allowed map[evidence.Serial]bool
}

// errHungUp is an end of the conversation in the middle.
var errHungUp = errors.New("it hung up")

// run speaks until the machine is done, and returns what it said.
func (t *talk) run(ask request) (result, error) {
	if err := <-t.sending; err != nil {
		return result{}, errHungUp
	}
	if err := writeLine(t.stdin, ask); err != nil {
		return result{}, errHungUp
	}
	heard := newLines(t.stdout)
	for {
		var m message
		if err := heard.read(&m); err != nil {
			if t.ctx.Err() == nil && !isEnd(err) {
				return result{}, fmt.Errorf("it said what it should not: %w", err)
			}
			return result{}, errHungUp
		}
		t.heard = true
		var answer reply
		switch {
		case m.Say == sayAlive:
			continue
		case m.Say == sayNote && m.Action != nil:
			if m.Serial == "" && len(ask.More) == 0 {
				m.Serial = ask.Serial // it speaks the conversation before
			}
			answer = t.note(m.Serial, *m.Action)
		case m.Say == sayElsewhere && m.Use != nil:
			answer.OK = t.elsewhere(m.Serial, *m.Use)
		case m.Say == sayWait && m.Wait > 0:
			answer.OK = t.sleep != nil && t.sleep(t.ctx, m.Wait) == nil
		case m.Say == sayDone && m.Done != nil && m.Done.answers(ask):
			if err := writeLine(t.stdin, reply{OK: true}); err != nil {
				return *m.Done, errHungUp
			}
			return *m.Done, nil
		default:
			return result{}, fmt.Errorf("it said what it should not: %.40q", m.Say)
		}
		if err := writeLine(t.stdin, answer); err != nil {
			return result{}, errHungUp
		}
	}
}

// answers reports a result that is of each volume that was asked for.
func (r *result) answers(ask request) bool {
	return slices.EqualFunc(r.More, ask.More, func(o outcome, t target) bool { return o.Serial == t.Serial })
}

// elsewhere says whether a use is of another volume than the one that the
// machine judges just now.
func (t *talk) elsewhere(serial evidence.Serial, use evidence.Use) bool {
	back := t.of[serial].Elsewhere
	return back != nil && back(use)
}

// note writes the note here before the write is made there.
func (t *talk) note(serial evidence.Serial, a release.Action) reply {
	back, asked := t.of[serial]
	if !asked {
		return reply{Why: "this volume was not asked for"}
	}
	if back.Note != nil {
		if err := back.Note(a); err != nil {
			return reply{Why: err.Error()}
		}
	}
	t.allowed[serial] = true
	return reply{OK: true}
}

// ends is the error with which the step ends for one volume, by what the machine
// said of it, or by why the conversation broke off.
func (t *talk) ends(name string, serial evidence.Serial, said *wireError, broken error) error {
	switch {
	case broken == nil && said == nil:
		return nil
	case broken == nil:
		return said
	case !t.begun:
		return broken
	}
	err := fmt.Errorf("%s: %w: %w", name, ErrLost, broken)
	if t.allowed[serial] || t.ask == "rollback" {
		err = fmt.Errorf("%w; it is not known what was done there: %w", err, release.ErrHalfway)
	}
	return err
}
