//go:build e2e && linux

package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// The canary of a round is a connect that its groups admit, to a port that
// nobody listens on. It comes from source ports that no client takes by itself,
// so that a stateless group can let its answers out and no others.
const (
	canaryPort                    = 30000 // plus the number of the round
	canaryReplyLow, canaryReplyTo = 20000, 20999
)

// plan is a round: what every target and every member port gets at once.
type plan struct {
	groups  []drawnGroup
	remotes []string            // those that rules may refer to beside their own
	targets [][2]drawnPort      // private, provider
	members map[string][]string // groups by member port
}

type drawnGroup struct {
	name      string
	stateful  bool
	egressAll bool // keeps the two rules that neutron makes
	rules     []drawnRule
}

// drawnRule is a rule as it is posted, but with the names of groups.
type drawnRule struct {
	Direction          string  `json:"direction"`
	EtherType          string  `json:"ethertype"`
	Protocol           *string `json:"protocol,omitempty"`
	PortRangeMin       *int    `json:"port_range_min,omitempty"`
	PortRangeMax       *int    `json:"port_range_max,omitempty"`
	RemoteIPPrefix     *string `json:"remote_ip_prefix,omitempty"`
	RemoteGroup        *string `json:"remote_group_id,omitempty"`
	RemoteAddressGroup *string `json:"remote_address_group_id,omitempty"`
}

type drawnPort struct {
	unfiltered bool
	groups     []string // none: nothing passes
}

// draw makes random rule sets around the addresses that connects come from.
type draw struct {
	*rand.Rand
	sources       []netip.Addr
	members       []string
	addressGroups []string
	tracked       [][2]bool // ports of targets that bear stateful groups only
}

func (d *draw) chance(percent int) bool { return d.IntN(100) < percent }

func pick[T any](d *draw, from ...T) T { return from[d.IntN(len(from))] }

// plan draws one round for a number of targets.
func (d *draw) plan(round, targets int) plan {
	p := plan{members: make(map[string][]string)}
	name := func(rest string) string { return fmt.Sprintf("%s%d-%s", rulesPrefix, round, rest) }
	remotes := []string{name("few"), name("some"), name("empty")}
	p.remotes = remotes
	for _, group := range remotes {
		p.groups = append(p.groups, drawnGroup{name: group, stateful: true, egressAll: true})
	}
	for _, member := range d.members {
		for i, percent := range []int{25, 65} {
			if d.chance(percent) {
				p.members[member] = append(p.members[member], remotes[i])
			}
		}
	}
	for target := range targets {
		var ports [2]drawnPort
		for i := range ports {
			stateful := d.tracked[target][i] || !d.chance(20)
			ports[i] = d.port()
			for j := range ports[i].groups {
				group := name(fmt.Sprintf("%d-%d-%d", target, i, j))
				ports[i].groups[j] = group
				p.groups = append(p.groups, d.group(group, round, stateful, append(slices.Clone(remotes), group)))
				// a stateless group cannot join the stateful ones of a member
				if member := pick(d, d.members...); stateful && d.chance(35) {
					p.members[member] = append(p.members[member], group)
				}
			}
		}
		p.targets = append(p.targets, ports)
	}
	return p
}

// port draws how many groups a port bears.
func (d *draw) port() drawnPort {
	switch n := d.IntN(100); {
	case n < 4:
		return drawnPort{unfiltered: true}
	case n < 10:
		return drawnPort{}
	case n < 60:
		return drawnPort{groups: make([]string, 1)}
	}
	return drawnPort{groups: make([]string, 2+d.IntN(2))}
}

// group draws one group of a target: rules, and the canary.
func (d *draw) group(name string, round int, stateful bool, remotes []string) drawnGroup {
	g := drawnGroup{name: name, stateful: stateful, egressAll: d.chance(75)}
	if !stateful {
		g.egressAll = d.chance(40)
	}
	for range d.IntN(2) {
		g.rules = append(g.rules, d.ingress(remotes))
	}
	if !g.egressAll && d.chance(60) {
		g.rules = append(g.rules, d.egress())
	}
	g.rules = append(g.rules, canaryRules(round)...)
	for _, family := range []string{"IPv4", "IPv6"} {
		if !stateful && !g.egressAll {
			reply := drawnRule{Direction: "egress", EtherType: family, Protocol: new("tcp")}
			reply.setPorts(canaryReplyLow, canaryReplyTo)
			g.rules = append(g.rules, reply)
		}
	}
	return g
}

// grow draws what the groups of a plan get in addition: a rule or none, and
// the canary of another round.
func (d *draw) grow(p plan, round int) (added, canaries []drawnGroup) {
	for _, g := range p.groups[len(p.remotes):] {
		var rules []drawnRule
		switch {
		case d.chance(55):
			rules = append(rules, d.ingress(append(slices.Clone(p.remotes), g.name)))
		case !g.egressAll:
			rules = append(rules, d.egress())
		}
		added = append(added, drawnGroup{name: g.name, rules: rules})
		canaries = append(canaries, drawnGroup{name: g.name, rules: canaryRules(round)})
	}
	return added, canaries
}

func canaryRules(round int) []drawnRule {
	var rules []drawnRule
	for _, family := range []string{"IPv4", "IPv6"} {
		r := drawnRule{Direction: "ingress", EtherType: family, Protocol: new("tcp")}
		r.setPorts(canaryPort+round, canaryPort+round)
		rules = append(rules, r)
	}
	return rules
}

func (r *drawnRule) setPorts(low, high int) {
	r.PortRangeMin, r.PortRangeMax = &low, &high
}

func (d *draw) ingress(remotes []string) drawnRule {
	source := pick(d, d.sources...)
	r := drawnRule{Direction: "ingress", EtherType: familyOf(source)}
	d.service(&r)
	switch n := d.IntN(100); {
	case n < 12: // every source
	case n < 52:
		r.RemoteIPPrefix = new(d.prefix(source))
	case n < 92:
		r.RemoteGroup = new(pick(d, remotes...))
	default:
		r.RemoteAddressGroup = new(pick(d, d.addressGroups...))
	}
	return r
}

// service draws protocol and ports, most often such that TCP to port 22 passes.
func (d *draw) service(r *drawnRule) {
	icmp, number := "icmp", "1"
	if r.EtherType == "IPv6" {
		icmp, number = "ipv6-icmp", "58"
	}
	protocol := ""
	switch n := d.IntN(100); {
	case n < 16: // null, which clients may call "any"
	case n < 72:
		protocol = pick(d, "tcp", "tcp", "tcp", "6", "TCP")
	case n < 77:
		protocol = pick(d, "0", "ip")
	default:
		protocol = pick(d, "udp", "17", icmp, "sctp", "132", "gre", number)
	}
	if protocol != "" {
		r.Protocol = &protocol
	}
	switch protocol {
	case "tcp", "6", "TCP", "udp", "17", "sctp", "132":
	default:
		return // these have no ports
	}
	type ports struct{ low, high int }
	switch n := d.IntN(100); {
	case n < 20: // null
	case n < 75:
		p := pick(d, ports{22, 22}, ports{22, 22}, ports{22, 22}, ports{1, 65535}, ports{20, 25}, ports{1, 22}, ports{22, 65535})
		r.setPorts(p.low, p.high)
	default:
		p := pick(d, ports{23, 1024}, ports{1, 21}, ports{21, 21}, ports{23, 23}, ports{2222, 2222}, ports{220, 229}, ports{222, 65535})
		r.setPorts(p.low, p.high)
	}
}

// prefix draws a remote prefix: one that holds the source, with or without
// host bits, one that holds everything, or one that just misses the source.
func (d *draw) prefix(source netip.Addr) string {
	bits := source.BitLen()
	length := 1 + d.IntN(bits)
	if d.chance(50) {
		length = bits - d.IntN(9)
	}
	switch d.IntN(10) {
	case 0:
		return source.String()
	case 1:
		return netip.PrefixFrom(source, 0).String()
	case 2, 3:
		return netip.PrefixFrom(source, length).String()
	case 4, 5:
		return netip.PrefixFrom(source, length).Masked().String()
	case 6:
		return flip(source, bits-1).String()
	case 7:
		return netip.PrefixFrom(flip(source, length-1), length).String()
	case 8:
		return netip.PrefixFrom(flip(source, length-1), length).Masked().String()
	}
	return netip.PrefixFrom(source, bits).String()
}

// flip turns one bit of an address, counted from the left.
func flip(a netip.Addr, bit int) netip.Addr {
	b := a.AsSlice()
	b[bit/8] ^= 0x80 >> (bit % 8)
	flipped, _ := netip.AddrFromSlice(b)
	return flipped
}

// egress draws what a group lets out that does not let out everything: what
// replies of a stateless group need, or not quite.
func (d *draw) egress() drawnRule {
	source := pick(d, d.sources...)
	r := drawnRule{Direction: "egress", EtherType: familyOf(source), Protocol: new("tcp")}
	switch d.IntN(5) {
	case 0:
		r.setPorts(22, 22)
	case 1:
		r.setPorts(1024, 65535)
	case 2:
		r.setPorts(32768, 60999)
	case 3:
		r.setPorts(1024, 65535)
		r.RemoteIPPrefix = new(d.prefix(source))
	default:
		r.Protocol = nil
	}
	return r
}

// addressGroup draws two prefixes of each family, masked as neutron wants them.
func (d *draw) addressGroup() []string {
	var addresses []string
	for range 4 {
		source := pick(d, d.sources...)
		p, err := netip.ParsePrefix(d.prefix(source))
		if err == nil && p.Bits() > 0 {
			addresses = append(addresses, p.Masked().String())
		}
	}
	return append(addresses, "192.0.2.0/24", "2001:db8::/64")
}

func familyOf(a netip.Addr) string {
	if a.Is4() {
		return "IPv4"
	}
	return "IPv6"
}
