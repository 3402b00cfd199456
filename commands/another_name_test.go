package commands

import (
	"bytes"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/pureclean/pureclean/devices"
)

// elsewhere is a machine on which what opened a block device called it by a node
// that is not below /dev: one made with mknod in a jail, or a link.
type elsewhere struct {
	fs.FS
	add fstest.MapFS
}

func (e elsewhere) edit(name string, data []byte) []byte {
	if strings.HasSuffix(name, "/loop/backing_file") && bytes.HasPrefix(data, []byte("/dev/")) {
		return []byte(strings.Replace(string(data), "/dev/", "/", 1)) // as a loop that was set up in another mount namespace reads here
	}
	return data
}

func (e elsewhere) Open(name string) (fs.File, error) {
	if f, err := e.add.Open(name); err == nil {
		if i, err := f.Stat(); err == nil && !i.IsDir() {
			return f, nil
		}
	}
	if strings.HasSuffix(name, "/loop/backing_file") {
		data, err := fs.ReadFile(e.FS, name)
		if err != nil {
			return nil, err
		}
		return fstest.MapFS{"x": {Data: e.edit(name, data)}}.Open("x")
	}
	f, err := e.FS.Open(name)
	if err != nil {
		return e.add.Open(name)
	}
	return f, nil
}

func (e elsewhere) ReadFile(name string) ([]byte, error) {
	if d, err := fs.ReadFile(e.add, name); err == nil {
		return d, nil
	}
	data, err := fs.ReadFile(e.FS, name)
	return e.edit(name, data), err
}

func (e elsewhere) ReadDir(name string) ([]fs.DirEntry, error) {
	a, errA := fs.ReadDir(e.FS, name)
	b, errB := fs.ReadDir(e.add, name)
	if errA != nil && errB != nil {
		return nil, errA
	}
	have := map[string]bool{}
	for _, x := range a {
		have[x.Name()] = true
	}
	for _, x := range b {
		if !have[x.Name()] {
			a = append(a, x)
		}
	}
	return a, nil
}

func (e elsewhere) Stat(name string) (fs.FileInfo, error) {
	if i, err := fs.Stat(e.FS, name); err == nil {
		return i, nil
	}
	return fs.Stat(e.add, name)
}

func (e elsewhere) Lstat(name string) (fs.FileInfo, error) {
	if i, err := fs.Lstat(e.FS, name); err == nil {
		return i, nil
	}
	return fs.Stat(e.add, name)
}

func (e elsewhere) ReadLink(name string) (string, error) { return fs.ReadLink(e.FS, name) }

// TestUsedByAnotherName: what opened a device and calls it by a name that leads
// nowhere here keeps it, and everything that it might be, from being touched.
func TestUsedByAnotherName(t *testing.T) {
	const (
		nvmet = "sys/kernel/config/nvmet/subsystems/nqn.x/namespaces/1/"
		lio   = "sys/kernel/config/target/core/"
		scst  = "sys/kernel/scst_tgt/devices/"
	)
	for _, c := range []struct {
		what, world string
		loop        bool
		files       map[string]string
	}{
		{"loop", "device-too-late-nvme", true, nil},
		{"nvmet", "device-too-late-nvme", false, map[string]string{nvmet + "device_path": "/srv/export/disk0", nvmet + "enable": "1"}},
		{"swap", "device-too-late-nvme", false, map[string]string{"proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n/srv/jail/disk0 partition\t65532\t0\t-2"}},
		{"LIO, a file back-end", "device-too-late-iscsi", false, map[string]string{
			lio + "fileio_0/x/info": "Status: ACTIVATED  Max Queue Depth: 0  SectorSize: 512\n        TCM FILEIO ID: 0        File: /srv/luns/disk0  Size: 67108864  Mode: O_DSYNC Async: 0",
		}},
		{"LIO, a device", "device-too-late-iscsi", false, map[string]string{lio + "iblock_7/x/udev_path": "/srv/luns/disk0"}},
		{"SCST, by its address", "device-too-late-iscsi", false, map[string]string{scst + "ADDRESS/type": "0 - Direct-access device (e.g., magnetic disk)"}},
		{"SCST, by a name", "device-too-late-iscsi", false, map[string]string{scst + "d0/filename": "/srv/luns/disk0\n[key]"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			b := newBench(t, aged(t, c.world))
			volume := b.leaked("leaked-volume")
			v, _ := b.world.Array.Volume(volume)
			if c.loop {
				if err := b.world.Hosts[0].Loop(v.Serial); err != nil {
					t.Fatal(err)
				}
			}
			e := elsewhere{FS: b.s.given.host.FS, add: fstest.MapFS{}}
			for name, text := range c.files {
				for _, d := range devices.Observe(t.Context(), b.s.given.host).Disks.Items {
					if string(d.Serial) == v.Serial {
						name = strings.Replace(name, "ADDRESS", d.HCTL, 1)
					}
				}
				e.add[name] = &fstest.MapFile{Data: []byte(text + "\n")}
			}
			b.s.given.host.FS = e
			status, out, errs := b.run("", "fix", "--volume", volume, "--yes")
			if now, _ := b.world.Array.Volume(volume); status != StatusRefused || now.Destroyed {
				t.Errorf("status %d, destroyed %v\n%s%s", status, now.Destroyed, out, errs)
			}
		})
	}
}
