package diagnose

import (
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// byPath is a stopped instance with a device by its path.
func (s *scene) byPath(instance, at, path string) {
	s.stop(instance, at)
	i := &s.LXD.Instances.Items[len(s.LXD.Instances.Items)-1]
	i.Paths = []evidence.InstancePath{{Device: "old", Path: path}}
}

// A disk that an instance has by a path is a use of the volume that the path
// means; what can't be told is a doubt, and another's device is neither. That
// holds while the instance is stopped, for what would be destroyed as for what
// would be disconnected.
func TestUsedByPath(t *testing.T) {
	const (
		serial = evidence.Serial("4A1B2C3D4E5F607100000BEE")
		low    = "4a1b2c3d4e5f607100000bee"
	)
	alias := func(a evidence.Alias) func(*scene) {
		return func(s *scene) { s.Hosts[0].Aliases = append(s.Hosts[0].Aliases, a) }
	}
	is := func(path string) func(*scene) {
		return alias(evidence.Alias{Path: path, Serials: []evidence.Serial{serial}})
	}
	other := func(path string) func(*scene) { return alias(evidence.Alias{Path: path, Other: evidence.Yes}) }
	none := func(*scene) {}
	cases := []struct {
		path string
		with func(*scene)
		want Result
	}{
		{"/dev/disk/by-id/wwn-0x624a9370" + low, none, Fail},
		{"/dev/disk/by-id/wwn-0x624a9370" + string(serial) + "-part1", none, Fail},
		{"/dev/disk/by-id/scsi-3624a9370" + low, none, Fail},
		{"/dev/disk/by-id/dm-uuid-mpath-3624a9370" + low, none, Fail},
		{"/dev/disk/by-id/dm-uuid-part1-mpath-3624a9370" + low, none, Fail},
		{"/dev/disk/by-id/dm-name-3624a9370" + low, none, Fail},
		{"/dev/disk/by-id/scsi-SPURE_FlashArray_" + string(serial), none, Fail},
		{"/dev/disk/by-id/scsi-1PURE_FlashArray_1" + string(serial), none, Fail},
		{"/dev/disk/by-id/nvme-eui.00" + low[:14] + "24a937" + low[14:], none, Fail},
		{"/dev/mapper/3624a9370" + low, none, Fail},
		{"/dev/mapper/3624a9370" + low + "p1", none, Fail},
		{"/dev//mapper/../mapper/3624a9370" + low, none, Fail},
		{"/var/lib/snapd/hostfs/dev/mapper/3624a9370" + low, none, Fail},
		// Names that mean what the instance's own machine calls so.
		{"/dev/mapper/mpathz", none, Fail},
		{"/dev/mapper/mpathz-part1", none, Fail},
		{"/dev/dm-77", none, Fail},
		{"/dev/sdzz", none, Fail},
		{"/dev/sdzz1", none, Fail},
		{"65:77", none, Fail},
		{"/dev/block/65:77", none, Fail},
		{"/dev/disk/by-uuid/77", is("/dev/disk/by-uuid/77"), Fail},
		{"/dev/vg-a/data", is("/dev/mapper/vg--a-data"), Fail},
		// Another's.
		{"/dev/disk/by-id/wwn-0x5000c500a1b2c3d4", none, Pass},
		{"/dev/disk/by-id/scsi-3600140512345678901234567890abcde", none, Pass},
		{"/dev/disk/by-id/ata-WDC_WD40", none, Pass},
		{"/dev/loop3", none, Pass},
		{"/dev/fuse", none, Pass},
		{"/dev/sda", other("/dev/sda"), Pass},
		{"8:0", other("8:0"), Pass},
		{"/dev/disk/by-uuid/77", other("/dev/disk/by-uuid/77"), Pass},
		{"/dev/mapper/3624a9370" + strings.Replace(low, "bee", "bef", 1), none, Pass},
		{"/var/snap/lxd/common/lxd/storage-pools/local/custom/default_x", none, Pass},
		// Not known.
		{"/dev/disk/by-uuid/77", none, Uncertain},
		{"/dev/disk/by-label/data", alias(evidence.Alias{Path: "/dev/disk/by-label/data"}), Uncertain},
		{"/dev/disk/by-path/ip-10.0.0.1:3260-iscsi-" + targetQN + "-lun-3", none, Uncertain},
		{"/dev/disk/by-id/nvme-Pure_Storage_FlashArray_4A1B", none, Uncertain},
		{"/dev/mapper/mpathq", none, Uncertain},
		{"/dev/disk/by-id/wwn-0x624a937012345678", none, Uncertain},
		{"/dev/sdq", none, Uncertain},
		{"/dev/vg/data", none, Uncertain},
		{"/dev/zd0", none, Uncertain},
		{"9:9", none, Uncertain},
		{"", none, Uncertain},
		{"/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_nobody", none, Uncertain},
	}
	for _, code := range []string{"leaked-volume", "stale-connection"} {
		for _, c := range cases {
			t.Run(code+" "+c.path+" "+string(c.want), func(t *testing.T) {
				s := healthy()
				v := s.volume("p1", name(evidence.TypeCustom, "", 100))
				s.vol(v).Serial = serial
				if code == "stale-connection" {
					s.record(v, "kill1")
				}
				s.connect(v, hostName)
				s.attach(0, v, 2)
				disk, m := &s.Hosts[0].Disks.Items[len(s.Hosts[0].Disks.Items)-1], lastMap(s)
				m.Name, m.Kernel, m.Dev = "mpathz", "dm-77", "252:77"
				disk.Name, disk.Dev = "sdzz", "65:77"
				m.Paths[1].Disk, m.Paths[1].Dev = disk.Name, disk.Dev
				for i := range s.Hosts[0].Disks.Items {
					if d := &s.Hosts[0].Disks.Items[i]; d.Serial == serial {
						d.Holders = []string{m.Kernel}
					}
				}
				c.with(s)
				s.byPath("rescue", "lxd01", c.path)
				r := s.judge()
				var found *Finding
				for i := range r.Findings {
					if r.Findings[i].Code == code && r.Findings[i].Serial == serial {
						found = &r.Findings[i]
					}
				}
				if found == nil {
					if code == "stale-connection" && c.want == Fail {
						return // LXD is to use it there: it is not stale
					}
					t.Fatalf("not found: %v", r.Findings)
				}
				got := gate(t, *found, "not-expected")
				if got.Result != c.want || c.want != Pass && (!strings.Contains(got.Why, "virtual-machine rescue") && !strings.Contains(got.Why, "container rescue") || !strings.Contains(got.Why, "by path")) {
					t.Errorf("%s: %s, want %s", got.Result, got.Why, c.want)
				}
				if c.want == Uncertain && c.path != "" && !strings.Contains(got.Why, " on lxd01 has "+c.path+" by path (old), and which volume that is is not known") {
					t.Error(got.Why)
				}
				if c.want != Pass && found.Verdict == Safe {
					t.Error("safe")
				}
			})
		}
	}
}

// A path means what the instance's own machine calls so, and nothing else; an
// instance that may be anywhere has what any machine calls so.
func TestPathOfAnotherMachine(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*scene)
		want   Result
	}{
		{"on the machine that has it", func(s *scene) { s.byPath("c9", "lxd01", "/dev/mapper/mpathz") }, Fail},
		{"on another that calls nothing so", func(s *scene) { s.byPath("c9", "lxd02", "/dev/mapper/mpathz") }, Uncertain},
		{"on another that calls something else so", func(s *scene) {
			s.Hosts[1].Aliases = []evidence.Alias{{Path: "/dev/mapper/mpathz", Other: evidence.Yes}}
			s.byPath("c9", "lxd02", "/dev/mapper/mpathz")
		}, Pass},
		{"nobody knows where", func(s *scene) {
			s.Hosts[1].Aliases = []evidence.Alias{{Path: "/dev/mapper/mpathz", Other: evidence.Yes}}
			s.byPath("c9", "lxd09", "/dev/mapper/mpathz")
		}, Fail},
		{"on one that was not read", func(s *scene) {
			s.Hosts = s.Hosts[:1]
			s.byPath("c9", "lxd02", "/dev/mapper/mpathz")
		}, Uncertain},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := healthy()
			second(s)
			v := s.volume("p1", name(evidence.TypeCustom, "", 100))
			s.connect(v, hostName)
			s.attach(0, v, 2)
			lastMap(s).Name = "mpathz"
			c.change(s)
			if got := gate(t, only(t, s.judge(), "leaked-volume"), "not-expected"); got.Result != c.want {
				t.Errorf("%s: %s, want %s", got.Result, got.Why, c.want)
			}
		})
	}
}

// A directory of LXD's is the volume that LXD mounts there.
func TestUsedByDirectory(t *testing.T) {
	s := healthy()
	v := s.volume("p1", name(evidence.TypeCustom, "", 102))
	s.record(v, "kill1")
	s.connect(v, hostName)
	s.attach(0, v, 2)
	record := lastRecord(s)
	s.byPath("backup", "lxd01", "/var/snap/lxd/common/lxd/storage-pools/"+record.Pool+"/"+record.Type+"/"+record.Project+"_"+record.Name+"/mail")
	for _, f := range s.judge().Findings {
		t.Errorf("%s: %s", f.Code, f.Detail)
	}
}

// What an instance elsewhere has by a path is not said to be used by nothing.
func TestStaleButUsedByPathElsewhere(t *testing.T) {
	s := healthy()
	second(s)
	v := stale(s)
	s.byPath("c9", "lxd02", "/dev/disk/by-id/wwn-0x624a9370"+strings.ToLower(string(s.vol(v).Serial)))
	f := only(t, s.judge(), "stale-connection")
	if f.Verdict == Safe || strings.Contains(f.Detail, "used by nothing") || !strings.Contains(f.Detail, "c9") {
		t.Errorf("%s: %s", f.Verdict, f.Detail)
	}
}

// An instance of which LXD does not say where it is may have it anywhere.
func TestStaleAndByPathAnywhere(t *testing.T) {
	s := healthy()
	second(s)
	v := stale(s)
	s.byPath("c9", "lxd09", "/dev/disk/by-id/wwn-0x624a9370"+strings.ToLower(string(s.vol(v).Serial)))
	for _, f := range s.judge().Findings {
		if f.Code == "stale-connection" {
			t.Errorf("%s: %s", f.Verdict, f.Detail)
		}
	}
}
