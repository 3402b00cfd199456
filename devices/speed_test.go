package devices_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// large is a busy host: maps of four paths each, and processes of which some
// have files and mount namespaces of their own.
func large(maps, processes int) *machine {
	m := newMachine()
	disk := 0
	for i := range maps {
		var disks []string
		for range 4 {
			name := "sd" + string(rune('a'+disk/676)) + string(rune('a'+disk/26%26)) + string(rune('a'+disk%26))
			scsi := fmt.Sprintf("devices/platform/host%d/session%d/target%d:0:0/%d:0:0:%d", disk%4, disk%4+1, disk%4, disk%4, i)
			m.block(name, fmt.Sprintf("%d:%d", 8+disk/16, disk%16*16), scsi+"/block/"+name)
			m.AddFile("sys/"+scsi+"/vendor", []byte("PURE    \n"))
			m.AddFile("sys/"+scsi+"/wwid", []byte(serialNo(i).NAA()+"\n"))
			m.AddFile("sys/"+scsi+"/state", []byte("running\n"))
			m.kernel.know(name, evidence.Identity{Kind: evidence.IdentityKnown, Serial: serialNo(i)})
			disks = append(disks, name)
			disk++
		}
		m.mapOf(i, i, 1, disks...)
		m.AddDir(fmt.Sprintf("sys/fs/ext4/dm-%d", i))
	}
	for i := range maps {
		m.mounts += fmt.Sprintf("%d 24 254:%d / /var/lib/lxd/storage-pools/p/containers/c%d rw - ext4 /dev/dm-%d rw\n", 100+i, i, i, i)
		m.AddDir(fmt.Sprintf("var/lib/lxd/storage-pools/p/containers/c%d", i))
	}
	m.mount("99 24 0:99 / /end rw - tmpfs none rw")
	for i := range processes {
		pid := 1000 + i
		m.process(pid, "worker", fmt.Sprintf("mnt:[%d]", 4026532000+i%100))
		for fd := range 20 {
			m.open(pid, fd, "socket:[123]")
		}
		m.open(pid, 30, fmt.Sprintf("/dev/dm-%d", i%maps))
	}
	return m
}

// Time must grow with what there is, never with devices times processes.
func TestLargeHost(t *testing.T) {
	m := large(200, 2000)
	began := time.Now()
	h := m.observe(t)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("it took %s", took)
	}
	if len(h.Disks.Items) != 800 || len(h.Maps.Items) != 200 || !h.Uses.IsComplete() || !h.Maps.IsComplete() {
		t.Fatalf("%d disks, %d maps, uses %q, maps %q", len(h.Disks.Items), len(h.Maps.Items), h.Uses.Why(), h.Maps.Why())
	}
	if want := 200 + 200 + 2000; len(h.Uses.Items) != want {
		t.Errorf("%d uses, want %d", len(h.Uses.Items), want)
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, size := range []struct{ maps, processes int }{{20, 200}, {200, 2000}, {1000, 5000}} {
		b.Run(fmt.Sprintf("maps=%d/processes=%d", size.maps, size.processes), func(b *testing.B) {
			m := large(size.maps, size.processes)
			for b.Loop() {
				m.observe(b)
			}
		})
		b.Run(fmt.Sprintf("maps=%d/processes=%d/about=1", size.maps, size.processes), func(b *testing.B) {
			m := large(size.maps, size.processes)
			for b.Loop() {
				devices.ObserveVolumes(b.Context(), m.system(), []evidence.Serial{serialNo(7)})
			}
		})
	}
}
