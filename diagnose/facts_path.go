package diagnose

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// LXD gives an instance any device of its machine by its path, and keeps no
// account of what volume that is. Such an instance uses the volume all the same,
// also while it is stopped: LXD starts instances by itself, and what the path
// says is then expected to be there.

// pathUse is what an instance names by a path.
type pathUse struct {
	instance *evidence.Instance
	path     *evidence.InstancePath
	// member is where the instance is, "" where that is not known.
	member string
	// serials are the volumes that it certainly is, record the one whose
	// directory it is.
	serials []evidence.Serial
	record  *evidence.Record
	// doubt says why it may be another one, or any.
	doubt string
}

// pathUses are those of all instances.
type pathUses struct {
	bySerial map[evidence.Serial][]*pathUse
	byRecord map[*evidence.Record][]*pathUse
	// unclear may be any volume's.
	unclear []*pathUse
}

// joinPaths finds out what the paths are that instances name. Mostly there is
// none.
func (f *facts) joinPaths() {
	instances := f.world.LXD.Instances.Items
	for i := range instances {
		for j := range instances[i].Paths {
			f.joinPath(&pathUse{instance: &instances[i], path: &instances[i].Paths[j]})
		}
	}
}

func (f *facts) joinPath(u *pathUse) {
	u.member, _ = f.members.at(u.instance.Location)
	f.follow(u)
	if f.paths.bySerial == nil {
		f.paths.bySerial, f.paths.byRecord = map[evidence.Serial][]*pathUse{}, map[*evidence.Record][]*pathUse{}
	}
	for _, serial := range u.serials {
		f.paths.bySerial[serial] = append(f.paths.bySerial[serial], u)
	}
	if u.record != nil {
		f.paths.byRecord[u.record] = append(f.paths.byRecord[u.record], u)
	}
	if u.doubt != "" {
		f.paths.unclear = append(f.paths.unclear, u)
	}
}

// follow finds out what a path is: by what it says, and else by what the machine
// calls so on which the instance is.
func (f *facts) follow(u *pathUse) {
	at := strings.TrimPrefix(path.Clean(u.path.Path), evidence.SnapHostFS)
	if pool, kind, name, ok := lxdPath(at); ok {
		name, _, _ = strings.Cut(name, "/")
		u.record = f.recordIn(pool, kind, name)
		if pool := f.poolNamed(pool); u.record == nil && pool != nil {
			u.doubt = "LXD has no record of what it mounts there"
		}
		return
	}
	serial, says := serialInPath(at)
	switch {
	case says:
		u.serials = append(u.serials, serial)
	case isOther(at):
		return
	}
	machines, unread := f.machinesOf(u)
	for _, h := range machines {
		serials, known := h.calls(at)
		u.serials = including(u.serials, serials...)
		if !known && !says && u.doubt == "" {
			u.doubt = h.Name + " has no such name, or does not say whose it is"
		}
	}
	if !says {
		u.doubt = either(unread, u.doubt)
	}
}

// machinesOf are the machines on which the path may be looked up: the one on which
// the instance is, or any. unread says that there is one that was not read.
func (f *facts) machinesOf(u *pathUse) (machines []*hostFacts, unread string) {
	members := []string{u.member}
	if u.member == "" {
		members = f.members.names
		if !f.members.whole {
			unread = "it is not known where the instance is"
		}
	}
	for _, member := range members {
		h := f.hostOf(member)
		if h == nil {
			unread = either(unread, "the devices of "+member+" were not read")
			continue
		}
		machines = append(machines, h)
	}
	return machines, unread
}

var (
	// inPath is the identity of a Pure volume in a path, whatever stands around it.
	inPath = regexp.MustCompile(`(?i)/[^/]*(?:36` + evidence.OUI + `0([0-9a-f]{24})|PURE_FlashArray[_:][0-9a-f]?([0-9a-f]{24}))[^0-9a-f/]?[^/]*$`)
	// vendorless are names that say whose the device is, by its number or its kind.
	vendorless = regexp.MustCompile(`^/dev/(disk/by-id/((wwn-0x|scsi-[1-8]|nvme-eui\.|nvme-uuid\.|dm-uuid-(part\d+-)?mpath-)[0-9a-f-]+|(ata|usb|mmc|virtio)-[^/]*)|mapper/3[0-9a-f]{32})(-part\d+)?$`)
	// passing are devices that no volume is, or on which something is put at the
	// moment that is seen by itself.
	passing = regexp.MustCompile(`^/dev/((loop|ram|zram|nbd|rbd|sr|fd|vd[a-z]|xvd[a-z]|mmcblk)\d*(p\d+)?|null|zero|full|u?random|kvm|fuse|net/.*|dri(/.*)?|snd(/.*)?|shm(/.*)?|hugepages(/.*)?|mqueue|vfio/.*|bus/.*)$`)
)

// serialInPath is the volume that a path names itself.
func serialInPath(at string) (evidence.Serial, bool) {
	name := strings.TrimPrefix(path.Base(at), "dm-name-")
	if serial, ok := evidence.SerialOf(name); ok {
		return serial, true
	}
	found := inPath.FindStringSubmatch(at)
	if found == nil {
		return "", false
	}
	serial, err := evidence.ParseSerial(either(found[1:]...))
	return serial, err == nil
}

// isOther reports a path that is certainly no volume of a FlashArray.
func isOther(at string) bool {
	name := strings.ToLower(at)
	return passing.MatchString(name) || vendorless.MatchString(name) && !strings.Contains(name, evidence.OUI)
}

var partOf = regexp.MustCompile(`^(.*\d)p\d+$|^(sd[a-z]+)\d+$|^(.*)-part\d+$`)

// calls finds the volumes that a machine calls by a path or a number. Not known
// is where it does not say what that is.
func (h *hostFacts) calls(at string) (serials []evidence.Serial, known bool) {
	add := func(more ...evidence.Serial) {
		for _, serial := range more {
			if serial != "" && !slices.Contains(serials, serial) {
				serials = append(serials, serial)
			}
		}
	}
	called := func(name string) {
		for _, d := range h.named[name] {
			add(d.serial)
		}
	}
	for i := range h.Links.Items {
		if link := &h.Links.Items[i]; link.Path == at {
			add(link.Serial)
			for _, device := range link.On {
				called(device)
			}
		}
	}
	name := strings.TrimPrefix(at, "/dev/")
	if group, volume, ok := strings.Cut(name, "/"); ok && group != "disk" && group != "mapper" && group != "block" {
		name = strings.ReplaceAll(group, "-", "--") + "-" + strings.ReplaceAll(volume, "-", "--")
		at = "/dev/mapper/" + name // a logical volume
	}
	name = strings.TrimPrefix(strings.TrimPrefix(name, "mapper/"), "block/")
	called(name)
	other := false
	for i := range h.Aliases {
		if alias := &h.Aliases[i]; alias.Path == at || alias.Path == name {
			add(alias.Serials...)
			other = other || alias.Other.Is()
		}
	}
	if len(serials) == 0 && !other {
		if whole := partOf.FindStringSubmatch(name); whole != nil {
			called(either(whole[1:]...))
		}
	}
	return serials, len(serials) > 0 || other
}

// where is the instance and where it is.
func (u *pathUse) where() string {
	words := u.instance.Type + " " + u.instance.Name
	if u.member != "" {
		words += " on " + u.member
	}
	return words
}

func (u *pathUse) words() string {
	return u.where() + " has it by path: " + u.path.Device + " is " + u.path.Path
}

func (u *pathUse) doubtful() string {
	return u.where() + " has " + either(u.path.Path, "something") + " by path (" + u.path.Device + "), and which volume that is is not known: " + u.doubt
}

// usedByPath adds the instances that have a volume by a path.
func (f *facts) usedByPath(e *expectation, v *volume) {
	if v.Serial != "" {
		e.paths = append(e.paths, f.paths.bySerial[v.Serial]...)
	}
	if v.record != nil {
		e.paths = append(e.paths, f.paths.byRecord[v.record]...)
	}
	if len(f.paths.unclear) > 0 {
		e.doubt = either(e.doubt, f.paths.unclear[0].doubtful())
	}
}

// byPath says who has a volume by a path.
func (e expectation) byPath() []string {
	return each(e.paths, (*pathUse).words)
}

// byPathOn reports that somebody has it so on a member, or may.
func (e expectation) byPathOn(member string) bool {
	return slices.ContainsFunc(e.paths, func(u *pathUse) bool { return u.member == "" || strings.EqualFold(u.member, member) })
}
