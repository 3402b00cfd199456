package commands

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/pureclean/pureclean/config"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/fleet"
	"github.com/pureclean/pureclean/repair/journal"
)

// One run works in a cluster. Each takes the lock of its own machine and says
// so there, and only then asks every other member who works from it. Of two
// that do that at the same time at least one is told of the other, so never do
// both go on. Who has gone on is not asked again: whoever comes later finds it.
const (
	// aloneLimit is how long the earlier of two that began together waits for
	// the other, which refuses after its first look, to end; alonePoll is how often
	// it asks.
	aloneLimit = 2 * time.Minute
	alonePoll  = time.Second
)

// holderOf is what others are told of who works from a machine.
func holderOf(h journal.Holder) fleet.Holder {
	return fleet.Holder{
		Held: evidence.Yes, Token: h.Token, By: operator(h.Operator), Host: h.Operator.Host, PID: h.Operator.PID,
		Since: h.Since, Alone: h.Alone, Done: h.Done, Of: h.Of,
	}
}

// heldBy is the same of a state directory.
func heldBy(dir string) fleet.Holder {
	h, held, err := journal.HeldBy(dir)
	switch {
	case err != nil:
		return fleet.Holder{Why: err.Error()}
	case !held:
		return fleet.Holder{Held: evidence.No}
	}
	return holderOf(h)
}

// holder is who works from this machine.
func (o *common) holder() fleet.Holder {
	if o.Streams.given != nil {
		return heldBy(o.Streams.given.config.StateDir)
	}
	if o.sysroot != "" {
		return fleet.Holder{Why: "it is a recording"}
	}
	settings, err := config.Load(o.config)
	if err != nil {
		return fleet.Holder{Why: "its configuration can't be read"}
	}
	return heldBy(settings.StateDir)
}

// noJournal says more of a journal that can't be opened for writing: who has its
// lock, or that it is root's.
func noJournal(err error, dir string) error {
	if h := heldBy(dir); h.Held.Is() {
		return fmt.Errorf("%w: %s", err, h)
	}
	if errors.Is(err, fs.ErrPermission) {
		return withHint(err, "run it as root: what changes something needs that for its journal and for the devices")
	}
	return err
}

// besideError is a run that works from another member, or may.
type besideError struct {
	member string
	holder fleet.Holder
	// why it is not known whether one does.
	why string
}

func (e *besideError) Error() string {
	if e.why != "" {
		return fmt.Sprintf("whether another run of pureclean works from %s is not known: %s", e.member, e.why)
	}
	return fmt.Sprintf("on %s: %v: %s", e.member, journal.ErrLocked, e.holder)
}

func (e *besideError) Unwrap() error { return journal.ErrLocked }

// others are the members beside which a run goes on or does not.
type others struct {
	// own is the run itself, on the member of that name.
	own  fleet.Holder
	name string
	// ask asks a member anew, and known is what it said last.
	ask   func(ctx context.Context, member string) error
	known func(member string) fleet.Holder
	sleep func(context.Context, time.Duration) error
}

// beside returns nil once nobody works from a member, after own was made known.
// Of two that began together the earlier waits for the other to end, which
// refuses at once.
func (o others) beside(ctx context.Context, member string) error {
	for waited := time.Duration(0); ; waited += alonePoll {
		other := o.known(member)
		switch {
		case other.Held.IsNot():
			return nil
		case !other.Held.Is():
			return &besideError{member: member, why: cmp.Or(other.Why, "it does not say")}
		case other.IsSame(o.own):
			return &besideError{member: member, why: "it has this machine's state directory, in which each hides the other's runs; give each its own (state_dir)"}
		case other.Alone || !o.own.IsBefore(o.name, other, member) || waited >= aloneLimit:
			return &besideError{member: member, holder: other}
		}
		if err := o.sleep(ctx, alonePoll); err != nil {
			return err
		}
		if err := o.ask(ctx, member); err != nil {
			return &besideError{member: member, why: err.Error()}
		}
	}
}

// alone refuses while anybody works from another member, by what the members
// said in the look before, all after the run was made known. A member that did
// not answer keeps back by the gates what it might use, and its own runs can't
// ask us either.
func (o *changing) alone(ctx context.Context, from sources, world evidence.World, own journal.Holder) error {
	if from.fleet == nil || o.noSSH || len(world.Hosts) == 0 {
		return nil
	}
	all := others{
		own: holderOf(own), name: world.Hosts[0].Name, known: from.fleet.Holder, sleep: o.sleep,
		ask: func(ctx context.Context, member string) error {
			if host := from.fleet.Ask(ctx, member); host.Trouble != "" {
				return errors.New(host.Trouble)
			}
			return nil
		},
	}
	for _, h := range world.Hosts[1:] {
		if h.Trouble != "" || h.Recorded {
			continue
		}
		if err := all.beside(ctx, h.Name); err != nil {
			hint := "wait until it has ended, or end it there; nothing was changed"
			if beside := (*besideError)(nil); errors.As(err, &beside) && beside.why != "" {
				hint = "nothing was changed"
			}
			return withHint(err, hint)
		}
	}
	return nil
}
