package host

import (
	"fmt"
	"strings"

	"github.com/pureclean/pureclean/simulator/fabric"
)

// KeepLog lets the machine write /var/log/syslog from now on: what its kernel
// says of disks that come, and what Logged adds.
func (h *Host) KeepLog() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keepsLog = true
}

// Logged adds a line of a program to the machine's log, if it keeps one.
func (h *Host) Logged(program, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.says(program, text)
	h.changes++
}

func (h *Host) says(program, text string) {
	if h.keepsLog {
		h.syslog = append(h.syslog, fmt.Sprintf("%s %s %s: %s", h.clock.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), h.options.Name, program, text))
	}
}

func (h *Host) saysDisk(d *disk, e fabric.Export) {
	h.says("kernel", fmt.Sprintf("scsi %s: Direct-Access     PURE     FlashArray       8888 PQ: 0 ANSI: 6", d.hctl()))
	h.says("kernel", fmt.Sprintf("scsi %s: alua: device naa.624a9370%s port group 0 rel port 1", d.hctl(), strings.ToLower(e.Serial)))
	h.says("kernel", fmt.Sprintf("sd %s: [%s] Attached SCSI disk", d.hctl(), d.name))
}

func (h *Host) renderSyslog(t tree) {
	if h.keepsLog {
		t.put("var/log/syslog", strings.Join(h.syslog, "\n"))
	}
}
