package devices

import (
	"context"
	"sync/atomic"

	"github.com/pureclean/pureclean/evidence"
)

// countingKernel counts the questions to the kernel.
type countingKernel struct {
	Kernel
	n atomic.Int64
}

func (c *countingKernel) Maps(ctx context.Context) ([]DM, error) {
	c.n.Add(1)
	return c.Kernel.Maps(ctx)
}

func (c *countingKernel) Checkers(ctx context.Context) (map[string]string, error) {
	c.n.Add(1)
	return c.Kernel.Checkers(ctx)
}

func (c *countingKernel) Identify(ctx context.Context, disk string) evidence.Identity {
	c.n.Add(1)
	return c.Kernel.Identify(ctx, disk)
}

func (c *countingKernel) MountInfo(ctx context.Context, path string) ([]byte, error) {
	c.n.Add(1)
	return c.Kernel.MountInfo(ctx, path)
}
