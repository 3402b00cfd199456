package commands

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/host"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// healthyPool is a world in which nothing is wrong.
func healthyPool(t *testing.T, o simulator.Options) *simulator.World {
	t.Helper()
	w, err := simulator.Healthy(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// Another LXD has attached the pod and is idle: nothing of it is connected, and
// its array host is gone. Our daemon has run since before all of it was made, and
// that does not make it ours to destroy.
func TestIdleLXDInThePod(t *testing.T) {
	for name, c := range map[string]struct {
		members int
		makes   func(*simulator.World, *lxd.Server) error
	}{
		"a custom volume": {1, func(w *simulator.World, other *lxd.Server) error {
			return other.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "theirs", Bytes: simulator.Small})
		}},
		"a container that never ran": {1, func(w *simulator.World, other *lxd.Server) error {
			return other.CreateInstance(lxd.InstanceSpec{Name: "kiosk", Pool: w.Pool()})
		}},
		"containers that ran": {1, func(w *simulator.World, other *lxd.Server) error {
			var err error
			for _, name := range []string{"a", "b", "c"} {
				err = errors.Join(err, other.CreateInstance(lxd.InstanceSpec{Name: name, Pool: w.Pool()}), other.StartInstance("", name))
				w.Age(2 * time.Minute)
				err = errors.Join(err, other.StopInstance("", name))
			}
			return err
		}},
		"a custom volume, beside a cluster": {2, func(w *simulator.World, other *lxd.Server) error {
			return other.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "theirs", Bytes: simulator.Small})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := healthyPool(t, simulator.Options{Members: c.members})
			b := newBench(t, w)
			if c.members > 1 {
				b = newCluster(t, w).bench
			}
			other, err := w.AddOther("edge01", w.Pool())
			if err = errors.Join(err, c.makes(w, other)); err != nil {
				t.Fatal(err)
			}
			b.keepsAll(other)
		})
	}
}

// The pod was taken over: the new site's LXD has been running since before the
// volumes of the old one were made, and has no record of them yet.
func TestPodTakenOver(t *testing.T) {
	w := healthyPool(t, simulator.Options{})
	other, err := w.AddOther("dr01", w.Pool())
	if err != nil {
		t.Fatal(err)
	}
	w.Age(3 * time.Hour)
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"app", "db"} {
		must(w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: name}))
	}
	w.Age(5 * 24 * time.Hour)
	for _, i := range w.LXD.Instances() {
		if i.Running {
			must(w.LXD.StopInstance(i.Project, i.Name))
		}
	}
	must(other.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "first"}))
	b := newBench(t, w)
	socket := filepath.Join(t.TempDir(), "s")
	_, err = other.Serve(socket)
	must(err)
	machine, ok := other.Members()[0].Host.(*host.Host)
	if !ok {
		t.Fatal("dr01 has no machine")
	}
	b.s.given.socket, b.s.given.host, b.s.given.writer = socket, machine.System(), machine.DeviceWriter()
	b.keepsAll(w.LXD)
}

// keepsAll runs batches for two days and finds each volume of the other LXD
// live, and nothing safe to destroy.
func (b *bench) keepsAll(other *lxd.Server) {
	b.t.Helper()
	b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
	var all []string
	for _, v := range other.Volumes() {
		if !strings.Contains(v.Name, "/") {
			all = append(all, lxd.ArrayNames(v, lxd.Volume{})...)
		}
	}
	b.world.Age(48 * time.Hour)
	_, out, errs := b.run("", "scan", "-v")
	if !strings.Contains(oneSpace(out), "another LXD or server, ") {
		b.t.Errorf("%s%s", out, errs)
	}
	if _, out, errs := b.run("", "scan", "-o", "csv"); strings.Contains(out, ",safe,") || !strings.Contains(out, "leaked-") {
		b.t.Errorf("%s%s", out, errs)
	}
	for range 2 {
		b.run("", "check")
		b.world.Age(25 * time.Hour)
		if status, out, errs := b.run("", "fix", "--all", "--yes"); status != StatusRefused {
			b.t.Errorf("status %d\n%s%s", status, out, errs)
		}
	}
	for _, name := range all {
		if v, ok := b.world.Array.Volume(name); !ok || v.Destroyed {
			b.t.Errorf("%s was destroyed", name)
		}
	}
}

// What the other LXD had connected blocks our own leftovers in the pod, too,
// except by the operator's word for one of them.
func TestLeftoverBesideAnotherLXD(t *testing.T) {
	w := worlds.Of(t, "rollback-refused-iscsi")
	b := newBench(t, w)
	volume := b.leaked("leaked-volume")
	other, err := w.AddOther("edge01", w.Pool())
	if err = errors.Join(err, other.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "theirs", Bytes: simulator.Small})); err != nil {
		t.Fatal(err)
	}
	w.Age(48 * time.Hour)
	b.run("", "check")
	w.Age(25 * time.Hour)
	if status, out, errs := b.run("", "fix", "--volume", volume, "--yes"); status != StatusRefused || !strings.Contains(oneSpace(out+errs), "edge01-iscsi") {
		t.Errorf("status %d\n%s%s", status, out, errs)
	}
	if status, _, errs := b.run("no\n", "fix", "--volume", volume, "--database-is-current"); status != StatusRefused || !strings.Contains(oneSpace(errs), "[type yes]") {
		t.Errorf("the word is not given: status %d\n%s", status, errs)
	}
	if status, out, errs := b.run("yes\n"+strings.Repeat("y\n", 9), "fix", "--volume", volume, "--database-is-current"); status != StatusOK {
		t.Errorf("with the operator's word: status %d\n%s%s", status, out, errs)
	}
}
