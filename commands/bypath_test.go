package commands

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator"
	"github.com/pureclean/pureclean/simulator/lxd"
)

// An instance that has a volume's disk by its path has it, stopped or not, and
// whether or not LXD knows what it is: nothing of it is destroyed, and no
// connection of it to there is taken away.
func TestInstanceHasItByPath(t *testing.T) {
	for _, c := range []struct {
		name  string
		path  func(serial string) string
		stale int
	}{
		{"its own name", func(serial string) string { return "/dev/disk/by-id/wwn-0x624a9370" + serial }, 0},
		{"a name that nobody knows", func(string) string { return "/dev/disk/by-uuid/6ca2d1f0-0000-4000-8000-000000000000" }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := simulator.Healthy(simulator.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(w.Close)
			b := newBench(t, w)
			b.s.InTerminal, b.s.OutTerminal, b.s.ErrTerminal = false, false, false
			err = w.LXD.CreateVolume(lxd.VolumeSpec{Pool: w.Pool(), Name: "sales"})
			leaked, err2 := w.ArrayName(w.Pool(), "custom", "sales")
			archive, err3 := w.ArrayName(w.Pool(), "custom", "archive")
			err4 := w.LXD.ForgetVolume(w.Pool(), "default", "custom", "sales")
			err5 := w.Array.Connect("lxd01-iscsi", archive, 0)
			if err := errors.Join(err, err2, err3, err4, err5); err != nil {
				t.Fatal(err)
			}
			w.Hosts[0].Rescan()
			disks := map[string]map[string]string{}
			for device, name := range map[string]string{"one": leaked, "other": archive} {
				v, _ := w.Array.Volume(name)
				disks[device] = map[string]string{"type": "disk", "source": c.path(strings.ToLower(v.Serial))}
			}
			if err := w.LXD.CreateInstance(lxd.InstanceSpec{Name: "rescue", Pool: w.Pool(), Type: evidence.TypeVM}); err != nil {
				t.Fatal(err)
			}
			rescue, _ := w.LXD.Instance("", "rescue")
			maps.Copy(rescue.Devices, disks)
			w.LXD.PutInstance(rescue)
			w.Age(48 * time.Hour)
			b.run("", "check")
			w.Age(25 * time.Hour)
			_, out, _ := b.run("", "scan", "-v")
			if got := strings.Count(out, "stale-connection  "); got != c.stale || strings.Contains(out, "used by nothing") {
				t.Errorf("%d stale connections, want %d\n%s", got, c.stale, out)
			}
			if status, out, errs := b.run("", "fix", "--all", "--yes"); status != StatusRefused || !strings.Contains(strings.Join(strings.Fields(out), " "), "by path") {
				t.Errorf("status %d\n%s%s", status, out, errs)
			}
			if v, ok := w.Array.Volume(leaked); !ok || v.Destroyed {
				t.Error("the leaked volume was destroyed")
			}
			connected := false
			for _, row := range w.Array.Connections() {
				connected = connected || row.Volume == archive
			}
			if !connected {
				t.Error("the recorded volume was disconnected")
			}
		})
	}
}
