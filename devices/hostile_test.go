package devices_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// nasty is what no kernel writes.
var nasty = map[string][]byte{
	"empty":      {},
	"blank":      []byte(" \n\t\n"),
	"binary":     {0, 1, 2, 0xff, 0xfe, '\n', 0x1b, '[', '2', 'J'},
	"newlines":   []byte("a\nb\nc\n\x00"),
	"negative":   []byte("-1\n"),
	"enormous":   []byte("99999999999999999999999999999999\n"),
	"float":      []byte("1e9\n"),
	"braces":     []byte(strings.Repeat("{", 5000)),
	"separators": []byte(": : - - [ ] = , | / // .. \\040 \\999\n"),
	"large":      []byte(strings.Repeat("x", 2<<20)),
}

// Every file that is read, with nasty content in turn: no panic, no number
// out of nowhere, and what can be told still is.
func TestNastyContent(t *testing.T) {
	spy := newSpy(everything().FS)
	m := everything()
	s := m.system()
	s.FS = spy
	observeSystem(t, s)
	for name, content := range nasty {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, file := range m.Files() {
				if !spy.touched[file] {
					continue
				}
				m := everything()
				m.AddFile(file, content)
				h := m.observe(t)
				for _, d := range h.Disks.Items {
					if d.Bytes.N < 0 || d.IO.Reads.N < 0 || d.IO.Inflight.N < 0 {
						t.Errorf("%s: %+v", file, d)
					}
				}
				if _, err := json.Marshal(h); err != nil {
					t.Errorf("%s: %v", file, err)
				}
			}
		})
	}
}

func TestNastyNames(t *testing.T) {
	names := []string{
		"sd\x1b[2J", "sda\nsdb", "dm-", "dm--1", "dm-99999999999999999999", "nvme", "nvme0n", "nvme0c", "nvmen1", "sd", "part1-mpath-", "- -", "#", "ünïcode", strings.Repeat("n", 300),
	}
	m := withMap()
	for i, name := range names {
		dir := m.block(name, fmt.Sprintf("252:%d", i), "devices/virtual/block/"+name)
		m.AddFile(dir+"/dm/uuid", []byte(serialNo(1).MapUUID()))
		m.AddDir(dir + "/slaves/" + name)
		m.AddDir(dir + "/holders/" + name)
		m.AddLink("dev/disk/by-id/"+name, name)
		m.AddLink("dev/mapper/"+name, "/dev/mapper/"+name)
		m.AddDir("sys/class/iscsi_session/" + name)
		m.AddDir("sys/class/iscsi_connection/" + name)
		m.AddDir("sys/class/nvme/" + name)
		m.AddDir("sys/class/nvme-subsystem/" + name)
		m.AddDir("sys/fs/btrfs/" + name + "/devices/" + name)
		m.AddDir("proc/" + name)
		m.AddDir("var/lib/lxd/storage-pools/" + name + "/containers/" + name)
	}
	m.AddDir("proc/99999999999999999999")
	h := m.observe(t)
	if got := story(evidence.Host{Disks: h.Disks}); got[0] != "sda is 01, live 01, running, in [dm-1]" {
		t.Errorf("%q", got)
	}
	if len(h.Directories.Items) != len(names) {
		t.Errorf("%d directories of %d", len(h.Directories.Items), len(names))
	}
}

// Links and holders in circles end.
func TestCircles(t *testing.T) {
	m := withMap()
	m.AddLink("sys/block/sda", "sdx")
	m.AddLink("sys/block/sdx", "sda")
	m.AddLink("dev/mapper/a", "b")
	m.AddLink("dev/mapper/b", "a")
	m.mount("50 24 0:99 / /mnt rw - btrfs /dev/mapper/a rw")
	for _, pair := range [][2]string{{"dm-1", "dm-5"}, {"dm-5", "dm-6"}, {"dm-6", "dm-5"}, {"dm-6", "dm-1"}, {"dm-6", "dm-6"}} {
		if pair[0] != "dm-1" {
			m.block(pair[0], "", "devices/virtual/block/"+pair[0])
		}
		m.AddDir("sys/devices/virtual/block/" + pair[0] + "/holders/" + pair[1])
	}
	loop := m.block("loop0", "7:0", "devices/virtual/block/loop0")
	m.AddFile(loop+"/loop/backing_file", []byte("/dev/loop0\n"))
	done := make(chan evidence.Host, 1)
	go func() { done <- m.observe(t) }()
	select {
	case h := <-done:
		if h.Disks.IsComplete() {
			t.Error("a disk behind a circle of links may be ours")
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes in circles")
	}
}

// A kernel that says anything at all.
func TestNastyKernel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := []string{"multipath", "2", "0", "1", "-1", "A", "F", "E", "8:0", "254:1", "", "99999999", "service-time", "queue_if_no_path", "\x00", "999999999999999999999"}
	line := func() string {
		var b strings.Builder
		for range random.IntN(20) {
			b.WriteString(words[random.IntN(len(words))] + " ")
		}
		return b.String()
	}
	for range 300 {
		m := withMap()
		m.kernel.maps = nil
		for range random.IntN(4) {
			m.kernel.maps = append(m.kernel.maps, devices.DM{
				Name: line(), UUID: serialNo(random.IntN(3)).MapUUID(), Dev: words[random.IntN(len(words))],
				OpenCount: random.Int64() - random.Int64(), Status: line(), Table: line(),
			})
		}
		h := m.observe(t)
		for _, one := range h.Maps.Items {
			if one.OpenCount.Known && one.OpenCount.N < 0 {
				t.Errorf("open count %d", one.OpenCount.N)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := withMap()
	h := devices.Observe(ctx, m.system())
	if h.Trouble == "" || h.Uses.IsComplete() {
		t.Errorf("trouble %q, uses complete %v", h.Trouble, h.Uses.IsComplete())
	}
	for _, d := range h.Disks.Items {
		if d.Live.Kind != evidence.IdentityUnknown {
			t.Errorf("%s: %+v", d.Name, d.Live)
		}
	}
}
