package hostconf_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices/hostconf"
	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// read reads the settings of a host that has no devices yet.
func read(t *testing.T, m *treefs.FS) evidence.List[evidence.Setting] {
	t.Helper()
	if err := m.Err(); err != nil {
		t.Fatal(err)
	}
	settings, doubts := hostconf.Read(t.Context(), hostfs.Tree{FS: m}, &evidence.Host{}, nil)
	return hostfs.ListOf(settings, doubts)
}

// counting is what counts for Pure volumes of a configuration, a line each.
func counting(t *testing.T, files map[string]string) string {
	t.Helper()
	m := treefs.New()
	for name, text := range files {
		m.AddFile("etc/"+name, []byte(text))
	}
	var all []string
	for _, s := range read(t, m).Items {
		if name, ok := strings.CutPrefix(s.Name, "multipath "); ok && !s.Applies.IsNot() {
			mark := ""
			if !s.Applies.Is() {
				mark = "?"
			}
			all = append(all, fmt.Sprintf("%s %s:%d%s", name, s.Value, s.Line, mark))
		}
	}
	return strings.Join(all, ", ")
}

// TestMultipathPrecedence: overrides stand above device sections, those above
// what multipath itself knows of a FlashArray, that above defaults; and what
// is read later stands above what is read before.
func TestMultipathPrecedence(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"defaults", "defaults {\n no_path_retry 5\n}\n", "no_path_retry 5:2"},
		{"a later line", "defaults {\n no_path_retry 5\n no_path_retry 6\n}\n", "no_path_retry 6:3"},
		{"a later section", "defaults {\n no_path_retry 5\n}\ndefaults {\n no_path_retry 6\n}\n", "no_path_retry 6:5"},
		{
			"a device above defaults", "devices {\n device {\n vendor PURE\n product FlashArray\n no_path_retry queue\n}\n}\ndefaults {\n no_path_retry 6\n}\n",
			"no_path_retry queue:5",
		},
		{
			"patterns, and the later device", "devices {\ndevice {\n vendor \"P.RE\"\n product \".*\"\n no_path_retry 1\n}\ndevice {\n vendor PURE\n product Flash\n no_path_retry 2\n}\n}",
			"no_path_retry 2:10",
		},
		{"another vendor's device", "devices {\n device {\n vendor 3PARdata\n product VV\n no_path_retry queue\n}\n}", ""},
		{"a device without a product is dropped", "devices {\n device {\n vendor PURE\n no_path_retry queue\n}\n}", "syntax a device section needs a vendor and a product, so this one does not count:2"},
		{"a pattern that is none matches nothing", "devices {\n device {\n vendor \"PU(RE\"\n product FlashArray\n no_path_retry queue\n}\n}", ""},
		{"a pattern that can't be followed", "devices {\n device {\n vendor \"(P)URE|\\1\"\n product FlashArray\n no_path_retry queue\n}\n}", "no_path_retry queue:5?"},
		{
			"overrides above a device", "overrides {\n no_path_retry 9\n}\ndevices {\ndevice {\n vendor PURE\n product FlashArray\n no_path_retry queue\n}\n}",
			"no_path_retry 9:2",
		},
		{"above defaults stands what multipath knows of the array", "defaults {\n fast_io_fail_tmo off\n}\n", ""},
		{"overrides stand above that", "overrides {\n fast_io_fail_tmo off\n}\n", "fast_io_fail_tmo off:2"},
		{
			"one map's own", "defaults {\n no_path_retry 5\n}\nmultipaths {\n multipath {\n wwid 3624a93707a9ad0a2ce6b4c5a00011010\n no_path_retry queue\n}\n}",
			"no_path_retry 5:2, no_path_retry queue:7",
		},
		{
			"another vendor's map", "multipaths {\n multipath {\n wwid 36001405aabbccddeeff00112233445566\n no_path_retry queue\n}\n}", "",
		},
		{
			"a WWID that is written otherwise than it is", "multipaths {\n multipath {\n wwid 3624A93707A9AD0A2CE6B4C5A00011010\n no_path_retry queue\n}\n}", "",
		},
		{"global keys only in defaults", "overrides {\n find_multipaths smart\n}\ndefaults {\n find_multipaths on\n}\n", "syntax find_multipaths is no keyword of the section overrides:2, find_multipaths on:5"},
		{"a brace on its own line", "defaults\n{\n no_path_retry 5\n}\n", "no_path_retry 5:3"},
		{"comments", "# defaults {\n! no_path_retry queue\ndefaults { # no_path_retry queue\n no_path_retry 5 # queue\n}", "no_path_retry 5:4"},
		{"one word only, unless quoted", "overrides {\n features 1 queue_if_no_path\n}\noverrides {\n features \"1 queue_if_no_path\"\n}\n", `syntax features takes one word, so "queue_if_no_path" is not read: put the value into quotation marks:2, syntax "1" is no value of features, so the line does not count:2, features 1 queue_if_no_path:5`},
		{"not closed", "defaults {\n no_path_retry 5\ndevices {\n device {\n vendor PURE\n", "syntax the section defaults is not closed:1, syntax defaults of line 1 is still open here, so devices is not read as a section:3, syntax device is no section of defaults: it is not entered, and its brace closes defaults:4, syntax vendor is no keyword of the section defaults:5, no_path_retry 5:2"},
		{"nothing", "", ""},
		{"control characters", "defaults {\n no_path_retry \x1b[31mqueue\n}\x00", `syntax "?[31mqueue" is no value of no_path_retry, so the line does not count:2`},
	} {
		if got := counting(t, map[string]string{"multipath.conf": c.text}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	got := counting(t, map[string]string{
		"multipath.conf":             "defaults {\n no_path_retry 5\n}\n",
		"multipath/conf.d/10-a.conf": "overrides {\n no_path_retry 6\n}\n",
		"multipath/conf.d/20-b.conf": "overrides {\n\n no_path_retry 7\n}\n",
		"multipath/conf.d/30-c":      "overrides {\n no_path_retry queue\n}\n",
	})
	if got != "no_path_retry 7:3" {
		t.Errorf("conf.d: %q", got)
	}
}

func TestMultipathBlacklist(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"the usual names", "blacklist {\n devnode \"^(ram|raw|loop|fd|md|dm-|sr|scd|st)[0-9]*\"\n devnode \"^hd[a-z]\"\n}", ""},
		{"multipath's own", "blacklist {\n devnode \"!^(sd[a-z]|dasd[a-z]|nvme[0-9])\"\n device {\n vendor \"EMC\"\n product \"LUNZ\"\n}\n}", ""},
		{"the boot disk", "blacklist {\n devnode \"^sda$\"\n wwid 36001405aabbccddeeff00112233445566\n}", ""},
		{"all disks", "blacklist {\n devnode \"^sd\"\n}", `blacklist devnode "^sd":2`},
		{"everything", "blacklist {\n wwid \".*\"\n}", `blacklist wwid ".*":2`},
		{"everything but Pure's", "blacklist {\n wwid \".*\"\n}\nblacklist_exceptions {\n wwid \"3624a9370.*\"\n}", ""},
		{"an exception of another kind", "blacklist {\n wwid \".*\"\n}\nblacklist_exceptions {\n devnode \"^sd\"\n}", `blacklist wwid ".*":2`},
		{"the vendor", "blacklist {\n device {\n vendor \"PURE\"\n product \".*\"\n}\n}", `blacklist device { vendor "PURE" product ".*" }:3`},
		{"the vendor, excepted", "blacklist {\n device {\n vendor \"PURE\"\n}\n}\nblacklist_exceptions {\n device {\n vendor PURE\n product FlashArray\n}\n}", ""},
		{"a star alone", "\n\nblacklist {\ndevice {\n vendor \"*\"\n product \"*\"\n}\n}", `refused vendor "*" is not a regular expression:5, refused product "*" is not a regular expression:6`},
		{"another product of the vendor", "blacklist {\ndevice {\n vendor \"PURE\"\n product \"FlashBlade\"\n}\n}", ""},
		{"the protocol", "blacklist {\n protocol \"scsi:iscsi\"\n}", `blacklist protocol "scsi:iscsi":2`},
		{"a pattern that is none", "blacklist {\n devnode \"(((\"\n}", `refused devnode "(((" is not a regular expression:2`},
		{"a property", "blacklist {\n property \"ID_BUS\"\n}", `blacklist property "ID_BUS":2`},
		{"a property that comes after multipath's own exception", "blacklist {\n property \"^SUBSYSTEM\"\n}", ""},
		{"a property, excepted", "blacklist {\n property \"ID_BUS\"\n}\nblacklist_exceptions {\n property \"DEVNAME\"\n}", ""},
	} {
		if got := counting(t, map[string]string{"multipath.conf": c.text}); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestHugeConfiguration: a file larger than any configuration is not read
// half, and the host says so.
func TestHugeConfiguration(t *testing.T) {
	m := treefs.New()
	m.AddFile("etc/multipath.conf", []byte("defaults {\n no_path_retry "+strings.Repeat("x", 10<<20)))
	settings := read(t, m)
	if len(settings.Items) != 0 || !strings.Contains(settings.Why(), "/etc/multipath.conf") {
		t.Errorf("%d settings, %q", len(settings.Items), settings.Why())
	}
}

func TestNodeRecordsAndUdev(t *testing.T) {
	m := treefs.New()
	target := "iqn.2010-06.com.purestorage:flasharray.4a1b"
	m.AddFile("etc/iscsi/nodes/"+target+"/10.0.0.1,3260,1/default", []byte("node.session.scan = manual\nnode.session.auth.password = hunter2\n"))
	m.AddFile("var/lib/iscsi/nodes/"+target+"/10.0.0.2,3260,1", []byte("node.startup = automatic\nnode.startup = manual\n"))
	m.AddFile("etc/iscsi/nodes/iqn.other/10.0.0.3,3260,1/default", []byte("node.session.scan = manual\n"))
	m.AddFile("etc/modprobe.d/nvme.conf", []byte("# options nvme_core multipath=N\noptions nvme-core multipath=N foo=1\n"))
	m.AddFile("usr/lib/modprobe.d/nvme.conf", []byte("options nvme_core multipath=Y\n")) // hidden by etc's
	m.AddFile("proc/cmdline", []byte("root=/dev/vda nvme_core.multipath=0 quiet\n"))
	m.AddFile("etc/udev/udev.conf", []byte("#children_max=1\nchildren_max=64\nchildren_max=2\nevent_timeout=\"600\"\n"))
	m.AddFile("etc/udev/rules.d/60-multipath.rules", nil)
	m.AddLink("etc/udev/rules.d/60-persistent-storage.rules", "/dev/null")
	m.AddFile("etc/udev/rules.d/99-own.rules", nil)
	m.AddFile("lib/udev/rules.d/90-scsi-ua.rules", []byte("x"))
	var got []string
	for _, s := range read(t, m).Items {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s=%s %s:%d %s %s", s.Name, s.Value, s.File, s.Line, s.Section, s.Applies)))
	}
	want := []string{
		"iscsi node.session.scan=manual /etc/iscsi/nodes/" + target + "/10.0.0.1,3260,1/default:1 " + target + " 10.0.0.1:3260 yes",
		"iscsi node.startup=automatic /var/lib/iscsi/nodes/" + target + "/10.0.0.2,3260,1:1 " + target + " 10.0.0.2:3260 no",
		"iscsi node.startup=manual /var/lib/iscsi/nodes/" + target + "/10.0.0.2,3260,1:2 " + target + " 10.0.0.2:3260 yes",
		"nvme multipath option=N /etc/modprobe.d/nvme.conf:2  unknown",
		"nvme multipath option=0 /proc/cmdline:1 nvme_core.multipath=0 unknown",
		"udev children_max=2 /etc/udev/udev.conf:3  yes",
		"udev event_timeout=600 /etc/udev/udev.conf:4  yes",
		"udev rules=masked /etc/udev/rules.d/60-multipath.rules:0  yes",
		"udev rules=masked /etc/udev/rules.d/60-persistent-storage.rules:0  yes",
		"udev scan=on /lib/udev/rules.d/90-scsi-ua.rules:0  yes",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestUdevOutOfForce: rules that were taken out of force in any way that udev
// knows, those that scan, and each place that udev's daemon reads.
func TestUdevOutOfForce(t *testing.T) {
	own := "/etc/udev/rules.d/"
	for name, c := range map[string]struct {
		add  func(*treefs.FS)
		want string
	}{
		"a relative link":       {func(f *treefs.FS) { f.AddLink("etc/udev/rules.d/60-multipath.rules", "../../../dev/null") }, "udev rules=masked " + own + "60-multipath.rules:0 yes"},
		"a link in run":         {func(f *treefs.FS) { f.AddLink("run/udev/rules.d/60-multipath.rules", "/dev/null") }, "udev rules=masked /run/udev/rules.d/60-multipath.rules:0 yes"},
		"comments":              {func(f *treefs.FS) { f.AddFile("etc/udev/rules.d/60-multipath.rules", []byte("\n # off\n")) }, "udev rules=masked " + own + "60-multipath.rules:0 yes"},
		"device-mapper's first": {func(f *treefs.FS) { f.AddLink("etc/udev/rules.d/10-dm.rules", "/dev/null") }, "udev rules=masked " + own + "10-dm.rules:0 yes"},
		"a copy":                {func(f *treefs.FS) { f.AddFile("etc/udev/rules.d/60-multipath.rules", []byte("ENV{X}=\"1\"\n")) }, ""},
		"the package's own":     {func(f *treefs.FS) { f.AddFile("usr/lib/udev/rules.d/60-multipath.rules", []byte("# nothing\n")) }, ""},
		"hidden by a copy": {func(f *treefs.FS) {
			f.AddFile("etc/udev/rules.d/60-multipath.rules", []byte("ENV{X}=\"1\"\n"))
			f.AddLink("run/udev/rules.d/60-multipath.rules", "/dev/null")
		}, ""},
		"a scan from run": {func(f *treefs.FS) { f.AddFile("run/udev/rules.d/90-scsi-ua.rules", []byte("x")) }, "udev scan=on /run/udev/rules.d/90-scsi-ua.rules:0 yes"},
		"a scan of their own": {func(f *treefs.FS) {
			f.AddFile("etc/udev/rules.d/55-scan.rules", []byte("# REPORTED_LUNS_DATA_HAS_CHANGED RUN\nENV{SDEV_UA}==\"REPORTED_LUNS_DATA_HAS_CHANGED\", RUN+=\"/usr/bin/rescan\"\nENV{SDEV_UA}==\"REPORTED_LUNS_DATA_HAS_CHANGED\", GOTO=\"end\"\n"))
		}, "udev scan=on " + own + "55-scan.rules:2 yes"},
		"a drop-in of udev.conf": {func(f *treefs.FS) {
			f.AddFile("etc/udev/udev.conf", []byte("children_max=64\n"))
			f.AddFile("etc/udev/udev.conf.d/x.conf", []byte("children_max=1\n"))
		}, "udev children_max=64 /etc/udev/udev.conf:1 unknown, udev children_max=1 /etc/udev/udev.conf.d/x.conf:1 unknown"},
		"a drop-in of the unit": {func(f *treefs.FS) {
			f.AddFile("etc/udev/udev.conf", []byte("children_max=64\n"))
			f.AddFile("etc/systemd/system/systemd-udevd.service.d/a.conf", []byte("[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-udevd -c 2\n"))
			f.AddFile("etc/systemd/system/systemd-udevd.service.d/x.conf", []byte("[Service]\nExecStart=\nExecStart=/lib/systemd/systemd-udevd --children-max=1 -t 3600\n"))
		}, "udev children_max=1 /etc/systemd/system/systemd-udevd.service.d/x.conf:3 yes, udev event_timeout=3600 /etc/systemd/system/systemd-udevd.service.d/x.conf:3 yes"},
	} {
		m := treefs.New()
		c.add(m)
		var got []string
		for _, s := range read(t, m).Items {
			got = append(got, fmt.Sprintf("%s=%s %s:%d %s", s.Name, s.Value, s.File, s.Line, s.Applies))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", name, text, c.want)
		}
	}
}

// TestTimeoutRules: rules of udev that set how long I/O waits are named, and
// those that are masked or only ask are not.
func TestTimeoutRules(t *testing.T) {
	m := treefs.New()
	m.AddFile("etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules", []byte("# ATTR{ctrl_loss_tmo}=\"5\"\nACTION==\"add|change\", SUBSYSTEM==\"nvme\", \\\n  KERNEL==\"nvme*\", ATTR{ctrl_loss_tmo}=\"-1\"\n"))
	m.AddFile("usr/lib/udev/rules.d/50-a.rules", []byte("SUBSYSTEM==\"fc_remote_ports\", ATTR{fast_io_fail_tmo}==\"off\", RUN+=\"/bin/sh -c 'echo 600 > /sys/class/fc_remote_ports/%k/dev_loss_tmo'\"\n"))
	m.AddFile("lib/udev/rules.d/60-b.rules", []byte("ATTR{recovery_tmo}=\"-1\"\n"))
	m.AddLink("etc/udev/rules.d/60-b.rules", "/dev/null")
	var got []string
	for _, s := range read(t, m).Items {
		if strings.HasPrefix(s.Name, "udev sets ") {
			got = append(got, fmt.Sprintf("%s=%s %s:%d", s.Name, s.Value, s.File, s.Line))
		}
	}
	// What a rule runs comes after all that rules set.
	want := "udev sets ctrl_loss_tmo=-1 /etc/udev/rules.d/72-nvmf-ctrl_loss_tmo.rules:2, udev sets dev_loss_tmo=600 /usr/lib/udev/rules.d/50-a.rules:1"
	if strings.Join(got, ", ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRulesThatAreOverridden: what an earlier rule sets is not in force where a
// later one sets the same for whatever the earlier is about, and only there.
func TestRulesThatAreOverridden(t *testing.T) {
	const nvme = `ACTION=="add|change", SUBSYSTEM=="nvme", KERNEL=="nvme*", `
	for name, c := range map[string]struct {
		first, last string
		counts      evidence.Answer
	}{
		"for the same":             {nvme + `ATTR{ctrl_loss_tmo}="-1"`, nvme + `ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"for more":                 {nvme + `ATTR{ctrl_loss_tmo}="-1"`, `SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"for less":                 {`SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="-1"`, nvme + `ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"for others":               {`SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="-1"`, `SUBSYSTEM=="nvme", ATTR{model}=="X", ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"something else":           {nvme + `ATTR{ctrl_loss_tmo}="-1"`, nvme + `ATTR{fast_io_fail_tmo}="600"`, evidence.Unknown},
		"by a command":             {nvme + `ATTR{ctrl_loss_tmo}="-1"`, nvme + `RUN+="/bin/sh -c 'echo 600 > /sys/class/nvme/%k/ctrl_loss_tmo'"`, evidence.No},
		"before a command":         {nvme + `RUN+="/bin/sh -c 'echo -1 > /sys/class/nvme/%k/ctrl_loss_tmo'"`, nvme + `ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"for more actions":         {`ACTION=="add", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="-1"`, `ACTION=="add|change", ` + `SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"for actions by others":    {`ACTION=="add", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="-1"`, `ACTION!="remove", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"for fewer actions":        {`ACTION=="add|change", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="-1"`, `ACTION=="add", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"for no such action":       {`ACTION=="add", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="-1"`, `ACTION!="add", SUBSYSTEM=="nvme", ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"in another order":         {`ACTION=="add|change", ATTR{ctrl_loss_tmo}="-1"`, `ACTION=="change|add", ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"for more names":           {`KERNEL=="nvme[0-9]*", ATTR{ctrl_loss_tmo}="-1"`, `KERNEL=="nvme*", ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"for fewer names":          {`KERNEL=="nvme*", ATTR{ctrl_loss_tmo}="-1"`, `KERNEL=="nvme[0-9]*", ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"for all but some names":   {`KERNEL=="nvme[!2]", ATTR{ctrl_loss_tmo}="-1"`, `KERNEL=="nvme[!1]", ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"in either case":           {`SUBSYSTEM==i"NVME", ATTR{ctrl_loss_tmo}="-1"`, `SUBSYSTEM=="NVME", ATTR{ctrl_loss_tmo}="600"`, evidence.Unknown},
		"by another array's":       {`SUBSYSTEM=="nvme", ATTR{model}=="NetApp ONTAP Controller", ATTR{ctrl_loss_tmo}="-1"`, "", evidence.No},
		"on the machine's bus":     {`SUBSYSTEM=="nvme", ATTR{transport}=="pcie|rdma", ATTR{ctrl_loss_tmo}="-1"`, "", evidence.No},
		"ours by name":             {`SUBSYSTEM=="nvme", ATTR{model}=="Pure*", ATTR{ctrl_loss_tmo}="-1"`, "", evidence.Unknown},
		"ours, filled with blanks": {`SUBSYSTEM=="nvme", ATTR{model}=="Pure Storage FlashArray    ", ATTR{ctrl_loss_tmo}="-1"`, "", evidence.Unknown},
		"one of several arrays":    {`ATTR{model}=="NetApp*|Pure Storage FlashArray", ATTR{ctrl_loss_tmo}="-1"`, "", evidence.Unknown},
		"an adapter's vendor":      {`SUBSYSTEM=="fc_remote_ports", ATTRS{vendor}=="0x1077", ATTR{dev_loss_tmo}="-1"`, "", evidence.Unknown},
		"all but others":           {`SUBSYSTEM=="nvme", ATTR{model}!="NetApp*", ATTR{ctrl_loss_tmo}="-1"`, "", evidence.Unknown},
		"jumped over, both":        {`ACTION=="remove", GOTO="end"` + "\n" + nvme + `ATTR{ctrl_loss_tmo}="-1"` + "\n" + nvme + `ATTR{ctrl_loss_tmo}="600"` + "\n" + `LABEL="end"`, "", evidence.No},
		"jumped over, the first":   {`ACTION=="remove", GOTO="end"` + "\n" + nvme + `ATTR{ctrl_loss_tmo}="-1"` + "\n" + `LABEL="end"`, nvme + `ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"with a remark within":     {`ACTION=="add", SUBSYSTEM=="nvme", \` + "\n# -1 is for ever\n" + `KERNEL=="nvme*", ATTR{ctrl_loss_tmo}="-1"`, nvme + `ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"with an escape":           {nvme + `ATTR{ctrl_loss_tmo}=e"-1"`, nvme + `ATTR{ctrl_loss_tmo}="600"`, evidence.No},
		"by an echo with a flag":   {nvme + `RUN+="/bin/sh -c 'echo -n -1 > /sys/class/nvme/%k/ctrl_loss_tmo'"`, "", evidence.Unknown},
		"where nobody may arrive":  {nvme + `ATTR{ctrl_loss_tmo}="-1"`, `GOTO="end"` + "\n" + nvme + `ATTR{ctrl_loss_tmo}="600"` + "\n" + `LABEL="end"`, evidence.Unknown},
	} {
		m := treefs.New()
		m.AddFile("etc/udev/rules.d/50-a.rules", []byte(c.first+"\n"))
		m.AddFile("etc/udev/rules.d/60-b.rules", []byte(c.last+"\n"))
		items := read(t, m).Items
		if i := slices.IndexFunc(items, func(s evidence.Setting) bool { return s.File == "/etc/udev/rules.d/50-a.rules" }); i < 0 || items[i].Applies != c.counts {
			t.Errorf("%s: %v", name, items)
		}
	}
}
