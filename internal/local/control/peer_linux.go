package control

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf is the user at the other end of a connection to the control socket, as the kernel
// noted it when they connected (unix(7), SO_PEERCRED).
func peerOf(conn net.Conn) (uid uint32, ok bool) {
	socket, isUnix := conn.(*net.UnixConn)
	if !isUnix {
		return 0, false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, false
	}
	_ = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		if err == nil {
			uid, ok = cred.Uid, true
		}
	})
	return uid, ok
}
