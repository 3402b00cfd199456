package settings

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// version is an LXD's: "6.9", "5.21.4", "6.9-ab8fad2", "5.21.4 LTS".
type version struct{ major, minor, patch int }

// unknownVersion is newer than all.
var unknownVersion = version{math.MaxInt, 0, 0}

func parseVersion(text string) version {
	text, _, _ = strings.Cut(strings.TrimSpace(text), " ")
	text, _, _ = strings.Cut(text, "-")
	parts := strings.Split(text, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return unknownVersion
	}
	numbers := [3]int{}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return unknownVersion
		}
		numbers[i] = n
	}
	return version{numbers[0], numbers[1], numbers[2]}
}

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.major, w.major), cmp.Compare(v.minor, w.minor), cmp.Compare(v.patch, w.patch))
}

// needsMap reports an LXD that takes an iSCSI volume's device only through a
// multipath map, even when it has one path: 6.8 and later.
func (v version) needsMap() bool { return v.compare(version{6, 8, 0}) >= 0 }

// Bug is a way in which a version of LXD leaks.
type Bug struct {
	Code   string
	Weight Weight
	// Scan marks what scan reports too; Images that it matters to scan only
	// once there are copies of images.
	Scan, Images bool
	// in are the versions with it, of each series.
	in []series
	// What it leaves, why, and what follows.
	What, Cause, Effect string
	// Upgrade is what to do, and to type, where it was found: BugsOf fills it.
	Upgrade string
}

// series are the first and the last version of a series with a bug, and what
// to do there: LXD's database never goes back, so no series is sent to an
// older one.
type series struct {
	first, last version
	upgrade     string
}

const (
	toLatest   = "upgrade LXD: snap refresh lxd --channel=latest/stable"
	toLongTerm = "upgrade LXD: snap refresh lxd --channel=5.21/stable"
)

// Bugs are the known ones of LXD's Pure driver. Versions and causes are from
// the driver's history; 6.3 is its first release, 5.21.4 the first of the
// long-term series that has it.
var Bugs = []Bug{
	{
		Code: "lxd-15210", Weight: Critical, Scan: true,
		in:     []series{{version{6, 3, 0}, version{6, 3, 0}, toLatest}},
		What:   "leaves a volume behind, connected, whenever a new volume's device does not come within 30 seconds",
		Cause:  "its roll-back forgets to disconnect the volume (LXD issue 15210, repaired in 6.4 and 5.21.4)",
		Effect: "every slow device is a leaked-volume",
	},
	{
		Code: "lxd-resize", Weight: Warning,
		in:     []series{{version{6, 3, 0}, version{6, 5, 0}, toLatest}},
		What:   "leaves a volume connected after its size was changed while it was not in use",
		Cause:  "it maps the volume to grow its filesystem and forgets to unmap it (repaired in 6.6)",
		Effect: "stale-connection: the volume can't be deleted on another member",
	},
	{
		Code: "lxd-array-first", Weight: Warning,
		in:     []series{{version{6, 3, 0}, version{6, 5, 0}, toLatest}, {version{5, 21, 4}, version{5, 21, 4}, toLongTerm}},
		What:   "disconnects a volume on the array before it takes its iSCSI devices off the host",
		Cause:  "udev and multipathd then meet devices that no longer answer (turned around in 6.6 and 5.21.5)",
		Effect: "udev workers hang, maps stay behind: stale-map, ghost-path",
	},
	{
		Code: "lxd-paths-left", Weight: Warning,
		in: []series{
			{version{6, 6, 0}, version{6, 7, 0}, toLatest},
			{version{5, 21, 5}, version{5, 21, 7}, "upgrade to 6.8 or later where the long-term series is not needed; until then pureclean scan finds them"},
		},
		What:   "removes an iSCSI volume's map and leaves its paths, the disks, on the host",
		Cause:  "it flushes the map once and deletes no disk (repaired in 6.8)",
		Effect: "ghost-path, and the next volume with that LUN number may meet them",
	},
	{
		Code: "lxd-image-copies", Weight: Hint, Scan: true, Images: true,
		in:     []series{{version{6, 9, 0}, version{6, 9, 0}, "upgrade LXD when a release without this is out; until then remove the copies from time to time"}},
		What:   "makes one more image volume for each instance that is created from an image",
		Cause:  "it asks for a new uuid each time and finds no volume of that name",
		Effect: "every launch is a leaked-image",
	},
}

// BugsOf lists the known bugs of a version; of one that can't be read, none.
func BugsOf(text string) []Bug {
	v := parseVersion(text)
	var all []Bug
	for _, b := range Bugs {
		for _, in := range b.in {
			if v.compare(in.first) >= 0 && v.compare(in.last) <= 0 {
				b.Upgrade = in.upgrade
				all = append(all, b)
			}
		}
	}
	return all
}

// HasBug reports a version with the bug of a code.
func HasBug(text, code string) bool {
	return slices.ContainsFunc(BugsOf(text), func(b Bug) bool { return b.Code == code })
}
