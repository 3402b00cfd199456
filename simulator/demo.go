package simulator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// demoSpan is how long the demo's world has existed.
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
	if err := d.happen(); err != nil {
		w.Close()
		return nil, fmt.Errorf("the demo: %w", err)
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

func (d *demo) happen() error {
	return all(
		d.everydayLife,
		func() error { d.until(5 * 24 * time.Hour); return nil },
		d.oldVersion,
		func() error { d.until(4 * 24 * time.Hour); return nil },
		d.images,
		d.arrayTrouble,
		func() error { d.until(28 * time.Hour); return nil },
		d.kills,
		func() error { d.until(9 * time.Hour); return nil },
		d.otherMachines,
		func() error { d.until(5 * time.Hour); return nil },
		d.restored,
		d.administrators,
		func() error { d.until(3 * time.Hour); return nil },
		d.lunNumbers,
		d.lastThings,
	)
}

// custom makes a custom volume and fills some of it.
func (d *demo) custom(pool, name string, gib int64) error {
	if err := d.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: name, Bytes: gib << 30}); err != nil {
		return err
	}
	return d.fill(pool, evidence.TypeCustom, name, gib<<30/3)
}

// fill sets what a recorded volume occupies on the array.
func (d *demo) fill(pool, kind, name string, bytes int64) error {
	names, err := d.arrayNames(d.LXD, pool, lxd.DefaultProject, kind, name)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := d.use(n, bytes); err != nil {
			return err
		}
	}
	return nil
}

// use sets what a volume occupies, at most half of its size.
func (d *demo) use(name string, bytes int64) error {
	v, ok := d.Array.Volume(name)
	if !ok {
		return fmt.Errorf("there is no volume %s", name)
	}
	return d.Array.SetUsed(name, min(bytes, v.Provisioned/2))
}

// fillNew sets what volumes without a record occupy that have nothing yet, and
// that a host has written to.
func (d *demo) fillNew(bytes int64) error {
	for _, v := range d.unrecorded() {
		if v.Used == 0 && v.Written {
			if err := d.use(v.Name, bytes); err != nil {
				return err
			}
		}
	}
	return nil
}

// running starts an instance with custom volumes attached.
func (d *demo) running(pool, name, kind, image string, volumes ...string) error {
	if err := d.LXD.Launch(lxd.InstanceSpec{Name: name, Pool: pool, Type: kind, Image: image}); err != nil {
		return err
	}
	if err := d.fill(pool, kind, name, 3<<30); err != nil {
		return err
	}
	for _, v := range volumes {
		path := ""
		if kind == evidence.TypeContainer {
			path = "/srv/" + v
		}
		if err := d.LXD.AttachVolume("", name, v, pool, v, path); err != nil {
			return err
		}
	}
	d.calm()
	return nil
}

// everydayLife is what is well, and stays so.
func (d *demo) everydayLife() error {
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
		if err := d.custom(v.pool, v.name, v.gib); err != nil {
			return err
		}
	}
	d.tell("Six days ago: LXD 6.3 on lxd01, two pools on one array: %s over iSCSI and %s over NVMe. Containers, a virtual machine, volumes, snapshots.", d.block, d.flash)
	return all(
		func() error { return d.running(d.block, "web1", evidence.TypeContainer, Image, "uploads") },
		func() error { return d.running(d.block, "db1", evidence.TypeVM, VMImage, "postgres-data") },
		func() error { return d.running(d.block, "mail1", evidence.TypeContainer, "", "mail", "wiki") },
		func() error { return d.running(d.flash, "cache1", evidence.TypeContainer, Image, "cache") },
		func() error { return d.LXD.SnapshotVolume(d.block, "", "postgres-data", "nightly") },
		func() error { return d.LXD.SnapshotVolume(d.block, "", "archive", "2026-q3") },
	)
}

// oldVersion leaks as LXD 6.3 did, on both transports.
func (d *demo) oldVersion() error {
	for _, pool := range []string{d.block, d.flash} {
		d.Hosts[0].NeverAppear(func(string) bool { return true })
		if err := mustFail(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: "ci-artifacts", Bytes: 50 << 30}), "creating ci-artifacts"); err != nil {
			return err
		}
		d.Hosts[0].NeverAppear(nil)
	}
	d.tell("Five days ago: \"lxc storage volume create\" in each pool waited 30 seconds for a device that came a little later. LXD gave up, could not delete what was still connected, and forgot it.")
	if err := d.LXD.Upgrade("6.9"); err != nil {
		return err
	}
	d.calm()
	d.tell("LXD was upgraded to 6.9. What 6.3 left behind stayed.")
	return d.fillNew(1 << 20)
}

// images leaks as LXD 6.9 does, with every instance from an image.
func (d *demo) images() error {
	for _, name := range []string{"build1", "build2"} {
		if err := d.LXD.CreateInstance(lxd.InstanceSpec{Name: name, Pool: d.block, Image: Image}); err != nil {
			return err
		}
		if err := d.fill(d.block, evidence.TypeContainer, name, 2<<30); err != nil {
			return err
		}
	}
	d.tell("Four days ago: two build containers were made from an image that the pool already had. LXD 6.9 unpacked it again each time and kept no record of the copies.")
	return d.fillNew(700 << 20)
}

// arrayTrouble is an array that does not always answer.
func (d *demo) arrayTrouble() error {
	d.Array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.LoseReply, Times: 1})
	if err := mustFail(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: d.block, Name: "import", Bytes: 30 << 30}), "creating import"); err != nil {
		return err
	}
	var heal func()
	d.when(lxd.StepHost, "unmount", func() { heal = d.unavailable("GET", "/hosts") })
	if err := mustFail(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: d.block, Name: "staging", Bytes: 60 << 30}), "creating staging"); err != nil {
		return err
	}
	if heal == nil {
		return errors.New("staging was never unmounted")
	}
	heal()
	d.calm()
	d.tell("The array failed over to its second controller: the answer to one \"create volume\" got lost, and a rollback found no array to talk to.")

	if err := d.LXD.CreateInstance(lxd.InstanceSpec{Name: "win-test", Pool: d.block, Type: evidence.TypeVM}); err != nil {
		return err
	}
	halves, err := d.arrayNames(d.LXD, d.block, lxd.DefaultProject, evidence.TypeVM, "win-test")
	if err != nil {
		return err
	}
	d.Array.Inject(array.Fault{Method: "PATCH", Path: "/volumes", Query: map[string]string{"names": halves[1]}, Kind: array.ServerError, Times: 1})
	if err := mustFail(d.LXD.DeleteInstance("", "win-test"), "deleting win-test"); err != nil {
		return err
	}
	if err := d.LXD.DeleteInstance("", "win-test"); err != nil {
		return err
	}
	d.tell("Deleting the virtual machine win-test failed between its two volumes; the second attempt forgot the one that was left.")
	return d.fillNew(5 << 20)
}

// kills are ends of LXD in the middle of something.
func (d *demo) kills() error {
	killed := func(method, part string, flow func() error, doing string) error {
		d.LXD.CutBehind(method, part)
		err := mustBeKilled(flow(), doing)
		d.LXD.StartDaemon()
		return err
	}
	create := func(pool, name string) func() error {
		return func() error {
			return d.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: name, Bytes: 20 << 30})
		}
	}
	err := all(
		func() error { return d.LXD.CopyVolume(d.block, "", "registry", "registry-standby", true) },
		func() error {
			return killed(lxd.StepHost, "wait", func() error { return d.LXD.ExportVolume(d.block, "", "archive", nil) }, "exporting archive")
		},
		func() error {
			return killed("POST", "/volume-snapshots", func() error { return d.LXD.RefreshVolume(d.block, "", "registry-standby", "registry") }, "refreshing")
		},
		func() error { return killed(lxd.StepHost, "connect", create(d.block, "scratch"), "creating scratch") },
		func() error {
			return killed(lxd.StepRecord, "create volume", create(d.flash, "metrics"), "creating metrics")
		},
	)
	d.tell("Yesterday: the snap was refreshed several times while LXD worked. It was killed in an export, in a refresh of a copy, while it waited for a device, and before it created a volume that it had already recorded.")
	return err
}

// otherMachines share the array.
func (d *demo) otherMachines() error {
	old, err := d.AddOther("lxd00", "")
	if err != nil {
		return err
	}
	if err := d.createPool(old, "oldpool", evidence.ModeISCSI, false); err != nil {
		return err
	}
	heal := d.unavailable("DELETE", "/hosts")
	if err := mustFail(old.CreateVolume(lxd.VolumeSpec{Pool: "oldpool", Name: "last", Bytes: Small}), "creating last"); err != nil {
		return err
	}
	heal()
	if err := d.Array.SetConnectivity("lxd00-iscsi", "critical", "None"); err != nil {
		return err
	}
	d.tell("The old server lxd00 was switched off; its array host is still there.")

	twin, err := d.AddOther("lxd01", "")
	if err != nil {
		return err
	}
	if err := d.createPool(twin, "branchpool", evidence.ModeNVMeTCP, false); err != nil {
		return err
	}
	if err := twin.Launch(lxd.InstanceSpec{Name: "till", Pool: "branchpool"}); err != nil {
		return err
	}
	d.tell("In the branch office somebody called a new server lxd01 too.")
	return nil
}

// restored puts LXD's database back to before an instance was made.
func (d *demo) restored() error {
	backup := d.LXD.SnapshotDatabase()
	if err := d.running(d.flash, "report1", evidence.TypeContainer, ""); err != nil {
		return err
	}
	name, err := d.ArrayName(d.flash, evidence.TypeContainer, "report1")
	if err != nil {
		return err
	}
	if err := d.rememberOnly(name, "container/report1"); err != nil {
		return err
	}
	d.Keep(name)
	d.LXD.RestoreDatabase(backup)
	d.tell("Five hours ago: LXD's database was restored from a backup that is older than the container report1. report1 still runs.")
	return nil
}

// moved lets an administrator rename the volume of a record on the array.
func (d *demo) moved(name string) error {
	if err := d.custom(d.flash, name, 5); err != nil {
		return err
	}
	volume, err := d.ArrayName(d.flash, evidence.TypeCustom, name)
	if err != nil {
		return err
	}
	if err := d.rememberOnly(volume, evidence.TypeCustom+"/"+name); err != nil {
		return err
	}
	if err := d.Relocate(volume, d.flash+"::"+name+"-old"); err != nil {
		return err
	}
	d.tell("And somebody renamed the volume behind %s on the array.", name)
	return nil
}

func (d *demo) rememberOnly(name, lxdName string) error {
	v, ok := d.Array.Volume(name)
	if !ok {
		return fmt.Errorf("there is no volume %s", name)
	}
	d.Seen = append(d.Seen, evidence.Sighting{ArrayID: d.Array.ID(), VolumeID: v.ID, Recorded: d.Clock.Now(), LXDName: lxdName})
	return nil
}

// administrators work on the array by hand.
func (d *demo) administrators() error {
	if err := d.custom(d.flash, "invoices", 10); err != nil {
		return err
	}
	invoices, err := d.ArrayName(d.flash, evidence.TypeCustom, "invoices")
	if err != nil {
		return err
	}
	if err := d.Array.DestroyVolume(invoices); err != nil {
		return err
	}
	if _, err := d.Array.CreateVolume(d.block+"::oracle-test", 100<<30, array.VolumeOptions{Used: 12 << 30}); err != nil {
		return err
	}
	if err := d.Array.CreateHost("backup01", nil, []string{"nqn.2014-08.org.nvmexpress:uuid:4c4c4544-0042-3510-8051-b9c04f4e4d32"}, nil); err != nil {
		return err
	}
	cache, err := d.ArrayName(d.flash, evidence.TypeCustom, "cache")
	if err != nil {
		return err
	}
	if err := d.Array.Connect("backup01", cache, 0); err != nil {
		return err
	}
	d.tell("On the array, somebody destroyed the volume behind invoices, made one of their own in LXD's pod, and connected cache to a backup server.")

	d.LXD.SetBeforeCall(func(method, path string) error {
		if method == lxd.StepHost && strings.HasPrefix(path, "mkfs") {
			return errors.New("mkfs.ext4: Input/output error while writing out and closing file system")
		}
		return nil
	})
	heal := d.unavailable("DELETE", "/volumes")
	if err := mustFail(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: d.block, Name: "mirror", Bytes: 90 << 30}), "creating mirror"); err != nil {
		return err
	}
	heal()
	d.calm()
	d.tell("A volume could not be formatted; LXD destroyed it, and it waits for the array's eradication timer.")
	return nil
}

// lunNumbers is about devices that outlive their connection. Numbers are
// given away again at once, so the order matters.
func (d *demo) lunNumbers() error {
	for _, v := range []struct{ name, step string }{{"old-logs", "mkfs"}, {"probe", "wait"}, {"spare", "wait"}} {
		d.LXD.CutBefore(lxd.StepHost, v.step)
		if err := mustBeKilled(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: d.block, Name: v.name, Bytes: 20 << 30}), "creating "+v.name); err != nil {
			return err
		}
		d.LXD.StartDaemon()
	}
	if err := d.LXD.AttachVolume("", "web1", "registry", d.block, "registry", "/srv/registry"); err != nil {
		return err
	}
	d.tell("Three hours ago: registry was attached to web1. LXD scans only the first iSCSI session for it, so it has one path.")
	if err := d.cut("wiki"); err != nil {
		return err
	}
	if err := mustFail(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: d.block, Name: "wiki-new", Bytes: 20 << 30}), "creating wiki-new"); err != nil {
		return err
	}
	d.tell("Somebody disconnected wiki on the array while mail1 had it mounted. The array gave its LUN number to the next volume, and LXD's scan put that one into wiki's map.")
	spare, err := d.connection("spare")
	if err != nil {
		return err
	}
	for _, name := range []string{"old-logs", "probe", "spare"} {
		if err := d.LXD.DeleteVolume(d.block, "", name); err != nil {
			return err
		}
	}
	d.tell("Three volumes whose creation had been interrupted were deleted; LXD did not look for their devices.")
	if err := d.Array.Connect(spare.Host, d.block+"::oracle-test", spare.LUN); err != nil {
		return err
	}
	d.Hosts[0].RescanFirst()
	d.tell("Somebody connected a volume of their own to lxd01, with the number that one of them had had. udev's names of that one lead to it now.")
	return nil
}

// connection is that of a custom volume in the iSCSI pool.
func (d *demo) connection(name string) (array.Connection, error) {
	volume, err := d.ArrayName(d.block, evidence.TypeCustom, name)
	if err != nil {
		return array.Connection{}, err
	}
	for _, c := range d.Array.Connections() {
		if c.Volume == volume {
			return c, nil
		}
	}
	return array.Connection{}, fmt.Errorf("%s is not connected", volume)
}

// cut takes the connections of a custom volume in the iSCSI pool away.
func (d *demo) cut(name string) error {
	volume, err := d.ArrayName(d.block, evidence.TypeCustom, name)
	if err != nil {
		return err
	}
	for _, c := range d.Array.Connections() {
		if c.Volume == volume {
			if err := d.Array.Disconnect(c.Host, volume); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastThings happen shortly before the end: a lost controller gives up after
// ten minutes, and a LUN number that is free is taken by the next volume.
func (d *demo) lastThings() error {
	d.until(4 * time.Minute)
	d.LXD.CutBefore(lxd.StepHost, "mkfs")
	if err := mustBeKilled(d.LXD.CreateVolume(lxd.VolumeSpec{Pool: d.flash, Name: "probe", Bytes: 20 << 30}), "creating probe"); err != nil {
		return err
	}
	d.LXD.StartDaemon()
	_, portals := d.Array.NVMe()
	d.Hosts[0].CutPortal(portals[len(portals)-1])
	if err := d.LXD.DeleteVolume(d.flash, "", "probe"); err != nil {
		return err
	}
	if err := d.cut("mail"); err != nil {
		return err
	}
	for _, c := range d.Array.Connections() {
		if d.Hosts[0].InUse(c.Serial) {
			if err := d.Array.SetIO(c.Volume, 40, 15); err != nil {
				return err
			}
		}
	}
	d.tell("Four minutes ago: one of the array's NVMe portals went away, and somebody disconnected mail by hand too.")
	if err := d.moved("receipts"); err != nil {
		return err
	}
	d.until(0)
	return nil
}
