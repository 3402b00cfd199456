package simulator

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

const demoSpan = 6 * 24 * time.Hour

// Demo builds a small company's world with every kind of leftover in it. It
// began six days ago, and its clock now stands at this machine's time.
func Demo() (*World, error) { return DemoAt(time.Now()) }

// DemoAt is Demo with the world's clock at now when everything has happened.
func DemoAt(now time.Time) (*World, error) {
	w, err := New(Options{
		Transports: []string{evidence.ModeISCSI, evidence.ModeNVMeTCP}, LXDVersion: "6.3",
		Start: now.Add(-demoSpan).UTC().Truncate(time.Second), Seed: 20, VolumeBytes: 10 << 30,
	})
	if err != nil {
		return nil, err
	}
	d := &demo{World: w, block: PoolName(evidence.ModeISCSI), flash: PoolName(evidence.ModeNVMeTCP), ends: now}
	d.happen()
	if w.failed != nil {
		w.Close()
		return nil, fmt.Errorf("the demo: %w", w.failed)
	}
	return w, nil
}

// RunClock lets the world's clock go with this machine's until ctx ends.
func (w *World) RunClock(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			w.Clock.Advance(now.Sub(last))
			last = now
		}
	}
}

// demo is the world of Demo while it comes to be. block is its iSCSI pool and
// flash the one over NVMe.
type demo struct {
	*World
	block, flash string
	ends         time.Time
}

// until lets time pass until d before the end.
func (d *demo) until(before time.Duration) {
	d.Age(d.ends.Add(-before).Sub(d.Clock.Now()))
}

func (d *demo) happen() {
	d.everydayLife()
	d.until(5 * 24 * time.Hour)
	d.oldVersion()
	d.until(4 * 24 * time.Hour)
	d.images()
	d.arrayTrouble()
	d.until(28 * time.Hour)
	d.kills()
	d.until(9 * time.Hour)
	d.otherMachines()
	d.until(5 * time.Hour)
	d.restored()
	d.administrators()
	d.until(3 * time.Hour)
	d.lunNumbers()
	d.lastThings()
}

// make makes a custom volume, and makeFails is when LXD can't.
func (d *demo) make(pool, name string, gib int64) error {
	return d.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: name, Bytes: gib << 30})
}

func (d *demo) makeFails(pool, name string, gib int64) {
	d.mustFail(d.make(pool, name, gib), "creating "+name)
}

// custom makes a custom volume and fills some of it.
func (d *demo) custom(pool, name string, gib int64) {
	d.check(d.make(pool, name, gib))
	d.fill(pool, evidence.TypeCustom, name, gib<<30/3)
}

// fill sets what a recorded volume occupies on the array.
func (d *demo) fill(pool, kind, name string, bytes int64) {
	for _, n := range d.halves(pool, kind, name) {
		d.use(n, bytes)
	}
}

func (d *demo) use(name string, bytes int64) {
	v, _ := d.Array.Volume(name) // what is not there can't be set either
	d.check(d.Array.SetUsed(name, min(bytes, v.Provisioned/2)))
}

// fillNew sets what volumes without a record occupy that have nothing yet, and
// that a host has written to.
func (d *demo) fillNew(bytes int64) {
	for _, v := range d.unrecorded() {
		if v.Used == 0 && v.Written {
			d.use(v.Name, bytes)
		}
	}
}

// running starts an instance with custom volumes attached.
func (d *demo) running(pool, name, kind, image string, volumes ...string) {
	d.check(d.LXD.Launch(lxd.InstanceSpec{Name: name, Pool: pool, Type: kind, Image: image}))
	d.fill(pool, kind, name, 3<<30)
	for _, v := range volumes {
		path := ""
		if kind == evidence.TypeContainer {
			path = "/srv/" + v
		}
		d.check(d.LXD.AttachVolume("", name, v, pool, v, path))
	}
	d.calm()
}

// everydayLife is what is well, and stays so.
func (d *demo) everydayLife() {
	for _, v := range []struct {
		pool, name string
		gib        int64
	}{
		{d.block, "uploads", 200},
		{d.block, "postgres-data", 120},
		{d.block, "mail", 80},
		{d.block, "wiki", 20},
		{d.block, "registry", 150},
		{d.block, "archive", 400},
		{d.flash, "cache", 40},
	} {
		d.custom(v.pool, v.name, v.gib)
	}
	d.tell("Six days ago: LXD 6.3 on lxd01, two pools on one array: %s over iSCSI and %s over NVMe. Containers, a virtual machine, volumes, snapshots.", d.block, d.flash)
	d.running(d.block, "web1", evidence.TypeContainer, Image, "uploads")
	d.running(d.block, "db1", evidence.TypeVM, VMImage, "postgres-data")
	d.running(d.block, "mail1", evidence.TypeContainer, "", "mail", "wiki")
	d.running(d.flash, "cache1", evidence.TypeContainer, Image, "cache")
	d.check(d.LXD.SnapshotVolume(d.block, "", "postgres-data", "nightly"))
	d.check(d.LXD.SnapshotVolume(d.block, "", "archive", "2026-q3"))
}

// oldVersion leaks as LXD 6.3 did, on both transports.
func (d *demo) oldVersion() {
	for _, pool := range []string{d.block, d.flash} {
		d.noDevices(func() { d.makeFails(pool, "ci-artifacts", 50) })
	}
	d.tell("Five days ago: \"lxc storage volume create\" in each pool waited 30 seconds for a device that came a little later. LXD gave up, could not delete what was still connected, and forgot it.")
	d.check(d.LXD.Upgrade("6.9"))
	d.calm()
	d.tell("LXD was upgraded to 6.9. What 6.3 left behind stayed.")
	d.fillNew(1 << 20)
}

// images leaks as LXD 6.9 does, with every instance from an image.
func (d *demo) images() {
	for _, name := range []string{"build1", "build2"} {
		d.check(d.LXD.CreateInstance(lxd.InstanceSpec{Name: name, Pool: d.block, Image: Image}))
		d.fill(d.block, evidence.TypeContainer, name, 2<<30)
	}
	d.tell("Four days ago: two build containers were made from an image that the pool already had. LXD 6.9 unpacked it again each time and kept no record of the copies.")
	d.fillNew(700 << 20)
}

// arrayTrouble is an array that does not always answer.
func (d *demo) arrayTrouble() {
	d.loseReply("/volumes")
	d.makeFails(d.block, "import", 30)
	d.unmapFails(func() { d.makeFails(d.block, "staging", 60) })
	d.tell("The array failed over to its second controller: the answer to one \"create volume\" got lost, and a rollback found no array to talk to.")

	d.check(d.LXD.CreateInstance(lxd.InstanceSpec{Name: "win-test", Pool: d.block, Type: evidence.TypeVM}))
	d.forgetHalf(d.block, "win-test")
	d.tell("Deleting the virtual machine win-test failed between its two volumes; the second attempt forgot the one that was left.")
	d.fillNew(5 << 20)
}

// kills are ends of LXD in the middle of something.
func (d *demo) kills() {
	d.check(d.LXD.CopyVolume(d.block, "", "registry", "registry-standby", true))
	d.killedBehind(lxd.StepHost, "wait", func() error { return d.LXD.ExportVolume(d.block, "", "archive", nil) }, "exporting archive")
	d.killedBehind("POST", "/volume-snapshots", func() error { return d.LXD.RefreshVolume(d.block, "", "registry-standby", "registry") }, "refreshing")
	d.killedBehind(lxd.StepHost, "connect", func() error { return d.make(d.block, "scratch", 20) }, "creating scratch")
	d.killedBehind(lxd.StepRecord, "create volume", func() error { return d.make(d.flash, "metrics", 20) }, "creating metrics")
	d.tell("Yesterday: the snap was refreshed several times while LXD worked. It was killed in an export, in a refresh of a copy, while it waited for a device, and before it created a volume that it had already recorded.")
}

// otherMachines share the array.
func (d *demo) otherMachines() {
	old := d.other("lxd00", "")
	d.check(d.createPool(old, "oldpool", evidence.ModeISCSI, false))
	d.unavailable("DELETE", "/hosts", func() {
		d.mustFail(old.CreateVolume(lxd.VolumeSpec{Pool: "oldpool", Name: "last", Bytes: Small}), "creating last")
	})
	d.check(d.Array.SetConnectivity("lxd00-iscsi", "critical", "None"))
	d.tell("The old server lxd00 was switched off; its array host is still there.")

	twin := d.other("lxd01", "")
	d.check(d.createPool(twin, "branchpool", evidence.ModeNVMeTCP, false))
	d.check(twin.Launch(lxd.InstanceSpec{Name: "till", Pool: "branchpool"}))
	d.tell("In the branch office somebody called a new server lxd01 too.")
}

// restored puts LXD's database back to before an instance was made.
func (d *demo) restored() {
	backup := d.LXD.SnapshotDatabase()
	d.running(d.flash, "report1", evidence.TypeContainer, "")
	name := d.named(d.flash, evidence.TypeContainer, "report1")
	d.rememberOnly(name, "container/report1")
	d.Keep(name)
	d.LXD.RestoreDatabase(backup)
	d.tell("Five hours ago: LXD's database was restored from a backup that is older than the container report1. report1 still runs.")
}

// moved lets an administrator rename the volume of a record on the array.
func (d *demo) moved(name string) {
	d.custom(d.flash, name, 5)
	volume := d.named(d.flash, evidence.TypeCustom, name)
	d.rememberOnly(volume, evidence.TypeCustom+"/"+name)
	d.check(d.Relocate(volume, d.flash+"::"+name+"-old"))
	d.tell("And somebody renamed the volume behind %s on the array.", name)
}

func (d *demo) rememberOnly(name, lxdName string) {
	v, _ := d.Array.Volume(name)
	d.Seen = append(d.Seen, evidence.Sighting{ArrayID: d.Array.ID(), VolumeID: v.ID, Recorded: d.Clock.Now(), LXDName: lxdName})
}

// administrators work on the array by hand.
func (d *demo) administrators() {
	d.custom(d.flash, "invoices", 10)
	d.check(d.Array.DestroyVolume(d.named(d.flash, evidence.TypeCustom, "invoices")))
	_, err := d.Array.CreateVolume(d.block+"::oracle-test", 100<<30, array.VolumeOptions{Used: 12 << 30})
	d.check(err)
	d.check(d.Array.CreateHost("backup01", nil, []string{"nqn.2014-08.org.nvmexpress:uuid:4c4c4544-0042-3510-8051-b9c04f4e4d32"}, nil))
	d.check(d.Array.Connect("backup01", d.named(d.flash, evidence.TypeCustom, "cache"), 0))
	d.tell("On the array, somebody destroyed the volume behind invoices, made one of their own in LXD's pod, and connected cache to a backup server.")

	d.stepFails("mkfs", mkfsFailed)
	d.unavailable("DELETE", "/volumes", func() { d.makeFails(d.block, "mirror", 90) })
	d.calm()
	d.tell("A volume could not be formatted; LXD destroyed it, and it waits for the array's eradication timer.")
}

// lunNumbers is about devices that outlive their connection. Numbers are
// given away again at once, so the order matters.
func (d *demo) lunNumbers() {
	for _, v := range []struct{ name, step string }{{"old-logs", "mkfs"}, {"probe", "wait"}, {"spare", "wait"}} {
		d.createIsKilled(lxd.VolumeSpec{Pool: d.block, Name: v.name, Bytes: 20 << 30}, lxd.StepHost, v.step)
	}
	d.check(d.LXD.AttachVolume("", "web1", "registry", d.block, "registry", "/srv/registry"))
	d.tell("Three hours ago: registry was attached to web1. LXD scans only the first iSCSI session for it, so it has one path.")
	d.disconnect(d.block, evidence.TypeCustom, "wiki")
	d.makeFails(d.block, "wiki-new", 20)
	d.tell("Somebody disconnected wiki on the array while mail1 had it mounted. The array gave its LUN number to the next volume, and LXD's scan put that one into wiki's map.")
	spare := d.connection("spare")
	for _, name := range []string{"old-logs", "probe", "spare"} {
		d.check(d.LXD.DeleteVolume(d.block, "", name))
	}
	d.tell("Three volumes whose creation had been interrupted were deleted; LXD did not look for their devices.")
	d.check(d.Array.Connect(spare.Host, d.block+"::oracle-test", spare.LUN))
	d.Hosts[0].RescanFirst()
	d.tell("Somebody connected a volume of their own to lxd01, with the number that one of them had had. udev's names of that one lead to it now.")
}

// connection is that of a custom volume in the iSCSI pool.
func (d *demo) connection(name string) array.Connection {
	volume := d.named(d.block, evidence.TypeCustom, name)
	all := d.Array.Connections()
	i := slices.IndexFunc(all, func(c array.Connection) bool { return c.Volume == volume })
	if i < 0 {
		d.check(fmt.Errorf("%s is not connected", volume))
		return array.Connection{}
	}
	return all[i]
}

// lastThings happen shortly before the end: a lost controller gives up after
// ten minutes, and a LUN number that is free is taken by the next volume.
func (d *demo) lastThings() {
	d.until(4 * time.Minute)
	d.createIsKilled(lxd.VolumeSpec{Pool: d.flash, Name: "probe", Bytes: 20 << 30}, lxd.StepHost, "mkfs")
	_, portals := d.Array.NVMe()
	d.Hosts[0].CutPortal(portals[len(portals)-1])
	d.check(d.LXD.DeleteVolume(d.flash, "", "probe"))
	d.disconnect(d.block, evidence.TypeCustom, "mail")
	for _, c := range d.Array.Connections() {
		if d.Hosts[0].InUse(c.Serial) {
			d.check(d.Array.SetIO(c.Volume, 40, 15))
		}
	}
	d.tell("Four minutes ago: one of the array's NVMe portals went away, and somebody disconnected mail by hand too.")
	d.moved("receipts")
	d.until(0)
}
