package connect

import (
	"context"
	"errors"
	"sync"
	"time"
)

// stagger is the Connection Attempt Delay that RFC 8305 section 5 recommends.
const stagger = 250 * time.Millisecond

// Dial races the candidates as RFC 8305 does, in their order: the next is
// begun when the last sign of life is 250 ms old, or at once when one fails.
// The race goes up to and including the host key: the first candidate whose
// key is accepted wins, the others are closed, and the winner alone passes the
// Gate and authenticates. If that fails no other is tried: it is the same
// server.
//
// When ctx ends, every connection is closed at once and Dial returns; after a
// success ctx has no more to say. Every error but that of a wrong Config is a
// *DialError.
func Dial(ctx context.Context, candidates []Candidate, cfg Config) (*Client, error) {
	if cfg.HostKey == nil || cfg.Signers == nil {
		return nil, errors.New("connect: HostKey and Signers are required")
	}
	r := &race{
		cfg:     cfg.withDefaults(),
		asking:  make(chan struct{}, 1),
		alive:   make(chan struct{}, 1),
		decided: make(chan struct{}),
	}
	defer context.AfterFunc(ctx, r.decide)()
	return r.run(ctx, candidates)
}

// errOutrun ends the attempts that are no longer wanted.
var errOutrun = errors.New("another candidate won")

// race is one Dial.
type race struct {
	cfg Config

	asking  chan struct{} // holds a token while a HostKey callback runs
	alive   chan struct{} // some candidate showed a sign of life
	decided chan struct{} // closed when no further candidate is to begin

	mu     sync.Mutex
	begun  []*attempt
	closed bool // decided is closed

	tracing sync.Mutex
}

// outcome is how one attempt ended.
type outcome struct {
	client *Client
	failed Attempt
}

// run begins the candidates and gathers how they end. It returns only when
// all have ended, so that nothing is left behind.
func (r *race) run(ctx context.Context, waiting []Candidate) (*Client, error) {
	var (
		outcomes = make(chan outcome)
		decided  = r.decided
		next     = time.NewTimer(0)
		running  int
		client   *Client
		failures []Attempt
	)
	defer next.Stop()
	for running > 0 || len(waiting) > 0 {
		select {
		case <-decided:
			waiting, decided = nil, nil
		case <-r.alive:
			next.Reset(stagger)
		case <-next.C:
			if len(waiting) > 0 && len(r.asking) == 0 {
				a := r.begin(ctx, waiting[0])
				waiting = waiting[1:]
				running++
				go func() { outcomes <- a.run() }()
			}
			next.Reset(stagger)
		case o := <-outcomes:
			running--
			if o.client != nil {
				client = o.client
			} else if !errors.Is(o.failed.Err, errOutrun) {
				failures = append(failures, o.failed)
			}
			next.Reset(0)
		}
	}
	if client != nil {
		return client, nil
	}
	return nil, &DialError{Attempts: failures, Cause: context.Cause(ctx)}
}

// begin enters a candidate.
func (r *race) begin(ctx context.Context, c Candidate) *attempt {
	a := &attempt{race: r, candidate: c, start: time.Now()}
	a.ctx, a.cancel = context.WithCancelCause(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun = append(r.begun, a)
	if r.closed {
		a.cancel(errOutrun)
	}
	return a
}

// decide lets nobody enter any more.
func (r *race) decide() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.decided)
	}
}

// leave ends every attempt but a.
func (r *race) leave(a *attempt) {
	r.decide()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, other := range r.begun {
		if other != a {
			other.cancel(errOutrun)
		}
	}
}

// showLife puts off the next candidate: this one is on its way.
func (r *race) showLife() {
	select {
	case r.alive <- struct{}{}:
	default:
	}
}

// trace hands events on one at a time.
func (r *race) trace(e Event) {
	if r.cfg.Trace == nil {
		return
	}
	r.tracing.Lock()
	defer r.tracing.Unlock()
	r.cfg.Trace(e)
}
