package repair

import (
	"errors"
	"testing"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// TestOracleSeesHarmToOutsiders does on purpose what repair must never do to
// what outsiders are about: the world that judges TestTwoActors has to notice
// each, and nothing before it.
func TestOracleSeesHarmToOutsiders(t *testing.T) {
	missing := map[string]bool{}
	for _, o := range outsiders {
		missing[o.name] = true
	}
	for _, c := range []struct {
		outsider, what string
		// harm prepares, and returns what does the harm.
		harm func(h *history, w Writer) (do func() error, err error)
	}{
		{"restores LXD's database", "destroys a volume that was made after the backup", func(h *history, w Writer) (func() error, error) {
			backup := h.world.LXD.SnapshotDatabase()
			err := h.world.LXD.CreateVolume(lxd.VolumeSpec{Pool: h.world.Pool(), Name: "later", Bytes: simulator.Small})
			v := h.volumeNamed(h.arrayName(evidence.TypeCustom, "later"))
			h.world.RestoreDatabase(backup)
			return func() error { return w.Destroy(h.ctx, v.ID) }, err
		}},
		{"restores LXD's database", "destroys a snapshot that was made after the backup", func(h *history, w Writer) (func() error, error) {
			backup := h.world.LXD.SnapshotDatabase()
			err := h.world.LXD.SnapshotVolume(h.world.Pool(), "", "pd0", "later")
			id := h.snapshotID(h.arrayName(evidence.TypeCustom, "pd0/later"))
			h.world.RestoreDatabase(backup)
			return func() error { return w.DestroySnapshot(h.ctx, id) }, err
		}},
		{"moves volumes", "destroys what LXD knows by another name", func(h *history, w Writer) (func() error, error) {
			v := h.volumeNamed(h.arrayName(evidence.TypeCustom, "pd0"))
			err := h.world.Relocate(v.Name, h.world.Pool()+"::u-0123456789abcdef0123456789abcdef")
			return func() error { return w.Destroy(h.ctx, v.ID) }, err
		}},
		{"moves volumes", "destroys a snapshot of what LXD knows by another name", func(h *history, w Writer) (func() error, error) {
			id := h.snapshotID(h.arrayName(evidence.TypeCustom, "pd0/s0"))
			err := h.world.Relocate(h.arrayName(evidence.TypeCustom, "pd0"), h.world.Pool()+"::prod/pd0")
			return func() error { return w.DestroySnapshot(h.ctx, id) }, err
		}},
		{"recovers by hand what is to stay", "destroys what somebody recovered", func(h *history, w Writer) (func() error, error) {
			v, err := h.destroyedLeak(w)
			h.recover(v, true)
			return func() error { return w.Destroy(h.ctx, v.ID) }, err
		}},
		{"recovers and destroys by hand", "eradicates what somebody recovered and destroyed again", func(h *history, w Writer) (func() error, error) {
			v, err := h.destroyedLeak(w)
			h.recover(v, false)
			h.destroyByHand(v)
			h.eradicating = true
			return func() error { return w.Eradicate(h.ctx, v.ID) }, err
		}},
		{"edits plan files", "deletes the array host of others", func(h *history, w Writer) (func() error, error) {
			err := h.world.Array.CreateHost("db7", []string{"iqn.1998-01.com.vmware:db7"}, nil, nil)
			return func() error { return w.DeleteHost(h.ctx, "db7") }, err
		}},
		{"another LXD in a pod of its own", "destroys a leak of others", func(h *history, w Writer) (func() error, error) {
			err := h.arrive("edgepool")
			v, made := h.world.Array.CreateVolume("edgepool::u-0123456789abcdef0123456789abcdef", simulator.Small, array.VolumeOptions{})
			return func() error { return w.Destroy(h.ctx, v.ID) }, errors.Join(err, made)
		}},
		{"another LXD in our pod", "destroys what only the other has a record of", func(h *history, w Writer) (func() error, error) {
			err := h.arrive("")
			for _, record := range h.world.Others[0].Volumes() {
				if record.Name == "xd0" {
					v := h.volumeNamed(lxd.ArrayNames(record, lxd.Volume{})[0])
					return func() error { return w.Destroy(h.ctx, v.ID) }, err
				}
			}
			return nil, errors.Join(err, errors.New("the other has no xd0"))
		}},
		{"another LXD in our pod", "disconnects what runs there", func(h *history, w Writer) (func() error, error) {
			err := h.arrive("")
			for _, c := range h.world.Array.Connections() {
				if h.strange(c.Host) {
					return func() error { return w.Disconnect(h.ctx, c.Volume, c.Host) }, err
				}
			}
			return nil, errors.Join(err, errors.New("the other has no connection"))
		}},
		{"a peer array", "destroys a leak that is used at the peer", func(h *history, w Writer) (func() error, error) {
			v, err := h.world.Array.CreateVolume(h.world.Pool()+"::u-0123456789abcdef0123456789abcdef", simulator.Small, array.VolumeOptions{})
			h.world.Hold(v.Serial)
			return func() error { return w.Destroy(h.ctx, v.ID) }, err
		}},
		{"a peer array", "disconnects a machine that is not ours", func(h *history, w Writer) (func() error, error) {
			name := h.arrayName(evidence.TypeCustom, "pd0")
			err := errors.Join(h.world.Array.CreateHost(otherSite, []string{"iqn.1998-01.com.vmware:db9"}, nil, nil), h.world.Array.Connect(otherSite, name, 0))
			return func() error { return w.Disconnect(h.ctx, name, otherSite) }, err
		}},
	} {
		delete(missing, c.outsider)
		t.Run(c.outsider+" "+c.what, func(t *testing.T) {
			t.Parallel()
			h := newHistory(t, 2, optionsOf(2))
			h.calm = true
			h.settleIn()
			w, err := h.openWriter(h.ctx, h.world.Array.ID())
			if err != nil {
				t.Fatal(err)
			}
			do, err := c.harm(h, w)
			if err != nil || len(h.harm) > 0 {
				t.Fatal(err, h.harm)
			}
			if err := do(); len(h.harm) == 0 {
				t.Errorf("nobody noticed what %s (%v)", c.what, err)
			}
		})
	}
	for name := range missing {
		t.Errorf("there is no harm here that somebody would notice who %s", name)
	}
}

func (h *history) arrayName(kind, name string) string {
	h.t.Helper()
	full, err := h.world.ArrayName(h.world.Pool(), kind, name)
	if err != nil {
		h.t.Fatal(err)
	}
	return full
}

func (h *history) volumeNamed(name string) array.Volume {
	h.t.Helper()
	v, ok := h.world.Array.Volume(name)
	if !ok {
		h.t.Fatalf("there is no %s", name)
	}
	return v
}

// snapshotID is the array's id of a snapshot, from a look.
func (h *history) snapshotID(name string) string {
	h.t.Helper()
	if _, err := h.look(h.ctx, evidence.Scope{}); err != nil {
		h.t.Fatal(err)
	}
	for _, s := range h.seen.Arrays[0].Snapshots.Items {
		if s.Name == name {
			return s.ID
		}
	}
	h.t.Fatalf("there is no snapshot %s", name)
	return ""
}

// destroyedLeak is a leak that we destroyed.
func (h *history) destroyedLeak(w Writer) (array.Volume, error) {
	v, err := h.world.Array.CreateVolume(h.world.Pool()+"::u-0123456789abcdef0123456789abcdef", simulator.Small, array.VolumeOptions{})
	return v, errors.Join(err, w.Destroy(h.ctx, v.ID))
}
