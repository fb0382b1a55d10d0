package connect

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// quickAck asks for acknowledgements without delay, tcp(7) TCP_QUICKACK.
type quickAck struct {
	raw syscall.RawConn // nil: not TCP
}

func newQuickAck(conn net.Conn) quickAck {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return quickAck{}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return quickAck{}
	}
	return quickAck{raw}
}

// now is only advice to the kernel: a refusal costs time, not the login.
func (q quickAck) now() {
	if q.raw == nil {
		return
	}
	_ = q.raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 1)
	})
}
