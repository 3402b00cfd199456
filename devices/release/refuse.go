package release

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// Code is the kind of a reason not to touch a host's devices.
type Code string

// The codes.
const (
	// CodeRecorded: what was read is not the running machine.
	CodeRecorded Code = "recorded"
	// CodeBlind: not everything could be seen, so something may use it.
	CodeBlind Code = "blind"
	// CodeSystem: it is part of the machine itself.
	CodeSystem Code = "system"
	// CodeInUse: something uses it.
	CodeInUse Code = "in-use"
	// CodeOther: a path of it is another volume. Data is at risk.
	CodeOther Code = "other-volume"
	// CodeSession: a path does not say which volume it is, because its
	// session is down.
	CodeSession Code = "session-down"
	// CodeUnproven: a path does not say which volume it is.
	CodeUnproven Code = "unproven"
	// CodeAnswers: a path answers as the volume, though the array is said not
	// to connect it.
	CodeAnswers Code = "still-answers"
	// CodeSuspended: a map is suspended, and not by us.
	CodeSuspended Code = "suspended"
	// CodeChanged: it became something else while it was looked at.
	CodeChanged Code = "changed"
)

// Reason is one reason, in words that a human can check.
type Reason struct {
	Code Code   `json:"code"`
	Why  string `json:"why"`
}

// Refusal is the error that wraps ErrRefused: all reasons that one look found.
type Refusal struct {
	Host    string
	Serial  evidence.Serial
	Reasons []Reason
}

// Error names all reasons.
func (r *Refusal) Error() string {
	why := make([]string, len(r.Reasons))
	for i, reason := range r.Reasons {
		why[i] = reason.Why
	}
	return fmt.Sprintf("volume %s on %s: %v: %s", r.Serial, r.Host, ErrRefused, strings.Join(why, "; "))
}

// Unwrap makes errors.Is find ErrRefused.
func (r *Refusal) Unwrap() error { return ErrRefused }

// Has reports whether one of the reasons is of that kind.
func (r *Refusal) Has(code Code) bool {
	return slices.ContainsFunc(r.Reasons, func(reason Reason) bool { return reason.Code == code })
}

func (v *view) refuse(reasons ...Reason) error {
	return &Refusal{Host: v.host.Name, Serial: v.serial, Reasons: reasons}
}

const (
	// samples are taken of the open count, two seconds in all: udev, blkid and
	// multipathd open a device for a moment, somebody who uses it has it open
	// in all of them.
	samples     = 5
	samplePause = 500 * time.Millisecond
	// looks are how often a host is looked at when only udev has the device
	// open, which is for a moment unless a path is missing.
	looks     = 3
	lookPause = 2 * time.Second
)

// care says whether the open counts are watched for a while.
type care bool

const (
	atOnce  care = false
	watched care = true
)

// ready looks until it is certain that the volume's devices may be taken away,
// or certain that not.
func (r *Releaser) ready(ctx context.Context, serial evidence.Serial, expect Expect, how care) (*view, error) {
	for look := 1; ; look++ {
		v := r.look(ctx, serial)
		reasons, passing := v.reasons(expect)
		if len(reasons) == 0 && len(v.maps) > 0 {
			reasons = r.watch(ctx, v, how)
		}
		if err := ctx.Err(); err != nil {
			return v, err
		}
		if len(reasons) == 0 {
			return v, nil
		}
		if !passing || look == looks {
			return v, v.refuse(reasons...)
		}
		if err := r.sleep(ctx, lookPause); err != nil {
			return v, err
		}
	}
}

// reasons are all reasons against touching what was seen. They are passing, and
// may be no more in a moment, where workers of udev have the volume open, or a
// device that has gone, and there is nothing else: they look at each device that
// appears or changes.
func (v *view) reasons(expect Expect) (all []Reason, passing bool) {
	blind, used := v.incompleteReasons(), v.useReasons(v.waiting())
	others := append(v.otherVolumeReasons(), v.identityReasons(expect)...)
	stays := func(use evidence.Use) bool { return !v.system.IsUdev(use) }
	passing = len(blind)+len(used) > 0 && len(others) == 0 && len(blind) == len(v.unattributed) &&
		!slices.ContainsFunc(v.uses, stays) && !slices.ContainsFunc(v.unattributed, stays)
	return slices.Concat(blind, others, used), passing
}

// incompleteReasons are those why there may be a device or a use that was not seen.
func (v *view) incompleteReasons() []Reason {
	var all []Reason
	add := func(code Code, format string, args ...any) {
		all = append(all, Reason{code, fmt.Sprintf(format, args...)})
	}
	h := v.host
	if h.Recorded {
		add(CodeRecorded, "this is a recording of the host, not the host")
	}
	if h.Trouble != "" {
		add(CodeBlind, "%s", h.Trouble)
	}
	for _, part := range []struct{ what, why string }{
		{"SCSI disks", h.Disks.Why()},
		{"multipath maps", h.Maps.Why()},
		{"iSCSI sessions", h.Sessions.Why()},
		{"NVMe subsystems", h.Subsystems.Why()},
		{"NVMe controllers", h.Controllers.Why()},
		{"NVMe namespaces", h.Namespaces.Why()},
		{"uses", h.Uses.Why()},
	} {
		if part.why != "" {
			add(CodeBlind, "the %s are not all known: %s", part.what, part.why)
		}
	}
	if !h.AllProcesses.Is() && (h.AllProcessesWhy == "" || h.AllProcessesWhy != h.Trouble) {
		add(CodeBlind, "the processes are not all visible: %s", cmp.Or(h.AllProcessesWhy, "no reason was given"))
	}
	for _, use := range v.unattributed {
		add(CodeBlind, "it is not known of which volume this is: %s", useWords(use))
	}
	for _, s := range h.Subsystems.Items {
		if len(s.Controllers)+len(s.Namespaces) == 0 {
			add(CodeBlind, "%s has neither controller nor namespace, so somebody still holds a namespace of it", s.Name)
		}
	}
	return all
}

// otherVolumeReasons are those why it is not this volume alone that would be
// touched.
func (v *view) otherVolumeReasons() []Reason {
	var all []Reason
	add := func(code Code, format string, args ...any) {
		all = append(all, Reason{code, fmt.Sprintf(format, args...)})
	}
	for _, d := range v.disks {
		if d.Serial != v.serial && d.Serial != "" {
			add(CodeOther, "%s is of volume %s and leads to %s or is in its map", d.Name, d.Serial, v.serial)
		}
		if d.Live.Kind == evidence.IdentityKnown && d.Live.Serial != v.serial {
			add(CodeOther, "%s answers as %s and not as %s", d.Name, cmp.Or(string(d.Live.Serial), "something that is no Pure volume"), v.serial)
		}
	}
	for _, m := range v.host.Maps.Items {
		if m.Partition || m.Serial == v.serial {
			continue
		}
		for _, d := range v.disks {
			if m.IsOn(d) {
				add(CodeOther, "%s is a path of %s, which is the map of %s", d.Name, m.Name, cmp.Or(string(m.Serial), "no volume that is known"))
			}
		}
	}
	for _, use := range v.uses {
		if use.Kind == evidence.UseSystem {
			add(CodeSystem, "%s", useWords(use))
		}
	}
	return all
}

// identityReasons are those why a path may not be the volume, or may still be
// in use by the array's leave.
func (v *view) identityReasons(expect Expect) []Reason {
	var all []Reason
	add := func(code Code, format string, args ...any) {
		all = append(all, Reason{code, fmt.Sprintf(format, args...)})
	}
	for _, d := range v.disks {
		if d.HCTL == "" || d.Dev == "" || !d.Seq.Known || d.Seq.N <= 0 {
			add(CodeUnproven, "%s can't be told from a disk that gets its name next: it shows no address, number or sequence number", d.Name)
		}
		if d.Serial == "" {
			add(CodeUnproven, "the kernel does not say which volume %s was added for", d.Name)
		}
		if code, why := unprovenLive(d, expect); code != "" {
			add(code, "%s", why)
		}
	}
	for _, m := range v.maps {
		for _, p := range m.Paths {
			if !slices.ContainsFunc(v.disks, func(d evidence.Disk) bool { return d.Name == p.Disk }) && (expect.StillConnected || p.Disk != "" || !p.Active.IsNot()) {
				add(CodeUnproven, "path %s of %s is not among the disks", cmp.Or(p.Disk, p.Dev), m.Name)
			}
		}
		if !m.Queueing.Is() && !m.Queueing.IsNot() {
			add(CodeBlind, "it is not known whether I/O to %s would wait for a path", m.Name)
		}
	}
	for _, n := range v.namespaces {
		if expect.StillConnected && !slices.ContainsFunc(n.Paths, evidence.NamespacePath.Live) {
			add(CodeSession, "no controller of %s is live, so whether it is still the volume is not known", n.Name)
			continue
		}
		// A controller that connects does not hear that the array takes the
		// namespace away: the device stays, without a path that works, and
		// whoever reads it waits until the controller is back or given up,
		// for ten minutes or for ever.
		for _, p := range n.Paths {
			if expect.StillConnected && p.State != "live" {
				add(CodeSession, "controller %s is %s and would not see %s go", p.Controller, cmp.Or(p.State, "in no known state"), n.Name)
			}
		}
	}
	return all
}

// unprovenLive judges what a disk said of itself.
func unprovenLive(d evidence.Disk, expect Expect) (Code, string) {
	switch {
	case d.Live.Kind == evidence.IdentityGone:
		return "", ""
	case d.Live.Kind == evidence.IdentityKnown && !expect.StillConnected:
		return CodeAnswers, d.Name + " still answers, though the array is said not to connect it"
	case d.Live.Kind == evidence.IdentityKnown:
		return "", ""
	case d.State == stateOffline:
		// It can't be asked, and nothing can flow through it either: most
		// likely an interrupted run of ours has released it.
		return "", ""
	case d.State != stateRunning && d.State != "" && !expect.StillConnected:
		return "", ""
	}
	code := CodeUnproven
	if d.State == "blocked" || d.State == "transport-offline" {
		code = CodeSession
	}
	return code, fmt.Sprintf("%s did not say which volume it is (%s)", d.Name, cmp.Or(d.Live.Why, "not asked"))
}

// openers are uses that are let pass.
type openers map[evidence.Use]bool

// waiting are the workers of udev that wait for a path of a map that has
// none: they never leave by themselves.
func (v *view) waiting() openers {
	let := openers{}
	for _, use := range v.uses {
		if use.Waits {
			let[use] = true
		}
	}
	return let
}

// on counts those of one device, by its number.
func (o openers) on(dev string) int64 {
	n := int64(0)
	for use := range o {
		if use.Dev == dev {
			n++
		}
	}
	return n
}

// useReasons are the uses of the volume, without those that are let pass.
func (v *view) useReasons(let openers) []Reason {
	var all []Reason
	add := func(format string, args ...any) {
		reason := Reason{CodeInUse, fmt.Sprintf(format, args...)}
		if !slices.Contains(all, reason) {
			all = append(all, reason)
		}
	}
	for _, use := range v.uses {
		if !let[use] && use.Kind != evidence.UseSystem {
			add("%s", useWords(use))
		}
	}
	for _, d := range v.disks {
		for _, holder := range d.Holders {
			if !slices.ContainsFunc(v.host.Maps.Items, func(m evidence.Map) bool { return m.Kernel == holder }) {
				add("%s stands on %s", holder, d.Name)
			}
		}
	}
	for _, m := range append(slices.Clone(v.maps), v.parts...) {
		idle := int64(0)
		for _, part := range v.parts {
			if part.PartitionOf(m) {
				idle++
			}
		}
		switch open := m.OpenCount; {
		case !open.Known:
			add("it is not known who has %s open", m.Name)
		case open.N > idle+let.on(m.Dev):
			add("%s is open (%d times)", m.Name, open.N-idle)
		}
		if m.IO.Inflight.Known && m.IO.Inflight.N > 0 && let.on(m.Dev) == 0 {
			add("%d requests of %s are under way", m.IO.Inflight.N, m.Name)
		}
	}
	for _, n := range v.namespaces {
		if n.IO.Inflight.Known && n.IO.Inflight.N > 0 {
			add("%d requests of %s are under way", n.IO.Inflight.N, n.Name)
		}
	}
	return all
}

// watch samples the open counts of the maps for two seconds, or once.
func (r *Releaser) watch(ctx context.Context, v *view, how care) []Reason {
	samples, let := samples, v.waiting()
	if how == atOnce {
		samples = 1
	}
	for sample := range samples {
		if sample > 0 {
			if err := r.sleep(ctx, samplePause); err != nil {
				return []Reason{{CodeBlind, "the watch over who opens it was cut short: " + err.Error()}}
			}
		}
		dms, err := r.System.Maps(ctx)
		if err != nil {
			return []Reason{{CodeBlind, "device-mapper did not say who has its maps open: " + err.Error()}}
		}
		for _, m := range v.maps {
			if reason, bad := sampled(m, dms, let, sample == samples-1); bad {
				return []Reason{reason}
			}
		}
	}
	return nil
}

// sampled judges one sample of one map. That it is suspended counts at the
// end only: multipathd does it for a moment to load another table.
func sampled(m evidence.Map, dms []devices.DM, let openers, last bool) (Reason, bool) {
	i := slices.IndexFunc(dms, func(dm devices.DM) bool { return dm.UUID == m.UUID })
	if i < 0 {
		return Reason{CodeChanged, m.Name + " has gone while it was watched"}, true
	}
	parts := int64(0)
	for _, dm := range dms {
		if dm.PartitionOf(m.UUID) {
			parts++
			if dm.OpenCount > let.on(dm.Dev) {
				return Reason{CodeInUse, fmt.Sprintf("partition %s is open (%d times)", dm.Name, dm.OpenCount)}, true
			}
		}
	}
	switch dm := dms[i]; {
	case dm.OpenCount > parts+let.on(dm.Dev):
		return Reason{CodeInUse, fmt.Sprintf("%s is open (%d times)", m.Name, dm.OpenCount-parts)}, true
	case dm.Suspended && last:
		return Reason{CodeSuspended, fmt.Sprintf("%s is suspended, and it is not known by whom; "+
			"\"dmsetup resume %s\" lets its I/O go on", m.Name, m.Name)}, true
	}
	return Reason{}, false
}

func useWords(use evidence.Use) string {
	device := cmp.Or(use.Device, cmp.Or(use.Dev, "a device that has gone"))
	switch use.Kind {
	case evidence.UseMount:
		words := device + " is mounted at " + use.Where
		if use.Namespace != "" {
			words += " (mount namespace " + use.Namespace + ")"
		}
		return words
	case evidence.UseSuperblock:
		return fmt.Sprintf("a file system (%s) on %s is alive", use.Where, device)
	case evidence.UseHolder:
		return use.Where + " stands on " + device
	case evidence.UseOpener:
		return fmt.Sprintf("%s has %s open (pid %d)", cmp.Or(use.Process, "a process"), device, use.PID)
	case evidence.UseSwap:
		return device + " is swap"
	case evidence.UseLoop:
		return fmt.Sprintf("loop device %s is on %s", use.Where, device)
	case evidence.UseExport:
		return fmt.Sprintf("%s is given on to others (%s)", device, use.Where)
	case evidence.UseUnclear:
		return fmt.Sprintf("%s may stand on %s: it does not say on which devices it does", use.Where, device)
	case evidence.UseSystem:
		return fmt.Sprintf("%s is part of the machine itself (%s)", device, use.Where)
	default:
		return device + " is in use: " + use.Where
	}
}
