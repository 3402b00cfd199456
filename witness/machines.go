package witness

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/evidence"
)

// machinesAtOnce bounds how many machines are asked at the same time. Each is
// one ssh, which mostly waits, so that a cluster takes as long as its slowest
// member.
const machinesAtOnce = 64

// observeOthers asks the machines of all other members, offline ones too: what
// LXD can't reach, ssh may. Those that are kept are not asked. This machine comes
// first in what it returns.
func (o Options) observeOthers(ctx context.Context, l limits, lxd *evidence.LXD, here evidence.Host, kept map[string]*evidence.Host) []evidence.Host {
	names := o.others(lxd, here)
	hosts := make([]evidence.Host, len(names), len(names)+1)
	var group errgroup.Group
	group.SetLimit(machinesAtOnce)
	var answered atomic.Int64
	for i, name := range names {
		if before := kept[strings.ToLower(name)]; before != nil {
			hosts[i] = *before
			hosts[i].Kept = true
			answered.Add(1)
			continue
		}
		group.Go(func() error {
			ctx, cancel := l.of(ctx, others, name)
			defer cancel()
			done := o.asking(ctx, "host", name)
			hosts[i] = o.Fleet.Ask(ctx, name)
			done()
			o.Progress(Asking{Kind: "members", Got: answered.Add(1), Of: int64(len(names))})
			return nil
		})
	}
	_ = group.Wait() // what failed is said in what they return
	hosts = slices.Insert(hosts, 0, here)
	contradict(hosts)
	return o.withTold(hosts)
}

// others are the members that are to be asked.
func (o Options) others(lxd *evidence.LXD, here evidence.Host) []string {
	if o.Fleet == nil || lxd.Clustered.IsNot() {
		return nil
	}
	var names []string
	for _, m := range lxd.Members.Items {
		if !strings.EqualFold(m.Name, here.Name) && !named(o.Down, m.Name) && !named(names, m.Name) {
			names = append(names, m.Name)
		}
	}
	return names
}

func named(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// withTold adds what files say of machines that did not answer.
func (o Options) withTold(hosts []evidence.Host) []evidence.Host {
	for _, told := range o.Told {
		told.Recorded = true
		at := slices.IndexFunc(hosts, func(h evidence.Host) bool { return strings.EqualFold(h.Name, told.Name) })
		switch {
		case at < 0:
			hosts = append(hosts, told)
		case hosts[at].Boot == "" && hosts[at].Trouble != "":
			hosts[at] = told
		}
	}
	return hosts
}

// disown finds machines that LXD's processes do not run on. A name in ssh's
// configuration, an address that was given away, a socket that is passed on: all
// may lead to a machine that is no member, and has nothing of what the member
// uses. LXD says the number of its process on each member. A machine that has no
// process of that number that may be LXD's is another one, or LXD was restarted
// since it was asked or the machine was: nothing is known of it, and where a part
// of that is from an earlier look, everybody is asked again. Of a member that did
// not answer LXD says no number, and a recording is of then.
func (p *part) disown(lxd *evidence.LXD, hosts []evidence.Host) {
	for h := range evidence.Refs(hosts) {
		at := slices.IndexFunc(lxd.Members.Items, func(m evidence.Member) bool { return strings.EqualFold(m.Name, h.Name) })
		if at < 0 || h.Recorded || h.Trouble != "" {
			continue
		}
		pid := lxd.Members.Items[at].PID
		if pid == 0 || slices.ContainsFunc(h.Daemons, func(d evidence.Daemon) bool { return d.PID == pid }) {
			continue
		}
		h.Trouble = fmt.Sprintf("LXD on %s is process %d, which the machine that answered does not have: it is another machine, or LXD was restarted meanwhile", h.Name, pid)
		h.Hint = "look again; if it stays, give the member its own address (members: in the configuration)"
		if p != nil {
			p.changed(errors.New(h.Trouble))
		}
	}
}

// contradict finds testimonies that can't be of two machines: the same boot,
// or the same initiator. Which of the names leads to the wrong machine, or
// which of the machines is a copy of the other, nobody knows; so nothing is
// known of either.
func contradict(hosts []evidence.Host) {
	for i := range hosts {
		for j := range i {
			why := sameMachine(&hosts[i], &hosts[j])
			if why == "" {
				continue
			}
			for _, pair := range [][2]int{{i, j}, {j, i}} {
				h, other := &hosts[pair[0]], &hosts[pair[1]]
				h.Trouble = fmt.Sprintf("%s has %s too: one name leads to the other's machine, or one machine is a copy of the other", other.Name, why)
				h.Hint = "give each member its own address (members: in the configuration) and its own initiator name"
			}
		}
	}
}

func sameMachine(a, b *evidence.Host) string {
	if a.Boot != "" && a.Boot == b.Boot {
		return "boot id " + a.Boot
	}
	for _, list := range [][2][]string{{a.IQNs.Items, b.IQNs.Items}, {a.NQNs.Items, b.NQNs.Items}, {a.WWPNs.Items, b.WWPNs.Items}} {
		for _, initiator := range list[0] {
			if initiator != "" && slices.ContainsFunc(list[1], func(o string) bool { return evidence.Initiator(o) == evidence.Initiator(initiator) }) {
				return "initiator " + initiator
			}
		}
	}
	return ""
}
