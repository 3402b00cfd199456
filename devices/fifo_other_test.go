//go:build !linux

package devices_test

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
