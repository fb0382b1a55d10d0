package connect

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// Session runs a command or a shell and returns how it ended. The error is nil
// if the server closed the session in order, whatever the status; else a
// *RequestError or a *LostError, and then Exit.Status is 255.
//
// It ends when the remote has closed its side and all of its output is
// written; it does not wait for input. When ctx ends, the whole connection is
// closed and Session returns at once. The local terminal is in every case as it
// was; a caller that wants this on SIGTERM, SIGHUP and SIGINT too has them end
// ctx.
//
// The request for a terminal and the environment are sent without waiting for
// the answers, so that they cost no round trip; ssh does the same.
func (c *Client) Session(ctx context.Context, opts SessionOptions) (Exit, error) {
	failed := Exit{Status: statusFailure, Missing: true}
	if ctx.Err() != nil {
		_ = c.ssh.Close()
		return failed, &LostError{Err: context.Cause(ctx)}
	}
	defer context.AfterFunc(ctx, func() { _ = c.ssh.Close() })()

	exit, err := c.session(ctx, opts)
	if err != nil {
		exit = failed
		if ctx.Err() != nil {
			err = &LostError{Err: context.Cause(ctx)}
		}
	}
	return exit, err
}

func (c *Client) session(ctx context.Context, opts SessionOptions) (Exit, error) {
	channel, requests, err := c.ssh.OpenChannel("session", nil)
	if err != nil {
		return Exit{}, c.refusal("session", err)
	}
	s := &session{client: c, opts: opts, channel: channel, over: make(chan struct{})}
	go s.follow(requests)
	defer channel.Close()

	s.tty = newLocalTTY(opts)
	defer s.tty.restore()
	if err := s.start(); err != nil {
		return Exit{}, err
	}
	return s.join(ctx)
}

// session is one session channel.
type session struct {
	client  *Client
	opts    SessionOptions
	channel ssh.Channel
	tty     *localTTY

	over    chan struct{} // closed when the channel is; then the fields below are set
	exit    Exit
	hasExit bool
	failure error // of the network, until then
}

// start asks for the terminal, the environment and the command.
func (s *session) start() error {
	if s.opts.PTY != nil {
		if err := s.requestPTY(s.channel, false); err != nil {
			return err
		}
		s.tty.makeRaw()
	}
	for _, v := range s.opts.Env {
		if _, err := s.channel.SendRequest("env", false, ssh.Marshal(v)); err != nil {
			return s.client.refusal("env", err)
		}
	}
	name, payload := "shell", []byte(nil)
	if s.opts.Command != "" {
		name, payload = "exec", ssh.Marshal(struct{ Command string }{s.opts.Command})
	}
	ok, err := s.channel.SendRequest(name, true, payload)
	if err != nil || !ok {
		return s.client.refusal(name, err)
	}
	return nil
}

// refusal tells a server that says no from one that is gone.
func (c *Client) refusal(request string, err error) error {
	var open *ssh.OpenChannelError
	if err == nil || errors.As(err, &open) || c.alive() {
		return &RequestError{Request: request, Err: err}
	}
	return c.lost()
}

// requestPTY is RFC 4254 section 6.2. It returns a *RequestError if the answer
// was waited for and was no.
func (s *session) requestPTY(channel ssh.Channel, wait bool) error {
	size, _ := s.tty.size()
	ok, err := channel.SendRequest("pty-req", wait, ssh.Marshal(struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}{s.opts.PTY.Term, size.Columns, size.Rows, size.Width, size.Height, string(s.tty.modes)}))
	if err != nil {
		return s.client.refusal("pty-req", err)
	}
	if wait && !ok {
		return &RequestError{Request: "pty-req"}
	}
	return nil
}

// windowSize is in the order of RFC 4254 section 6.2 and 6.7. Zero means
// unknown.
type windowSize struct {
	Columns, Rows, Width, Height uint32
}

// resize tells the server the size of the local terminal.
func (s *session) resize() {
	if size, ok := s.tty.size(); ok {
		_, _ = s.channel.SendRequest("window-change", false, ssh.Marshal(size))
	}
}

// follow reads the server's requests until the channel is closed. x/crypto
// stands still if nobody does.
func (s *session) follow(requests <-chan *ssh.Request) {
	defer close(s.over)
	defer func() { s.failure = s.client.wire.ended() }()
	for r := range requests {
		ok := false
		switch r.Type {
		case "exit-status":
			var m struct{ Status uint32 }
			if ok = ssh.Unmarshal(r.Payload, &m) == nil; ok {
				s.exit, s.hasExit = Exit{Status: int(m.Status)}, true
			}
		case "exit-signal":
			var m struct {
				Signal     string
				CoreDumped bool
				Message    string
				Language   string
			}
			if ok = ssh.Unmarshal(r.Payload, &m) == nil; ok {
				s.exit, s.hasExit = Exit{Status: statusFailure, Signal: m.Signal, CoreDumped: m.CoreDumped, Message: m.Message}, true
			}
		}
		_ = r.Reply(ok, nil)
	}
}

// join copies the streams until the remote has closed the channel and all it
// wrote is written.
func (s *session) join(ctx context.Context) (Exit, error) {
	stopInput := s.sendInput()
	defer stopInput()

	doubt := newDoubt(s.opts.PTY)
	ended := make(chan struct{})
	defer close(ended)
	if s.opts.PTY != nil {
		s.tty.follow(ended, s.resize)
		s.tty.spawn(func() { s.checkPTY(doubt, ended) })
	}

	var outputs sync.WaitGroup
	outputs.Add(2)
	s.tty.spawn(func() {
		defer outputs.Done()
		s.receive(s.opts.Stdout, doubt.stdout(s.channel), s.endOutput)
	})
	s.tty.spawn(func() {
		defer outputs.Done()
		s.receive(s.opts.Stderr, doubt.stderr(s.channel.Stderr()), func() {})
	})
	done := make(chan struct{})
	go func() {
		outputs.Wait()
		<-s.over
		close(done)
	}()
	select {
	case <-done:
		return s.ended()
	case <-ctx.Done():
		return Exit{}, &LostError{Err: context.Cause(ctx)}
	}
}

// receive copies src to dst to its end. If dst fails, broken is called and the
// rest is thrown away: the channel must be read, or nothing moves on it.
func (s *session) receive(dst io.Writer, src io.Reader, broken func()) {
	if dst == nil {
		dst = io.Discard
	}
	if _, err := io.Copy(dst, src); err != nil {
		broken()
		_, _ = io.Copy(io.Discard, src)
	}
}

// endOutput tells the server that nobody reads standard output any more, as ssh
// does (OpenSSH PROTOCOL section 2.1): the remote command gets SIGPIPE, and its
// status is still told. Other servers do not know the request, and what writes to
// a terminal would wait for ever: there the session ends.
func (s *session) endOutput() {
	if s.opts.PTY == nil && strings.HasPrefix(s.client.ServerVersion(), "SSH-2.0-OpenSSH") {
		_, _ = s.channel.SendRequest("eow@openssh.com", false, nil)
		return
	}
	_ = s.channel.Close()
}

// ended judges a closed channel. x/crypto closes it in the same way when the
// server does, when the server goes and when the network does.
func (s *session) ended() (Exit, error) {
	switch {
	case s.hasExit && (s.failure == nil || errors.Is(s.failure, io.EOF)):
		// A server may hang up in order right behind its last word.
		return s.exit, nil
	case s.failure == nil && s.client.alive():
		return Exit{Status: statusFailure, Missing: true}, nil
	}
	return Exit{}, s.client.lost()
}
