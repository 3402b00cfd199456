package commands

import (
	"strings"
	"testing"
	"time"
)

// LXD goes on to say that what runs has its disk, whatever became of that: then
// nothing agrees, and nothing about it is healthy.
func TestRunsWithoutItsVolume(t *testing.T) {
	for scenario, kinds := range map[string]map[string]string{
		"healthy-iscsi": {"custom/data": "device data of container web1", "virtual-machine/vm1": "the root disk of virtual-machine vm1", "container/web1": "the root disk of container web1"},
		"healthy-nvme":  {"virtual-machine/vm1": "the root disk of virtual-machine vm1"},
	} {
		b := newBench(t, aged(t, scenario))
		w := b.world
		host := w.Hosts[0]
		for named := range kinds {
			kind, name, _ := strings.Cut(named, "/")
			volume, err := w.ArrayName(w.Pool(), kind, name)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := w.Array.Volume(volume)
			for _, m := range host.Mounts() {
				if m.Serial == v.Serial {
					if err := host.Unmount(m.Path); err != nil {
						t.Fatal(err)
					}
				}
			}
			host.Release(v.Serial)
			if scenario == "healthy-iscsi" {
				if err := host.FlushMap(v.Serial); err != nil {
					t.Fatal(err)
				}
				for len(host.DevicesOf(v.Serial)) > 0 {
					if err := host.RemoveDevice(v.Serial); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := w.Array.Disconnect(w.Array.Connections()[0].Host, volume); err != nil {
				t.Fatal(err)
			}
		}
		w.Age(time.Hour)
		status, out, errs := b.run("", "scan")
		if status != 4 || strings.Contains(out, "agree") {
			t.Errorf("%s: scan: %d\n%s%s", scenario, status, out, errs)
		}
		if status, out, _ := b.run("", "check"); status != 2 {
			t.Errorf("%s: check: %d\n%s", scenario, status, out)
		}
		for name, says := range kinds {
			_, out, _ := b.run("", "explain", "--object", w.Pool()+"/"+name)
			if said := strings.Join(strings.Fields(out), " "); !strings.Contains(said, "by LXD "+says+" (running on lxd01)") || strings.Contains(said, "healthy") {
				t.Errorf("%s: %s:\n%s", scenario, name, out)
			}
		}
	}
}
