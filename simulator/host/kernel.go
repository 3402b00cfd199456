package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// Kernel answers what no file of the tree holds, as the machine is when it is
// asked.
func (h *Host) Kernel() devices.Kernel { return kernel{h} }

// System is the machine for package devices: its tree and its kernel, both
// always as they are when they are read.
func (h *Host) System() devices.System {
	return devices.System{
		FS: h.FS(), Kernel: h.Kernel(), Hostname: h.Name(), LXDDirs: []string{lxdDir}, Now: h.clock.Now,
	}
}

type kernel struct{ *Host }

func (k kernel) Maps(ctx context.Context) ([]devices.DM, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]devices.DM, 0, len(k.maps))
	for _, m := range k.maps {
		list = append(list, devices.DM{
			Name: m.title, UUID: m.uuid, Dev: m.dev(), OpenCount: int64(k.users(&m.block)),
			Suspended: m.suspended, Status: strings.TrimSpace(m.status()), Table: strings.TrimSpace(m.table()),
		})
	}
	return list, nil
}

// errNoDaemon is what a closed socket of multipathd gives.
var errNoDaemon = errors.New("multipathd does not answer")

func (k kernel) Checkers(ctx context.Context) (map[string]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.multipathd {
		return nil, fmt.Errorf("%w: %w", errNoDaemon, syscall.ECONNREFUSED)
	}
	checkers := map[string]string{}
	for _, m := range k.maps {
		for _, p := range m.paths {
			checkers[p.disk.name] = p.checker
		}
	}
	return checkers, nil
}

// Identify implements devices.Kernel: the array answers, not the cache.
func (k kernel) Identify(ctx context.Context, name string) evidence.Identity {
	if err := ctx.Err(); err != nil {
		return evidence.Identity{Why: err.Error()}
	}
	v := k.look()
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.identify(name, v)
}

func (h *Host) identify(name string, v view) evidence.Identity {
	d := h.diskNamed(name)
	switch {
	case d == nil:
		return evidence.Identity{Why: fmt.Sprintf("open /dev/%s: %v", name, syscall.ENOENT)}
	case d.state == blocked:
		// It would wait for the session until nobody waits any more.
		return evidence.Identity{Why: fmt.Sprintf("asking %s: %v", name, context.DeadlineExceeded)}
	case d.state != running:
		return evidence.Identity{Why: fmt.Sprintf("open /dev/%s: %v", name, syscall.ENXIO)}
	case !d.session.live():
		return evidence.Identity{Why: fmt.Sprintf("asking %s: host status 0x1", name)}
	}
	e, there := d.answer(v)
	if !there {
		return evidence.Identity{Kind: evidence.IdentityGone, Why: "sense 5/25/00, logical unit not supported"}
	}
	return evidence.Identity{Kind: evidence.IdentityKnown, Serial: evidence.Serial(e.Serial)}
}

func (k kernel) MountInfo(ctx context.Context, path string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	at := "/" + strings.TrimPrefix(path, "/")
	for _, w := range []Where{LXDNamespace, HiddenNamespace} {
		if bind := k.bindOf(w); bind != "" && bind == at {
			return []byte(k.mountInfo(w)), nil
		}
	}
	return nil, fmt.Errorf("open %s: %w", at, syscall.ENOENT)
}

// status is device-mapper's status line without start and length.
func (m *dmap) status() string {
	if !m.multipath() {
		return m.target() + " "
	}
	queue := 0
	if m.queueing && m.active() == 0 {
		queue = 1
	}
	if len(m.paths) == 0 {
		return fmt.Sprintf("multipath 2 %d 0 0 0 0 ", queue)
	}
	group := "A"
	if m.active() == 0 {
		group = "E"
	}
	line := fmt.Sprintf("multipath 2 0 1 0 1 1 %s 0 %d 2 ", group, len(m.paths))
	for _, p := range m.paths {
		state := "A"
		if p.failed {
			state = "F"
		}
		line += fmt.Sprintf("%s %s %d 0 1 ", p.disk.dev(), state, p.fails)
	}
	return line
}

// table is device-mapper's table line without start and length.
func (m *dmap) table() string {
	if !m.multipath() {
		if m.target() == "crypt" {
			return "crypt aes-xts-plain64 :64:logon:cryptsetup:0 0 " + m.base.dev() + " 32768"
		}
		return "linear " + m.base.dev() + " 2048"
	}
	features := "0"
	if m.queueing {
		features = "1 queue_if_no_path"
	}
	if len(m.paths) == 0 {
		return "multipath " + features + " 0 0 0 "
	}
	line := fmt.Sprintf("multipath %s 1 alua 1 1 service-time 0 %d 2 ", features, len(m.paths))
	for _, p := range m.paths {
		line += p.disk.dev() + " 1 1 "
	}
	return line
}

// target is the kind of what is no multipath map.
func (m *dmap) target() string {
	if strings.HasPrefix(m.uuid, "CRYPT-") {
		return "crypt"
	}
	return "linear"
}
