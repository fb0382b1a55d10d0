package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/resolve"
)

const (
	// deniedPatience is how long a server that the rules surely close is given
	// to answer all the same.
	deniedPatience = 2 * time.Second
	// verdictPatience bounds how long a failed login waits for what the rules say.
	verdictPatience = 2 * time.Second
	// silencePatience is how long the direct ways are given to answer TCP before
	// a jump host is taken, and askingPatience before the APIs are asked for one.
	silencePatience = 2 * time.Second
	askingPatience  = time.Second
)

// UnreachedError says that no SSH server answered at any address, with what the
// security groups say of each.
type UnreachedError struct {
	Server   openstack.Server
	Err      error // a *connect.DialError
	Verdicts []Verdict
	GaveUp   bool  // before its time: the rules surely close every address
	Jump     error // why no jump host leads there, a *NoJumpError; nil: none was looked for
}

func (e *UnreachedError) Error() string {
	return fmt.Sprintf("server %q does not answer: %v", e.Server.Name, e.Err)
}

func (e *UnreachedError) Unwrap() error { return e.Err }

// errDenied ends a dial that cannot succeed.
var errDenied = errors.New("the security groups admit nobody from here")

// watch follows one dial. The rules are judged beside it: they never delay a
// connection that works, and they end one that is silent and surely closed.
type watch struct {
	plan     *Plan
	ctx      context.Context
	cancel   context.CancelCauseFunc
	began    time.Time
	verdicts func() []Verdict
	detour   *detour // nil: no jump host is looked for
	unsure   []netip.Addr
	shared   []netip.AddrPort // in a private range, which may be in use in another network here

	mu       sync.Mutex
	open     int           // direct candidates that may still answer
	speaking int           // those that have answered, and are not known to be a stranger's
	answered bool          // some server showed its banner
	changed  chan struct{} // holds a token when one of these has
	noDetour chan struct{} // closed when no jump host leads there, or none is looked for
}

// A way through another host is not judged: the rules see that host.
func (p *Plan) watch(ctx context.Context, proxied bool) *watch {
	w := &watch{plan: p, began: time.Now(), changed: make(chan struct{}, 1), noDetour: make(chan struct{})}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	if p.facts == nil || proxied {
		w.verdicts = func() []Verdict { return nil }
		return w
	}
	w.verdicts = sync.OnceValue(func() []Verdict { return p.Verdicts(ctx) })
	if p.mayDetour() {
		w.detour = &detour{plan: p, watch: w}
	} else {
		close(w.noDetour)
	}
	go w.giveUpIfDenied()
	return w
}

func (w *watch) stop() { w.cancel(nil) }

// targets are the plan's candidates as they are dialled. A proxy is started
// once, as by ssh, for the best address. Where no host key is known to tell a
// stranger by, only addresses that cannot be one's are dialled.
func (w *watch) targets(dial dialFunc) []connect.Candidate {
	p := w.plan
	var targets []connect.Candidate
	for _, c := range p.Candidates {
		if p.PassesOver(c) {
			w.unsure = append(w.unsure, c.Address.Addr())
			continue
		}
		if shared(c) {
			w.shared = append(w.shared, c.Address)
		}
		targets = append(targets, connect.Candidate{Address: c.Address, Label: c.Why.String()})
	}
	if dial != nil {
		targets = targets[:1]
		targets[0].Dial = dial.to(cmp.Or(p.far, targets[0].String()), p.request.connectTimeout())
	}
	w.open = len(targets)
	if w.detour != nil {
		targets = append(targets, w.detour.candidate())
	}
	return targets
}

// shared says whether an address could be in use in another network too.
func shared(c resolve.Candidate) bool {
	return c.Why > resolve.External && !public(c.Address.Addr())
}

// unmistakable says whether an address can be nobody else's: the user or the
// cloud names it as the way in, or it is public or a neighbour's. Other private
// ranges may be in use here too.
func (c *Config) unmistakable(candidate resolve.Candidate) bool {
	address := candidate.Address.Addr()
	return candidate.Why <= resolve.External || public(address) || c.Local.OnLinkWith(address)
}

// verify rules on a host key. A key that comes through a jump host is shown at
// the address that the jump host dials.
func (w *watch) verify(ctx context.Context, c connect.Candidate, key ssh.PublicKey) error {
	return w.plan.hostKeys.verify(ctx, w.actual(c), key)
}

// actual gives the candidate of a detour the address that it leads to.
func (w *watch) actual(c connect.Candidate) connect.Candidate {
	if c.Label == detourLabel && w.detour.jump != nil {
		c.Address = w.detour.jump.To
		c.Label = "through " + w.detour.jump.Server.Name
	}
	return c
}

// settle takes what the dial came to into the plan.
func (w *watch) settle(client *connect.Client) {
	p := w.plan
	if client.Candidate().Label != detourLabel {
		w.detour.leave()
		p.keep(client.Candidate().Address, nil)
		return
	}
	jump, endWay := w.detour.jump, p.endWay
	p.endWay = func() { w.detour.leave(); endWay() }
	p.config.note(Note{Kind: Jumped, Server: p.Server, What: jump.Server.Name})
	p.keep(jump.To, jump)
}

func (w *watch) giveUpIfDenied() {
	patience := time.NewTimer(deniedPatience)
	defer patience.Stop()
	verdicts := w.verdicts()
	select {
	case <-patience.C:
	case <-w.ctx.Done():
		return
	}
	select {
	case <-w.noDetour:
	case <-w.ctx.Done():
		return
	}
	if allDenied(verdicts) && !w.hasAnswered() {
		w.cancel(errDenied)
	}
}

func (w *watch) hasAnswered() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.answered
}

// trace follows the candidates. A detour is begun when it sets out, not when it
// enters the race.
func (w *watch) trace(e connect.Event) {
	w.follow(e)
	if w.plan.config.Trace == nil || e.Candidate.Label == detourLabel && (e.Kind == connect.EventDial || w.detour.jump == nil) {
		return
	}
	e.Candidate = w.actual(e.Candidate)
	w.plan.config.Trace(e)
}

func (w *watch) follow(e connect.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Kind == connect.EventServerVersion {
		w.answered = true
	}
	if e.Candidate.Label == detourLabel {
		if e.Kind == connect.EventFailed {
			close(w.noDetour)
		}
		return
	}
	// At a shared address TCP alone tells nothing: a stranger may have accepted or
	// refused it. One that speaks SSH has still to show the right host key.
	shared := slices.Contains(w.shared, e.Candidate.Address)
	speaks := connect.EventConnected
	if shared {
		speaks = connect.EventServerVersion
	}
	switch {
	case e.Kind == speaks:
		w.speaking++
	case e.Kind != connect.EventFailed:
		return
	case shared && (e.Stage == connect.StageKeyExchange || e.Stage == connect.StageHostKey):
		w.open--
		w.speaking--
	case !shared && e.Stage == connect.StageDial && errors.Is(e.Err, syscall.ECONNREFUSED):
		w.open--
		w.speaking++
	default:
		w.open--
	}
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// errAnswered ends a detour that is not needed.
var errAnswered = errors.New("the server is reached directly")

// awaitSilence waits until no direct candidate is left, or none has answered for
// so long.
func (w *watch) awaitSilence(ctx context.Context, long time.Duration) error {
	patience := time.NewTimer(long - time.Since(w.began))
	defer patience.Stop()
	for silent := false; ; {
		w.mu.Lock()
		open, speaking := w.open, w.speaking
		w.mu.Unlock()
		switch {
		case speaking == 0 && (open == 0 || silent):
			return nil
		case open == 0:
			return errAnswered
		}
		select {
		case <-patience.C:
			silent = true
		case <-w.changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// explain adds what the rules say to a dial in which no server answered.
func (w *watch) explain(err error) error {
	var failed *connect.DialError
	if !errors.As(err, &failed) {
		return err
	}
	failed, jump := w.withoutDetour(failed)
	gaveUp := errors.Is(context.Cause(w.ctx), errDenied)
	if w.hasAnswered() || w.ctx.Err() != nil && !gaveUp {
		return failed
	}
	if len(failed.Attempts) == 0 && failed.Cause == nil {
		nowhere := w.plan.noAddress()
		nowhere.Jump, nowhere.Unsure = jump, w.unsure
		return nowhere
	}
	unreached := &UnreachedError{Server: w.plan.Server, Err: failed, GaveUp: gaveUp, Jump: jump}
	judged := make(chan []Verdict, 1)
	go func() { judged <- w.verdicts() }()
	select {
	case unreached.Verdicts = <-judged:
	case <-time.After(verdictPatience):
	}
	return unreached
}

// withoutDetour takes a detour that was not taken out of a dial's failures, and
// gives the reason beside them.
func (w *watch) withoutDetour(err *connect.DialError) (*connect.DialError, error) {
	if w.detour == nil {
		return err, nil
	}
	direct := &connect.DialError{Cause: err.Cause}
	for _, attempt := range err.Attempts {
		if attempt.Candidate.Label != detourLabel || w.detour.jump != nil {
			attempt.Candidate = w.actual(attempt.Candidate)
			direct.Attempts = append(direct.Attempts, attempt)
		}
	}
	return direct, w.detour.err
}
