package devices

import (
	"slices"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// initiators are names under which this machine is known to arrays.
type initiators struct {
	names  []string
	doubts doubts
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
	return listOf(slices.Compact(i.names), i.doubts)
}

// readIQNs reads the iSCSI initiator's name as LXD does, from open-iscsi's
// file, and adds it to the names under which sessions were made: the file may
// have changed since. A host without the file has no IQN.
func readIQNs(t tree, live initiators) evidence.List[string] {
	const file = "etc/iscsi/initiatorname.iscsi"
	text, err := t.text(file)
	live.doubts.check("/"+file, err)
	name, generate := "", false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if value, ok := strings.CutPrefix(line, "InitiatorName="); ok && name == "" {
			name = value
		}
		generate = generate || strings.HasPrefix(line, "GenerateName=")
	}
	if text != "" && name == "" && !generate {
		live.doubts.add("/%s has no line InitiatorName=", file)
	}
	live.add(name)
	return live.list()
}

// nqnUUID begins the host NQN that is made of a UUID, which LXD's is.
const nqnUUID = "nqn.2014-08.org.nvmexpress:uuid:"

// readNQNs makes LXD's host NQN of its server.uuid, and adds it to those of
// the controllers. The file /etc/nvme/hostnqn is not what LXD uses.
func readNQNs(t tree, lxdDirs []string, live initiators) evidence.List[string] {
	for _, dir := range lxdDirs {
		file := strings.TrimSuffix(dir, "/") + "/server.uuid"
		uuid, err := t.text(file)
		live.doubts.check("/"+file, err)
		if uuid == "" {
			// LXD makes the file when it first starts.
			if inside, err := t.names(dir); err != nil || len(inside) > 0 {
				live.doubts.add("/%s is missing, of which LXD's NQN is made", file)
			}
			continue
		}
		if _, err := evidence.ParseUUID(uuid); err != nil {
			live.doubts.check("/"+file, err)
			continue
		}
		live.add(nqnUUID + uuid)
	}
	return live.list()
}

// readWWPNs reads the port names of the Fibre Channel adapters.
func readWWPNs(t tree) evidence.List[string] {
	var found initiators
	hosts, err := t.names("sys/class/fc_host")
	found.doubts.check("the Fibre Channel adapters could not be listed", err)
	for _, host := range hosts {
		name, err := t.text("sys/class/fc_host/" + host + "/port_name")
		found.doubts.check("the port name of "+host, err)
		found.add(name)
	}
	return found.list()
}
