package devices_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

func TestTools(t *testing.T) {
	m := newMachine()
	present := func() string {
		var all []string
		for _, tool := range m.observe(t).Tools.Items {
			all = append(all, tool.Name+" "+tool.Present.String()+" "+tool.Path)
		}
		return strings.Join(all, ",")
	}
	if got := present(); strings.Contains(got, "yes") || strings.Contains(got, " no") {
		t.Errorf("without any directory of programs: %s", got)
	}
	m.AddFile("usr/sbin/multipathd", nil)
	m.AddFile("usr/bin/iscsiadm", nil)
	if got := present(); got != "multipathd yes /usr/sbin/multipathd,multipath no ,iscsiadm yes /usr/bin/iscsiadm,iscsid no ,nvme no " {
		t.Error(got)
	}
}

// TestInForce: what multipathd says of itself stands beside what the files
// say, and whether it runs follows from it.
func TestInForce(t *testing.T) {
	s := load(t, "capture-01-healthy-attached")
	h := observe(t, s)
	for _, setting := range h.Settings.Items {
		if setting.Section == evidence.InForce {
			t.Errorf("%+v was not recorded", setting)
		}
	}
	m := newMachine()
	m.AddFile("commands/multipathd_show_config_local.out", []byte("defaults {\n\tfind_multipaths \"strict\"\n\tfast_io_fail_tmo 5\n}\n"+
		"devices {\n\tdevice {\n\t\tvendor \"PURE\"\n\t\tproduct \"FlashArray\"\n\t\tfast_io_fail_tmo 10\n\t}\n}\noverrides {\n}\n"))
	system := m.system()
	system.Kernel = devices.Recording(system.FS)
	h = observeSystem(t, system)
	var got []string
	for _, setting := range h.Settings.Items {
		got = append(got, fmt.Sprintf("%s=%s %s %s:%d", setting.Name, setting.Value, setting.Section, setting.File, setting.Line))
	}
	if want := "multipath fast_io_fail_tmo=10 in force multipathd:0, multipath find_multipaths=strict in force multipathd:0"; strings.Join(got, ", ") != want {
		t.Errorf("%v", got)
	}
	if !h.Tools.Items[0].Running.Is() {
		t.Errorf("%+v", h.Tools.Items[0])
	}
}
