//go:build !linux

package devices

import (
	"io/fs"
	"os"
)

func machineRoot() fs.FS { return os.DirFS("/") }
