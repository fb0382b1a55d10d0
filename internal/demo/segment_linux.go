package demo

import (
	"net"

	"golang.org/x/sys/unix"
)

// segment is the size of the largest TCP segment that goes out, as both sides
// have agreed.
func segment(conn *net.TCPConn) (size int) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { size, _ = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG) })
	}
	return size
}
