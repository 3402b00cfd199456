package host

import (
	"fmt"
	"strings"
)

// renderProc writes procfs: every process, and what is told of the machine.
func (h *Host) renderProc(t tree) {
	for _, p := range h.allProcesses() {
		h.renderProcess(t, p)
	}
	t.AddLink("proc/self", fmt.Sprint(pidSelf))

	var swaps strings.Builder
	swaps.WriteString("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
	for i, b := range h.swaps {
		fmt.Fprintf(&swaps, "%-40spartition\t%d\t\t0\t\t%d\n", "/dev/"+b.name, b.bytes/1024-4, -2-i)
	}
	t.AddFile("proc/swaps", []byte(swaps.String()))
	t.AddFile("proc/mdstat", []byte("Personalities : \nunused devices: <none>\n"))
	t.puts("proc/sys/kernel", "hostname", h.Name(), "osrelease", Kernel, "random/boot_id", h.bootID())
	up := h.clock.Now().Sub(h.started).Seconds()
	t.put("proc/uptime", fmt.Sprintf("%.2f %.2f", up, up))
	t.put("proc/version", "Linux version "+Kernel)

	var partitions strings.Builder
	partitions.WriteString("major minor  #blocks  name\n\n 254        0   20971520 vda\n")
	for _, b := range h.blocks() {
		if !b.gone {
			fmt.Fprintf(&partitions, "%4d  %7d %10d %s\n", b.major, b.minor, b.bytes/1024, b.name)
		}
	}
	t.AddFile("proc/partitions", []byte(partitions.String()))
	for _, w := range []Where{LXDNamespace, HiddenNamespace} {
		if bind := h.bindOf(w); bind != "" {
			t.AddFile(strings.TrimPrefix(bind, "/"), nil)
		}
	}
}

func (h *Host) renderProcess(t tree, p shown) {
	dir := fmt.Sprintf("proc/%d", p.pid)
	t.put(dir+"/comm", p.name)
	parent := pidInit
	if p.pid <= pidKthreadd {
		parent = 0
	}
	start := int64(100)
	if !p.since.IsZero() {
		start = p.since.Sub(h.started).Milliseconds() / 10
	}
	t.put(dir+"/stat", fmt.Sprintf("%d (%s) %s %d %d %d 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 %d 0 0",
		p.pid, p.name, p.state, parent, p.pid, p.pid, start))
	t.AddFile(dir+"/status", fmt.Appendf(nil, "Name:\t%s\nState:\t%s\nTgid:\t%d\nPid:\t%d\nPPid:\t%d\n"+
		"Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nNSpid:\t%d\n"+
		"CapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\n",
		p.name, p.state, p.pid, p.pid, parent, p.pid))
	cmdline := p.name + "\x00"
	if p.pid == pidKthreadd {
		cmdline = ""
	}
	t.AddFile(dir+"/cmdline", []byte(cmdline))
	t.AddFile(dir+"/mountinfo", []byte(h.mountInfo(p.where)))
	t.AddLink(dir+"/ns/mnt", fmt.Sprintf("mnt:[%d]", p.where.inode()))
	t.AddLink(dir+"/ns/pid", fmt.Sprintf("pid:[%d]", firstPIDNS))
	t.AddLink(dir+"/ns/user", fmt.Sprintf("user:[%d]", firstUserNS))
	t.AddDir(dir + "/fd")
	if p.pid == pidKthreadd {
		return
	}
	for fd := range 3 {
		t.AddLink(fmt.Sprintf("%s/fd/%d", dir, fd), "/dev/null")
	}
	for i, b := range p.files {
		t.AddLink(fmt.Sprintf("%s/fd/%d", dir, i+3), nodePath(b))
	}
}
