package devices

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// block is one block device, a disk or a partition.
type block struct {
	name string
	dev  string // "major:minor"; empty for hidden devices
	disk string // of a partition, its disk
	dm   string // device-mapper's name
	dir  string // its directory in sysfs
}

// blocks are the block devices that the kernel has, Pure's and others.
type blocks struct {
	all    []block // sorted by name
	byName map[string]block
	byDev  map[string]string // "major:minor" to name
	parts  map[string][]string
	// dmNames are device-mapper's names: "mpathc" to "dm-1".
	dmNames map[string]string
	// doubts are why one may be missing, devDoubts why a number may be.
	doubts, devDoubts hostfs.Doubts
}

// readBlocks lists /sys/block, and /sys/class/block for the partitions.
func readBlocks(t hostfs.Tree) blocks {
	b := blocks{byName: map[string]block{}, byDev: map[string]string{}, parts: map[string][]string{}, dmNames: map[string]string{}}
	disks, err := t.Names("sys/block")
	b.doubts.Check("the block devices could not be listed", err)
	if err == nil && disks == nil && !t.Exists("sys/block").Is() {
		b.doubts.Add("there is no directory sys/block")
	}
	class, err := t.Names("sys/class/block")
	b.doubts.Check("the partitions could not be listed", err)
	numbered := readNumbers(t)
	for _, name := range disks {
		b.add(t, b.find(t, numbered, "sys/block/", name))
	}
	for _, name := range class {
		if _, known := b.byName[name]; known {
			continue
		}
		one := b.find(t, numbered, "sys/class/block/", name)
		if disk := path.Base(path.Dir(one.dir)); b.byName[disk].name != "" {
			one.disk = disk
		}
		b.add(t, one)
	}
	if class == nil {
		b.addPartitions(t, disks)
	}
	slices.SortFunc(b.all, func(x, y block) int { return strings.Compare(x.name, y.name) })
	return b
}

// readNumbers reads where the devices are, and their numbers, in one place: the
// links there are called by the numbers. It may lack some.
func readNumbers(t hostfs.Tree) map[string]block {
	const dir = "sys/dev/block/"
	numbers, _ := t.Names(path.Clean(dir)) // each device shows its own
	found := make(map[string]block, len(numbers))
	for _, number := range numbers {
		place, err := t.Follow(dir + number)
		if err == nil && isDev(number) && strings.HasPrefix(place, "sys/devices/") {
			found[path.Base(place)] = block{name: path.Base(place), dev: number, dir: place}
		}
	}
	return found
}

// find says where a device is.
func (b *blocks) find(t hostfs.Tree, numbered map[string]block, list, name string) block {
	if one, ok := numbered[name]; ok {
		return one
	}
	dir, err := t.Follow(list + name)
	b.doubts.Check("where "+name+" is", err)
	return block{name: name, dir: dir}
}

// addPartitions finds the partitions below their disks, for a recording
// without /sys/class/block.
func (b *blocks) addPartitions(t hostfs.Tree, disks []string) {
	for _, disk := range disks {
		dir := b.byName[disk].dir
		inside, err := t.Names(dir)
		b.doubts.Check("the partitions of "+disk+" could not be listed", err)
		for _, name := range inside {
			if strings.HasPrefix(name, disk) && t.Exists(dir+"/"+name+"/partition").Is() {
				b.add(t, block{name: name, disk: disk, dir: dir + "/" + name})
			}
		}
	}
}

func (b *blocks) add(t hostfs.Tree, one block) {
	if one.dev == "" {
		dev, err := t.Text(one.dir + "/dev")
		b.devDoubts.Check("the device number of "+one.name, err)
		if isDev(dev) {
			one.dev = dev
		}
	}
	if one.dev != "" {
		b.byDev[one.dev] = one.name
	}
	if strings.HasPrefix(one.name, "dm-") {
		name, err := t.Text(one.dir + "/dm/name")
		b.devDoubts.Check("the name of "+one.name, err)
		b.dmNames[name], one.dm = one.name, name
	}
	b.all = append(b.all, one)
	b.byName[one.name] = one
	if one.disk != "" {
		b.parts[one.disk] = append(b.parts[one.disk], one.name)
	}
}

// blockName is the form of the kernel's names for disks that a Pure volume
// can have, and of what is stacked on them.
var blockName = regexp.MustCompile(`^(sd[a-z]+\d*|dm-\d+|nvme\d+(c\d+)?n\d+(p\d+)?|md\d+|loop\d+)$`)

// nodeName is the kernel name that a path below /dev leads to by its links,
// "" for any other path. The node need not exist.
func (b *blocks) nodeName(t hostfs.Tree, node string) (string, error) {
	const hops = 8
	for range hops {
		name, ok := strings.CutPrefix(path.Clean(node), "/dev/")
		if !ok {
			return "", nil
		}
		if _, known := b.byName[name]; known {
			return name, nil
		}
		if dm, known := b.dmNames[strings.TrimPrefix(name, "mapper/")]; known && strings.HasPrefix(name, "mapper/") {
			return dm, nil
		}
		next, err := t.Follow("dev/" + name)
		if err != nil {
			return "", err
		}
		if next == "dev/"+name {
			if strings.Contains(name, "/") {
				return "", nil
			}
			return name, nil
		}
		node = "/" + next
	}
	return "", nil
}
