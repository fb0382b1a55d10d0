package diagnose

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// canShrinkSegments says whether the size of TCP segments can be limited here.
const canShrinkSegments = true

// smallSegment is what passes nearly every tunnel, in bytes: 1240 with the
// headers of IPv4.
const smallSegment = 1200

// shrinkSegments limits the segments of a socket that is yet to connect. The
// limit is told in the SYN, so it holds for the other side's too (tcp(7),
// TCP_MAXSEG).
func shrinkSegments(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, smallSegment)
	})
	return errors.Join(err, failed)
}
