package doctor_test

import (
	"os"
	"slices"
	"testing"

	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

func fromRecord(t *testing.T, name string) *treefs.FS {
	t.Helper()
	f, err := os.Open("../devices/testdata/" + name + ".tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	tree, err := treefs.FromTarGz(f)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// debian is the open-iscsi of Debian and Ubuntu as it is installed, ubuntu the
// multipath.conf of Ubuntu.
const (
	debian = "node.startup = manual\nnode.leading_login = No\nnode.session.timeo.replacement_timeout = 120\nnode.conn[0].timeo.login_timeout = 15\n" +
		"node.session.initial_login_retry_max = 8\nnode.session.scan = auto\n"
	ubuntu = "defaults {\n    user_friendly_names yes\n}\n"
)

// TestHealthyHosts: of hosts that are well, recorded and as distributions
// install them, only what is so is said. What may be said of each is here.
func TestHealthyHosts(t *testing.T) {
	for _, c := range []struct {
		name   string
		tree   func() *treefs.FS
		mode   string
		change func(*evidence.World)
		may    []string
	}{
		{name: "Debian, iSCSI", tree: func() *treefs.FS { return fromRecord(t, "lab-01-iscsi-healthy") }, mode: evidence.ModeISCSI},
		{name: "Debian, iSCSI, captured", tree: func() *treefs.FS { return fromRecord(t, "capture-01-healthy-attached") }, mode: evidence.ModeISCSI},
		{name: "Debian, NVMe", tree: func() *treefs.FS { return fromRecord(t, "lab-20-nvme-healthy") }, mode: evidence.ModeNVMeTCP},
		{name: "Ubuntu with the snap, iSCSI", tree: func() *treefs.FS {
			tree := good()
			tree.AddFile("etc/multipath.conf", []byte(ubuntu))
			tree.AddFile("etc/iscsi/iscsid.conf", []byte(debian))
			return tree
			// A login that takes longer than LXD's patience, and recheck_wwid off by
			// default: both are hints, and true.
		}, mode: evidence.ModeISCSI, may: []string{"iscsi-login-timeout", "multipath-recheck-wwid"}},
		{name: "Fibre Channel", tree: func() *treefs.FS {
			tree := good()
			for host, port := range map[string]string{"host7": "rport-7:0-0", "host8": "rport-8:0-0"} {
				tree.AddFile("sys/class/fc_host/"+host+"/port_name", []byte("0x21000024ff12345"+host[4:]+"\n"))
				tree.AddFile("sys/class/fc_host/"+host+"/port_state", []byte("Online\n"))
				dir := "sys/class/fc_remote_ports/" + port
				tree.AddFile(dir+"/port_name", []byte("0x524a93712345670"+host[4:]+"\n"))
				tree.AddFile(dir+"/port_state", []byte("Online\n"))
				tree.AddFile(dir+"/roles", []byte("FCP Target\n"))
				// The kernel's own values, before there is a volume.
				tree.AddFile(dir+"/fast_io_fail_tmo", []byte("off\n"))
				tree.AddFile(dir+"/dev_loss_tmo", []byte("30\n"))
			}
			return tree
		}, mode: evidence.ModeFC},
	} {
		w := world(t, c.tree())
		w.LXD.Pools.Items[0].Mode = c.mode
		for i := range w.Hosts[0].Tools.Items {
			w.Hosts[0].Tools.Items[i].Present, w.Hosts[0].Tools.Items[i].Running = evidence.Yes, evidence.Yes
		}
		w.Arrays[0].Ports = evidence.Complete[evidence.Port](nil)
		for _, a := range examine(w).Advice {
			if !slices.Contains(c.may, a.Check) {
				t.Errorf("%s: %s (%s): %s [%s]", c.name, a.Check, a.Weight, a.Observed, a.Source)
			}
		}
	}
}
