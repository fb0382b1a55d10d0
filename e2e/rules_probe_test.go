//go:build e2e && linux

package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// attempt is one TCP connect. A reset counts as reached: the packet came
// through, and so did the answer.
type attempt struct {
	from    netip.AddrPort // port 0: one of the ephemeral ones
	to      netip.AddrPort
	reached bool
	err     error // neither reached nor silent: the way there is broken
}

// connectAll makes all attempts at once from inside a network namespace.
func connectAll(namespace string, attempts []*attempt, timeout time.Duration) error {
	failed := make(chan error)
	go func() {
		// The thread changes its namespace: it is never unlocked, so it ends
		// with the goroutine.
		runtime.LockOSThread()
		failed <- func() error {
			if err := enter(namespace); err != nil {
				return fmt.Errorf("namespace %s: %w", namespace, err)
			}
			connectHere(attempts, timeout)
			return nil
		}()
	}()
	return <-failed
}

func enter(namespace string) error {
	fd, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, unix.CLONE_NEWNET)
}

func connectHere(attempts []*attempt, timeout time.Duration) {
	var fds []unix.PollFd
	var of []*attempt // fds[i] is of[i]'s
	for _, a := range attempts {
		fd, err := dial(a)
		if err != nil {
			a.settle(err)
			continue
		}
		defer unix.Close(fd)
		fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLOUT})
		of = append(of, a)
	}
	deadline := time.Now().Add(timeout)
	for pending := len(fds); pending > 0; {
		left := time.Until(deadline)
		if left <= 0 {
			return
		}
		if _, err := unix.Poll(fds, int(left.Milliseconds())+1); err != nil && err != unix.EINTR {
			for _, a := range of {
				a.err = err
			}
			return
		}
		for i := range fds {
			if fds[i].Fd < 0 || fds[i].Revents == 0 {
				continue
			}
			code, err := unix.GetsockoptInt(int(fds[i].Fd), unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && code != 0 {
				err = unix.Errno(code)
			}
			of[i].settle(err)
			fds[i].Fd = -1 // poll passes over it
			pending--
		}
	}
}

// settle reads what came of a connect.
func (a *attempt) settle(err error) {
	switch {
	case err == nil, errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ECONNRESET):
		a.reached = true
	case errors.Is(err, unix.ETIMEDOUT):
	default:
		a.err = err
	}
}

// dial starts a connect; its outcome is told when the socket turns writable.
func dial(a *attempt) (fd int, err error) {
	family := unix.AF_INET
	if a.to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.Bind(fd, sockaddr(a.from)),
	)
	if err == nil {
		if err = unix.Connect(fd, sockaddr(a.to)); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}
