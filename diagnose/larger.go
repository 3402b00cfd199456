package diagnose

import "strings"

// larger says what a name means that is none of one thing: a pool, a member or
// an array, and what tells of it.
func (f *facts) larger(name string) (what, instead string) {
	name = strings.TrimSpace(name)
	for _, p := range f.pools {
		if !strings.EqualFold(p.name, name) {
			continue
		}
		what = p.name + " is a pool of LXD"
		if p.array != nil {
			what += ", on array " + p.array.Name
		}
		return what + ": not one object but all that is in it", "pureclean scan --pool " + shell(p.name) + " lists what was found in it"
	}
	if f.members.has(name) {
		member, _ := f.members.at(name)
		return member + " is a member of LXD: not one object" + f.objectsOf(member), "pureclean doctor says how it is; its array hosts and its devices can be explained"
	}
	for _, h := range f.hosts {
		if h.Name != "" && strings.EqualFold(h.Name, name) {
			return h.Name + " is a machine: not one object" + f.objectsOf(h.Name), "pureclean doctor says how it is; its array hosts and its devices can be explained"
		}
	}
	for _, a := range f.arrays {
		if a.Name != "" && strings.EqualFold(a.Name, name) || a.ID != "" && strings.EqualFold(a.ID, name) {
			return a.Name + " is the array: not one object but all that is on it", "pureclean doctor says how it is, pureclean scan what was found on it"
		}
	}
	return "", ""
}

// objectsOf names a machine's array hosts.
func (f *facts) objectsOf(member string) string {
	var names []string
	for _, a := range f.arrays {
		for i := range a.Hosts.Items {
			if o := a.owner(a.Hosts.Items[i].Name); strings.EqualFold(o.member, member) {
				names = append(names, a.Hosts.Items[i].Name)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; on the array it is " + list(names)
}
