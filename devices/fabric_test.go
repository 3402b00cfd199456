package devices_test

import (
	"fmt"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
)

// fabricTree reads a tree that was put together from public reports.
func fabricTree(t testing.TB, name string) *treefs.FS {
	t.Helper()
	f, err := os.Open(path.Join("testdata/fabric", name+".tree"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	tree, err := treefs.FromListing(f)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// TestFabrics: what is read of Fibre Channel hosts as public reports show them.
func TestFabrics(t *testing.T) {
	for name, want := range map[string][]string{
		"qla2xxx": {
			"wwpn 21000024ff43b10c", "wwpn 21000024ff43b10d",
			"port rport-33:0-1 on host33 524a937a1b2c3d00 Online", "port rport-33:0-2 on host33 524a937a1b2c3d10 Online", "port rport-33:0-3 on host33 524a937999999900 Online",
			"port rport-34:0-1 on host34 524a937a1b2c3d01 Online", "port rport-34:0-2 on host34 524a937a1b2c3d11 Online", "port rport-34:0-3 on host34 524a937999999901 Online",
			"disk sdk 33:0:0:3 fc rport-33:0-1 running", "disk sdl 33:0:1:3 fc rport-33:0-2 running",
			"disk sdm 34:0:0:3 fc rport-34:0-1 running", "disk sdn 34:0:1:3 fc rport-34:0-2 running",
			"map 3624a93701b07343bc7f64e4400014c26 1B07343BC7F64E4400014C26 sdk sdl sdm sdn",
		},
		"lpfc": {
			"wwpn 10000000c9b269f5", "wwpn 100000109b20802e",
			"port rport-17:0-0 on host17 524a937a1b2c3d01 Blocked", "port rport-3:0-0 on host3 524a937a1b2c3d00 Online",
			"disk sdb 3:0:0:1 fc rport-3:0-0 running", "disk sdc 17:0:0:1 fc rport-17:0-0 blocked",
			"map mpatha 1B07343BC7F64E4400014C26 sdb sdc",
		},
		"nvme-fc": {
			"wwpn 10000000c9b269f5", "wwpn 100000109b20802e",
			"port rport-17:0-0 on host17 524a937a1b2c3d05 Online, NVMe only", "port rport-3:0-0 on host3 524a937a1b2c3d04 Online, NVMe only",
			"controller nvme0 fc nn-0x524a937a1b2c3d04:pn-0x524a937a1b2c3d04 live", "controller nvme1 fc nn-0x524a937a1b2c3d05:pn-0x524a937a1b2c3d05 live",
			"namespace nvme0n1 1B07343BC7F64E4400014C26 nvme0c0n1 nvme0c1n1",
		},
		"nvme-fc-dm": {
			"wwpn 10000000c9b269f5", "wwpn 100000109b20802e",
			"port rport-17:0-0 on host17 524a937a1b2c3d05 Online, NVMe only", "port rport-3:0-0 on host3 524a937a1b2c3d04 Online, NVMe only",
			"controller nvme0 fc nn-0x524a937a1b2c3d04:pn-0x524a937a1b2c3d04 live", "controller nvme1 fc nn-0x524a937a1b2c3d05:pn-0x524a937a1b2c3d05 live",
			"namespace nvme0n1 1B07343BC7F64E4400014C26 nvme0n1", "namespace nvme1n1 1B07343BC7F64E4400014C26 nvme1n1",
			"map eui.001b07343bc7f64e24a9374400014c26 1B07343BC7F64E4400014C26 nvme0n1 nvme1n1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := devices.Observe(t.Context(), recorded(fabricTree(t, name)))
			var got []string
			add := func(format string, args ...any) {
				got = append(got, strings.TrimSpace(fmt.Sprintf(format, args...)))
			}
			for _, w := range h.WWPNs.Items {
				add("wwpn %s", w)
			}
			for _, p := range h.RemotePorts.Items {
				add("port %s on %s %s %s%s", p.Name, p.Adapter, p.WWPN, p.State, map[bool]string{true: ", NVMe only"}[p.NVMeOnly])
			}
			for _, d := range h.Disks.Items {
				add("disk %s %s %s %s %s", d.Name, d.HCTL, d.Transport, d.RemotePort, d.State)
			}
			for _, c := range h.Controllers.Items {
				add("controller %s %s %s %s", c.Name, c.Transport, c.Address, c.State)
			}
			for _, n := range h.Namespaces.Items {
				paths := ""
				for _, p := range n.Paths {
					paths += " " + p.Name
				}
				add("namespace %s %s%s", n.Name, n.Serial, paths)
			}
			for _, m := range h.Maps.Items {
				paths := ""
				for _, p := range m.Paths {
					paths += " " + p.Disk
				}
				add("map %s %s%s", m.Name, m.Serial, paths)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
