package release

import (
	"context"
	"errors"
	"testing"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/devices/treefs"
	"github.com/pureclean/pureclean/evidence"
)

// A disk has gone when neither its name nor its address is its own any more:
// the kernel takes the disk away first and its SCSI device later, and until
// then nothing can be added at the address.
func TestStateOf(t *testing.T) {
	const device, block = "sys/devices/platform/host0/session1/target0:0:0/0:0:0:1", "/block/sda"
	disk := func(m *treefs.FS, name, seq string) {
		m.AddFile(device+"/block/"+name+"/diskseq", []byte(seq+"\n"))
		m.AddLink("sys/block/"+name, "../"+device[len("sys/"):]+"/block/"+name)
	}
	scsi := func(m *treefs.FS, state string) {
		m.AddFile(device+"/state", []byte(state+"\n"))
		m.AddDir(device + "/block")
		m.AddFile(device+"/scsi_device/0:0:0:1/uevent", nil)
		m.AddLink(device+"/scsi_device/0:0:0:1/device", "../../../0:0:0:1")
		m.AddLink("sys/class/scsi_device/0:0:0:1", "../../"+device[len("sys/"):]+"/scsi_device/0:0:0:1")
	}
	for _, test := range []struct {
		name  string
		make  func(m *treefs.FS)
		state string
		gone  evidence.Answer
	}{
		{"as it was", func(m *treefs.FS) { scsi(m, "offline"); disk(m, "sda", "41") }, "offline", evidence.No},
		{"nothing", func(*treefs.FS) {}, "", evidence.Yes},
		{"on its way", func(m *treefs.FS) { scsi(m, "cancel") }, "", evidence.Unknown},
		{"added anew", func(m *treefs.FS) { scsi(m, "running"); disk(m, "sda", "42") }, "", evidence.Yes},
		{"another disk at its address", func(m *treefs.FS) { scsi(m, "running"); disk(m, "sdb", "42") }, "", evidence.Yes},
		{"its name is another's", func(m *treefs.FS) {
			m.AddFile("sys/devices/virtual/block/sda/diskseq", []byte("42\n"))
			m.AddLink("sys/block/sda", "../devices/virtual/block/sda")
		}, "", evidence.Yes},
		{"the address has gone, and the disk has not", func(m *treefs.FS) { disk(m, "sda", "41") }, "", evidence.Unknown},
		{"the disk is elsewhere", func(m *treefs.FS) {
			scsi(m, "running")
			disk(m, "sdb", "42")
			m.AddFile("sys/devices/virtual/block/sda/diskseq", []byte("41\n"))
			m.AddLink("sys/block/sda", "../devices/virtual/block/sda")
		}, "", evidence.Unknown},
		{"no sequence number to tell by", func(m *treefs.FS) {
			scsi(m, "offline")
			disk(m, "sda", "41")
			m.Remove(device + block + "/diskseq")
		}, "offline", evidence.No},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := treefs.New()
			m.AddDir("sys/block")
			m.AddDir("sys/class/scsi_device")
			test.make(m)
			if err := m.Err(); err != nil {
				t.Fatal(err)
			}
			r := &Releaser{System: devices.System{FS: m}}
			state, gone := r.stateOf(Target{Name: "sda", HCTL: "0:0:0:1", Seq: 41})
			if state != test.state || gone != test.gone {
				t.Errorf("%q, gone %v; not %q, %v", state, gone, test.state, test.gone)
			}
		})
	}
}

// dm is a device-mapper that lists maps, or can't.
type dm struct {
	devices.Kernel
	maps []devices.DM
	err  error
}

func (d dm) Maps(context.Context) ([]devices.DM, error) { return d.maps, d.err }

// A map has gone when device-mapper does not list it, and not when it lists
// nothing because it can't.
func TestMapsThatCanNotBeListed(t *testing.T) {
	const uuid = "mpath-x"
	asked := func(d dm) (exists bool, errs []error) {
		r := &Releaser{System: devices.System{Kernel: d}}
		_, _, now := r.mapNow(t.Context(), uuid)
		exists, there := r.mapExists(t.Context(), uuid)
		_, open := r.openersOf(t.Context(), uuid)
		_, queueing := r.queues(t.Context(), uuid)
		return exists, []error{now, there, open, queueing, r.restore(t.Context(), ReleasedMap{UUID: uuid, QueueingOff: true}, Released{})}
	}
	if exists, errs := asked(dm{}); exists || errors.Join(errs...) != nil {
		t.Errorf("no map: %v, %v", exists, errs)
	}
	silent := errors.New("silent")
	exists, errs := asked(dm{err: silent})
	for i, err := range errs {
		if exists || !errors.Is(err, silent) {
			t.Errorf("question %d: %v, %v", i, exists, err)
		}
	}
}
