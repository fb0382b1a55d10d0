//go:build unix

package connect

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// makeOutputRaw has nothing to do: input and output share their modes.
func makeOutputRaw(*os.File) (undo func()) { return func() {} }

func terminalSize(f *os.File) (windowSize, error) {
	var ws *unix.Winsize
	err := onFD(f, func(fd int) (err error) { ws, err = unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ); return err })
	if err != nil {
		return windowSize{}, err
	}
	return windowSize{
		Columns: uint32(ws.Col),
		Rows:    uint32(ws.Row),
		Width:   uint32(ws.Xpixel),
		Height:  uint32(ws.Ypixel),
	}, nil
}

// watchSize listens before it returns: no change is missed.
func watchSize(_ *localTTY, ended <-chan struct{}, changed func()) func() {
	resized := make(chan os.Signal, 1)
	signal.Notify(resized, unix.SIGWINCH)
	return func() {
		defer signal.Stop(resized)
		for {
			select {
			case <-resized:
				changed()
			case <-ended:
				return
			}
		}
	}
}
