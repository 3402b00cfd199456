//go:build !linux

package kernel

import (
	"context"

	"github.com/pureclean/pureclean/devices/release"
)

// LiveHands returns Hands that can do nothing: only Linux has what they
// change. The errors wrap errors.ErrUnsupported.
func LiveHands() release.Hands { return noHands{} }

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

func (noHands) SetState(_ context.Context, disk release.Target, _ string) error {
	return unsupported("the disk " + disk.Name)
}

func (noHands) DeleteDisk(_ context.Context, disk release.Target) error {
	return unsupported("the disk " + disk.Name)
}

func (noHands) ClaimNamespace(_ context.Context, namespace release.Target) error {
	return unsupported("the namespace " + namespace.Name)
}

func (noHands) RescanController(_ context.Context, controller string) error {
	return unsupported("the controller " + controller)
}
