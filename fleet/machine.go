package fleet

import (
	"context"
	"errors"
	"fmt"

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

// talk has the conversation about one step. A nil error means that the machine
// heard that its result was heard, and ended well.
func (m *Machine) talk(ctx context.Context, ask request, back release.Callbacks, sought ...release.Sought) (result, error) {
	if _, err := evidence.ParseSerial(string(ask.Serial)); err != nil {
		return result{}, fmt.Errorf("%w: %w", release.ErrRefused, err)
	}
	step := steps[ask.Step]
	limited, cancel := context.WithTimeout(ctx, step.limit)
	defer cancel()
	c, err := m.fleet.start(limited, m.name, "devices", "--remove", string(ask.Serial), "--step", ask.Step)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", m.name, err)
	}
	t := &talk{call: c, ask: ask.Step, back: back, sought: sought}
	said, broken := t.run(m.complete(ask))
	_ = c.stdout.Close()
	status := c.end()
	switch {
	case broken == nil && status == 0 && said.Error == nil:
		return said, nil
	case broken == nil && status == 0:
		return said, said.Error
	case broken == nil:
		broken = causeOf(m.name, c.member, status, c.stderr.String())
	case limited.Err() != nil && ctx.Err() == nil:
		broken = fmt.Errorf("it did not end within %s", step.limit)
	case errors.Is(broken, errHungUp):
		broken = causeOf(m.name, c.member, status, c.stderr.String())
	}
	return said, t.lost(m.name, broken)
}

func (m *Machine) complete(ask request) request {
	ask.Schema, ask.Version, ask.Name, ask.Boot = stepSchema, m.fleet.o.Version, m.name, m.boot
	ask.Conversation = m.fleet.speaks(m.name)
	return ask
}

// talk is one conversation, seen from here.
type talk struct {
	*call
	ask  string
	back release.Callbacks
	// sought are the volumes of a step that is about several.
	sought []release.Sought
	// allowed is set once a write was allowed. Before that none was made,
	// except to take others back.
	allowed bool
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
		var answer reply
		switch {
		case m.Say == sayAlive:
			continue
		case m.Say == sayNote && m.Action != nil:
			answer = t.note(*m.Action)
		case m.Say == sayElsewhere && m.Use != nil:
			answer.OK = t.elsewhere(m.Serial, *m.Use)
		case m.Say == sayWait && m.Wait > 0:
			answer.OK = t.back.Sleep != nil && t.back.Sleep(t.ctx, m.Wait) == nil
		case m.Say == sayDone && m.Done != nil:
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

// elsewhere says whether a use is of another volume than the one that the
// machine judges just now.
func (t *talk) elsewhere(serial evidence.Serial, use evidence.Use) bool {
	back := t.back.Elsewhere
	for _, s := range t.sought {
		if s.Serial == serial {
			back = s.Elsewhere
		}
	}
	return back != nil && back(use)
}

// note writes the note here before the write is made there.
func (t *talk) note(a release.Action) reply {
	if t.back.Note != nil {
		if err := t.back.Note(a); err != nil {
			return reply{Why: err.Error()}
		}
	}
	t.allowed = true
	return reply{OK: true}
}

// lost is the error of a conversation that broke off.
func (t *talk) lost(name string, why error) error {
	err := fmt.Errorf("%s: %w: %w", name, ErrLost, why)
	if t.allowed || t.ask == "rollback" {
		err = fmt.Errorf("%w; it is not known what was done there: %w", err, release.ErrHalfway)
	}
	return err
}
