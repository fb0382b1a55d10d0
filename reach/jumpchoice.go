package reach

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/secgroup"
)

// Jump is a server that a login can go through.
type Jump struct {
	Server    openstack.Server
	Candidate resolve.Candidate // by which it is reached from here
	From      netip.Addr        // its fixed address, which the target's port sees
	To        netip.AddrPort    // the target's fixed address and SSH port
	PortID    string            // of the target
	Rules     secgroup.Verdict  // of that port, for From
	Joined    bool              // they stand on two networks, which a router joins
}

// NoJumpError says that no server of the project leads to another one: how many
// were looked at, and why none of them does.
type NoJumpError struct {
	Considered  int
	Unreachable int // has no address that can be dialled from here
	Denied      int // the target's security groups do not admit it
	Stopped     int // is not ACTIVE
	NoKey       int // its private key is not here
	Tried       []HopError
	Err         error // why they could not be looked for; nil if they were
}

func (e *NoJumpError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("no jump host: %v", e.Err)
	}
	return fmt.Sprintf("no jump host among %d servers", e.Considered)
}

func (e *NoJumpError) Unwrap() error { return e.Err }

// jumpFacts are what the choice of a jump host rests on.
type jumpFacts struct {
	ways       resolve.Ways // of the target
	port       int          // of its SSH server
	neighbours []resolve.Neighbour
	groups     []openstack.SecurityGroup // of all ports
	facts      secgroup.Facts
	from       resolve.Preferences // of this machine
	source     func(netip.AddrPort) netip.Addr
	hasKey     func(openstack.Server) bool
}

// possible gives the neighbours that can be reached from here and whom the
// target admits, best first: surely admitted before perhaps, on the target's
// network before behind a router, then by how they are reached. Their servers
// are not known yet.
func (f jumpFacts) possible() ([]Jump, NoJumpError) {
	none := NoJumpError{Considered: len(f.neighbours)}
	var jumps []Jump
	for _, n := range f.neighbours {
		candidates := resolve.Rank(openstack.Server{ID: n.ServerID}, n.Ways, f.from)
		if len(candidates) == 0 {
			none.Unreachable++
			continue
		}
		jump, ok := f.link(n)
		if !ok {
			none.Denied++
			continue
		}
		jump.Server, jump.Candidate = openstack.Server{ID: n.ServerID}, candidates[0]
		jumps = append(jumps, jump)
	}
	slices.SortStableFunc(jumps, func(a, b Jump) int {
		return cmp.Or(
			-cmp.Compare(a.Rules.Answer, b.Rules.Answer),
			compareBool(a.Joined, b.Joined),
			cmp.Compare(a.Candidate.Why, b.Candidate.Why),
			strings.Compare(a.Server.ID, b.Server.ID))
	})
	return jumps, none
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// link finds the best pair of addresses between a neighbour and the target that
// the target's rules do not surely deny.
func (f jumpFacts) link(n resolve.Neighbour) (best Jump, found bool) {
	for _, near := range n.Near {
		for _, port := range f.ways.Ports {
			if !n.Joined && port.NetworkID != near.NetworkID {
				continue
			}
			for _, jump := range f.pairs(near, port) {
				jump.Joined = n.Joined
				if jump.Rules.Answer == secgroup.Deny && jump.Rules.Certain() {
					continue
				}
				if !found || jump.Rules.Answer > best.Rules.Answer {
					best, found = jump, true
				}
			}
		}
	}
	return best, found
}

// pairs are the ways from one port's fixed addresses to those of another, IPv4
// first. Link-local addresses need a zone, which the other end does not know.
func (f jumpFacts) pairs(near, port openstack.Port) []Jump {
	var jumps []Jump
	for _, from := range near.FixedIPs {
		for _, to := range port.FixedIPs {
			if from.IPAddress.Is4() != to.IPAddress.Is4() || to.IPAddress.IsLinkLocalUnicast() || !f.from.Takes(to.IPAddress) {
				continue
			}
			jumps = append(jumps, Jump{
				From: from.IPAddress, To: netip.AddrPortFrom(to.IPAddress, uint16(f.port)), PortID: port.ID,
				Rules: secgroup.Evaluate(secgroup.Query{
					Port: port, Groups: f.groups, Facts: f.facts,
					Source: from.IPAddress, Destination: to.IPAddress, DestinationPort: f.port,
				}),
			})
		}
	}
	slices.SortStableFunc(jumps, func(a, b Jump) int { return compareBool(a.To.Addr().Is6(), b.To.Addr().Is6()) })
	return jumps
}

// usable completes a possible jump host with its server, unless that is of no
// use; then it is counted in none.
func (f jumpFacts) usable(jump Jump, server openstack.Server, none *NoJumpError) (Jump, bool) {
	if server.Status != "ACTIVE" {
		none.Stopped++
		return jump, false
	}
	if !f.hasKey(server) {
		none.NoKey++
		return jump, false
	}
	ways := f.neighbour(server.ID).Ways
	for _, candidate := range resolve.Rank(server, ways, f.from) { // its metadata may name another port
		rules := Evaluate(candidate, f.source(candidate.Address), ways.Ports, f.groups, f.facts)
		if rules.Answer != secgroup.Deny || !rules.Certain() {
			jump.Server, jump.Candidate = server, candidate
			return jump, true
		}
	}
	none.Unreachable++
	return jump, false
}

func (f jumpFacts) neighbour(id string) resolve.Neighbour {
	i := slices.IndexFunc(f.neighbours, func(n resolve.Neighbour) bool { return n.ServerID == id })
	if i < 0 {
		return resolve.Neighbour{}
	}
	return f.neighbours[i]
}
