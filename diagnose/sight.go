package diagnose

import "strings"

// sight is which machines were read. Words about "no device" and "no use" are
// of these alone: of a machine that did not answer nothing is known.
type sight struct {
	whole, part, none []string
	// strangers is set while there may be members that nobody named.
	strangers bool
}

func (f *facts) sight() sight {
	s := sight{strangers: !f.members.whole}
	for _, h := range f.hosts {
		into := &s.whole
		switch {
		case h.Trouble != "":
			into = &s.none
		case h.partial() != "":
			into = &s.part
		}
		*into = append(*into, either(h.Name, "a machine without a name"))
	}
	for _, member := range f.members.names {
		if f.hostOf(member) == nil {
			s.none = append(s.none, either(member, "a member without a name"))
		}
	}
	return s
}

// unread says of which machines not every device is known; empty when all were
// read.
func (s sight) unread() string {
	var parts []string
	if len(s.none) > 0 {
		parts = append(parts, list(s.none)+" "+numbered(len(s.none), "was", "were")+" not read")
	}
	if len(s.part) > 0 {
		parts = append(parts, "not every device on "+list(s.part)+" is known")
	}
	if s.strangers {
		parts = append(parts, "LXD's members are not all known")
	}
	return strings.Join(parts, "; ")
}

// unused says that nothing uses a volume, as far as that is known.
func (s sight) unused() string {
	if s.unread() != "" {
		return "no running use known"
	}
	return "used by nothing"
}
