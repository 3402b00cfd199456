package diagnose

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// way is what leads to volumes and is none: a session, a controller, a subsystem, a remote
// port, a portal or an array's own name. It is told, and nothing is judged.
type way struct {
	// object names it without doubt, what says what it is.
	object, what string
	// hosts and arrays are what each witness says of it.
	hosts  map[*hostFacts]string
	arrays map[*arrayFacts]string
	// nameless is set for what no array names a port by.
	nameless bool
}

// ofArray is what an array says of a way. That it has no such port is said only
// where it named all of them, and by what it names them by.
func (w *way) ofArray(a *arrayFacts) (known bool, words string) {
	switch {
	case w.arrays[a] != "":
		return true, w.arrays[a]
	case w.nameless:
		return true, "does not name its ports by this"
	case !a.Ports.IsComplete():
		return false, "it is not known whether it is a port of it: " + either(a.Ports.Why(), "its ports were not read")
	default:
		return true, "names no port like this"
	}
}

// atPort notes the arrays' ports at an address and a port, where that is not
// empty, or of one of the names.
func (w *way) atPort(arrays []*arrayFacts, address, port string, names ...string) {
	for _, a := range arrays {
		var words []string
		for _, p := range a.Ports.Items {
			at, number := evidence.SplitPortal(p.Portal)
			is := p.Portal != "" && at == address && address != "" && (port == "" || port == number)
			for _, name := range []string{p.IQN, p.NQN, p.WWN} {
				is = is || name != "" && slices.ContainsFunc(names, func(n string) bool { return evidence.Initiator(n) == evidence.Initiator(name) })
			}
			if is {
				words = append(words, cmp.Or(p.Name, "a port")+" is "+either(p.Portal, p.WWN))
			}
		}
		if len(words) > 0 {
			w.arrays[a] = list(words)
		}
	}
}

func newWay(object, what string) *way {
	return &way{object: object, what: what, hosts: map[*hostFacts]string{}, arrays: map[*arrayFacts]string{}}
}

// through are the volumes that a host has paths to through some of its disks
// or namespaces.
func (h *hostFacts) through(disk func(*evidence.Disk) bool, namespace func(*evidence.Namespace) bool) string {
	var names []string
	for _, d := range h.all {
		if !slices.ContainsFunc(d.disks, disk) && !slices.ContainsFunc(d.namespaces, namespace) {
			continue
		}
		names = append(names, either(d.volumeName(), string(d.serial)))
	}
	if len(names) == 0 {
		return "no volume is reached through it"
	}
	const most = 8
	if more := len(names) - most; more > 0 {
		names = append(names[:most], strconv.Itoa(more)+" more")
	}
	return "through it " + list(names)
}

func noDisk(*evidence.Disk) bool           { return false }
func noNamespace(*evidence.Namespace) bool { return false }

var ofConnection = regexp.MustCompile(`^connection(\d+):\d+$`)

// ways finds sessions, controllers, subsystems and remote ports by the kernel's names, and
// portals and the names of arrays by their own; with "HOST:" in front when
// several hosts have one of the name.
func (r *resolver) ways() {
	if r.pool != "" {
		return
	}
	want := r.want
	if m := ofConnection.FindStringSubmatch(want); m != nil {
		want = "session" + m[1]
	}
	for _, h := range r.f.hosts {
		if !r.speaksOf(h) {
			continue
		}
		name := want
		if rest, ok := strings.CutPrefix(want, lower(h.Name)+":"); ok && h.Name != "" {
			name = rest
		}
		r.kernelsNames(h, name)
	}
	r.portalsAndTargets(want)
	for _, a := range r.f.arrays {
		for _, port := range a.Ports.Items {
			if lower(port.Name) == want { // as what is said of a session calls it
				address, _ := evidence.SplitPortal(port.Portal)
				r.portalsAndTargets(lower(either(address, port.WWN)))
			}
		}
	}
}

func (r *resolver) kernelsNames(h *hostFacts, want string) {
	add := func(name, what, words string) *way {
		w := newWay(h.Name+":"+name, what)
		w.hosts[h] = words
		r.add(w.object, target{way: w, machine: h})
		return w
	}
	for s := range evidence.Refs(h.Sessions.Items) {
		if name := "session" + strconv.Itoa(s.ID); name == want {
			words := fmt.Sprintf("%s, its connection %s", either(s.State, "state unknown"), either(s.ConnState, "in an unknown state"))
			if s.Iface != "" {
				words += ", through the interface record " + s.Iface
			}
			add(name, "an iSCSI session to "+s.Target+" at "+evidence.Portal(s.Address, s.Port),
				join(words, h.through(func(d *evidence.Disk) bool { return d.Session == s.ID }, noNamespace))).
				atPort(r.f.arrays, evidence.Address(s.Address), s.Port)
		}
	}
	for c := range evidence.Refs(h.Controllers.Items) {
		if c.Name == want {
			w := add(c.Name, "an NVMe controller over "+either(c.Transport, "an unknown transport")+" to "+evidence.Portal(c.Address, c.Port),
				join(either(c.State, "state unknown"), h.through(noDisk, func(n *evidence.Namespace) bool {
					return slices.ContainsFunc(n.Paths, func(p evidence.NamespacePath) bool { return p.Controller == c.Name })
				})))
			w.atPort(r.f.arrays, evidence.Address(c.Address), c.Port)
			w.nameless = c.Transport != "tcp" // whose addresses are no portals
		}
	}
	for s := range evidence.Refs(h.Subsystems.Items) {
		if s.Name != want {
			continue
		}
		var states []string
		for _, c := range h.Controllers.Items {
			if c.Subsystem == s.Name {
				states = append(states, c.Name+" is "+either(c.State, "in an unknown state"))
			}
		}
		add(s.Name, "the NVMe subsystem "+either(s.NQN, "of an unknown NQN"), join(either(strings.Join(states, ", "), "no controller of it was seen"),
			h.through(noDisk, func(n *evidence.Namespace) bool { return n.Subsystem == s.Name }))).
			atPort(r.f.arrays, "", "", s.NQN)
	}
	for p := range evidence.Refs(h.RemotePorts.Items) {
		if lower(p.Name) == want || p.WWPN != "" && p.WWPN == evidence.Initiator(want) {
			add(p.Name, "a Fibre Channel remote port, "+p.WWPN+", that "+p.Adapter+" sees",
				join(either(p.State, "state unknown"), h.through(func(d *evidence.Disk) bool { return d.RemotePort == p.Name }, noNamespace))).
				atPort(r.f.arrays, "", "", p.WWPN)
		}
	}
}

// portalsAndTargets finds a portal of an array, by its address with or without
// the port, and an array's own IQN, NQN or WWN.
func (r *resolver) portalsAndTargets(want string) {
	address, port := evidence.SplitPortal(want)
	found := newWay(want, "")
	found.atPort(r.f.arrays, address, port, want)
	for _, a := range r.f.arrays {
		if found.arrays[a] != "" {
			found.what = "a way to " + a.Name
		}
	}
	for _, h := range r.f.hosts {
		var words []string
		for _, s := range h.Sessions.Items {
			at := evidence.Address(s.Address)
			if s.Address != "" && at == address && (port == "" || port == s.Port) || evidence.Initiator(s.Target) == evidence.Initiator(want) {
				words = append(words, fmt.Sprintf("session%d to %s is %s", s.ID, evidence.Portal(s.Address, s.Port), either(s.State, "in an unknown state")))
			}
		}
		for _, c := range h.Controllers.Items {
			nqn := h.subsystem(c.Subsystem)
			if c.Address != "" && evidence.Address(c.Address) == address && (port == "" || port == c.Port) || nqn != "" && evidence.Initiator(nqn) == evidence.Initiator(want) {
				words = append(words, c.Name+" is "+either(c.State, "in an unknown state"))
			}
		}
		if len(words) > 0 {
			found.hosts[h] = list(words)
			if found.what == "" {
				found.what = "where " + h.Name + " logs in"
			}
		}
	}
	if len(found.arrays)+len(found.hosts) > 0 {
		r.add(found.object, target{way: found})
	}
}

// telling are the words of a log line that name something, and no others: a
// volume of LXD's may be called "error".
var telling = regexp.MustCompile(`^(/\S+|sd[a-z]+\d*|dm-\d+|nvme-subsys\d+|nvme\d+(c\d+)?(n\d+)?(p\d+)?|\d+:\d+(:\d+:\d+)?|session\d+|connection\d+:\d+|rport-\d+:\d+-\d+|mpath[a-z]+` +
	`|.*::.+|(iqn|nqn|naa|eui)\..+|.*[0-9a-f]{24}.*|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\[?[0-9a-f:.]*[.:][0-9a-f:.]+\]?(:\d+)?)$`)

// wordsOf are the words of a line that may name something.
func wordsOf(line string) []string {
	var words []string
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n\"'()[]{}<>,;=|`", r) }) {
		if word = strings.Trim(word, ".:"); telling.MatchString(word) && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	return words
}

// stored finds what LXD stores under a name, as its errors have it: with the
// project in front. Where LXD has nothing of the name any more, the logs may
// prove on which volume it gave up under it.
func (r *resolver) stored() {
	for record := range evidence.Refs(r.f.records.list) {
		if !record.Snapshot && strings.EqualFold(storageName(record), r.want) && (r.pool == "" || strings.EqualFold(record.Pool, r.pool)) {
			r.record(record)
		}
	}
	if len(r.targets) > 0 || len(r.f.late) == 0 {
		return
	}
	for v := range r.f.volumes() {
		if l := r.f.late[v]; l != nil && r.asked(v.pool) && strings.EqualFold(inVain.FindStringSubmatch(l.Text)[1], r.want) {
			r.addVolume(v)
		}
	}
}

// byPathName is what udev calls a disk by the way to it: a portal and a target,
// or a remote port, and the number of the LUN.
var byPathName = regexp.MustCompile(`(?:^|[/-])(?:ip-(.+)-iscsi-(.+)|fc-(0x[0-9a-f]{16}))-lun-(\d+)(?:-part\d+)?$`)

// byPath finds a disk by such a name, which few records have kept.
func (r *resolver) byPath() {
	m := byPathName.FindStringSubmatch(r.want)
	if m == nil {
		return
	}
	address, port := evidence.SplitPortal(m[1])
	for _, h := range r.f.hosts {
		if !r.speaksOf(h) {
			continue
		}
		for disk := range evidence.Refs(h.Disks.Items) {
			here := false
			if s := h.sessions[disk.Session]; s != nil && disk.Session != 0 {
				here = m[2] != "" && evidence.Address(s.Address) == address && port == s.Port && evidence.Initiator(s.Target) == evidence.Initiator(m[2])
			}
			for _, p := range h.RemotePorts.Items {
				here = here || m[3] != "" && p.Name == disk.RemotePort && p.WWPN == evidence.Initiator(m[3])
			}
			if !here || disk.HCTL[strings.LastIndexByte(disk.HCTL, ':')+1:] != m[4] {
				continue
			}
			for _, serial := range identities(disk) {
				if d := h.devices[serial]; d != nil {
					r.addDevice(d)
				}
			}
		}
	}
}

// quotedVolume is a name that LXD's errors put in quotation marks, which its
// log writes with a backslash; as a field of its log (volume=NAME, volName=NAME) it has none.
var quotedVolume = regexp.MustCompile(`volume(?: |=)\\?"([^"\\]+)\\?"|\bvol(?:ume|name)=([^\s"\\,]+)`)

// ofMachine is how a line of syslog or of the journal begins: when, the machine,
// and who of it speaks.
var ofMachine = regexp.MustCompile(`(?:^|\s)(\S+)\s+[a-z0-9_./-]+(?:\[\d+\])?:\s`)

// writerOf is the machine that a line of a log names as its own; empty where it
// names none, or none that is known.
func (f *facts) writerOf(line string) string {
	for _, m := range ofMachine.FindAllStringSubmatch(line, -1) {
		short, _, _ := strings.Cut(m[1], ".")
		for _, name := range []string{m[1], short} {
			if f.members.has(name) || f.hostOf(name) != nil {
				return name
			}
		}
	}
	return ""
}

// aConnection is one of iSCSI's as open-iscsi spells it in its log.
var aConnection = regexp.MustCompile(`\bconnection (\d+:\d+)\b`)

var timeOfDay = regexp.MustCompile(`^\d\d:\d\d:\d\d(\.\d+)?$`)

// fieldOf is a field of LXD's log, of which a value may be quoted.
func fieldOf(line, key string) string {
	m := regexp.MustCompile(`\b` + key + `=\\?"?([^\s"\\,]+)`).FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	return m[1]
}

// logged finds the volume that LXD's log tells of in fields, by its own name.
func (r *resolver) logged(line, name string) {
	pool, project := fieldOf(line, "pool"), fieldOf(line, "project")
	asked := r.pool
	if pool != "" && asked != "" && !strings.EqualFold(pool, asked) {
		return
	}
	r.want, r.pool = name, either(pool, asked)
	if project != "" {
		r.want += " (" + project + ")"
	}
	r.records()
	r.pool = asked
}

// speaksOf reports a machine of which a line may speak: its own, where it says
// which that is. Names of devices mean others on each.
func (r *resolver) speaksOf(h *hostFacts) bool {
	return r.machine == "" || strings.EqualFold(h.Name, r.machine)
}

// line reads the line of a log, pasted whole: what its words name. Ways are
// only told where no word names more.
func (r *resolver) line() {
	line := aConnection.ReplaceAllString(r.want, "connection$1")
	words := wordsOf(line)
	r.machine = r.f.writerOf(line)
	for _, m := range quotedVolume.FindAllStringSubmatch(line, -1) {
		r.named = true
		r.want = m[1] + m[2]
		if r.stored(); len(r.targets) == 0 {
			r.logged(line, m[1]+m[2])
		}
	}
	for _, word := range words {
		r.named = r.named || !timeOfDay.MatchString(word)
	}
	if len(r.targets) > 0 {
		return
	}
	for _, step := range []func(){r.look, r.ledTo, r.partitions, r.byPath, r.ways} {
		for _, word := range words {
			if r.want = word; len(r.targets) == 0 || r.targets[0].way == nil {
				step()
			}
		}
		if len(r.targets) > 0 {
			return
		}
	}
}

var mangled = regexp.MustCompile(`\\x[0-9a-f]{2}`)

// unmangled reads the name of a map as "multipath -ll" shows it: udev and
// device-mapper write a blank as "\x20".
func unmangled(name string) string {
	return mangled.ReplaceAllStringFunc(name, func(hex string) string {
		n, _ := strconv.ParseUint(hex[2:], 16, 8)
		return string(rune(n))
	})
}
