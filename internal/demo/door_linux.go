package demo

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// fill makes the kernel drop further connections' SYNs: it does so for a
// listener whose queue of connections not yet accepted is full
// (net/ipv4/tcp_input.c, tcp_conn_request).
func fill(l *net.TCPListener) []net.Conn {
	setBacklog(l, 0)
	fillers := []net.Conn{}
	for len(fillers) < 16 && !isFull(l) {
		conn, err := net.DialTimeout("tcp4", l.Addr().String(), time.Second)
		if err != nil {
			break
		}
		fillers = append(fillers, conn)
	}
	return fillers
}

// empty undoes fill.
func empty(l *net.TCPListener, fillers []net.Conn) {
	for _, conn := range fillers {
		_ = conn.Close()
	}
	setBacklog(l, unix.SOMAXCONN)
}

func setBacklog(l *net.TCPListener, n int) {
	control(l, func(fd int) { _ = unix.Listen(fd, n) })
}

// isFull asks the kernel: of a listener, tcpi_unacked is the queue's length and
// tcpi_sacked its bound (net/ipv4/tcp.c, tcp_get_info).
func isFull(l *net.TCPListener) (full bool) {
	control(l, func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		full = err == nil && info.Unacked > info.Sacked
	})
	return full
}

func control(l *net.TCPListener, do func(fd int)) {
	if raw, err := l.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
}
