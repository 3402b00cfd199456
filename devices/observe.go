package devices

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// kernelLimit bounds one question to device-mapper or multipathd.
const kernelLimit = 10 * time.Second

// Observe reads one host. It never fails: what could not be read is unknown,
// and each list says why it may lack something.
func Observe(ctx context.Context, s System) evidence.Host {
	s = s.withDefaults()
	t := tree{s.FS}
	h := evidence.Host{
		Recorded: s.Recorded,
		Boot:     t.field("proc/sys/kernel/random/boot_id"),
		Kernel:   t.field("proc/sys/kernel/osrelease"),
	}
	h.Began = s.Now()
	h.Name = cmp.Or(s.Hostname, t.field("proc/sys/kernel/hostname"), t.field("etc/hostname"), s.place)
	whole := s
	asked := &counted{Kernel: s.Kernel}
	s.Kernel = asked

	b := readBlocks(t)
	sessions, iqns, sessionDoubts := readSessions(t)
	disks, diskDoubts := readDisks(t, b)
	identify(ctx, s, b, disks)
	n := readNVMe(t, b)
	h.Sessions = listOf(sessions, sessionDoubts)
	h.Disks = listOf(disks, diskDoubts)
	h.Subsystems = listOf(n.subsystems, n.subsystemDoubts)
	h.Controllers = listOf(n.controllers, n.controllerDoubts)
	h.Namespaces = listOf(n.namespaces, n.namespaceDoubts)
	mapDoubts := observeMaps(ctx, s, b, &h)

	// A device that may be missing may have uses, and names, that are.
	var missing doubts
	missing.merge(diskDoubts)
	missing.merge(mapDoubts)
	missing.merge(n.namespaceDoubts)
	st := newStack(t, b, &h)
	st.holds.merge(missing)
	links, d := readLinks(t, b, st)
	d.merge(missing)
	h.Links = listOf(links, d)
	p := readProcesses(ctx, whole, b, st)
	h.AllProcesses, h.AllProcessesWhy = allProcesses(t, s, p)
	m := readMounts(ctx, s, p)
	uses, d := readUses(t, b, st, &h, m, p)
	if !s.Recorded && !h.AllProcesses.Is() {
		d.add("%s", h.AllProcessesWhy)
	}
	markWaiting(t, &h, uses)
	h.Uses = listOf(uses, d)
	directories, d := readDirectories(t, s, m)
	h.Directories = listOf(directories, d)

	h.IQNs = readIQNs(t, iqns)
	h.NQNs = readNQNs(t, s.LXDDirs, n.hostNQNs)
	h.WWPNs = readWWPNs(t)
	ports, portDoubts := readRemotePorts(t)
	h.RemotePorts = listOf(ports, portDoubts)
	h.Tools = readTools(t)
	h.Daemons = readDaemons(t)
	settings, d := readSettings(ctx, whole, &h)
	d.merge(sessionDoubts)
	d.merge(n.controllerDoubts)
	h.Settings = listOf(settings, d)

	switch {
	case ctx.Err() != nil:
		h.Trouble, h.Hint = "the reading was cut short: "+context.Cause(ctx).Error(), ""
	case !b.doubts.none() && len(b.all) == 0:
		h.Trouble, h.Hint = "its block devices could not be read: "+b.doubts.String(), "sysfs must be mounted at /sys and readable"
	case h.Trouble == "" && !s.Recorded && h.AllProcesses.IsNot():
		h.Trouble, h.Hint = h.AllProcessesWhy, "run it as root, and not in a container"
	}
	h.Requests = int(asked.n.Load())
	h.Ended = s.Now()
	if !s.Recorded {
		h.Clock = h.Ended
	}
	return h
}

// observeMaps joins sysfs, device-mapper and multipathd. Without
// device-mapper's word the maps are all there, but who has them open and
// which of their paths failed is not known, and that is trouble worth telling.
func observeMaps(ctx context.Context, s System, b blocks, h *evidence.Host) doubts {
	r := mapReader{tree: tree{s.FS}, blocks: b, pure: map[string]bool{}}
	for _, disk := range h.Disks.Items {
		r.pure[disk.Name] = true
	}
	for _, ns := range h.Namespaces.Items {
		r.pure[ns.Name] = true
	}
	r.dms, r.dmsErr = within(ctx, kernelLimit, s.Kernel.Maps)
	if r.dmsErr == nil || len(r.pure) > 0 {
		// Without multipathd the checkers' words are not known; the paths'
		// states in device-mapper are what counts.
		if checkers, err := within(ctx, kernelLimit, s.Kernel.Checkers); err == nil {
			r.checkers = checkers
		}
	}
	maps := r.read()
	h.Maps = listOf(maps, r.doubts)
	if r.dmsErr != nil && len(maps) > 0 {
		h.Trouble = "device-mapper could not be asked, so who has its maps open is not known: " + r.dmsErr.Error()
		if errors.Is(r.dmsErr, fs.ErrPermission) {
			h.Hint = "run it as root"
		}
	}
	return r.doubts
}
