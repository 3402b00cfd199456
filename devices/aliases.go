package devices

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// aliasDirs are the directories below /dev in which a device may have another
// name.
var aliasDirs = []string{"disk/by-id", "disk/by-label", "disk/by-partlabel", "disk/by-partuuid", "disk/by-path", "disk/by-uuid", "mapper"}

var (
	// passing are devices that are made for what is put on them at the moment: such
	// a name means nothing by itself.
	passing = regexp.MustCompile(`^(loop|ram|zram|nbd|rbd|sr|fd)\d`)
	// hidden are devices of which it does not show on what they stand.
	hidden = regexp.MustCompile(`^(zd|drbd|bcache)\d`)
	// pathOfPure is a name by the way to the device, of which a large host has
	// thousands.
	pathOfPure = regexp.MustCompile(`(?i)^disk/by-path/.*(purestorage|24a937)`)
)

// readAliases lists the names that carry no identity, of what stands on a volume
// and of all else, so that a name which people wrote down can be looked up. What
// could not be read is not in it. Only where every device is known does it say of
// one that it stands on no volume.
func readAliases(t hostfs.Tree, b blocks, st *stack, links []evidence.Link, whole bool) []evidence.Alias {
	var aliases []evidence.Alias
	add := func(name, kernel string) {
		alias := evidence.Alias{Path: name}
		if st.has(kernel) {
			if serials := st.serials(kernel); !slices.Contains(serials, "") {
				alias.Serials = serials
			}
		} else if whole && !hidden.MatchString(kernel) {
			alias.Other = evidence.Yes
		}
		aliases = append(aliases, alias)
	}
	for _, one := range b.all {
		if _, ours := st.own[one.name]; ours || passing.MatchString(one.name) {
			continue // it is in a list of its own
		}
		add("/dev/"+one.name, one.name)
		if one.dev != "" {
			add(one.dev, one.name)
		}
	}
	linked := make(map[string]bool, len(links))
	for i := range links {
		linked[links[i].Path] = true
	}
	for _, dir := range aliasDirs {
		names, _ := t.Names("dev/" + dir)
		for _, name := range names {
			inDev := dir + "/" + name
			_, said := serialOfLink(name)
			if said || pathOfPure.MatchString(inDev) || linked["/dev/"+inDev] {
				continue
			}
			if kernel, err := b.nodeName(t, "/dev/"+inDev); err == nil && b.byName[kernel].name != "" {
				add("/dev/"+inDev, kernel)
			}
		}
	}
	slices.SortFunc(aliases, func(x, y evidence.Alias) int { return strings.Compare(x.Path, y.Path) })
	return aliases
}
