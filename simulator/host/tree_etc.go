package host

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

func (h *Host) renderConfig(t tree) {
	t.put("etc/hostname", h.Name())
	t.put("etc/iscsi/initiatorname.iscsi", "InitiatorName="+h.IQN())
	t.AddFile("etc/iscsi/iscsid.conf", []byte(iscsidConf))
	h.renderNodes(t)
	// The machine's own name, which LXD does not use.
	own := uuidOf("hostnqn", h.Name())
	t.put("etc/nvme/hostnqn", "nqn.2014-08.org.nvmexpress:uuid:"+own)
	t.put("etc/nvme/hostid", own)
	if !h.options.NoMultipath {
		t.AddFile("etc/multipath.conf", []byte(h.multipathConf()))
		h.renderMultipathFiles(t)
	}

	t.AddFile(lxdDir+"/server.uuid", []byte(h.options.ServerUUID))
	t.AddDir(lxdDir + "/storage-pools")
	for _, dir := range h.directories {
		t.AddDir(dir)
	}
	for _, m := range h.mounts {
		dir := strings.TrimPrefix(m.path, "/")
		if dir == "" {
			continue
		}
		t.AddDir(dir)
		if m.where == FirstNamespace && !m.gone {
			// Who looks from the first namespace sees what is mounted there.
			t.AddDir(dir + "/lost+found")
		}
	}
}

const iscsidConf = `node.startup = manual
node.leading_login = No
node.session.timeo.replacement_timeout = 120
node.conn[0].timeo.login_timeout = 15
node.conn[0].timeo.noop_out_interval = 5
node.conn[0].timeo.noop_out_timeout = 5
node.session.scan = auto
`

func (h *Host) renderNodes(t tree) {
	for _, n := range h.nodes {
		address, port := splitPortal(n.portal)
		t.AddFile(fmt.Sprintf("etc/iscsi/nodes/%s/%s,%s,1/default", n.iqn, address, port), fmt.Appendf(nil,
			"# BEGIN RECORD 2.1.9\nnode.name = %s\nnode.tpgt = 1\nnode.startup = manual\niface.iscsi_ifacename = default\n"+
				"node.conn[0].address = %s\nnode.conn[0].port = %s\nnode.conn[0].startup = manual\n# END RECORD\n",
			n.iqn, address, port))
	}
}

// multipathConf is the configuration: LXD's documentation asks for no more
// than the daemon and friendly names are Ubuntu's.
func (h *Host) multipathConf() string {
	conf := "defaults {\n\tuser_friendly_names yes\n\tfind_multipaths strict\n"
	if h.queueing {
		conf += "\tno_path_retry queue\n"
	}
	return conf + "}\n"
}

// renderMultipathFiles writes which WWIDs multipath ever had maps of, and
// what it called them.
func (h *Host) renderMultipathFiles(t tree) {
	wwids := "# Multipath wwids, Version : 1.0\n# NOTE: This file is automatically maintained by multipath and multipathd.\n" +
		"# You should not need to edit this file in normal circumstances.\n#\n# Valid WWIDs:\n"
	for _, serial := range h.wwids {
		wwids += "/" + wwid(serial) + "/\n"
	}
	t.AddFile("etc/multipath/wwids", []byte(wwids))
	var names []string
	for id, name := range h.bindings {
		names = append(names, name+" "+id+"\n")
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	t.AddFile("etc/multipath/bindings", []byte("# Multipath bindings, Version : 1.0\n"+strings.Join(names, "")))
}
