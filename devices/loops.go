package devices

import (
	"context"
	"path"
	"strings"

	"github.com/pureclean/pureclean/devices/hostfs"
)

// LoopKernel is a Kernel that also tells what a loop device is on. The name that
// sysfs shows is one of the mount namespace in which it was set up.
type LoopKernel interface {
	// LoopDevice returns the number ("major:minor") of the block device that a
	// loop device is on, "" for one that is on a file.
	LoopDevice(ctx context.Context, loop string) (string, error)
}

// loops are the loop devices, by what they are on.
type loops struct {
	on map[string][]string // the device beneath to the loop devices
	// gone are those on devices that are no longer there, by what these were
	// called; unclear those of which nothing says what they are on.
	gone    map[string][]string
	unclear []string
	doubts  hostfs.Doubts
}

// readLoopDevices lists the loop devices that may be on block devices: a loop
// device is not among its device's holders. The kernel is asked first, since a
// name may be one of another mount namespace; where it gives no answer the name
// has to do, and must lead somewhere.
func readLoopDevices(ctx context.Context, s System, b blocks) loops {
	ctx, cancel := context.WithTimeout(ctx, kernelLimit)
	defer cancel()
	t := hostfs.Tree{FS: s.FS}
	l := loops{on: map[string][]string{}, gone: map[string][]string{}}
	remote, _ := remoteMounts(t)
	kernel, _ := s.Kernel.(LoopKernel)
	for _, one := range b.all {
		if !strings.HasPrefix(one.name, "loop") || one.disk != "" {
			continue
		}
		file, err := t.Text(one.dir + "/loop/backing_file")
		l.doubts.Check("the file behind "+one.name, err)
		if file == "" && t.Exists(one.dir+"/loop").IsNot() {
			continue // it is on nothing
		}
		found, asked := opened{unclear: file == ""}, false
		if kernel != nil {
			dev, err := kernel.LoopDevice(ctx, one.name)
			switch asked = err == nil; {
			case asked && dev != "":
				found = b.opensNumber(dev, path.Base(strings.TrimSuffix(file, deletedSuffix)))
			case asked:
				found = opened{}
			}
		}
		if !asked && file != "" {
			found, err = b.opens(t, remote, file)
			l.doubts.Check("the file behind "+one.name, err)
		}
		l.add(one.name, file, found)
	}
	return l
}

func (l *loops) add(name, file string, found opened) {
	if found.device != "" {
		l.on[found.device] = append(l.on[found.device], name)
	}
	if found.gone != "" {
		l.gone[found.gone] = append(l.gone[found.gone], name)
	}
	if found.unclear {
		l.unclear = append(l.unclear, strings.TrimSuffix(name+" ("+file+")", " ()"))
	}
}
