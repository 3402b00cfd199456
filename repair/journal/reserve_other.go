//go:build !linux

package journal

import "os"

// reserveRoom is for systems that have no call for it.
func reserveRoom(*os.File, int64) error { return nil }
