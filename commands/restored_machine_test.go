package commands

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/array"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// backedUp is a machine on which a leftover was seen for a day, and then a backup was
// made of LXD's database and of our memory; restore puts both back, and LXD is started.
func backedUp(t *testing.T) (w *simulator.World, b *bench, volume string, restore func()) {
	t.Helper()
	w = aged(t, "rollback-refused-iscsi")
	b = silentTrail(t, w)
	volume = b.leaked("leaked-volume")
	b.run("", "check")
	w.Age(25 * time.Hour)
	b.run("", "check")
	state, database := t.TempDir(), w.LXD.SnapshotDatabase()
	if err := os.CopyFS(state, os.DirFS(b.s.given.config.StateDir)); err != nil {
		t.Fatal(err)
	}
	return w, b, volume, func() {
		w.RestoreDatabase(database)
		w.LXD.KillDaemon()
		w.LXD.StartDaemon()
		b.s.given.config.StateDir = state
	}
}

// bringIn makes a leftover LXD's again.
func bringIn(w *simulator.World, volume string) {
	u := strings.TrimPrefix(volume, w.Pool()+"::u-")
	w.LXD.PutVolume(lxd.Volume{
		Pool: w.Pool(), Project: "default", Type: "custom", Name: "back", Content: "filesystem",
		Config: map[string]string{"volatile.uuid": u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]},
	})
}

// A machine that is restored from its backup has an LXD that does not know what
// was made of a leftover since, and a memory of that leftover: it makes batches
// wait like none at all.
func TestRestoredMachine(t *testing.T) {
	for _, written := range []int64{0, 1 << 25} {
		w, b, volume, restore := backedUp(t)
		w.Age(30 * time.Hour)
		bringIn(w, volume)
		if written > 0 {
			if err := w.Array.SetUsed(volume, written); err != nil {
				t.Fatal(err)
			}
		}
		w.Keep(volume)
		b.run("", "check")
		w.Age(24 * 20 * time.Hour)
		restore()
		w.Age(10 * time.Minute)
		_, out, errs := b.run("", "fix", "--all", "--yes")
		if v, ok := w.Array.Volume(volume); !ok || v.Destroyed || !w.Live(volume) {
			t.Errorf("written %d: it was destroyed:\n%s%s", written, out, errs)
		}
	}
}

// Last night's backup is the ordinary one: what it remembers is hours old, and LXD
// was started since. What had a record meanwhile is not taken ten minutes later.
func TestRestoredFromLastNight(t *testing.T) {
	w, b, volume, restore := backedUp(t)
	w.Age(8 * time.Hour)
	bringIn(w, volume)
	if err := w.Array.Disconnect("lxd01-iscsi", volume); err != nil {
		t.Fatal(err)
	}
	w.Keep(volume)
	w.Age(12 * time.Hour)
	restore()
	for _, wait := range []time.Duration{10 * time.Minute, time.Hour, 22 * time.Hour} {
		w.Age(wait)
		b.run("", "check")
		_, out, errs := b.run("", "fix", "--all", "--yes")
		if v, ok := w.Array.Volume(volume); !ok || v.Destroyed || !w.Live(volume) {
			t.Fatalf("it was destroyed:\n%s%s", out, errs)
		}
	}
}

// A connection that was taken away and made again is another one, of its own age.
func TestConnectionMadeAgain(t *testing.T) {
	w := aged(t, "killed-while-waiting-iscsi")
	b := newBench(t, w)
	b.run("", "check")
	var c array.Connection
	for _, row := range w.Array.Connections() {
		if w.Recorded(row.Volume) {
			c = row
		}
	}
	w.Age(12 * time.Hour)
	if err := w.Array.Disconnect(c.Host, c.Volume); err != nil {
		t.Fatal(err)
	}
	for _, d := range w.Hosts[0].DevicesOf(c.Serial) {
		if err := w.Hosts[0].DeletePath(d); err != nil {
			t.Fatal(err)
		}
	}
	w.Age(13 * time.Hour)
	if err := w.Array.Connect(c.Host, c.Volume, 0); err != nil {
		t.Fatal(err)
	}
	w.Age(time.Minute)
	before := len(w.Array.Connections())
	_, out, errs := b.run("", "fix", "--all", "--yes")
	if len(w.Array.Connections()) != before {
		t.Errorf("it was cut:\n%s%s", out, errs)
	}
}

// Of a connection that has gone and come again at the number that it had, which an
// array gives away again at once, nothing tells but that nobody saw it meanwhile. What
// each hour's check has seen for a day a batch takes.
func TestConnectionOutOfSight(t *testing.T) {
	for _, every := range []time.Duration{time.Hour, 12 * time.Hour} {
		w := aged(t, "power-failure-iscsi")
		b := silentTrail(t, w)
		c := w.Array.Connections()[0]
		b.run("", "check")
		for range 25 * time.Hour / every {
			w.Age(every)
			b.run("", "check")
		}
		w.Age(every)
		if every > time.Hour {
			if err := w.Array.Disconnect(c.Host, c.Volume); err != nil {
				t.Fatal(err)
			}
			if err := w.Array.Connect(c.Host, c.Volume, c.LUN); err != nil {
				t.Fatal(err)
			}
		}
		_, out, errs := b.run("", "fix", "--all", "--yes")
		if kept := len(w.Array.Connections()) > 0; kept != (every > time.Hour) {
			t.Errorf("with a look every %v: kept is %v:\n%s%s", every, kept, out, errs)
		}
	}
}
