package host_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
	"github.com/pureclean/pureclean/simulator/host"
)

// The volumes of these tests.
const (
	vol1 = "D5BC07893D61B51B0001100A"
	vol2 = "D5BC07893D61B51B00011004"
	vol3 = "D5BC07893D61B51B00011014"
)

// world is a host on an array, followed as the simulator follows it.
type world struct {
	*testing.T
	*host.Host
	array *array
}

func newWorld(t *testing.T, o host.Options) world {
	t.Helper()
	a := newArray()
	o.Target = a
	if o.Name == "" {
		o.Name = "lxd01"
	}
	h := host.New(o)
	a.changed = h.Follow
	return world{t, h, a}
}

// must fails the test for an error.
func (w world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// attach connects volumes on iSCSI, one by one as LXD does, and returns the
// device of the last.
func (w world) attach(serials ...string) (dev string) {
	w.Helper()
	for _, serial := range serials {
		w.array.connect(w.IQN(), serial)
		w.RescanFirst()
		w.must(w.Login(evidence.ModeISCSI))
		w.Rescan()
		ok := false
		if dev, ok = w.Device(serial); !ok {
			w.Fatalf("no device of %s appeared", serial)
		}
	}
	return dev
}

// attachNVMe connects volumes on NVMe.
func (w world) attachNVMe(serials ...string) (dev string) {
	w.Helper()
	w.must(w.Login(evidence.ModeNVMeTCP))
	for _, serial := range serials {
		w.array.connect(w.NQN(), serial)
		ok := false
		if dev, ok = w.Device(serial); !ok {
			w.Fatalf("no device of %s appeared", serial)
		}
	}
	return dev
}

// observe reads the host as the tool does. Whatever state it is in, a
// simulated host hides nothing.
func (w world) observe() evidence.Host {
	w.Helper()
	e := devices.Observe(context.Background(), w.System())
	if e.Trouble != "" || !e.AllProcesses.Is() {
		w.Errorf("trouble %q, all processes %v (%s)", e.Trouble, e.AllProcesses, e.AllProcessesWhy)
	}
	for name, why := range incomplete(e) {
		w.Errorf("%s are incomplete: %s", name, why)
	}
	return e
}

// incomplete names the lists that are, with the reason.
func incomplete(e evidence.Host) map[string]string {
	why := map[string]string{
		"iqns": e.IQNs.Why(), "nqns": e.NQNs.Why(), "wwpns": e.WWPNs.Why(), "sessions": e.Sessions.Why(),
		"disks": e.Disks.Why(), "maps": e.Maps.Why(), "subsystems": e.Subsystems.Why(),
		"controllers": e.Controllers.Why(), "namespaces": e.Namespaces.Why(), "links": e.Links.Why(),
		"uses": e.Uses.Why(), "directories": e.Directories.Why(), "settings": e.Settings.Why(),
	}
	for name, reason := range why {
		if reason == "" {
			delete(why, name)
		}
	}
	return why
}

// disks are the SCSI paths in short: "sda running live 1 lun 1", where live is
// the last digit of the serial, or what the device answered.
func disks(e evidence.Host) []string {
	var all []string
	for _, d := range e.Disks.Items {
		live := string(d.Live.Kind)
		if d.Live.Kind == evidence.IdentityKnown {
			live = short(d.Live.Serial)
		}
		if live == "" {
			live = "?"
		}
		all = append(all, strings.Join([]string{d.Name, d.HCTL, d.State, "says " + short(d.Serial), "is " + live}, " "))
	}
	return all
}

// short is what tells the volumes of these tests apart.
func short(s evidence.Serial) string {
	if len(s) < 2 {
		return "none"
	}
	return string(s[len(s)-2:])
}

// maps are the multipath maps in short: "dm-0 0A open 1 [sda A ready, sdb F faulty]".
func maps(e evidence.Host) []string {
	var all []string
	for _, m := range e.Maps.Items {
		var paths []string
		for _, p := range m.Paths {
			state := "F"
			if p.Active.Is() {
				state = "A"
			}
			paths = append(paths, strings.TrimSpace(p.Disk+" "+state+" "+p.Checker))
		}
		all = append(all, m.Kernel+" "+short(m.Serial)+" open "+m.OpenCount.String()+" ["+strings.Join(paths, ", ")+"]")
	}
	return all
}

// uses are the uses in short: "mount dm-0 0A /srv".
func uses(e evidence.Host) []string {
	var all []string
	for _, u := range e.Uses.Items {
		all = append(all, strings.TrimSpace(strings.Join([]string{string(u.Kind), u.Device, short(u.Serial), u.Where, u.Process}, " ")))
	}
	return all
}

// namespaces are the NVMe heads in short:
// "nvme0n1 nsid 1 0A [nvme0c0n1 live, nvme0c1n1 connecting]".
func namespaces(e evidence.Host) []string {
	var all []string
	for _, n := range e.Namespaces.Items {
		var paths []string
		for _, p := range n.Paths {
			paths = append(paths, p.Name+" "+p.State)
		}
		all = append(all, n.Name+" nsid "+n.NSID.String()+" "+short(n.Serial)+" ["+strings.Join(paths, ", ")+"]")
	}
	return all
}

// want compares what was seen with what should be.
func want(t *testing.T, what string, got []string, wanted ...string) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("%s:\n got  %s\n want %s", what, strings.Join(got, "\n      "), strings.Join(wanted, "\n      "))
	}
}

func observeOnly(s devices.System) evidence.Host { return devices.Observe(context.Background(), s) }

func contains(list []string, one string) bool { return slices.Contains(list, one) }
