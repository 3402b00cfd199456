package doctor_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/hostlog"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/diagnose"
	"github.com/pureclean/pureclean/doctor"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/settings"
)

const (
	target  = "iqn.2010-06.com.purestorage:flasharray.4a1b2c3d4e5f6071"
	session = "sys/class/iscsi_session/session7"
)

// good is a host on which nothing is wrong: the settings are the defaults of
// Debian's and Ubuntu's packages, or those that doctor advises.
func good() *treefs.FS {
	t := treefs.New()
	t.AddDir("sys/block")
	t.AddDir("sys/class/block")
	for _, tool := range []string{"multipathd", "multipath", "iscsiadm", "iscsid", "nvme"} {
		t.AddFile("usr/sbin/"+tool, nil)
	}
	t.AddFile("etc/multipath.conf", []byte("defaults {\n\tuser_friendly_names yes\n\tfind_multipaths strict\n}\n"+
		"blacklist {\n\tdevnode \"^(ram|zram|loop|dm-|sr|vd)[0-9a-z]\"\n}\noverrides {\n\tno_path_retry 12\n\trecheck_wwid yes\n}\n"))
	t.AddFile("commands/multipathd_show_config_local.out", []byte(inForce))
	t.AddFile("etc/iscsi/iscsid.conf", []byte("node.startup = manual\nnode.session.timeo.replacement_timeout = 120\n"+
		"node.conn[0].timeo.login_timeout = 5\nnode.session.initial_login_retry_max = 8\nnode.session.scan = auto\n"))
	t.AddFile(session+"/targetname", []byte(target+"\n"))
	t.AddFile(session+"/state", []byte("LOGGED_IN\n"))
	t.AddFile(session+"/recovery_tmo", []byte("10\n"))
	t.AddFile("sys/class/iscsi_connection/connection7:0/state", []byte("up\n"))
	t.AddFile("sys/class/iscsi_connection/connection7:0/persistent_address", []byte("10.0.0.1\n"))
	t.AddFile("sys/class/iscsi_connection/connection7:0/persistent_port", []byte("3260\n"))
	t.AddFile("sys/module/nvme_core/parameters/multipath", []byte("Y\n"))
	t.AddFile("etc/udev/udev.conf", []byte("# event_timeout=180\n"))
	t.AddFile("var/log/syslog", []byte("2026-11-22T08:00:00+0000 lxd01 kernel: nothing\n"))
	return t
}

const inForce = "defaults {\n\tuser_friendly_names \"yes\"\n\tfind_multipaths \"strict\"\n\tqueue_without_daemon \"no\"\n\tpolling_interval 5\n}\ndevices {\n\tdevice {\n\t\tvendor \"PURE\"\n" +
	"\t\tproduct \"FlashArray\"\n\t\tfast_io_fail_tmo 10\n\t}\n}\noverrides {\n\tno_path_retry 12\n\trecheck_wwid \"yes\"\n}\n"

// now is when everything is looked at.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is one array, one LXD and that host.
func world(t *testing.T, tree *treefs.FS) evidence.World {
	t.Helper()
	system := devices.System{
		FS: tree, Kernel: devices.Recording(tree), Recorded: true, Hostname: "lxd01", Now: func() time.Time { return now },
	}
	h := devices.Observe(t.Context(), system)
	log := hostlog.Read(t.Context(), system)
	h.Log, h.Clock = &log, now
	// Which processes run is not what is tested here.
	h.AllProcesses, h.Recorded = evidence.Yes, false
	h.IQNs, h.NQNs, h.WWPNs = evidence.Complete([]string{"iqn.1993-08.org.debian:01:a"}), evidence.Complete[string](nil), evidence.Complete[string](nil)
	h.Uses = evidence.Complete[evidence.Use](nil)
	source := evidence.Source{Name: "fa-lab", Began: now, Ended: now}
	return evidence.World{
		Arrays: []evidence.Array{{
			Source: source, Gateway: "https://fa", ID: "array-id", Version: "6.6.10", API: "2.26", Newest: "2.36", Clock: now,
			TLS:  evidence.TLS{Verified: "fingerprint", Expires: now.AddDate(1, 0, 0), Fingerprint: "sha256:0a"},
			User: "pureuser", Role: "array_admin", EradicationDelay: 24 * time.Hour, ManualEradication: "all-enabled", Asked: []string{"p1"},
			Pods: evidence.Complete([]evidence.Pod{{
				ID: "pod", Name: "p1", Destroyed: evidence.No, Promotion: "promoted", Links: evidence.CountOf(0), Quota: evidence.CountOf(1000), Used: evidence.CountOf(100),
				Arrays: []evidence.PodArray{{ID: "array-id", Name: "fa-lab", Status: "online"}},
			}}),
			Volumes: evidence.Complete[evidence.Volume](nil), Snapshots: evidence.Complete[evidence.Snapshot](nil),
			Hosts: evidence.Complete([]evidence.ArrayHost{{
				Name: "lxd01-iscsi", Local: evidence.Yes, IQNs: []string{"iqn.1993-08.org.debian:01:a"}, ConnectionCount: evidence.CountOf(1), Destroyed: evidence.No,
			}}),
			HostGroups: evidence.Complete[evidence.HostGroup](nil), Connections: evidence.Complete[evidence.Connection](nil),
			Protections: evidence.Complete[evidence.Protection](nil), Activity: evidence.Complete[evidence.Activity](nil),
			Ports: evidence.Complete([]evidence.Port{{Name: "CT0.ETH4", IQN: target, Portal: "10.0.0.1:3260"}}),
		}},
		LXD: evidence.LXD{
			Source: evidence.Source{Name: "lxd01", Began: now, Ended: now}, Version: "6.8", Server: "lxd01", Clustered: evidence.No,
			Dir: "/var/snap/lxd/common/lxd", SeesAll: evidence.Yes,
			Pools:   evidence.Complete([]evidence.Pool{{Name: "p1", Gateway: "https://fa", Mode: evidence.ModeISCSI, Status: "Created"}}),
			Records: evidence.Complete[evidence.Record](nil), Instances: evidence.Complete[evidence.Instance](nil),
			Members:    evidence.Complete([]evidence.Member{{Name: "lxd01", Online: evidence.Yes, Status: "Online"}}),
			Operations: evidence.Complete[evidence.Operation](nil), DaemonVolumes: evidence.Complete[evidence.DaemonVolume](nil),
		},
		Hosts: []evidence.Host{h},
	}
}

func examine(w evidence.World) doctor.Report {
	return doctor.Examine(w, diagnose.Judge(w, diagnose.DefaultPolicy()))
}

// TestGoodHost: there is nothing to say where nothing is wrong.
func TestGoodHost(t *testing.T) {
	w := world(t, good())
	r := examine(w)
	for _, a := range r.Advice {
		t.Errorf("%s: %s (%s)", a.Check, a.Observed, a.Source)
	}
	if !r.Complete {
		t.Errorf("%q", r.Doubts)
	}
	if len(r.Waits) != 1 || r.Waits[0].Nothing == "" {
		t.Errorf("%+v", r.Waits)
	}
	// All of the table's rules looked at something, or would have: the host
	// has each setting that a rule is about, save those that are only there
	// when they are wrong.
	for _, rule := range settings.Rules {
		said := slices.ContainsFunc(w.Hosts[0].Settings.Items, func(s evidence.Setting) bool { return s.Name == rule.Name })
		only := []string{"multipath blacklist", "multipath refused", "multipath not loaded", "iscsi syntax", "fc fast_io_fail_tmo", "udev sets ctrl_loss_tmo", "udev sets recovery_tmo", "multipath syntax", "udev rules", "udev scan", "udev children_max", "udev event_timeout", "multipath features", "multipath skip_kpartx", "nvme ctrl_loss_tmo"}
		if !said && !slices.Contains(only, rule.Name) {
			t.Errorf("the good host says nothing of %s", rule.Name)
		}
	}
}

// bad are settings, deliberately wrong: one file is changed, one thing is
// named, with its file, its line and the line to write.
var bad = []struct {
	name       string
	file, text string
	change     func(*evidence.World)

	check  string
	weight settings.Weight
	says   string
	at     string
	line   int
	write  string
	then   string
	into   string // where it matters
	why    string // a part of it
	source string // a part of it
}{
	{
		name: "queueing by default", file: "etc/multipath.conf", text: "defaults {\n no_path_retry queue\n recheck_wwid yes\n}\n",
		check: "multipath-queueing", weight: settings.Critical, says: "no_path_retry queue", at: "/etc/multipath.conf", line: 2, write: "no_path_retry 12", then: "multipathd reconfigure",
	},
	{
		name: "queueing for the device, in conf.d", file: "etc/multipath/conf.d/pure.conf", text: "overrides {\n\n\tno_path_retry \"queue\"\n}\n",
		check: "multipath-queueing", weight: settings.Critical, says: "no_path_retry queue", at: "/etc/multipath/conf.d/pure.conf", line: 3, write: "no_path_retry 12", then: "multipathd reconfigure",
	},
	{
		name: "the old feature", file: "etc/multipath.conf", text: "devices {\n device {\n  vendor PURE\n  product FlashArray\n  features \"1 queue_if_no_path\"\n }\n}\noverrides {\n recheck_wwid yes\n}\n",
		change: func(w *evidence.World) { drop(w, "multipath no_path_retry") },
		check:  "multipath-queueing", weight: settings.Critical, says: "features 1 queue_if_no_path", at: "/etc/multipath.conf", line: 5, write: "features \"0\"\nno_path_retry 12", then: "multipathd reconfigure",
	},
	{
		name: "one map only", file: "etc/multipath/conf.d/one.conf", text: "multipaths {\n multipath {\n  wwid 3624a93707a9ad0a2ce6b4c5a00011010\n  no_path_retry queue\n }\n}\n",
		check: "multipath-queueing", weight: settings.Critical, says: "no_path_retry queue", at: "/etc/multipath/conf.d/one.conf", line: 4, write: "no_path_retry 12",
	},
	{
		name: "nearly queueing", file: "etc/multipath/conf.d/long.conf", text: "overrides {\n no_path_retry 500\n}\n",
		check: "multipath-long-queue", weight: settings.Warning, says: "no_path_retry 500", at: "/etc/multipath/conf.d/long.conf", line: 2, write: "no_path_retry 12",
	},
	{
		name: "a minute for each try", file: "etc/multipath/conf.d/long.conf", text: "defaults {\n polling_interval 120\n}\noverrides {\n no_path_retry 5\n}\n",
		change: unread,
		check:  "multipath-long-queue", weight: settings.Warning, says: "no_path_retry 5", at: "/etc/multipath/conf.d/long.conf", line: 5, write: "no_path_retry 1",
	},
	{
		name: "ten minutes for each try", file: "etc/multipath/conf.d/long.conf", text: "defaults {\n polling_interval 600\n}\noverrides {\n no_path_retry 1\n}\n",
		change: unread,
		check:  "multipath-long-queue", weight: settings.Warning, says: "no_path_retry 1", at: "/etc/multipath/conf.d/long.conf", line: 5, write: "no_path_retry 12",
		into: "/etc/multipath/conf.d/long.conf, in place of line 5; and polling_interval 5 in /etc/multipath/conf.d/long.conf, in place of line 2",
	},
	{
		name: "the daemon still queues", file: "commands/multipathd_show_config_local.out", text: strings.Replace(inForce, "no_path_retry 12", "no_path_retry \"queue\"", 1),
		check: "multipath-queueing", weight: settings.Critical, says: "no_path_retry queue", at: "/etc/multipath.conf", line: 9, then: "multipathd reconfigure",
	},
	{
		name: "blacklisted by WWID", file: "etc/multipath/conf.d/bl.conf", text: "blacklist {\n wwid \".*\"\n}\n",
		check: "multipath-blacklist", weight: settings.Critical, says: `wwid ".*"`, at: "/etc/multipath/conf.d/bl.conf", line: 2,
		write: "blacklist_exceptions {\n\twwid \"3624a9370.*\"\n}", then: "multipathd reconfigure",
	},
	{
		name: "blacklisted by vendor, before 6.8", file: "etc/multipath/conf.d/bl.conf", text: "blacklist {\n device {\n  vendor \"PURE\"\n  product \"FlashBlade\"\n }\n device {\n  vendor \"^PURE\"\n }\n}\n",
		change: func(w *evidence.World) { w.LXD.Version = "5.21.6"; drop(w, "multipath find_multipaths") },
		check:  "multipath-blacklist", weight: settings.Warning, says: `vendor "^PURE"`, at: "/etc/multipath/conf.d/bl.conf", line: 7,
		write: "blacklist_exceptions {\n\tdevice {\n\t\tvendor \"PURE\"\n\t\tproduct \"FlashArray\"\n\t}\n}",
	},
	{
		name: "blacklisted by name", file: "etc/multipath/conf.d/bl.conf", text: "blacklist {\n devnode \"^sd[a-z]\"\n}\n",
		check: "multipath-blacklist", weight: settings.Critical, says: `devnode "^sd[a-z]"`, at: "/etc/multipath/conf.d/bl.conf", line: 2,
		write: "blacklist_exceptions {\n\tdevnode \"^sd[a-z]\"\n}",
	},
	{
		name: "a blacklist that the file has no more, and multipathd has", file: "commands/multipathd_show_config_local.out", text: inForce + "blacklist {\n\tdevnode \"^sd\"\n}\n",
		check: "multipath-blacklist", weight: settings.Critical, says: `devnode "^sd"`, at: "", then: "multipathd reconfigure", into: "let multipathd read its files",
		source: "multipathd runs with it, and no file says it by now",
	},
	{
		name: "a blacklist that multipathd has not read", file: "etc/multipath/conf.d/bl.conf", text: "blacklist {\n devnode \"^sd\"\n}\n",
		check: "multipath-blacklist", weight: settings.Critical, says: `devnode "^sd"`, at: "/etc/multipath/conf.d/bl.conf", line: 2,
		write:  "blacklist_exceptions {\n\tdevnode \"^sd[a-z]\"\n}",
		source: "multipathd runs without it until it reads its files again",
	},
	{
		name: "one volume's WWID", file: "etc/multipath/conf.d/bl.conf", text: "blacklist {\n wwid \"3624a93707a9ad0a2ce6b4c5a00011010\"\n}\n",
		change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "multipath blacklist", Value: `wwid "3624a93707a9ad0a2ce6b4c5a00011010"`, Section: "blacklist", File: "/etc/multipath/conf.d/bl.conf", Line: 2, Applies: evidence.Yes})
		},
		check: "multipath-blacklist", weight: settings.Warning, says: "wwid", at: "/etc/multipath/conf.d/bl.conf", line: 2, then: "multipathd reconfigure",
		into: "take line 2 of /etc/multipath/conf.d/bl.conf away", why: "this one volume",
	},
	{
		name: "a line that multipathd has nothing of", file: "etc/multipath/conf.d/x.conf", text: "overrides {\n flush_on_last_del always\n}\n",
		check: "multipath-not-loaded", weight: settings.Hint, says: "flush_on_last_del: multipathd has nothing of it, the file says always", at: "/etc/multipath/conf.d/x.conf", line: 2, then: "multipathd reconfigure",
	},
	{
		name: "a brace too few", file: "etc/multipath/conf.d/x.conf", text: "overrides {\n fast_io_fail_tmo 10\n",
		check: "multipath-syntax", weight: settings.Warning, says: "the section overrides is not closed", at: "/etc/multipath/conf.d/x.conf", line: 1, write: "}",
	},
	{
		name: "a pattern that is none", file: "etc/multipath.conf", text: "defaults {\n user_friendly_names yes\n}\nblacklist {\n wwid \"*\"\n}\n",
		check: "multipath-refused", weight: settings.Critical, says: `wwid "*" is not a regular expression`, at: "/etc/multipath.conf", line: 5,
		write: `wwid ".*"`, then: "multipath -t > /dev/null",
	},
	{
		name: "changed and not loaded", file: "etc/multipath/conf.d/x.conf", text: "overrides {\n no_path_retry 20\n}\n",
		check: "multipath-not-loaded", weight: settings.Hint, says: "no_path_retry: multipathd has 12, the file says 20", at: "/etc/multipath/conf.d/x.conf", line: 2,
		then: "multipathd reconfigure",
	},
	{
		name: "a property", file: "etc/multipath/conf.d/bl.conf", text: "blacklist {\n property \"ID_BUS\"\n}\n",
		check: "multipath-blacklist", weight: settings.Critical, says: `property "ID_BUS"`, at: "/etc/multipath/conf.d/bl.conf", line: 2, then: "multipathd reconfigure",
	},
	{
		name: "queueing without the daemon", file: "etc/multipath/conf.d/x.conf", text: "defaults {\n queue_without_daemon yes\n}\n",
		check: "multipath-queue-without-daemon", weight: settings.Warning, says: "queue_without_daemon yes", at: "/etc/multipath/conf.d/x.conf", line: 2, write: "queue_without_daemon no",
	},
	{
		name: "strict, and an LXD that asks for no map", change: func(w *evidence.World) { w.LXD.Version = "6.5" },
		check: "multipath-find", weight: settings.Warning, says: "find_multipaths strict", at: "/etc/multipath.conf", line: 3, write: "find_multipaths no",
	},
	{
		name: "smart", file: "etc/multipath/conf.d/x.conf", text: "defaults {\n find_multipaths smart\n}\n",
		check: "multipath-find", weight: settings.Hint, says: "find_multipaths smart", at: "/etc/multipath/conf.d/x.conf", line: 2, write: "find_multipaths no",
	},
	{
		name: "smart, and longer than LXD waits", file: "etc/multipath/conf.d/x.conf", text: "defaults {\n find_multipaths smart\n find_multipaths_timeout -45\n}\n",
		change: unread,
		check:  "multipath-find", weight: settings.Warning, says: "find_multipaths smart", at: "/etc/multipath/conf.d/x.conf", line: 2, write: "find_multipaths no", why: "up to 45 seconds",
	},
	{
		name: "one try at a login, and a long one", file: "etc/iscsi/iscsid.conf", text: "node.session.initial_login_retry_max = 0\nnode.conn[0].timeo.login_timeout = 15\n",
		check: "iscsi-login-timeout", weight: settings.Hint, says: "login_timeout 15", at: "/etc/iscsi/iscsid.conf", line: 2, write: "node.conn[0].timeo.login_timeout = 5", why: "is tried once, for this long",
	},
	{
		name: "a reused LUN stays in the old map", file: "etc/multipath/conf.d/x.conf", text: "overrides {\n recheck_wwid no\n}\n",
		check: "multipath-recheck-wwid", weight: settings.Warning, says: "recheck_wwid no", at: "/etc/multipath/conf.d/x.conf", line: 2, write: "recheck_wwid yes",
	},
	{
		name: "the same by default", file: "etc/multipath.conf", text: "overrides {\n no_path_retry 12\n}\n",
		change: func(w *evidence.World) { w.Hosts[0].Settings = inForceOnly(w, "recheck_wwid", "no") },
		check:  "multipath-recheck-wwid", weight: settings.Hint, says: "recheck_wwid no", write: "overrides {\n\trecheck_wwid yes\n}",
	},
	{
		name: "never failing a path", file: "etc/multipath/conf.d/x.conf", text: "overrides {\n fast_io_fail_tmo off\n}\n",
		check: "multipath-fast-io-fail", weight: settings.Warning, says: "fast_io_fail_tmo off", at: "/etc/multipath/conf.d/x.conf", line: 2, write: "fast_io_fail_tmo 10",
	},
	{
		name: "guests' partitions", file: "etc/multipath/conf.d/x.conf", text: "overrides {\n skip_kpartx no\n}\n",
		change: func(w *evidence.World) {
			w.Hosts[0].Maps = evidence.Complete([]evidence.Map{{Name: "mpatha-part1", Kernel: "dm-1", Partition: true}})
		},
		check: "multipath-kpartx", weight: settings.Hint, says: "skip_kpartx no", at: "/etc/multipath/conf.d/x.conf", line: 2, write: "skip_kpartx yes",
	},
	{
		name: "no scan at login", file: "etc/iscsi/iscsid.conf", text: "node.startup = manual\nnode.conn[0].timeo.login_timeout = 5\nnode.session.scan = manual\n",
		check: "iscsi-scan", weight: settings.Warning, says: "node.session.scan manual", at: "/etc/iscsi/iscsid.conf", line: 3, write: "node.session.scan = auto",
	},
	{
		name: "no scan, in one portal's record", file: "etc/iscsi/nodes/" + target + "/10.0.0.1,3260,1/default", text: "node.name = x\nnode.session.scan = manual\n",
		check: "iscsi-scan", weight: settings.Warning, says: "node.session.scan manual", at: "/etc/iscsi/nodes/" + target + "/10.0.0.1,3260,1/default", line: 2, write: "node.session.scan = auto",
		then: "iscsiadm -m node -T " + target + " -p 10.0.0.1:3260 -o update -n node.session.scan -v auto",
	},
	{
		name: "the usual long login, also where another vendor's session is lost", file: "etc/iscsi/iscsid.conf", text: "node.conn[0].timeo.login_timeout = 15\n",
		change: func(w *evidence.World) {
			w.Hosts[0].Sessions.Items = append(w.Hosts[0].Sessions.Items, evidence.Session{ID: 9, Target: "iqn.1992-08.com.netapp:sn.1:vs.3", State: "FAILED"})
		},
		check: "iscsi-login-timeout", weight: settings.Hint, says: "node.conn[0].timeo.login_timeout 15", at: "/etc/iscsi/iscsid.conf", line: 1, write: "node.conn[0].timeo.login_timeout = 5",
	},
	{
		name: "a longer one", file: "etc/iscsi/iscsid.conf", text: "\nnode.conn[0].timeo.login_timeout = 60\n",
		check: "iscsi-login-timeout", weight: settings.Warning, says: "node.conn[0].timeo.login_timeout 60", at: "/etc/iscsi/iscsid.conf", line: 2, write: "node.conn[0].timeo.login_timeout = 5",
	},
	{
		name: "one that nobody sets", file: "etc/iscsi/iscsid.conf", text: "#node.conn[0].timeo.login_timeout = 15\n",
		check: "iscsi-login-timeout", weight: settings.Warning, says: "node.conn[0].timeo.login_timeout 30", write: "node.conn[0].timeo.login_timeout = 5",
		into: "/etc/iscsi/iscsid.conf", why: "is tried 4 times",
	},
	{
		name: "never giving a session up", file: "etc/iscsi/iscsid.conf", text: "node.session.timeo.replacement_timeout = -1\nnode.conn[0].timeo.login_timeout = 5\n",
		check: "iscsi-replacement-timeout", weight: settings.Warning, says: "node.session.timeo.replacement_timeout -1", at: "/etc/iscsi/iscsid.conf", line: 1,
		write: "node.session.timeo.replacement_timeout = 20",
	},
	{
		name: "a session that is never given up", file: session + "/recovery_tmo", text: "-1\n",
		check: "iscsi-recovery", weight: settings.Warning, says: "recovery_tmo -1", at: "/" + session + "/recovery_tmo", write: "node.session.timeo.replacement_timeout = 20",
		then: "echo 20 > /" + session + "/recovery_tmo",
	},
	{
		name: "logging in at boot", file: "etc/iscsi/iscsid.conf", text: "node.startup = automatic\nnode.conn[0].timeo.login_timeout = 5\n",
		check: "iscsi-startup", weight: settings.Hint, says: "node.startup automatic", at: "/etc/iscsi/iscsid.conf", line: 1, write: "node.startup = manual",
	},
	{
		name: "a controller that is never given up", change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Warning, says: "nvme ctrl_loss_tmo off", at: "/sys/class/nvme/nvme0/ctrl_loss_tmo", into: "write it now; who sets it was not found, and the next controller may have it again",
		then: "echo 600 > /sys/class/nvme/nvme0/ctrl_loss_tmo",
	},
	{
		name: "a timeout that udev sets", file: "etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules", text: "\nSUBSYSTEM==\"nvme\", ATTR{ctrl_loss_tmo}=\"-1\"\n",
		change: func(w *evidence.World) {
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Warning, says: "ctrl_loss_tmo off", at: "/sys/class/nvme/nvme0/ctrl_loss_tmo", write: `ATTR{ctrl_loss_tmo}="600"`, then: "echo 600 > /sys/class/nvme/nvme0/ctrl_loss_tmo",
	},
	{
		name: "a timeout that nvme-cli sets", file: "etc/nvme/discovery.conf", text: "# --ctrl-loss-tmo=-1\n--transport=tcp --traddr=10.0.0.1 --ctrl-loss-tmo=-1\n",
		change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Warning, says: "ctrl_loss_tmo off", at: "/sys/class/nvme/nvme0/ctrl_loss_tmo", write: "--ctrl-loss-tmo=600",
		into: "line 2 of /etc/nvme/discovery.conf, in place of --ctrl-loss-tmo=-1",
	},
	{
		name: "the same in its other file", file: "etc/nvme/config.json", text: "[{\n\"ctrl_loss_tmo\": -1}]\n",
		change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Warning, says: "ctrl_loss_tmo off", at: "/sys/class/nvme/nvme0/ctrl_loss_tmo", write: "\"ctrl_loss_tmo\": 600",
	},
	{
		name: "a command of a rule, which is run after a later rule", file: "etc/udev/rules.d/71-vendor.rules", text: "SUBSYSTEM==\"nvme\", RUN+=\"/bin/sh -c 'echo -1 > /sys/class/nvme/%k/ctrl_loss_tmo'\"\nSUBSYSTEM==\"nvme\", ATTR{ctrl_loss_tmo}=\"-1\"\n",
		change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Warning, says: "ctrl_loss_tmo off", at: "/sys/class/nvme/nvme0/ctrl_loss_tmo", write: `ATTR{ctrl_loss_tmo}="600"`,
		into: "line 1 of /etc/udev/rules.d/71-vendor.rules, in place of what sets ctrl_loss_tmo to -1",
	},
	{
		name: "a timeout that udev will set", file: "etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules", text: "\nSUBSYSTEM==\"nvme\", ATTR{ctrl_loss_tmo}=\"-1\"\n",
		change: func(w *evidence.World) { w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP },
		check:  "nvme-loss", weight: settings.Warning, says: "ctrl_loss_tmo -1", at: "/etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules", line: 2, write: `ATTR{ctrl_loss_tmo}="600"`, then: "udevadm control --reload",
	},
	{
		name: "a timeout that udev will set again over what was set by hand", file: "etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules", text: "SUBSYSTEM==\"nvme\", ATTR{ctrl_loss_tmo}=\"-1\"\n",
		change: func(w *evidence.World) {
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "600", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Hint, says: "ctrl_loss_tmo -1", at: "/etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules", line: 1, write: `ATTR{ctrl_loss_tmo}="600"`, why: "what there is has 600, by hand perhaps, or the rule is for others",
	},
	{
		name: "a timeout that a package's rule sets", file: "usr/lib/udev/rules.d/72-vendor.rules", text: "SUBSYSTEM==\"nvme\", ATTR{ctrl_loss_tmo}=\"-1\"\n",
		change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "nvme ctrl_loss_tmo", Value: "off", Section: "nvme0", File: "/sys/class/nvme/nvme0/ctrl_loss_tmo", Applies: evidence.Yes})
		},
		check: "nvme-loss", weight: settings.Warning, says: "ctrl_loss_tmo off", at: "/sys/class/nvme/nvme0/ctrl_loss_tmo", write: `ATTR{ctrl_loss_tmo}="600"`,
		into: "line 1 of /etc/udev/rules.d/72-vendor.rules, a copy of /usr/lib/udev/rules.d/72-vendor.rules that takes its place: a package brings its own anew, in place of what sets ctrl_loss_tmo to -1",
	},
	{
		name: "the same over iSCSI, and nothing is logged in", file: "etc/udev/rules.d/50-iscsi.rules", text: "SUBSYSTEM==\"iscsi_session\", ATTR{recovery_tmo}=\"-1\"\n",
		change: func(w *evidence.World) {
			all := &w.Hosts[0].Settings.Items
			*all = slices.DeleteFunc(*all, func(s evidence.Setting) bool { return s.Name == "iscsi recovery_tmo" })
		},
		check: "iscsi-recovery", weight: settings.Warning, says: "recovery_tmo -1", at: "/etc/udev/rules.d/50-iscsi.rules", line: 1, write: `ATTR{recovery_tmo}="20"`, then: "udevadm control --reload",
	},
	{
		name: "a line that has no end", file: "etc/iscsi/iscsid.conf", text: "node.session.timeo.replacement_timeout = 20\nnode.conn[0].timeo.login_timeout = 5",
		check: "iscsi-syntax", weight: settings.Warning, says: "login_timeout is not read, for its line has no end: open-iscsi's own value, 30, counts", at: "/etc/iscsi/iscsid.conf", line: 2,
		into: "mend line 2 of /etc/iscsi/iscsid.conf: a line feed at its end",
	},
	{
		name: "a remote port that never fails", change: func(w *evidence.World) {
			say(w, evidence.Setting{Name: "fc fast_io_fail_tmo", Value: "off", Section: "rport-7:0-0", File: "/sys/class/fc_remote_ports/rport-7:0-0/fast_io_fail_tmo", Applies: evidence.Yes})
		},
		check: "fc-fast-io-fail", weight: settings.Warning, says: "fast_io_fail_tmo off", at: "/sys/class/fc_remote_ports/rport-7:0-0/fast_io_fail_tmo",
		write: "overrides {\n\tfast_io_fail_tmo 10\n}", then: "echo 10 > /sys/class/fc_remote_ports/rport-7:0-0/fast_io_fail_tmo",
	},
	{
		name: "no blank before the sign", file: "etc/iscsi/iscsid.conf", text: "node.session.timeo.replacement_timeout = 15  # seconds\nnode.conn[0].timeo.login_timeout=5\n",
		change: func(*evidence.World) {},
		check:  "iscsi-syntax", weight: settings.Warning, says: `node.conn[0].timeo.login_timeout is not read, for there is no blank before the "=": open-iscsi's own value, 30, counts`,
		at: "/etc/iscsi/iscsid.conf", line: 2,
	},
	{
		name: "a word that is none", file: "etc/iscsi/iscsid.conf", text: "node.conn[0].timeo.login_timeout = 5\nnode.session.scan = Manual\n",
		check: "iscsi-syntax", weight: settings.Warning, says: `node.session.scan is not read, for "Manual" is none of manual, auto`,
		at: "/etc/iscsi/iscsid.conf", line: 2, into: "mend line 2 of /etc/iscsi/iscsid.conf: the value, one of manual, auto",
	},
	{
		name: "native multipath off", file: "etc/modprobe.d/local.conf", text: "\noptions nvme_core multipath=N\n",
		change: func(w *evidence.World) {
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
			drop(w, "nvme multipath")
			say(w, evidence.Setting{Name: "nvme multipath", Value: "N", File: "/sys/module/nvme_core/parameters/multipath", Applies: evidence.Yes})
		},
		check: "nvme-multipath", weight: settings.Warning, says: "nvme multipath N", at: "/sys/module/nvme_core/parameters/multipath", write: "options nvme_core multipath=Y", then: "reboot",
	},
	{
		name: "native multipath off, on a line that goes on", file: "etc/modprobe.d/zz.conf", text: "\noptions nvme_core io_timeout=30 \\\n  multipath=N\n",
		change: func(w *evidence.World) {
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
			drop(w, "nvme multipath")
			say(w, evidence.Setting{Name: "nvme multipath", Value: "N", File: "/sys/module/nvme_core/parameters/multipath", Applies: evidence.Yes})
		},
		check: "nvme-multipath", weight: settings.Warning, says: "nvme multipath N", at: "/sys/module/nvme_core/parameters/multipath", write: "options nvme_core multipath=Y",
		into: "/etc/modprobe.d/zz.conf, in place of line 2",
	},
	{
		name: "native multipath off, twice at boot", file: "proc/cmdline", text: "nvme-core.multipath=0 nvme_core.multipath=N\n",
		change: func(w *evidence.World) {
			w.LXD.Pools.Items[0].Mode = evidence.ModeNVMeTCP
			drop(w, "nvme multipath")
			say(w, evidence.Setting{Name: "nvme multipath", Value: "N", File: "/sys/module/nvme_core/parameters/multipath", Applies: evidence.Yes})
		},
		check: "nvme-multipath", weight: settings.Warning, says: "nvme multipath N", at: "/sys/module/nvme_core/parameters/multipath",
		into: "take nvme-core.multipath=0 and nvme_core.multipath=N out of the kernel's command line",
	},
	{
		name: "one udev worker, on a line that goes on", file: "etc/systemd/system/systemd-udevd.service.d/o.conf", text: "[Service]\nExecStart=\nExecStart=/usr/lib/systemd/systemd-udevd \\\n  --children-max=1\n",
		check: "udev-slow", weight: settings.Warning, says: "udev children_max 1", at: "/etc/systemd/system/systemd-udevd.service.d/o.conf", line: 3,
	},
	{
		name: "one udev worker, by a unit of their own", file: "etc/systemd/system/systemd-udevd.service", text: "[Service]\nExecStart=/usr/lib/systemd/systemd-udevd --children-max=1\n",
		check: "udev-slow", weight: settings.Warning, says: "udev children_max 1", at: "/etc/systemd/system/systemd-udevd.service", line: 2, then: "systemctl daemon-reload",
		into: "take that option out of line 2 of /etc/systemd/system/systemd-udevd.service",
	},
	{
		name: "rules taken away", file: "etc/udev/rules.d/60-multipath.rules", text: "",
		check: "udev-rules", weight: settings.Warning, says: "udev rules masked", at: "/etc/udev/rules.d/60-multipath.rules", then: "rm /etc/udev/rules.d/60-multipath.rules",
	},
	{
		name: "one udev worker", file: "etc/udev/udev.conf", text: "children_max=1\n",
		check: "udev-slow", weight: settings.Warning, says: "udev children_max 1", at: "/etc/udev/udev.conf", line: 1, then: "systemctl restart systemd-udevd",
	},
	{
		name: "one udev worker, by the unit", file: "etc/systemd/system/systemd-udevd.service.d/x.conf", text: "[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-udevd --children-max=1\n",
		check: "udev-slow", weight: settings.Warning, says: "udev children_max 1", at: "/etc/systemd/system/systemd-udevd.service.d/x.conf", line: 3, then: "systemctl daemon-reload",
		into: "take that option out of line 3 of /etc/systemd/system/systemd-udevd.service.d/x.conf",
	},
	{
		name: "a scan of their own", file: "etc/udev/rules.d/55-scan.rules", text: "ENV{SDEV_UA}==\"REPORTED_LUNS_DATA_HAS_CHANGED\", RUN+=\"/usr/bin/rescan\"\n",
		check: "udev-scan", weight: settings.Hint, says: "udev scan on", at: "/etc/udev/rules.d/55-scan.rules", line: 1, then: "udevadm control --reload",
		into: "take the rule in line 1 of /etc/udev/rules.d/55-scan.rules away",
	},
	{
		name: "a patient udev", file: "etc/udev/udev.conf", text: "\nevent_timeout=3600\n",
		check: "udev-slow", weight: settings.Warning, says: "udev event_timeout 3600", at: "/etc/udev/udev.conf", line: 2, write: "event_timeout=180",
	},
	{
		name: "a udev of hours", file: "etc/udev/udev.conf", text: "event_timeout=180\nevent_timeout=1h\n",
		check: "udev-slow", weight: settings.Warning, says: "udev event_timeout 1h", at: "/etc/udev/udev.conf", line: 2, write: "event_timeout=180",
	},
	{
		name: "a udev that is told at boot", file: "proc/cmdline", text: "root=/dev/sda1 udev.children-max=0x2\n",
		check: "udev-slow", weight: settings.Warning, says: "udev children_max 0x2", at: "/proc/cmdline", line: 1, then: "reboot",
	},
	{
		name: "scanning rules", file: "usr/lib/udev/rules.d/90-scsi-ua.rules", text: "x",
		check: "udev-scan", weight: settings.Hint, says: "udev scan on", at: "/usr/lib/udev/rules.d/90-scsi-ua.rules", then: "ln -s /dev/null /etc/udev/rules.d/90-scsi-ua.rules",
	},
}

// unread takes back what multipathd says of its settings.
func unread(w *evidence.World) {
	w.Hosts[0].Settings.Items = slices.DeleteFunc(w.Hosts[0].Settings.Items, func(s evidence.Setting) bool { return s.Section == evidence.InForce })
}

// drop makes a setting unsaid, say says one.
func drop(w *evidence.World, name string) {
	h := &w.Hosts[0]
	h.Settings = evidence.Complete(slices.DeleteFunc(slices.Clone(h.Settings.Items), func(s evidence.Setting) bool {
		return s.Name == name
	}))
}

func say(w *evidence.World, s evidence.Setting) {
	w.Hosts[0].Settings = evidence.Complete(append(slices.Clone(w.Hosts[0].Settings.Items), s))
}

func inForceOnly(w *evidence.World, key, value string) evidence.List[evidence.Setting] {
	drop(w, "multipath "+key)
	say(w, evidence.Setting{Name: "multipath " + key, Value: value, Section: evidence.InForce, File: "multipathd", Applies: evidence.Yes})
	return w.Hosts[0].Settings
}

func TestBadSettings(t *testing.T) {
	covered := map[string]bool{}
	for _, c := range bad {
		covered[c.check] = true
		tree := good()
		if c.file != "" {
			tree.AddFile(c.file, []byte(c.text))
		}
		w := world(t, tree)
		if c.change != nil {
			c.change(&w)
		}
		var named []doctor.Advice
		for _, a := range examine(w).Advice {
			if strings.HasPrefix(a.Check, "lxd-") {
				continue // an old LXD has faults of its own
			}
			if a.Check != c.check {
				t.Errorf("%s: also %s: %s", c.name, a.Check, a.Observed)
				continue
			}
			named = append(named, a)
		}
		if len(named) != 1 {
			t.Errorf("%s: named %d times", c.name, len(named))
			continue
		}
		a := named[0]
		if a.Weight != c.weight || !strings.Contains(a.Observed, c.says) || a.File != c.at || a.Line != c.line || a.Why == "" || a.Source == "" ||
			strings.Join(a.Write, "\n") != c.write || c.into != "" && a.Into != c.into || !strings.Contains(a.Why, c.why) || !strings.Contains(a.Source, c.source) || c.then != "" && !slices.Contains(a.Then, c.then) {
			t.Errorf("%s: %s %q at %s:%d (%s), write %q in %q, then %q", c.name, a.Weight, a.Observed, a.File, a.Line, a.Source, a.Write, a.Into, a.Then)
		}
		if len(a.Write) == 0 && len(a.Then) == 0 && a.Into == "" {
			t.Errorf("%s: nothing to do about it", c.name)
		}
	}
	for _, rule := range settings.Rules {
		if !covered[rule.Code] {
			t.Errorf("no bad setting is named by %s", rule.Code)
		}
	}
}

// What several places have in common is typed once.
func TestOneCommandForManyPlaces(t *testing.T) {
	w := world(t, good())
	w.LXD.Pools.Items[0].Mode = evidence.ModeFC
	for _, port := range []string{"rport-7:0-0", "rport-8:0-0"} {
		say(&w, evidence.Setting{Name: "fc fast_io_fail_tmo", Value: "off", Section: port, File: "/sys/class/fc_remote_ports/" + port + "/fast_io_fail_tmo", Applies: evidence.Yes})
	}
	var then []string
	for _, a := range examine(w).Advice {
		if a.Check == "fc-fast-io-fail" {
			then = append(then, a.Then...)
		}
	}
	want := []string{"multipathd reconfigure", "echo 10 > /sys/class/fc_remote_ports/rport-7:0-0/fast_io_fail_tmo", "echo 10 > /sys/class/fc_remote_ports/rport-8:0-0/fast_io_fail_tmo"}
	if !slices.Equal(then, want) {
		t.Errorf("%q", then)
	}
}

// One setting that is the same in several places is one piece of advice, with
// all of the places, and what to do in each.
func TestOneSettingInManyPlaces(t *testing.T) {
	const text = "node.conn[0].timeo.login_timeout = 15\n"
	tree := good()
	tree.AddFile("etc/iscsi/iscsid.conf", []byte(text))
	portals := []string{"10.0.0.1:3260", "10.0.0.2:3260"}
	for _, portal := range portals {
		tree.AddFile("etc/iscsi/nodes/"+target+"/"+strings.Replace(portal, ":", ",", 1)+",1/default", []byte("node.name = x\n"+text))
	}
	var named []doctor.Advice
	for _, a := range examine(world(t, tree)).Advice {
		if a.Check == "iscsi-login-timeout" {
			named = append(named, a)
		}
	}
	if len(named) != 1 {
		t.Fatalf("named %d times", len(named))
	}
	a := named[0]
	all := a.Source + " " + strings.Join(a.Then, " ")
	for _, place := range append(portals, "/etc/iscsi/iscsid.conf:1", "/10.0.0.1,3260,1/default:2", "/10.0.0.2,3260,1/default:2") {
		if !strings.Contains(all, place) {
			t.Errorf("%s is not named: %q, %q", place, a.Source, a.Then)
		}
	}
}
