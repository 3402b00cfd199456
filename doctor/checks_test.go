package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/doctor"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
)

// arrived is a device that took so many milliseconds.
func arrived(ms ...int64) func(*evidence.World) {
	return func(w *evidence.World) {
		var all []evidence.Arrival
		for _, n := range ms {
			all = append(all, evidence.Arrival{Device: "sda", DiskMS: evidence.CountOf(n / 2), MapMS: evidence.CountOf(n), Source: "the journal"})
		}
		w.Hosts[0].Log.Arrivals = evidence.Complete(all)
	}
}

func complained(kind evidence.ComplaintKind, text string) func(*evidence.World) {
	return func(w *evidence.World) {
		w.Hosts[0].Log.Complaints = evidence.Complete([]evidence.Complaint{{Kind: kind, At: now, Text: text, File: "/var/log/syslog", Line: 7}})
	}
}

// ill are worlds in which one thing is wrong, besides settings.
var ill = []struct {
	name   string
	change func(*evidence.World)
	found  []diagnose.Finding
	check  string
	weight settings.Weight
	says   []string
}{
	{name: "an array that is silent", change: func(w *evidence.World) { w.Arrays[0].Volumes = w.Arrays[0].Volumes.Doubt("a page is missing") }, check: "cannot-testify", weight: settings.Critical, says: []string{"a page is missing"}},
	{name: "an LXD that hides", change: func(w *evidence.World) {
		w.LXD.SeesAll, w.LXD.SeesAllWhy = evidence.No, "the pool's configuration is hidden"
	}, check: "cannot-testify", weight: settings.Critical, says: []string{"hidden"}},
	{name: "a member that was not asked", change: func(w *evidence.World) {
		w.LXD.Members = evidence.Complete(append(w.LXD.Members.Items, evidence.Member{Name: "lxd02", Online: evidence.Yes}))
	}, check: "cannot-testify", weight: settings.Critical, says: []string{"its devices were not read"}},
	{name: "a token that may only read", change: func(w *evidence.World) { w.Arrays[0].Role = "readonly" }, check: "array-role", weight: settings.Hint, says: []string{"readonly", "pureuser"}},
	{name: "a certificate that nobody verifies", change: func(w *evidence.World) { w.Arrays[0].TLS.Verified = "nothing" }, check: "array-tls", weight: settings.Warning, says: []string{"  p1: {array: {fingerprint: sha256:0a}}"}},
	{name: "a certificate at its end", change: func(w *evidence.World) { w.Arrays[0].TLS.Expires = now.Add(72 * time.Hour) }, check: "array-certificate", weight: settings.Warning, says: []string{"good until 2026-11-25"}},
	{name: "a certificate beyond it", change: func(w *evidence.World) { w.Arrays[0].TLS.Expires = now.Add(-time.Hour) }, check: "array-certificate", weight: settings.Warning, says: []string{"expired on 2026-11-22"}},
	{name: "an array behind", change: func(w *evidence.World) { w.Arrays[0].Clock = now.Add(-5 * time.Minute) }, check: "clock", weight: settings.Warning, says: []string{"5m0s behind"}},
	{name: "a member ahead", change: func(w *evidence.World) { w.Hosts[0].Clock = now.Add(time.Hour) }, check: "clock", weight: settings.Warning, says: []string{"1h0m0s ahead of"}},
	{name: "a short delay", change: func(w *evidence.World) { w.Arrays[0].EradicationDelay = time.Hour }, check: "array-eradication-delay", weight: settings.Warning, says: []string{"at least a day"}},
	{name: "SafeMode", change: func(w *evidence.World) { w.Arrays[0].ManualEradication = "all-disabled" }, check: "array-safemode", weight: settings.Warning, says: []string{"all-disabled"}},
	{name: "a quota nearly used", change: func(w *evidence.World) { w.Arrays[0].Pods.Items[0].Counted = evidence.CountOf(950) }, check: "array-quota", weight: settings.Warning, says: []string{"95 %"}},
	{name: "a quota well used, of an array that tells only what is provisioned", change: func(w *evidence.World) { w.Arrays[0].Pods.Items[0].Provisioned = evidence.CountOf(820) }, check: "array-quota", weight: settings.Hint, says: []string{"82 %"}},
	{name: "a hijacked host", found: []diagnose.Finding{{Code: "hijacked-host", Object: "lxd01-iscsi", ArrayID: "array-id", Detail: "it has another's initiator"}}, check: "name-collision", weight: settings.Critical, says: []string{"another's initiator", "pureclean explain --object lxd01-iscsi"}},
	{name: "strangers in the pod", found: []diagnose.Finding{
		{Code: "foreign-connection", Object: "p1::u-1", Pool: "p1", ArrayID: "array-id"},
		{Code: "foreign-connection", Object: "p1::u-2", Pool: "p1", ArrayID: "array-id"},
	}, check: "name-collision", weight: settings.Warning, says: []string{"2 volumes are connected", "p1::u-1"}},
	{name: "LXD 6.3", change: func(w *evidence.World) { w.LXD.Version = "6.3"; drop(w, "multipath find_multipaths") }, check: "lxd-", weight: "", says: []string{"15210"}},
	{name: "LXD 5.21.7", change: func(w *evidence.World) { w.LXD.Version = "5.21.7 LTS"; drop(w, "multipath find_multipaths") }, check: "lxd-paths-left", weight: settings.Warning, says: []string{"leaves its paths"}},
	{name: "LXD 6.9", change: func(w *evidence.World) { w.LXD.Version = "6.9-ab8fad2" }, check: "lxd-image-copies", weight: settings.Hint, says: []string{"one more image volume"}},
	{name: "a cloned machine", change: func(w *evidence.World) {
		w.LXD.Members = evidence.Complete(append(w.LXD.Members.Items, evidence.Member{Name: "lxd02", Online: evidence.Yes}))
		twin := w.Hosts[0]
		twin.Name, twin.Boot, twin.Log = "lxd02", "another", nil
		w.Hosts = append(w.Hosts, twin)
	}, check: "shared-initiator", weight: settings.Critical, says: []string{"iqn.1993-08.org.debian:01:a is this machine's and lxd01's"}},
	{name: "no multipath", change: func(w *evidence.World) { w.Hosts[0].Tools.Items[0].Present = evidence.No }, check: "tool-missing", weight: settings.Critical, says: []string{"multipathd is not installed", "multipath-tools"}},
	{name: "multipathd stopped", change: func(w *evidence.World) { w.Hosts[0].Tools.Items[0].Running = evidence.No }, check: "tool-missing", weight: settings.Critical, says: []string{"systemctl enable --now multipathd"}},
	{name: "a map that queues now", found: []diagnose.Finding{{Code: "unsafe-setting", Object: "mpatha", Host: "lxd01", Detail: "mpatha on lxd01 has no live path and queues I/O", Effect: "it waits for ever", Remedy: []string{"let the waiting I/O fail: multipathd disablequeueing map mpatha"}}}, check: "map-queues", weight: settings.Critical, says: []string{"multipathd disablequeueing map mpatha"}},
	{name: "one machine in two array hosts", change: func(w *evidence.World) {
		w.Arrays[0].Hosts.Items = append(slices.Clone(w.Arrays[0].Hosts.Items), evidence.ArrayHost{
			Name: "lxd01-b", Local: evidence.Yes, IQNs: []string{"iqn.1993-08.org.debian:01:a"}, ConnectionCount: evidence.CountOf(0), Destroyed: evidence.No,
		})
	}, check: "split-host", weight: settings.Warning, says: []string{"lxd01's initiators are in 2 array hosts, lxd01-b and lxd01-iscsi", "the array's hosts against the machines' initiators", "put all of lxd01's initiators into one"}},
	{name: "a lost session", change: func(w *evidence.World) { w.Hosts[0].Sessions.Items[0].State = "FAILED" }, check: "session-lost", weight: settings.Warning, says: []string{"session7", "FAILED"}},
	{name: "a session whose connection was not seen", change: func(w *evidence.World) { w.Hosts[0].Sessions.Items[0].ConnState = "" }, check: "session-lost", weight: settings.Hint, says: []string{"whether session7 is up is not known"}},
	{name: "a lost session of a second array, which does not tell its ports", change: func(w *evidence.World) {
		secondArray(w, evidence.Incomplete[evidence.Port](nil, "GET /ports: 503"))
		w.Hosts[0].Sessions.Items = append(w.Hosts[0].Sessions.Items, evidence.Session{ID: 9, Target: secondTarget, State: "FAILED", ConnState: "failed", Address: "10.0.9.1", Port: "3260"})
	}, check: "session-lost", weight: settings.Warning, says: []string{"session9 to 10.0.9.1:3260 is FAILED"}},
	{name: "a lost controller", change: func(w *evidence.World) {
		w.Hosts[0].Controllers = evidence.Complete([]evidence.Controller{{Name: "nvme3", State: "connecting", Address: "10.0.0.9", Port: "4420"}})
	}, check: "session-lost", weight: settings.Warning, says: []string{"nvme3", "connecting"}},
	{name: "a lost remote port", change: func(w *evidence.World) {
		w.Hosts[0].RemotePorts = evidence.Complete([]evidence.RemotePort{{Name: "rport-7:0-1", Adapter: "host7", WWPN: "524a937123456700", State: "Blocked", Link: "Linkdown"}})
	}, check: "session-lost", weight: settings.Warning, says: []string{"rport-7:0-1 to 524a937123456700 is Blocked, and the adapter host7 is Linkdown"}},
	{name: "a remote port that still carries I/O", change: func(w *evidence.World) {
		w.Hosts[0].RemotePorts = evidence.Complete([]evidence.RemotePort{{Name: "rport-7:0-1", Adapter: "host7", WWPN: "524a937123456700", State: "Marginal", Link: "Online"}})
	}, check: "session-lost", weight: settings.Warning, says: []string{"rport-7:0-1 to 524a937123456700 is Marginal", "I/O still goes through it"}},
	{name: "two sessions to one portal", change: func(w *evidence.World) {
		again := w.Hosts[0].Sessions.Items[0]
		again.ID = 9
		w.Hosts[0].Sessions = evidence.Complete(append(w.Hosts[0].Sessions.Items, again))
	}, check: "session-twice", weight: settings.Warning, says: []string{"session9 leads to 10.0.0.1:3260, as session7 does", "iscsiadm -m session -r 9 -u"}},
	{name: "a portal without a session", change: func(w *evidence.World) {
		w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: target, Portal: "10.0.1.1:3260"}))
	}, check: "portal-without-session", weight: settings.Warning, says: []string{"10.0.1.1:3260", "CT1.ETH4", "--login"}},
	{name: "a portal that is closed", change: func(w *evidence.World) {
		w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: target, Portal: "10.0.1.1:3260"}))
		w.Hosts[0].Reached = []evidence.Reach{{Portal: "10.0.0.1:3260", Open: evidence.Yes}, {Portal: "10.0.1.1:3260", Open: evidence.No, Why: "no answer within 3s"}}
	}, check: "portal-closed", weight: settings.Warning, says: []string{"10.0.1.1:3260 does not answer: no answer within 3s", "lxc storage set p1 pure.target=10.0.0.1"}},
	{name: "fewer paths", found: []diagnose.Finding{{Code: "degraded-paths", Object: "p1::u-1", Host: "lxd01", Detail: "mpatha has 1 of 2 paths"}}, check: "fewer-paths", weight: settings.Warning, says: []string{"1 volume is short of a path: mpatha has 1 of 2 paths"}},
	{name: "a device that never came", change: complained(evidence.ComplaintNoDevice, `Failed locating device for volume "v"`), check: "device-timeouts", weight: settings.Warning, says: []string{"once, last 2026-11-22 12:00", "/var/log/syslog, line 7"}},
	{name: "a device that came late", change: arrived(1000, 1000, 1000, 31000), check: "slow-devices", weight: settings.Warning, says: []string{"the slowest 31 s, 1 later than LXD waits"}},
	{name: "devices that came nearly late", change: arrived(16000, 17000, 18000), check: "slow-devices", weight: settings.Warning, says: []string{"90 % within 18 s"}},
}

const secondTarget = "iqn.2010-06.com.purestorage:flasharray.00112233aabbccdd"

// secondArray adds an array with a pod for a pool p2 and no array host.
func secondArray(w *evidence.World, ports evidence.List[evidence.Port]) {
	a := w.Arrays[0]
	a.Source.Name, a.ID, a.Gateway, a.Asked, a.Ports = "fa-two", "array-2", "https://fa2", []string{"p2"}, ports
	pod := a.Pods.Items[0]
	pod.ID, pod.Name, pod.Arrays = "pod2", "p2", []evidence.PodArray{{ID: "array-2", Name: "fa-two", Status: "online"}}
	a.Pods, a.Hosts = evidence.Complete([]evidence.Pod{pod}), evidence.Complete[evidence.ArrayHost](nil)
	w.Arrays = append(w.Arrays, a)
	pool := w.LXD.Pools.Items[0]
	pool.Name, pool.Gateway, pool.Targets = "p2", "https://fa2", nil
	w.LXD.Pools = evidence.Complete(append(w.LXD.Pools.Items, pool))
}

// TestOnePoolsLine: what is to be written for two arrays is one file.
func TestOnePoolsLine(t *testing.T) {
	w := world(t, good())
	secondArray(&w, w.Arrays[0].Ports)
	var write []string
	for i := range w.Arrays {
		w.Arrays[i].TLS.Verified = "nothing"
	}
	for _, a := range doctor.Examine(w, diagnose.Judge(w, diagnose.DefaultPolicy())).Advice {
		if a.Check == "array-tls" {
			write = append(write, a.Write...)
			if !strings.Contains(a.Into, "below its one line pools:") {
				t.Error(a.Into)
			}
		}
	}
	want := "  p1: {array: {fingerprint: sha256:0a}}\n  p2: {array: {fingerprint: sha256:0a}}"
	if got := strings.Join(write, "\n"); got != want {
		t.Errorf("to be written:\n%s", got)
	}
}

func TestChecks(t *testing.T) {
	covered := map[string]bool{"setting": true, "lxd-bug": true} // TestBadSettings, and three cases here
	for _, c := range ill {
		covered[c.check] = true
		w := world(t, good())
		if c.change != nil {
			c.change(&w)
		}
		report := diagnose.Judge(w, diagnose.DefaultPolicy())
		report.Findings = append(report.Findings, c.found...)
		r := doctor.Examine(w, report)
		named := 0
		for _, a := range r.Advice {
			if c.check == "shared-initiator" && a.Check == "name-collision" {
				continue // scan sees the array's side of it
			}
			if !strings.HasPrefix(a.Check, c.check) {
				t.Errorf("%s: also %s: %s", c.name, a.Check, a.Observed)
				continue
			}
			named++
			all := strings.Join(append(append([]string{a.Observed, a.Source, a.Why, a.Into}, a.Write...), a.Then...), "\n")
			for _, says := range c.says {
				if named == 1 && !strings.Contains(all, says) {
					t.Errorf("%s: does not say %q:\n%s", c.name, says, all)
				}
			}
			if c.weight != "" && a.Weight != c.weight || a.Witness == "" || a.Why == "" {
				t.Errorf("%s: %+v", c.name, a)
			}
		}
		if named == 0 {
			t.Errorf("%s: not named", c.name)
		}
		if r.Complete != (c.check != "cannot-testify") {
			t.Errorf("%s: complete %v", c.name, r.Complete)
		}
	}
	for _, check := range doctor.Checks {
		if !covered[check.Code] {
			t.Errorf("nothing tests %s", check.Code)
		}
		if check.Question == "" {
			t.Errorf("%s asks nothing", check.Code)
		}
	}
}

// TestNotWrong: what looks alike and is right.
func TestNotWrong(t *testing.T) {
	for name, change := range map[string]func(*evidence.World){
		"two sessions to a portal through two network cards": func(w *evidence.World) {
			again := w.Hosts[0].Sessions.Items[0]
			again.ID, again.Iface = 9, "ens2f1"
			w.Hosts[0].Sessions = evidence.Complete(append(w.Hosts[0].Sessions.Items, again))
		},
		"a portal that is spelled in two ways": func(w *evidence.World) {
			w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: strings.ToUpper(target), Portal: "[fd00:0:0:0:0:0:0:1]:3260"}))
			w.Hosts[0].Sessions = evidence.Complete(append(w.Hosts[0].Sessions.Items, evidence.Session{ID: 9, Target: target, State: "LOGGED_IN", ConnState: "up", Address: "fd00::1", Port: "3260"}))
		},
		"another array's remote port": func(w *evidence.World) {
			w.Hosts[0].RemotePorts = evidence.Complete([]evidence.RemotePort{{Name: "rport-7:0-1", WWPN: "50060e8000000011", State: "Blocked"}})
		},
		"a host without any session has no volumes": func(w *evidence.World) { w.Hosts[0].Sessions = evidence.Complete[evidence.Session](nil) },
		"a portal that pure.target leaves out": func(w *evidence.World) {
			w.LXD.Pools.Items[0].Targets = []string{"10.0.0.1"}
			w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: target, Portal: "10.0.1.1:3260"}))
		},
		"a portal that pure.target leaves out, beside another array's pool which leaves out none": func(w *evidence.World) {
			secondArray(w, evidence.Complete([]evidence.Port{{Name: "CT0.ETH4", IQN: secondTarget, Portal: "10.0.9.1:3260"}}))
			w.LXD.Pools.Items[0].Targets = []string{"10.0.0.1"}
			w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: target, Portal: "10.0.1.1:3260"}))
		},
		"a portal that is closed and that pure.target leaves out": func(w *evidence.World) {
			w.LXD.Pools.Items[0].Targets = []string{"10.0.0.1"}
			w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: target, Portal: "10.0.1.1:3260"}))
			w.Hosts[0].Reached = []evidence.Reach{{Portal: "10.0.0.1:3260", Open: evidence.Yes}, {Portal: "10.0.1.1:3260", Open: evidence.No, Why: "timeout"}}
		},
		"an iSCSI portal, for a pool over Fibre Channel": func(w *evidence.World) {
			w.LXD.Pools.Items[0].Mode = evidence.ModeFC
			w.Arrays[0].Ports = evidence.Complete(append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1.ETH4", IQN: target, Portal: "10.0.1.1:3260"}))
		},
		"a session by a host name, which may lead to any portal": func(w *evidence.World) {
			w.Hosts[0].Sessions.Items[0].Address = "fa-ct0.example.com"
		},
		"another vendor's two sessions to one portal": func(w *evidence.World) {
			one := evidence.Session{ID: 7, Target: "iqn.2001-05.com.equallogic:0-8a0906-vol1", State: "LOGGED_IN", ConnState: "up", Address: "10.9.9.9", Port: "3260"}
			two := one
			two.ID = 8
			w.Hosts[0].Sessions = evidence.Complete(append(w.Hosts[0].Sessions.Items, one, two))
		},
		"another array's session": func(w *evidence.World) {
			w.Hosts[0].Sessions = evidence.Complete(append(w.Hosts[0].Sessions.Items, evidence.Session{ID: 2, Target: "iqn.other", State: "FAILED"}))
		},
		"another array's controller": func(w *evidence.World) {
			w.Arrays[0].Ports.Items = append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT0.ETH14", NQN: "nqn.2010-06.com.purestorage:flasharray.1"})
			w.Hosts[0].Subsystems = evidence.Complete([]evidence.Subsystem{{Name: "nvme-subsys5", NQN: "nqn.2010-06.com.purestorage:flasharray.2"}})
			w.Hosts[0].Controllers = evidence.Complete([]evidence.Controller{{Name: "nvme5", Subsystem: "nvme-subsys5", State: "connecting"}})
		},
		"nvme-cli in the snap": func(w *evidence.World) {
			w.Hosts[0].Tools.Items[4].Present = evidence.No
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
		},
		"programs that could not be seen": func(w *evidence.World) {
			w.Hosts[0].Tools = evidence.Incomplete([]evidence.Tool{{Name: "multipathd"}}, "x")
		},
		"no multipath for NVMe": func(w *evidence.World) {
			w.Hosts[0].Tools.Items[0].Present = evidence.No
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
		},
		"a reading that took long": func(w *evidence.World) {
			w.Arrays[0].Clock = now.Add(time.Minute)
			w.Arrays[0].Ended = now.Add(time.Minute)
		},
		"a clock that was not told": func(w *evidence.World) { w.Arrays[0].Clock = time.Time{} },
		"the same machine twice": func(w *evidence.World) {
			w.Hosts[0].IQNs.Items = append(w.Hosts[0].IQNs.Items, w.Hosts[0].IQNs.Items[0])
		},
		"no LXD and nothing connected": func(w *evidence.World) {
			w.Hosts[0].Tools.Items[0].Present, w.Hosts[0].Tools.Items[2].Present, w.Hosts[0].Tools.Items[4].Present = evidence.No, evidence.No, evidence.No
			w.LXD.Pools = evidence.List[evidence.Pool]{}
			w.Hosts[0].Sessions = evidence.Complete[evidence.Session](nil)
		},
		"what destroyed volumes hold, which counts for no quota": func(w *evidence.World) {
			pod := &w.Arrays[0].Pods.Items[0]
			pod.Used, pod.Provisioned, pod.Counted = evidence.CountOf(990), evidence.CountOf(990), evidence.CountOf(100)
		},
		"no quota":                                 func(w *evidence.World) { w.Arrays[0].Pods.Items[0].Quota = evidence.CountOf(0) },
		"a try that was cut short":                 func(w *evidence.World) { w.Hosts[0].Reached = []evidence.Reach{{Portal: "10.0.0.1:3260"}} },
		"devices in time":                          arrived(100, 2000, 4000, 9000),
		"a portal that failed a connection once":   complained(evidence.ComplaintPortal, "detected conn error (1020)"),
		"a version of LXD that can't be read":      func(w *evidence.World) { w.LXD.Version = "edge" },
		"a session whose portal the array renamed": func(w *evidence.World) { w.Arrays[0].Ports = evidence.Incomplete([]evidence.Port(nil), "not allowed") },
	} {
		w := world(t, good())
		change(&w)
		for _, a := range examine(w).Advice {
			if a.Check == "cannot-testify" && !w.LXD.Pools.IsComplete() {
				continue
			}
			t.Errorf("%s: %s: %s", name, a.Check, a.Observed)
		}
	}
}

func TestWaits(t *testing.T) {
	w := world(t, good())
	arrived(500, 1000, 1500, 4000, 6000, 12000, 25000, 29000, 30000, 45000)(&w)
	waits := examine(w).Waits[0]
	var bars []int
	for _, b := range waits.Histogram {
		bars = append(bars, b.N)
	}
	if got := [...]any{waits.Devices, waits.Late, waits.Median, waits.P90, waits.Slowest}; got != [...]any{10, 1, 6 * time.Second, 30 * time.Second, 45 * time.Second} {
		t.Errorf("%v", got)
	}
	if len(bars) != 7 || bars[0] != 2 || bars[5] != 3 || bars[6] != 1 || waits.Histogram[6].UpTo != 0 {
		t.Errorf("bars %v", bars)
	}
	// Exactly LXD's patience is not late yet.
	arrived(30000)(&w)
	if waits := examine(w).Waits[0]; waits.Late != 0 {
		t.Errorf("%+v", waits)
	}
}

// TestCauses: which of the known causes fits, and none where nothing is late.
func TestCauses(t *testing.T) {
	for want, change := range map[string]func(*evidence.World){
		"dead-portal": func(w *evidence.World) { w.Hosts[0].Sessions.Items[0].State = "FAILED" },
		"no-map":      func(w *evidence.World) { w.Hosts[0].Tools.Items[0].Running = evidence.No },
		"leftover-disks": func(w *evidence.World) {
			w.Hosts[0].Maps = evidence.Complete([]evidence.Map{{Name: "mpatha"}})
			w.Hosts[0].Disks = evidence.Complete([]evidence.Disk{{Name: "sdd", Serial: "7A9AD0A2CE6B4C5A00011010"}})
		},
		"nvme-controller": func(w *evidence.World) {
			w.Hosts[0].Controllers = evidence.Complete([]evidence.Controller{{Name: "nvme1", State: "connecting"}})
		},
		"slow-host": complained(evidence.ComplaintUdev, "Worker [190] is taking a long time"),
	} {
		for late, ms := range map[bool]int64{true: 40000, false: 1000} {
			w := world(t, good())
			arrived(ms, ms)(&w)
			if want != "slow-host" { // half of 40 s in udev and multipathd is a cause of its own
				for i := range w.Hosts[0].Log.Arrivals.Items {
					w.Hosts[0].Log.Arrivals.Items[i].DiskMS = evidence.CountOf(ms)
				}
			}
			// Of other vendors and of arrays that were not asked for nothing is late.
			h := &w.Hosts[0]
			h.Sessions.Items = append(h.Sessions.Items, evidence.Session{ID: 2, Target: "iqn.1992-08.com.netapp:sn.1:vs.3", State: "FAILED"})
			w.Arrays[0].Ports.Items = append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT0.ETH14", NQN: "nqn.2010-06.com.purestorage:flasharray.1"})
			h.Subsystems = evidence.Complete([]evidence.Subsystem{{Name: "nvme-subsys5", NQN: "nqn.2010-06.com.purestorage:flasharray.2"}})
			h.Controllers = evidence.Complete([]evidence.Controller{{Name: "nvme5", Subsystem: "nvme-subsys5", State: "connecting"}})
			change(&w)
			var got []string
			for _, c := range examine(w).Waits[0].Causes {
				got = append(got, c.Code)
				if c.Seen == "" || c.What == "" {
					t.Errorf("%+v", c)
				}
			}
			if late && (len(got) != 1 || got[0] != want) || !late && len(got) != 0 {
				t.Errorf("%s, late %v: %v", want, late, got)
			}
		}
	}
}

// TestSessionTwice: of two sessions to one portal that one is to be ended
// without which every map keeps a path that is up; where both carry the last
// path of something, or it is not known, neither is.
func TestSessionTwice(t *testing.T) {
	const serial, other = evidence.Serial("7A9AD0A2CE6B4C5A00011010"), evidence.Serial("7A9AD0A2CE6B4C5A00011011")
	disk := func(name string, session int, serial evidence.Serial) evidence.Disk {
		return evidence.Disk{Name: name, Dev: "8:" + name, Session: session, Serial: serial, State: "running"}
	}
	up := func(disk string) evidence.Path { return evidence.Path{Disk: disk, Active: evidence.Yes} }
	for name, c := range map[string]struct {
		sessions []int // beside session7, all to one portal
		disks    []evidence.Disk
		maps     []evidence.Map
		unknown  bool
		end      []string
		says     string
	}{
		"the younger one carries the only path": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 9, serial)}, maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{up("sdc")}}},
			end: []string{"7"}, says: "end session7: no disk is behind it",
		},
		"the older one does": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 7, serial)}, maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{up("sdc")}}},
			end: []string{"9"}, says: "end session9: no disk is behind it",
		},
		"both do, of two maps": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 7, serial), disk("sdd", 9, other)},
			maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{up("sdc")}}, {Name: "mpathd", Paths: []evidence.Path{up("sdd")}}},
			says: "mpathd has no other path that is known to be up than sdd through session9, and mpathc",
		},
		"each map has both": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 7, serial), disk("sdd", 9, serial)},
			maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{up("sdc"), up("sdd")}}}, end: []string{"9"}, says: "each map that has a path through it has another one that is up",
		},
		"the other path has failed": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 7, serial), disk("sdd", 9, serial)},
			maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{{Disk: "sdc", Active: evidence.No}, up("sdd")}}}, end: []string{"7"},
		},
		"the other path's state is not known": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 7, serial), disk("sdd", 9, serial)},
			maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{{Disk: "sdc"}, {Disk: "sdd"}}}}, says: "end neither of them yet",
		},
		"the other path is another volume's": {
			sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 7, other), disk("sdd", 9, serial)},
			maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{up("sdc"), up("sdd")}}}, says: "end neither of them yet",
		},
		"three, and one map has two of them": {
			sessions: []int{9, 11}, disks: []evidence.Disk{disk("sdc", 9, serial), disk("sdd", 11, serial)},
			maps: []evidence.Map{{Name: "mpathc", Paths: []evidence.Path{up("sdc"), up("sdd")}}}, end: []string{"9", "7"},
		},
		"a disk without a map": {sessions: []int{9}, disks: []evidence.Disk{disk("sdc", 9, serial)}, end: []string{"7"}},
		"disks that are not known": {
			sessions: []int{9}, unknown: true, says: "which disks are behind session9 is not known",
		},
	} {
		w := world(t, good())
		h := &w.Hosts[0]
		for _, id := range c.sessions {
			again := h.Sessions.Items[0]
			again.ID = id
			h.Sessions.Items = append(h.Sessions.Items, again)
		}
		h.Disks, h.Maps = evidence.Complete(c.disks), evidence.Complete(c.maps)
		if c.unknown {
			h.Disks = evidence.Incomplete(c.disks, "not readable")
		}
		var end []string
		said := ""
		for _, a := range examine(w).Advice {
			if a.Check == "session-twice" {
				said += a.Into
				for _, command := range a.Then {
					end = append(end, strings.Fields(command)[4])
				}
			}
		}
		if !slices.Equal(end, c.end) || !strings.Contains(said, c.says) || said == "" {
			t.Errorf("%s: ends %q, want %q: %s", name, end, c.end, said)
		}
	}
}

// TestSeveralSessions: what makes the second session again is named.
func TestSeveralSessions(t *testing.T) {
	tree := good()
	tree.AddFile("etc/iscsi/iscsid.conf", []byte("node.conn[0].timeo.login_timeout = 5\nnode.session.nr_sessions = 2\n"))
	w := world(t, tree)
	again := w.Hosts[0].Sessions.Items[0]
	again.ID = 9
	w.Hosts[0].Sessions.Items = append(w.Hosts[0].Sessions.Items, again)
	for _, a := range examine(w).Advice {
		if want := "until node.session.nr_sessions in line 2 of /etc/iscsi/iscsid.conf is 1"; a.Check == "session-twice" && !strings.Contains(a.Into, want) {
			t.Errorf("%q is not in %q", want, a.Into)
		}
	}
}

// TestClosedPortal: a pool is told the portals of its own array that answered,
// and none that pure.target left out.
func TestClosedPortal(t *testing.T) {
	for name, c := range map[string]struct {
		targets []string
		closed  string
		want    []string
	}{
		"of the first array":         {nil, "10.0.1.1:3260", []string{"lxc storage set p1 pure.target=10.0.0.1,10.0.2.1"}},
		"of the second array":        {nil, "10.0.9.1:3260", []string{"lxc storage set p2 pure.target=10.0.9.2"}},
		"one of two that it may use": {[]string{"10.0.0.1", "10.0.1.1"}, "10.0.1.1:3260", []string{"lxc storage set p1 pure.target=10.0.0.1"}},
		"one that it may not use":    {[]string{"10.0.0.1", "10.0.2.1"}, "10.0.1.1:3260", nil},
	} {
		w := world(t, good())
		for _, address := range []string{"10.0.1.1:3260", "10.0.2.1:3260"} {
			w.Arrays[0].Ports.Items = append(w.Arrays[0].Ports.Items, evidence.Port{Name: "CT1", IQN: target, Portal: address})
		}
		w.LXD.Pools.Items[0].Targets = c.targets
		secondArray(&w, evidence.Complete([]evidence.Port{{Name: "CT0", IQN: secondTarget, Portal: "10.0.9.1:3260"}, {Name: "CT1", IQN: secondTarget, Portal: "10.0.9.2:3260"}}))
		for _, a := range w.Arrays {
			for _, port := range a.Ports.Items {
				w.Hosts[0].Reached = append(w.Hosts[0].Reached, evidence.Reach{Portal: port.Portal, Open: evidence.AnswerOf(port.Portal != c.closed), Why: "timeout"})
			}
		}
		var got []string
		for _, a := range examine(w).Advice {
			switch {
			case a.Check == "portal-closed":
				got = append(got, a.Then...)
			case a.Check == "portal-without-session" && strings.Contains(a.Observed, c.closed):
				t.Errorf("%s: to log in is advised, too: %q", name, a.Then)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
