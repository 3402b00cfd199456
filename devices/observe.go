package devices

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/devices/hostconf"
	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// kernelLimit bounds one question to device-mapper or multipathd.
const kernelLimit = 10 * time.Second

// Observe reads one host. It never fails: what could not be read is unknown,
// and each list says why it may lack something.
func Observe(ctx context.Context, s System) evidence.Host {
	return ObserveVolumes(ctx, s, nil)
}

// ObserveVolumes reads of one host all that there is about some volumes, and of the
// devices of others who they are: each is asked, for a disk that was another
// volume's leads to one of these when its number on the array's port is used again.
// Without serials it is Observe.
func ObserveVolumes(ctx context.Context, s System, serials []evidence.Serial) evidence.Host {
	s = s.WithDefaults()
	s.asked = &atomic.Int64{}
	t := hostfs.Tree{FS: s.FS}
	h := evidence.Host{
		Recorded: s.Recorded,
		Boot:     s.Boot(),
		Kernel:   t.Field("proc/sys/kernel/osrelease"),
	}
	h.Began = s.Now()
	h.Name = cmp.Or(s.Hostname, t.Field("proc/sys/kernel/hostname"), t.Field("etc/hostname"), s.place)

	f := focusOn(serials)
	b := readBlocks(t)
	sessions, iqns, sessionDoubts := readSessions(t)
	disks, diskDoubts := readDisks(t, b, f)
	identify(ctx, s, b, disks)
	f.complete(t, b, disks, nil)
	n := readNVMe(t, b, f)
	h.Sessions = hostfs.ListOf(sessions, sessionDoubts)
	h.Disks = hostfs.ListOf(disks, diskDoubts)
	h.Subsystems = hostfs.ListOf(n.subsystems, n.subsystemDoubts)
	h.Controllers = hostfs.ListOf(n.controllers, n.controllerDoubts)
	h.Namespaces = hostfs.ListOf(n.namespaces, n.namespaceDoubts)
	mapDoubts := observeMaps(ctx, s, b, f, &h)
	f.complete(t, b, h.Disks.Items, h.Maps.Items)

	// A device that may be missing may have uses, and names, that are.
	var missing hostfs.Doubts
	missing.Merge(diskDoubts)
	missing.Merge(mapDoubts)
	missing.Merge(n.namespaceDoubts)
	loops := readLoopDevices(ctx, s, b)
	st := newStack(t, b, &h, loops, f)
	st.holds.Merge(missing)
	links, d := readLinks(t, b, st)
	d.Merge(missing)
	h.Links = hostfs.ListOf(links, d)
	h.Aliases = readAliases(t, b, st, links, b.doubts.None() && st.holds.None())
	p := readProcesses(ctx, s, b, st)
	h.AllProcesses, h.AllProcessesWhy = allProcesses(t, s, p)
	m := readMounts(ctx, s, p)
	uses, d := readUses(t, b, st, f, &h, useSources{m, p, loops})
	if !s.Recorded && !h.AllProcesses.Is() {
		d.Add("%s", h.AllProcessesWhy)
	}
	s.markWaiting(&h, uses)
	h.Uses = hostfs.ListOf(uses, d)
	directories, d := readDirectories(t, s, m)
	h.Directories = hostfs.ListOf(directories, d)

	h.IQNs = readIQNs(t, iqns)
	h.NQNs = readNQNs(t, s.LXDDirs, n.hostNQNs)
	h.WWPNs = readWWPNs(t)
	ports, portDoubts := readRemotePorts(t)
	h.RemotePorts = hostfs.ListOf(ports, portDoubts)
	h.Tools = readTools(t)
	h.Daemons = readDaemons(t)
	settings, d := hostconf.Read(ctx, t, &h, daemonConfig(s, &h))
	d.Merge(sessionDoubts)
	d.Merge(n.controllerDoubts)
	h.Settings = hostfs.ListOf(settings, d)

	switch {
	case ctx.Err() != nil:
		h.Trouble, h.Hint = "the reading was cut short: "+context.Cause(ctx).Error(), ""
	case !b.doubts.None() && len(b.all) == 0:
		h.Trouble, h.Hint = "its block devices could not be read: "+b.doubts.String(), "sysfs must be mounted at /sys and readable"
	case h.Trouble == "" && !s.Recorded && h.AllProcesses.IsNot():
		h.Trouble, h.Hint = h.AllProcessesWhy, "run it as root, and not in a container"
	}
	h.Requests = int(s.asked.Load())
	h.Ended = s.Now()
	if !s.Recorded {
		h.Clock = h.Ended
	}
	return h
}

// observeMaps joins sysfs, device-mapper and multipathd. Without
// device-mapper's word the maps are all there, but who has them open and
// which of their paths failed is not known, and that is trouble worth telling.
func observeMaps(ctx context.Context, s System, b blocks, f *focus, h *evidence.Host) hostfs.Doubts {
	r := mapReader{tree: hostfs.Tree{FS: s.FS}, blocks: b, focus: f, pure: map[string]bool{}}
	for _, disk := range h.Disks.Items {
		r.pure[disk.Name] = true
	}
	for _, ns := range h.Namespaces.Items {
		r.pure[ns.Name] = true
	}
	s.asked.Add(1)
	r.dms, r.dmsErr = within(ctx, kernelLimit, s.Kernel.Maps)
	if r.dmsErr == nil || len(r.pure) > 0 {
		// Without multipathd the checkers' words are not known; the paths'
		// states in device-mapper are what counts.
		s.asked.Add(1)
		if checkers, err := within(ctx, kernelLimit, s.Kernel.Checkers); err == nil {
			r.checkers = checkers
		}
	}
	maps := r.read()
	h.Maps = hostfs.ListOf(maps, r.doubts)
	if r.dmsErr != nil && len(maps) > 0 {
		h.Trouble = "device-mapper could not be asked, so who has its maps open is not known: " + r.dmsErr.Error()
		if errors.Is(r.dmsErr, fs.ErrPermission) {
			h.Hint = "run it as root"
		}
	}
	return r.doubts
}
