package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// bite is one gate and a history that it alone keeps from doing harm.
type bite struct {
	gate string
	// story is what happened. tale lets it happen and returns the array's
	// name of what must be kept and looks like a leftover.
	story   string
	options simulator.Options
	tale    func(*table) string
	// code is that of the finding; leaked-volume when empty.
	code string
	// coveredBy says why there is no such history: what else always stands
	// in front of it. If it has a tale all the same, the gate is taken away
	// in it, and what covers it must refuse.
	coveredBy string
	// with are those that cover it, if they can be taken away, too: then
	// there must be harm.
	with []string
	// harms replaces the question whether the object was destroyed or cut
	// off.
	harms func(b *table, object string) bool
}

// table is what a tale works on.
type table struct {
	*kit
	tools Tools
	ask   func(n int)
	// then replaces the run, for what is no run of a plan.
	then func(Tools) (Result, error)
}

// evidence lets a tale change what the witnesses say.
func (b *table) evidence(change func(*evidence.World)) {
	look := b.tools.Look
	b.tools.Look = func(ctx context.Context, about evidence.Scope) (evidence.World, error) {
		w, err := look(ctx, about)
		if err == nil {
			change(&w)
		}
		return w, err
	}
}

func (b *table) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// imported is a volume in LXD's naming that somebody made by hand to bring
// it into LXD, as "lxd recover" would; no record says whose it is, and no trail.
func (b *table) imported(n int) string {
	b.t.Helper()
	name := fmt.Sprintf("%s::u-%032x", b.world.Pool(), 0xfeed00+n)
	_, err := b.world.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{})
	b.ok(err)
	b.keepsTrail()
	b.world.Keep(name)
	return name
}

// keepsTrail has the array keep its audit trail from us, which would say whose a
// volume is, and stand in front of most gates.
func (b *table) keepsTrail() {
	b.world.Array.Inject(array.Fault{Method: "GET", Path: "/audits", Kind: array.Forbidden})
}

// records gives the pool n records and their volumes.
func (b *table) records(n int) {
	b.t.Helper()
	for i := range n {
		b.ok(b.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: b.world.Pool(), Name: fmt.Sprintf("kept%d", i), Bytes: simulator.Small}))
	}
}

func (b *table) old() { b.world.Age(30 * time.Hour) }

// snapshot is one of LXD's naming without a record.
func (b *table) snapshot() string {
	b.t.Helper()
	b.records(1)
	name, err := b.world.ArrayName(b.world.Pool(), evidence.TypeCustom, "kept0")
	b.ok(err)
	full, err := b.world.Array.CreateSnapshot(name, fmt.Sprintf("su-%032x", 0xfeed))
	b.ok(err)
	b.old()
	return full
}

func withRecordsAnd(change func(b *table, volume string)) func(*table) string {
	return func(b *table) string {
		b.records(1)
		volume := b.imported(0)
		b.old()
		if change != nil {
			change(b, volume)
		}
		return volume
	}
}

var bites = []bite{
	{gate: "array-identity", story: "the gateway's name leads to another site's array, whose pods have the same names", tale: withRecordsAnd(func(b *table, _ string) {
		b.tools.Policy.Pins = map[string]string{b.world.Pool(): "00000000-0000-4000-8000-000000000000"}
	})},
	{gate: "pod-ownership", story: "another LXD has attached the pod, runs an instance from it, and keeps a volume that nothing uses", tale: func(b *table) string {
		b.records(1)
		other, err := b.world.AddOther("edge01", b.world.Pool())
		b.ok(err)
		b.ok(other.Launch(lxd.InstanceSpec{Name: "kiosk", Pool: b.world.Pool()}))
		b.ok(other.CreateVolume(lxd.VolumeSpec{Pool: b.world.Pool(), Name: "theirs", Bytes: simulator.Small}))
		b.keepsTrail()
		b.old()
		for _, v := range other.Volumes() {
			if v.Name == "theirs" {
				return lxd.ArrayNames(v, lxd.Volume{})[0]
			}
		}
		return ""
	}},
	{gate: "lists-complete", coveredBy: "no-record, not-expected, not-protected and connections-ours, each of which asks whether the lists it reads are whole", with: []string{"no-record", "not-expected"}, tale: withRecordsAnd(func(b *table, _ string) {
		b.evidence(func(w *evidence.World) { w.LXD.Records = w.LXD.Records.Doubt("a page was refused") })
	})},
	{gate: "lxd-sees-all", coveredBy: "no-record, which asks the same", with: []string{"no-record"}, tale: withRecordsAnd(func(b *table, _ string) {
		b.evidence(func(w *evidence.World) { w.LXD.SeesAll = evidence.No })
	})},
	{gate: "records-not-empty", story: "LXD's database was lost, and the pool is small", tale: func(b *table) string {
		volume := b.imported(0)
		b.imported(1)
		b.old()
		return volume
	}},
	{gate: "read-order", coveredBy: "fresh-look: what LXD said two hours ago, before it made the volume, is too old for any change", with: []string{needFresh}, tale: func(b *table) string {
		b.records(1)
		before, err := b.kit.look(context.Background(), evidence.Scope{})
		b.ok(err)
		b.records2("new")
		b.world.Age(2 * time.Hour)
		b.evidence(func(w *evidence.World) { w.LXD = before.LXD })
		name, err := b.world.ArrayName(b.world.Pool(), evidence.TypeCustom, "new")
		b.ok(err)
		return name
	}},
	{gate: "members-online", story: "a member that can't be reached is in the middle of something, and the snapshot is its", code: "leaked-snapshot", tale: func(b *table) string {
		name := b.snapshot()
		b.evidence(func(w *evidence.World) {
			w.LXD.Members = evidence.Complete(append(slices.Clone(w.LXD.Members.Items), evidence.Member{Name: "lxd02", Status: "Offline", Online: evidence.No}))
		})
		return name
	}},
	{gate: "no-operation", story: "LXD has been busy for a day with what has no record yet", tale: withRecordsAnd(func(b *table, _ string) {
		_, err := b.world.LXD.StartOperation("", "task", "Creating instance", "")
		b.ok(err)
	})},
	{gate: "no-record", story: "LXD has a record with its uuid, of another type, whose volume is there: somebody copied it on the array", tale: withRecordsAnd(func(b *table, volume string) {
		_, err := b.world.Array.CreateVolume(strings.Replace(volume, "::u-", "::c-", 1), 1<<30, array.VolumeOptions{})
		b.ok(err)
		b.world.LXD.PutVolume(lxd.Volume{
			Pool: b.world.Pool(), Type: evidence.TypeContainer, Content: evidence.ContentFilesystem, Name: "moved",
			Config: map[string]string{"volatile.uuid": uuidOf(volume)},
		})
		b.world.LXD.PutInstance(lxd.Instance{Project: "default", Name: "moved", Type: evidence.TypeContainer, Member: b.world.LXD.Name, Devices: map[string]map[string]string{
			"root": {"type": "disk", "path": "/", "pool": b.world.Pool()},
		}})
	})},
	{gate: "not-expected", coveredBy: "the finding: a volume that LXD expects somewhere is no stale connection there and no leftover copy", code: "stale-connection", tale: func(b *table) string {
		volume := b.scenario("killed-while-waiting-iscsi")
		b.ask = func(int) {
			b.world.LXD.PutInstance(lxd.Instance{Project: "default", Name: "web9", Type: evidence.TypeContainer, Member: b.world.LXD.Name, Running: true, Devices: map[string]map[string]string{
				"data": {"type": "disk", "path": "/srv", "pool": b.world.Pool(), "source": "data"},
			}})
		}
		return volume
	}},
	{gate: "original-kept", coveredBy: "Plan.Keeps: a copy of a snapshot that LXD has a record of is disconnected and never destroyed"},
	{gate: "explained", story: "an earlier run saw LXD's record of the snapshot, and the database was restored since", code: "leaked-snapshot", tale: func(b *table) string {
		name := b.snapshot()
		world, _ := b.scan()
		for _, s := range world.Arrays[0].Snapshots.Items {
			if s.Name == name {
				b.world.Seen = append(b.world.Seen, evidence.Sighting{ArrayID: b.world.Array.ID(), VolumeID: s.ID, Recorded: b.world.Clock.Now().Add(-time.Hour)})
			}
		}
		return name
	}},
	{gate: "old-enough", story: "somebody made it minutes ago to bring it into LXD", tale: func(b *table) string {
		b.records(1)
		volume := b.imported(0)
		b.world.Age(10 * time.Minute)
		return volume
	}},
	{gate: "seen-before", story: "the same, two days ago, and a batch passes by", tale: withRecordsAnd(func(b *table, _ string) {
		b.tools.Policy.Batch = true
	})},
	{gate: "ordinary", story: "it is the copy of a volume elsewhere", tale: withRecordsAnd(func(b *table, volume string) {
		b.evidence(func(w *evidence.World) {
			for i := range w.Arrays[0].Volumes.Items {
				if v := &w.Arrays[0].Volumes.Items[i]; v.Name == volume {
					v.Promotion = "demoted"
				}
			}
		})
	})},
	{gate: "not-protected", story: "somebody snapshots it, and would not if it were nobody's", tale: withRecordsAnd(func(b *table, volume string) {
		_, err := b.world.Array.CreateSnapshot(volume, "before-audit")
		b.ok(err)
	})},
	{gate: "connections-ours", coveredBy: "pod-ownership, machine and no-host-group; and what only strangers have is no leak", tale: withRecordsAnd(func(b *table, volume string) {
		b.ok(b.world.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: b.world.Pool(), Image: simulator.Image}))
		b.ok(b.world.Array.Connect(b.hostObject(), volume, 0))
		b.old()
		b.ok(b.world.Array.CreateHost("backup01", []string{"iqn.1994-05.com.redhat:backup01"}, nil, nil))
		b.ok(b.world.Array.Connect("backup01", volume, 0))
	})},
	{gate: "not-connected", coveredBy: "the finding: a device to which the array connects the host is no stale one; and the device's own answer", options: simulator.Options{LXDVersion: "6.3"}, code: "ghost-path", tale: func(b *table) string {
		// A volume that is in use elsewhere was cut off here by hand, and is
		// connected again while the operator thinks.
		b.scenario("device-too-late-iscsi")
		v := b.leftVolume()
		b.world.Keep(v.Name)
		b.ok(b.world.Array.Disconnect(b.hostObject(), v.Name))
		b.ask = func(int) { b.ok(b.world.Array.Connect(b.hostObject(), v.Name, 0)) }
		return b.finding("ghost-path").Object
	}, harms: func(b *table, _ string) bool { return len(b.world.Hosts[0].DevicesOf(b.leftVolume().Serial)) == 0 }},
	{gate: "hosts-answered", story: "another member, whose devices nobody has read, uses it, though its connection was cut by hand", options: simulator.Options{Members: 2}, tale: func(b *table) string {
		b.records(1)
		second := b.world.LXD.Members()[1]
		b.ok(second.Launch(lxd.InstanceSpec{Name: "web1", Pool: b.world.Pool(), Image: simulator.Image}))
		volume := b.imported(0)
		object := ""
		for _, h := range b.world.Array.Hosts() {
			if slices.Contains(h.IQNs, b.world.Hosts[1].IQN()) {
				object = h.Name
			}
		}
		b.ok(b.world.Array.Connect(object, volume, 0))
		b.world.Hosts[1].Rescan()
		v, _ := b.world.Array.Volume(volume)
		b.ok(b.world.Hosts[1].Open(v.Serial, "dd", rescuer))
		b.ok(b.world.Array.Disconnect(object, volume))
		b.ok(second.StopInstance("", "web1"))
		b.ok(second.DeleteInstance("", "web1"))
		b.old()
		return volume
	}},
	{gate: "not-in-use", coveredBy: "the devices' own proof right before each write, and the confirmation that nothing is left", tale: func(b *table) string {
		return b.held()
	}},
	{gate: "no-io", story: "the array measures I/O, though no host here shows a user", tale: withRecordsAnd(func(b *table, volume string) {
		b.ok(b.world.Array.SetIO(volume, 100, 100))
		b.world.Age(10 * time.Minute)
	})},
	{gate: "path-identity", coveredBy: "not-in-use, and the devices' own proof: each path is asked again right before it is written to", options: simulator.Options{LXDVersion: "6.3"}, tale: func(b *table) string {
		b.scenario("lun-reused")
		v := b.leftVolume()
		b.world.Keep(v.Name)
		return v.Name
	}},
	{gate: "name-identity", story: "udev's name of another volume leads to its disk, and LXD takes its disks by these names", options: simulator.Options{LXDVersion: "6.3"}, tale: func(b *table) string {
		b.scenario("names-left")
		for _, c := range b.world.Array.Connections() {
			if !b.world.Recorded(c.Volume) {
				b.world.Keep(c.Volume)
				return c.Volume
			}
		}
		return ""
	}},
	{gate: "share", story: "LXD's database was restored from before these volumes were made", tale: func(b *table) string {
		b.records(1)
		volume := b.imported(0)
		for i := range 7 {
			b.imported(1 + i)
		}
		b.old()
		return volume
	}},

	{gate: needSame, coveredBy: "the finding and the plan's digest, which are by id, name and serial", tale: withRecordsAnd(func(b *table, volume string) {
		b.ask = func(int) {
			// Another volume of this name takes its place.
			b.ok(b.world.Array.DestroyVolume(volume))
			b.ok(b.world.Array.Eradicate(volume))
			_, err := b.world.Array.CreateVolume(volume, simulator.Small, array.VolumeOptions{})
			b.ok(err)
			b.old()
		}
	})},
	{gate: needMachine, coveredBy: "there is nothing that could write to a machine that is not given", options: simulator.Options{Members: 2}, tale: func(b *table) string {
		b.ok(b.world.LXD.Members()[1].Launch(lxd.InstanceSpec{Name: "web1", Pool: b.world.Pool(), Image: simulator.Image}))
		volume := b.imported(0)
		b.ok(b.world.Array.Connect("lxd02-iscsi", volume, 0))
		b.world.Hosts[1].Rescan()
		b.old()
		b.everyHost(&b.tools)
		b.tools.Machine = func(member string) (Machine, bool) {
			m, ok := b.kit.machine(member)
			return m, ok && member == "lxd01"
		}
		return volume
	}},
	{gate: needNoGroup, coveredBy: "connections-ours; and pure.Writer can't name a host group", with: []string{"connections-ours", "pod-ownership", needMachine}, tale: func(b *table) string {
		volume := b.connected()
		b.ask = func(n int) {
			if n == 1 {
				b.ok(b.world.Array.CreateHost("esx1", []string{"iqn.1998-01.com.vmware:esx1"}, nil, nil))
				b.ok(b.world.Array.CreateHostGroup("esx", "esx1"))
				b.ok(b.world.Array.Connect("esx", volume, 0))
			}
		}
		return volume
	}, harms: func(b *table, volume string) bool {
		return !slices.ContainsFunc(b.world.Array.Connections(), func(c array.Connection) bool { return c.Volume == volume && c.Host == b.hostObject() })
	}},
	{gate: needStill, story: "a virtual machine runs on the second member, and something that nothing shows reads its disk on the first", code: "stale-connection", options: simulator.Options{Members: 3}, tale: func(b *table) string {
		b.scenario("member-migrated-iscsi")
		volume, err := b.world.ArrayName(b.world.Pool(), evidence.TypeVM, "vm1")
		b.ok(err)
		b.everyHost(&b.tools)
		v, _ := b.world.Array.Volume(volume)
		sleep := b.tools.Sleep
		b.tools.Sleep = func(ctx context.Context, d time.Duration) error {
			_ = b.world.Hosts[0].Write(v.Serial, 1) // perhaps its device has gone
			return sleep(ctx, d)
		}
		return volume
	}},
	{gate: needReleased, story: "somebody sets its paths running again while the operator thinks", tale: func(b *table) string {
		volume := b.connected()
		b.ask = func(n int) {
			if n != 2 {
				return
			}
			world, err := b.kit.look(context.Background(), evidence.Scope{})
			b.ok(err)
			v, _ := b.world.Array.Volume(volume)
			for _, d := range world.Hosts[0].Disks.Items {
				if string(d.Serial) == v.Serial {
					b.ok(b.world.Hosts[0].OnlinePath(d.Name))
				}
			}
		}
		return volume
	}},
	{gate: needCut, coveredBy: "detached; and release.Releaser refuses to delete paths while the array connects them", tale: func(b *table) string {
		volume := b.connected()
		b.tools.Report = func(e Event) {
			if e.Phase == Begins && e.Step.Kind == StepClear {
				b.ok(b.world.Array.Connect(b.hostObject(), volume, 0))
			}
		}
		return volume
	}},
	{gate: needDetached, story: "somebody connects it again while the operator thinks, to an array that destroys what is connected", options: simulator.Options{Unverified: array.Unverified{AllowDestroyConnected: true}}, tale: func(b *table) string {
		b.ok(b.world.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: b.world.Pool(), Image: simulator.Image}))
		volume := b.imported(0)
		b.old()
		b.ask = func(int) { b.ok(b.world.Array.Connect(b.hostObject(), volume, 0)) }
		return volume
	}},
	{gate: needUndo, story: "the array keeps what is destroyed for a minute", tale: withRecordsAnd(func(b *table, _ string) {
		b.world.Array.SetEradicationDelay(time.Minute)
	})},
	{gate: "object-ours", story: "another program's machine is named as LXD names its own, and is switched off", code: codeIdleHost, tale: func(b *table) string {
		b.scenario("host-not-deleted-iscsi")
		b.ok(b.world.Array.CreateHost("oracle-prod-iscsi", []string{"iqn.1988-12.com.oracle:prod"}, nil, nil))
		return b.typed("oracle-prod-iscsi")
	}, harms: hostGone},
	{gate: "object-idle", story: "somebody is logged in and has no volume yet", code: codeIdleHost, tale: func(b *table) string {
		b.scenario("host-not-deleted-iscsi")
		b.typed("lxd01-iscsi")
		b.ok(b.world.Array.SetConnectivity("lxd01-iscsi", "healthy", "Redundant"))
		return "lxd01-iscsi"
	}, harms: hostGone},
	{gate: "object-plain", story: "somebody has set secrets for CHAP on it, which nothing brings back", code: codeIdleHost, tale: func(b *table) string {
		b.scenario("host-not-deleted-iscsi")
		b.evidence(func(w *evidence.World) {
			for i := range w.Arrays[0].Hosts.Items {
				w.Arrays[0].Hosts.Items[i].CHAP = evidence.Yes
			}
		})
		return b.typed("lxd01-iscsi")
	}, harms: hostGone},
	{gate: "asked-for", story: "a batch comes by", code: codeIdleHost, tale: func(b *table) string {
		b.scenario("host-not-deleted-iscsi")
		b.tools.Policy.Batch = true
		return b.typed("lxd01-iscsi")
	}, harms: hostGone},
	{gate: "only-waits", coveredBy: "the machine itself, which asks the same right before (TestFreeRefuses of devices): what is mounted or open beside is refused there"},
	{gate: needTyped, story: "yes is the habit of a hand", code: codeIdleHost, tale: func(b *table) string {
		b.scenario("host-not-deleted-iscsi")
		b.typed("lxd01-iscsi")
		b.tools.Typed = ""
		return "lxd01-iscsi"
	}, harms: hostGone},
	{gate: needPending, story: "LXD has its record again, and the operator wants the space back", tale: withRecordsAnd(func(b *table, volume string) {
		_, err := b.tools.Run(context.Background(), b.plan("leaked-volume"))
		b.ok(err)
		b.world.LXD.PutVolume(lxd.Volume{
			Pool: b.world.Pool(), Type: evidence.TypeCustom, Content: evidence.ContentFilesystem, Name: "back",
			Config: map[string]string{"volatile.uuid": uuidOf(volume)},
		})
		b.then = func(t Tools) (Result, error) { return t.Eradicate(context.Background(), volume, volume) }
	})},
	{gate: needFresh, story: "a member takes most of a minute to answer, and what LXD said by then was before somebody began to use it", tale: withRecordsAnd(func(b *table, _ string) {
		slow(b.kit, &b.tools, 40*time.Second)
	})},
	{gate: needUndoable, story: "another volume takes its name while the operator thinks about connecting it again", tale: func(b *table) string {
		volume := b.connected()
		result, err := b.tools.Run(context.Background(), b.plan("leaked-volume"))
		b.ok(err)
		b.ask = func(n int) {
			if n == 2 {
				b.ok(b.world.Array.DestroyVolume(volume))
				b.ok(b.world.Array.Eradicate(volume))
				b.imported(0)
			}
		}
		b.then = func(t Tools) (Result, error) { return t.Undo(context.Background(), result.Run) }
		return volume
	}, harms: func(b *table, volume string) bool { return b.connections(volume) > 0 }},
	{gate: needNumber, story: "the volume of a running container was cut off by hand, and its dead path has the lowest number that is free", tale: func(b *table) string {
		volume := b.connected()
		root, err := b.world.ArrayName(b.world.Pool(), evidence.TypeContainer, "web1")
		b.ok(err)
		number := 0
		for _, c := range b.world.Array.Connections() {
			if c.Volume == volume {
				number = c.LUN
			}
		}
		result, err := b.tools.Run(context.Background(), b.plan("leaked-volume"))
		b.ok(err)
		// Its own number was given to another meanwhile, so the array chooses.
		b.ok(b.world.Array.Connect("lxd01-iscsi", b.imported(1), number))
		b.ok(b.world.Array.Disconnect("lxd01-iscsi", root))
		b.then = func(t Tools) (Result, error) { return t.Undo(context.Background(), result.Run) }
		return volume
	}, harms: func(b *table, volume string) bool {
		v, _ := b.world.Array.Volume(volume)
		look, err := b.look(context.Background(), evidence.Scope{})
		b.ok(err)
		return slices.ContainsFunc(look.Hosts[0].Disks.Items, func(d evidence.Disk) bool {
			return d.Live.Serial == evidence.Serial(v.Serial) && d.Serial != d.Live.Serial
		})
	}},
}

const codeIdleHost = "idle-host"

// typed is an array host as which nobody is logged in, and whose name the
// operator types.
func (b *table) typed(host string) string {
	b.t.Helper()
	b.ok(b.world.Array.SetConnectivity(host, "critical", "None"))
	b.tools.Typed = host
	return host
}

func hostGone(b *table, object string) bool {
	return !slices.ContainsFunc(b.world.Array.Hosts(), func(h array.Host) bool { return h.Name == object })
}

func (b *table) records2(name string) {
	b.t.Helper()
	b.ok(b.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: b.world.Pool(), Name: name, Bytes: simulator.Small}))
}

// scenario lets one of the simulator's happen here, and returns the array's
// name of the volume data, if that is recorded.
func (b *table) scenario(name string) string {
	b.t.Helper()
	s, ok := simulator.Find(name)
	if !ok {
		b.t.Fatalf("there is no scenario %s", name)
	}
	b.ok(s.In(b.world))
	b.old()
	volume, _ := b.world.ArrayName(b.world.Pool(), evidence.TypeCustom, "data")
	return volume
}

// leftVolume is the volume that no record says anything of.
func (b *table) leftVolume() array.Volume {
	b.t.Helper()
	f := b.finding("leaked-volume")
	v, ok := b.world.Array.Volume(f.Object)
	if !ok {
		b.t.Fatalf("there is no %s", f.Object)
	}
	return v
}

// connected is a volume without a record that is connected to this machine,
// with its paths there.
func (b *table) connected() string {
	b.t.Helper()
	b.ok(b.world.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: b.world.Pool(), Image: simulator.Image}))
	volume := b.imported(0)
	b.ok(b.world.Array.Connect(b.hostObject(), volume, 0))
	b.world.Hosts[0].Rescan()
	b.old()
	return volume
}

// held is a volume without a record that a process has open.
func (b *table) held() string {
	b.t.Helper()
	b.ok(b.world.LXD.Launch(lxd.InstanceSpec{Name: "web1", Pool: b.world.Pool(), Image: simulator.Image}))
	volume := b.imported(0)
	b.ok(b.world.Array.Connect(b.hostObject(), volume, 0))
	b.world.Hosts[0].Rescan()
	v, _ := b.world.Array.Volume(volume)
	b.ok(b.world.Hosts[0].Open(v.Serial, "dd", rescuer))
	b.old()
	return volume
}

// gone reports that what must be kept was destroyed, or can't come back, or
// lost a connection that it had.
func (b *table) gone(object string, connections int) bool {
	world, err := b.kit.look(context.Background(), evidence.Scope{})
	b.ok(err)
	for _, s := range world.Arrays[0].Snapshots.Items {
		if s.Name == object {
			return s.Destroyed.Is()
		}
	}
	if b.then != nil {
		_, there := b.volume(object)
		return !there
	}
	destroyed, there := b.volume(object)
	return destroyed || !there || b.connections(object) < connections
}

// play lets a history happen, runs what looks right, and says whether it did
// harm and what refused.
func (e bite) play(t *testing.T, removed map[string]bool) (harm bool, refused string) {
	t.Helper()
	w := worlds.New(t, e.options)
	b := &table{kit: kitOf(t, w)}
	b.tools = b.kit.tools()
	object := e.tale(b)
	if !strings.Contains(object, ".") && b.then == nil && !w.Live(object) {
		t.Fatalf("%q is not live: it would prove nothing", object)
	}
	connections := b.connections(object)
	if b.ask != nil {
		n := 0
		b.tools.Ask = func(context.Context, Question) (Reply, error) {
			n++
			b.ask(n)
			return Yes, nil
		}
	}
	tools := without(b.tools, removed)
	gone := func() bool {
		if e.harms != nil {
			return e.harms(b, object)
		}
		return b.gone(object, connections)
	}
	if b.then != nil {
		result, err := b.then(tools)
		return gone(), fmt.Sprint(result.Gate, " ", err)
	}
	world, err := tools.Look(context.Background(), evidence.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	code := e.code
	if code == "" {
		code = "leaked-volume"
	}
	for _, f := range diagnose.Judge(world, tools.Policy).Findings {
		if f.Object == object && f.Code == code {
			p, err := NewPlan(world, tools.Policy, f, b.world.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			result, err := tools.Run(context.Background(), p)
			return gone(), fmt.Sprint(result.Gate, " ", err)
		}
	}
	return gone(), "no finding"
}

// TestEveryGateBites takes each gate and each condition away, one at a time,
// and shows a history that then destroys what must be kept. A gate without
// one must say what covers it. A new gate without an entry fails.
func TestEveryGateBites(t *testing.T) {
	declared := map[string]bool{}
	for _, g := range diagnose.Gates {
		declared[g.Name] = true
	}
	for _, n := range Needs {
		declared[n.Name] = true
	}
	declared[needFresh] = true
	biting, covered := 0, 0
	for _, e := range bites {
		if !declared[e.gate] {
			t.Errorf("%s is no gate, or is twice in the table", e.gate)
		}
		delete(declared, e.gate)
		if e.coveredBy != "" {
			covered++
		} else {
			biting++
		}
		if e.tale == nil {
			continue
		}
		t.Run(e.gate, func(t *testing.T) {
			t.Parallel()
			harm, refused := e.play(t, nil)
			if harm || refused == "no finding" || (e.coveredBy == "" && !strings.HasPrefix(refused, e.gate+" ")) {
				t.Errorf("with all gates: harm %v, refused by %s", harm, refused)
			}
			harm, refused = e.play(t, map[string]bool{e.gate: true})
			switch {
			case e.coveredBy == "" && !harm:
				t.Errorf("without it no harm was done: %s", refused)
			case e.coveredBy != "" && harm:
				t.Errorf("without it harm was done, so it is not covered by %s", e.coveredBy)
			}
			if e.with == nil {
				return
			}
			removed := map[string]bool{e.gate: true}
			for _, other := range e.with {
				removed[other] = true
			}
			if harm, refused = e.play(t, removed); !harm {
				t.Errorf("without it and %v no harm was done: %s", e.with, refused)
			}
		})
	}
	for gate := range declared {
		t.Errorf("gate %s has no history in which it bites, and no reason why not", gate)
	}
	t.Logf("%d gates and conditions bite; %d are covered by others", biting, covered)
}
