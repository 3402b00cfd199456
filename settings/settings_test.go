package settings

import (
	"strconv"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/evidence"
)

func TestBugsOf(t *testing.T) {
	for version, want := range map[string]string{
		"6.2": "", "6.3": "lxd-15210 lxd-resize lxd-array-first", "6.3-abc": "lxd-15210 lxd-resize lxd-array-first", "6.4": "lxd-resize lxd-array-first",
		"6.5": "lxd-resize lxd-array-first", "6.6": "lxd-paths-left", "6.7": "lxd-paths-left", "6.8": "", "6.9": "lxd-image-copies", "6.9-ab8fad2": "lxd-image-copies",
		"6.10": "", "6.30": "", "5.21.3": "", "5.21.4": "lxd-array-first", "5.21.5": "lxd-paths-left", "5.21.7 LTS": "lxd-paths-left", "5.21.8": "",
		"": "", "edge": "", "6": "", "6.3.x": "", "6.-3": "", "-6.3": "",
	} {
		got := ""
		for _, b := range BugsOf(version) {
			if got != "" {
				got += " "
			}
			got += b.Code
			if b.What == "" || b.Cause == "" || b.Effect == "" || b.Upgrade == "" {
				t.Errorf("%+v", b)
			}
			// LXD's database does not go back to an older series, and what is
			// to be typed is one command.
			_, typed, types := strings.Cut(b.Upgrade, "snap refresh lxd --channel=")
			if series := map[bool]string{true: "5.21/stable", false: "latest/stable"}[strings.HasPrefix(version, "5.")]; types && typed != series {
				t.Errorf("%q, %s: %s", version, b.Code, b.Upgrade)
			}
		}
		if got != want {
			t.Errorf("%q has %q, want %q", version, got, want)
		}
	}
}

// TestStillRunning: the daemon's word counts beside the file's until it has
// read the file, and is not told twice.
func TestStillRunning(t *testing.T) {
	file := evidence.Setting{Name: "multipath no_path_retry", Value: "12", Section: "overrides", File: "/etc/multipath.conf", Line: 3, Applies: evidence.Yes}
	running := evidence.Setting{Name: "multipath no_path_retry", Value: "queue", Section: evidence.InForce, File: "multipathd", Applies: evidence.Yes}
	for _, c := range []struct {
		name          string
		file, running string
		want          int
		section       string
	}{
		{"both good", "12", "12", 0, ""},
		{"spelled differently", "fail", "0", 0, ""},
		{"not read yet, and better", "queue", "12", 1, "overrides"},
		{"not read yet, and worse", "12", "queue", 1, `multipathd runs with "queue", the file says "12" by now`},
		{"both bad", "queue", "queue", 1, "overrides"},
		{"two sorts of bad", "queue", "500", 2, ""},
	} {
		file.Value, running.Value = c.file, c.running
		h := &evidence.Host{Settings: evidence.Complete([]evidence.Setting{file, running})}
		faults := OfHost(h, &evidence.LXD{Version: "6.8"})
		if len(faults) != c.want || c.section != "" && faults[0].Section != c.section {
			t.Errorf("%s: %+v", c.name, faults)
		}
	}
}

// TestNotUsed: what is only wrong for a transport that no pool has is not
// called wrong.
func TestNotUsed(t *testing.T) {
	h := &evidence.Host{Settings: evidence.Complete([]evidence.Setting{
		{Name: "iscsi node.session.scan", Value: "manual", File: "/f", Line: 1, Applies: evidence.Yes},
		{Name: "multipath blacklist", Value: `wwid ".*"`, File: "/f", Line: 1, Applies: evidence.Yes},
		{Name: "multipath recheck_wwid", Value: "no", File: "/f", Line: 1, Applies: evidence.Yes},
		{Name: "nvme multipath", Value: "N", File: "/f", Applies: evidence.Yes},
	})}
	count := func(mode string) int {
		return len(OfHost(h, &evidence.LXD{Version: "6.8", Pools: evidence.Complete([]evidence.Pool{{Mode: mode}})}))
	}
	if iscsi, nvme := count(evidence.ModeISCSI), count(evidence.ModeNVMeTCP); iscsi != 3 || nvme != 2 {
		t.Errorf("%d faults for iSCSI, %d for NVMe, which needs multipath's maps here", iscsi, nvme)
	}
	native := &h.Settings.Items[3]
	native.Value = "Y"
	if nvme := count(evidence.ModeNVMeTCP); nvme != 0 {
		t.Errorf("%d faults for NVMe, of which multipath has nothing", nvme)
	}
	native.Value = "N"
	// Which pools there are is not known: everything may matter.
	if all := len(OfHost(h, &evidence.LXD{})); all != 4 {
		t.Errorf("%d faults where nothing is known of the pools", all)
	}
}

// TestNoLongerWait: what is to be written for tries that take too long never
// makes I/O wait for longer, and is not found wrong again.
func TestNoLongerWait(t *testing.T) {
	for interval := 1; interval <= 700; interval += 7 {
		for _, tries := range []int{1, 2, 3, 5, 6, 12, 61, 500} {
			said := func(tries, interval string) *evidence.Host {
				return &evidence.Host{Settings: evidence.Complete([]evidence.Setting{
					{Name: "multipath polling_interval", Value: interval, Section: "defaults", File: "/etc/multipath.conf", Line: 2, Applies: evidence.Yes},
					{Name: "multipath no_path_retry", Value: tries, Section: "defaults", File: "/etc/multipath.conf", Line: 3, Applies: evidence.Yes},
				})}
			}
			faults := OfHost(said(strconv.Itoa(tries), strconv.Itoa(interval)), &evidence.LXD{Version: "6.8"})
			if (len(faults) == 1) != (tries*interval > 300) {
				t.Errorf("%d tries of %d s: %+v", tries, interval, faults)
			}
			if len(faults) == 0 {
				continue
			}
			write, after := strings.TrimPrefix(faults[0].Write[0], "no_path_retry "), strconv.Itoa(interval)
			if strings.Contains(faults[0].Into, "polling_interval 5 in /etc/multipath.conf, in place of line 2") {
				after = "5"
			}
			n, _ := strconv.Atoi(write)
			seconds, _ := strconv.Atoi(after)
			if again := OfHost(said(write, after), &evidence.LXD{Version: "6.8"}); len(again) > 0 || n < 1 || n*seconds > tries*interval {
				t.Errorf("%d tries of %d s: as told, %d of %d: %+v", tries, interval, n, seconds, again)
			}
		}
	}
}
