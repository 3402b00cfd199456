package lxd

import "slices"

// undo holds what takes back the steps of a flow, last step first. LXD drops
// the errors of undoing, which is how most leaks come about.
type undo struct{ hooks []func() }

// add takes nil for nothing to undo.
func (u *undo) add(hook func()) {
	if hook != nil {
		u.hooks = append(u.hooks, hook)
	}
}

// onError is deferred: it runs the hooks of a flow that ends with an error.
// After keep there are none.
func (u *undo) onError(err *error) {
	if *err != nil {
		u.all()
	}
}

func (u *undo) all() {
	for _, hook := range slices.Backward(u.hooks) {
		hook()
	}
}

// keep forgets the hooks and returns them as one, for the caller's own undo.
func (u *undo) keep() func() {
	kept := undo{hooks: u.hooks}
	u.hooks = nil
	return kept.all
}
