//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func healthy(r *rig) error {
	return all(
		func() error { return r.createFor(0, "data") },
		func() error { return r.create("short-lived") },
		func() error { return r.world.LXD.DeleteVolume(r.world.Pool(), "", "short-lived") },
	)
}

// leakAttached leaves a volume with its devices: the array does not answer
// when LXD wants to unmap it.
func leakAttached(r *rig) error { return r.leakAttachedOn(0, "data") }

func (r *rig) leakAttachedOn(n int, name string) error {
	return r.cannotUnmap(func() error { return r.createOn(n, name) })
}

// cannotUnmap lets LXD do what fails because it can't unmap a volume.
func (r *rig) cannotUnmap(do func() error) error {
	var heal func()
	r.when(lxd.StepHost, "unmount", func() { heal = r.unavailable("GET", "/hosts") })
	err := do()
	r.world.LXD.SetBeforeCall(nil)
	if err == nil || heal == nil {
		return fmt.Errorf("LXD could unmap the volume, or did not come to it: %w", err)
	}
	fmt.Printf("   LXD: %v\n", err)
	heal()
	return nil
}

// leakAnd does more to a volume that leaked with its devices.
func leakAnd(do func(r *rig, leak array.Volume) error) happening {
	return then(leakAttached, (*rig).settle, func(r *rig) error { return do(r, r.leaks()[0]) })
}

// leakHidden leaves a volume whose device does not appear.
func leakHidden(r *rig) error {
	r.holdDevices(true)
	return r.leakInVain(0, "data")
}

// leakInVain has LXD create a volume whose device it waits for in vain.
func (r *rig) leakInVain(n int, name string) error {
	err := r.createOn(n, name)
	if err == nil {
		return errors.New("LXD found a device")
	}
	fmt.Printf("   LXD: %v\n", err)
	return nil
}

func leakLate(r *rig) error {
	err := leakHidden(r)
	r.holdDevices(false)
	return err
}

// leakAlone leaves no volume but the leak: LXD logs out with the last one,
// and in again for the next.
func leakAlone(r *rig) error {
	if err := r.world.LXD.StopInstance("", "web1"); err != nil {
		return err
	}
	return leakHidden(r)
}

// attachData mounts a custom volume for the nth member's container, one that
// will be lost, and returns the array's volume.
func (r *rig) attachData(n int) (array.Volume, error) {
	if err := all(func() error { return r.createFor(n, "data") }, r.settle); err != nil {
		return array.Volume{}, err
	}
	r.lost[r.machine.MountPath(r.world.Pool(), evidence.TypeCustom, "default_data")] = true
	return r.volume(evidence.TypeCustom, "data")
}

// createFor makes a custom volume and mounts it for the nth member's container.
func (r *rig) createFor(n int, name string) error {
	if err := r.createOn(n, name); err != nil {
		return err
	}
	return r.world.LXD.AttachVolume("", fmt.Sprintf("web%d", n+1), name, r.world.Pool(), name, "/srv")
}

// volume is the array's of one of LXD's.
func (r *rig) volume(kind, name string) (array.Volume, error) {
	name, err := r.world.ArrayName(r.world.Pool(), kind, name)
	if err != nil {
		return array.Volume{}, err
	}
	v, _ := r.world.Array.Volume(name)
	return v, nil
}

// disconnect takes a volume from the machine on the array, as an
// administrator does.
func (r *rig) disconnect(v array.Volume) error {
	for _, c := range r.world.Array.Connections() {
		if c.Volume == v.Name {
			return r.world.Array.Disconnect(c.Host, v.Name)
		}
	}
	return fmt.Errorf("%s is not connected", v.Name)
}

func cutOffInUse(r *rig) error { return r.cutOffOn(0) }

func (r *rig) cutOffOn(n int) error {
	v, err := r.attachData(n)
	if err != nil {
		return err
	}
	return r.disconnect(v)
}

// numberReused lets the next volume have the number of a mounted one. A scan
// puts it into the mounted volume's map, and LXD waits for it in vain.
func numberReused(n int) happening {
	return func(r *rig) error {
		if err := r.cutOffOn(n); err != nil {
			return err
		}
		r.members[n].Never(true)
		return r.leakInVain(n, "next")
	}
}

// leakCopy leaves the copy through which LXD read a snapshot: it is killed in
// the middle of an export.
func leakCopy(r *rig) error {
	l, pool := r.world.LXD, r.world.Pool()
	err := all(
		func() error { return r.create("data") },
		func() error { return l.SnapshotVolume(pool, "", "data", "daily0") },
	)
	if err != nil {
		return err
	}
	l.CutBehind(lxd.StepHost, "wait")
	if err := l.ExportVolume(pool, "", "data", nil); !errors.Is(err, lxd.ErrKilled) {
		return fmt.Errorf("LXD was to be killed in the export: %w", err)
	}
	l.NoCut()
	l.StartDaemon()
	return nil
}

// numberGivenAway has LXD create the next volume, which gets the leak's
// number, and mount it.
func numberGivenAway(r *rig, stop <-chan struct{}) error {
	return r.onePathLeft(stop, 0, r.giveAway)
}

// takenAgain has LXD export once more, through the copy that had leaked, when
// the repair asks whether it is disconnected. The repair goes on as soon as
// the array connects it: multipathd can't make a map while a path is offline,
// so until the repair has taken that back, LXD waits.
func takenAgain(r *rig, stop <-chan struct{}) error {
	var finish func() error
	ended := make(chan error, 1)
	err := r.onePathLeft(stop, 0, func(leak array.Volume, number int) error {
		go func() {
			var err error
			finish, err = r.world.LXD.StartExport(r.world.Pool(), "", "data")
			ended <- err
		}()
		if err := await(deviceWait, leak.Name+" is connected", func() bool { return r.connected(leak.Name) }); err != nil {
			return err
		}
		if got := r.number(leak.Name); got != number {
			return fmt.Errorf("%s has the number %d by now, and had %d", leak.Name, got, number)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := <-ended; err != nil {
		return err
	}
	fmt.Println("   LXD mounted it again")
	r.releases = append(r.releases, finish)
	return nil
}

// takenAgainLives looks at the copy: nothing of it is held back, and LXD can
// end its export. A path that was offline while multipathd tried to make the map,
// for longer than it tries, works and is no part of it before the next event.
func takenAgainLives(r *rig) error {
	leak := r.leaks()[0]
	err := await(time.Minute, "both paths of "+leak.Name+" work, and its map has one", func() bool {
		all, work, held := r.machine.DevicesOf(leak.Serial), 0, 0
		for _, name := range all {
			if strings.HasPrefix(name, "sd") && read("/sys/block/"+name+"/device/state") == "running" {
				work, held = work+1, held+len(names("/sys/block/"+name+"/holders/*"))
			}
		}
		return len(all) == 3 && work == 2 && held > 0
	})
	if err != nil {
		err = fmt.Errorf("%w:\n%s", err, r.picture(leak.Serial))
	}
	finish := r.releases[len(r.releases)-1]
	r.releases = r.releases[:len(r.releases)-1]
	if err := errors.Join(err, finish()); err != nil {
		return err
	}
	if left := r.leaks(); len(left) > 0 {
		return fmt.Errorf("LXD has ended its export, and %s is there", left[0].Name)
	}
	return nil
}

// onePathLeft waits for the moment when the array has disconnected the leak
// and one of its offline paths is still there, the one that LXD does not scan.
// Then, after as many looks, it lets happen what is to happen.
func (r *rig) onePathLeft(stop <-chan struct{}, looks int, do func(leak array.Volume, number int) error) error {
	leak := r.leaks()[0]
	number := r.number(leak.Name)
	var once sync.Once
	var seen atomic.Int32
	failed := errors.New("the leak was never disconnected")
	heal := r.world.Array.Inject(array.Fault{
		Method: "GET", Path: "/connections", Kind: array.Delay,
		Wait: func(context.Context) error {
			if !r.connected(leak.Name) && seen.Add(1) > int32(looks) {
				once.Do(func() {
					if failed = r.deleteFirst(leak); failed == nil {
						failed = do(leak, number)
					}
				})
			}
			return nil
		},
	})
	<-stop
	heal()
	return failed
}

// deleteFirst deletes what the repair is about to delete, but for one path.
func (r *rig) deleteFirst(leak array.Volume) error {
	sessions := names("/sys/class/iscsi_session/session*")
	var left []string
	for _, name := range r.machine.DevicesOf(leak.Serial) {
		at, err := os.Readlink("/sys/block/" + name)
		switch {
		case err != nil:
			return err
		case !strings.Contains(at, "/"+sessions[0]+"/"):
			left = append(left, name)
		default:
			if err := r.machine.DeletePath(name); err != nil {
				return err
			}
		}
	}
	if len(left) != 1 || read("/sys/block/"+left[0]+"/device/state") != "offline" {
		return fmt.Errorf("the paths %v are left of the leak, not one that is offline", left)
	}
	fmt.Printf("   of %s one path is left, %s, and it is offline\n", leak.Name, left[0])
	return nil
}

// number is the LUN of the volume's connection.
func (r *rig) number(volume string) int {
	for _, c := range r.world.Array.Connections() {
		if c.Volume == volume {
			return c.LUN
		}
	}
	return 0
}

func (r *rig) giveAway(_ array.Volume, number int) error {
	if err := r.createFor(0, "next"); err != nil {
		return err
	}
	next, err := r.volume(evidence.TypeCustom, "next")
	if got := r.number(next.Name); err == nil && got != number {
		err = fmt.Errorf("the next volume has the number %d, and the leak had %d", got, number)
	}
	fmt.Printf("   LXD mounted %s, with the number %d of the leak\n", next.Name, number)
	return errors.Join(err, writeThrough(r.inNext(), []byte("first\n")))
}

// inNext is a file in the volume that got the number.
func (r *rig) inNext() string {
	return filepath.Join(r.machine.MountPath(r.world.Pool(), evidence.TypeCustom, "default_next"), "guard")
}

// givenAwayLives looks at the volume that got the number: it has both its
// paths by now, and can be written to and let go.
func givenAwayLives(r *rig) error {
	v, err := r.volume(evidence.TypeCustom, "next")
	if err != nil {
		return err
	}
	data, err := os.ReadFile(r.inNext())
	if err == nil && string(data) != "first\n" {
		err = fmt.Errorf("%s has %q", r.inNext(), data)
	}
	if err != nil {
		return err
	}
	return all(
		func() error { return writeThrough(r.inNext(), []byte("second\n")) },
		func() error {
			if all := r.machine.DevicesOf(v.Serial); len(all) != 3 {
				return fmt.Errorf("the next volume has the devices %v, not a map and two paths", all)
			}
			return nil
		},
		func() error { return r.world.LXD.DetachVolume("", "web1", "next") },
		func() error { return r.world.LXD.DeleteVolume(r.world.Pool(), "", "next") },
	)
}

// arrayFirst takes a leak from the machine on the array.
func arrayFirst(r *rig, leak array.Volume) error {
	if err := r.disconnect(leak); err != nil {
		return err
	}
	return r.pathsFail(leak)
}

// slowArray goes on showing what it has disconnected for a while.
func slowArray(r *rig) error {
	r.linger = lingering
	return leakAttached(r)
}

// manyMaps connects volumes that are not LXD's, and makes a map of each over
// the one path that LXD's kind of scan finds. udev does not see it: without
// hardware help it would be at it for a quarter of an hour.
func manyMaps(r *rig) error {
	const many = 200
	if err := leakAttached(r); err != nil {
		return err
	}
	if _, err := sh("udevadm", "control", "--exit"); err != nil {
		return err
	}
	before := names("/sys/block/*")
	hosts := r.world.Array.Hosts()
	var failed []error
	r.world.Array.Batch(func() {
		for n := range many {
			name := fmt.Sprintf("vol-%03d", n)
			_, err := r.world.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{})
			failed = append(failed, err, r.world.Array.Connect(hosts[0].Name, name, 0))
		}
	})
	// A namespace and its two paths, of web1's and the leak too.
	kind, wanted := "nvme*n*", 3*(many+2)
	if r.scsi != nil {
		kind, wanted = "dm-*", many+2
		failed = append(failed, r.machine.rescanFirst(2*time.Minute))
		var added []string
		// The kernel adds disks after the scan has ended.
		failed = append(failed, await(time.Minute, "there are two hundred more disks", func() bool {
			added = slices.DeleteFunc(names("/sys/block/sd*"), func(name string) bool { return slices.Contains(before, name) })
			return len(added) == many
		}))
		failed = append(failed, mapEach(added))
	}
	if err := errors.Join(failed...); err != nil {
		return err
	}
	// Scanning them again and again would take longer than all else.
	r.still = true
	err := await(2*time.Minute, "there are two hundred more", func() bool { return len(names("/sys/block/"+kind)) == wanted })
	fmt.Printf("   there are %d\n", len(names("/sys/block/"+kind)))
	return errors.Join(err, steps("/lib/systemd/systemd-udevd --daemon")())
}

// mapEach makes a map over each disk, as multipathd does.
func mapEach(disks []string) error {
	var maps []string
	for _, disk := range disks {
		dir := "/sys/block/" + disk
		wwid := "3" + strings.TrimPrefix(read(dir+"/device/wwid"), "naa.")
		maps = append(maps, fmt.Sprintf("%s,mpath-%s,,rw,0 %s multipath 0 1 alua 1 1 service-time 0 1 2 %s 1 1",
			wwid, wwid, read(dir+"/size"), read(dir+"/dev")))
	}
	_, err := shFor(2*time.Minute, "dmsetup", "create", "--noudevrules", "--noudevsync", "--concise", strings.Join(maps, ";"))
	return err
}

// namesLeft: the leak's disk came after LXD had given up, and is in no map.
// When the array gives its number to the next volume, a scan tells the kernel,
// and nobody tells udev: LXD waits for the names of that one in vain, and 6.3
// leaves it behind, too.
func namesLeft(r *rig) error {
	if err := then(leakLate, (*rig).settle)(r); err != nil {
		return err
	}
	leak := r.leaks()[0]
	number := r.number(leak.Name)
	if err := r.disconnect(leak); err != nil {
		return err
	}
	r.machine.never = true
	if err := r.leakInVain(0, "next"); err != nil {
		return err
	}
	for _, v := range r.leaks() {
		if v.Name != leak.Name && r.number(v.Name) != number {
			return fmt.Errorf("the next volume has the number %d, and the leak had %d", r.number(v.Name), number)
		}
	}
	return nil
}

// udevLooks does what the finding says is to be done.
func udevLooks(r *rig) error {
	found, err := r.scan()
	if err != nil {
		return err
	}
	for _, f := range found.Findings {
		for _, line := range f.Remedy {
			if _, command, found := strings.Cut(line, ": udevadm "); found {
				return steps("udevadm "+command, "udevadm settle --timeout=30")()
			}
		}
	}
	return errors.New("no finding says what udev is to do")
}

// namesRight looks at what is left when one of the two leaks is repaired: the
// finding has gone, and the repair of the other one is safe.
func namesRight(r *rig) error {
	found, err := r.scan()
	if err != nil {
		return err
	}
	for _, f := range found.Findings {
		if f.Code == "misleading-name" || f.Code == leaked && f.Verdict != "safe" {
			return fmt.Errorf("%s %s is %s: %s %v", f.Code, f.Object, f.Verdict, f.Detail, f.against())
		}
	}
	if left := r.leaks(); len(left) != 1 {
		return fmt.Errorf("%d leaks are left", len(left))
	}
	return nil
}
