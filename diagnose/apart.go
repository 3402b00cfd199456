package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// A volume that runs on one member can have a connection to another one, on
// which nothing uses it. The array refuses to delete it for that connection as
// for any. To cut it nothing has to be idle but that one member; but then it
// has to be certain that all use there is has nothing to do with it. Here is
// what makes the use of a volume that of other members alone, for the gates
// that ask. Wherever two members can't be told apart, use is the volume's, as
// it is for whatever destroys.

// UsedOn are the machines on which something certainly uses a volume.
func UsedOn(world *evidence.World, serial evidence.Serial) []string {
	var names []string
	for i := range world.Hosts {
		if d := newHost(&world.Hosts[i]).devices[serial]; d != nil && serial != "" && len(d.usage().certain) > 0 {
			names = append(names, world.Hosts[i].Name)
		}
	}
	return names
}

// apart is how LXD expects a volume on other members than the one that a
// finding's connection is to.
type apart struct {
	// from is the machine of the connection, by its initiators and no other's.
	from   *hostFacts
	member string
	// users are the members on which LXD expects it.
	users []string
}

// apart is nil for everything but a connection to one member of a volume that
// LXD expects on others only.
func (s Subject) apart(e *expectation) *apart {
	if s.class != ClassDisconnect || s.connection == "" || s.volume == nil || s.volume.record == nil {
		return nil
	}
	o := s.volume.array.owner(s.connection)
	if !o.ours.Is() || o.fenced || len(o.hosts) != 1 || o.member == "" || len(e.members) == 0 || !e.on(o.member).IsNot() {
		return nil
	}
	return &apart{from: o.hosts[0], member: o.member, users: e.members}
}

// usedApart is what the gates ask of a finding's volume.
func (s Subject) usedApart() *apart {
	if s.class != ClassDisconnect {
		return nil
	}
	e := s.f.expected(s.volume)
	return s.apart(&e)
}

// isUser reports a machine on which LXD expects the volume, and which the array
// connects to it: what uses the volume there is what LXD says.
func (p *apart) isUser(s Subject, h *hostFacts) bool {
	if p == nil || !slices.ContainsFunc(p.users, func(m string) bool { return strings.EqualFold(m, h.Name) }) {
		return false
	}
	connected, _ := s.f.connectedTo(s.volume, h)
	return connected.Is()
}

// expectedApart says whether LXD may come to use a volume on the member of the
// connection, though what runs just now runs elsewhere.
func (s Subject) expectedApart(p *apart, e *expectation) (Result, string) {
	f, record := s.f, s.volume.record
	for _, m := range f.world.LXD.Members.Items {
		if m.Status != "Online" {
			return Fail, "member " + m.Name + " is " + either(m.Status, "of no known state") + ": what runs elsewhere may be meant to come back"
		}
	}
	switch {
	case record.Type == evidence.TypeImage:
		return Fail, list(e.why()) + "; it is an image, of which no instance has a part: who uses it where is not told apart"
	case len(p.users) > 1:
		return Fail, list(e.why()) + ": what several members use at the same time is not told apart"
	case s.volume.LXD.Content == evidence.ContentISO:
		return Fail, list(e.why()) + "; an ISO volume may be used on several members at the same time"
	case record.Shared.Is():
		return Fail, list(e.why()) + "; it is shared (security.shared): it may be used on several members at the same time"
	case !record.Shared.IsNot():
		return Uncertain, list(e.why()) + "; it is not known whether it is shared with other members"
	}
	for _, u := range e.uses {
		if u.instance == nil {
			return Fail, u.words() + ": LXD names no instance, so on which members it uses it is not told apart"
		}
		if !u.instance.Running.Is() {
			return Uncertain, u.words()
		}
	}
	if result, why := s.mayComeTo(p); result != Pass {
		return result, why
	}
	return Pass, "LXD expects it on " + list(p.users) + " only (" + list(e.why()) + "), and nothing on " + p.member + " has it"
}

// mayComeTo says what could take the volume into use on the member: an instance
// there that has it, running or not, as LXD starts instances by itself, and
// whatever is not known to be elsewhere.
func (s Subject) mayComeTo(p *apart) (Result, string) {
	f, record := s.f, s.volume.record
	has := func(d evidence.InstanceDisk) bool {
		is := func(said, is string) bool { return said == "" || said == is }
		return d.Source == record.Name && d.Snapshot == "" && is(d.Pool, record.Pool) && is(d.Project, record.Project) && is(d.Type, record.Type)
	}
	instances := f.world.LXD.Instances.Items
	for inst := range evidence.Refs(instances) {
		root := inst.Name == record.Name && inst.Project == record.Project && record.Type != evidence.TypeCustom
		if !root && len(inst.Disks) > 0 && !slices.ContainsFunc(inst.Disks, has) {
			continue
		}
		member, known := f.members.at(inst.Location)
		switch {
		case known && !strings.EqualFold(member, p.member):
		case len(inst.Disks) == 0:
			return Uncertain, "of instance " + quoted(inst.Name) + " it is not known which disks it has"
		case !known:
			return Uncertain, "it is not known on which member " + quoted(inst.Name) + " is, which has it"
		default:
			return Fail, inst.Type + " " + inst.Name + " on " + member + " has it, and LXD starts instances by itself"
		}
	}
	for _, user := range record.UsedBy {
		path, _, _ := strings.Cut(user, "?")
		if name, ok := strings.CutPrefix(path, "/1.0/profiles/"); ok {
			return Fail, "profile " + quoted(name) + " has it: an instance on any member may come to use it"
		}
	}
	return Pass, ""
}

// inUseApart says whether what uses the volume is what LXD expects: on each
// member on which it runs something has to be seen that uses it, or it may run
// where nobody looks for it.
func (s Subject) inUseApart(p *apart) (Result, string) {
	var users []string
	for _, member := range p.users {
		h := s.f.hostOf(member)
		switch {
		case h == nil:
			return Uncertain, member + " was not read, and LXD expects it there"
		case !p.isUser(s, h):
			return Uncertain, "LXD expects it on " + member + ", which the array is not known to connect"
		}
		use := s.useOfLXD(h)
		if use == nil {
			return Uncertain, "LXD expects it on " + member + ", and it is not seen to use it there: it may run elsewhere"
		}
		users = append(users, member+" ("+useWords(use)+")")
	}
	if paired(s.volume.LXD) {
		twins := s.f.twins(s.volume)
		if len(twins) == 0 {
			return Uncertain, "its other half is not known, so neither is whether " + p.member + " uses that"
		}
		for _, twin := range twins {
			if why := p.halfUsed(twin); why != "" {
				return Fail, p.member + ": its other half " + twin.Name + ": " + why
			}
		}
	}
	return Pass, "not mounted in any mount namespace, not held, not open, not swap on " + p.member + "; in use on " + list(users) + ", where LXD expects it"
}

// useOfLXD is how a machine uses the volume as LXD does when an instance has it:
// a filesystem is mounted, what is a block device is open in the virtual
// machine's process. That somebody else has it open there is no sign that the
// instance has.
func (s Subject) useOfLXD(h *hostFacts) *evidence.Use {
	d := h.of(s.volume)
	if d == nil {
		return nil
	}
	i := slices.IndexFunc(d.uses, func(use *evidence.Use) bool {
		if s.volume.LXD.Content == evidence.ContentFilesystem {
			return use.Kind == evidence.UseMount || use.Kind == evidence.UseSuperblock
		}
		return use.Kind == evidence.UseOpener && strings.HasPrefix(use.Process, "qemu")
	})
	if i < 0 {
		return nil
	}
	return d.uses[i]
}

// halfUsed says how the other half of the volume is used on the member of the
// connection: both are one disk of one virtual machine.
func (p *apart) halfUsed(twin *volume) string {
	if twin.Serial == "" {
		return "it has no serial, so no device can be told to be its"
	}
	d := p.from.of(twin)
	if d == nil {
		return ""
	}
	u := d.usage()
	if used := slices.Concat(u.certain, u.waits); len(used) > 0 {
		return list(used)
	}
	return u.doubt
}

// connectedApart says why a connection that is cut under a volume in use may be
// more than one machine's, or the volume be reached in a way that is not its.
func (s Subject) connectedApart(p *apart) (Result, string) {
	v := s.volume
	if group := v.array.hosts[lower(s.connection)].Group; group != "" {
		return Fail, s.connection + " is in host group " + group + ", and the volume is in use on " + list(p.users)
	}
	if pod := v.pool.pod; pod == nil || len(pod.Arrays) != 1 {
		return Fail, "its pod lies on more than one array, and what " + list(p.users) + " and " + p.member + " do with it is not told apart"
	}
	return Pass, ""
}

// usersSeen reports that something is seen to use the volume on each member on
// which LXD expects it.
func (s Subject) usersSeen(p *apart) bool {
	return !slices.ContainsFunc(p.users, func(member string) bool {
		h := s.f.hostOf(member)
		return h == nil || !p.isUser(s, h) || s.useOfLXD(h) == nil
	})
}

// ioApart tells I/O of the member of the connection from that of the others.
// The array counts what a volume does, and what a host does, but not what a
// host does with a volume; so it is the machine's own counters that tell. Here
// they have to be known; that they stand still needs two looks, and is asked
// before the first thing is changed (repair, "still").
func (s Subject) ioApart(p *apart, busy evidence.Answer) (Result, string) {
	var counted []string
	if d := p.from.of(s.volume); d != nil {
		for _, part := range d.ends() {
			if !part.Reads.Known || !part.Writes.Known {
				return Uncertain, p.member + ": it is not known how much was read and written through " + part.name + ", so its I/O can't be told from that on " + list(p.users)
			}
			counted = append(counted, part.name)
		}
	}
	where := p.member + " has no device of it, so its kernel can do none"
	if len(counted) > 0 {
		where = fmt.Sprintf("no request is under way on %s, where the counters of %s are to stand still", p.member, list(counted))
	}
	switch {
	case !s.usersSeen(p):
		return Uncertain, "whose I/O it is is not known: nothing is seen to use it on " + list(p.users)
	case busy.Is():
		return Pass, "the array measured I/O of it, which is in use on " + list(p.users) + "; " + where
	case busy.IsNot():
		return Pass, "the array measured no I/O of it; " + where
	}
	return Uncertain, "the array has not measured it, which does not mean that it is idle"
}
