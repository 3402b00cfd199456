package devices_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// mapsOf tells a host's maps as story does, with why the list may lack some.
func mapsOf(h evidence.Host) []string {
	lines := story(evidence.Host{Maps: h.Maps})
	var maps []string
	for _, line := range lines {
		if !strings.HasPrefix(line, "incomplete:") {
			maps = append(maps, line)
		}
	}
	if !h.Maps.IsComplete() {
		maps = append(maps, "incomplete: "+h.Maps.Why())
	}
	return maps
}

func TestMaps(t *testing.T) {
	cases := []struct {
		name   string
		change func(m *machine)
		want   []string
	}{
		{
			"both sides know it",
			func(m *machine) { m.kernel.checkers = map[string]string{"sda": "ready"} },
			[]string{"dm-1 is 01, open 0 sda=active/ready sdb=active/"},
		},
		{
			"device-mapper can't be asked",
			func(m *machine) { m.kernel.maps, m.kernel.mapsErr = nil, errors.New("no") },
			[]string{"dm-1 is 01, open unknown queueing unknown deferred unknown sda=unknown/ sdb=unknown/"},
		},
		{
			"it appeared after device-mapper was asked",
			func(m *machine) { m.kernel.maps = nil },
			[]string{"dm-1 is 01, open unknown queueing unknown deferred unknown sda=unknown/ sdb=unknown/"},
		},
		{
			"sysfs does not show it any more",
			func(m *machine) { m.Remove("sys/block/dm-1"); m.Remove("sys/class/block/dm-1") },
			[]string{"dm-1 is 01, open 0 sda=active/ sdb=active/"},
		},
		{
			"its slaves are away while a table is loaded",
			func(m *machine) { m.Remove("sys/devices/virtual/block/dm-1/slaves") },
			[]string{"dm-1 is 01, open 0 sda=active/ sdb=active/"},
		},
		{
			"it has no paths, and device-mapper confirms it",
			func(m *machine) {
				m.Remove("sys/devices/virtual/block/dm-1/slaves")
				m.kernel.maps[0].Status, m.kernel.maps[0].Table = "multipath 2 1 0 0 0 0", "multipath 1 queue_if_no_path 0 0 0"
			},
			[]string{"dm-1 is 01, open 0 queueing yes"},
		},
		{
			"it has no paths, and nobody confirms it",
			func(m *machine) {
				m.Remove("sys/devices/virtual/block/dm-1/slaves")
				m.kernel.maps = nil
			},
			[]string{
				"dm-1 is 01, open unknown queueing unknown deferred unknown",
				"incomplete: that dm-1 has no paths could not be confirmed",
			},
		},
		{
			"a path that failed, one that only the table knows, one that only sysfs knows",
			func(m *machine) {
				m.kernel.maps[0].Status = "multipath 2 0 0 0 1 1 E 0 1 2 8:16 F 1 0 1"
				m.kernel.maps[0].Table = "multipath 0 0 1 1 service-time 0 2 2 8:16 1 1 8:99 1 1"
			},
			[]string{"dm-1 is 01, open 0 sdb=failed/ =unknown/ sda=unknown/"},
		},
		{
			"a status that is not understood",
			func(m *machine) { m.kernel.maps[0].Status = "multipath 2 0" },
			[]string{
				"dm-1 is 01, open 0 sda=unknown/ sdb=unknown/",
				`incomplete: the paths of dm-1: the status "multipath 2 0" is not understood: it ends too early`,
			},
		},
		{
			"suspended on either side, and its removal waits for the last opener",
			func(m *machine) { m.kernel.maps[0].Suspended, m.kernel.maps[0].Deferred = true, true },
			[]string{"dm-1 is 01, open 0 suspended yes deferred yes sda=active/ sdb=active/"},
		},
		{
			"an open count that can't be",
			func(m *machine) { m.kernel.maps[0].OpenCount = -1 },
			[]string{"dm-1 is 01, open unknown sda=active/ sdb=active/"},
		},
		{
			"the number was reused by a map of another volume",
			func(m *machine) { m.kernel.maps[0].UUID = serialNo(9).MapUUID() },
			[]string{
				"dm-1 is 01, open unknown queueing unknown deferred unknown sda=unknown/ sdb=unknown/",
				"dm-1 is 09, open 0 sda=active/ sdb=active/",
			},
		},
		{
			"another vendor's map over one of our disks",
			func(m *machine) {
				m.AddFile("sys/devices/virtual/block/dm-1/dm/uuid", []byte("mpath-360000000000000000e00000000010001\n"))
				m.kernel.maps = nil
			},
			[]string{"dm-1 is ?, open unknown queueing unknown deferred unknown sda=unknown/ sdb=unknown/"},
		},
		{
			"another vendor's map, LVM",
			func(m *machine) {
				m.block("sdz", "65:144", "devices/other/sdz")
				m.dm(7, "other", "mpath-360000000000000000e00000000010001", "sdz")
				m.dm(8, "vg-lv", "LVM-abc", "sda")
				m.kernel.maps = append(m.kernel.maps, devices.DM{Name: "vg-lv", UUID: "LVM-abc", Dev: "254:8"})
			},
			[]string{"dm-1 is 01, open 0 sda=active/ sdb=active/"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := withMap()
			c.change(m)
			if diff := cmp.Diff(c.want, mapsOf(m.observe(t))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestTroubleWithoutDeviceMapper(t *testing.T) {
	m := withMap()
	m.kernel.mapsErr = errors.New("permission denied")
	if h := m.observe(t); !strings.Contains(h.Trouble, "device-mapper") {
		t.Errorf("trouble %q", h.Trouble)
	}
	// Without a map of ours it does not matter who has maps open.
	m = newMachine()
	m.kernel.mapsErr = errors.New("permission denied")
	if h := m.observe(t); h.Trouble != "" || !h.Maps.IsComplete() {
		t.Errorf("trouble %q, maps %s", h.Trouble, h.Maps.Why())
	}
}
