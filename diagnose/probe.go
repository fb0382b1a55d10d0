package diagnose

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

// How long a probe waits at most.
const (
	// tcpPatience is how long TCP may stay silent: a lost SYN is sent again after
	// 1 s. deniedPatience holds where the rules surely deny it.
	tcpPatience    = 2200 * time.Millisecond
	deniedPatience = 1500 * time.Millisecond
	// silencePatience is how long all addresses may be silent before a jump host
	// and other servers are tried.
	silencePatience = 700 * time.Millisecond
	// detourPatience bounds the way through jump hosts, proxyPatience the
	// connecting from the last one. A jump host that is looked for may be silent
	// as long as jumpSilence.
	detourPatience = 10 * time.Second
	proxyPatience  = 4 * time.Second
	jumpSilence    = 1500 * time.Millisecond
	// stagger is the start that a better address has over the next one.
	stagger = 250 * time.Millisecond
)

const (
	maxProbes = 6 // candidates
	maxJumps  = 2
)

// probing dials the candidates of one plan. Only one of them is logged in to: a
// server counts failed logins, whatever address they came by.
type probing struct {
	gathering  *gathering
	plan       *reach.Plan
	client     *openstack.Client
	began      time.Time
	completed  chan struct{}               // closed when the plan is complete
	neighbours chan []openstack.FloatingIP // gets the project's floating IPs, once
	claimed    atomic.Bool                 // somebody logs in
}

func newProbing(g *gathering, plan *reach.Plan, client *openstack.Client) *probing {
	return &probing{
		gathering: g, plan: plan, client: client, began: time.Now(),
		completed: make(chan struct{}), neighbours: make(chan []openstack.FloatingIP, 1),
	}
}

// probe is one candidate being dialled.
type probe struct {
	place     int      // among the facts' probes
	better    []*probe // that go before it
	candidate resolve.Candidate
	through   string
	dial      func(context.Context) (net.Conn, error)
	dialling  time.Duration // that was spent before dial

	answered chan struct{} // closed when TCP has answered or failed
	alive    bool          // it answered, if only by a refusal; set before that
	ended    chan struct{} // closed when all is known
	result   Probe         // set before that
}

// run makes all probes. It returns when each has ended.
func (p *probing) run(ctx context.Context) {
	if p.plan.Proxied() {
		p.runProxied(ctx)
		return
	}
	candidates := p.plan.Candidates[:min(len(p.plan.Candidates), maxProbes)]
	var direct []*probe
	for _, c := range candidates {
		each := p.add(c, "", func(ctx context.Context) (net.Conn, error) { return p.dialTCP(ctx, c) })
		each.better = direct
		direct = append(direct, each)
	}
	var all sync.WaitGroup
	for _, each := range direct {
		all.Go(func() { p.make(ctx, each) })
	}
	all.Go(func() { p.detour(ctx, direct) })
	all.Go(func() { p.control(ctx, direct) })
	all.Wait()
}

// add gives a candidate a place among the probes.
func (p *probing) add(c resolve.Candidate, through string, dial func(context.Context) (net.Conn, error)) *probe {
	added := &probe{candidate: c, through: through, dial: dial, answered: make(chan struct{}), ended: make(chan struct{})}
	p.gathering.note(func(*Facts) {
		added.place = len(p.gathering.probes)
		p.gathering.probes = append(p.gathering.probes, nil)
	})
	return added
}

// make takes one probe from TCP to its end. What the user cut short is not a
// result.
func (p *probing) make(ctx context.Context, each *probe) {
	defer close(each.ended)
	each.result = Probe{Candidate: each.candidate, Through: each.through}
	began := time.Now()
	conn, err := each.dial(ctx)
	each.result.Took = each.dialling + time.Since(began)
	each.alive = err == nil || isRefused(err)
	close(each.answered)
	select {
	case <-p.completed:
	case <-ctx.Done():
	}
	if err == nil && ctx.Err() != nil {
		_ = conn.Close()
	}
	if ctx.Err() != nil {
		return
	}
	each.result.PassedOver = each.through == "" && p.plan.PassesOver(each.candidate)
	if err != nil {
		each.result.Failed = &connect.Attempt{Candidate: each.target(nil), Stage: connect.StageDial, Err: err, Duration: each.result.Took}
	} else {
		p.handshake(ctx, each, conn)
	}
	if p.gathering.ctx.Err() != nil {
		return
	}
	source, failure := "tcp", err
	if err == nil {
		source = "ssh"
		if each.result.Failed != nil {
			failure = each.result.Failed.Err
		}
	}
	p.gathering.note(func(f *Facts) {
		p.gathering.probes[each.place] = &each.result
		f.Asked = append(f.Asked, Asked{What: each.name(), Source: source, Took: time.Since(began), Err: failure})
	})
}

func (each *probe) name() string {
	if each.through != "" {
		return each.candidate.Address.String() + " through " + each.through
	}
	return each.candidate.Address.String()
}

// target is the candidate as package connect dials it: a connection that is
// there already, if conn is not nil.
func (each *probe) target(conn net.Conn) connect.Candidate {
	target := connect.Candidate{Address: each.candidate.Address, Label: each.candidate.Why.String()}
	if each.through != "" {
		target.Label = "through " + each.through
	}
	if conn != nil {
		target.Dial = func(context.Context) (net.Conn, error) { return conn, nil }
	}
	return target
}

// dialTCP connects to a candidate. One that stays silent is given up early where
// the rules surely deny it.
func (p *probing) dialTCP(ctx context.Context, c resolve.Candidate) (net.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	giveUp := func(after time.Duration) { cancel(&connect.TimeoutError{Stage: connect.StageDial, After: after}) }
	early := time.AfterFunc(deniedPatience, func() {
		if p.denied(c) {
			giveUp(deniedPatience)
		}
	})
	defer early.Stop()
	late := time.AfterFunc(tcpPatience, func() { giveUp(tcpPatience) })
	defer late.Stop()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address.String())
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return conn, err
}

// denied says whether the rules are known to let nobody through to a candidate.
func (p *probing) denied(c resolve.Candidate) bool {
	p.gathering.mu.Lock()
	defer p.gathering.mu.Unlock()
	for _, v := range p.gathering.facts.Way.Verdicts {
		if v.Candidate.Address == c.Address {
			return v.Err == nil && v.Rules.Answer == secgroup.Deny && v.Rules.Certain()
		}
	}
	return false
}

// claim says whether a probe is the one to log in: a better one that still may
// is given a moment.
func (p *probing) claim(ctx context.Context, each *probe) bool {
	patience := time.NewTimer(time.Duration(len(each.better)) * stagger)
	defer patience.Stop()
	for _, better := range each.better {
		select {
		case <-better.ended:
		case <-patience.C:
			return p.claimed.CompareAndSwap(false, true)
		case <-ctx.Done():
			return false
		}
	}
	return p.claimed.CompareAndSwap(false, true)
}

// silent waits until it is sure that no address answers as the server, or until
// none has for a while. It says whether that is so; dialled tells which count.
func (p *probing) silent(ctx context.Context, direct []*probe, dialled func(*probe) bool) bool {
	patience := time.NewTimer(silencePatience - time.Since(p.began))
	defer patience.Stop()
	over := false
	for _, each := range direct {
		if !over {
			select {
			case <-each.answered:
			case <-patience.C:
				over = true
			case <-ctx.Done():
				return false
			}
		}
		select {
		case <-each.answered:
			if each.alive && dialled(each) && !p.stranger(ctx, each) {
				return false
			}
		default:
		}
	}
	return true
}

// stranger says whether an address that answers turns out to be another
// machine's.
func (p *probing) stranger(ctx context.Context, each *probe) bool {
	if !p.plan.MayBeStranger(each.candidate) {
		return false
	}
	select {
	case <-each.ended:
	case <-ctx.Done():
		return false
	}
	var other *connect.HostKeyError
	return each.result.Failed != nil && errors.As(each.result.Failed.Err, &other)
}

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
	if !p.plan.MayDetour() || !p.silent(ctx, direct, dialled) {
		return
	}
	ctx, end := context.WithTimeout(ctx, detourPatience)
	defer end()
	var jumps []reach.Jump
	err := p.gathering.ask("jump hosts", "neutron", anyError, func() (err error) {
		jumps, err = p.plan.Jumps(ctx)
		return err
	})
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

// lookUp asks DNS for a name's addresses, for at most a second.
func lookUp(ctx context.Context, name string) []netip.Addr {
	ctx, end := context.WithTimeout(ctx, namePatience)
	defer end()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil
	}
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses
}
