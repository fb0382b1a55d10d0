//go:build unix

package connect

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// ttyChar joins an opcode to an index of c_cc, ttyFlag to a bit.
type (
	ttyChar struct {
		op    byte
		index int
	}
	ttyFlag struct {
		op   byte
		mask uint64
	}
)

// terminalModes encodes the modes of a terminal as RFC 4254 section 8 says, in
// the order of OpenSSH's ttymodes.h. Of no terminal there are none.
func terminalModes(f *os.File) []byte {
	if f == nil {
		return []byte{ttyOpEnd}
	}
	var t *unix.Termios
	err := onFD(f, func(fd int) (err error) { t, err = unix.IoctlGetTermios(fd, ioctlGetTermios); return err })
	if err != nil {
		return []byte{ttyOpEnd}
	}
	return encodeModes(t)
}

func encodeModes(t *unix.Termios) []byte {
	var out []byte
	put := func(op byte, value uint32) {
		out = binary.BigEndian.AppendUint32(append(out, op), value)
	}
	flags := func(table []ttyFlag, bits uint64) {
		for _, f := range table {
			var set uint32
			if bits&f.mask != 0 {
				set = 1
			}
			put(f.op, set)
		}
	}
	ispeed, ospeed := speeds(t)
	put(ttyOpOSpeed, ospeed)
	put(ttyOpISpeed, ispeed)
	for _, c := range ttyChars() {
		value := uint32(t.Cc[c.index])
		if value == posixVDisable {
			value = ttyDisabled
		}
		put(c.op, value)
	}
	flags(inputFlags(), uint64(t.Iflag))
	flags(localFlags(), uint64(t.Lflag))
	flags(outputFlags(), uint64(t.Oflag))
	flags(controlFlags(), uint64(t.Cflag))
	return append(out, ttyOpEnd)
}

// inputFlags and the three after it hold what all systems share; extra* what
// they have besides, see modes_linux.go and modes_bsd.go.
func inputFlags() []ttyFlag {
	return append([]ttyFlag{
		{30, unix.IGNPAR}, {31, unix.PARMRK}, {32, unix.INPCK}, {33, unix.ISTRIP},
		{34, unix.INLCR}, {35, unix.IGNCR}, {36, unix.ICRNL},
		{38, unix.IXON}, {39, unix.IXANY}, {40, unix.IXOFF}, {41, unix.IMAXBEL},
	}, extraInputFlags()...)
}

func localFlags() []ttyFlag {
	return append([]ttyFlag{
		{50, unix.ISIG}, {51, unix.ICANON},
		{53, unix.ECHO}, {54, unix.ECHOE}, {55, unix.ECHOK}, {56, unix.ECHONL},
		{57, unix.NOFLSH}, {58, unix.TOSTOP}, {59, unix.IEXTEN},
		{60, unix.ECHOCTL}, {61, unix.ECHOKE}, {62, unix.PENDIN},
	}, extraLocalFlags()...)
}

func outputFlags() []ttyFlag {
	return append([]ttyFlag{
		{70, unix.OPOST}, {72, unix.ONLCR}, {73, unix.OCRNL}, {74, unix.ONOCR}, {75, unix.ONLRET},
	}, extraOutputFlags()...)
}

func controlFlags() []ttyFlag {
	return []ttyFlag{{90, unix.CS7}, {91, unix.CS8}, {92, unix.PARENB}, {93, unix.PARODD}}
}
