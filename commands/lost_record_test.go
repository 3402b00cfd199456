package commands

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// LXD loses records while it runs, too, and nobody remembers that it had them. A
// batch, a day after a check, leaves such volumes alone.
func TestRecordLostUnderADaemonThatRuns(t *testing.T) {
	for _, c := range []struct {
		name    string
		members int
		// lose is how it comes about; it returns the volumes that had a record.
		lose func(w *simulator.World) ([]string, error)
	}{
		{"a member was removed by force, its instances were stopped", 2, func(w *simulator.World) ([]string, error) {
			return removeMember(w, func(second *lxd.Member) error {
				return errors.Join(second.StopInstance("", "db1"), second.StopInstance("", "vm1"))
			})
		}},
		{"the same while they ran, and its array host was deleted", 2, func(w *simulator.World) ([]string, error) {
			return removeMember(w, func(*lxd.Member) error { return nil })
		}},
		{"a row was deleted by hand", 1, func(w *simulator.World) ([]string, error) {
			spec := lxd.VolumeSpec{Pool: w.Pool(), Name: "books", Bytes: simulator.Small}
			err := errors.Join(w.LXD.CreateVolume(spec), w.LXD.AttachVolume("", "web1", "books", w.Pool(), "books", "/books"))
			name, named := w.ArrayName(w.Pool(), evidence.TypeCustom, "books")
			w.Age(24 * time.Hour)
			return []string{name}, errors.Join(err, named, w.LXD.DetachVolume("", "web1", "books"), w.LXD.ForgetVolume(w.Pool(), "default", evidence.TypeCustom, "books"))
		}},
		{"a leak has its name, and it has the leak's", 1, func(w *simulator.World) ([]string, error) {
			spec := lxd.VolumeSpec{Pool: w.Pool(), Name: "books", Bytes: simulator.Small}
			err := w.LXD.CreateVolume(spec)
			books, named := w.ArrayName(w.Pool(), evidence.TypeCustom, "books")
			w.Age(24 * time.Hour)
			heal := w.Array.Inject(array.Fault{Method: "POST", Path: "/volumes", Kind: array.LoseReply, Times: 1})
			spec.Name = "junk"
			if w.LXD.CreateVolume(spec) == nil {
				err = errors.Join(err, errors.New("it did not fail"))
			}
			heal()
			for _, v := range w.Array.Volumes() {
				if strings.Contains(v.Name, "::u-") && !w.Recorded(v.Name) {
					return []string{v.Name}, errors.Join(err, named, w.Array.RelocateVolume(books, w.Pool()+"::tmp"),
						w.Array.RelocateVolume(v.Name, books), w.Array.RelocateVolume(w.Pool()+"::tmp", v.Name))
				}
			}
			return nil, errors.Join(err, named, errors.New("it left nothing"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := worlds.New(t, simulator.Options{Members: c.members, Transports: []string{evidence.ModeISCSI}})
			for i := range 8 { // what is lost is no large part of the pool
				if err := w.LXD.Launch(lxd.InstanceSpec{Name: fmt.Sprint("web", i), Pool: w.Pool()}); err != nil {
					t.Fatal(err)
				}
			}
			w.Age(time.Hour)
			lost, err := c.lose(w)
			if err != nil || len(lost) == 0 {
				t.Fatal(lost, err)
			}
			w.Age(72 * time.Hour)
			b := newBench(t, w)
			b.run("", "check")
			w.Age(25 * time.Hour)
			status, stdout, _ := b.run("", "fix", "--all", "--yes")
			if status == 0 {
				t.Error("there was nothing to repair")
			}
			for _, name := range lost {
				if v, there := w.Array.Volume(name); !there || v.Destroyed {
					t.Errorf("%s was destroyed:\n%s", name, stdout)
				}
			}
		})
	}
}

// removeMember lets the second member have a container and a virtual machine, and
// removes it by force some days later, as nobody should. What is left of it on the
// array is cut off and deleted by hand.
func removeMember(w *simulator.World, before func(second *lxd.Member) error) ([]string, error) {
	second := w.LXD.Members()[1]
	err := errors.Join(
		second.Launch(lxd.InstanceSpec{Name: "db1", Pool: w.Pool()}),
		second.Launch(lxd.InstanceSpec{Name: "vm1", Pool: w.Pool(), Type: evidence.TypeVM}),
	)
	db, named := w.ArrayName(w.Pool(), evidence.TypeContainer, "db1")
	vm, too := w.ArrayName(w.Pool(), evidence.TypeVM, "vm1")
	w.Age(48 * time.Hour)
	err = errors.Join(err, named, too, before(second))
	second.PowerFail()
	err = errors.Join(err, w.LXD.RemoveMember(second.Name, true))
	for _, connection := range w.Array.Connections() {
		if connection.Host == "lxd02-iscsi" {
			err = errors.Join(err, w.Array.Disconnect(connection.Host, connection.Volume))
		}
	}
	_ = w.Array.DeleteHost("lxd02-iscsi") // there is none if it has nothing
	return []string{db, vm}, err
}
