package settings

import (
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pureclean/pureclean/evidence"
)

// Rule judges one setting.
type Rule struct {
	// Code is the fault's: a word that does not change its meaning.
	Code string
	// Name is evidence.Setting's.
	Name string
	// Scan marks the few that scan reports too.
	Scan bool
	// Bad weighs the setting, "" for nothing wrong, and says why it matters.
	Bad func(*facts, evidence.Setting) (Weight, string)
	// Write says what to write, where, and how to bring it into force.
	Write func(*facts, evidence.Setting) (lines []string, into string, then []string)
}

const reconfigure = "multipathd reconfigure"

// mended tries files that were refused, and brings them into force.
var mended = []string{"multipath -t > /dev/null", "systemctl start multipathd", reconfigure}

// Rules are all that is judged of a host's settings, the worst first.
var Rules = []Rule{
	{
		Code: "multipath-queueing", Name: "multipath no_path_retry", Scan: true,
		Bad:   when(is("queue"), Critical, hangs),
		Write: retries(""),
	},
	{
		Code: "multipath-queueing", Name: "multipath features", Scan: true,
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			// no_path_retry stands above the feature, wherever either is said.
			if !strings.Contains(s.Value, "queue_if_no_path") || f.effective("multipath no_path_retry") != "" && s.Applies.Is() {
				return "", ""
			}
			return Critical, hangs
		},
		Write: retries(`features "0"`),
	},
	{
		Code: "multipath-blacklist", Name: "multipath blacklist",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			switch {
			case !f.maps():
				return "", ""
			case oneVolume.MatchString(s.Value):
				return Warning, "multipath leaves this one volume alone: LXD does not find it, or loses it with its one path"
			case f.uses(evidence.ModeISCSI, evidence.ModeFC) && f.version().needsMap():
				return Critical, "multipath leaves Pure volumes alone, and LXD takes them only through a map: every volume times out after 30 seconds"
			}
			return Warning, "multipath leaves Pure volumes alone: they have one path, and are lost with it"
		},
		Write: func(f *facts, s evidence.Setting) ([]string, string, []string) {
			kind, _, _ := strings.Cut(s.Value, " ")
			if kind == "property" || oneVolume.MatchString(s.Value) {
				// An exception only counts for what comes before it by name.
				return nil, fmt.Sprintf("take line %d of %s away", s.Line, s.File), []string{reconfigure}
			}
			// An exception counts against a line of its own kind only.
			var exception []string
			if f.uses(evidence.ModeISCSI, evidence.ModeFC) {
				exception = append(exception, map[string][]string{
					"wwid":     {`	wwid "3624a9370.*"`},
					"devnode":  {`	devnode "^sd[a-z]"`},
					"protocol": {`	protocol "scsi:(iscsi|fcp)"`},
					"device":   {"	device {", `		vendor "PURE"`, `		product "FlashArray"`, "	}"},
				}[kind]...)
			}
			if f.mapsNVMe() {
				exception = append(exception, map[string][]string{
					"wwid":     {`	wwid "eui[.]00[0-9a-f]{14}24a937"`},
					"devnode":  {`	devnode "^nvme[0-9]"`},
					"protocol": {`	protocol "nvme:(tcp|fc)"`},
					"device":   {"	device {", `		vendor "NVME"`, `		product "Pure Storage FlashArray"`, "	}"},
				}[kind]...)
			}
			return slices.Concat([]string{"blacklist_exceptions {"}, exception, []string{"}"}), s.File, []string{reconfigure}
		},
	},
	{
		Code: "multipath-refused", Name: "multipath refused",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			if !f.maps() {
				return "", ""
			}
			return Critical, "multipath refuses all of its files for it: multipathd does not start with them, one that runs keeps what it had before, and \"multipath\" makes no map"
		},
		Write: func(_ *facts, s evidence.Setting) ([]string, string, []string) {
			key, value, _ := strings.Cut(s.Value, " ")
			into := fmt.Sprintf("%s, in place of line %d", s.File, s.Line)
			if strings.HasPrefix(value, `"*"`) {
				return []string{key + ` ".*"`}, into, mended
			}
			return nil, fmt.Sprintf("mend line %d of %s: multipath's patterns are POSIX extended regular expressions, found anywhere in the text", s.Line, s.File), mended
		},
	},
	{
		Code: "multipath-not-loaded", Name: notLoaded,
		Bad: when(always, Hint, "the file was changed and not loaded, or this version of multipath reads it otherwise: what multipathd says is in force"),
		Write: func(*facts, evidence.Setting) ([]string, string, []string) {
			return nil, "let multipathd read its files, and see what it made of them", []string{reconfigure, "multipathd show config"}
		},
	},
	{
		Code: "multipath-syntax", Name: "multipath syntax",
		Bad: when(always, Warning, "multipathd reads something else than was meant, and says so only in its log"),
		Write: func(_ *facts, s evidence.Setting) ([]string, string, []string) {
			if strings.Contains(s.Value, "not closed") {
				return []string{"}"}, s.File + ", where the section should end", []string{"multipath -t > /dev/null", reconfigure}
			}
			return nil, fmt.Sprintf("mend line %d of %s", s.Line, s.File), []string{"multipath -t > /dev/null", reconfigure}
		},
	},
	{
		Code: "multipath-long-queue", Name: "multipath no_path_retry",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			tries, err := strconv.Atoi(s.Value)
			interval := f.pollingInterval()
			if err != nil || tries <= 0 || tries < 1<<20 && tries*interval <= longestWait {
				return "", ""
			}
			return Warning, fmt.Sprintf("I/O to a device without a path waits %s tries of %d seconds; udev hangs with it, and then every new device", s.Value, interval)
		},
		Write: retries(""),
	},
	{
		Code: "multipath-queue-without-daemon", Name: "multipath queue_without_daemon",
		Bad:   when(isOn, Warning, "while multipathd is stopped, as in an upgrade, I/O to a device without a path waits for ever"),
		Write: multipathLine("queue_without_daemon no"),
	},
	{
		Code: "multipath-find", Name: "multipath find_multipaths",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			switch v := s.Value; {
			case !f.uses(evidence.ModeISCSI, evidence.ModeFC):
				return "", ""
			case v == "smart":
				// A negative number is for devices that multipath knows, as it
				// knows FlashArrays.
				seconds, err := strconv.Atoi(f.effective("multipath find_multipaths_timeout"))
				if seconds = max(seconds, -seconds); err != nil || seconds == 0 {
					seconds = 10
				}
				if seconds >= 25 {
					return Warning, fmt.Sprintf("multipath waits up to %d seconds for a second path before it makes a map, and LXD waits 30 in all: a volume with one path times out", seconds)
				}
				return Hint, fmt.Sprintf("multipath waits up to %d seconds for a second path before it makes a map, of the 30 that LXD waits in all", seconds)
			case (v == "strict" || v == "yes" || v == "on") && !f.version().needsMap():
				return Warning, "this LXD does not ask multipath for a map, and with " + v + " multipath makes none for a new volume with one path: it is lost with that path"
			}
			return "", ""
		},
		Write: multipathLine("find_multipaths no"),
	},
	{
		Code: "multipath-recheck-wwid", Name: "multipath recheck_wwid",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			if isOn(s.Value) || !f.uses(evidence.ModeISCSI, evidence.ModeFC) {
				return "", ""
			}
			weight := Warning
			if s.Section == evidence.InForce {
				weight = Hint
			}
			return weight, "when the array gives a LUN number to another volume, a path that comes back stays in the old volume's map: mixed-map"
		},
		Write: multipathLine("recheck_wwid yes"),
	},
	{
		Code: "multipath-fast-io-fail", Name: "multipath fast_io_fail_tmo",
		Bad:   when(longerThan(60), Warning, "I/O on a lost path waits that long before another path is tried, LXD's own 30 seconds included"),
		Write: multipathLine("fast_io_fail_tmo 10"),
	},
	{
		Code: "multipath-kpartx", Name: "multipath skip_kpartx",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			n := 0
			for _, m := range f.host.Maps.Items {
				if m.Partition {
					n++
				}
			}
			if isOn(s.Value) || n == 0 {
				return "", ""
			}
			return Hint, fmt.Sprintf("the partitions inside virtual machines' volumes get maps on this host, %d now, and what opens one keeps LXD from removing the volume", n)
		},
		Write: multipathLine("skip_kpartx yes"),
	},
	{
		Code: "iscsi-syntax", Name: "iscsi syntax",
		Bad: when(always, Warning, "the line looks as if it counted", evidence.ModeISCSI),
		Write: func(_ *facts, s evidence.Setting) ([]string, string, []string) {
			form := `the name, a blank, "=", a blank, the value`
			if _, words, other := strings.Cut(s.Value, " is none of "); other {
				words, _, _ = strings.Cut(words, ":")
				form = "the value, one of " + words
			} else if strings.Contains(s.Value, "no end") {
				form = "a line feed at its end"
			}
			return nil, fmt.Sprintf("mend line %d of %s: %s", s.Line, s.File, form), nil
		},
	},
	{
		Code: "fc-fast-io-fail", Name: "fc fast_io_fail_tmo",
		Bad: when(longerThan(60), Warning, "I/O through this remote port waits that long (off: until dev_loss_tmo) once the fabric has lost it, before another path is tried"),
		Write: func(f *facts, s evidence.Setting) ([]string, string, []string) {
			if lines, into, then, ok := f.udevSets(s, "10"); ok {
				return lines, into, append(then, "echo 10 > "+s.File)
			}
			return []string{"overrides {", "\tfast_io_fail_tmo 10", "}"}, "/etc/multipath.conf", []string{reconfigure, "echo 10 > " + s.File}
		},
	},
	{
		Code: "iscsi-scan", Name: "iscsi node.session.scan",
		Bad:   when(is("manual"), Warning, "a new session finds no volumes: LXD logs in and expects them, so the first volume on a host times out after 30 seconds", evidence.ModeISCSI),
		Write: iscsiLine("auto"),
	},
	{
		Code: "iscsi-login-timeout", Name: "iscsi node.conn[0].timeo.login_timeout",
		Bad: func(f *facts, s evidence.Setting) (Weight, string) {
			seconds, err := strconv.Atoi(s.Value)
			if !f.uses(evidence.ModeISCSI) || err == nil && seconds > 0 && seconds <= 5 {
				return "", ""
			}
			// What nobody says is open-iscsi's own number; and once it always tries.
			tries := cmp.Or(f.effective("iscsi node.session.initial_login_retry_max"), "4") + " times"
			if tries == "0 times" || tries == "1 times" {
				tries = "once, for"
			}
			why := "a login to a portal that does not answer is tried " + tries +
				" this long, and LXD does not look for the next volume meanwhile; it gives up after 30 seconds"
			if err == nil && seconds <= 15 && !f.lostSession() {
				return Hint, why
			}
			return Warning, why
		},
		Write: iscsiLine("5"),
	},
	{
		Code: "iscsi-replacement-timeout", Name: "iscsi node.session.timeo.replacement_timeout",
		Bad:   when(longerThan(120), Warning, "I/O on a lost session waits that long (less than 0: for ever) before it fails; multipath's fast_io_fail_tmo only takes its place once there is a map", evidence.ModeISCSI),
		Write: iscsiLine("20"),
	},
	{
		Code: "iscsi-recovery", Name: "iscsi recovery_tmo",
		Bad: when(longerThan(120), Warning, "I/O on this session waits that long (less than 0: for ever) after it is lost"),
		Write: func(f *facts, s evidence.Setting) ([]string, string, []string) {
			if lines, into, then, ok := f.udevSets(s, "20"); ok {
				return lines, into, append(then, "echo 20 > "+s.File)
			}
			return []string{"node.session.timeo.replacement_timeout = 20"}, "/etc/iscsi/iscsid.conf", []string{"echo 20 > " + s.File}
		},
	},
	{
		Code: "iscsi-startup", Name: "iscsi node.startup",
		Bad:   when(is("automatic"), Hint, "at boot the host logs in before LXD does, and brings back the device of every volume that was left connected", evidence.ModeISCSI),
		Write: iscsiLine("manual"),
	},
	{
		Code: "nvme-loss", Name: "nvme ctrl_loss_tmo",
		Bad: when(longerThan(3600), Warning, "I/O to a namespace without a path waits that long (off and -1: for ever), beyond kill -9"),
		Write: func(f *facts, s evidence.Setting) ([]string, string, []string) {
			if lines, into, then, ok := f.udevSets(s, "600"); ok {
				return lines, into, append(then, "echo 600 > "+s.File)
			}
			for _, c := range f.host.Settings.Items {
				if _, err := strconv.Atoi(c.Value); c.Name == "nvme-cli ctrl_loss_tmo" && err == nil && longerThan(3600)(c.Value) {
					return []string{strings.Replace(c.Section, c.Value, "600", 1)}, fmt.Sprintf("line %d of %s, in place of %s", c.Line, c.File, c.Section), []string{"echo 600 > " + s.File}
				}
			}
			return nil, "write it now; who sets it was not found, and the next controller may have it again", []string{"echo 600 > " + s.File}
		},
	},
	{
		Code: "nvme-loss", Name: "udev sets ctrl_loss_tmo",
		Bad:   willWait("nvme ctrl_loss_tmo", 3600, "I/O to a namespace without a path will wait that long (off and -1: for ever), beyond kill -9, from the next controller on", evidence.ModeNVMeTCP, evidence.ModeNVMeFC),
		Write: udevLater("600"),
	},
	{
		Code: "iscsi-recovery", Name: "udev sets recovery_tmo",
		Bad:   willWait("iscsi recovery_tmo", 120, "I/O on a session will wait that long (less than 0: for ever) after it is lost, from the next session on", evidence.ModeISCSI),
		Write: udevLater("20"),
	},
	{
		Code: "nvme-multipath", Name: "nvme multipath",
		Bad:   when(is("N", "0"), Warning, "each path is a disk of its own, LXD takes the first, and the volume is lost with that path", evidence.ModeNVMeTCP, evidence.ModeNVMeFC),
		Write: nativeMultipath,
	},
	{
		Code: "udev-rules", Name: "udev rules",
		Bad: when(always, Warning, "without these rules the link that LXD waits for does not appear, or leads to one path instead of the map"),
		Write: func(_ *facts, s evidence.Setting) ([]string, string, []string) {
			return nil, "take " + s.File + " away, so that the package's own rules count", []string{"rm " + Shell(s.File), "udevadm control --reload"}
		},
	},
	{
		Code: "udev-slow", Name: "udev children_max",
		Bad: func(_ *facts, s evidence.Setting) (Weight, string) {
			// udev reads 0x2, too.
			if n, err := strconv.ParseInt(s.Value, 0, 64); err != nil || n <= 0 || n > 4 {
				return "", ""
			}
			return Warning, "udev handles so few devices at once that one which hangs holds up LXD's new ones"
		},
		Write: udevLine("children_max=", ""),
	},
	{
		Code: "udev-slow", Name: "udev event_timeout",
		Bad: func(_ *facts, s evidence.Setting) (Weight, string) {
			if span, ok := systemdSpan(s.Value); !ok || span <= 5*time.Minute {
				return "", ""
			}
			return Warning, "udev waits that long for a device that hangs before it gives it up, and others wait behind it"
		},
		Write: udevLine("event_timeout=", "180"),
	},
	{
		Code: "udev-scan", Name: "udev scan",
		Bad: when(always, Hint, "these rules scan whenever the array's LUNs change, and bring a device back that LXD is just removing: ghost-path, stale-map", evidence.ModeISCSI, evidence.ModeFC),
		Write: func(_ *facts, s evidence.Setting) ([]string, string, []string) {
			const own, reload = "/etc/udev/rules.d/", "udevadm control --reload"
			switch {
			case s.Line > 0:
				return nil, fmt.Sprintf("take the rule in line %d of %s away", s.Line, s.File), []string{reload}
			case strings.HasPrefix(s.File, own):
				return nil, "turn the rules off", []string{"rm " + Shell(s.File), reload}
			}
			return nil, "turn the rules off", []string{"ln -s /dev/null " + own + path.Base(s.File), reload}
		},
	},
}

// when judges a setting by its value alone: it is wrong where a pool uses, or may
// use, one of the modes; without any it is for all.
func when(wrong func(value string) bool, weight Weight, why string, modes ...string) func(*facts, evidence.Setting) (Weight, string) {
	return func(f *facts, s evidence.Setting) (Weight, string) {
		if !wrong(s.Value) || len(modes) > 0 && !f.uses(modes...) {
			return "", ""
		}
		return weight, why
	}
}

func always(string) bool { return true }

func is(values ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(values, value) }
}

// longerThan is for seconds: what is no number, or less than none, has no end.
func longerThan(most int) func(string) bool {
	return func(value string) bool {
		seconds, err := strconv.Atoi(value)
		return err != nil || seconds < 0 || seconds > most
	}
}

// oneVolume is a line of the blacklist with the whole WWID of one volume.
var oneVolume = regexp.MustCompile(`^wwid "\^?(3624a9370[0-9a-fA-F]{24}|eui(\.|\\\.|\[\.\])00[0-9a-fA-F]{14}24a937[0-9a-fA-F]{10})\$?"$`)

const hangs = "I/O to a device without a path waits for ever, beyond kill -9; udev hangs with it, and then every new device"

// longestWait is for how many seconds I/O without a path may wait before that is
// called wrong, and wait what is advised: LXD waits for less.
const (
	longestWait = 300
	wait        = 60
)

// pollingInterval is how many seconds lie between two tries of multipathd: of
// several that are said, and of which one is in force and another will be, the
// longest.
func (f *facts) pollingInterval() int {
	interval := 0
	for _, s := range f.said("multipath polling_interval") {
		if n, err := strconv.Atoi(s.Value); err == nil && n > 0 && n < 1<<20 {
			interval = max(interval, n)
		}
	}
	return cmp.Or(interval, 5)
}

// retries writes how often multipathd is to try, so that it takes a minute,
// or the one try that fits. Where not even that does the interval is wrong.
func retries(before string) func(*facts, evidence.Setting) ([]string, string, []string) {
	return func(f *facts, s evidence.Setting) ([]string, string, []string) {
		interval := f.pollingInterval()
		tries := "no_path_retry " + strconv.Itoa(min(max(wait/interval, 1), 12))
		if interval > longestWait {
			tries = "no_path_retry 12"
		}
		lines := []string{tries}
		if before != "" {
			lines = []string{before, tries}
		}
		lines, into, then := multipathLine(lines...)(f, s)
		if interval <= longestWait {
			return lines, into, then
		}
		for _, p := range f.said("multipath polling_interval") {
			if n, err := strconv.Atoi(p.Value); err == nil && n > longestWait && p.Line > 0 {
				into += fmt.Sprintf("; and polling_interval 5 in %s, in place of line %d", p.File, p.Line)
			}
		}
		return lines, into, then
	}
}

func isOn(value string) bool { return value == "yes" || value == "on" || value == "1" }

// lostSession reports a session to a FlashArray that is not logged in: a portal
// that does not answer now.
func (f *facts) lostSession() bool {
	return slices.ContainsFunc(f.host.Sessions.Items, func(s evidence.Session) bool {
		return !s.Live() && evidence.PureTarget(s.Target)
	})
}

// multipathLine writes lines where the wrong one stands, or in the section
// that counts most where none does.
func multipathLine(lines ...string) func(*facts, evidence.Setting) ([]string, string, []string) {
	return func(_ *facts, s evidence.Setting) ([]string, string, []string) {
		if s.Line > 0 {
			return lines, fmt.Sprintf("%s, in place of line %d", s.File, s.Line), []string{reconfigure}
		}
		section := "overrides"
		switch s.Name {
		case "multipath find_multipaths", "multipath queue_without_daemon":
			section = "defaults"
		}
		whole := []string{section + " {"}
		for _, line := range lines {
			whole = append(whole, "\t"+line)
		}
		return append(whole, "}"), "/etc/multipath.conf", []string{reconfigure}
	}
}

// iscsiLine writes a value in iscsid.conf, or in the record of one portal.
func iscsiLine(value string) func(*facts, evidence.Setting) ([]string, string, []string) {
	return func(_ *facts, s evidence.Setting) ([]string, string, []string) {
		_, key, _ := strings.Cut(s.Name, " ")
		into := "/etc/iscsi/iscsid.conf"
		if s.Line > 0 {
			into = fmt.Sprintf("%s, in place of line %d", s.File, s.Line)
		}
		target, portal, ok := strings.Cut(s.Section, " ")
		if !ok {
			// iscsiadm reads it for each new record, and LXD makes a new one
			// whenever it connects.
			return []string{key + " = " + value}, into, nil
		}
		return []string{key + " = " + value}, into, []string{
			"iscsiadm -m node -T " + Shell(target) + " -p " + Shell(portal) + " -o update -n " + Shell(key) + " -v " + value,
		}
	}
}

// kernelCommandLine is the file of what stands above udev.conf and modprobe.d.
const kernelCommandLine = "/proc/cmdline"

// udevLine writes a line of udev.conf anew, or takes it away.
func udevLine(key, value string) func(*facts, evidence.Setting) ([]string, string, []string) {
	return func(_ *facts, s evidence.Setting) ([]string, string, []string) {
		if s.File == kernelCommandLine {
			return nil, "take " + strings.Replace(s.Name, " ", ".", 1) + "=" + s.Value + " out of the kernel's command line", []string{"update-grub (or grubby)", "reboot"}
		}
		then := []string{"systemctl restart systemd-udevd"}
		if strings.Contains(s.File, "systemd-udevd.service") {
			return nil, fmt.Sprintf("take that option out of line %d of %s", s.Line, s.File), append([]string{"systemctl daemon-reload"}, then...)
		}
		if value == "" {
			return nil, fmt.Sprintf("take line %d of %s away", s.Line, s.File), then
		}
		return []string{key + value}, fmt.Sprintf("%s, in place of line %d", s.File, s.Line), then
	}
}

// willWait judges a rule of udev whose value nothing has yet: what has it says so
// itself. What has another may have been set by hand, which does not outlive the
// rule, or the rule may be for others; that is a hint.
func willWait(kernel string, most int, why string, modes ...string) func(*facts, evidence.Setting) (Weight, string) {
	return func(f *facts, s evidence.Setting) (Weight, string) {
		have := f.said(kernel)
		if !longerThan(most)(s.Value) || !f.uses(modes...) || slices.ContainsFunc(have, func(k statement) bool { return sets(s, k.Setting) }) {
			return "", ""
		}
		if len(have) > 0 {
			return Hint, why + "; what there is has " + have[0].Value + ", by hand perhaps, or the rule is for others"
		}
		return Warning, why
	}
}

// udevLater writes the rule anew.
func udevLater(value string) func(*facts, evidence.Setting) ([]string, string, []string) {
	return func(f *facts, s evidence.Setting) ([]string, string, []string) {
		lines, into, then, _ := f.udevSets(s, value)
		return lines, into, then
	}
}

// udevSets finds the rule of udev that sets what the kernel has: what is only
// written into sysfs does not outlive it. The last rule counts.
func (f *facts) udevSets(s evidence.Setting, value string) (lines []string, into string, then []string, ok bool) {
	key := s.Name[strings.LastIndexByte(s.Name, ' ')+1:]
	for _, rule := range f.host.Settings.Items {
		if rule.Name != "udev sets "+key || rule.Applies.IsNot() || !sets(rule, s) {
			continue
		}
		lines = []string{"ATTR{" + key + `}="` + value + `"`}
		file := rule.File
		if !strings.HasPrefix(file, "/etc/") {
			file = "/etc/udev/rules.d/" + path.Base(file) + ", a copy of " + file + " that takes its place: a package brings its own anew"
		}
		into = fmt.Sprintf("line %d of %s, in place of what sets %s to %s", rule.Line, file, key, rule.Value)
		then, ok = []string{"udevadm control --reload"}, true
	}
	return lines, into, then, ok
}

// sets reports that something has what a rule sets, as the kernel spells it.
func sets(rule, has evidence.Setting) bool {
	return rule.Value == has.Value || rule.Value == "-1" && has.Value == "off"
}

// nativeMultipath finds who turned it off: the kernel's command line stands
// above the files.
func nativeMultipath(f *facts, _ evidence.Setting) ([]string, string, []string) {
	line, into := "options nvme_core multipath=Y", "/etc/modprobe.d/nvme.conf"
	then := []string{"update-initramfs -u (or dracut -f)", "reboot"}
	var atBoot []string
	for _, s := range f.host.Settings.Items {
		if s.Name != "nvme multipath option" || s.Value == "Y" || s.Value == "1" {
			continue
		}
		if s.File == kernelCommandLine {
			atBoot = append(atBoot, s.Section)
			continue
		}
		into = fmt.Sprintf("%s, in place of line %d", s.File, s.Line)
	}
	if len(atBoot) > 0 {
		return nil, "take " + strings.Join(atBoot, " and ") + " out of the kernel's command line", []string{"update-grub (or grubby)", "reboot"}
	}
	return []string{line}, into, then
}

// Shell quotes a word for a shell, if need be.
func Shell(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@%+=,", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
