package release

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// claimLimit is how long one claim may take: the open waits while the
// namespace has no path.
const claimLimit = 10 * time.Second

// claim asks the kernel whether anything has claimed one of the volume's
// namespaces: a zpool shows neither a holder nor a mount, and a mount in a
// namespace that nothing leads to shows nothing either. A disk is asked the
// same in the moment in which it is set offline; of a map the kernel counts
// who has it open.
func (r *Releaser) claim(ctx context.Context, v *view) error {
	for _, n := range v.namespaces {
		target := Target{Name: n.Name, Dev: n.Dev, Seq: n.Seq.N, Serial: v.serial}
		for look := 1; ; look++ {
			limited, cancel := context.WithTimeout(ctx, claimLimit)
			err := r.Writer.ClaimNamespace(limited, target)
			cancel()
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if !errors.Is(err, ErrInUse) {
				return fmt.Errorf("volume %s on %s: whether anything has claimed %s is not known: %w", v.serial, r.name(), n.Name, err)
			}
			// A scan for volume groups claims for a moment, too.
			if look == looks {
				return v.refuse(Reason{CodeInUse, n.Name + " is claimed exclusively, as by a mount or a zpool, and nothing shows by whom"})
			}
			if err := r.sleep(ctx, lookPause); err != nil {
				return err
			}
		}
	}
	return nil
}
