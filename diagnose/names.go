package diagnose

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// Name is a name below /dev that says which volume it is, and what it leads
// to. udev makes such names when a device appears and when it is told of a
// change; that the array has given a LUN number to another volume nobody tells
// it. LXD finds its devices by these names and asks no further.
type Name struct {
	*evidence.Link
	// Right is no when it leads to something else than it says. A name that
	// leads to nothing is right: nothing can be taken for the volume.
	Right evidence.Answer
	// Why says what it leads to, or why that is not known.
	Why string
	// Is are the volumes that it leads to when it is not right.
	Is []evidence.Serial
}

// NamesOf follows every name of a host that says which volume it is.
func NamesOf(host *evidence.Host) []Name { return newHost(host).names }

// joinNames follows the names in /dev.
func (h *hostFacts) joinNames() {
	for i := range h.Links.Items {
		if link := &h.Links.Items[i]; link.Says != "" {
			h.names = append(h.names, h.follow(link))
		}
	}
}

func (h *hostFacts) follow(link *evidence.Link) Name {
	n := Name{Link: link, Right: evidence.Yes}
	unknown := func(why string) Name { n.Right, n.Why, n.Is = evidence.Unknown, why, nil; return n }
	switch {
	case link.Dangling.Is():
		n.Why = "leads to nothing"
		return n
	case link.Dangling != evidence.No:
		return unknown("it is not known whether what it leads to is there")
	case len(link.On) == 0 && link.Device == "":
		return unknown("it is not known where it leads")
	case len(link.On) == 0 && h.partial() != "":
		return unknown("leads to " + link.Device + ", and " + h.partial())
	case len(link.On) == 0:
		n.Right, n.Why = evidence.No, "leads to "+link.Device+", which is no device of a Pure volume"
		return n
	}
	var words []string
	for _, device := range link.On {
		serial, what, known := h.identity(device)
		switch {
		case !known:
			return unknown("leads to " + device + ", and " + what)
		case serial == link.Says:
			n.Why, n.Is = "leads to "+device, nil
			return n
		case serial != "":
			n.Is = append(n.Is, serial)
		}
		words = append(words, what)
	}
	n.Right, n.Why = evidence.No, "leads to "+list(words)
	return n
}

// identity is which volume one of our devices is, in its own words where it
// has any: "sde, which answers as volume …".
func (h *hostFacts) identity(device string) (serial evidence.Serial, words string, known bool) {
	is := func(how string, serial evidence.Serial) (evidence.Serial, string, bool) {
		if serial == "" {
			return "", device + " does not say which volume it is", false
		}
		return serial, device + ", which " + how + " volume " + string(serial), true
	}
	if disk := h.disks[device]; disk != nil {
		switch {
		case disk.Live.Kind != evidence.IdentityKnown:
			return is("the kernel knows as", disk.Serial)
		case disk.Live.Serial == "":
			return "", device + ", which answers as something that is no Pure volume", true
		}
		return is("answers as", disk.Live.Serial)
	}
	for i := range h.Maps.Items {
		if m := &h.Maps.Items[i]; m.Kernel == device {
			return is("is the map "+quoted(m.Name)+" of", m.Serial)
		}
	}
	for i := range h.Namespaces.Items {
		if n := &h.Namespaces.Items[i]; n.Name == device {
			return is("is", n.Serial)
		}
	}
	return "", device + " is in no list", false
}

// nameWords says where names lead that all say and lead to the same.
func nameWords(names []Name) string {
	more := ""
	if len(names) > 1 {
		more = " (and " + count(len(names)-1, "more name") + ")"
	}
	return first(names) + more + " " + names[0].Why
}

// first is the one that LXD would look for, if it is among them.
func first(names []Name) string {
	for _, n := range names {
		if strings.HasSuffix(n.Path, "/scsi-"+n.Says.WWID()) {
			return n.Path
		}
	}
	return names[0].Path
}

// astray are the names on a host that say a volume and lead elsewhere, by
// what they lead to.
func (h *hostFacts) astray(serial evidence.Serial) [][]Name {
	return grouped(h.names, func(n Name) bool { return n.Says == serial && n.Right.IsNot() })
}

// usurped are the names that say another volume and lead to this one.
func (h *hostFacts) usurped(serial evidence.Serial) [][]Name {
	return grouped(h.names, func(n Name) bool { return n.Right.IsNot() && slices.Contains(n.Is, serial) })
}

// grouped joins the names that say the same and lead to the same.
func grouped(names []Name, fits func(Name) bool) [][]Name {
	var groups [][]Name
	for _, n := range names {
		if !fits(n) {
			continue
		}
		same := func(g []Name) bool { return g[0].Says == n.Says && g[0].Why == n.Why }
		if i := slices.IndexFunc(groups, same); i >= 0 {
			groups[i] = append(groups[i], n)
			continue
		}
		groups = append(groups, []Name{n})
	}
	return groups
}

// misnomers says which names of a volume lead elsewhere on a host, and which
// names of others lead to it; empty when none does.
func (f *facts) misnomers(h *hostFacts, serial evidence.Serial) string {
	if serial == "" {
		return ""
	}
	words := each(h.astray(serial), func(names []Name) string { return nameWords(names) + f.calledWords(names[0].Is) })
	for _, names := range h.usurped(serial) {
		words = append(words, nameWords(names)+", this one, and says "+f.volumeCalled(names[0].Says))
	}
	return strings.Join(words, "; ")
}

// calledWords adds the array's names of volumes, where they are known.
func (f *facts) calledWords(serials []evidence.Serial) string {
	var names []string
	for _, serial := range serials {
		if v := f.astrayVolumes[serial]; v != nil {
			names = append(names, v.Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return " (" + list(names) + ")"
}

func (f *facts) volumeCalled(serial evidence.Serial) string {
	return "volume " + string(serial) + f.calledWords([]evidence.Serial{serial})
}

// joinAstray finds the volumes of names that lead elsewhere, of what they
// say and of what they lead to. Mostly there is none.
func (f *facts) joinAstray() {
	f.astrayVolumes = map[evidence.Serial]*volume{}
	wanted := map[evidence.Serial]bool{}
	for _, h := range f.hosts {
		for _, n := range h.names {
			if n.Right.IsNot() {
				wanted[n.Says] = true
				for _, serial := range n.Is {
					wanted[serial] = true
				}
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	for v := range f.volumes() {
		if old := f.astrayVolumes[v.Serial]; wanted[v.Serial] && (old == nil || old.pool == nil) {
			f.astrayVolumes[v.Serial] = v
		}
	}
}

// nameIdentity: what a name leads to is what LXD takes for the volume, and
// what somebody may have taken for it already.
func nameIdentity(s Subject) (Result, string) {
	serial, doubt := s.serial(), ""
	for _, h := range s.machines() {
		if why := s.f.misnomers(h, serial); why != "" {
			return Fail, h.Name + ": " + why
		}
		for _, n := range h.names {
			if n.Says == serial && !n.Right.Is() {
				doubt = either(doubt, h.Name+": "+n.Path+": "+n.Why)
			}
		}
		if why := h.Links.Why(); why != "" {
			doubt = either(doubt, h.Name+": the names in /dev are not all known: "+why)
		}
	}
	if doubt != "" {
		return Uncertain, doubt
	}
	return Pass, "each name of it leads to it, and no name of another volume does"
}

// serial is the identity of what is asked about.
func (s Subject) serial() evidence.Serial {
	if s.device != nil && s.onHost() {
		return s.device.serial
	}
	if s.volume == nil {
		return ""
	}
	return s.volume.Serial
}

// misleadingNames lists the volumes whose names lead to something else. Where
// the paths of its own device do so, too, that is told by mixedMaps, and is to
// be mended first.
func (f *facts) misleadingNames() []draft {
	var found []draft
	for _, h := range f.hosts {
		told := map[evidence.Serial]bool{}
		for _, n := range h.names {
			if told[n.Says] || !n.Right.IsNot() {
				continue
			}
			told[n.Says] = true
			if d := h.devices[n.Says]; (d != nil && d.mixed() != "") || !f.concernsNames(h.astray(n.Says)) {
				continue
			}
			found = append(found, f.misleadingName(h, n.Says))
		}
	}
	return found
}

// concernsNames reports names that say, or lead to, a volume of a pool that is
// asked about, or one of which that is not known.
func (f *facts) concernsNames(groups [][]Name) bool {
	ours := func(serial evidence.Serial) bool {
		v := f.astrayVolumes[serial]
		return v == nil || (v.pool != nil && v.pool.judged)
	}
	return slices.ContainsFunc(groups, func(names []Name) bool {
		return ours(names[0].Says) || slices.ContainsFunc(names[0].Is, ours)
	})
}

func (f *facts) misleadingName(h *hostFacts, says evidence.Serial) draft {
	groups := h.astray(says)
	out := draft{}
	if v := f.astrayVolumes[says]; v != nil {
		out = ofVolume(v)
	} else {
		out.Object, out.Serial, out.WWID = first(groups[0]), says, wwid(says, strings.Contains(first(groups[0]), "/nvme-"))
		for _, serial := range groups[0][0].Is {
			if v := f.astrayVolumes[serial]; v != nil && v.pool != nil {
				out.Pool = either(out.Pool, v.pool.name)
			}
		}
	}
	out.Host = h.Name
	var words, users, devices []string
	for _, names := range groups {
		words = append(words, nameWords(names)+f.calledWords(names[0].Is))
		for _, n := range names {
			devices = append(devices, n.blocks()...)
		}
		for _, serial := range names[0].Is {
			if d := h.devices[serial]; d != nil {
				users = append(users, d.usage().certain...)
				// Each of its paths claims the name: the next would get it.
				for _, disk := range d.disks {
					devices = append(devices, "/sys/block/"+shell(disk.Name))
				}
			}
		}
	}
	slices.Sort(devices)
	slices.Sort(users)
	devices, users = slices.Compact(devices), slices.Compact(users)
	out.Detail = "on " + h.Name + " " + strings.Join(words, "; ")
	find := "find out what took one for the other: no use of it is seen"
	if len(users) > 0 {
		out.Detail += "; in use: " + list(users)
		find = "find out what was started by a name of " + string(says) + ", and stop it first: what they lead to is in use (" + list(users) + ")"
	}
	out.Cause = "the array gave the LUN number of this volume to another one while its path was still there; a scan told the kernel, and udev was not told"
	out.Remedy = []string{
		find,
		"on " + h.Name + ": udevadm trigger --action=change " + strings.Join(devices, " "),
		"udevadm settle, and look again: a name that still leads there is one that udev does not know; delete the link",
	}
	return out
}

// blocks are the directories of what udev has to look at again.
func (n Name) blocks() []string {
	all := each(n.On, func(device string) string { return "/sys/block/" + shell(device) })
	if !slices.Contains(n.On, n.Device) {
		all = append(all, "/sys/class/block/"+shell(n.Device))
	}
	return all
}
