package connect

import (
	"errors"
	"io"
	"os"
	"time"
)

// errStopped ends a read of an input that is no longer wanted.
var errStopped = errors.New("input is no longer read")

// inputPatience is how long the end of a session waits for its input to stop.
const inputPatience = 100 * time.Millisecond

// sendInput copies the local input to the remote, and its end too. The function
// that it returns ends that: what is typed from then on belongs to others.
func (s *session) sendInput() (stop func()) {
	if s.opts.Stdin == nil || s.opts.NoStdin {
		_ = s.channel.CloseWrite()
		return func() {}
	}
	in := newInput(s.opts.Stdin, s.tty)
	stopped := make(chan struct{})
	s.tty.spawn(func() {
		defer close(stopped)
		defer in.release()
		// An input that fails has ended, as for ssh; a channel that fails
		// says so where its output is read.
		if _, err := io.Copy(s.channel, readerFunc(in.read)); !errors.Is(err, errStopped) {
			_ = s.channel.CloseWrite()
		}
	})
	return func() {
		if in.stop == nil {
			return // one read is left behind
		}
		in.stop()
		select {
		case <-stopped:
		case <-time.After(inputPatience): // another process took what poll saw
		}
	}
}

// input is where a session reads from.
type input struct {
	read    func(p []byte) (int, error)
	stop    func() // has read return errStopped; nil: that cannot be done
	release func() // when read is called no more
}

func newInput(r io.Reader, tty *localTTY) input {
	if f, ok := r.(*os.File); ok {
		return newFileInput(f, tty)
	}
	return input{read: r.Read, release: func() {}}
}
