package connect

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// attempt is one candidate in a race, from TCP to login.
type attempt struct {
	race      *race
	candidate Candidate
	start     time.Time
	ctx       context.Context
	cancel    context.CancelCauseFunc

	clock *clock
	login login

	mu    sync.Mutex // x/crypto calls back from a goroutine of its own
	stage Stage
	cause error // of a callback's failure: x/crypto may hide it behind its own

	hostKey ssh.PublicKey // accepted; written and read in x/crypto's key exchange
}

// run brings the attempt to its end.
func (a *attempt) run() outcome {
	defer a.cancel(nil)
	client, err := a.connect()
	if err == nil {
		a.trace(Event{Kind: EventLoggedIn})
		return outcome{client: client}
	}
	stage := a.reached()
	a.trace(Event{Kind: EventFailed, Stage: stage, Err: err})
	return outcome{failed: Attempt{a.candidate, stage, err, time.Since(a.start)}}
}

// connect dials and logs in.
func (a *attempt) connect() (*Client, error) {
	a.trace(Event{Kind: EventDial})
	conn, err := a.dial()
	if err != nil {
		return nil, a.explain(err, false)
	}
	a.enter(StageBanner)
	a.race.showLife()
	a.trace(Event{Kind: EventConnected})
	return a.handshake(conn)
}

func (a *attempt) dial() (net.Conn, error) {
	if a.candidate.Dial != nil {
		return a.candidate.Dial(a.ctx)
	}
	ctx, cancel := context.WithTimeout(a.ctx, a.race.cfg.ConnectTimeout)
	defer cancel()
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", a.candidate.String())
}

// handshake takes conn from the identification to the login. x/crypto does
// all of that in one call; the race, the question about the host key and the
// gate happen within it, in its host key callback.
func (a *attempt) handshake(conn net.Conn) (*Client, error) {
	a.clock = startClock(a.race.cfg.HandshakeTimeout, func() { expire(conn) })
	closing := context.AfterFunc(a.ctx, func() { _ = conn.Close() })

	w := newWire(conn, a.identified)
	sc, channels, requests, err := ssh.NewClientConn(w, a.candidate.String(), a.sshConfig())
	ended := !closing()
	expired := a.clock.stop()
	if err != nil {
		return nil, a.explain(err, expired)
	}
	client := newClient(sc, channels, requests, w, a.candidate, a.hostKey)
	if ended || expired { // just behind the login
		_ = client.Close()
		return nil, a.explain(net.ErrClosed, expired)
	}
	return client, nil
}

// expire ends what is read and written. A connection through another host
// knows no deadlines.
func expire(conn net.Conn) {
	if conn.SetDeadline(time.Unix(1, 0)) != nil {
		_ = conn.Close()
	}
}

func (a *attempt) sshConfig() *ssh.ClientConfig {
	cfg := a.race.cfg
	return &ssh.ClientConfig{
		Config:            transportAlgorithms(),
		User:              cfg.User,
		Auth:              a.authMethods(),
		AuthCallback:      a.authProgress,
		HostKeyCallback:   a.verify,
		BannerCallback:    a.banner,
		ClientVersion:     cfg.ClientVersion,
		HostKeyAlgorithms: cfg.HostKeyAlgorithms,
	}
}

// identified is told the server's identification string.
func (a *attempt) identified(version string) {
	a.enter(StageKeyExchange)
	a.race.showLife()
	a.trace(Event{Kind: EventServerVersion, Text: version})
}

// verify is x/crypto's host key callback. The first call decides the race; in
// later ones, of every further key exchange, the key must be the same.
func (a *attempt) verify(_ string, _ net.Addr, key ssh.PublicKey) error {
	if a.hostKey != nil {
		if !bytes.Equal(key.Marshal(), a.hostKey.Marshal()) {
			return &HostKeyError{Key: key, Err: errKeyChanged}
		}
		return nil
	}
	defer a.clock.pause()()
	a.enter(StageHostKey)
	a.trace(Event{Kind: EventHostKey, Key: key})
	if err := a.win(key); err != nil {
		return a.fail(&HostKeyError{Key: key, Err: err})
	}
	a.trace(Event{Kind: EventHostKeyOK, Key: key})
	if gate := a.race.cfg.Gate; gate != nil {
		a.enter(StageGate)
		if err := a.ask(gate); err != nil {
			return a.fail(err)
		}
	}
	a.hostKey = key
	a.enter(StageAuth)
	return nil
}

var errKeyChanged = errors.New("the server showed another key within one connection")

// win has the key judged, alone, and ends the race if it is accepted.
func (a *attempt) win(key ssh.PublicKey) error {
	select {
	case a.race.asking <- struct{}{}:
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
	defer func() { <-a.race.asking }()
	if a.ctx.Err() != nil { // the other winner has just let go
		return context.Cause(a.ctx)
	}
	err := a.ask(func(ctx context.Context) error {
		return a.race.cfg.HostKey(ctx, a.candidate, key)
	})
	if err == nil || errors.Is(err, ErrStop) {
		a.race.leave(a)
	}
	return err
}

// ask runs a callback and waits for it, but no longer than the context lasts:
// one that does not obey it is left behind.
func (a *attempt) ask(callback func(context.Context) error) error {
	answer := make(chan error, 1)
	go func() { answer <- callback(a.ctx) }()
	select {
	case err := <-answer:
		return err
	case <-a.ctx.Done():
		return context.Cause(a.ctx)
	}
}

// enter notes how far the attempt has come.
func (a *attempt) enter(s Stage) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stage = s
}

func (a *attempt) reached() Stage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stage
}

// fail notes why a callback ended the attempt.
func (a *attempt) fail(err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cause = err
	return err
}

// explain finds the reason of an attempt's end: the context, then the clock,
// then what a callback said, for each of them makes the errors after it.
func (a *attempt) explain(err error, expired bool) error {
	if a.ctx.Err() != nil {
		return late(err, context.Cause(a.ctx))
	}
	stage := a.reached()
	if expired {
		return late(err, &TimeoutError{Stage: stage, After: a.race.cfg.HandshakeTimeout})
	}
	var timeout net.Error
	if stage == StageDial && errors.As(err, &timeout) && timeout.Timeout() && !isErrno(err) {
		return &TimeoutError{Stage: stage, After: a.race.cfg.ConnectTimeout}
	}
	a.mu.Lock()
	cause := a.cause
	a.mu.Unlock()
	if cause != nil {
		err = cause
	}
	var banner *BannerError
	switch {
	case errors.As(err, &banner):
		return banner
	case stage == StageBanner: // it hung up while our identification was on its way
		return &BannerError{Err: plain(err)}
	case stage == StageAuth:
		return a.login.refused(a.race.cfg.User, plain(err))
	}
	return plain(err)
}

// late is why an attempt was given up, with what the peer had said by then in
// place of its identification.
func late(err, why error) error {
	var banner *BannerError
	var timeout *TimeoutError
	if errors.As(err, &banner) && banner.Text != "" && errors.As(why, &timeout) {
		return &BannerError{Text: banner.Text, Err: why}
	}
	return why
}

// isErrno says whether the kernel itself gave up, as with ETIMEDOUT.
func isErrno(err error) bool {
	var call *os.SyscallError
	return errors.As(err, &call)
}

func (a *attempt) trace(e Event) {
	e.Candidate = a.candidate
	e.Elapsed = time.Since(a.start)
	a.race.trace(e)
}
