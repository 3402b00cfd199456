package devices

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
	"github.com/pureclean/pureclean/evidence"
)

// initiators are names under which this machine is known to arrays.
type initiators struct {
	names  []string
	doubts hostfs.Doubts
}

// add normalises a name; an empty one is none.
func (i *initiators) add(name string) {
	if name = evidence.Initiator(name); name != "" {
		i.names = append(i.names, name)
	}
}

// list is each name once.
func (i *initiators) list() evidence.List[string] {
	slices.Sort(i.names)
	return hostfs.ListOf(slices.Compact(i.names), i.doubts)
}

// readIQNs reads the iSCSI initiator's name as LXD does, from open-iscsi's
// file, and adds it to the names under which sessions were made: the file may
// have changed since. A host without the file has no IQN.
func readIQNs(t hostfs.Tree, live initiators) evidence.List[string] {
	const file = "etc/iscsi/initiatorname.iscsi"
	text, err := t.Text(file)
	live.doubts.Check("/"+file, err)
	name, generate := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "InitiatorName="); ok && name == "" {
			name = value
		}
		generate = generate || strings.HasPrefix(line, "GenerateName=")
	}
	if text != "" && name == "" && !generate {
		live.doubts.Add("/%s has no line InitiatorName=", file)
	}
	live.add(name)
	return live.list()
}

// nqnUUID begins the host NQN that is made of a UUID, which LXD's is.
const nqnUUID = "nqn.2014-08.org.nvmexpress:uuid:"

// readNQNs makes LXD's host NQN of its server.uuid, and adds it to those of
// the controllers. The file /etc/nvme/hostnqn is not what LXD uses.
func readNQNs(t hostfs.Tree, lxdDirs []string, live initiators) evidence.List[string] {
	for _, dir := range lxdDirs {
		file := strings.TrimSuffix(dir, "/") + "/server.uuid"
		uuid, err := t.Text(file)
		live.doubts.Check("/"+file, err)
		if uuid == "" {
			// LXD makes the file when it first starts.
			if inside, err := t.Names(dir); err != nil || len(inside) > 0 {
				live.doubts.Add("/%s is missing, of which LXD's NQN is made", file)
			}
			continue
		}
		if _, err := evidence.ParseUUID(uuid); err != nil {
			live.doubts.Check("/"+file, err)
			continue
		}
		live.add(nqnUUID + uuid)
	}
	return live.list()
}

// readWWPNs reads the port names of the Fibre Channel adapters.
func readWWPNs(t hostfs.Tree) evidence.List[string] {
	var found initiators
	hosts, err := t.Names("sys/class/fc_host")
	found.doubts.Check("the Fibre Channel adapters could not be listed", err)
	for _, host := range hosts {
		name, err := t.Text("sys/class/fc_host/" + host + "/port_name")
		found.doubts.Check("the port name of "+host, err)
		found.add(name)
	}
	return found.list()
}
