//go:build unix

package connect

import "os"

// newFileInput waits for f and for a pipe at once, and reads only when f has
// something: nothing is taken that is not wanted.
func newFileInput(f *os.File, _ *localTTY) input {
	plain := input{read: f.Read, release: func() {}}
	raw, err := f.SyscallConn()
	if err != nil {
		return plain
	}
	wakeReader, wakeWriter, err := os.Pipe()
	if err != nil {
		return plain
	}
	wake := int(wakeReader.Fd())
	read := func(p []byte) (int, error) {
		var stopped bool
		var waitErr error
		err := raw.Control(func(fd uintptr) { stopped, waitErr = waitInput(int(fd), wake) })
		switch {
		case err != nil:
			return 0, err
		case waitErr != nil:
			return 0, waitErr
		case stopped:
			return 0, errStopped
		}
		return f.Read(p)
	}
	return input{
		read:    read,
		stop:    func() { _ = wakeWriter.Close() },
		release: func() { _ = wakeReader.Close() },
	}
}
