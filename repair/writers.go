package repair

import (
	"context"
	"fmt"
)

// openWriters logs in at each array that the plan changes.
func (r *run) openWriters(ctx context.Context) error {
	writer, err := r.t.Writer(ctx, r.plan.ArrayID)
	if err != nil {
		return fmt.Errorf("the array %s can't be changed: %w", r.plan.ArrayName, err)
	}
	r.writer, r.others = writer, map[string]Writer{}
	for _, step := range r.plan.Steps {
		if step.ArrayID == "" || r.others[step.ArrayID] != nil {
			continue
		}
		if r.others[step.ArrayID], err = r.t.Writer(ctx, step.ArrayID); err != nil {
			delete(r.others, step.ArrayID)
			r.closeWriters(ctx)
			return fmt.Errorf("the array%s can't be changed: %w", step.on(), err)
		}
	}
	return nil
}

// closeWriters logs out, which is no part of the repair.
func (r *run) closeWriters(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	_ = r.writer.Close(ctx)
	for _, other := range r.others {
		_ = other.Close(ctx)
	}
}

// at is the writer of a step's array.
func (r *run) at(step Step) Writer {
	if step.ArrayID != "" {
		return r.others[step.ArrayID] // opened for all steps of the plan
	}
	return r.writer
}
