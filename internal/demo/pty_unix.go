//go:build linux || darwin

package demo

import (
	"os"

	"golang.org/x/sys/unix"
)

const hasPTY = true

// onFile lends a file's descriptor without making it blocking, as File.Fd would.
func onFile(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}

func setSize(master *os.File, w windowChange) {
	_ = onFile(master, func(fd int) error { // the terminal may have gone
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{
			Row: uint16(w.Rows), Col: uint16(w.Columns), Xpixel: uint16(w.WidthPixel), Ypixel: uint16(w.HighPixel)})
	})
}

// The opcodes of RFC 4254, 8, that have a place in termios.
var (
	controlModes = map[byte]int{1: unix.VINTR, 2: unix.VQUIT, 3: unix.VERASE, 4: unix.VKILL, 5: unix.VEOF, 6: unix.VEOL,
		7: unix.VEOL2, 8: unix.VSTART, 9: unix.VSTOP, 10: unix.VSUSP, 12: unix.VREPRINT, 13: unix.VWERASE, 14: unix.VLNEXT,
		18: unix.VDISCARD}
	inputModes = map[byte]uint64{30: unix.IGNPAR, 31: unix.PARMRK, 32: unix.INPCK, 33: unix.ISTRIP, 34: unix.INLCR,
		35: unix.IGNCR, 36: unix.ICRNL, 38: unix.IXON, 39: unix.IXANY, 40: unix.IXOFF, 41: unix.IMAXBEL, 42: unix.IUTF8}
	localModes = map[byte]uint64{50: unix.ISIG, 51: unix.ICANON, 53: unix.ECHO, 54: unix.ECHOE, 55: unix.ECHOK,
		56: unix.ECHONL, 57: unix.NOFLSH, 58: unix.TOSTOP, 59: unix.IEXTEN, 60: unix.ECHOCTL, 61: unix.ECHOKE, 62: unix.PENDIN}
	outputModes = map[byte]uint64{70: unix.OPOST, 72: unix.ONLCR, 73: unix.OCRNL, 74: unix.ONOCR, 75: unix.ONLRET}
)

// setModes makes a terminal as the client's is.
func setModes(slave *os.File, modes map[byte]uint32) {
	_ = onFile(slave, func(fd int) error { // without them it has the system's defaults
		t, err := unix.IoctlGetTermios(fd, getTermios)
		if err != nil {
			return err
		}
		for opcode, value := range modes {
			if at, ok := controlModes[opcode]; ok {
				t.Cc[at] = uint8(value) // 255 is "none" on the wire and in termios alike
			}
			t.Iflag = flagged(t.Iflag, inputModes[opcode], value)
			t.Lflag = flagged(t.Lflag, localModes[opcode], value)
			t.Oflag = flagged(t.Oflag, outputModes[opcode], value)
		}
		return unix.IoctlSetTermios(fd, setTermios, t)
	})
}

func flagged[T uint32 | uint64](flags T, bit uint64, value uint32) T {
	if value == 0 {
		return flags &^ T(bit)
	}
	return flags | T(bit)
}
