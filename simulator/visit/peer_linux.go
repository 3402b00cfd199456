package visit

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"
)

// peer is the user whose process listens at the other end: the kernel's word,
// which no name in a file system can change.
func peer(conn net.Conn, _ int) (int, error) {
	local, ok := conn.(*net.UnixConn)
	if !ok {
		return -1, errors.New("it is no unix socket")
	}
	raw, err := local.SyscallConn()
	if err != nil {
		return -1, err
	}
	owner := -1
	var failed error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); failed == nil {
			owner = int(cred.Uid)
		}
	})
	return owner, errors.Join(err, failed)
}
