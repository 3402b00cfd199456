package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// machines makes virtual machines, each with both halves, the running ones' disks
// connected and open on the first host, and returns their disks.
func (s *scene) machines(running, stopped int) (disks []int) {
	for n := range running + stopped {
		vm := fmt.Sprintf("vm-%d", n+1)
		s.volume("p1", name(evidence.TypeVM, evidence.ContentFilesystem, 800+n))
		disk := s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 800+n))
		disks = append(disks, disk)
		s.record(disk, vm)
		if n >= running {
			s.stop(vm, "lxd01")
			continue
		}
		s.run(vm, "lxd01")
		s.connect(disk, hostName)
		s.openedOn(0, s.attach(0, disk, 2), "qemu-system-x86")
	}
	return disks
}

// exchange exchanges the names of two volumes.
func (s *scene) exchange(one, other int) {
	a, b := s.vol(one), s.vol(other)
	a.Name, b.Name = b.Name, a.Name
	a.LXD, b.LXD = b.LXD, a.LXD
	for i := range s.array().Connections.Items {
		switch c := &s.array().Connections.Items[i]; c.VolumeID {
		case a.ID:
			c.VolumeName = a.Name
		case b.ID:
			c.VolumeName = b.Name
		}
	}
}

// shut closes what was opened last on the first machine.
func (s *scene) shut() {
	h := &s.Hosts[0]
	h.Maps.Items[len(h.Maps.Items)-1].OpenCount = evidence.CountOf(0)
	h.Uses.Items = h.Uses.Items[:len(h.Uses.Items)-1]
}

// What runs has its disk under another's name: that is told by what is open, of
// each of which it may be, and by nothing that may as well be in order.
func TestOpenForAnother(t *testing.T) {
	exchanged := func(s *scene) {
		disks := s.machines(1, 1)
		s.exchange(disks[0], disks[1])
	}
	open := func(s *scene, host, volume int) { s.openedOn(host, s.attach(host, volume, 2), "qemu-system-x86") }
	for name, c := range map[string]struct {
		scene func(*scene)
		moved []string
	}{
		"exchanged": {exchanged, []string{"vm-1 is 801"}},
		"with a disk of its own": {func(s *scene) {
			s.machines(1, 0)
			data := s.volume("p1", name(evidence.TypeCustom, evidence.ContentBlock, 900))
			s.record(data, "blk")
			vm := &s.LXD.Instances.Items[len(s.LXD.Instances.Items)-1]
			vm.Disks = append(vm.Disks, evidence.InstanceDisk{Device: "blk", Pool: "p1", Source: "blk", Type: evidence.TypeCustom, Project: "default"})
			other := s.volume("p1", name(evidence.TypeCustom, evidence.ContentBlock, 901))
			s.record(other, "other")
			s.connect(data, hostName)
			open(s, 0, data)
			s.exchange(data, other)
		}, []string{"blk is 901"}},
		"with a leftover": {func(s *scene) {
			disks := s.machines(1, 1)
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.exchange(disks[0], disks[1])
		}, []string{"vm-1 is 801"}},
		"two of two": {func(s *scene) {
			disks := s.machines(2, 2)
			s.exchange(disks[0], disks[2])
			s.exchange(disks[1], disks[3])
		}, []string{"vm-1 may be 802", "vm-1 may be 803", "vm-2 may be 802", "vm-2 may be 803"}},
		"one of two": {func(s *scene) {
			disks := s.machines(1, 2)
			s.exchange(disks[0], disks[1])
			s.connect(disks[2], hostName)
			open(s, 0, disks[2])
		}, []string{"vm-1 may be 801", "vm-1 may be 802"}},
		"two, and an earlier run saw which": {func(s *scene) {
			disks := s.machines(2, 2)
			for i, disk := range disks[:2] {
				v := s.vol(disk)
				s.Seen = append(s.Seen, evidence.Sighting{ArrayID: arrayID, Pod: "p1", VolumeID: v.ID, Name: v.Name, Recorded: clock.Add(-24 * time.Hour), LXDName: fmt.Sprintf("virtual-machine/vm-%d (default)", i+1)})
			}
			s.exchange(disks[0], disks[2])
			s.exchange(disks[1], disks[3])
		}, []string{"vm-1 is 802", "vm-2 is 803"}},

		"in order": {func(s *scene) { s.machines(2, 2) }, nil},
		"by an older look at the machine": {func(s *scene) {
			exchanged(s)
			s.Hosts[0].Began, s.Hosts[0].Ended = clock.Add(-time.Minute), clock.Add(-50*time.Second)
		}, nil},
		"by a look long after": {func(s *scene) {
			exchanged(s)
			s.Hosts[0].Began, s.Hosts[0].Ended = clock.Add(time.Hour), clock.Add(time.Hour)
		}, nil},
		"processes not all visible": {func(s *scene) { exchanged(s); s.Hosts[0].AllProcesses = evidence.No }, nil},
		"disks not all known": {func(s *scene) {
			exchanged(s)
			s.Hosts[0].Disks = evidence.Incomplete(s.Hosts[0].Disks.Items, "cut")
		}, nil},
		"records not all known": {func(s *scene) {
			exchanged(s)
			s.LXD.Records = evidence.Incomplete(s.LXD.Records.Items, "cut")
		}, nil},
		"instances not all known": {func(s *scene) {
			exchanged(s)
			s.LXD.Instances = evidence.Incomplete(s.LXD.Instances.Items, "cut")
		}, nil},
		"instances not all known, and no record of the other": {func(s *scene) {
			exchanged(s)
			s.LXD.Records.Items = s.LXD.Records.Items[:len(s.LXD.Records.Items)-1]
			s.LXD.Instances = evidence.Incomplete(s.LXD.Instances.Items, "cut")
		}, nil},
		"it is open all the same": {func(s *scene) {
			exchanged(s)
			disk := len(s.array().Volumes.Items) - 1
			open(s, 0, disk)
		}, nil},
		"it is still connected": {func(s *scene) {
			exchanged(s)
			s.connect(len(s.array().Volumes.Items)-1, hostName)
		}, nil},
		"the array gives it no serial": {func(s *scene) {
			exchanged(s)
			s.vol(len(s.array().Volumes.Items) - 1).Serial = ""
		}, nil},
		"it is not there": {func(s *scene) {
			exchanged(s)
			s.array().Volumes.Items = s.array().Volumes.Items[:len(s.array().Volumes.Items)-1]
		}, nil},
		"the stopped one is being started": {func(s *scene) {
			exchanged(s)
			s.operate("Starting instance", "/1.0/instances/vm-2")
		}, nil},
		"the running one is being stopped": {func(s *scene) {
			exchanged(s)
			s.operate("Stopping instance", "/1.0/instances/vm-1")
		}, nil},
		"started since the array was read, and another was stopped": {func(s *scene) {
			disks := s.machines(1, 1)
			s.shut()
			open(s, 0, disks[1])
		}, nil},
		"another was stopped": {func(s *scene) {
			disks := s.machines(1, 1)
			s.shut()
			s.connect(disks[1], hostName)
			open(s, 0, disks[1])
		}, nil},
		"another was started since the array was read": {func(s *scene) {
			disks := s.machines(1, 2)
			s.exchange(disks[0], disks[1])
			s.shut()
			open(s, 0, disks[2])
		}, nil},
		"it runs on another member": {func(s *scene) {
			second(s)
			disks := s.machines(0, 1)
			s.record(s.volume("p1", name(evidence.TypeVM, evidence.ContentBlock, 900)), "vm-far")
			s.run("vm-far", "lxd02")
			s.connect(disks[0], hostName)
			open(s, 0, disks[0])
		}, nil},
		"it is not known to run": {func(s *scene) {
			exchanged(s)
			for i := range s.LXD.Instances.Items {
				if inst := &s.LXD.Instances.Items[i]; inst.Name == "vm-1" {
					inst.Running = evidence.Unknown
				}
			}
		}, nil},
		"open by another program": {func(s *scene) {
			exchanged(s)
			s.Hosts[0].Uses.Items[len(s.Hosts[0].Uses.Items)-1].Process = "qemu-img"
		}, nil},
		"it has that disk by its path": {func(s *scene) {
			exchanged(s)
			for _, v := range s.array().Volumes.Items {
				if strings.Contains(v.Name, uuid(801).Hex()+"-b") {
					s.byPath("vm-by-path", "lxd01", "/dev/disk/by-id/wwn-0x"+v.Serial.WWID()[1:])
				}
			}
		}, nil},
		"some instance has something by its path": {func(s *scene) {
			exchanged(s)
			s.byPath("vm-by-path", "lxd01", "/dev/mapper/something")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := healthy()
			c.scene(s)
			var moved []string
			for _, f := range s.judge().Findings {
				if f.Code != codeMoved {
					continue
				}
				for _, record := range s.LXD.Records.Items {
					if record.Name != f.LXD.Name {
						continue
					}
					for _, object := range []string{f.Object, "p1::" + spell(evidence.Name{Type: record.Type, Content: evidence.ContentBlock, UUID: record.UUID})} {
						if e, err := Explain(s.World, s.policy, object, ""); err != nil || e.Healthy {
							t.Errorf("%s is healthy: %v", object, err)
						}
					}
				}
				is := " is "
				if strings.Contains(f.Detail, ") may be p1::") {
					is = " may be "
				}
				for n := 800; n < 910; n++ {
					if strings.Contains(f.Object, uuid(n).Hex()) {
						moved = append(moved, f.LXD.Name+is+fmt.Sprint(n))
					}
				}
			}
			slices.Sort(moved)
			if !slices.Equal(moved, c.moved) {
				t.Errorf("%q instead of %q", moved, c.moved)
			}
		})
	}
}

// What has the name of a disk that runs is not judged: neither is its connection
// to another member cut, nor a snapshot or a copy of it destroyed, and nothing
// about either of the two is said to be healthy.
func TestInTheOthersPlace(t *testing.T) {
	for name, pairs := range map[string]int{"exchanged": 1, "two of two": 2, "in order": 0} {
		s := healthy()
		second(s)
		disks, moved := s.machines(max(pairs, 1), max(pairs, 1)), pairs > 0
		for i := range pairs {
			s.exchange(disks[i], disks[pairs+i])
		}
		other := disks[0]
		if moved {
			other = disks[len(disks)-1]
		}
		s.connect(other, host2)
		s.snapshot(other, copyOf(evidence.TypeVM, evidence.ContentBlock, 950), "")
		asked := 0
		for _, f := range s.judge().Findings {
			if f.Code != "stale-connection" && f.Code != "leaked-snapshot" {
				continue
			}
			asked++
			if refused := slices.Contains(refusals(f), "ordinary"); refused != moved {
				t.Errorf("%s: %s %s is %s: %v", name, f.Code, f.Object, f.Verdict, refusals(f))
			}
		}
		if asked != 2 {
			t.Errorf("%s: %v", name, found(s.judge()))
		}
		for _, disk := range disks {
			e, err := Explain(s.World, s.policy, s.vol(disk).Name, "")
			if err != nil || moved && e.Healthy || slices.ContainsFunc(e.Findings, func(f Finding) bool { return f.Code == codeMoved }) != moved {
				t.Errorf("%s: %v %v", name, e.Findings, err)
			}
		}
	}
}
