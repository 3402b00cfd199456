package repair

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/release"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/words"
)

// The kinds of steps.
const (
	StepRelease         = "release"
	StepProveIdle       = "prove-idle"
	StepDisconnect      = "disconnect"
	StepClear           = "clear"
	StepAwait           = "await-namespace"
	StepConfirm         = "confirm-detached"
	StepDestroy         = "destroy"
	StepDestroySnapshot = "destroy-snapshot"
	StepRemoveStale     = "remove-stale"
	StepDeleteHost      = "delete-host"
	StepEndWaiting      = "end-waiting"
	StepVerify          = "verify"
)

// UndoKind is how a step is taken back.
type UndoKind string

// The ways back.
const (
	UndoNothing   UndoKind = ""          // it changes nothing
	UndoRollback  UndoKind = "rollback"  // by itself, when the run stops before the disconnect
	UndoReconnect UndoKind = "reconnect" // by undo; the device comes back with LXD's next scan
	UndoRecover   UndoKind = "recover"   // by undo, until the array's timer runs out
	UndoNever     UndoKind = "never"     // nothing brings it back, and --yes does not answer for it
	UndoDead      UndoKind = "dead"      // what is removed was proven dead: there is nothing to bring back
	UndoFix       UndoKind = "fix"       // it brings something back, and fix takes it away again
)

// StepType is one kind of step: what must hold before it, what it does, how
// it is known to be done, how it is taken back, and its words.
type StepType struct {
	Kind string
	// Title is the step in a few words.
	Title string
	// Asks is set for steps that change what somebody could want back, and
	// which are therefore asked about. Gated ones are done only while the
	// finding is there and passes its gates on evidence read right before.
	Asks, Gated bool
	// Rests are the classes of findings that permit it, with all gates of
	// that class.
	Rests []diagnose.Class
	// Ghost steps are gated, for connections that are taken away from a
	// volume that stays, by the finding that the device itself then is.
	Ghost bool
	// Released steps may come after our own release, when the paths can't
	// say who they are: what they said before then counts.
	Released bool
	// Settled are gates that were asked before the disconnect and whose answer
	// changes nothing about what is left to do on a host after it.
	Settled []string
	// Array steps send a request to the array, Devices steps write to the
	// devices of a machine. See run.act for what holds for both.
	Array, Devices bool
	// AfterCut steps may rest on the look that showed the disconnect done.
	AfterCut bool
	// Repeat steps are done even if the world looks as if they had been.
	Repeat bool
	// Near steps change what one machine has of the volume, or how it is connected.
	// What they rest on is read of the machines that may have something of it.
	// All are asked by those that destroy.
	Near bool
	// Needs are conditions besides the gates, by name in the table Needs.
	Needs []string
	// Do does it. What it returns does not say whether it is done, unless
	// Confirm is nil.
	Do func(context.Context, *run, Step) error
	// Confirm says from one look whether it is done.
	Confirm func(subject, Step) (evidence.Answer, string)
	// Seen is what has to be read anew to tell that.
	Seen evidence.Anew
	// Final steps are believed only if Do says so, too: a look can't tell
	// what they did from what was never there.
	Final bool
	Undo  UndoKind
	// Say is the step for people, Manual about the same by hand.
	Say    func(Plan, Step) string
	Manual func(Plan, Step) []string
}

// changes reports a step that changes something, or may.
func (t *StepType) changes() bool { return t.Array || t.Devices }

// The classes of findings that permit the same steps. What is destroyed and what
// is only disconnected is taken off the hosts in the same way; a device that is
// left behind without its volume may be deleted, too.
var (
	ofVolumes = []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassDisconnect}
	ofDevices = []diagnose.Class{diagnose.ClassDestroy, diagnose.ClassDisconnect, diagnose.ClassHost}
)

// Steps is the table of all kinds of steps, in the order in which they come
// in plans. It drives the running, the dry run, saved plans and the docs.
var Steps = []StepType{
	{
		Kind: StepRelease, Title: "take the devices out of use on a host", Asks: true, Gated: true, Released: true, Final: true, Devices: true, Near: true,
		Rests: ofVolumes,
		Needs: []string{needSame, needMachine, needNoGroup, needStill},
		Do:    doRelease, Confirm: confirmReleased, Seen: evidence.AnewHosts, Undo: UndoRollback,
		Say: func(_ Plan, s Step) string {
			if !mayHaveMap(s) {
				return fmt.Sprintf("on %s: prove that nothing uses %s, and set its paths offline", s.Member, devicesNamed(s.Devices))
			}
			return fmt.Sprintf("on %s: prove that nothing uses %s, remove the map and set its paths offline", s.Member, devicesNamed(s.Devices))
		},
		Manual: func(p Plan, s Step) []string {
			var all []string
			if mayHaveMap(s) {
				all = append(all, "multipath -f "+words.Shell(p.Serial.WWID()))
			}
			for _, disk := range disksOf(s) {
				all = append(all, "echo offline > /sys/block/"+disk+"/device/state")
			}
			return all
		},
	},
	{
		Kind: StepProveIdle, Title: "prove that a namespace is idle", Gated: true, Final: true, Devices: true, Near: true,
		Rests: ofVolumes,
		Needs: []string{needSame, needMachine, needNoGroup, needStill},
		Do:    doRelease,
		Say: func(_ Plan, s Step) string {
			return fmt.Sprintf("on %s: prove that nothing uses %s", s.Member, devicesNamed(s.Devices))
		},
		Manual: func(p Plan, _ Step) []string {
			return []string{"lsblk -o NAME,WWN,MOUNTPOINTS | grep -i " + identities(p)}
		},
	},
	{
		Kind: StepDisconnect, Title: "disconnect on the array", Asks: true, Gated: true, Released: true, Array: true, Near: true,
		Rests: ofVolumes,
		Needs: []string{needSame, needMachine, needNoGroup, needStill, needReleased},
		Do:    doDisconnect, Confirm: confirmDisconnected, Seen: evidence.AnewBoth, Undo: UndoReconnect,
		Say: func(p Plan, s Step) string { return "disconnect " + p.Object + " from " + s.HostObject + s.on() },
		Manual: func(p Plan, s Step) []string {
			return s.there("purevol disconnect --host " + words.Shell(s.HostObject) + " " + words.Shell(p.Object))
		},
	},
	{
		Kind: StepClear, Title: "delete the paths on a host", Gated: true, Ghost: true, Final: true, Repeat: true, Devices: true, Near: true, AfterCut: true,
		Rests: ofDevices,
		Needs: []string{needSame, needMachine, needCut},
		// What it deletes leads nowhere any more, and left as it is it would be
		// in the way of whoever connects the volume again.
		Settled: []string{"explained"},
		Do:      doClear, Confirm: confirmNoDevice, Seen: evidence.AnewHosts, Undo: UndoDead,
		Say: func(_ Plan, s Step) string {
			return "on " + s.Member + ": delete its paths, and look again after 1, 5 and 15 seconds for what a scan brought back"
		},
		Manual: func(_ Plan, s Step) []string { return deletions(s) },
	},
	{
		Kind: StepAwait, Title: "wait until a namespace has gone", Final: true, Repeat: true, Devices: true, Near: true, AfterCut: true,
		Needs: []string{needSame, needMachine, needCut},
		Do:    doClear, Confirm: confirmNoDevice, Seen: evidence.AnewHosts, Undo: UndoNothing,
		Say: func(_ Plan, s Step) string { return "on " + s.Member + ": wait until the namespace has gone" },
		Manual: func(_ Plan, _ Step) []string {
			return []string{"nvme list-subsys", "# if it stays, for each live controller: echo 1 > /sys/class/nvme/nvmeN/rescan_controller"}
		},
	},
	{
		Kind: StepConfirm, Title: "confirm that it is detached everywhere", Final: true, Repeat: true, Near: true,
		Needs: []string{needSame},
		Do:    doConfirm, Seen: evidence.AnewBoth,
		Say: func(p Plan, _ Step) string {
			if p.Class == diagnose.ClassDisconnect {
				return "confirm, twice, that the array does not connect it to " + p.Host + " and that there is no device of it there"
			}
			return "confirm, twice, that nothing is connected and that no host has a device of it"
		},
		Manual: func(p Plan, _ Step) []string {
			return []string{"purevol list --connect " + words.Shell(p.Object), "lsblk -o NAME,WWN | grep -i " + identities(p)}
		},
	},
	{
		Kind: StepDestroy, Title: "destroy", Asks: true, Gated: true, Array: true,
		Rests: []diagnose.Class{diagnose.ClassDestroy},
		Needs: []string{needSame, needDetached, needUndo},
		Do:    doDestroy, Confirm: confirmDestroyed, Seen: evidence.AnewArray, Undo: UndoRecover,
		Say:    func(p Plan, s Step) string { return "destroy " + p.Object + withSnapshots(s) + recoverable(p) },
		Manual: func(p Plan, _ Step) []string { return []string{"purevol destroy " + words.Shell(p.Object)} },
	},
	{
		Kind: StepDestroySnapshot, Title: "destroy the snapshot", Asks: true, Gated: true, Array: true,
		Rests: []diagnose.Class{diagnose.ClassSnapshot},
		Needs: []string{needSame, needUndo},
		Do:    doDestroySnapshot, Confirm: confirmDestroyed, Undo: UndoRecover,
		Say:    func(p Plan, _ Step) string { return "destroy the snapshot " + p.Object + recoverable(p) },
		Manual: func(p Plan, _ Step) []string { return []string{"purevol destroy " + words.Shell(p.Object)} },
	},
	{
		Kind: StepRemoveStale, Title: "remove dead devices on a host", Asks: true, Gated: true, Final: true, Devices: true,
		Rests: []diagnose.Class{diagnose.ClassHost},
		Needs: []string{needMachine},
		// The host itself refuses unless the volume is gone, destroyed or not
		// connected to it: such a device reads and writes nothing, and a scan
		// brings it back as soon as there is something behind it.
		Do: doRemoveStale, Confirm: confirmNoDevice, Undo: UndoDead,
		Say: func(_ Plan, s Step) string {
			return fmt.Sprintf("on %s: remove %s, which no volume is behind; the array is not touched", s.Member, devicesNamed(s.Devices))
		},
		Manual: func(p Plan, s Step) []string {
			var all []string
			for _, name := range s.Devices {
				if strings.HasPrefix(name, "map ") {
					all = append(all, "multipath -f "+words.Shell(p.Serial.WWID()))
				}
			}
			return append(all, deletions(s)...)
		},
	},
	{
		Kind: StepEndWaiting, Title: "end the I/O that waits in a map", Asks: true, Gated: true, Devices: true,
		Rests: []diagnose.Class{diagnose.ClassWaiting},
		Needs: []string{needMachine, needTyped},
		Do:    doFree, Confirm: confirmNotQueueing, Undo: UndoNever,
		Say: func(p Plan, s Step) string {
			return fmt.Sprintf("on %s: let what waits in map %s fail, and in no other; it ends I/O that waits: readers and writers get an error; data not yet written is lost", s.Member, p.Object)
		},
		Manual: func(p Plan, _ Step) []string {
			return []string{"multipathd disablequeueing map " + words.Shell(p.Object)}
		},
	},
	{
		Kind: StepDeleteHost, Title: "delete an array host", Asks: true, Gated: true, Array: true,
		Rests: []diagnose.Class{diagnose.ClassArrayHost},
		Needs: []string{needTyped},
		Do:    doDeleteHost, Confirm: confirmNoHost, Undo: UndoNever,
		Say: func(p Plan, _ Step) string {
			return "delete array host " + p.Object + "; LXD makes it again when it needs it"
		},
		Manual: func(_ Plan, s Step) []string { return []string{"purehost delete " + words.Shell(s.HostObject)} },
	},
	{
		Kind: StepVerify, Title: "verify by reading again", Final: true, Repeat: true,
		Do:  doVerify,
		Say: func(Plan, Step) string { return "read everything again and verify" },
		Manual: func(p Plan, _ Step) []string {
			if p.Class == diagnose.ClassDestroy && !p.Keeps || p.Class == diagnose.ClassSnapshot {
				return []string{"purevol list --pending-only " + words.Shell(p.Object), "pureclean verify --volume " + words.Shell(p.Object)}
			}
			return []string{"pureclean scan"}
		},
	},
}

// Irrevocable reports a kind of step that nothing takes back: --yes does not
// answer for it, the object's name does. What is not in a table is one.
func Irrevocable(kind string) bool {
	for _, table := range [][]StepType{Steps, undoSteps, eradicateSteps} {
		if found, ok := stepTypeOf(table, kind); ok {
			return found.Undo == UndoNever
		}
	}
	return true
}

// stepTypeOf finds a kind of step in a table.
func stepTypeOf(table []StepType, kind string) (StepType, bool) {
	if found := evidence.Find(table, func(t *StepType) bool { return t.Kind == kind }); found != nil {
		return *found, true
	}
	return StepType{}, false
}

// identities are what the WWN of a device of the volume holds: of a SCSI path
// its serial, of a namespace the EUI, which has the serial in two parts.
func identities(p Plan) string {
	all := "-e " + words.Shell(strings.ToLower(string(p.Serial)))
	if eui := p.Serial.EUI(); eui != "" {
		all += " -e " + words.Shell(eui)
	}
	return all
}

func devicesNamed(names []string) string {
	if len(names) == 0 {
		return "its devices"
	}
	return strings.Join(names, ", ")
}

// mayHaveMap reports a step that removes a map, if there is one: what was not
// seen when the plan was made may be there when it is carried out.
func mayHaveMap(s Step) bool {
	return len(s.Devices) == 0 || slices.ContainsFunc(s.Devices, func(name string) bool { return strings.HasPrefix(name, "map ") })
}

func disksOf(s Step) []string {
	var disks []string
	for _, name := range s.Devices {
		if disk, ok := strings.CutPrefix(name, "path "); ok {
			disks = append(disks, disk)
		}
	}
	return disks
}

func deletions(s Step) []string {
	all := []string{}
	for _, disk := range disksOf(s) {
		all = append(all, "echo 1 > /sys/block/"+disk+"/device/delete")
	}
	if len(all) == 0 {
		all = append(all, "# nothing is known to be there; look with lsblk and multipath -ll")
	}
	return all
}

// withSnapshots names what the array destroys together with a volume.
func withSnapshots(s Step) string {
	switch s.Snapshots {
	case 0:
		return ""
	case 1:
		return " with its snapshot"
	}
	return fmt.Sprintf(" with its %d snapshots", s.Snapshots)
}

func recoverable(p Plan) string {
	if p.UndoFor <= 0 {
		return ""
	}
	return " (recoverable for " + words.Span(p.UndoFor) + ")"
}

// The confirmations.

func confirmReleased(s subject, step Step) (evidence.Answer, string) {
	g, ok := devicesOn(s.world, s.serial, step.Member)
	if !ok {
		return evidence.Unknown, step.Member + " was not read"
	}
	if why := g.doubt(); why != "" {
		return evidence.Unknown, why
	}
	if len(g.maps) > 0 {
		return evidence.No, "map " + g.maps[0].Name + " is there"
	}
	for _, d := range g.disks {
		if d.State != "offline" {
			return evidence.No, d.Name + " is " + d.State
		}
	}
	return evidence.Yes, "no map, and no path that could be used"
}

func confirmDisconnected(s subject, step Step) (evidence.Answer, string) {
	a, v := s.at(step)
	switch {
	case a == nil || a.Trouble != "":
		return evidence.Unknown, "the array was not read"
	case !a.Connections.IsComplete():
		return evidence.Unknown, "the array's connections are not all known: " + a.Connections.Why()
	case v == nil:
		return evidence.Unknown, "the array does not list the volume"
	}
	rows := rowsAt(a, v)
	for _, row := range rows {
		if strings.EqualFold(row.Host, step.HostObject) {
			return evidence.No, "the array connects it to " + row.Host + step.on()
		}
	}
	if len(rows) == 0 && !v.ConnectionCount.IsZero() {
		return evidence.Unknown, fmt.Sprintf("the array lists no connection and counts %s", v.ConnectionCount)
	}
	return evidence.Yes, "the array does not connect it to " + step.HostObject + step.on()
}

// on names the array of a step that is not done on the plan's.
func (s Step) on() string {
	if s.ArrayID == "" {
		return ""
	}
	return " on " + cmp.Or(s.Array, s.ArrayID)
}

// there are commands for the array of a step.
func (s Step) there(commands ...string) []string {
	if s.ArrayID == "" {
		return commands
	}
	return append([]string{"# on the array " + cmp.Or(s.Array, s.ArrayID) + ":"}, commands...)
}

func confirmNoDevice(s subject, step Step) (evidence.Answer, string) {
	g, ok := devicesOn(s.world, s.serial, step.Member)
	if !ok {
		return evidence.Unknown, step.Member + " was not read"
	}
	if !g.empty() {
		return evidence.No, step.Member + " has " + devicesNamed(g.names())
	}
	if why := g.doubt(); why != "" {
		return evidence.Unknown, why
	}
	return evidence.Yes, "no device of it on " + step.Member
}

func confirmDestroyed(s subject, _ Step) (evidence.Answer, string) {
	if s.array == nil || s.array.Trouble != "" {
		return evidence.Unknown, "the array was not read"
	}
	if why := s.unreadCopies(); s.volume != nil && s.volume.Destroyed.Is() && why != "" {
		return evidence.Unknown, why
	}
	if there := liveElsewhere(s); there != "" && (s.volume == nil || s.volume.Destroyed.Is()) {
		return evidence.Unknown, "it is not destroyed on " + there
	}
	switch {
	case s.volume != nil:
		return s.volume.Destroyed, "destroyed: " + s.volume.Destroyed.String()
	case s.snapshot != nil:
		return s.snapshot.Destroyed, "destroyed: " + s.snapshot.Destroyed.String()
	}
	switch other, why := s.outside(); {
	case other != nil:
		return other.Destroyed, "it is " + other.Name + " now, outside of LXD's pods; destroyed: " + other.Destroyed.String()
	case why != "":
		return evidence.Unknown, why
	}
	return evidence.Yes, "it is no longer on the array"
}

func confirmNoHost(s subject, step Step) (evidence.Answer, string) {
	if s.array == nil || s.array.Trouble != "" {
		return evidence.Unknown, "the array was not read"
	}
	for _, h := range s.array.Hosts.Items {
		if strings.EqualFold(h.Name, step.HostObject) {
			return evidence.No, "the array host is there"
		}
	}
	if !s.array.Hosts.IsComplete() {
		return evidence.Unknown, "the array's hosts are not all known: " + s.array.Hosts.Why()
	}
	return evidence.Yes, "the array has no such array host"
}

func confirmNotQueueing(s subject, step Step) (evidence.Answer, string) {
	g, ok := devicesOn(s.world, s.serial, step.Member)
	if !ok {
		return evidence.Unknown, step.Member + " was not read"
	}
	if why := g.doubt(); why != "" {
		return evidence.Unknown, why
	}
	for _, m := range g.maps {
		switch {
		case m.Queueing.Is():
			return evidence.No, "map " + m.Name + " queues I/O"
		case !m.Queueing.IsNot():
			return evidence.Unknown, "whether map " + m.Name + " queues is not known"
		}
	}
	return evidence.Yes, "no map of it on " + step.Member + " queues I/O"
}

// expect says for the Releaser what the array says of the volume and a host.
func expect(s subject, member string) release.Expect {
	for _, row := range s.rows {
		// An array host that can't be told counts as this machine.
		if owner := s.member(row); owner == member || owner == "" {
			return release.Expect{StillConnected: true}
		}
	}
	return release.Expect{}
}
