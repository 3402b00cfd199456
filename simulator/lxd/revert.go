package lxd

// undo holds what takes back the steps of a flow, last step first. LXD drops
// the errors of undoing, which is how most leaks come about.
type undo struct{ hooks []func() }

// add takes nil for nothing to undo.
func (u *undo) add(hook func()) {
	if hook != nil {
		u.hooks = append(u.hooks, hook)
	}
}

// fail runs the hooks; after keep there are none.
func (u *undo) fail() {
	for i := len(u.hooks) - 1; i >= 0; i-- {
		u.hooks[i]()
	}
	u.hooks = nil
}

// keep forgets the hooks and returns them as one, for the caller's own undo.
func (u *undo) keep() func() {
	kept := undo{hooks: u.hooks}
	u.hooks = nil
	return kept.fail
}
