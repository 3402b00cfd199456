package hostlog_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/hostlog"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

func logText(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// load reads a recorded host.
func load(t *testing.T, name string) *treefs.FS {
	t.Helper()
	tree, err := treefs.ReadTarGz("../testdata/" + name + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// running is a host of which nobody asks the kernel.
func running(tree *treefs.FS) devices.System {
	return devices.System{FS: tree, Now: func() time.Time { return time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC) }}
}

func told(log evidence.Log) []string {
	all := []string{}
	for _, a := range log.Arrivals.Items {
		all = append(all, fmt.Sprintf("%s %s %s disk %s map %s after %s", a.At.Format("15:04:05"), a.Device, a.Serial, a.DiskMS, a.MapMS, a.Sign))
	}
	for _, c := range log.Complaints.Items {
		all = append(all, fmt.Sprintf("%s %s: %s", c.At.Format("15:04:05"), c.Kind, c.Text))
	}
	return all
}

// journalStory is the recorded leak: sdd came 28 s after the array said that
// there was something new, no map was ever made of it, and LXD had given up.
var journalStory = []string{
	"08:24:19 sda D5BC07893D61B51B0001100A disk 1000 map 5000 after the login",
	"08:24:20 sdb D5BC07893D61B51B0001100A disk 1000 map 7000 after the login",
	"08:24:33 sdc D5BC07893D61B51B00011004 disk 1000 map 5000 after the array's word that its LUNs changed",
	"08:34:31 sdd D5BC07893D61B51B0001100D disk 28000 map unknown after the array's word that its LUNs changed",
	"08:35:12 sde D5BC07893D61B51B0001100F disk 0 map 9000 after the array's word that its LUNs changed",
	`08:29:15 no-device: Failed locating device for volume "default_hide1": context deadline exceeded`,
	`08:29:58 no-device: Failed locating device for volume "default_nhide1": context deadline exceeded`,
	`08:31:31 no-device: Failed locating device for volume "default_leak1": context deadline exceeded`,
	`08:32:05 no-device: Failed locating device for volume "default_nleak1": context deadline exceeded`,
}

func TestLogs(t *testing.T) {
	journal := string(logText(t, "journal.txt"))
	old := strings.NewReplacer("2026-11-22T", "Nov 22 ", "+0000 ", " ").Replace(journal)
	for name, text := range map[string]string{"syslog": journal, "messages": old} {
		m := treefs.New()
		m.AddFile("var/log/"+name, []byte(text))
		m.AddFile("etc/timezone", []byte("Etc/UTC\n"))
		s := running(m)
		s.Now = func() time.Time { return time.Date(2027, 1, 5, 0, 0, 0, 0, time.UTC) }
		log := hostlog.Read(t.Context(), s)
		if diff := cmp.Diff(journalStory, told(log)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if !log.Arrivals.IsComplete() || log.Arrivals.Items[0].At.Year() != 2026 || log.Read[0] != "/var/log/"+name {
			t.Errorf("%s: %q, %s, %v", name, log.Arrivals.Why(), log.Arrivals.Items[0].At, log.Read)
		}
	}
}

// TestLogsTogether: what stands in two logs is told once, and the kernel's
// own log serves where nothing else is written.
func TestLogsTogether(t *testing.T) {
	m := treefs.New()
	m.AddFile("commands/dmesg.out", logText(t, "dmesg.txt"))
	system := func() devices.System {
		s := running(m)
		s.Kernel = devices.Recording(s.FS)
		return s
	}
	log := hostlog.Read(t.Context(), system())
	got := told(log)
	if len(got) != 5 || got[3] != "00:29:36 sdd D5BC07893D61B51B0001100D disk 27310 map unknown after the array's word that its LUNs changed" {
		t.Errorf("dmesg alone: %q", got)
	}
	m.AddFile("var/log/syslog", logText(t, "journal.txt"))
	m.AddFile("var/lib/lxd/logs/lxd.log", []byte(`time="2026-11-22T08:31:31Z" level=warning msg="Failure for operation" class=task `+
		`err="Failed locating device for volume \"default_leak1\": context deadline exceeded" operation=x project=default`+"\n"))
	if diff := cmp.Diff(journalStory, told(hostlog.Read(t.Context(), system()))); diff != "" {
		t.Errorf("without the time of the start (-want +got)\n%s", diff)
	}
	// 08:04:55 plus dmesg's seconds is the journal's time.
	m.AddFile("proc/stat", []byte(fmt.Sprintf("cpu 1 2 3\nbtime %d\n", time.Date(2026, 11, 22, 8, 4, 55, 0, time.UTC).Unix())))
	if diff := cmp.Diff(journalStory, told(hostlog.Read(t.Context(), system()))); diff != "" {
		t.Errorf("with it (-want +got)\n%s", diff)
	}
}

// TestZones: a time without a zone is the machine's, LXD's own stands above it,
// and where the zone is not known nothing is said of the moment.
func TestZones(t *testing.T) {
	const gaveUp = `Failed locating device for volume \"default_a\": context deadline exceeded"`
	bare := "Jul 22 12:00:31 host lxd.daemon[9]: level=error err=\"" + gaveUp + "\n"
	own := "Jul 22 12:00:31 host lxd.daemon[9]: time=\"2026-07-22T12:00:31+02:00\" level=error err=\"" + gaveUp + "\n"
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine knows no zones")
	}
	for name, c := range map[string]struct {
		line, zone, link string
		recorded         bool
		want             time.Time
	}{
		"a name":                     {bare, "Europe/Berlin", "", true, time.Date(2026, 7, 22, 10, 0, 31, 0, time.UTC)},
		"a link":                     {bare, "", "/usr/share/zoneinfo/Europe/Berlin", true, time.Date(2026, 7, 22, 10, 0, 31, 0, time.UTC)},
		"a link within the tree":     {bare, "Etc/UTC", "../usr/share/zoneinfo/Europe/Berlin", true, time.Date(2026, 7, 22, 10, 0, 31, 0, time.UTC)},
		"UTC":                        {bare, "Etc/UTC", "", true, time.Date(2026, 7, 22, 12, 0, 31, 0, time.UTC)},
		"none, of a machine":         {bare, "", "", false, time.Date(2026, 7, 22, 12, 0, 31, 0, time.UTC)},
		"none, of a recording":       {bare, "", "", true, time.Date(1970, 7, 22, 12, 0, 31, 0, time.UTC)},
		"none that is known":         {bare, "Middle/Earth", "", true, time.Date(1970, 7, 22, 12, 0, 31, 0, time.UTC)},
		"LXD's own":                  {own, "America/New_York", "", true, time.Date(2026, 7, 22, 10, 0, 31, 0, time.UTC)},
		"LXD's own, without a zone":  {own, "", "", true, time.Date(2026, 7, 22, 10, 0, 31, 0, time.UTC)},
		"an hour that comes twice":   {strings.Replace(bare, "Jul 22 12:", "Oct 25 02:", 1), "Europe/Berlin", "", true, time.Date(1970, 10, 25, 2, 0, 31, 0, time.UTC)},
		"the hour after it":          {strings.Replace(bare, "Jul 22 12:", "Oct 25 03:", 1), "Europe/Berlin", "", true, time.Date(2026, 10, 25, 2, 0, 31, 0, time.UTC)},
		"last year's, by its winter": {strings.Replace(bare, "Jul 22", "Dec 22", 1), "Europe/Berlin", "", true, time.Date(2025, 12, 22, 11, 0, 31, 0, time.UTC)},
	} {
		m := treefs.New()
		m.AddFile("var/log/syslog", []byte(c.line))
		if c.zone != "" {
			m.AddFile("etc/timezone", []byte(c.zone+"\n"))
		}
		if c.link != "" {
			m.AddLink("etc/localtime", c.link)
		}
		s := running(m)
		s.Recorded = c.recorded
		s.Now = func() time.Time { return time.Date(2026, 11, 28, 0, 0, 0, 0, berlin) }
		log := hostlog.Read(t.Context(), s)
		if len(log.Complaints.Items) != 1 || !log.Complaints.Items[0].At.Equal(c.want) {
			t.Errorf("%s: %+v, want %s", name, log.Complaints.Items, c.want)
		}
	}
}

// TestEventsOnce: what the kernel's own log has and syslog, in whatever zone,
// has happened once, and so has what LXD writes into two files.
func TestEventsOnce(t *testing.T) {
	events := []struct {
		at   float64
		text string
	}{
		{3600, "sd 2:0:0:1: LUN assignments on this target have changed."},
		{3640, "scsi 2:0:0:33: Direct-Access     PURE     FlashArray       8888 PQ: 0 ANSI: 6"},
		{3640.2, "sd 2:0:0:33: [sdz] Attached SCSI disk"},
		{3641, "connection18:0: detected conn error (1020)"},
	}
	boot := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		off  time.Duration
		zone string
	}{"UTC": {0, "Etc/UTC"}, "Berlin": {time.Hour, "Europe/Berlin"}, "Berlin, not recorded": {time.Hour, ""}, "Kathmandu, not recorded": {345 * time.Minute, ""}} {
		kernel, syslog := "", ""
		for _, e := range events {
			kernel += fmt.Sprintf("[%12.6f] %s\n", e.at, e.text)
			at := boot.Add(c.off + time.Duration(e.at*float64(time.Second)))
			syslog += fmt.Sprintf("%s host kernel: [%12.6f] %s\n", at.Format(time.Stamp), e.at, e.text)
		}
		syslog += boot.Add(c.off+2*time.Hour).Format(time.Stamp) + " host lxd.daemon[9]: time=\"2026-11-28T12:00:00Z\" level=error err=\"Failed locating device for volume \\\"default_a\\\": context deadline exceeded\"\n"
		m := treefs.New()
		m.AddFile("commands/dmesg.out", []byte(kernel))
		m.AddFile("var/log/syslog", []byte(syslog))
		m.AddFile("var/lib/lxd/logs/lxd.log", []byte("time=\"2026-11-28T12:00:00Z\" level=error err=\"Failed locating device for volume \\\"default_a\\\": context deadline exceeded\"\n"))
		m.AddFile("proc/stat", []byte(fmt.Sprintf("btime %d\n", boot.Unix())))
		if c.zone != "" {
			m.AddFile("etc/timezone", []byte(c.zone))
		}
		s := running(m)
		s.Recorded, s.Kernel = true, devices.Recording(s.FS)
		s.Now = func() time.Time { return boot.Add(30 * time.Hour) }
		log := hostlog.Read(t.Context(), s)
		if len(log.Arrivals.Items) != 1 || len(log.Complaints.Items) != 2 {
			t.Errorf("%s: %q", name, told(log))
		}
	}
}

// TestRotated: what logrotate has moved is read too, packed or not, of the log
// before the one that is written now.
func TestRotated(t *testing.T) {
	line := func(volume, day string) string {
		return day + "T11:00:41+00:00 host lxd.daemon[9]: time=\"" + day + "T11:00:41Z\" level=error err=\"Failed locating device for volume \\\"" + volume + "\\\": context deadline exceeded\"\n"
	}
	packed := func(text string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
			t.Fatal("not packed")
		}
		return b.String()
	}
	old, older, fresh := line("default_a", "2026-11-21"), line("default_old", "2026-11-14"), "2026-11-22T00:00:01+00:00 host rsyslogd: HUPed\n"
	for name, files := range map[string]map[string]string{
		"one":             {"syslog": fresh, "syslog.1": old, "syslog.2.gz": packed(older)},
		"packed":          {"syslog": fresh, "syslog.1.gz": packed(old)},
		"dated":           {"messages": fresh, "messages-20261121": old, "messages-20261114": older, "messages-xyz": older},
		"dated, packed":   {"messages": fresh, "messages-20261121.gz": packed(old), "messages-20261114": older},
		"nothing since":   {"syslog.1": old},
		"and long before": {"syslog": fresh, "syslog.1.gz": packed(strings.Repeat("2026-11-20T00:00:01+00:00 host x: y\n", 600000) + old)},
	} {
		m := treefs.New()
		for file, text := range files {
			m.AddFile("var/log/"+file, []byte(text))
		}
		log := hostlog.Read(t.Context(), running(m))
		if len(log.Complaints.Items) != 1 || !strings.Contains(log.Complaints.Items[0].Text, "default_a") || !log.Complaints.IsComplete() {
			t.Errorf("%s: %q, %s", name, told(log), log.Complaints.Why())
		}
	}
	m := treefs.New()
	m.AddFile("var/log/syslog.1.gz", []byte("no gzip"))
	if log := hostlog.Read(t.Context(), running(m)); log.Complaints.IsComplete() {
		t.Error("what could not be unpacked was read")
	}
}

// TestUdevTells: where multipathd writes to the journal only, udev's database
// tells how long the maps that are there took.
func TestUdevTells(t *testing.T) {
	log := hostlog.Read(t.Context(), running(load(t, "lab-01-iscsi-healthy")))
	if len(log.Arrivals.Items) != 2 || log.Arrivals.Items[0].Source != "/run/udev/data" || !log.Arrivals.Items[0].MapMS.Known || log.Arrivals.Items[0].Serial == "" {
		t.Errorf("%q", told(log))
	}
}

// TestUdevTellsOfNamespaces: no log does, and of a disk without a map only one
// that was kept.
func TestUdevTellsOfNamespaces(t *testing.T) {
	b := load(t, "lab-20-nvme-healthy")
	log := hostlog.Read(t.Context(), running(b))
	if len(log.Arrivals.Items) != 0 || !log.Started.IsZero() {
		t.Errorf("without the time of the start: %+v", log.Arrivals.Items)
	}
	b.AddFile("proc/stat", []byte("btime 1795335000\n"))
	log = hostlog.Read(t.Context(), running(b))
	if len(log.Arrivals.Items) == 0 || log.Started.Unix() != 1795335000 {
		t.Fatalf("%+v", log)
	}
	for _, a := range log.Arrivals.Items {
		if a.Serial == "" || a.DiskMS.Known || a.MapMS.Known || !a.At.After(log.Started) || !strings.HasPrefix(a.Device, "nvme") {
			t.Errorf("%+v", a)
		}
	}
}

// TestEndOfAnError: an error at the end of LXD's line keeps no quotation mark.
func TestEndOfAnError(t *testing.T) {
	m := treefs.New()
	m.AddFile("var/log/syslog", []byte(`2026-11-22T08:31:31+0000 h lxd.daemon[1]: time="2026-11-22T08:31:31Z" level=warning msg="Failure" err="Failed locating device for volume \"default_leak1\": context deadline exceeded"`+"\n"))
	if got := told(hostlog.Read(t.Context(), running(m))); len(got) != 1 || !strings.HasSuffix(got[0], `: Failed locating device for volume "default_leak1": context deadline exceeded`) {
		t.Errorf("%q", got)
	}
}

// BenchmarkReadLog is what a scan pays for the causes: a log of 8 MiB.
func BenchmarkReadLog(b *testing.B) {
	journal, err := os.ReadFile("testdata/journal.txt")
	if err != nil {
		b.Fatal(err)
	}
	m := treefs.New()
	m.AddFile("var/log/syslog", []byte(strings.Repeat(string(journal), (8<<20)/len(journal))))
	for b.Loop() {
		hostlog.Read(context.Background(), running(m))
	}
}

func TestNoLogs(t *testing.T) {
	log := hostlog.Read(t.Context(), running(treefs.New()))
	if log.Arrivals.IsComplete() || log.Arrivals.Why() != "no log could be read" || log.Read == nil {
		t.Errorf("%q %v", log.Arrivals.Why(), log.Read)
	}
	m := treefs.New()
	m.AddFile("var/log/syslog", []byte("x\n"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if log := hostlog.Read(ctx, running(m)); log.Arrivals.IsComplete() {
		t.Error("a reading that was cut short claims to be complete")
	}
}

// TestHostileLogs: what others write into a log costs little and hides
// nothing.
func TestHostileLogs(t *testing.T) {
	journal := string(logText(t, "journal.txt"))
	m := treefs.New()
	m.AddFile("var/log/syslog", []byte(strings.Repeat("\x00", 1<<20)+"\n"+strings.Repeat("[", 3<<20)+"\n"+
		"2026-11-22T08:00:00+0000 h kernel: "+strings.Repeat("x", 5<<20)+"\n"+
		"2026-11-22T08:00:00+0000 h lxd[1]: Failed locating device for volume \x1b[2J"+strings.Repeat("y", 10000)+"\n"+journal))
	log := hostlog.Read(t.Context(), running(m))
	got := told(log)
	// Only the end of a large file is read; the other lines are still there.
	if len(got) != len(journalStory)+1 || got[0] != journalStory[0] {
		t.Errorf("%d lines: %.300q", len(got), got)
	}
	for _, c := range log.Complaints.Items {
		if len(c.Text) > 300 {
			t.Errorf("%d bytes are kept of a line", len(c.Text))
		}
	}
	var many strings.Builder
	for i := range 5000 {
		at := time.Date(2026, 11, 22, 0, 0, i, 0, time.UTC).Format("2006-01-02T15:04:05-0700")
		fmt.Fprintf(&many, "%s h lxd[1]: Failed locating device for volume %d\n%s h kernel: scsi 2:0:0:%d: Direct-Access     PURE     FlashArray\n%s h kernel: sd 2:0:0:%d: [sda] Attached SCSI disk\n", at, i, at, i, at, i)
	}
	m = treefs.New()
	m.AddFile("var/log/messages", []byte(many.String()))
	log = hostlog.Read(t.Context(), running(m))
	if len(log.Complaints.Items) != 200 || len(log.Arrivals.Items) != 500 || !strings.HasSuffix(log.Complaints.Items[199].Text, " 4999") {
		t.Errorf("%d complaints, %d arrivals", len(log.Complaints.Items), len(log.Arrivals.Items))
	}
}

// TestFibreChannelLost: that the fabric lost a port is heard.
func TestFibreChannelLost(t *testing.T) {
	m := treefs.New()
	m.AddFile("var/log/syslog", []byte("2026-11-22T08:00:00+0000 lxd01 kernel: [  100.0]  rport-7:0-2: blocked FC remote port time out: removing target and saving binding\n"))
	log := hostlog.Read(t.Context(), running(m))
	if n := len(log.Complaints.Items); n != 1 || log.Complaints.Items[0].Kind != evidence.ComplaintPortal {
		t.Errorf("%+v", log.Complaints)
	}
}

// TestOtherMachinesLines: a central syslog's files hold what others wrote, and
// none of that is this machine's.
func TestOtherMachinesLines(t *testing.T) {
	vain := func(host string) string {
		return "2026-11-22T08:00:00+0000 " + host + ` lxd.daemon[812]: time="2026-11-22T08:00:00Z" level=error err="Failed to locate device for volume \"default_x\": Timeout exceeded"` + "\n"
	}
	late := func(host string) string {
		return "2026-11-22T08:00:00+0000 " + host + " kernel: scsi 3:0:0:1: Direct-Access     PURE     FlashArray       8888 PQ: 0 ANSI: 6\n" +
			"2026-11-22T08:00:50+0000 " + host + " kernel: sd 3:0:0:1: [sdc] Attached SCSI disk\n"
	}
	for _, c := range []struct {
		name, hostname, text string
		complaints, arrivals int
		read                 bool
	}{
		{"its own", "lxd01", vain("lxd01") + late("lxd01"), 1, 1, true},
		{"its own, with a domain", "lxd01", vain("LXD01.example.com") + late("lxd01.example.com"), 1, 1, true},
		{"named with a domain", "lxd01.example.com", vain("lxd01") + late("lxd01"), 1, 1, true},
		{"before it has its name", "lxd01", late("localhost"), 0, 1, true},
		{"another's beside its own", "lxd01", vain("web7") + late("web7") + "2026-11-22T08:00:00+0000 lxd01 sshd[1]: x\n", 0, 0, true},
		{"another's in the middle", "lxd01", late("lxd01") + vain("lxd010"), 0, 1, true},
		{"others' only", "lxd01", vain("web7") + late("web7"), 0, 0, false},
		{"of a machine without a name", "", vain("web7") + late("web7"), 1, 1, true},
	} {
		tree := treefs.New()
		tree.AddFile("var/log/syslog", []byte(c.text))
		system := running(tree)
		system.Hostname = c.hostname
		log := hostlog.Read(t.Context(), system)
		if got := len(log.Complaints.Items); got != c.complaints {
			t.Errorf("%s: %d complaints", c.name, got)
		}
		if got := len(log.Arrivals.Items); got != c.arrivals {
			t.Errorf("%s: %d arrivals", c.name, got)
		}
		if read := slices.Contains(log.Read, "/var/log/syslog"); read != c.read || log.Complaints.IsComplete() != c.read {
			t.Errorf("%s: read %v, complete %v", c.name, log.Read, log.Complaints.IsComplete())
		}
	}
}
