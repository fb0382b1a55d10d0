//go:build unix

package terminal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// AskSecret is Ask without echo. The terminal is as it was when it returns, and
// while ctrl-Z stops the process, as readpassphrase(3) has it; after that, echo
// is off again and the question is asked anew.
func (t *TTY) AskSecret(ctx context.Context, question string) ([]byte, error) {
	// Only SIGCONT is caught. Go never gives SIGTSTP, SIGTTIN and SIGTTOU back
	// their default action once they were, not even by signal.Reset: ctrl-Z
	// would be dead after the question. So modes makes it a character to read.
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	modes, err := readModes(t.in)
	if err != nil {
		return nil, err
	}
	defer modes.restore()
	defer fmt.Fprintln(t.out)
	if err := modes.silence(ioctlSetTermios); err != nil {
		return nil, err
	}
	fmt.Fprint(t.out, question)
	typed := modes.read()
	for {
		select {
		case line := <-typed:
			if line.err != nil || !modes.suspends(line.text) {
				return bytes.TrimRight(line.text, "\r\n"), line.err
			}
			modes.restore()
			fmt.Fprintln(t.out)
			if err := suspend(ctx, resumed); err != nil {
				return nil, err
			}
			typed = modes.read()
		case <-resumed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// What was typed so far, or to the shell, is no part of the answer.
		if err := modes.silence(ioctlSetTermiosFlush); err != nil {
			return nil, err
		}
		fmt.Fprint(t.out, question)
	}
}

// modes are those of a terminal before a question and during it.
type modes struct {
	f          *os.File
	was, quiet unix.Termios
}

// readModes finds the modes of f. The quiet ones have no echo, and line editing
// and ctrl-C; ctrl-Z ends the line instead of stopping the process at once.
func readModes(f *os.File) (*modes, error) {
	was, err := unix.IoctlGetTermios(int(f.Fd()), ioctlGetTermios)
	if err != nil {
		return nil, err
	}
	quiet := *was
	quiet.Lflag &^= unix.ECHO
	quiet.Lflag |= unix.ICANON | unix.ISIG
	quiet.Iflag |= unix.ICRNL
	if was.Cc[unix.VSUSP] != noCharacter {
		quiet.Cc[unix.VSUSP] = noCharacter
		quiet.Cc[unix.VEOL] = was.Cc[unix.VSUSP]
	}
	return &modes{f: f, was: *was, quiet: quiet}, nil
}

// silence sets the quiet modes. In the background it stops the process until
// the terminal is ours: that is what SIGTTOU does.
func (m *modes) silence(request uint) error {
	return unix.IoctlSetTermios(int(m.f.Fd()), request, &m.quiet)
}

func (m *modes) restore() {
	_ = unix.IoctlSetTermios(int(m.f.Fd()), ioctlSetTermios, &m.was)
}

// suspends says whether line was ended by ctrl-Z.
func (m *modes) suspends(line []byte) bool {
	key := m.was.Cc[unix.VSUSP]
	return key != noCharacter && bytes.HasSuffix(line, []byte{key})
}

// typedLine is what was typed, with the character that ended it.
type typedLine struct {
	text []byte
	err  error
}

// read reads up to a line end or ctrl-Z, in a goroutine of its own: see
// TTY.readLine.
func (m *modes) read() <-chan typedLine {
	typed := make(chan typedLine, 1)
	go func() {
		buf, n := make([]byte, maxAnswer), 0
		for n < len(buf) {
			got, err := m.f.Read(buf[n:]) // one line at most: the terminal edits lines
			n += got
			if err != nil && n == 0 {
				typed <- typedLine{err: err}
				return
			}
			if err != nil || buf[n-1] == '\n' || m.suspends(buf[:n]) {
				break
			}
		}
		typed <- typedLine{text: buf[:n]}
	}()
	return typed
}

// suspend stops our process group, as the terminal does at ctrl-Z, and returns
// when it goes on. It waits for that, because the signal may reach another
// thread after kill returned; not for ever, because a group that no shell
// watches (an orphaned one) is not stopped. A time-out and SIGCONT may be due
// together after a stop, hence a second wait that takes the signal.
func suspend(ctx context.Context, resumed <-chan os.Signal) error {
	if err := unix.Kill(0, unix.SIGTSTP); err != nil {
		return err
	}
	for range 2 {
		select {
		case <-resumed:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
	return nil
}
