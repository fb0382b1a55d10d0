package demo

import (
	"bytes"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA
)

func openPTY() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	name := make([]byte, 128) // the size that TIOCPTYGNAME has in its number
	err = onFile(master, func(fd int) error {
		for _, step := range []struct {
			request  uint
			argument unsafe.Pointer
		}{{unix.TIOCPTYGRANT, nil}, {unix.TIOCPTYUNLK, nil}, {unix.TIOCPTYGNAME, unsafe.Pointer(&name[0])}} {
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(step.request), uintptr(step.argument)); errno != 0 {
				return errno
			}
		}
		return nil
	})
	if err == nil {
		name, _, _ = bytes.Cut(name, []byte{0})
		slave, err = os.OpenFile(string(name), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		_ = master.Close()
		return nil, nil, err
	}
	return master, slave, nil
}
