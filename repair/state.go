package repair

import (
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// state is an object before or after a step, for the journal.
type state struct {
	Destroyed   string   `json:"destroyed,omitempty"`
	Connections []string `json:"connections"`
	Initiators  []string `json:"initiators,omitempty"`
	Devices     []string `json:"devices"`
	Boot        string   `json:"boot,omitempty"`
	// Written is what the array counted as written to it.
	Written evidence.Count `json:"written"`
	Keeping *keeping       `json:"keeping,omitempty"`
}

// keeping is what the end of an array's timer depends on: for how long it keeps
// what is destroyed, and by how much its clock is ahead of this machine's. What
// ends when it should is told from another only while both are the same.
type keeping struct {
	Delay time.Duration `json:"delay_ns"`
	Ahead time.Duration `json:"ahead_ns"`
}

func keepingOf(a *evidence.Array) *keeping {
	if a == nil || a.Clock.IsZero() || a.EradicationDelay <= 0 {
		return nil
	}
	return &keeping{Delay: a.EradicationDelay, Ahead: a.Skew(a.Clock)}
}

// boot is that of the machine whose device an action is about: after another
// one nothing of what was released holds.
type boot struct {
	Boot string `json:"boot"`
}

func (r *run) stateNow(step Step) state {
	l := r.latest
	now := state{Connections: []string{}, Devices: []string{}, Initiators: l.initiators(step), Boot: r.bootOf(step.Member), Keeping: keepingOf(l.array)}
	switch {
	case l.volume != nil:
		now.Destroyed, now.Written = l.volume.Destroyed.String(), l.volume.Written
	case l.snapshot != nil:
		now.Destroyed = l.snapshot.Destroyed.String()
	}
	for _, row := range l.rows {
		now.Connections = append(now.Connections, l.where(row))
	}
	if l.world == nil {
		return now
	}
	for _, g := range devicesOnEach(l.world, r.plan.Serial) {
		for _, name := range g.names() {
			now.Devices = append(now.Devices, g.host.Name+": "+name)
		}
	}
	return now
}

func (r *run) bootOf(member string) string {
	if r.latest.world == nil || member == "" {
		return ""
	}
	if host := hostNamed(r.latest.world, member); host != nil {
		return host.Boot
	}
	return ""
}
