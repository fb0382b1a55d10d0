package connect

import (
	"errors"
	"io"
	"os"
)

// newFileInput cannot end a read that waits for a console: one is left behind.
// Of a raw console it mends ctrl-Z, which package os takes for the end of input
// (internal/poll, readConsole) and which is a key like others to the remote.
func newFileInput(f *os.File, tty *localTTY) input {
	in := input{read: f.Read, release: func() {}}
	if tty.isRaw() {
		in.read = func(p []byte) (int, error) { return readKeys(f, p) }
	}
	return in
}

func readKeys(console io.Reader, p []byte) (int, error) {
	const ctrlZ = 0x1a
	n, err := console.Read(p)
	if n == 0 && errors.Is(err, io.EOF) && len(p) > 0 {
		p[0] = ctrlZ
		return 1, nil
	}
	return n, err
}
