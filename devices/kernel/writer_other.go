//go:build !linux

package kernel

import (
	"context"

	"github.com/pureclean/pureclean/devices/release"
)

// LiveWriter returns a DeviceWriter that can do nothing: only Linux has what they
// change. The errors wrap errors.ErrUnsupported.
func LiveWriter() release.DeviceWriter { return noWriter{} }

type noWriter struct{}

func (noWriter) RemoveMap(_ context.Context, uuid string) error {
	return unsupported("the map " + uuid)
}

func (noWriter) AddMap(_ context.Context, wwid string) error {
	return unsupported("the map of " + wwid)
}

func (noWriter) SetQueueing(_ context.Context, uuid string, _ bool) error {
	return unsupported("the map " + uuid)
}

func (noWriter) SetState(_ context.Context, disk release.Target, _ string) error {
	return unsupported("the disk " + disk.Name)
}

func (noWriter) DeleteDisk(_ context.Context, disk release.Target) error {
	return unsupported("the disk " + disk.Name)
}

func (noWriter) ClaimNamespace(_ context.Context, namespace release.Target) error {
	return unsupported("the namespace " + namespace.Name)
}

func (noWriter) RescanController(_ context.Context, controller string) error {
	return unsupported("the controller " + controller)
}
