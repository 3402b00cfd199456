package devices

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

func TestParseMount(t *testing.T) {
	cases := []struct {
		line string
		want mount
		ok   bool
	}{
		{"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue", mount{"36", "98:0", "/mnt1", "/mnt2", "rw,noatime", "ext3", "/dev/root"}, true},
		{`36 35 0:41 / /a\040b\011c\012d\134e rw - btrfs /dev/x\040y rw`, mount{"36", "0:41", "/", "/a b\tc\nd\\e", "rw", "btrfs", "/dev/x y"}, true},
		{"36 35 0:4 mnt:[4026532138] /run/ns/lxd.mnt rw shared:1 master:2 - nsfs nsfs rw", mount{"36", "0:4", "mnt:[4026532138]", "/run/ns/lxd.mnt", "rw", "nsfs", "nsfs"}, true},
		{"36 35 0:4 / /x rw -  rw", mount{"36", "0:4", "/", "/x", "rw", "", "rw"}, true}, // an empty type
		{"36 35 0:4 / /x rw - tmpfs", mount{}, false},
		{"36 35 0:4 / /x rw", mount{}, false},
		{"36 35 0-4 / /x rw - tmpfs none rw", mount{}, false},
		{"36 35 :4 / /x rw - tmpfs none rw", mount{}, false},
		{"36 35 0:-4 / /x rw - tmpfs none rw", mount{}, false},
		{"36 35 0:a / /x rw - tmpfs none rw", mount{}, false},
		{"36 35 0:4 / -", mount{}, false},
		{"", mount{}, false},
	}
	for _, c := range cases {
		got, err := parseMount(c.line)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(mount{})); diff != "" || (err == nil) != c.ok {
			t.Errorf("%q: %v %s", c.line, err, diff)
		}
	}
}

func TestUnescape(t *testing.T) {
	for escaped, want := range map[string]string{
		`a`: `a`, `\040`: " ", `\134040`: `\040`, `\04`: `\04`, `\`: `\`, `\999`: `\999`, `\777`: `\777`, `\377`: "\xff", `x\011y\`: "x\ty\\",
	} {
		if got := unescape(escaped); got != want {
			t.Errorf("%q: %q, want %q", escaped, got, want)
		}
	}
}

func TestParseMultipath(t *testing.T) {
	statuses := []struct {
		text string
		want []multipathPath
		ok   bool
	}{
		{"multipath 2 0 1 0 1 1 A 0 2 2 8:48 A 0 0 1 8:16 F 3 0 1", []multipathPath{{"8:48", false}, {"8:16", true}}, true},
		{"multipath 2 0 0 0 2 1 A 0 1 0 8:48 A 0 E 0 1 0 65:0 A 0", []multipathPath{{"8:48", false}, {"65:0", false}}, true},
		{"multipath 2 1 0 0 0 0", nil, true},
		{"multipath 2 0 1 0 1 1 A 0 2 2 8:48 A 0 0 1", nil, false},      // a path is missing
		{"multipath 2 0 1 0 1 1 A 0 1 2 8:48 A 0 0 1 8:16", nil, false}, // one too many
		{"multipath 2 0 1 0 1 1 A 0 1 0 8:48 X 0", nil, false},
		{"multipath 99999999999", nil, false},
		{"multipath -1", nil, false},
		{"linear", nil, false},
		{"", nil, false},
	}
	for _, c := range statuses {
		got, err := parseMultipathStatus(c.text)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(multipathPath{})); diff != "" || (err == nil) != c.ok {
			t.Errorf("%q: %v %s", c.text, err, diff)
		}
	}
	tables := []struct {
		text string
		want multipathTable
		ok   bool
	}{
		{"multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:48 1 1 8:16 1 1", multipathTable{[]string{"8:48", "8:16"}, true}, true},
		{"multipath 3 pg_init_retries 50 queue_if_no_path 0 1 1 round-robin 0 1 1 8:0 100", multipathTable{[]string{"8:0"}, true}, true},
		{"multipath 0 0 0 0", multipathTable{}, true},
		{"multipath 1 queue_if_no_path 0 0 0", multipathTable{nil, true}, true},
		{"multipath 2 queue_if_no_path", multipathTable{}, false},
		{"linear 254:1 16384", multipathTable{}, false},
	}
	for _, c := range tables {
		got, err := parseMultipathTable(c.text)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(multipathTable{})); diff != "" || (err == nil) != c.ok {
			t.Errorf("%q: %v %s", c.text, err, diff)
		}
	}
}

func TestParseDMInfo(t *testing.T) {
	text := "Name:              mpathc\nState:             ACTIVE (DEFERRED REMOVE)\nRead Ahead:        256\nOpen count:        3\nMajor, minor:      253, 1\nUUID: mpath-3624a9370d5bc07893d61b51b00011004\n\n" +
		"Name:              vg-lv\nState:             SUSPENDED\nOpen count:        0\nMajor, minor:      253, 12\n\n"
	got, err := parseDMInfo(text)
	want := []DM{
		{Name: "mpathc", UUID: "mpath-3624a9370d5bc07893d61b51b00011004", Dev: "253:1", OpenCount: 3, Deferred: true},
		{Name: "vg-lv", Dev: "253:12", Suspended: true},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if got, err := parseDMInfo("No devices found\n"); err != nil || len(got) != 0 {
		t.Errorf("none: %v %v", got, err)
	}
	for _, bad := range []string{
		"", "\n\n", "Device or resource busy\n", "Name: x\nMajor, minor: 1, 2\nState: ACTIVE\n", // no open count
		"Name: x\nState: ACTIVE\nOpen count: -1\nMajor, minor: 253, 1\n", "Name: x\nState: ACTIVE\nOpen count: 1\nMajor, minor: 253\n",
		"State: ACTIVE\nOpen count: 0\nMajor, minor: 253, 1\n", "Name: x\nState: WHATEVER\nOpen count: 0\nMajor, minor: 253, 1\n",
	} {
		if got, err := parseDMInfo(bad); err == nil {
			t.Errorf("%q was understood as %v", bad, got)
		}
	}
}

func TestParseDMTargets(t *testing.T) {
	got, err := parseDMTargets("a: 0 8 linear 8:0 0\na: 8 8 error\nb: \n\n")
	if diff := cmp.Diff(map[string]string{"a": "linear 8:0 0\nerror"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, bad := range []string{"a", "a: 0 8", "a: x 8 linear", "a: 0 x linear", "a: 0 8 linear\nrubbish\n"} {
		if got, err := parseDMTargets(bad); err == nil {
			t.Errorf("%q was understood as %v", bad, got)
		}
	}
}

func TestParseMapping(t *testing.T) {
	for line, want := range map[string]mapping{
		"7f00-7f10 rw-s 00000000 fd:1f 385    /srv/a disk\n": {"7f00-7f10", "fd:1f", "385", "/srv/a disk"},
		"7f00-7f10 rw-p 00000000 00:00 0\n":                  {},
		"7f00-7f10 rw-p 00000000 00:00 0      [heap]\n":      {},
		"7f00-7f10 rw-s 00000000 fd:1f    /srv/x\n":          {},
		"7f00-7f10 rw-s 0 00000000 fd:1f 385    /srv/x\n":    {},
	} {
		if got, ok := parseMapping(line); got != want || ok != (want != mapping{}) {
			t.Errorf("%q: %+v", line, got)
		}
	}
	for dev, want := range map[string]string{"fd:1f": "253:31", "00:2e": "0:46", "00:x": "", "x:00": "", "": ""} {
		if got := (mapping{dev: dev}).number(); got != want {
			t.Errorf("%q: %q, want %q", dev, got, want)
		}
	}
}

// A device number is a device node's only.
func TestNumberOf(t *testing.T) {
	tree := treefs.New()
	tree.AddDevice("dev/sda", 8, 0, false)
	info, err := tree.Stat("dev/sda")
	if number, isDevice, numberErr := numberOf(info); err != nil || numberErr != nil || !isDevice || number != (deviceNumber{dev: "8:0"}) {
		t.Errorf("a node: %+v %v, %v, %v", number, isDevice, err, numberErr)
	}
	info, err = os.Stat(t.TempDir())
	if number, isDevice, numberErr := numberOf(info); err != nil || numberErr != nil || isDevice {
		t.Errorf("a directory: %+v, %v, %v", number, err, numberErr)
	}
	info, err = fs.Stat(fstest.MapFS{"sda": {Mode: fs.ModeDevice}}, "sda")
	if number, isDevice, numberErr := numberOf(info); err != nil || numberErr != nil || isDevice {
		t.Errorf("a node without a number: %+v, %v, %v", number, err, numberErr)
	}
}

func TestParentOf(t *testing.T) {
	tree := treefs.New()
	tree.AddLink("sys/devices/a/nvme0n1/device", "../../nvme-subsys3")
	for dir, want := range map[string]string{"sys/devices/a/nvme0n1": "nvme-subsys3", "sys/devices/nvme4/nvme4n1": "nvme4", "nvme5n1": ""} {
		if got := parentOf(hostfs.Tree{FS: tree}, block{dir: dir}); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}

func TestParseShowMaps(t *testing.T) {
	got, err := parseShowMaps(`{"maps":[{"path_groups":[{"paths":[{"dev":"sda","chk_st":"ready"},{"dev":"","chk_st":"x"}]},{"paths":[{"dev":"sdb","chk_st":"i/o pending"}]}]},{}]}`)
	if diff := cmp.Diff(map[string]string{"sda": "ready", "sdb": "i/o pending"}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, bad := range []string{"", "timeout\n", "{", `{"maps":null}`, `{}`, `{"maps":{}}`, `[]`} {
		if got, err := parseShowMaps(bad); err == nil {
			t.Errorf("%q was understood as %v", bad, got)
		}
	}
}

func TestOutputName(t *testing.T) {
	for command, want := range map[string]string{
		"multipathd show maps json":                                "multipathd_show_maps_json.out",
		"scsi_id -g -u /dev/sda":                                   "scsi_id_-g_-u__dev_sda.out",
		"nsenter --mount=/run/ns/lxd.mnt cat /proc/self/mountinfo": "nsenter_--mount__run_ns_lxd.mnt_cat__proc_self_mountinfo.out",
	} {
		if got := OutputName(command); got != want {
			t.Errorf("%q: %q, want %q", command, got, want)
		}
	}
}

func TestAddressOf(t *testing.T) {
	got := addressOf("trsvcid=4420, src_addr=10.0.0.1,traddr=fe80::1%eth0,odd,host_traddr=a=b")
	want := map[string]string{"trsvcid": "4420", "src_addr": "10.0.0.1", "traddr": "fe80::1%eth0", "host_traddr": "a=b"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNAA(t *testing.T) {
	lun := []byte{1, 3, 0, 8, 0x50, 0, 0xc5, 0, 1, 2, 3, 4}
	page := func(designators ...[]byte) []byte {
		all := bytes.Join(designators, nil)
		return append([]byte{0, 0x83, 0, byte(len(all))}, all...)
	}
	cases := []struct {
		name string
		page []byte
		want []string
		ok   bool
	}{
		{"one", page(lun), []string{"naa.5000c50001020304"}, true},
		{"trailing bytes are not the page's", append(page(lun), lun...), []string{"naa.5000c50001020304"}, true},
		{"a target port's", page([]byte{0x61, 0x93, 0, 8, 0x52, 0, 0, 0, 0, 0, 0, 1}), nil, true},
		{"text", page([]byte{2, 3, 0, 2, 'x', 'y'}), nil, true},
		{"EUI-64", page([]byte{1, 2, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8}), nil, true},
		{"none", page(), nil, true},
		{"another page", []byte{0, 0x80, 0, 0}, nil, false},
		{"cut off", page(lun)[:10], nil, false},
		{"cut off inside", page(lun[:6]), nil, false},
		{"cut off before its length", page(lun, lun[:2]), nil, false},
		{"nothing", nil, nil, false},
	}
	for _, c := range cases {
		got, err := naaOf(c.page)
		if diff := cmp.Diff(c.want, got); diff != "" || (err == nil) != c.ok {
			t.Errorf("%s: %v %s", c.name, err, diff)
		}
	}
	pure := append([]byte{1, 3, 0, 16}, 0x62, 0x4a, 0x93, 0x70, 0x7a, 0x9a, 0xd0, 0xa2, 0xce, 0x6b, 0x4c, 0x5a, 0, 1, 0x10, 0x10)
	if got := pageWWID(page(lun, pure)); got != "naa.624a93707a9ad0a2ce6b4c5a00011010" {
		t.Errorf("of two: %q", got)
	}
}

// Whatever the bytes: no panic, and what is read of a page lies within it.
func FuzzVPD83(f *testing.F) {
	f.Add([]byte{0, 0x83, 0, 20, 1, 3, 0, 16, 0x62, 0x4a, 0x93, 0x70, 0x7a, 0x9a, 0xd0, 0xa2, 0xce, 0x6b, 0x4c, 0x5a, 0, 1, 0x10, 0x10})
	f.Add([]byte{0, 0x83, 0xff, 0xff})
	f.Add([]byte{0, 0x83, 0, 4, 1, 3, 0, 200})
	f.Fuzz(func(t *testing.T, page []byte) {
		found, err := naaOf(page)
		if err != nil && found != nil {
			t.Errorf("an error and %v", found)
		}
		total := 0
		for _, naa := range found {
			total += (len(naa)-len("naa."))/2 + 4
		}
		if total > 0 && total > int(binary.BigEndian.Uint16(page[2:4])) {
			t.Errorf("%d bytes of designators in a page of %d", total, len(page))
		}
		pageWWID(page)
	})
}

func FuzzMountinfo(f *testing.F) {
	f.Add([]byte("36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw\n"))
	f.Add([]byte("36 35 0:4 mnt:[4026532138] /run rw - nsfs nsfs rw\nrubbish\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		mounts, err := parseMountinfo(data)
		lines := 0
		for line := range bytes.Lines(data) {
			if len(bytes.TrimSuffix(line, []byte("\n"))) > 0 {
				lines++
			}
		}
		if err == nil && len(mounts) != lines {
			t.Errorf("%d mounts of %d lines, and no error", len(mounts), lines)
		}
		for _, m := range mounts {
			if !isDev(m.dev) {
				t.Errorf("device number %q", m.dev)
			}
		}
	})
}

func FuzzDeviceMapper(f *testing.F) {
	f.Add("multipath 2 0 1 0 1 1 A 0 2 2 8:48 A 0 0 1 8:16 F 3 0 1")
	f.Add("multipath 1 queue_if_no_path 1 alua 1 1 service-time 0 2 2 8:48 1 1 8:16 1 1")
	f.Add("multipath 2147483647 1")
	f.Add("mpatha: 0 1 multipath 0\nmpatha: 1 1 linear\n")
	f.Fuzz(func(t *testing.T, text string) {
		words := len(strings.Fields(text))
		if paths, err := parseMultipathStatus(text); err == nil && len(paths)*3 > words {
			t.Errorf("%d paths in %d words", len(paths), words)
		}
		if table, err := parseMultipathTable(text); err == nil && len(table.devs) > words {
			t.Errorf("%d paths in %d words", len(table.devs), words)
		}
		if _, err := parseDMTargets(text); err == nil {
			if _, err := parseDMTargets(text + "\nrubbish"); err == nil && strings.TrimSpace(text) != noDevices {
				t.Error("a line that is no target was passed over")
			}
		}
		if maps, err := parseDMInfo(text); err == nil {
			for _, m := range maps {
				if m.Name == "" || !isDev(m.Dev) || m.OpenCount < 0 {
					t.Errorf("%+v", m)
				}
			}
		}
	})
}

func FuzzShowMaps(f *testing.F) {
	f.Add([]byte(`{"maps":[{"path_groups":[{"paths":[{"dev":"sda","chk_st":"ready"}]}]}]}`))
	f.Add([]byte("timeout\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		checkers, err := parseShowMaps(string(data))
		if err != nil && checkers != nil {
			t.Errorf("an error and %v", checkers)
		}
		if _, ok := checkers[""]; ok {
			t.Error("a path without a name")
		}
	})
}

func FuzzSerialOfLink(f *testing.F) {
	f.Add("scsi-3624a93707a9ad0a2ce6b4c5a00011010-part1")
	f.Add("scsi-1PURE_FlashArray:07A9AD0A2CE6B4C5A00011010")
	f.Fuzz(func(t *testing.T, name string) {
		if serial, ok := serialOfLink(name); ok {
			if again, err := evidence.ParseSerial(string(serial)); err != nil || again != serial {
				t.Errorf("%q gives %q", name, serial)
			}
		}
	})
}
