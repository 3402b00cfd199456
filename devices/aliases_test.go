package devices_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Names that carry no identity: what stands on a volume is told by them, and what
// stands on none.
func TestAliases(t *testing.T) {
	m := newMachine()
	m.disk("sda", "8:0", 1)
	m.partition("sda", "sda1", "8:1")
	m.block("vda", "253:0", "devices/virtual/block/vda")
	m.block("zd0", "230:0", "devices/virtual/block/zd0")
	m.block("loop3", "7:3", "devices/virtual/block/loop3")
	for name, to := range map[string]string{
		"by-uuid/on-pure":              "sda1",
		"by-label/on-pure":             "sda",
		"by-uuid/other":                "vda",
		"by-uuid/hidden":               "zd0",
		"by-uuid/gone":                 "sdq",
		"by-path/virtio-pci-0000:00:1": "vda",
		"by-path/ip-10.0.0.1:3260-iscsi-iqn.2010-06.com.purestorage:flasharray.1-lun-1": "sda",
		"by-id/virtio-1": "vda",
		"by-id/wwn-0x624a9370" + strings.ToLower(string(serialNo(1))): "sda",
		"by-id/scsi-0PURE_FlashArray":                                 "sda",
	} {
		m.AddLink("dev/disk/"+name, "../../"+to)
	}
	var got []string
	for _, a := range m.observe(t).Aliases {
		got = append(got, fmt.Sprintf("%s %s %d", a.Path, a.Other, len(a.Serials)))
	}
	want := []string{
		"/dev/disk/by-id/virtio-1 yes 0",
		"/dev/disk/by-label/on-pure unknown 1",
		"/dev/disk/by-path/virtio-pci-0000:00:1 yes 0",
		"/dev/disk/by-uuid/hidden unknown 0",
		"/dev/disk/by-uuid/on-pure unknown 1",
		"/dev/disk/by-uuid/other yes 0",
		"/dev/root yes 0",
		"/dev/sda1 unknown 1",
		"/dev/vda yes 0",
		"/dev/zd0 unknown 0",
		"230:0 unknown 0",
		"253:0 yes 0",
		"259:900 yes 0",
		"8:1 unknown 1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// While not every device is known, none is said to stand on no volume.
func TestAliasesInDoubt(t *testing.T) {
	m := newMachine()
	m.disk("sda", "8:0", 1)
	m.block("vda", "253:0", "devices/virtual/block/vda")
	m.Remove("sys/block/sda")
	m.AddFile("sys/block/sda", nil)
	for _, a := range m.observe(t).Aliases {
		if a.Other.Is() {
			t.Errorf("%s is said to stand on no volume", a.Path)
		}
	}
}
