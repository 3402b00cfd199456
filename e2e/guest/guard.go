//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// guard watches over what must not be touched on a machine: the volumes in use.
// Somebody writes to each mounted one all the time.
type guard struct {
	devices map[string]string // serial to what sysfs says of its devices
	mounts  []string
	stuck   map[string]string
	stop    chan struct{}
	writers sync.WaitGroup

	mu     sync.Mutex
	failed []error
	slow   time.Duration
}

// Guard starts to watch volumes, by serial. The mounts that are lost are written
// to by nobody.
func (m *machine) Guard(serials, lost []string) {
	g := &guard{devices: map[string]string{}, stuck: stuck(), stop: make(chan struct{})}
	m.guard = g
	devices := m.devices()
	for _, serial := range serials {
		g.devices[serial] = picture(devices[serial])
	}
	for _, mount := range m.Mounts() {
		g.mounts = append(g.mounts, mount.Path+" "+mount.Dev)
		if slices.Contains(lost, mount.Path) {
			continue
		}
		g.writers.Add(1)
		go g.write(filepath.Join(mount.Path, "guard"))
	}
}

// Picture is all that tells a volume's devices from others that took their
// names: a device that was taken away and came back has another sequence
// number.
func (m *machine) Picture(serial string) string { return picture(m.DevicesOf(serial)) }

func picture(devices []string) string {
	var lines []string
	for _, name := range devices {
		dir := "/sys/block/" + name
		// A session that is down changes the states of its disks by itself,
		// but never to this one.
		offline := read(dir+"/device/state") == "offline"
		lines = append(lines, fmt.Sprintf("%s diskseq %s dev %s size %s offline %v slaves %v", name, read(dir+"/diskseq"), read(dir+"/dev"),
			read(dir+"/size"), offline, names(dir+"/slaves/*")))
	}
	return strings.Join(lines, "\n")
}

// write writes, syncs and reads back until it is stopped.
func (g *guard) write(path string) {
	defer g.writers.Done()
	for n := 0; ; n++ {
		began := time.Now()
		err := writeThrough(path, fmt.Appendf(nil, "%s %d\n", path, n))
		g.mu.Lock()
		g.slow = max(g.slow, time.Since(began))
		if err != nil {
			g.failed = append(g.failed, err)
		}
		g.mu.Unlock()
		select {
		case <-g.stop:
			return
		case <-time.After(time.Second):
		}
		if err != nil {
			return
		}
	}
}

func writeThrough(path string, data []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	back, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(back, data) {
		err = fmt.Errorf("%s has %q in place of %q", path, back, data)
	}
	return err
}

// Guarded ends the watch and says what happened to what was watched.
func (m *machine) Guarded() error {
	g := m.guard
	close(g.stop)
	g.writers.Wait()
	failed := slices.Clone(g.failed)
	devices := m.devices()
	for serial, before := range g.devices {
		if after := picture(devices[serial]); after != before {
			failed = append(failed, fmt.Errorf("the devices of the volume %s, which did not leak, were\n%s\nand are\n%s", serial, before, after))
		}
	}
	var mounts []string
	for _, mount := range m.Mounts() {
		mounts = append(mounts, mount.Path+" "+mount.Dev)
	}
	if !slices.Equal(mounts, g.mounts) {
		failed = append(failed, fmt.Errorf("mounted were %v, and are %v", g.mounts, mounts))
	}
	failed = append(failed, g.nobodyStuck())
	fmt.Printf("   the slowest write to a healthy volume took %d ms\n", g.slow.Milliseconds())
	return errors.Join(failed...)
}

// nobodyStuck reports tasks that wait in the kernel for good and did not
// before. One that only waits at the moment of a look is not stuck.
func (g *guard) nobodyStuck() error {
	last := map[string]string{}
	err := await(20*time.Second, "no task is stuck that was not before", func() bool {
		last = stuck()
		for task := range g.stuck {
			delete(last, task)
		}
		return len(last) == 0
	})
	if err != nil {
		return fmt.Errorf("%w: %v", err, last)
	}
	return nil
}

// stuck lists the tasks in D state, with where they wait.
func stuck() map[string]string {
	found := map[string]string{}
	for _, pid := range names("/proc/[0-9]*") {
		stat := read("/proc/" + pid + "/stat")
		// The command's name stands in brackets and may hold any.
		fields := strings.Fields(stat[strings.LastIndex(stat, ")")+1:])
		if len(fields) > 19 && fields[0] == "D" {
			found[pid+" "+fields[19]] = read("/proc/"+pid+"/comm") + " in " + read("/proc/"+pid+"/wchan")
		}
	}
	return found
}
