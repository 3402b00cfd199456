package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
	"github.com/pureclean/pureclean/words"
)

// eachHost asks about each host.
func eachHost(find func(p *patient, h *evidence.Host, advise func(Advice))) func(*patient, func(Advice)) {
	return func(p *patient, advise func(Advice)) {
		for h := range evidence.Refs(p.world.Hosts) {
			find(p, h, func(one Advice) { one.Witness = h.Name; advise(one) })
		}
	}
}

// shared compares initiators of all hosts: a cloned machine keeps those of
// its twin. The same machine asked twice is no twin.
func (p *patient) shared(advise func(Advice)) {
	first := map[string]*evidence.Host{}
	for h := range evidence.Refs(p.world.Hosts) {
		for _, initiator := range slices.Concat(h.IQNs.Items, h.NQNs.Items, h.WWPNs.Items) {
			twin := first[evidence.Initiator(initiator)]
			if twin == nil {
				first[evidence.Initiator(initiator)] = h
				continue
			}
			if twin == h || twin.Boot != "" && twin.Boot == h.Boot {
				continue
			}
			a := Advice{Witness: h.Name, Subject: "initiator", Observed: initiator + " is this machine's and " + twin.Name + "'s", Source: "both machines"}
			if strings.HasPrefix(initiator, "iqn.") {
				a.File, a.Into = "/etc/iscsi/initiatorname.iscsi", "/etc/iscsi/initiatorname.iscsi of one of the two, while no volume is connected to it"
				a.Then = []string{"echo InitiatorName=$(iscsi-iname) > /etc/iscsi/initiatorname.iscsi"}
			} else {
				a.Into = "LXD makes its NQN from server.uuid in its directory: a cloned machine needs a new one, while no volume is connected to it"
			}
			advise(a)
		}
	}
}

// uses reports that a pool has one of the transports, or that the pools are not
// known.
func (p *patient) uses(modes ...string) bool {
	pools := p.world.LXD.Pools
	if len(pools.Items) == 0 && !pools.IsComplete() {
		return true
	}
	return slices.ContainsFunc(pools.Items, func(pool evidence.Pool) bool { return slices.Contains(modes, pool.Mode) })
}

// needed reports a host on which volumes come over one of these transports.
// Where no pool is known, what is connected tells: a machine that has nothing
// to do with an array is not told to install its tools.
func (p *patient) needed(h *evidence.Host, modes []string) bool {
	if len(p.world.LXD.Pools.Items) > 0 || p.world.LXD.Pools.IsComplete() {
		return p.uses(modes...)
	}
	if slices.Contains(modes, evidence.ModeNVMeTCP) {
		return len(h.Controllers.Items) > 0
	}
	return len(h.Sessions.Items)+len(h.Disks.Items) > 0
}

// inSnap reports an LXD from the snap, which brings its own nvme-cli and runs
// the host's iscsiadm and multipath.
func (p *patient) inSnap() bool { return strings.Contains(p.world.LXD.Dir, "/snap/") }

// requirement is a program that LXD runs, and what it is needed for.
type requirement struct {
	tool  string
	modes []string
	// snap says that LXD's snap needs the host's program too.
	snap    bool
	install string
	why     string
}

var requirements = []requirement{
	{"multipathd", []string{evidence.ModeISCSI, evidence.ModeFC}, true, "multipath-tools (RHEL: device-mapper-multipath)", "LXD 6.8 and later takes a volume only through a multipath map; earlier ones lose it with its one path"},
	{"iscsiadm", []string{evidence.ModeISCSI}, true, "open-iscsi (RHEL: iscsi-initiator-utils)", "LXD logs in with it: without it no volume can be connected"},
	{"nvme", []string{evidence.ModeNVMeTCP, evidence.ModeNVMeFC}, false, "nvme-cli", "LXD connects with it: without it no volume can be connected"},
}

// command installs it, as the two families of distributions have it.
func (r requirement) command() string {
	debian, rest, _ := strings.Cut(r.install, " ")
	redHat, ok := strings.CutPrefix(rest, "(RHEL: ")
	if !ok {
		redHat = debian
	}
	return "apt-get install " + debian + " (or dnf install " + strings.TrimSuffix(redHat, ")") + ")"
}

func (p *patient) tools(h *evidence.Host, advise func(Advice)) {
	for _, need := range requirements {
		i := slices.IndexFunc(h.Tools.Items, func(t evidence.Tool) bool { return t.Name == need.tool })
		if i < 0 || !p.needed(h, need.modes) || p.inSnap() && !need.snap {
			continue
		}
		switch tool := h.Tools.Items[i]; {
		case tool.Present.IsNot():
			advise(Advice{
				Subject: need.tool, Observed: need.tool + " is not installed", Source: "the directories of programs", Why: need.why,
				Into: "install " + need.install, Then: []string{need.command()},
			})
		case tool.Running.IsNot():
			advise(Advice{
				Subject: need.tool, Observed: need.tool + " is not running", Source: tool.Why, Why: need.why,
				Then: []string{"systemctl enable --now " + need.tool},
			})
		}
	}
}

// settings asks the rules, and says once what several devices have alike.
func (p *patient) settings(h *evidence.Host, advise func(Advice)) {
	var all []Advice
	for _, f := range settings.OfHost(h, &p.world.LXD) {
		a := Advice{
			Check: f.Code, Weight: f.Weight, Subject: f.Name, Observed: strings.TrimSpace(f.Name + " " + f.Value), Source: f.Where(),
			File: f.File, Line: f.Line, Why: f.Why, Write: f.Write, Into: f.Into, Then: f.Then,
		}
		if !strings.HasPrefix(f.File, "/") {
			a.File = "" // a daemon says it
		}
		if f.Unsure {
			a.Source += " (where it may not count)"
		}
		alike := slices.IndexFunc(all, func(b Advice) bool {
			return b.Check == a.Check && b.Observed == a.Observed && slices.Equal(b.Write, a.Write)
		})
		if alike >= 0 {
			all[alike].Source += "; " + a.Source
			if a.Into != all[alike].Into {
				all[alike].Into = strings.TrimPrefix(all[alike].Into+"; "+a.Into, "; ")
			}
			for _, command := range a.Then {
				if !slices.Contains(all[alike].Then, command) {
					all[alike].Then = append(all[alike].Then, command)
				}
			}
			continue
		}
		all = append(all, a)
	}
	for _, a := range all {
		advise(a)
	}
}

// splitHosts are the machines that are several array hosts.
var splitHosts = ofFindings(func(f diagnose.Finding) bool {
	return f.Code == "unsafe-setting" && f.Cause == diagnose.SplitHost
}, func(f diagnose.Finding) Advice {
	return Advice{
		Witness: f.Host, Subject: "array host " + f.Object, Observed: f.Detail, Source: "the array's hosts against the machines' initiators", Why: f.Effect,
		Into: strings.Join(f.Remedy, "; "),
	}
})

var queueingMaps = ofFindings(func(f diagnose.Finding) bool {
	return f.Code == "unsafe-setting" && f.Cause != diagnose.SplitHost && f.Host != "" && f.Object != "eradication delay" && f.Object != diagnose.ArrayClock && !strings.HasPrefix(f.Object, "multipath ")
}, func(f diagnose.Finding) Advice {
	return Advice{Witness: f.Host, Subject: "map " + f.Object, Observed: f.Detail, Source: "device-mapper", Why: f.Effect, Then: commandsOf(f.Remedy)}
})

// commandsOf takes the command out of a remedy, "what it does: the command".
func commandsOf(remedy []string) []string {
	return words.Of(remedy, func(r string) string {
		if _, command, ok := strings.Cut(r, ": "); ok {
			return command
		}
		return r
	})
}

func (p *patient) lostSessions(h *evidence.Host, advise func(Advice)) {
	for _, s := range h.Sessions.Items {
		if s.Live() || !p.ours(s.Target) {
			continue
		}
		if s.ConnState == "" && s.State == "LOGGED_IN" {
			advise(Advice{
				Weight: settings.Hint, Subject: fmt.Sprintf("session%d", s.ID), Observed: fmt.Sprintf("whether session%d is up is not known: it is logged in, and its connection was not seen", s.ID),
				Source: fmt.Sprintf("/sys/class/iscsi_connection, which has none of session%d", s.ID), Why: "if it is down, its volumes have a path less",
				Then: []string{fmt.Sprintf("iscsiadm -m session -r %d -P 1", s.ID)},
			})
			continue
		}
		advise(Advice{
			Subject: fmt.Sprintf("session%d", s.ID), Observed: fmt.Sprintf("session%d to %s is %s, its connection %s", s.ID, evidence.Portal(s.Address, s.Port), cmp.Or(s.State, "state unknown"), cmp.Or(s.ConnState, "in an unknown state")),
			Source: fmt.Sprintf("/sys/class/iscsi_session/session%d", s.ID), Into: "see that the portal can be reached: its switch, its cable, its address",
			Then: []string{"pureclean doctor --live"},
		})
	}
	for _, port := range h.RemotePorts.Items {
		if port.State == "Online" || !p.ours(port.WWPN) {
			continue
		}
		why := "its volumes have a path less; while it is Blocked their I/O waits until fast_io_fail_tmo, and after dev_loss_tmo its disks are taken away"
		if port.State == evidence.Marginal {
			why = "the fabric or multipathd has found it to be unreliable: I/O still goes through it, and what fails there is tried on another path only"
		}
		observed := fmt.Sprintf("%s to %s is %s", port.Name, port.WWPN, cmp.Or(port.State, "in an unknown state"))
		if port.Link != "" && port.Link != "Online" {
			observed += ", and the adapter " + port.Adapter + " is " + port.Link
		}
		advise(Advice{
			Subject: port.Name, Observed: observed, Source: "/sys/class/fc_remote_ports/" + port.Name,
			Why:  why,
			Into: "see that the array's port can be reached: its cable, its switch, its zone", Then: []string{"cat /sys/class/fc_host/" + port.Adapter + "/port_state"},
		})
	}
	for _, c := range h.Controllers.Items {
		if c.State == "live" || !p.oursNVMe(h, c) {
			continue
		}
		advise(Advice{
			Subject: c.Name, Observed: fmt.Sprintf("%s to %s is %s", c.Name, evidence.Portal(c.Address, c.Port), cmp.Or(c.State, "in an unknown state")), Source: "/sys/class/nvme/" + c.Name,
			Why:  "its namespaces have a path less, and a controller that is not live does not see new ones",
			Into: "see that the portal can be reached: its switch, its cable, its address", Then: []string{"pureclean doctor --live"},
		})
	}
}

// ours reports a target, a subsystem or a port of one of the arrays: each is
// asked by itself, for one that told its ports says nothing of another's.
func (p *patient) ours(name string) bool {
	arrays := p.world.Arrays
	for i := range arrays {
		if evidence.LeadsTo(&arrays[i], name, arrays) {
			return true
		}
	}
	return len(arrays) == 0 && (evidence.PureTarget(name) || evidence.PureWWPN(name))
}

// oursNVMe reports a controller of one of the arrays. A host names those of
// FlashArrays only, also where it could not read the subsystem.
func (p *patient) oursNVMe(h *evidence.Host, c evidence.Controller) bool {
	i := slices.IndexFunc(h.Subsystems.Items, func(s evidence.Subsystem) bool { return s.Name == c.Subsystem })
	return i < 0 || h.Subsystems.Items[i].NQN == "" || p.ours(h.Subsystems.Items[i].NQN)
}

func (p *patient) doubleSessions(h *evidence.Host, advise func(Advice)) {
	seen := map[string]evidence.Session{}
	// What one advice ends is no way out for the next.
	ended := map[int]bool{}
	for _, s := range h.Sessions.Items {
		// Sessions through two network cards are two paths.
		key := evidence.Initiator(s.Target) + " " + evidence.Portal(s.Address, s.Port) + " " + s.Iface
		first, again := seen[key]
		if !again || s.Address == "" || !p.ours(s.Target) {
			seen[key] = s
			continue
		}
		advice := Advice{
			Subject: fmt.Sprintf("session%d", s.ID), Observed: fmt.Sprintf("session%d leads to %s, as session%d does", s.ID, evidence.Portal(s.Address, s.Port), first.ID),
			Source: fmt.Sprintf("/sys/class/iscsi_session/session%d", s.ID),
		}
		one, other := lastPath(h, s, ended), lastPath(h, first, ended)
		end, needed := s, one
		if one != "" && other == "" {
			end, needed = first, other
			seen[key] = s // which stays
		}
		if needed != "" {
			advice.Into = "end neither of them yet: " + one + ", and " + other + "; bring up the other paths first, as pureclean explain degraded-paths says"
		} else {
			advice.Into = fmt.Sprintf("end session%d in a quiet hour: each map that has a path through it has another one that is up", end.ID)
			if !slices.ContainsFunc(h.Disks.Items, func(d evidence.Disk) bool { return d.Session == end.ID }) {
				advice.Into = fmt.Sprintf("end session%d: no disk is behind it", end.ID)
			}
			advice.Then = []string{fmt.Sprintf("iscsiadm -m session -r %d -u", end.ID)}
			ended[end.ID] = true
		}
		if again := p.severalSessions(h); again != "" {
			advice.Into += "; " + again
		}
		advise(advice)
	}
}

// severalSessions says who makes open-iscsi log in more than once to each portal.
func (p *patient) severalSessions(h *evidence.Host) string {
	for _, s := range h.Settings.Items {
		if n, err := strconv.Atoi(s.Value); s.Name == "iscsi node.session.nr_sessions" && !s.Applies.IsNot() && err == nil && n > 1 {
			return fmt.Sprintf("the next login makes it again, until node.session.nr_sessions in line %d of %s is 1", s.Line, s.File)
		}
	}
	return ""
}

// lastPath says why a session may be the only way to a device, and is empty
// where it is proved that it is not: each disk behind it is in a map that has
// another path, which is up, through another session that stays.
func lastPath(h *evidence.Host, s evidence.Session, ended map[int]bool) string {
	if !h.Disks.IsComplete() || !h.Maps.IsComplete() {
		return fmt.Sprintf("which disks are behind session%d is not known", s.ID)
	}
	live := map[int]bool{}
	for _, other := range h.Sessions.Items {
		live[other.ID] = other.ID != s.ID && other.Live() && !ended[other.ID]
	}
	byName := map[string]*evidence.Disk{}
	for d := range evidence.Refs(h.Disks.Items) {
		byName[d.Name], byName[d.Dev] = d, d
	}
	of := func(path evidence.Path) *evidence.Disk {
		if d := byName[path.Disk]; d != nil {
			return d
		}
		return byName[path.Dev]
	}
	for disk := range evidence.Refs(h.Disks.Items) {
		if disk.Session != s.ID {
			continue
		}
		mapped := false
		for _, m := range h.Maps.Items {
			if !slices.ContainsFunc(m.Paths, func(path evidence.Path) bool { return of(path) == disk }) {
				continue
			}
			mapped = true
			if !slices.ContainsFunc(m.Paths, func(path evidence.Path) bool {
				other := of(path)
				return other != nil && disk.Serial != "" && path.Active.Is() && live[other.Session] && other.Serial == disk.Serial && other.State == "running"
			}) {
				return fmt.Sprintf("%s has no other path that is known to be up than %s through session%d", m.Name, disk.Name, s.ID)
			}
		}
		if !mapped {
			return fmt.Sprintf("%s, through session%d, is in no map", disk.Name, s.ID)
		}
	}
	return ""
}

// portals looks for portals of an array that a host has sessions to, and none
// to this one. A host without any session has no volume: LXD logs out with
// the last one. One that was just tried and is closed is told as that.
func (p *patient) portals(h *evidence.Host, advise func(Advice)) {
	closed := func(portal string) bool {
		return slices.ContainsFunc(h.Reached, func(r evidence.Reach) bool { return r.Open.IsNot() && evidence.SamePortal(r.Portal, portal) })
	}
	for a := range evidence.Refs(p.world.Arrays) {
		for _, port := range diagnose.Unreached(a, p.world.LXD.Pools, h) {
			if closed(port.Portal) {
				continue
			}
			advice := Advice{
				Subject: "portal " + port.Portal, Observed: "there is no session to " + port.Portal + " (" + port.Name + " of " + a.Name + ")", Source: "sysfs against the array's ports",
				Then: []string{"pureclean doctor --live"},
			}
			switch {
			case port.IQN != "":
				target := " -T " + settings.Shell(port.IQN) + " -p " + settings.Shell(port.Portal)
				advice.Then = append(advice.Then, "iscsiadm -m node"+target+" -o new", "iscsiadm -m node"+target+" --login")
			case port.NQN != "" && p.nvmeHost(h) != "":
				address, service := evidence.SplitPortal(port.Portal)
				advice.Then = append(advice.Then, "nvme connect -t tcp -a "+settings.Shell(address)+" -s "+settings.Shell(service)+" -n "+settings.Shell(port.NQN)+p.nvmeHost(h))
			}
			if len(h.Reached) > 0 {
				advice.Then = advice.Then[1:] // it was tried, and is open
			}
			advise(advice)
		}
	}
}

// nvmeHost are the options of nvme with which LXD connects: its own NQN, which
// the array knows the host by, and the uuid in it. Without them nvme-cli takes
// another identity, so there are none where they are not certain.
func (p *patient) nvmeHost(h *evidence.Host) string {
	if len(h.NQNs.Items) != 1 {
		return ""
	}
	_, id, ok := strings.Cut(h.NQNs.Items[0], ":uuid:")
	if !ok {
		return ""
	}
	return " -q " + settings.Shell(h.NQNs.Items[0]) + " -I " + settings.Shell(id)
}

// closed tells of portals that do not answer and that LXD uses: one that
// pure.target leaves out holds up nothing.
func (p *patient) closed(h *evidence.Host, advise func(Advice)) {
	for _, r := range h.Reached {
		if !r.Open.IsNot() || !p.inUse(r.Portal) {
			continue
		}
		a := Advice{
			Subject: "portal " + r.Portal, Observed: r.Portal + " does not answer: " + r.Why, Source: "a TCP connection from " + h.Name,
			Into: "repair the way to it; until then let LXD use the others only",
		}
		for _, pool := range p.world.LXD.Pools.Items {
			if open := p.open(h, pool); len(open) > 0 && p.leadsTo(pool, r.Portal) {
				a.Then = append(a.Then, "lxc storage set "+settings.Shell(pool.Name)+" pure.target="+strings.Join(open, ","))
			}
		}
		advise(a)
	}
}

// inUse reports a portal that LXD uses for one of the pools. Where not all pools
// are known any may be.
func (p *patient) inUse(portal string) bool {
	return p.anyPort(portal, func(a *evidence.Array, port evidence.Port) bool { return diagnose.Wanted(a, port, p.world.LXD.Pools) })
}

// leadsTo reports a portal that LXD uses for the pool.
func (p *patient) leadsTo(pool evidence.Pool, portal string) bool {
	return p.anyPort(portal, func(a *evidence.Array, port evidence.Port) bool { return diagnose.UsesPort(a, port, pool) })
}

func (p *patient) anyPort(portal string, is func(*evidence.Array, evidence.Port) bool) bool {
	for a := range evidence.Refs(p.world.Arrays) {
		if slices.ContainsFunc(a.Ports.Items, func(port evidence.Port) bool { return evidence.SamePortal(port.Portal, portal) && is(a, port) }) {
			return true
		}
	}
	return false
}

// open are the addresses that answered, of those that LXD uses for the pool.
func (p *patient) open(h *evidence.Host, pool evidence.Pool) []string {
	var all []string
	for _, r := range h.Reached {
		if r.Open.Is() && p.leadsTo(pool, r.Portal) {
			address, _ := evidence.SplitPortal(r.Portal)
			all = append(all, address)
		}
	}
	return all
}

// fewerPaths counts what scan calls degraded-paths, a line per host.
func (p *patient) fewerPaths(h *evidence.Host, advise func(Advice)) {
	if degraded := p.degraded(h); len(degraded) > 0 {
		advise(Advice{
			Subject: "paths", Observed: fmt.Sprintf("%s short of a path: %s", have(len(degraded), "volume"), degraded[0].Detail), Source: "device-mapper against the sessions",
			Then: []string{"pureclean explain --object " + settings.Shell(degraded[0].Object)},
		})
	}
}

func (p *patient) degraded(h *evidence.Host) []diagnose.Finding {
	return slices.DeleteFunc(slices.Clone(p.found), func(f diagnose.Finding) bool { return f.Code != "degraded-paths" || f.Host != h.Name })
}
