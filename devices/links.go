package devices

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// linkDirs are the directories below /dev whose names carry identities.
var linkDirs = []string{"disk/by-id", "mapper"}

var (
	partitionSuffix = regexp.MustCompile(`-part\d+$`)
	// unitSerial is the serial that udev's scsi_id puts behind vendor and
	// model: the array's own 24 digits, with a digit in front on targets that
	// print the whole NAA vendor part.
	unitSerial = regexp.MustCompile(`^scsi-[S1]PURE_FlashArray[_:][0-9A-Fa-f]?([0-9A-Fa-f]{24})$`)
	// arrayLink is udev's name from model and controller serial: it names
	// the array, and moves from volume to volume.
	arrayLink = regexp.MustCompile(`^nvme-Pure_Storage_FlashArray_`)
)

// serialOfLink is the serial in a link's name.
func serialOfLink(name string) (evidence.Serial, bool) {
	name = partitionSuffix.ReplaceAllString(name, "")
	if unit := unitSerial.FindStringSubmatch(name); unit != nil {
		serial, err := evidence.ParseSerial(unit[1])
		return serial, err == nil
	}
	return evidence.SerialOf(strings.TrimPrefix(name, "dm-name-"))
}

// readLinks lists the names that carry a Pure identity: in the name itself,
// or by leading to a device of ours ("mpathc").
func readLinks(t hostfs.Tree, b blocks, st *stack) ([]evidence.Link, hostfs.Doubts) {
	var d hostfs.Doubts
	var links []evidence.Link
	for _, dir := range linkDirs {
		names, err := t.Names("dev/" + dir)
		d.Check("/dev/"+dir+" could not be listed", err)
		for _, name := range names {
			full := "/dev/" + dir + "/" + name
			target, err := t.Link("dev/" + dir + "/" + name)
			d.Check("where "+full+" leads", err)
			kernel := ""
			if target != "" {
				kernel = path.Base(target)
			} else if dir == "mapper" {
				// Without udev it is a device node of its own, named like the map.
				kernel = b.dmNames[name]
			}
			link := evidence.Link{Path: full, Target: target, Device: kernel, On: st.pure(kernel)}
			if serial, said := serialOfLink(name); said {
				link.Serial, link.Says = serial, serial
			} else if serial, ours := st.serialOf(kernel); ours || arrayLink.MatchString(name) {
				link.Serial = serial
			} else {
				continue
			}
			if link.Dangling = dangling(t, b, link); link.Dangling.Is() {
				link.Device = ""
			}
			links = append(links, link)
		}
	}
	slices.SortFunc(links, func(x, y evidence.Link) int { return strings.Compare(x.Path, y.Path) })
	return links, d
}

// dangling reports whether a link's target has gone. It goes by the kernel's
// devices and not by the nodes in /dev, which a recording does not hold. Of a
// device that is just going the kernel takes away what it shows, its number
// first, and udev its names only after that.
func dangling(t hostfs.Tree, b blocks, link evidence.Link) evidence.Answer {
	if link.Target == "" {
		return evidence.No
	}
	if one, ok := b.byName[link.Device]; ok && (len(link.On) > 0 || !t.Exists(one.dir+"/dev").IsNot()) {
		return evidence.No
	}
	if !b.doubts.None() {
		return evidence.Unknown
	}
	return evidence.Yes
}
