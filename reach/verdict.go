package reach

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/secgroup"
)

// Verdict is what the security groups say of one candidate.
type Verdict struct {
	Candidate resolve.Candidate
	Source    netip.Addr // as the port sees it; zero: not known
	Rules     secgroup.Verdict
	Err       error // why nothing could be judged; nil if it was
}

func allDenied(verdicts []Verdict) bool {
	for _, v := range verdicts {
		if v.Err != nil || v.Rules.Answer != secgroup.Deny || !v.Rules.Certain() {
			return false
		}
	}
	return len(verdicts) > 0
}

// Verdicts asks the security groups about every candidate.
func (p *Plan) Verdicts(ctx context.Context) []Verdict {
	return p.VerdictsFrom(ctx, func(c resolve.Candidate) netip.Addr { return p.sourceFor(c.Address) })
}

// VerdictsFrom is Verdicts for whom source says that the port behind a candidate
// sees; zero where that is not known.
func (p *Plan) VerdictsFrom(ctx context.Context, source func(resolve.Candidate) netip.Addr) []Verdict {
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
		verdicts[i] = Verdict{Candidate: candidate, Source: source(candidate), Err: err}
		if err == nil {
			verdicts[i].Rules = Evaluate(candidate, verdicts[i].Source, ways.Ports, groups, facts)
		}
	}
	return verdicts
}

// sourceFor is whom the port behind a candidate sees, zero where that is not
// known: on a way through another host it is that one.
func (p *Plan) sourceFor(candidate netip.AddrPort) netip.Addr {
	if p.Proxied() {
		return netip.Addr{}
	}
	return p.config.sourceFor(candidate)
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
