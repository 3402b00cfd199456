//go:build !linux

package visit

import "net"

// peer believes the file system, where pureclean repairs nothing.
func peer(_ net.Conn, user int) (int, error) { return user, nil }
