//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package connect

import "golang.org/x/sys/unix"

const (
	ioctlGetTermios = unix.TIOCGETA
	posixVDisable   = 255 // _POSIX_VDISABLE
)

func ttyChars() []ttyChar {
	return []ttyChar{
		{1, unix.VINTR}, {2, unix.VQUIT}, {3, unix.VERASE}, {4, unix.VKILL}, {5, unix.VEOF},
		{6, unix.VEOL}, {7, unix.VEOL2}, {8, unix.VSTART}, {9, unix.VSTOP}, {10, unix.VSUSP},
		{11, unix.VDSUSP}, {12, unix.VREPRINT}, {13, unix.VWERASE}, {14, unix.VLNEXT},
		{17, unix.VSTATUS}, {18, unix.VDISCARD},
	}
}

func extraLocalFlags() []ttyFlag  { return nil }
func extraOutputFlags() []ttyFlag { return nil }

// speeds are in baud: on BSD a speed_t is its own number.
func speeds(t *unix.Termios) (in, out uint32) { return uint32(t.Ispeed), uint32(t.Ospeed) }
