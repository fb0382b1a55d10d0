package diagnose

import (
	"context"
	"errors"
	"net"
	"time"

	"osssh/connect"
	"osssh/reach"
	"osssh/resolve"
)

// How long the way through other hosts may take.
const (
	// detourPatience bounds the way through jump hosts, proxyPatience the
	// connecting from the last one. A jump host that is looked for may be silent
	// as long as jumpSilence.
	detourPatience = 10 * time.Second
	proxyPatience  = 4 * time.Second
	jumpSilence    = 1500 * time.Millisecond
	// maxJumps is how many jump hosts are tried.
	maxJumps = 2
)

// runProxied goes the way that the user prescribes, once, as ssh does.
func (p *probing) runProxied(ctx context.Context) {
	select {
	case <-p.completed:
	case <-ctx.Done():
	}
	if ctx.Err() != nil || len(p.plan.Candidates) == 0 {
		return
	}
	began := time.Now()
	limited, done := context.WithTimeout(ctx, detourPatience)
	dial, end, err := p.plan.Through(limited)
	done()
	if err != nil || dial == nil {
		p.gathering.noteUnlessEnded(func(f *Facts) {
			f.Way.ProxyErr = err
			f.Asked = append(f.Asked, Asked{What: "the way through " + p.hops(), Source: "ssh", Took: time.Since(began), Err: err})
		})
		return
	}
	defer end()
	c := p.plan.Candidates[0]
	p.make(ctx, p.add(c, p.hops(), func(ctx context.Context) (net.Conn, error) {
		ctx, done := context.WithTimeoutCause(ctx, proxyPatience, &connect.TimeoutError{Stage: connect.StageDial, After: proxyPatience})
		defer done()
		conn, err := dial(ctx, c)
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return conn, err
	}))
}

// hops names the hosts on the prescribed way.
func (p *probing) hops() string {
	hops, _, err := p.plan.Proxy()
	if err != nil || len(hops) == 0 {
		return "ProxyCommand"
	}
	return hops[len(hops)-1].Host
}

// detour goes through a jump host, where a login does that too.
func (p *probing) detour(ctx context.Context, direct []*probe) {
	select {
	case <-p.completed:
	case <-ctx.Done():
		return
	}
	dialled := func(each *probe) bool { return !p.plan.PassesOver(each.candidate) }
	var down *reach.StateError // then a login does not even dial
	if !p.plan.MayDetour() || errors.As(errors.Join(p.plan.Problems...), &down) || !p.silent(ctx, earlySilence, direct, dialled) {
		return
	}
	ctx, end := context.WithTimeout(ctx, detourPatience)
	defer end()
	var jumps []reach.Jump
	err := p.gathering.ask("jump hosts", "neutron", anyError, func() (err error) {
		jumps, err = p.plan.Jumps(ctx)
		return err
	})
	if len(jumps) > 0 && !p.silent(ctx, silencePatience, direct, dialled) {
		return
	}
	none := &reach.NoJumpError{Considered: len(jumps)}
	crossings := p.cross(ctx, jumps[:min(len(jumps), maxJumps)])
	defer func() {
		end()
		for _, crossing := range crossings {
			crossing.leave()
		}
	}()
	for _, crossing := range crossings {
		<-crossing.done
		if crossing.err == nil {
			p.goThrough(ctx, crossing)
			return
		}
		none.Tried = append(none.Tried, reach.HopError{Host: crossing.jump.Server.Name, Err: crossing.err})
		err = none
	}
	p.gathering.noteUnlessEnded(func(f *Facts) { f.Way.JumpErr = err })
}

// crossing is a connection to the server from a jump host.
type crossing struct {
	jump reach.Jump
	done chan struct{} // closed when the rest is set
	conn net.Conn
	end  func() // ends the jump host's connection
	took time.Duration
	err  error
}

// leave waits for the end of the connecting, and hangs up.
func (c *crossing) leave() {
	if <-c.done; c.err == nil {
		c.end()
	}
}

// cross connects through all jump hosts at once: a dead one costs no time then.
func (p *probing) cross(ctx context.Context, jumps []reach.Jump) []*crossing {
	var all []*crossing
	for _, jump := range jumps {
		c := &crossing{jump: jump, done: make(chan struct{})}
		all = append(all, c)
		go func() {
			defer close(c.done)
			began := time.Now()
			c.conn, c.end, c.err = p.plan.DialJump(ctx, jump, jumpSilence)
			c.took = time.Since(began)
		}()
	}
	return all
}

// goThrough makes a probe through a jump host.
func (p *probing) goThrough(ctx context.Context, c *crossing) {
	jump, conn := c.jump, c.conn
	var ends []func()
	defer func() {
		for _, end := range ends {
			end()
		}
	}()
	p.gathering.note(func(f *Facts) { f.Way.Jump = &jump })
	candidate := resolve.Candidate{Address: jump.To, Why: resolve.Behind, Kind: resolve.KindFixed, PortID: jump.PortID, Inside: jump.To}
	each := p.add(candidate, jump.Server.Name, func(ctx context.Context) (net.Conn, error) {
		if first := conn; first != nil {
			conn = nil
			return first, nil
		}
		again, end, err := p.plan.DialJump(ctx, jump, jumpSilence)
		if err == nil {
			ends = append(ends, end)
		}
		return again, err
	})
	each.dialling = c.took
	p.make(ctx, each)
}
