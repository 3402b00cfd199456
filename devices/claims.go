package devices

import (
	"regexp"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// readClaims finds what stands on a device and makes no holder of it: bcache
// before it runs, a zpool, DRBD. What does not say on which devices it stands
// may stand on each that is open without anybody's knowing, which is each but
// those of device-mapper, whose openers the kernel counts.
func (r *useReader) readClaims(h *evidence.Host) {
	for _, one := range r.blocks.all {
		if !r.stack.has(one.name) || r.focus.brief[one.name] {
			continue
		}
		switch bcache := r.tree.Exists(one.dir + "/bcache"); {
		case bcache.Is():
			r.add(evidence.Use{Kind: evidence.UseHolder, Device: one.name, Where: "bcache"})
		case !bcache.IsNot():
			r.doubts.Add("whether %s is bcache's can't be seen", one.name)
		}
	}
	for _, unclear := range slices.Concat(r.readPools(), r.readDRBD()) {
		for _, device := range bareDevices(h) {
			r.add(evidence.Use{Kind: evidence.UseUnclear, Device: device, Where: unclear})
		}
	}
}

// bareDevices are the namespaces, and the disks that no map has.
func bareDevices(h *evidence.Host) []string {
	var bare []string
	add := func(name string, holders []string) {
		if !slices.ContainsFunc(h.Maps.Items, func(m evidence.Map) bool { return slices.Contains(holders, m.Kernel) }) {
			bare = append(bare, name)
		}
	}
	for _, d := range h.Disks.Items {
		add(d.Name, d.Holders)
	}
	for _, n := range h.Namespaces.Items {
		add(n.Name, n.Holders)
	}
	return bare
}

// drbdName is the kernel's name of a DRBD.
var drbdName = regexp.MustCompile(`^drbd\d+$`)

// readDRBD returns the DRBDs that do not show on what they stand; the newer
// ones make holders.
func (r *useReader) readDRBD() []string {
	var unclear []string
	for _, one := range r.blocks.all {
		if !drbdName.MatchString(one.name) {
			continue
		}
		if lower, err := r.tree.Names(one.dir + "/slaves"); err != nil || len(lower) == 0 {
			unclear = append(unclear, one.name)
		}
	}
	return unclear
}

const (
	// poolsDir has a directory for each imported pool.
	poolsDir = "proc/spl/kstat/zfs"
	// poolCache is where the kernel writes what the imported pools consist of,
	// unless zfs's parameter says another place or the pool's property
	// cachefile is none.
	poolCache     = "etc/zfs/zpool.cache"
	poolCacheName = "sys/module/zfs/parameters/spa_config_path"
)

// readPools tells which devices the imported zpools are on, and returns the
// pools of which that is not known.
func (r *useReader) readPools() []string {
	names, err := r.tree.Dirs(poolsDir)
	r.doubts.Check("the imported zpools", err)
	if len(names) == 0 {
		return nil
	}
	cache := poolCache
	said, unsaid := r.tree.Text(poolCacheName)
	if path := strings.TrimPrefix(said, "/"); path != "" {
		cache = path
	}
	var known []zpool
	if data, err := r.tree.Data(cache, hostfs.AttributeBytes); err == nil && unsaid == nil {
		known, _ = parseZpoolCache(data) // a pool that is not understood is unclear
	}
	var unclear []string
	for _, name := range names {
		i := slices.IndexFunc(known, func(p zpool) bool { return p.name == name })
		guid, err := r.tree.Text(poolsDir + "/" + name + "/guid")
		if i < 0 || err != nil || (guid != "" && guid != known[i].guid) || !r.addPool(known[i]) {
			unclear = append(unclear, "zpool "+name)
		}
	}
	return unclear
}

// addPool tells the devices of one pool. It reports whether each is one that
// is known here: a name that leads nowhere may have been one of ours.
func (r *useReader) addPool(p zpool) bool {
	clear := len(p.disks) > 0 || p.files
	for _, node := range p.disks {
		device := r.nodeName(node)
		if _, exists := r.blocks.byName[device]; !exists {
			clear = false
			continue
		}
		if r.stack.has(device) {
			r.add(evidence.Use{Kind: evidence.UseHolder, Device: device, Where: "zpool " + p.name})
		}
		// What the name leads to now, and what it says, may differ.
		if serial, ok := serialOfLink(node); ok && !slices.Contains(r.stack.serials(device), serial) {
			r.addGone(evidence.Use{Kind: evidence.UseHolder, Device: node, Where: "zpool " + p.name})
		}
	}
	return clear
}
