package connect

import (
	"errors"
	"io"
	"sync"
	"time"
)

// The answer to pty-req is not waited for, and x/crypto can wait for one answer
// at a time only, which is that of the command. So a refusal is found out
// later, and only on suspicion, by asking for a terminal on a channel that is
// opened for nothing else.

// ptyPatience is how long a terminal may be silent without suspicion.
const ptyPatience = time.Second

// doubt watches what comes for signs that there is no terminal: nothing, where
// a prompt would be; standard error, which a terminal does not keep apart; a
// line feed without the carriage return that a terminal puts before it.
type doubt struct {
	wanted bool
	heard  chan struct{} // closed: something came
	odd    chan struct{} // closed: something came that a terminal would not send

	hear, suspect sync.Once
}

func newDoubt(pty *PTY) *doubt {
	return &doubt{wanted: pty != nil, heard: make(chan struct{}), odd: make(chan struct{})}
}

// stdout looks at the first output only: later on a program may well have
// changed the terminal's modes.
func (d *doubt) stdout(r io.Reader) io.Reader {
	return d.watch(r, func(first []byte) bool { return bareLineFeed(first) })
}

func (d *doubt) stderr(r io.Reader) io.Reader {
	return d.watch(r, func([]byte) bool { return true })
}

func (d *doubt) watch(r io.Reader, odd func(first []byte) bool) io.Reader {
	if !d.wanted {
		return r
	}
	first := true
	return readerFunc(func(p []byte) (int, error) {
		n, err := r.Read(p)
		if n > 0 && first {
			first = false
			if odd(p[:n]) {
				d.suspect.Do(func() { close(d.odd) })
			}
			d.hear.Do(func() { close(d.heard) })
		}
		return n, err
	})
}

// bareLineFeed says whether a line in p ends without a carriage return.
func bareLineFeed(p []byte) bool {
	for i, b := range p {
		if b == '\n' && (i == 0 || p[i-1] != '\r') {
			return true
		}
	}
	return false
}

// suspicious waits for the first sign in either way.
func (d *doubt) suspicious(ended <-chan struct{}) bool {
	select {
	case <-d.odd:
		return true
	case <-d.heard:
		select {
		case <-d.odd:
			return true
		default:
			return false
		}
	case <-time.After(ptyPatience):
		return true
	case <-ended:
		return false
	}
}

// checkPTY leaves raw mode if the server gave no terminal: as in ssh the
// session goes on.
func (s *session) checkPTY(d *doubt, ended <-chan struct{}) {
	if !d.suspicious(ended) || !s.ptyRefused() {
		return
	}
	s.tty.restore()
	if s.opts.PTY.Refused != nil {
		s.opts.PTY.Refused()
	}
}

// ptyRefused tries once more, on a channel of its own. A server that opens no
// second one leaves the question open, and that is no refusal.
func (s *session) ptyRefused() bool {
	channel, requests, err := s.client.ssh.OpenChannel("session", nil)
	if err != nil {
		return false
	}
	go func() {
		for r := range requests {
			_ = r.Reply(false, nil)
		}
	}()
	defer channel.Close()
	var refused *RequestError
	return errors.As(s.requestPTY(channel, true), &refused)
}
