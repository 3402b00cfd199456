package simulator_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/canonical/lxd/client"
	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

func newWorld(t *testing.T, o simulator.Options) *simulator.World {
	t.Helper()
	w, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func TestWorldIsServed(t *testing.T) {
	w := newWorld(t, simulator.Options{Transports: []string{evidence.ModeISCSI, evidence.ModeNVMeTCP}})
	if diff := cmp.Diff([]string{"purepool", "nvpool"}, w.Pools()); diff != "" {
		t.Error(diff)
	}
	c, err := client.ConnectLXDUnix(w.Socket, nil)
	if err != nil {
		t.Fatal(err)
	}
	pools, err := c.GetStoragePools()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pools {
		got = append(got, p.Name+" "+p.Config["pure.mode"])
		if p.Config["pure.gateway"] != w.Server.URL {
			t.Errorf("gateway %s", p.Config["pure.gateway"])
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"nvpool nvme/tcp", "purepool iscsi"}, got); diff != "" {
		t.Error(diff)
	}
	if len(w.Hosts) != 1 || w.Hosts[0].Name() != w.LXD.Name {
		t.Errorf("%d hosts", len(w.Hosts))
	}
}

func TestSameSeedSameWorld(t *testing.T) {
	picture := func(seed uint64) []string {
		s, ok := simulator.Find("healthy-iscsi")
		if !ok {
			t.Fatal("there is no such scenario")
		}
		s.Options.Seed = seed
		w, err := s.Build()
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		var lines []string
		for _, v := range w.Array.Volumes() {
			lines = append(lines, fmt.Sprint(v.Name, v.ID, v.Serial, v.Created, w.Hosts[0].DevicesOf(v.Serial)))
		}
		return lines
	}
	one := picture(4)
	if diff := cmp.Diff(one, picture(4)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(one, picture(5)) {
		t.Error("another seed gave the same world")
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	w, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	w.Close() // again, as after a deferred one
	left, err := os.ReadDir(temp)
	if err != nil || len(left) != 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := simulator.New(simulator.Options{LXDVersion: "1.0"}); err == nil {
		t.Error("LXD 1.0 was built")
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("a world that could not be built left %v", left)
	}
}

// TestLive is about the oracle that other tests judge by.
func TestLive(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := func(kind, name string) string {
		t.Helper()
		n, err := w.ArrayName(w.Pool(), kind, name)
		ok(err)
		return n
	}
	live := func(volume string, want bool) {
		t.Helper()
		if w.Live(volume) != want {
			t.Errorf("%s: live is %v", volume, !want)
		}
	}
	ok(w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "data", Bytes: simulator.Small}))
	ok(w.LXD.CreateInstance(lxd.InstanceSpec{Name: "vm1", Pool: w.Pool(), Type: evidence.TypeVM}))
	data, block := name(evidence.TypeCustom, "data"), name(evidence.TypeVM, "vm1")
	live(data, true)
	live(block, true)
	live(strings.TrimSuffix(block, "-b"), true)
	live(w.Pool()+"::made-by-hand", true)
	live("volume-of-another-pod", true)
	live(w.Pool()+"::u-00000000000000000000000000000000", false)

	ok(w.LXD.ForgetVolume(w.Pool(), "", evidence.TypeCustom, "data"))
	live(data, false)
	w.Keep(data)
	live(data, true)

	ok(w.LXD.StartInstance("", "vm1"))
	w.Doom(block)
	live(block, true) // in use, whatever anybody wants
	ok(w.LXD.StopInstance("", "vm1"))
	live(block, false)

	other, err := w.AddOther("edge01", w.Pool())
	ok(err)
	ok(other.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "theirs", Bytes: simulator.Small}))
	for _, v := range w.Array.Volumes() {
		if v.Name != data && !strings.Contains(v.Name, "::v-") {
			live(v.Name, true)
		}
	}
}

func TestAgeHappensInSteps(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	if _, err := w.Array.CreateVolume(w.Pool()+"::gone", simulator.Small, array.VolumeOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Array.DestroyVolume(w.Pool() + "::gone"); err != nil {
		t.Fatal(err)
	}
	before := w.Clock.Now()
	w.Age(25*time.Hour + 30*time.Minute)
	if passed := w.Clock.Now().Sub(before); passed != 25*time.Hour+30*time.Minute {
		t.Errorf("%s passed", passed)
	}
	if _, there := w.Array.Volume(w.Pool() + "::gone"); there {
		t.Error("it should have been eradicated")
	}
}

func TestHostTreesCanBeWritten(t *testing.T) {
	s, _ := simulator.Find("unmap-refused-iscsi")
	w, err := s.Build()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	dir := t.TempDir()
	if err := w.Hosts[0].WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sys/class/iscsi_session")); err != nil {
		t.Error(err)
	}
}

// TestLiveBehindLXDsBack: what administrators do changes names and records, and
// not what lives.
func TestLiveBehindLXDsBack(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	name := func(volume string) string {
		t.Helper()
		n, err := w.ArrayName(w.Pool(), evidence.TypeCustom, volume)
		ok(err)
		return n
	}
	is := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: live is %v", what, got)
		}
	}
	spec := func(name string) lxd.VolumeSpec {
		return lxd.VolumeSpec{Pool: w.Pool(), Name: name, Bytes: simulator.Small}
	}
	ok(w.LXD.CreateVolume(spec("early")))
	early, backup := name("early"), w.LXD.SnapshotDatabase()
	ok(w.LXD.CreateVolume(spec("late")))
	ok(w.LXD.SnapshotVolume(w.Pool(), "", "early", "s0"))
	late, snapshot := name("late"), name("early/s0")
	full := w.LXD.SnapshotDatabase()

	w.RestoreDatabase(backup)
	is("a volume that was lost", w.Live(late), true)
	is("a snapshot that was lost", w.LiveSnapshot(snapshot), true)
	w.RestoreDatabase(full)
	ok(w.LXD.ForgetVolume(w.Pool(), "", evidence.TypeCustom, "late"))
	is("a volume that came back and was forgotten", w.Live(late), false)
	is("a snapshot that is recorded", w.LiveSnapshot(snapshot), true)

	stray := w.Pool() + "::u-0123456789abcdef0123456789abcdef"
	for _, to := range []string{stray, w.Pool() + "::prod/data", "prod/data", "data", early} {
		v, found := w.Array.Volume(early)
		if !found {
			t.Fatal(early)
		}
		ok(w.Relocate(early, to))
		is(to, w.Live(to), true)
		moved, _ := w.Array.Volume(to)
		is("the snapshot of "+to, w.LiveSnapshot(moved.Snapshots[0]), true)
		if moved.ID != v.ID || moved.Serial != v.Serial {
			t.Errorf("%s is another volume", to)
		}
		ok(w.Relocate(to, early))
	}
	if err := w.Relocate(early, late); err == nil {
		t.Error("two volumes have one name")
	}

	v, _ := w.Array.Volume(late)
	w.Hold(v.Serial)
	is("what is held", w.Live(late), true)
	w.Let(v.Serial)
	is("what is let go", w.Live(late), false)
}
