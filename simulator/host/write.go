package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteTo writes the machine as it is now into a directory that --sysroot can
// read: its tree, and in commands/ what commands printed that no file holds.
// What an earlier call wrote there is replaced. A device node becomes an
// empty file: making one needs root, and nobody may open it.
func (h *Host) WriteTo(dir string) error {
	v := h.look()
	t := h.snapshot()
	h.mu.Lock()
	outputs := h.commandOutputs(v)
	h.mu.Unlock()

	for _, top := range []string{"commands", "dev", "etc", "proc", "run", "sys", "var"} {
		if err := os.RemoveAll(filepath.Join(dir, top)); err != nil {
			return fmt.Errorf("writing the host %s: %w", h.Name(), err)
		}
	}
	if err := writeTree(t, dir); err != nil {
		return fmt.Errorf("writing the host %s: %w", h.Name(), err)
	}
	for command, output := range outputs {
		if err := writeFile(filepath.Join(dir, "commands", outputName(command)), []byte(output)); err != nil {
			return fmt.Errorf("writing the host %s: %w", h.Name(), err)
		}
	}
	return nil
}

// source is the tree that is written.
type source interface {
	fs.FS
	fs.ReadLinkFS
}

func writeTree(t source, dir string) error {
	return fs.WalkDir(t, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dir, filepath.FromSlash(name))
		switch {
		case entry.IsDir():
			return os.MkdirAll(to, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			target, err := t.ReadLink(name)
			if err != nil {
				return err
			}
			return os.Symlink(target, to)
		case entry.Type()&fs.ModeDevice != 0:
			return writeFile(to, nil)
		default:
			data, err := fs.ReadFile(t, name)
			if err != nil {
				return err
			}
			return writeFile(to, data)
		}
	})
}

// writeFile writes a new file, and never through a link that is there.
func writeFile(name string, data []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.Write(data)
	return err
}
