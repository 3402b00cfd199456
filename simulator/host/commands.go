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
		"dmsetup info":   h.dmsetup("\n", h.dmsetupInfo),
		"dmsetup status": h.dmsetup("", func(m *dmap) string { return fmt.Sprintf("%s: 0 %d %s\n", m.title, m.bytes/512, m.status()) }),
		"dmsetup table":  h.dmsetup("", func(m *dmap) string { return fmt.Sprintf("%s: 0 %d %s\n", m.title, m.bytes/512, m.table()) }),
	}
	if h.multipathd {
		outputs["multipathd show maps json"] = h.showMaps()
	}
	for _, d := range h.present() {
		said := "" // scsi_id prints nothing when it can't ask
		switch answer := h.identify(d.name, v); answer.Kind {
		case evidence.IdentityKnown:
			said = wwid(string(answer.Serial)) + "\n"
		case evidence.IdentityGone:
			said = "gone\n"
		}
		outputs["scsi_id -g -u /dev/"+d.name] = said
	}
	for _, w := range []Where{LXDNamespace, HiddenNamespace} {
		if bind := h.bindOf(w); bind != "" {
			outputs["nsenter --mount="+bind+" cat /proc/self/mountinfo"] = h.mountInfo(w)
		}
	}
	return outputs
}

// dmsetup is what a command says of all maps, with a text after each.
func (h *Host) dmsetup(end string, of func(*dmap) string) string {
	if len(h.maps) == 0 {
		return "No devices found\n"
	}
	var out strings.Builder
	for _, m := range h.maps {
		out.WriteString(of(m) + end)
	}
	return out.String()
}

func (h *Host) dmsetupInfo(m *dmap) string {
	state := "ACTIVE"
	if m.suspended {
		state = "SUSPENDED"
	}
	return fmt.Sprintf("Name:              %s\nState:             %s\nRead Ahead:        32768\n"+
		"Tables present:    LIVE\nOpen count:        %d\nEvent number:      %d\nMajor, minor:      %d, %d\n"+
		"Number of targets: 1\nUUID: %s\n", m.title, state, h.users(&m.block), m.events, m.major, m.minor, m.uuid)
}

// showMaps is the answer of "multipathd show maps json", as far as anybody reads
// it: what the checker says of each path.
func (h *Host) showMaps() string {
	type (
		path struct {
			Dev     string `json:"dev"`
			Checked string `json:"chk_st"`
		}
		group struct {
			Paths []path `json:"paths"`
		}
		shown struct {
			Name   string  `json:"name"`
			Groups []group `json:"path_groups"`
		}
	)
	all := []shown{}
	for _, m := range h.maps {
		if !m.multipath() {
			continue
		}
		var paths group
		for _, p := range m.paths {
			paths.Paths = append(paths.Paths, path{p.disk.name, p.checker})
		}
		all = append(all, shown{m.title, []group{paths}})
	}
	// Marshalling plain structs can't fail.
	out, _ := json.MarshalIndent(map[string]any{"major_version": 0, "minor_version": 1, "maps": all}, "", "   ")
	return string(out) + "\n"
}
