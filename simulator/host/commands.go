package host

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/evidence"
)

// commandOutputs is what the commands that show the rest of the machine's
// state would print now, by command line.
func (h *Host) commandOutputs(v view) map[string]string {
	outputs := map[string]string{
		"dmsetup info":   h.dmsetup(dmsetupInfo(h)),
		"dmsetup status": h.dmsetup(h.dmsetupTargets((*dmap).status)),
		"dmsetup table":  h.dmsetup(h.dmsetupTargets((*dmap).table)),
	}
	if h.multipathd {
		outputs["multipathd show maps json"] = h.showMaps()
	}
	for _, d := range h.disks {
		if d.gone {
			continue
		}
		switch answer := h.identify(d.name, v); answer.Kind {
		case evidence.IdentityKnown:
			outputs["scsi_id -g -u /dev/"+d.name] = wwid(string(answer.Serial)) + "\n"
		case evidence.IdentityGone:
			outputs["scsi_id -g -u /dev/"+d.name] = "gone\n"
		default:
			// scsi_id prints nothing when it can't ask.
			outputs["scsi_id -g -u /dev/"+d.name] = ""
		}
	}
	for _, w := range []Where{LXDNamespace, HiddenNamespace} {
		if bind := h.bindOf(w); bind != "" {
			outputs["nsenter --mount="+bind+" cat /proc/self/mountinfo"] = h.mountInfo(w)
		}
	}
	return outputs
}

// outputName is the file that a command's output is kept in: every character
// that a file name should not have is "_".
func outputName(command string) string {
	name := []byte(command)
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '.' && c != '-' {
			name[i] = '_'
		}
	}
	return string(name) + ".out"
}

func (h *Host) dmsetup(out string) string {
	if len(h.maps) == 0 {
		return "No devices found\n"
	}
	return out
}

func dmsetupInfo(h *Host) string {
	var paragraphs []string
	for _, m := range h.maps {
		state := "ACTIVE"
		if m.suspended {
			state = "SUSPENDED"
		}
		paragraphs = append(paragraphs, fmt.Sprintf("Name:              %s\nState:             %s\nRead Ahead:        32768\n"+
			"Tables present:    LIVE\nOpen count:        %d\nEvent number:      %d\nMajor, minor:      %d, %d\n"+
			"Number of targets: 1\nUUID: %s\n", m.title, state, h.users(&m.block), m.events, m.major, m.minor, m.uuid))
	}
	return strings.Join(paragraphs, "\n") + "\n"
}

func (h *Host) dmsetupTargets(line func(*dmap) string) string {
	var out strings.Builder
	for _, m := range h.maps {
		fmt.Fprintf(&out, "%s: 0 %d %s\n", m.title, m.bytes/512, line(m))
	}
	return out.String()
}

// The answer of "multipathd show maps json", version 0.1.
type (
	shownMaps struct {
		Major int        `json:"major_version"`
		Minor int        `json:"minor_version"`
		Maps  []shownMap `json:"maps"`
	}
	shownMap struct {
		Name       string       `json:"name"`
		UUID       string       `json:"uuid"`
		Sysfs      string       `json:"sysfs"`
		Failback   string       `json:"failback"`
		Queueing   string       `json:"queueing"`
		Paths      int          `json:"paths"` // the active ones
		WriteProt  string       `json:"write_prot"`
		State      string       `json:"dm_st"`
		Features   string       `json:"features"`
		HWHandler  string       `json:"hwhandler"`
		Action     string       `json:"action"`
		Faults     int          `json:"path_faults"`
		Vendor     string       `json:"vend"`
		Product    string       `json:"prod"`
		Revision   string       `json:"rev"`
		SwitchGrp  int          `json:"switch_grp"`
		Loads      int          `json:"map_loads"`
		QueueTime  int          `json:"total_q_time"`
		QTimeouts  int          `json:"q_timeouts"`
		PathGroups []shownGroup `json:"path_groups"`
	}
	shownGroup struct {
		Selector string      `json:"selector"`
		Priority int         `json:"pri"`
		State    string      `json:"dm_st"`
		Marginal string      `json:"marginal_st"`
		Group    int         `json:"group"`
		Paths    []shownPath `json:"paths"`
	}
	shownPath struct {
		Dev        string `json:"dev"`
		DevT       string `json:"dev_t"`
		DMState    string `json:"dm_st"`
		DevState   string `json:"dev_st"`
		Checked    string `json:"chk_st"`
		Checker    string `json:"checker"`
		Priority   int    `json:"pri"`
		HostWWNN   string `json:"host_wwnn"`
		TargetWWNN string `json:"target_wwnn"`
		HostWWPN   string `json:"host_wwpn"`
		TargetWWPN string `json:"target_wwpn"`
		Adapter    string `json:"host_adapter"`
		LUN        string `json:"lun_hex"`
		Marginal   string `json:"marginal_st"`
	}
)

func (h *Host) showMaps() string {
	shown := shownMaps{Minor: 1, Maps: []shownMap{}}
	for _, m := range h.maps {
		if m.multipath() {
			shown.Maps = append(shown.Maps, h.showMap(m))
		}
	}
	// Marshalling plain structs can't fail.
	out, _ := json.MarshalIndent(shown, "", "   ")
	return string(out) + "\n"
}

func (h *Host) showMap(m *dmap) shownMap {
	s := shownMap{
		Name: m.title, UUID: wwid(m.serial), Sysfs: m.name, Failback: "immediate", Queueing: "-", Paths: m.active(),
		WriteProt: "rw", State: "active", Features: "0", HWHandler: "1 alua", Faults: m.faults,
		Vendor: "PURE", Product: "FlashArray", Revision: "8888", Loads: m.loads, PathGroups: []shownGroup{},
	}
	if m.queueing {
		s.Queueing, s.Features = "on", "1 queue_if_no_path"
	}
	if len(m.paths) == 0 {
		s.HWHandler, s.Vendor, s.Product, s.Revision = "0", "##", "##", "##"
		return s
	}
	group := shownGroup{Selector: "service-time 0", Priority: 50, State: "active", Marginal: "normal", Group: 1}
	if m.active() == 0 {
		group.Priority, group.State = 0, "enabled"
	}
	for _, p := range m.paths {
		iqn, _ := p.disk.session.target.ISCSI()
		path := shownPath{
			Dev: p.disk.name, DevT: p.disk.dev(), DMState: "active", DevState: "running", Checked: p.checker, Checker: "tur",
			Priority: 50, HostWWNN: "[undef]", TargetWWNN: iqn, HostWWPN: "[undef]", TargetWWPN: "[undef]",
			LUN: fmt.Sprintf("0x%04x000000000000", p.disk.lun), Marginal: "normal",
		}
		address, _ := p.disk.session.address()
		path.Adapter = h.ownAddress(address)
		if p.failed {
			path.DMState, path.Priority = "failed", 0
		}
		if p.disk.state == offline {
			path.DevState = offline
		}
		group.Paths = append(group.Paths, path)
	}
	s.PathGroups = append(s.PathGroups, group)
	return s
}
