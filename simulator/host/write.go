package host

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/pureclean/pureclean/devices"
)

// WriteTo writes the machine as it is now into a directory that --sysroot can
// read: its tree, and in commands/ what commands printed that no file holds.
// What an earlier call wrote there is replaced. A device node becomes an
// empty file: making one needs root, and nobody may open it.
func (h *Host) WriteTo(dir string) error {
	v := h.look()
	h.mu.Lock()
	t := h.render(true)
	for command, output := range h.commandOutputs(v) {
		t.AddFile("commands/"+devices.OutputName(command), []byte(output))
	}
	h.mu.Unlock()
	for _, top := range []string{"commands", "dev", "etc", "proc", "run", "sys", "var"} {
		if err := os.RemoveAll(filepath.Join(dir, top)); err != nil {
			return fmt.Errorf("writing the host %s: %w", h.Name(), err)
		}
	}
	if err := os.CopyFS(dir, t); err != nil {
		return fmt.Errorf("writing the host %s: %w", h.Name(), err)
	}
	return nil
}
