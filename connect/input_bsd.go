//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package connect

import (
	"errors"

	"golang.org/x/sys/unix"
)

// waitInput waits until fd can be read, or says stopped when wake can. It is
// select, for poll of macOS does not know terminals.
func waitInput(fd, wake int) (stopped bool, err error) {
	if max(fd, wake) >= unix.FD_SETSIZE {
		return false, nil // select cannot see it: the read waits instead
	}
	for {
		var set unix.FdSet
		set.Set(fd)
		set.Set(wake)
		_, err := unix.Select(max(fd, wake)+1, &set, nil, nil, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && set.IsSet(wake), err
		}
	}
}
