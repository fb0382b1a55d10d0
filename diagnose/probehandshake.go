package diagnose

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/reach"
)

// How long a server may stay silent within one connection.
const (
	bannerPatience = 2 * time.Second
	behindPatience = 8 * time.Second         // the same through a proxy, which may have to log in first
	stallPatience  = 1500 * time.Millisecond // of the key exchange, before small segments are tried
	smallPatience  = 2 * time.Second         // of that try
	authPatience   = 6 * time.Second         // sshd may ask DNS and PAM
	// handshakeLimit is beyond all of them.
	handshakeLimit = 30 * time.Second
)

// errEnough ends a connection that has told what it was made for.
var errEnough = errors.New("nothing more is to be learned")

// handshake takes a connection through the key exchange, and to the login if
// this probe is the one that logs in.
func (p *probing) handshake(ctx context.Context, each *probe, conn net.Conn) {
	h := p.newHandshake(each, p.plan.Login.User)
	client := h.run(ctx, conn, func(ctx context.Context) bool { return p.claim(ctx, each) })
	r := &each.result
	r.Version, r.HostKey, r.Ruling, r.KnownAs = h.version, h.key, h.ruling, h.knownAs
	r.SmallSegments, r.Failed = h.small, h.failed
	if h.login == nil {
		return
	}
	p.finish(ctx, client, h.login)
	r.Logins = append(r.Logins, *h.login)
	if user := p.nextUser(*h.login); user != "" && ctx.Err() == nil {
		if second := p.loginAs(ctx, each, user); second != nil {
			r.Logins = append(r.Logins, *second)
		}
	}
}

// loginAs logs in once more, by a connection of its own; nil where that does not
// come as far.
func (p *probing) loginAs(ctx context.Context, each *probe, user string) *LoginProbe {
	conn, err := each.dial(ctx)
	if err != nil {
		return nil
	}
	h := p.newHandshake(each, user)
	client := h.run(ctx, conn, func(context.Context) bool { return true })
	if h.login != nil {
		p.finish(ctx, client, h.login)
	}
	return h.login
}

// handshake is one SSH connection.
type handshake struct {
	probing *probing
	each    *probe
	user    string
	cancel  context.CancelCauseFunc

	mu       sync.Mutex // guards what follows until the connection has ended
	timer    *time.Timer
	version  string
	key      ssh.PublicKey
	ruling   reach.Ruling
	knownAs  []string
	small    *bool
	login    *LoginProbe // nil: it did not come to one
	unsigned error       // why the private half of the accepted key was not used
	failed   *connect.Attempt
}

func (p *probing) newHandshake(each *probe, user string) *handshake {
	return &handshake{probing: p, each: each, user: user}
}

// run takes the connection as far as mayLogin lets it. The client is nil unless
// the user was let in.
func (h *handshake) run(ctx context.Context, conn net.Conn, mayLogin func(context.Context) bool) *connect.Client {
	ctx, h.cancel = context.WithCancelCause(ctx)
	defer h.cancel(nil)
	defer h.stop()
	plan := h.probing.plan
	client, err := connect.Dial(ctx, []connect.Candidate{h.each.target(conn)}, connect.Config{
		User:              h.user,
		Signers:           h.signers,
		HostKey:           h.verify,
		HostKeyAlgorithms: plan.HostKeyAlgorithms(),
		Gate: func(ctx context.Context) error {
			if !mayLogin(ctx) {
				return errEnough
			}
			h.wait(connect.StageAuth, authPatience)
			return nil
		},
		Banner:           h.banner,
		HandshakeTimeout: handshakeLimit,
		Trace:            h.trace,
		ClientVersion:    h.probing.gathering.config.Version,
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.judge(err)
		return nil
	}
	h.login.Signed = true
	h.small = nil
	return client
}

// judge takes in how a connection ended that led to no login.
func (h *handshake) judge(err error) {
	var failure *connect.DialError
	if !errors.As(err, &failure) || len(failure.Attempts) == 0 {
		h.failed = &connect.Attempt{Candidate: h.each.target(nil), Err: err}
		return
	}
	attempt := failure.Attempts[0]
	switch {
	case errors.Is(attempt.Err, errEnough):
		h.login = nil
	case attempt.Stage < connect.StageAuth:
		h.failed, h.login = &attempt, nil
	default:
		h.login.end(attempt.Err, h.unsigned)
	}
	if attempt.Stage != connect.StageKeyExchange { // it was only slow
		h.small = nil
	}
}

// verify rules on the host key as a login does, and asks nobody.
func (h *handshake) verify(ctx context.Context, c connect.Candidate, key ssh.PublicKey) error {
	plan := h.probing.plan
	ruling, err := plan.Vouch(ctx, c, key)
	others := plan.OthersWith(key)
	h.mu.Lock()
	h.key, h.ruling, h.knownAs = key, ruling, others
	h.mu.Unlock()
	if err == nil && h.each.result.PassedOver {
		err = &StrangerError{h.each.candidate}
	}
	return err
}

// trace follows the connection and gives each stage its time.
func (h *handshake) trace(e connect.Event) {
	switch e.Kind {
	case connect.EventConnected:
		if h.each.through != "" {
			h.wait(connect.StageBanner, behindPatience)
		} else {
			h.wait(connect.StageBanner, bannerPatience)
		}
	case connect.EventServerVersion:
		h.mu.Lock()
		h.version = e.Text
		h.mu.Unlock()
		h.arm(stallPatience, h.stalled)
	case connect.EventHostKey:
		h.stop()
	case connect.EventHostKeyOK:
		h.mu.Lock()
		h.login = &LoginProbe{User: h.user}
		h.mu.Unlock()
	case connect.EventSigners:
		h.mu.Lock()
		h.login.Offered = e.Signers
		h.mu.Unlock()
	case connect.EventAuthMethods:
		h.mu.Lock()
		h.login.Methods = e.Methods
		h.mu.Unlock()
	case connect.EventLoggedIn:
		h.stop()
	}
}

// wait ends the connection if the stage is not left in time.
func (h *handshake) wait(stage connect.Stage, limit time.Duration) {
	h.arm(limit, func() { h.cancel(&connect.TimeoutError{Stage: stage, After: limit}) })
}

func (h *handshake) arm(limit time.Duration, act func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
	h.timer = time.AfterFunc(limit, act)
}

func (h *handshake) stop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.timer != nil {
		h.timer.Stop()
	}
}

// stalled tries a second connection with small segments beside a key exchange
// that does not go on: the first may only be slow, and then it wins. Where a
// proxy stands between, this machine's segments say nothing.
func (h *handshake) stalled() {
	patience := time.Duration(0)
	if h.each.through == "" && canShrinkSegments {
		patience = smallPatience
		done := h.probing.exchangesSmall(h.each, smallPatience)
		h.mu.Lock()
		h.small = &done
		h.mu.Unlock()
	}
	h.cancel(&connect.TimeoutError{Stage: connect.StageKeyExchange, After: stallPatience + patience})
}

// exchangesSmall says whether a key exchange gets through in TCP segments of at
// most smallSegment bytes, both ways.
func (p *probing) exchangesSmall(each *probe, limit time.Duration) bool {
	ctx, end := context.WithTimeout(p.gathering.ctx, limit)
	defer end()
	target := each.target(nil)
	target.Dial = func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{Control: shrinkSegments}).DialContext(ctx, "tcp", each.candidate.Address.String())
	}
	var done bool
	_, _ = connect.Dial(ctx, []connect.Candidate{target}, connect.Config{ // ends in errEnough, or too late
		Signers: func(context.Context) ([]ssh.Signer, error) { return nil, nil },
		HostKey: func(context.Context, connect.Candidate, ssh.PublicKey) error {
			done = true
			return errEnough
		},
		HostKeyAlgorithms: p.plan.HostKeyAlgorithms(),
		ClientVersion:     p.gathering.config.Version,
	})
	return done
}
