package repair

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/evidence"
)

// TestNoDeadPath: a volume is connected again only where no path of another would
// become one to it.
func TestNoDeadPath(t *testing.T) {
	const iqn, own, other = "iqn.x:lxd01", evidence.Serial("4A1B2C3D4E5F607100000001"), evidence.Serial("4A1B2C3D4E5F607100000002")
	dead := func(hctl string, serial evidence.Serial) evidence.Disk {
		return evidence.Disk{Name: "sdl", HCTL: hctl, Serial: serial, Live: evidence.Identity{Kind: evidence.IdentityGone}}
	}
	for name, c := range map[string]struct {
		set  func(*evidence.Array, *evidence.Host, *Step)
		want diagnose.Result
		says string
	}{
		"nothing is there": {func(*evidence.Array, *evidence.Host, *Step) {}, diagnose.Pass, "no path on lxd01"},
		"a path that works": {func(_ *evidence.Array, h *evidence.Host, _ *Step) {
			h.Disks.Items = []evidence.Disk{{Name: "sda", HCTL: "1:0:0:7", Serial: other, Live: evidence.Identity{Kind: evidence.IdentityKnown, Serial: other}}}
		}, diagnose.Pass, ""},
		"a dead path at the number": {func(_ *evidence.Array, h *evidence.Host, _ *Step) {
			h.Disks.Items = []evidence.Disk{dead("1:0:0:7", other)}
		}, diagnose.Fail, "sdl on lxd01 leads to no volume"},
		"a path that does not answer at the number": {func(_ *evidence.Array, h *evidence.Host, _ *Step) {
			h.Disks.Items = []evidence.Disk{dead("1:0:0:7", other)}
			h.Disks.Items[0].Live = evidence.Identity{}
		}, diagnose.Fail, "sdl on lxd01"},
		"a path at no number": {func(_ *evidence.Array, h *evidence.Host, _ *Step) {
			h.Disks.Items = []evidence.Disk{dead("", other)}
		}, diagnose.Fail, "sdl on lxd01"},
		"a dead path at another number": {func(_ *evidence.Array, h *evidence.Host, _ *Step) {
			h.Disks.Items = []evidence.Disk{dead("1:0:0:8", other)}
		}, diagnose.Pass, ""},
		"a dead path of its own": {func(_ *evidence.Array, h *evidence.Host, _ *Step) {
			h.Disks.Items = []evidence.Disk{dead("1:0:0:7", own)}
		}, diagnose.Pass, ""},
		"the number is not known": {func(_ *evidence.Array, h *evidence.Host, s *Step) {
			s.LUN = 0
			h.Disks.Items = []evidence.Disk{dead("1:0:0:8", other)}
		}, diagnose.Fail, "sdl on lxd01"},
		"the number is another volume's by now": {func(a *evidence.Array, h *evidence.Host, _ *Step) {
			a.Connections.Items = []evidence.Connection{{VolumeName: "p::x", Host: "LXD01-iscsi", LUN: 7}}
			h.Disks.Items = []evidence.Disk{dead("1:0:0:8", other)}
		}, diagnose.Fail, "sdl on lxd01"},
		"a path of a volume that is connected, and does not answer": {func(a *evidence.Array, h *evidence.Host, s *Step) {
			s.LUN = 0
			a.Connections.Items = []evidence.Connection{{VolumeName: "p::x", Host: "lxd01-iscsi", LUN: 8}}
			h.Disks.Items = []evidence.Disk{dead("1:0:0:8", other)}
		}, diagnose.Pass, ""},
		"not all paths are known":  {func(_ *evidence.Array, h *evidence.Host, _ *Step) { h.Disks = h.Disks.Doubt("EIO") }, diagnose.Uncertain, "EIO"},
		"not all connections are":  {func(a *evidence.Array, _ *evidence.Host, _ *Step) { a.Connections = a.Connections.Doubt("page 2") }, diagnose.Uncertain, "page 2"},
		"nobody knows the machine": {func(_ *evidence.Array, h *evidence.Host, _ *Step) { h.IQNs.Items = []string{"iqn.x:other"} }, diagnose.Uncertain, "no machine that was read"},
		"over NVMe": {func(a *evidence.Array, h *evidence.Host, _ *Step) {
			a.Hosts.Items[0].IQNs, a.Hosts.Items[0].NQNs = nil, []string{"nqn.x"}
			h.Disks.Items = []evidence.Disk{dead("1:0:0:7", other)}
		}, diagnose.Pass, "over NVMe"},
		"over NVMe and iSCSI": {func(a *evidence.Array, h *evidence.Host, _ *Step) {
			a.Hosts.Items[0].NQNs = []string{"nqn.x"}
			h.Disks.Items = []evidence.Disk{dead("1:0:0:7", other)}
		}, diagnose.Fail, "sdl on lxd01"},
		"an array host without initiators": {func(a *evidence.Array, _ *evidence.Host, _ *Step) { a.Hosts.Items[0].IQNs = nil }, diagnose.Uncertain, "no machine that was read"},
		"no such array host":               {func(a *evidence.Array, _ *evidence.Host, _ *Step) { a.Hosts.Items = nil }, diagnose.Uncertain, "no machine that was read"},
		"another array":                    {func(_ *evidence.Array, _ *evidence.Host, s *Step) { s.ArrayID = "peer" }, diagnose.Uncertain, "was not read"},
	} {
		t.Run(name, func(t *testing.T) {
			a := evidence.Array{ID: "a", Hosts: evidence.Complete([]evidence.ArrayHost{{Name: "lxd01-iscsi", IQNs: []string{iqn}}}), Connections: evidence.Complete([]evidence.Connection{})}
			h := evidence.Host{IQNs: evidence.Complete([]string{iqn}), Disks: evidence.Complete([]evidence.Disk{})}
			h.Name = "lxd01"
			step := Step{Kind: StepReconnect, HostObject: "lxd01-iscsi", LUN: 7}
			c.set(&a, &h, &step)
			s := subject{world: &evidence.World{Hosts: []evidence.Host{h}}, array: &a, serial: own}
			if got, why := noDeadPath(nil, s, step); got != c.want || !strings.Contains(why, c.says) {
				t.Errorf("%s: %s", got, why)
			}
		})
	}
}
