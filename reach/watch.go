package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/secgroup"
)

const (
	// deniedPatience is how long a server that the rules surely close is given
	// to answer all the same.
	deniedPatience = 2 * time.Second
	// verdictPatience bounds how long a failed login waits for what the rules say.
	verdictPatience = 2 * time.Second
)

// Verdict is what the security groups say of one candidate.
type Verdict struct {
	Candidate resolve.Candidate
	Source    netip.Addr // as the port sees it; zero: not known
	Rules     secgroup.Verdict
	Err       error // why nothing could be judged; nil if it was
}

// UnreachedError says that no SSH server answered at any address, with what the
// security groups say of each.
type UnreachedError struct {
	Server   openstack.Server
	Err      error // a *connect.DialError
	Verdicts []Verdict
	GaveUp   bool // before its time: the rules surely close every address
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
	answered atomic.Bool // some server showed its banner
	verdicts func() []Verdict
}

// A way through another host is not judged: the rules see that host.
func (p *Plan) watch(ctx context.Context, proxied bool) *watch {
	w := &watch{plan: p}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	if p.facts == nil || proxied {
		w.verdicts = func() []Verdict { return nil }
		return w
	}
	w.verdicts = sync.OnceValue(func() []Verdict { return p.Verdicts(ctx) })
	go w.giveUpIfDenied()
	return w
}

func (w *watch) stop() { w.cancel(nil) }

func (w *watch) giveUpIfDenied() {
	patience := time.NewTimer(deniedPatience)
	defer patience.Stop()
	verdicts := w.verdicts()
	select {
	case <-patience.C:
		if allDenied(verdicts) && !w.answered.Load() {
			w.cancel(errDenied)
		}
	case <-w.ctx.Done():
	}
}

func allDenied(verdicts []Verdict) bool {
	for _, v := range verdicts {
		if v.Err != nil || v.Rules.Answer != secgroup.Deny || !v.Rules.Certain() {
			return false
		}
	}
	return len(verdicts) > 0
}

func (w *watch) trace(e connect.Event) {
	if e.Kind == connect.EventServerVersion {
		w.answered.Store(true)
	}
	if w.plan.config.Trace != nil {
		w.plan.config.Trace(e)
	}
}

// explain adds what the rules say to a dial in which no server answered.
func (w *watch) explain(err error) error {
	var failed *connect.DialError
	if !errors.As(err, &failed) || w.answered.Load() {
		return err
	}
	gaveUp := errors.Is(context.Cause(w.ctx), errDenied)
	if w.ctx.Err() != nil && !gaveUp {
		return err
	}
	unreached := &UnreachedError{Server: w.plan.Server, Err: err, GaveUp: gaveUp}
	judged := make(chan []Verdict, 1)
	go func() { judged <- w.verdicts() }()
	select {
	case unreached.Verdicts = <-judged:
	case <-time.After(verdictPatience):
	}
	return unreached
}

// Verdicts asks the security groups about every candidate.
func (p *Plan) Verdicts(ctx context.Context) []Verdict {
	ways, err := p.facts.Ways()
	groups, groupsErr := p.facts.Groups()
	var facts secgroup.Facts
	if err = errors.Join(err, groupsErr); err == nil {
		var client *openstack.Client
		if client, err = p.config.Client(ctx, false); err == nil {
			facts, err = secgroup.Gather(ctx, client, ways.Ports, groups)
		}
	}
	verdicts := make([]Verdict, len(p.Candidates))
	for i, candidate := range p.Candidates {
		verdicts[i] = Verdict{Candidate: candidate, Source: p.config.sourceFor(candidate.Address), Err: err}
		if err == nil {
			verdicts[i].Rules = Evaluate(candidate, verdicts[i].Source, ways.Ports, groups, facts)
		}
	}
	return verdicts
}

// Evaluate judges one candidate by the port that it leads to.
func Evaluate(c resolve.Candidate, source netip.Addr, ports []openstack.Port, groups []openstack.SecurityGroup,
	facts secgroup.Facts) secgroup.Verdict {
	for _, port := range ports {
		if port.ID == c.PortID {
			return secgroup.Evaluate(secgroup.Query{
				Port: port, Groups: groups, Facts: facts, Source: source,
				Destination: c.Inside.Addr(), DestinationPort: int(c.Inside.Port()),
			})
		}
	}
	return secgroup.Verdict{}
}

// sourceFor is the address of this machine as the port behind a candidate sees
// it, or the zero Addr where a NAT may stand between: it is known if it was
// given, if the candidate is on-link, or if both ends are globally routable.
func (c *Config) sourceFor(candidate netip.AddrPort) netip.Addr {
	if c.Source.IsValid() {
		return c.Source
	}
	local, ok := localAddress(candidate)
	if ok && (c.Local.OnLinkWith(candidate.Addr()) || public(local) && public(candidate.Addr())) {
		return local
	}
	return netip.Addr{}
}

// carrierNAT is RFC 6598's shared address space: routable, but not here.
var carrierNAT = netip.MustParsePrefix("100.64.0.0/10")

func public(address netip.Addr) bool {
	return address.IsGlobalUnicast() && !address.IsPrivate() && !carrierNAT.Contains(address)
}

// localAddress is the source address that this machine would use. Connecting a
// UDP socket sends nothing: the kernel only looks up its route.
func localAddress(to netip.AddrPort) (netip.Addr, bool) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		return netip.Addr{}, false
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return local.AddrPort().Addr().Unmap().WithZone(""), true
}
