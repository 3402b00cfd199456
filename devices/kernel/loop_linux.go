package kernel

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pureclean/pureclean/devices"
)

var _ devices.LoopKernel = (*live)(nil)

// loopDevice is a loop device's open node.
type loopDevice struct {
	// dev is the node's own "major:minor".
	dev    string
	status func() (*unix.LoopInfo64, error)
	close  func()
}

// LoopDevice implements devices.LoopKernel. The kernel asks the file itself
// (LOOP_GET_STATUS64), which does not end where that is on a server that is gone.
func (l *live) LoopDevice(ctx context.Context, name string) (string, error) {
	dev, err := ask(ctx, l, "loop device "+name, func() (string, error) { return l.loopDevice(name) })
	if err != nil {
		return "", fmt.Errorf("%s did not say what it is on: %w", name, err)
	}
	return dev, nil
}

func (l *live) loopDevice(name string) (string, error) {
	if number, ok := strings.CutPrefix(name, "loop"); !ok || !isNumber(number) {
		return "", fmt.Errorf("%q is not the kernel's name of a loop device", name)
	}
	dev, err := l.attribute("block/" + name + "/dev")
	if err != nil {
		return "", err
	}
	loop, err := l.openLoop(name)
	if err != nil {
		return "", err
	}
	defer loop.close()
	if loop.dev != dev {
		return "", fmt.Errorf("/dev/%s is device %s, but %s is %s", name, loop.dev, name, dev)
	}
	info, err := loop.status()
	if err != nil {
		return "", fmt.Errorf("LOOP_GET_STATUS64: %w", err)
	}
	// Where the file can't be asked the kernel leaves all three out, and says
	// nothing of it. Every file has an inode.
	if info.Inode == 0 {
		return "", fmt.Errorf("the file behind %s can't be asked", name)
	}
	if info.Rdevice == 0 {
		return "", nil
	}
	return devString(info.Rdevice), nil
}

func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// openLoop opens the node of a loop device.
func openLoop(name string) (*loopDevice, error) {
	fd, dev, err := openBlock(name)
	if err != nil {
		return nil, err
	}
	return &loopDevice{
		dev:    dev,
		status: func() (*unix.LoopInfo64, error) { return unix.IoctlLoopGetStatus64(fd) },
		close:  func() { _ = unix.Close(fd) },
	}, nil
}
