package witness_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/internal/worlds"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
	"github.com/pureclean/pureclean/witness"
)

// lookAt is one look of a watch.
func lookAt(t *testing.T, w *witness.Watch, o witness.Options, about evidence.Scope) (evidence.World, diagnose.Report) {
	t.Helper()
	world, _, err := w.Look(t.Context(), o, about)
	if err != nil {
		t.Fatal(err)
	}
	return world, diagnose.Judge(world, diagnose.DefaultPolicy())
}

// aboutVolumes are the findings about volumes that an array lists.
func aboutVolumes(world evidence.World, report diagnose.Report) []diagnose.Finding {
	var all []diagnose.Finding
	for _, f := range report.Findings {
		listed := func(a evidence.Array) bool {
			return a.ID == f.ArrayID && slices.ContainsFunc(a.Volumes.Items, func(v evidence.Volume) bool { return v.ID == f.VolumeID })
		}
		if f.VolumeID != "" && slices.ContainsFunc(world.Arrays, listed) {
			all = append(all, f)
		}
	}
	return all
}

// saidOf are the verdict and the gates of all findings about a volume.
func saidOf(report diagnose.Report, id string) []string {
	var all []string
	for _, f := range report.Findings {
		if f.VolumeID != id {
			continue
		}
		all = append(all, fmt.Sprint(key(f), " ", f.Verdict))
		for _, g := range f.Gates {
			all = append(all, fmt.Sprint(key(f), " ", g.Gate, " ", g.Result))
		}
	}
	slices.Sort(all)
	return all
}

// TestPartIsAsGood: a look about one volume says of it what a look at everything
// says, in every scenario.
func TestPartIsAsGood(t *testing.T) {
	parts := 0
	for _, s := range simulator.Scenarios() {
		w := worlds.Built(t, s)
		o := near(w)
		var watch witness.Watch
		world, report := lookAt(t, &watch, o, evidence.Scope{})
		for _, f := range aboutVolumes(world, report) {
			part, again := lookAt(t, &watch, o, evidence.Scope{ArrayID: f.ArrayID, Volumes: []string{f.VolumeID}})
			if part.Arrays[0].Since.IsZero() {
				continue // nothing can be built on what was seen
			}
			parts++
			if before, now := saidOf(report, f.VolumeID), saidOf(again, f.VolumeID); !slices.Equal(before, now) {
				t.Errorf("%s, %s:\nwhole %v\npart  %v", s.Name, key(f), before, now)
			}
		}
		watch.Close(t.Context())
	}
	if parts < 30 {
		t.Errorf("only %d looks were about a part", parts)
	}
}

// TestChangesAreNoticed: what happens after a look at everything is in a look
// about the volume, or brings a new look at everything. A look at what is
// so now leaves out what the array counts and what was done, and nothing else.
func TestChangesAreNoticed(t *testing.T) {
	for _, anew := range []evidence.Anew{evidence.AnewAll, evidence.AnewNow} {
		changesAreNoticed(t, anew)
	}
}

func changesAreNoticed(t *testing.T, anew evidence.Anew) {
	const pool, stranger = "purepool", "stranger"
	changes := map[string]struct {
		do func(w *simulator.World, leak array.Volume) error
		// everything has to be looked at again.
		everything bool
		// isNow is no where a look at what is so now does not see it.
		isNow evidence.Answer
	}{
		"nothing":              {do: func(*simulator.World, array.Volume) error { return nil }},
		"connected to another": {do: func(w *simulator.World, v array.Volume) error { return w.Array.Connect(stranger, v.Name, 0) }, everything: true},
		"connected to a new host": {do: func(w *simulator.World, v array.Volume) error {
			if err := w.Array.CreateHost("new", []string{"iqn.2026-11.example:new"}, nil, nil); err != nil {
				return err
			}
			return w.Array.Connect("new", v.Name, 0)
		}, everything: true},
		"connected through a group": {do: func(w *simulator.World, v array.Volume) error {
			if err := w.Array.CreateHostGroup("group", stranger); err != nil {
				return err
			}
			return w.Array.Connect("group", v.Name, 0)
		}, everything: true},
		"another volume of the pod connected to a stranger": {do: func(w *simulator.World, v array.Volume) error {
			for _, other := range w.Array.Volumes() {
				if other.Name != v.Name && !other.Destroyed {
					return w.Array.Connect(stranger, other.Name, 0)
				}
			}
			return fmt.Errorf("there is no other volume")
		}, everything: true},
		"a snapshot by hand": {do: func(w *simulator.World, v array.Volume) error {
			_, err := w.Array.CreateSnapshot(v.Name, "by-hand")
			return err
		}},
		"a protection group": {do: func(w *simulator.World, v array.Volume) error { return w.Array.AddToProtectionGroup("pg", v.Name) }},
		"I/O":                {do: func(w *simulator.World, v array.Volume) error { return w.Array.SetIO(v.Name, 10, 10) }},
		"destroyed by hand":  {do: func(w *simulator.World, v array.Volume) error { return takenAway(w, v, false) }},
		"eradicated by hand": {do: func(w *simulator.World, v array.Volume) error { return takenAway(w, v, true) }, everything: true},
		"destroyed and recovered by hand": {do: func(w *simulator.World, v array.Volume) error {
			return errors.Join(takenAway(w, v, false), w.Array.Recover(v.Name))
		}, isNow: evidence.No},
		"renamed":        {do: func(w *simulator.World, v array.Volume) error { return w.Array.RelocateVolume(v.Name, pool+"::kept") }},
		"out of the pod": {do: func(w *simulator.World, v array.Volume) error { return w.Array.RelocateVolume(v.Name, "kept") }, everything: true},
		"in another pod": {do: func(w *simulator.World, v array.Volume) error {
			return errors.Join(w.Array.CreatePod("archive"), w.Array.RelocateVolume(v.Name, "archive::kept"))
		}, everything: true},
		"copied": {do: func(w *simulator.World, v array.Volume) error {
			_, err := w.Array.CopyVolume(v.Name, pool+"::copy")
			return err
		}, everything: true, isNow: evidence.No},
		"a stranger's volume in the pod": {do: func(w *simulator.World, _ array.Volume) error {
			_, err := w.Array.CreateVolume(pool+"::by-hand", simulator.Small, array.VolumeOptions{})
			return err
		}, everything: true, isNow: evidence.No},
		"a pod that is demoted": {do: func(w *simulator.World, _ array.Volume) error {
			return w.Array.SetPodPromotion(pool, "demoted", "demoted")
		}, everything: true},
		"a pod that is stretched": {do: func(w *simulator.World, _ array.Volume) error {
			return w.Array.StretchPod(pool, array.PodArray{ID: "peer", Name: "fa2"})
		}, everything: true},
		"a pod that is linked": {do: func(w *simulator.World, _ array.Volume) error { return w.Array.SetPodLinks(pool, 1, 0) }, everything: true},
		"an array host that changes hands": {do: func(w *simulator.World, _ array.Volume) error {
			return w.Array.SetInitiators("lxd01-iscsi", []string{"iqn.2026-11.example:other"}, nil, nil)
		}, everything: true},
		"another pool":          {do: func(w *simulator.World, _ array.Volume) error { return w.NewPool(w.LXD, "newpool") }, everything: true},
		"an LXD that is killed": {do: func(w *simulator.World, _ array.Volume) error { w.LXD.KillDaemon(); return nil }, everything: true},
		"a volume that LXD makes": {do: func(w *simulator.World, _ array.Volume) error {
			return w.LXD.CreateVolume(lxd.VolumeSpec{Pool: pool, Name: "new", Bytes: simulator.Small})
		}, everything: true},
		"another record deleted": {do: func(w *simulator.World, _ array.Volume) error {
			if err := w.LXD.StopInstance("default", "web8"); err != nil {
				return err
			}
			return w.LXD.DeleteInstance("default", "web8")
		}},
	}
	for name, change := range changes {
		w := worlds.Of(t, "device-too-late-iscsi")
		for _, name := range []string{"web7", "web8", "web9"} {
			if err := w.LXD.Launch(lxd.InstanceSpec{Name: name, Pool: pool, Image: simulator.Image}); err != nil {
				t.Fatal(err)
			}
		}
		w.Age(50 * time.Hour)
		if err := w.Array.CreateHost(stranger, []string{"iqn.2026-11.example:stranger"}, nil, nil); err != nil {
			t.Fatal(err)
		}
		// Others have of each what a volume may get: an answer without it is then
		// held against those, and the list is not read whole.
		for _, v := range w.Array.Volumes() {
			if w.Recorded(v.Name) {
				_, snapped := w.Array.CreateSnapshot(v.Name, "nightly")
				if err := errors.Join(snapped, w.Array.AddToProtectionGroup("pg", v.Name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		o := near(w)
		var watch witness.Watch
		world, report := lookAt(t, &watch, o, evidence.Scope{})
		leaks := slices.DeleteFunc(aboutVolumes(world, report), func(f diagnose.Finding) bool { return f.Code != "leaked-volume" })
		if len(leaks) == 0 {
			t.Fatal("no leak")
		}
		leak, _ := w.Array.Volume(leaks[0].Object)
		if err := change.do(w, leak); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		part, again := lookAt(t, &watch, o, evidence.Scope{ArrayID: leaks[0].ArrayID, Volumes: []string{leaks[0].VolumeID}, Anew: anew})
		_, fresh := ask(t, o)
		if anew == evidence.AnewNow && change.isNow.IsNot() {
			if now, want := saidOf(again, leaks[0].VolumeID), saidOf(fresh, leaks[0].VolumeID); slices.Equal(now, want) && slices.Equal(keys(again), keys(fresh)) {
				t.Errorf("%s: a look at what is so now has it", name)
			}
			watch.Close(t.Context())
			continue
		}
		if now, want := saidOf(again, leaks[0].VolumeID), saidOf(fresh, leaks[0].VolumeID); !slices.Equal(now, want) {
			t.Errorf("%d, %s:\nwhole %v\npart  %v", anew, name, want, now)
		}
		if everything := len(part.Arrays) == 0 || part.Arrays[0].Since.IsZero(); everything != change.everything {
			t.Errorf("%d, %s: everything was looked at: %t", anew, name, everything)
		}
		if now, want := keys(again), keys(fresh); !slices.Equal(now, want) {
			t.Errorf("%d, %s: found %v, and by a new look %v", anew, name, now, want)
		}
		watch.Close(t.Context())
	}
}

func keys(report diagnose.Report) []string {
	var all []string
	for _, f := range report.Findings {
		all = append(all, key(f))
	}
	slices.Sort(all)
	return all
}

func takenAway(w *simulator.World, v array.Volume, forEver bool) error {
	for _, row := range w.Array.Connections() {
		if row.Volume == v.Name {
			if err := w.Array.Disconnect(row.Host, v.Name); err != nil {
				return err
			}
		}
	}
	if err := w.Array.DestroyVolume(v.Name); err != nil || !forEver {
		return err
	}
	return w.Array.Eradicate(v.Name)
}

// TestAnArrayThatDoesNotLook: answers without what is certainly there are not
// believed, and ids that the array does not know and passes over are gone.
func TestAnArrayThatDoesNotLook(t *testing.T) {
	for _, parameter := range []string{"ids", "volume_ids", "source_ids", "member_ids"} {
		w := worlds.Of(t, "device-too-late-iscsi")
		for _, name := range []string{"web7", "web8"} {
			if err := w.LXD.Launch(lxd.InstanceSpec{Name: name, Pool: "purepool", Image: simulator.Image}); err != nil {
				t.Fatal(err)
			}
			for _, v := range w.Array.Volumes() {
				if w.Recorded(v.Name) {
					_, _ = w.Array.CreateSnapshot(v.Name, "by-hand-"+name)
					_ = w.Array.AddToProtectionGroup("pg", v.Name)
				}
			}
		}
		o := options(w)
		o.Array.Wrap = func(next http.RoundTripper) http.RoundTripper { return &emptyFor{next, parameter} }
		var watch witness.Watch
		world, report := lookAt(t, &watch, o, evidence.Scope{})
		f := aboutVolumes(world, report)[0]
		if part, _ := lookAt(t, &watch, o, evidence.Scope{ArrayID: f.ArrayID, Volumes: []string{f.VolumeID}}); !part.Arrays[0].Since.IsZero() {
			t.Errorf("an empty answer to %s was believed", parameter)
		}
		watch.Close(t.Context())
	}
	s, _ := simulator.Find("device-too-late-iscsi")
	s.Options.Unverified.SkipUnknownNames = true
	w := worlds.Built(t, s)
	o := options(w)
	var watch witness.Watch
	defer watch.Close(context.Background())
	world, report := lookAt(t, &watch, o, evidence.Scope{})
	f := aboutVolumes(world, report)[0]
	leak, _ := w.Array.Volume(f.Object)
	if err := takenAway(w, leak, true); err != nil {
		t.Fatal(err)
	}
	if part, _ := lookAt(t, &watch, o, evidence.Scope{ArrayID: f.ArrayID, Volumes: []string{f.VolumeID}}); !part.Arrays[0].Since.IsZero() {
		t.Error("an id that the array passed over was not missed")
	}
}

// emptyFor answers with an empty list where a parameter is given.
type emptyFor struct {
	next      http.RoundTripper
	parameter string
}

func (e *emptyFor) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := e.next.RoundTrip(r)
	if err == nil && r.URL.Query().Has(e.parameter) && !strings.Contains(r.URL.Path, "performance") {
		_ = answer.Body.Close()
		answer.Body = io.NopCloser(strings.NewReader(`{"items":[],"more_items_remaining":false,"total_item_count":0}`))
		answer.ContentLength = -1
		answer.Header.Del("Content-Length")
	}
	return answer, err
}

// TestPartGrowsOld: nothing is built on a look that is older than ten minutes,
// by either clock, or on one that did not see everything.
func TestPartGrowsOld(t *testing.T) {
	w := worlds.Of(t, "device-too-late-iscsi")
	up := time.Hour
	o := options(w)
	o.Uptime = func() time.Duration { return up }
	var watch witness.Watch
	defer watch.Close(context.Background())
	world, report := lookAt(t, &watch, o, evidence.Scope{})
	f := aboutVolumes(world, report)[0]
	about := evidence.Scope{ArrayID: f.ArrayID, Volumes: []string{f.VolumeID}}
	isPart := func(what string, want bool) {
		t.Helper()
		if part, _ := lookAt(t, &watch, o, about); part.Arrays[0].Since.IsZero() == want {
			t.Errorf("%s: a part %t", what, !want)
		}
	}
	isPart("at once", true)
	w.Clock.Advance(9 * time.Minute)
	isPart("9 minutes later", true)
	w.Clock.Advance(2 * time.Minute)
	isPart("11 minutes after the whole", false)
	isPart("at once after it", true)
	up += 11 * time.Minute
	isPart("suspended for 11 minutes", false)
	w.Clock.Advance(-time.Minute)
	isPart("the clock was set back", false)

	off := &refusing{path: "/host-groups", on: true}
	o.Array.Wrap = func(next http.RoundTripper) http.RoundTripper { off.next = next; return off }
	var other witness.Watch
	defer other.Close(context.Background())
	lookAt(t, &other, o, evidence.Scope{})
	off.on = false
	if part, _ := lookAt(t, &other, o, about); !part.Arrays[0].Since.IsZero() {
		t.Error("a part was built on a look that did not see everything")
	}
}

// refusing answers 403 to one list while it is on.
type refusing struct {
	next http.RoundTripper
	path string
	on   bool
}

func (r *refusing) RoundTrip(q *http.Request) (*http.Response, error) {
	answer, err := r.next.RoundTrip(q)
	if err == nil && r.on && strings.HasSuffix(q.URL.Path, r.path) {
		answer.StatusCode = http.StatusForbidden
	}
	return answer, err
}

// TestPartCosts: a look about one volume takes as many requests in a pod of
// three pages as in a small one, and one login.
func TestPartCosts(t *testing.T) {
	var costs []int
	for _, more := range []int{0, 2500} {
		w := worlds.Of(t, "device-too-late-iscsi")
		for n := range more {
			if _, err := w.Array.CreateVolume(fmt.Sprintf("purepool::c-%032x", 0xabc000+n), simulator.Small, array.VolumeOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		o := options(w)
		var watch witness.Watch
		world, report := lookAt(t, &watch, o, evidence.Scope{})
		f := aboutVolumes(world, report)[0]
		w.Array.ResetRequests()
		for range 3 {
			lookAt(t, &watch, o, evidence.Scope{ArrayID: f.ArrayID, Volumes: []string{f.VolumeID}})
		}
		costs = append(costs, len(w.Array.Requests()))
		if n := logins(w.Array); n != 0 {
			t.Errorf("%d more logins", n)
		}
		watch.Close(t.Context())
	}
	if costs[0] != costs[1] || costs[0] > 3*11 {
		t.Errorf("%d requests in a small pod, %d in a large one", costs[0], costs[1])
	}
}

// TestLooksAtTheSameTime: looks that overlap say what each says alone, share no
// login, and leave none behind.
func TestLooksAtTheSameTime(t *testing.T) {
	w := worlds.Of(t, "device-too-late-iscsi")
	// Of what is not LXD's nothing is concluded from the name, look after look.
	if _, err := w.Array.CreateVolume(w.Pool()+"::by-hand", simulator.Small, array.VolumeOptions{}); err != nil {
		t.Fatal(err)
	}
	w.Array.ResetRequests() // LXD's own
	o := options(w)
	var watch witness.Watch
	world, report := lookAt(t, &watch, o, evidence.Scope{})
	f := aboutVolumes(world, report)[0]
	want := saidOf(report, f.VolumeID)
	var group errgroup.Group
	for n := range 10 {
		group.Go(func() error {
			scope := evidence.Scope{ArrayID: f.ArrayID, Volumes: []string{f.VolumeID}, Anew: []evidence.Anew{evidence.AnewAll, evidence.AnewBoth, evidence.AnewArray, evidence.AnewHosts, evidence.AnewNow}[n%5]}
			world, doors, err := watch.Look(t.Context(), o, scope)
			if err != nil {
				return err
			}
			if got := saidOf(diagnose.Judge(world, diagnose.DefaultPolicy()), f.VolumeID); scope.Anew != evidence.AnewArray && !slices.Equal(got, want) {
				return fmt.Errorf("look %d: %v", n, got)
			}
			if len(doors) != 1 {
				return fmt.Errorf("look %d: %d doors", n, len(doors))
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	watch.Close(t.Context())
	in, out := logins(w.Array), 0
	for _, r := range w.Array.Requests() {
		if r.Path == "/logout" {
			out++
		}
	}
	if in != out || in > 8 {
		t.Errorf("%d logins, %d logouts", in, out)
	}
}

// TestACreationHidesNoDestruction: between two looks an administrator destroys a volume that LXD knows, and LXD
// makes another one: the array counts as many as before.
func TestACreationHidesNoDestruction(t *testing.T) {
	w := worlds.New(t, simulator.Options{Transports: []string{evidence.ModeISCSI}})
	for _, name := range []string{"a", "b", "c", "d"} {
		if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: name, Content: evidence.ContentFilesystem, Bytes: simulator.Small}); err != nil {
			t.Fatal(err)
		}
	}
	leak, err := w.Array.CreateVolume(w.Pool()+"::u-000000000000000000000000000feed1", simulator.Small, array.VolumeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	w.Age(50 * time.Hour)
	o := near(w)
	var watch witness.Watch
	world, report := lookAt(t, &watch, o, evidence.Scope{})
	id := ""
	for _, f := range aboutVolumes(world, report) {
		if f.Object == leak.Name {
			id = f.VolumeID
		}
	}
	row, _ := w.LXD.Volume(w.Pool(), "default", evidence.TypeCustom, "b")
	for _, v := range world.Arrays[0].Volumes.Items {
		if v.LXD.UUID.String() == row.Config["volatile.uuid"] {
			av, _ := w.Array.Volume(v.Name)
			if err := takenAway(w, av, false); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "new", Content: evidence.ContentFilesystem, Bytes: simulator.Small}); err != nil {
		t.Fatal(err)
	}
	_, again := lookAt(t, &watch, o, evidence.Scope{ArrayID: world.Arrays[0].ID, Volumes: []string{id}})
	_, fresh := ask(t, o)
	say := func(r diagnose.Report) string {
		for _, f := range r.Findings {
			if f.VolumeID == id {
				for _, g := range f.Gates {
					if g.Gate == "explained" {
						return string(f.Verdict) + ", explained: " + string(g.Result) + " " + g.Why
					}
				}
			}
		}
		return "nothing"
	}
	if say(again) != say(fresh) {
		t.Errorf("a part: %s\na fresh look: %s", say(again), say(fresh))
	}
}

// TestAVolumeThatWasNotThere: a look about a volume that the look before did not
// list is one at everything. The rows of LXD that are taken over are from before it.
func TestAVolumeThatWasNotThere(t *testing.T) {
	w := worlds.New(t, simulator.Options{Transports: []string{evidence.ModeISCSI}})
	old := lxd.VolumeSpec{Pool: w.Pool(), Content: evidence.ContentFilesystem, Bytes: simulator.Small}
	for n := range 12 {
		old.Name = fmt.Sprint("v", n)
		if err := w.LXD.CreateVolume(old); err != nil {
			t.Fatal(err)
		}
	}
	old.Name = "v5"
	w.Age(50 * time.Hour)
	o := near(w)
	var watches [2]witness.Watch
	before, _ := lookAt(t, &watches[0], o, evidence.Scope{})
	lookAt(t, &watches[1], o, evidence.Scope{})
	// The same name again, and as many as before.
	if err := errors.Join(w.LXD.DeleteVolume(w.Pool(), "", old.Name), w.LXD.CreateVolume(old)); err != nil {
		t.Fatal(err)
	}
	id := ""
	for _, v := range w.Array.Volumes() {
		if !slices.ContainsFunc(before.Arrays[0].Volumes.Items, func(known evidence.Volume) bool { return known.ID == v.ID }) {
			id = v.ID
		}
	}
	if id == "" {
		t.Fatal("there is no new volume")
	}
	for i, anew := range []evidence.Anew{evidence.AnewBoth, evidence.AnewArray} {
		now, _ := lookAt(t, &watches[i], o, evidence.Scope{ArrayID: before.Arrays[0].ID, Volumes: []string{id}, Anew: anew})
		if a := &now.Arrays[0]; !a.Since.IsZero() || a.ID != before.Arrays[0].ID {
			t.Errorf("%d: it was looked at as a part of what was there before", anew)
		}
	}
}
