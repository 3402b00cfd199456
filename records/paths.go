package records

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// named is what a device names of its machine, if that may be a volume: a path
// below /dev, a directory in which LXD mounts its volumes, a device number. LXD
// takes it as it is and asks no further whose it is.
func (d *deviceRow) named() []string {
	switch {
	case d.Type == "disk" && d.Pool == "" && mayBeVolume(d.Source):
		return []string{d.Source}
	case d.Type != "unix-block":
		return nil
	case d.Major != "" || d.Minor != "":
		named := []string{d.Major + ":" + d.Minor} // the path is the instance's own then
		if d.Source != "" {
			named = append(named, d.Source)
		}
		return named
	case d.Source != "":
		return []string{d.Source}
	}
	return []string{d.Path}
}

// mayBeVolume reports a path of a device, also through a process's own view, or
// below LXD's directory of pools, and any that says by itself which volume it is.
func mayBeVolume(source string) bool {
	clean := path.Clean(source)
	_, says := evidence.SerialOf(path.Base(clean))
	return says || strings.HasPrefix(clean, "/dev/") || strings.Contains(clean, "/storage-pools/") || strings.HasPrefix(clean, evidence.SnapHostFS+"/dev/") ||
		strings.HasPrefix(clean, "/proc/") && strings.Contains(clean, "/dev/")
}

var (
	// devicePath is a path below /dev in a text, alone, behind SnapHostFS or in a
	// process's view.
	devicePath = regexp.MustCompile(`(?:^|[\s"'=,;:(\[])((?:` + evidence.SnapHostFS + `|/proc/[^\s"'=,;()\[\]{}<>]*)?/dev/[^\s"'=,;()\[\]{}<>]+)`)
	// blockPath is one that can be a block device: all else below /dev, as
	// /dev/kvm and /dev/dri, is none.
	blockPath = regexp.MustCompile(`/dev/(disk/|mapper/|block/|sd|nvme|dm-|md|zvol/|drbd|bcache|[^/]+/[^/]+$)`)
	otherPath = regexp.MustCompile(`/dev/(dri|snd|input|net|bus|pts|shm|hugepages|mqueue|vfio|infiniband|cpu|char|nvidia-caps|dma_heap|accel)/`)
	// allowed is a block device's number in a rule of liblxc's.
	allowed = regexp.MustCompile(`devices\.allow\s*=\s*b\s+(\d+:\d+)`)
)

// rawKeys are the settings that LXD passes on.
var rawKeys = []string{"raw.lxc", "raw.qemu", "raw.qemu.conf"}

// readWords picks from a setting what may be a volume's path. What goes to QEMU or
// liblxc as it is counts whatever it is called there; of what else people write
// down only what says by itself which volume it is, as a guest's own settings name
// the guest's devices.
func readWords(p *pulled, key []byte) []evidence.InstancePath {
	raw := slices.Contains(rawKeys, string(key))
	if !raw && !strings.HasPrefix(string(key), "user.") {
		p.Skip()
		return nil
	}
	name := string(key)
	text := p.text()
	var found []evidence.InstancePath
	for _, word := range devicePath.FindAllStringSubmatch(text, -1) {
		at := strings.TrimRight(word[1], ".:")
		if _, says := evidence.SerialOf(path.Base(at)); says || raw && blockPath.MatchString(at) && !otherPath.MatchString(at) {
			found = append(found, evidence.InstancePath{Device: name, Path: at})
		}
	}
	if raw {
		for _, number := range allowed.FindAllStringSubmatch(text, -1) {
			found = append(found, evidence.InstancePath{Device: name, Path: number[1]})
		}
	}
	return found
}
