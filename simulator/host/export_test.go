package host

// UsedAndGone reports whether somebody still uses a device of the volume that
// was taken away.
func (h *Host) UsedAndGone(serial string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.blocks() {
		if b.gone && b.serial == serial && h.inUse(b) > 0 {
			return true
		}
	}
	return false
}
