package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

// TestNamesOfOtherTools: what stands in a kernel's message, an error of LXD's or
// another tool's output is understood, and the line itself.
func TestNamesOfOtherTools(t *testing.T) {
	s := healthy()
	h := &s.Hosts[0]
	h.Maps.Items[1].Name = `web\x20data`
	s.fibrePort()
	h.Subsystems = evidence.Complete([]evidence.Subsystem{{Name: "nvme-subsys0", NQN: "nqn.2010-06.com.purestorage:flasharray.1", Controllers: []string{"nvme0", "nvme1"}}})
	a := s.array()
	session := h.Sessions.Items[0]
	a.Ports = evidence.Complete([]evidence.Port{{Name: "CT0.ETH4", IQN: session.Target, Portal: evidence.Portal(session.Address, session.Port)}})
	root, data := s.vol(0).Name, s.vol(1).Name
	disk := h.Disks.Items[2]
	uuid := s.vol(1).LXD.UUID.String()
	// A volume that is missing, by the name that it had.
	v := s.volume("p1", name(evidence.TypeCustom, "", 107))
	s.record(v, "lost")
	lost := s.vol(v).LXD.UUID
	a.Volumes.Items = a.Volumes.Items[:v]
	for _, c := range []struct{ object, is, says string }{
		{disk.HCTL, data, ""},
		{disk.Dev, data, ""},
		{"/dev/" + disk.Name, data, ""},
		{disk.Name + "1", data, ""},
		{"/dev/" + disk.Name + "12", data, ""},
		{"lxd01:" + disk.Name + "1", data, ""},
		{partitionOf(disk.Dev), data, ""},
		{"Buffer I/O error on dev " + disk.Name + "1, logical block 0, async page read", data, ""},
		{h.Namespaces.Items[0].Name + "p2", "n1::u-00000007000040008000000000000000", ""},
		{h.Maps.Items[0].Kernel, root, ""},
		{"web data", data, ""},
		{`web\x20data`, data, ""},
		{"/dev/mapper/web data", data, ""},
		{uuid, data, ""},
		{strings.ToUpper(uuid), data, ""},
		{"session1", "lxd01:session1", "LOGGED_IN, its connection up, through it"},
		{"connection1:0", "lxd01:session1", data},
		{"lxd01:session2", "lxd01:session2", "an iSCSI session to"},
		{"session1", "lxd01:session1", "CT0.ETH4 is " + session.Address},
		{"session2", "lxd01:session2", "names no port like this"},
		{"rport-7:0-1", "lxd01:rport-7:0-1", "Blocked, no volume is reached through it"},
		{"52:4A:93:71:23:45:67:00", "lxd01:rport-7:0-1", "a Fibre Channel remote port"},
		{session.Address, session.Address, "CT0.ETH4 is " + session.Address},
		{session.Address + ":" + session.Port, session.Address + ":" + session.Port, "session1 to"},
		{"ct0.ETH4", session.Address, "session1 to"},
		{session.Target, session.Target, "session2 to"},
		{"sd " + disk.HCTL + ": [" + disk.Name + "] tag#12 FAILED Result: hostbyte=DID_NO_CONNECT driverbyte=DRIVER_OK", data, ""},
		{"[ 1234.567890] device-mapper: multipath: " + h.Maps.Items[1].Dev + ": Failing path " + disk.Dev + ".", data, ""},
		{"Nov 22 08:00:00 lxd01 kernel:  session1: session recovery timed out after 120 secs", "lxd01:session1", ""},
		{"multipathd[411]: web: sdzz: no such path; connection2:0: detected conn error (1020)", "lxd01:session2", ""},
		{`Error: Failed locating device for volume "` + data + `": context deadline exceeded`, data, ""},
		{"default_data", data, ""},
		{"nvme0", "lxd01:nvme0", "an NVMe controller"},
		{"nqn.2010-06.com.purestorage:FlashArray.1", "nqn.2010-06.com.purestorage:flasharray.1", "nvme0 is live and nvme1 is live"},
		{"nvme-subsys0", "lxd01:nvme-subsys0", "nvme0 is live, nvme1 is live, through it n1::"},
		{"kernel: block nvme-subsys0: no usable path", "lxd01:nvme-subsys0", "the NVMe subsystem"},
		{"p1::u-" + strings.ReplaceAll(lost.String(), "-", ""), "p1/default/custom/lost", "is a record of LXD in pool p1 without anything on the array"},
		{`time="x" level=warning err="Failed locating device for volume \"default_data\": context deadline exceeded"`, data, ""},
		{`time="x" level=error msg="Failed to mount" driver=pure err="context deadline exceeded" pool=p1 volume=default_data`, data, ""},
		{`level=warning msg="Failed to unmount" volume="default_data" err=EBUSY`, data, ""},
		{"level=debug msg=Mounted volName=default_data refCount=1", data, ""},
		{"ip-" + session.Address + ":" + session.Port + "-iscsi-" + session.Target + "-lun-" + disk.HCTL[strings.LastIndexByte(disk.HCTL, ':')+1:], data, ""},
		{"/dev/disk/by-path/ip-" + session.Address + ":" + session.Port + "-iscsi-" + session.Target + "-lun-" + disk.HCTL[strings.LastIndexByte(disk.HCTL, ':')+1:] + "-part1", data, ""},
		{"Buffer I/O error on dev " + h.Maps.Items[1].Kernel + ", logical block 0, async page read", data, ""},
	} {
		e, err := Explain(s.World, s.policy, c.object, "")
		if err != nil {
			t.Errorf("%s: %v", c.object, err)
			continue
		}
		words := e.What
		for _, statement := range e.Statements {
			words += "\n" + statement.Text
		}
		if e.Object != c.is || !strings.Contains(words, c.says) {
			t.Errorf("%s is %s, want %s, and %q in\n%s", c.object, e.Object, c.is, c.says, words)
		}
		if strings.Contains(e.Object, "session") && (len(e.Findings) > 0 || e.Verdict != ReportOnly) {
			t.Errorf("%s: findings %v, %v", c.object, e.Findings, e.Verdict)
		}
	}
	// A line about two volumes is about two, and one about none about none: a
	// volume may be called as a word of it.
	s.record(s.volume("p1", name(evidence.TypeCustom, "", 40)), "error")
	for line, ambiguous := range map[string]bool{
		"sdb and " + disk.Name + " are gone":              true,
		"an error of nothing that anybody knows 12:34:56": false,
	} {
		_, err := Explain(s.World, s.policy, line, "")
		if _, is := err.(*AmbiguousError); err == nil || is != ambiguous {
			t.Errorf("%s: %v", line, err)
		}
	}
	// What leads to volumes is nothing that verify could look for.
	if fits := Fits(s.World, s.policy, "session1"); len(fits) != 0 {
		t.Errorf("%+v", fits)
	}
}

// TestLineOfAnotherMachine: names of devices in the log of a machine are that
// machine's, and a serial is everybody's.
func TestLineOfAnotherMachine(t *testing.T) {
	s := healthy()
	second(s)
	h := &s.Hosts[0]
	disk, m := h.Disks.Items[2], h.Maps.Items[1]
	data := s.vol(1).Name
	for line, want := range map[string]string{
		"Nov 29 10:00:00 lxd01 kernel: I/O error, dev " + disk.Name + ", sector 0":                              data,
		"2026-11-29T10:00:00+00:00 lxd01.example.com kernel: I/O error, dev " + disk.Name + ", sector 0":        data,
		"I/O error, dev " + disk.Name + ", sector 0":                                                            data,
		"Nov 29 10:00:00 elsewhere kernel: I/O error, dev " + disk.Name + ", sector 0":                          data,
		"2026-11-29T10:00:00+00:00 lxd02 kernel: I/O error, dev " + disk.Name + ", sector 0":                    "",
		"Nov 29 10:00:00 LXD02 kernel: I/O error, dev " + m.Kernel + ", sector 0":                               "",
		"Nov 29 10:00:00 lxd02 kernel: sd " + disk.HCTL + ": rejecting I/O to offline device":                   "",
		"Nov 29 10:00:00 lxd02 multipathd[411]: " + m.Name + ": remaining active paths: 0":                      "",
		"Nov 29 10:00:00 lxd02 kernel:  session1: session recovery timed out after 120 secs":                    "lxd02:session1",
		"Nov 29 10:00:00 lxd02 kernel: nvme nvme0: failed to connect queue":                                     "lxd02:nvme0",
		"Nov 29 10:00:00 lxd02 multipathd[411]: 3624a9370" + strings.ToLower(string(disk.Serial)) + ": no path": data,
	} {
		e, err := Explain(s.World, s.policy, line, "")
		switch {
		case want != "" && (err != nil || e.Object != want):
			t.Errorf("%s: %s, %v", line, e.Object, err)
		case want == "" && (err == nil || !strings.Contains(err.Error(), "which has nothing that it names")):
			t.Errorf("%s: %s, %v", line, e.Object, err)
		}
	}
	// Of a machine that was not read it is not known what it has.
	s.Hosts = s.Hosts[:1]
	_, err := Explain(s.World, s.policy, "Nov 29 10:00:00 lxd02 kernel: I/O error, dev "+disk.Name+", sector 0", "")
	if err == nil || !strings.Contains(err.Error(), "not all of them could tell everything") {
		t.Error(err)
	}
}

// partitionOf is the number of the first partition of an sd.
func partitionOf(dev string) string {
	major, minor, _ := strings.Cut(dev, ":")
	n, _ := strconv.Atoi(minor)
	return major + ":" + strconv.Itoa(n+1)
}

// TestByPathOverFibreChannel: udev's name of a disk by the remote port's.
func TestByPathOverFibreChannel(t *testing.T) {
	s := healthy()
	s.fibre()
	h := &s.Hosts[0]
	disk := h.Disks.Items[2]
	lun := disk.HCTL[strings.LastIndexByte(disk.HCTL, ':')+1:]
	for _, p := range h.RemotePorts.Items {
		e, err := Explain(s.World, s.policy, "pci-0000:05:00.0-fc-0x"+p.WWPN+"-lun-"+lun, "")
		if here := p.Name == disk.RemotePort; err == nil && e.Object != s.vol(1).Name || here && err != nil {
			t.Errorf("%s: %s %v", p.Name, e.Object, err)
		}
	}
	if _, err := Explain(s.World, s.policy, "fc-0x524a937099999999-lun-"+lun, ""); err == nil {
		t.Error("a port that nobody sees has a disk")
	}
}

func (s *scene) fibrePort() {
	s.Hosts[0].RemotePorts = evidence.Complete([]evidence.RemotePort{{Name: "rport-7:0-1", Adapter: "host7", WWPN: "524a937123456700", State: "Blocked", Link: "Online"}})
}

// An array is said to have no such port only where it named all of its ports,
// and by what it names them by.
func TestPortsThatNobodyAskedFor(t *testing.T) {
	for how, c := range map[string]struct {
		ports  evidence.List[evidence.Port]
		object string
		want   string
		known  bool
	}{
		"not asked":    {evidence.List[evidence.Port]{}, "session1", "not known whether it is a port of it", false},
		"not all":      {evidence.Complete([]evidence.Port{{Name: "CT0.ETH9", Portal: "10.9.9.9:3260"}}).Doubt("403"), "session1", "not known whether it is a port of it: 403", false},
		"named":        {evidence.Complete([]evidence.Port{{Name: "CT0.ETH9", Portal: "10.9.9.9:3260"}}), "session1", "names no port like this", true},
		"no such name": {evidence.Complete([]evidence.Port{}), "nvme0", "does not name its ports by this", true},
		"its own":      {evidence.Complete([]evidence.Port{{Name: "CT0.FC0", WWN: "52:4A:93:71:23:45:67:00"}}), "rport-7:0-1", "CT0.FC0 is 52:4A", true},
	} {
		s := healthy()
		s.fibrePort()
		s.Hosts[0].Controllers.Items[0].Transport = "fc"
		s.array().Ports = c.ports
		e, err := Explain(s.World, s.policy, c.object, "")
		if err != nil {
			t.Errorf("%s: %v", how, err)
			continue
		}
		if said := e.Statements[0]; said.Kind != "array" || said.Known != c.known || !strings.Contains(said.Text, c.want) {
			t.Errorf("%s: %+v, want %q", how, said, c.want)
		}
	}
}

// TestMountPath: the path at which a volume is mounted means the volume; where
// another member has a directory of that name, each is told with its machine.
func TestMountPath(t *testing.T) {
	s := healthy()
	second(s)
	const path = "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data"
	data := s.vol(1).Name
	directory := evidence.Directory{Path: path, Pool: "p1", Kind: "custom", Name: "default_data", Empty: evidence.No, Mounted: evidence.Yes}
	s.Hosts[0].Directories = evidence.Complete([]evidence.Directory{directory})
	m := s.Hosts[0].Maps.Items[1]
	s.Hosts[0].Uses = appendTo(s.Hosts[0].Uses, evidence.Use{Kind: evidence.UseMount, Device: m.Kernel, Dev: m.Dev, Where: path})
	explains := func(object, want string) {
		t.Helper()
		if e, err := Explain(s.World, s.policy, object, ""); err != nil || e.Object != want {
			t.Errorf("%s: %s, %v", object, e.Object, err)
		}
	}
	for _, object := range []string{path, path + "/", "lxd01:" + path, "LXD01:" + path + "//"} {
		explains(object, data)
	}
	directory.Empty, directory.Mounted = evidence.Yes, evidence.No
	s.Hosts[1].Directories = evidence.Complete([]evidence.Directory{directory})
	_, err := Explain(s.World, s.policy, path+"/", "")
	several, is := err.(*AmbiguousError)
	if !is || len(several.Candidates) != 2 || several.Candidates[0].Object != data || several.Candidates[1].Object != "lxd02:"+path {
		t.Fatalf("%v", err)
	}
	explains("lxd01:"+path, data)
	explains("lxd02:"+path, path)
	if _, err := Explain(s.World, s.policy, "/", ""); err == nil {
		t.Error("the root directory is something")
	}
}

// TestLinesOfPrograms: what open-iscsi, LXD and umount write of what is there leads
// to it, and a line in which nothing is understood as a name is not said to name
// what is gone.
func TestLinesOfPrograms(t *testing.T) {
	s := healthy()
	second(s)
	h := &s.Hosts[0]
	data := s.vol(1)
	where := "/var/snap/lxd/common/mntns/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_data"
	s.use(evidence.Use{Kind: evidence.UseMount, Where: where, Serial: data.Serial, Device: h.Maps.Items[1].Kernel})
	record := s.LXD.Records.Items[slices.IndexFunc(s.LXD.Records.Items, func(r evidence.Record) bool { return r.UUID == data.LXD.UUID })]
	session := h.Sessions.Items[0].ID
	for line, want := range map[string]string{
		fmt.Sprintf("Nov 29 19:00:00 lxd01 iscsid[88]: Kernel reported iSCSI connection %d:0 error (1020 - ISCSI_ERR_TCP_CONN_CLOSE: TCP connection closed) state (3)", session): fmt.Sprintf("lxd01:session%d", session),
		`Nov 29 19:00:00 lxd01 lxd.daemon[1]: time="2026-11-29T19:00:00Z" level=warning msg="Failed to unmount" pool=` + record.Pool + ` project=default volume=` + record.Name:  data.Name,
		"umount: " + where + ": target is busy.": data.Name,
		`Nov 29 19:00:00 lxd01 lxd.daemon[1]: level=warning msg="Failed to unmount" pool=other project=default volume=` + record.Name:            "which has nothing that it names",
		`Nov 29 19:00:00 lxd01 lxd.daemon[1]: level=warning msg="Failed to unmount" pool=` + record.Pool + ` project=shop volume=` + record.Name: "which has nothing that it names",
		"Nov 29 19:00:00 lxd01 systemd[1]: Started Session 4 of user ann.":                                                                       "and nothing in it is understood as a name",
	} {
		e, err := Explain(s.World, s.policy, line, "")
		if err == nil && e.Object != want || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v", line, e.Object, err)
		}
	}
}

// TestFormerNames: what LXD called a volume when it was last seen leads to it, and
// so does the name of what has left a directory. Neither stands for what has the
// name now.
func TestFormerNames(t *testing.T) {
	s := healthy()
	v := s.vol(s.volume("p1", name(evidence.TypeContainer, "", 41)))
	s.Seen = append(s.Seen, evidence.Sighting{ArrayID: s.Arrays[0].ID, VolumeID: v.ID, LXDName: "container/report1 (default)"})
	h := &s.Hosts[0]
	left := "/var/snap/lxd/common/lxd/storage-pools/p1/custom/default_staging"
	h.Directories.Items = append(h.Directories.Items, evidence.Directory{Path: left, Pool: "p1"})
	for asked, want := range map[string]string{
		"p1/container/report1": v.Name, "container/report1": v.Name, "container/report1 (default)": v.Name, "p1/default/container/report1": v.Name,
		"p1/custom/staging": left, "p1/custom/data": s.vol(1).Name, "p1/shop/container/report1": "", "p1/custom/report1": "",
		"report1": v.Name, "report1 (default)": v.Name, "Staging": left, "data": s.vol(1).Name, "report1 (shop)": "", "report": "", "p1/report1": "",
	} {
		e, err := Explain(s.World, s.policy, asked, "")
		if (err == nil) != (want != "") || err == nil && e.Object != want {
			t.Errorf("%s: %s, %v", asked, e.Object, err)
		}
	}
}
