package repair

// state is an object before or after a step, for the journal.
type state struct {
	Destroyed   string   `json:"destroyed,omitempty"`
	Connections []string `json:"connections"`
	Initiators  []string `json:"initiators,omitempty"`
	Devices     []string `json:"devices"`
	Boot        string   `json:"boot,omitempty"`
}

// boot is that of the machine whose device an action is about: after another
// one nothing of what was released holds.
type boot struct {
	Boot string `json:"boot"`
}

func (r *run) stateNow(step Step) state {
	l := r.latest
	now := state{Connections: []string{}, Devices: []string{}, Initiators: l.initiators(step), Boot: r.bootOf(step.Member)}
	switch {
	case l.volume != nil:
		now.Destroyed = l.volume.Destroyed.String()
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
	for _, host := range r.latest.world.Hosts {
		if host.Name == member {
			return host.Boot
		}
	}
	return ""
}
