package diagnose

import (
	"context"
	"errors"
	"net"
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
	// and other servers are tried; from earlySilence on it is found out which.
	silencePatience = 700 * time.Millisecond
	earlySilence    = 300 * time.Millisecond
	// stagger is the start that a better address has over the next one.
	stagger = 250 * time.Millisecond
)

// maxProbes is how many candidates are dialled.
const maxProbes = 6

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
// none has within limit of the beginning. It says whether that is so; dialled tells which count.
func (p *probing) silent(ctx context.Context, limit time.Duration, direct []*probe, dialled func(*probe) bool) bool {
	patience := time.NewTimer(limit - time.Since(p.began))
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
