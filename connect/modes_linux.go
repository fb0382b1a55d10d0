package connect

import "golang.org/x/sys/unix"

const (
	ioctlGetTermios = unix.TCGETS
	posixVDisable   = 0 // _POSIX_VDISABLE
)

func ttyChars() []ttyChar {
	return []ttyChar{
		{1, unix.VINTR}, {2, unix.VQUIT}, {3, unix.VERASE}, {4, unix.VKILL}, {5, unix.VEOF},
		{6, unix.VEOL}, {7, unix.VEOL2}, {8, unix.VSTART}, {9, unix.VSTOP}, {10, unix.VSUSP},
		{12, unix.VREPRINT}, {13, unix.VWERASE}, {14, unix.VLNEXT}, {16, unix.VSWTC}, {18, unix.VDISCARD},
	}
}

func extraInputFlags() []ttyFlag  { return []ttyFlag{{37, unix.IUCLC}, {42, unix.IUTF8}} }
func extraLocalFlags() []ttyFlag  { return []ttyFlag{{52, unix.XCASE}} }
func extraOutputFlags() []ttyFlag { return []ttyFlag{{71, unix.OLCUC}} }

// speeds are in baud. TCGETS fills no speed fields: it lies in c_cflag, and is
// one for both directions.
func speeds(t *unix.Termios) (in, out uint32) {
	speed, ok := map[uint64]uint32{
		unix.B0: 0, unix.B50: 50, unix.B75: 75, unix.B110: 110, unix.B134: 134,
		unix.B150: 150, unix.B200: 200, unix.B300: 300, unix.B600: 600,
		unix.B1200: 1200, unix.B1800: 1800, unix.B2400: 2400, unix.B4800: 4800,
		unix.B9600: 9600, unix.B19200: 19200, unix.B38400: 38400, unix.B57600: 57600,
		unix.B115200: 115200, unix.B230400: 230400,
	}[uint64(t.Cflag)&unix.CBAUD]
	if !ok {
		speed = 9600 // as OpenSSH has it
	}
	return speed, speed
}
