package diagnose

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// takenAway leaves nothing of a volume on the first host, nor a connection to it, and
// lets all instances run for a day.
func (s *scene) takenAway(volume int) {
	v, a, h := s.vol(volume), s.array(), &s.Hosts[0]
	a.Connections.Items = slices.DeleteFunc(a.Connections.Items, func(c evidence.Connection) bool { return c.VolumeID == v.ID })
	v.ConnectionCount = evidence.CountOf(0)
	for _, m := range h.Maps.Items {
		if m.Serial == v.Serial {
			h.Uses.Items = slices.DeleteFunc(h.Uses.Items, func(u evidence.Use) bool { return u.Dev == m.Dev })
		}
	}
	h.Maps.Items = slices.DeleteFunc(h.Maps.Items, func(m evidence.Map) bool { return m.Serial == v.Serial })
	h.Disks.Items = slices.DeleteFunc(h.Disks.Items, func(d evidence.Disk) bool { return d.Serial == v.Serial })
	h.Namespaces.Items = slices.DeleteFunc(h.Namespaces.Items, func(n evidence.Namespace) bool { return n.Serial == v.Serial })
	h.Uses.Items = slices.DeleteFunc(h.Uses.Items, func(u evidence.Use) bool { return u.Serial == v.Serial })
	for i := range s.LXD.Instances.Items {
		if inst := &s.LXD.Instances.Items[i]; inst.Running.Is() {
			inst.Status, inst.Started = "Running", clock.Add(-24*time.Hour)
		}
	}
}

// What LXD says runs with a volume, on a machine that was read whole and has no use of
// it, and to which it is not connected, runs without it. What may be on its way, or
// may be there unseen, is not told.
func TestRunsWithoutItsVolume(t *testing.T) {
	container, data, install, fast := 0, 1, 3, 6
	c1 := func(s *scene) *evidence.Instance { return &s.LXD.Instances.Items[0] }
	vm := func(s *scene) int { return s.machines(1, 0)[0] }
	for name, c := range map[string]struct {
		scene func(*scene)
		says  string // nothing is told where it is empty
	}{
		"a custom volume": {
			func(s *scene) { s.takenAway(data) },
			"custom/data (default), by LXD device data of container c1 (running on lxd01); the array does not connect it to lxd01, which has no device of it",
		},
		"a container":         {func(s *scene) { s.takenAway(container) }, "the root disk of container c1"},
		"a namespace":         {func(s *scene) { s.takenAway(fast) }, "device fast of container c1"},
		"a virtual machine":   {func(s *scene) { s.takenAway(vm(s)) }, "the root disk of virtual-machine vm-1"},
		"frozen":              {func(s *scene) { s.takenAway(data); c1(s).Status = "Frozen" }, "by LXD device data"},
		"with an idle path":   {func(s *scene) { s.takenAway(data); s.path(0, data, 1) }, "which does not use what it has of it"},
		"beside an operation": {func(s *scene) { s.takenAway(data); s.operate("Updating instance", "/1.0/instances/c1") }, ""},
		"operations in doubt": {func(s *scene) { s.takenAway(data); s.LXD.Operations = s.LXD.Operations.Doubt("not all") }, ""},
		"stopping":            {func(s *scene) { s.takenAway(data); c1(s).Status = "Stopping" }, ""},
		"stopped":             {func(s *scene) { s.takenAway(data); c1(s).Running = evidence.No }, ""},
		"just started":        {func(s *scene) { s.takenAway(data); c1(s).Started = clock.Add(-14 * time.Minute) }, ""},
		"started at no time":  {func(s *scene) { s.takenAway(data); c1(s).Started = time.Time{} }, ""},
		"on another member": {func(s *scene) {
			s.takenAway(data)
			s.LXD.Clustered, c1(s).Location = evidence.Yes, "lxd02"
			s.LXD.Members = appendTo(s.LXD.Members, evidence.Member{Name: "lxd02", Online: evidence.Yes})
		}, ""},
		"connected":          {func(s *scene) { s.takenAway(data); s.connect(data, hostName) }, ""},
		"destroyed, perhaps": {func(s *scene) { s.takenAway(data); s.vol(data).Destroyed = evidence.Unknown }, ""},
		"running, perhaps":   {func(s *scene) { s.takenAway(data); c1(s).Running = evidence.Unknown }, ""},
		"mounted from what is gone": {func(s *scene) {
			s.takenAway(data)
			s.Hosts[0].Uses = appendTo(s.Hosts[0].Uses, evidence.Use{Kind: evidence.UseMount, Device: "dm-77", Dev: "253:77", Where: "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data"})
		}, ""},
		"under another's name": {func(s *scene) {
			disks := s.machines(1, 1)
			s.exchange(disks[0], disks[1])
			s.takenAway(install)
		}, ""},
		"started in 1970":                 {func(s *scene) { s.takenAway(data); c1(s).Started = time.Unix(0, 0).UTC() }, ""},
		"connected, and not used yet":     {func(s *scene) { s.takenAway(fast); s.connect(fast, nvmeName); s.namespace(0, fast) }, ""},
		"connections in doubt":            {func(s *scene) { s.takenAway(data); s.array().Connections = s.array().Connections.Doubt("page 2") }, ""},
		"uses in doubt":                   {func(s *scene) { s.takenAway(data); s.Hosts[0].Uses = s.Hosts[0].Uses.Doubt("not all") }, ""},
		"processes in doubt":              {func(s *scene) { s.takenAway(data); s.Hosts[0].AllProcesses = evidence.Unknown }, ""},
		"disks in doubt":                  {func(s *scene) { s.takenAway(data); s.Hosts[0].Disks = s.Hosts[0].Disks.Doubt("not all") }, ""},
		"by a recording":                  {func(s *scene) { s.takenAway(data); s.Hosts[0].Recorded = true }, ""},
		"read before LXD":                 {func(s *scene) { s.takenAway(data); s.Hosts[0].Ended = s.LXD.Began.Add(-time.Second) }, ""},
		"in use without a path":           {func(s *scene) { s.takenAway(data); s.mounted(s.attach(0, data, 0), "/data") }, ""},
		"the half with the configuration": {func(s *scene) { vm(s); s.takenAway(install) }, ""},
		"an ISO": {func(s *scene) {
			s.run("vm-9", "lxd01", evidence.InstanceDisk{Device: "cd", Pool: "p1", Source: "install", Type: evidence.TypeCustom, Project: "default"})
			s.takenAway(install)
		}, ""},
		"another pool's record": {func(s *scene) { s.takenAway(container); c1(s).Disks[0].Pool = "n1" }, ""},
		"destroyed":             {func(s *scene) { s.takenAway(data); s.vol(data).Destroyed = evidence.Yes }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.scene(s)
			var said []string
			for _, f := range s.judge().Findings {
				if f.Code == "in-use-without-connection" && strings.Contains(f.Detail, "by LXD ") {
					said = append(said, f.Detail)
					if f.Severity != Critical || f.Verdict != ReportOnly || f.Host != "lxd01" {
						t.Errorf("%s, %s on %q", f.Severity, f.Verdict, f.Host)
					}
				}
			}
			if told := len(said) == 1 && strings.Contains(said[0], c.says); c.says != "" && !told || c.says == "" && said != nil {
				t.Errorf("said %q, want %q", said, c.says)
			}
		})
	}
}
