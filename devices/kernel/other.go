//go:build !linux

package kernel

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/pureclean/pureclean/devices"
	"github.com/pureclean/pureclean/evidence"
)

// Live returns a Kernel that can answer nothing: only Linux has what it asks
// for. The error of every answer wraps errors.ErrUnsupported.
func Live() devices.Kernel { return other{} }

type other struct{}

func (other) Maps(context.Context) ([]devices.DM, error) {
	return nil, unsupported("device-mapper")
}

func (other) Checkers(context.Context) (map[string]string, error) {
	return nil, unsupported("multipathd")
}

func (other) Identify(_ context.Context, disk string) evidence.Identity {
	return evidence.Identity{Why: unsupported("the identity of " + disk).Error()}
}

func (other) MountInfo(_ context.Context, path string) ([]byte, error) {
	return nil, unsupported("the mount namespace " + path)
}

func unsupported(what string) error {
	return fmt.Errorf("%s can't be reached on %s, only on Linux: %w", what, runtime.GOOS, errors.ErrUnsupported)
}
