//go:build !linux

package kernel

import (
	"context"

	"github.com/pureclean/pureclean/devices"
)

// LiveHands returns Hands that can do nothing: only Linux has what they
// change. The errors wrap errors.ErrUnsupported.
func LiveHands() devices.Hands { return noHands{} }

type noHands struct{}

func (noHands) RemoveMap(_ context.Context, uuid string) error {
	return unsupported("the map " + uuid)
}

func (noHands) AddMap(_ context.Context, wwid string) error {
	return unsupported("the map of " + wwid)
}

func (noHands) SetQueueing(_ context.Context, uuid string, _ bool) error {
	return unsupported("the map " + uuid)
}

func (noHands) SetState(_ context.Context, disk devices.Target, _ string) error {
	return unsupported("the disk " + disk.Name)
}

func (noHands) DeleteDisk(_ context.Context, disk devices.Target) error {
	return unsupported("the disk " + disk.Name)
}

func (noHands) ClaimNamespace(_ context.Context, namespace devices.Target) error {
	return unsupported("the namespace " + namespace.Name)
}

func (noHands) RescanController(_ context.Context, controller string) error {
	return unsupported("the controller " + controller)
}
