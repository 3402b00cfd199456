package witness_test

import (
	"context"
	"slices"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// saying are machines of which one says something else than it has.
type saying struct {
	*reached
	member string
	change func(*evidence.Host)
}

func (s saying) Ask(ctx context.Context, member string) evidence.Host {
	h := s.reached.Ask(ctx, member)
	if member == s.member {
		s.change(&h)
	}
	return h
}

// leakOn leaves a volume that is connected to a member and has its devices there.
func leakOn(t *testing.T, w *simulator.World, member int, id string) array.Volume {
	t.Helper()
	name := w.Pool() + "::u-000000000000300080000000000000" + id
	if _, err := w.Array.CreateVolume(name, simulator.Small, array.VolumeOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Array.Connect(w.Hosts[member].Name()+"-iscsi", name, 0); err != nil {
		t.Fatal(err)
	}
	w.Hosts[member].Rescan()
	v, _ := w.Array.Volume(name)
	return v
}

// TestNearIsWhoMayHaveIt: a look at what is near to a volume asks the machines
// that may have something of it, and says of it what a look at all of them says.
func TestNearIsWhoMayHaveIt(t *testing.T) {
	part := evidence.Incomplete([]string{}, "a part of it could not be read")
	for name, c := range map[string]struct {
		// says changes what the third member says in the look before, since is what
		// happens after it.
		says    func(*evidence.Host)
		since   func(w *simulator.World, leak array.Volume) error
		members []string
		want    []string
	}{
		"it has others' devices": {want: []string{"lxd02"}},
		"it is named":            {members: []string{"LXD03"}, want: []string{"lxd02", "lxd03"}},
		"it is connected since": {since: func(w *simulator.World, leak array.Volume) error {
			return w.Array.Connect("lxd03-iscsi", leak.Name, 0)
		}, want: []string{"lxd02", "lxd03"}},
		"it was silent":     {says: func(h *evidence.Host) { h.Trouble = "it is away" }, want: []string{"lxd02", "lxd03"}},
		"from a file":       {says: func(h *evidence.Host) { h.Recorded = true }, want: []string{"lxd02", "lxd03"}},
		"hidden processes":  {says: func(h *evidence.Host) { h.AllProcesses = evidence.Unknown }, want: []string{"lxd02", "lxd03"}},
		"unread initiators": {says: func(h *evidence.Host) { h.IQNs = part }, want: []string{"lxd02", "lxd03"}},
		"unread disks":      {says: func(h *evidence.Host) { h.Disks = evidence.Incomplete(h.Disks.Items, "?") }, want: []string{"lxd02", "lxd03"}},
		"unread maps":       {says: func(h *evidence.Host) { h.Maps = evidence.Incomplete(h.Maps.Items, "?") }, want: []string{"lxd02", "lxd03"}},
		"unread uses":       {says: func(h *evidence.Host) { h.Uses = evidence.Incomplete(h.Uses.Items, "?") }, want: []string{"lxd02", "lxd03"}},
		"unread names":      {says: func(h *evidence.Host) { h.Links = evidence.Incomplete(h.Links.Items, "?") }, want: []string{"lxd02", "lxd03"}},
		"unread namespaces": {says: func(h *evidence.Host) { h.Namespaces = evidence.Incomplete(h.Namespaces.Items, "?") }, want: []string{"lxd02", "lxd03"}},
		"a path that does not answer": {says: func(h *evidence.Host) {
			h.Disks = evidence.Complete(slices.Clone(h.Disks.Items))
			h.Disks.Items[0].Live = evidence.Identity{}
		}, want: []string{"lxd02", "lxd03"}},
		"a map without a serial": {says: func(h *evidence.Host) {
			h.Maps = evidence.Complete(append(slices.Clone(h.Maps.Items), evidence.Map{Name: "mpathz"}))
		}, want: []string{"lxd02", "lxd03"}},
		"a namespace without a serial": {says: func(h *evidence.Host) {
			h.Namespaces = evidence.Complete([]evidence.Namespace{{Name: "nvme9n1"}})
		}, want: []string{"lxd02", "lxd03"}},
		"a lost controller": {says: func(h *evidence.Host) {
			h.Controllers = evidence.Complete([]evidence.Controller{{Name: "nvme9", State: "connecting"}})
		}, want: []string{"lxd02", "lxd03"}},
		"a use of what has gone": {says: func(h *evidence.Host) {
			h.Uses = evidence.Complete(append(slices.Clone(h.Uses.Items), evidence.Use{Kind: evidence.UseMount, Device: "dm-77", Where: "/mnt"}))
		}, want: []string{"lxd02", "lxd03"}},
	} {
		t.Run(name, func(t *testing.T) {
			w, r, o := threeMembers(t)
			for _, m := range w.LXD.Members() {
				if err := m.Launch(lxd.InstanceSpec{Name: "on-" + m.Name, Pool: w.Pool(), Image: simulator.Image}); err != nil {
					t.Fatal(err)
				}
			}
			leak := leakOn(t, w, 1, "01")
			if c.says != nil {
				o.Fleet = saying{r, "lxd03", c.says}
			}
			var watch witness.Watch
			defer watch.Close(t.Context())
			world, report := lookAt(t, &watch, o, evidence.Scope{})
			if c.since != nil {
				if err := c.since(w, leak); err != nil {
					t.Fatal(err)
				}
			}
			r.asked = nil
			scope := evidence.Scope{ArrayID: world.Arrays[0].ID, Volumes: []string{leak.ID}, Near: true, Members: c.members}
			near, again := lookAt(t, &watch, o, scope)
			slices.Sort(r.asked)
			if near.Arrays[0].Since.IsZero() || !slices.Equal(r.asked, c.want) {
				t.Errorf("asked %v, want %v", r.asked, c.want)
			}
			if len(near.Hosts) != 3 {
				t.Fatalf("%d hosts", len(near.Hosts))
			}
			for i, h := range near.Hosts {
				if kept := i > 0 && !slices.Contains(c.want, h.Name); h.Kept != kept || kept && !h.Began.Equal(world.Hosts[i].Began) {
					t.Errorf("%s: kept %v", h.Name, h.Kept)
				}
			}
			if c.says == nil && c.since == nil {
				if before, now := saidOf(report, leak.ID), saidOf(again, leak.ID); !slices.Equal(before, now) || len(now) == 0 {
					t.Errorf("whole %v\nnear %v", before, now)
				}
			}
			// Whoever asks for more than what is near asks all.
			r.asked = nil
			scope.Near = false
			all, _ := lookAt(t, &watch, o, scope)
			if len(r.asked) != 2 || slices.ContainsFunc(all.Hosts, func(h evidence.Host) bool { return h.Kept }) {
				t.Errorf("asked %v", r.asked)
			}
		})
	}
}

// TestBriefAboutOthers: a look about a volume reads all of its own devices, and of
// others' who they are; where one of the volumes is not known, all of all.
func TestBriefAboutOthers(t *testing.T) {
	w := worlds.Of(t, "device-too-late-iscsi")
	if err := w.LXD.Launch(lxd.InstanceSpec{Name: "web9", Pool: w.Pool(), Image: simulator.Image}); err != nil {
		t.Fatal(err)
	}
	o := near(w)
	var watch witness.Watch
	defer watch.Close(t.Context())
	world, report := lookAt(t, &watch, o, evidence.Scope{})
	leaks := slices.DeleteFunc(aboutVolumes(world, report), func(f diagnose.Finding) bool { return f.Code != "leaked-volume" })
	leak, _ := w.Array.Volume(leaks[0].Object)
	for _, anew := range []evidence.Anew{evidence.AnewAll, evidence.AnewHosts, evidence.AnewBoth, evidence.AnewNow} {
		for _, c := range []struct {
			ids   []string
			brief bool
		}{{[]string{leak.ID}, true}, {[]string{leak.ID, "0-not-there"}, false}} {
			part, _ := lookAt(t, &watch, o, evidence.Scope{ArrayID: leaks[0].ArrayID, Volumes: c.ids, Anew: anew})
			own, others := 0, 0
			for _, d := range part.Hosts[0].Disks.Items {
				if d.Serial == evidence.Serial(leak.Serial) {
					own++
				} else {
					others++
				}
				if known := d.Serial == evidence.Serial(leak.Serial) || !c.brief; d.Seq.Known != known || d.Bytes.Known != known {
					t.Errorf("%d, about %v: %s of %s is read in full: %t", anew, c.ids, d.Name, d.Serial, !known)
				}
			}
			if own == 0 || others == 0 {
				t.Errorf("%d disks of the volume and %d others", own, others)
			}
		}
	}
}
