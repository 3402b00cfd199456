package repair

import (
	"context"
	"fmt"
)

// openWriters logs in at each array that the plan changes, and at the plan's own.
func (r *run) openWriters(ctx context.Context) error {
	err := r.openFor(ctx, Step{})
	for _, step := range r.plan.Steps {
		if err == nil {
			err = r.openFor(ctx, step)
		}
	}
	if err != nil {
		r.closeWriters(ctx)
	}
	return err
}

// openFor logs in at the array of a step, once.
func (r *run) openFor(ctx context.Context, step Step) error {
	if r.at(step) != nil {
		return nil
	}
	id, name := r.plan.ArrayID, " "+r.plan.ArrayName
	if step.ArrayID != "" {
		id, name = step.ArrayID, step.on()
	}
	writer, err := r.t.Writer(ctx, id)
	if err != nil {
		return fmt.Errorf("the array%s can't be changed: %w", name, err)
	}
	r.writers[step.ArrayID] = writer
	return nil
}

// closeWriters logs out, which is no part of the repair.
func (r *run) closeWriters(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	for _, writer := range r.writers {
		_ = writer.Close(ctx)
	}
	clear(r.writers)
}

// at is the writer of a step's array; nil before it is open.
func (r *run) at(step Step) Writer { return r.writers[step.ArrayID] }
