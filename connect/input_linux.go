package connect

import (
	"errors"

	"golang.org/x/sys/unix"
)

// waitInput waits until fd can be read, or says stopped when wake can.
func waitInput(fd, wake int) (stopped bool, err error) {
	fds := []unix.PollFd{
		{Fd: int32(fd), Events: unix.POLLIN},
		{Fd: int32(wake), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(fds, -1)
		if !errors.Is(err, unix.EINTR) {
			return fds[1].Revents != 0, err
		}
	}
}
