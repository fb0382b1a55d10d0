package secgroup

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"osssh/internal/openstack"
)

// rule reads "ingress IPv4 tcp 22 203.0.113.0/24": direction, family, protocol,
// ports, remote. "-" is null; ports are N or N-M; a remote is a prefix,
// sg:GROUP or ag:ADDRESSGROUP.
func rule(t testing.TB, s string) openstack.SecurityGroupRule {
	t.Helper()
	f := strings.Fields(s)
	if len(f) != 5 {
		t.Fatalf("rule %q: want five words", s)
	}
	r := openstack.SecurityGroupRule{ID: s, Direction: f[0], EtherType: f[1]}
	if f[2] != "-" {
		r.Protocol = &f[2]
	}
	if f[3] != "-" {
		var low, high int
		if n, _ := fmt.Sscanf(f[3], "%d-%d", &low, &high); n == 1 {
			high = low
		}
		r.PortRangeMin, r.PortRangeMax = &low, &high
	}
	remote := f[4]
	switch {
	case remote == "-":
	case strings.HasPrefix(remote, "sg:"):
		remote = remote[3:]
		r.RemoteGroupID = &remote
	case strings.HasPrefix(remote, "ag:"):
		remote = remote[3:]
		r.RemoteAddressGroupID = &remote
	default:
		r.RemoteIPPrefix = &remote
	}
	return r
}

func group(t testing.TB, id string, rules ...string) openstack.SecurityGroup {
	t.Helper()
	g := openstack.SecurityGroup{ID: id, Name: "name-of-" + id}
	for _, s := range rules {
		g.Rules = append(g.Rules, rule(t, s))
	}
	return g
}

func stateful(g openstack.SecurityGroup, yes bool) openstack.SecurityGroup {
	g.Stateful = &yes
	return g
}

// query is the reference's default: one port with one group of these rules and
// neutron's default egress, source 203.0.113.7, port 22.
func query(t testing.TB, rules ...string) Query {
	t.Helper()
	g := group(t, "g", rules...)
	g.Rules = append(g.Rules, rule(t, "egress IPv4 - - -"), rule(t, "egress IPv6 - - -"))
	return Query{
		Port:            openstack.Port{ID: "p", SecurityGroups: []string{"g"}},
		Groups:          []openstack.SecurityGroup{g},
		Source:          netip.MustParseAddr("203.0.113.7"),
		DestinationPort: 22,
	}
}

func (q Query) from(source string) Query {
	q.Source = netip.Addr{}
	if source != "" {
		q.Source = netip.MustParseAddr(source)
	}
	return q
}

func (q Query) port(dport int) Query { q.DestinationPort = dport; return q }

func (q Query) groups(groups ...openstack.SecurityGroup) Query {
	q.Groups = groups
	return q
}

func (q Query) bound(ids ...string) Query { q.Port.SecurityGroups = ids; return q }

func (q Query) with(change func(*Query)) Query { change(&q); return q }

func (q Query) members(id string, m Members) Query {
	q.Facts.Members = map[string]Members{id: m}
	return q
}

func (q Query) addressGroup(id string, addresses ...string) Query {
	q.Facts.AddressGroups = map[string]openstack.AddressGroup{id: {ID: id, Addresses: addresses}}
	return q
}

func (q Query) on(b Backend) Query { q.Facts.Backend = b; return q }

func addrs(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

const ssh = "ingress IPv4 tcp 22 0.0.0.0/0"

// TestVectors is the table of vectors that was held against real enforcement.
func TestVectors(t *testing.T) {
	no, yes := false, true
	member := Members{Addresses: addrs("10.0.0.5"), Complete: true}
	paired := Members{
		Addresses: addrs("10.0.0.5"),
		Pairs:     []netip.Prefix{netip.MustParsePrefix("10.0.0.99/32")},
		Complete:  true,
	}
	open := Members{Addresses: addrs("10.0.0.5"), Pairs: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}, Complete: true}
	self := query(t, "ingress IPv4 - - sg:g").members("g", member)
	other := query(t, "ingress IPv4 tcp 22 sg:G2")
	stateless := func(egress ...string) Query {
		q := query(t)
		return q.groups(stateful(group(t, "g", append([]string{ssh}, egress...)...), false))
	}
	for _, v := range []struct {
		name   string
		q      Query
		answer Answer
		reason Reason
	}{
		{"1 no groups", query(t).bound(), Deny, NoGroups},
		{"2 group without ingress", query(t), Deny, NoRule},
		{"3 tcp 22 from anywhere", query(t, ssh), Allow, RuleAdmits},
		{"4 remote null", query(t, "ingress IPv4 tcp 22 -"), Allow, RuleAdmits},
		{"5 prefix holds the source", query(t, "ingress IPv4 tcp 22 203.0.113.0/24"), Allow, RuleAdmits},
		{"6 prefix does not", query(t, "ingress IPv4 tcp 22 203.0.113.0/24").from("203.0.114.7"), Deny, NoRule},
		{"7 exact address", query(t, "ingress IPv4 tcp 22 203.0.113.7/32"), Allow, RuleAdmits},
		{"8 host bits", query(t, "ingress IPv4 tcp 22 203.0.113.9/24"), Allow, RuleAdmits},
		{"9 x/0 is everything", query(t, "ingress IPv4 tcp 22 198.51.100.1/0"), Allow, RuleAdmits},
		{"10 v6 rule, v4 source", query(t, "ingress IPv6 tcp 22 ::/0"), Deny, NoRule},
		{"11 v6 rule, v6 source", query(t, "ingress IPv6 tcp 22 -").from("2001:db8::7"), Allow, RuleAdmits},
		{"12 v4 rule, v6 source", query(t, ssh).from("2001:db8::7"), Deny, NoRule},
		{"13 v6 prefix", query(t, "ingress IPv6 tcp 22 2001:db8::/32").from("2001:db8::7"), Allow, RuleAdmits},
		{"14 everything", query(t, "ingress IPv4 - - -"), Allow, RuleAdmits},
		{"15 protocol 6", query(t, "ingress IPv4 6 22 0.0.0.0/0"), Allow, RuleAdmits},
		{"16 tcp without ports", query(t, "ingress IPv4 tcp - -"), Allow, RuleAdmits},
		{"17 all ports", query(t, "ingress IPv4 tcp 1-65535 -"), Allow, RuleAdmits},
		{"18 range holds 22", query(t, "ingress IPv4 tcp 20-25 -"), Allow, RuleAdmits},
		{"19 range does not", query(t, "ingress IPv4 tcp 23-1024 -"), Deny, NoRule},
		{"20 another port", query(t, "ingress IPv4 tcp 2222 -"), Deny, NoRule},
		{"21 another port is meant", query(t, "ingress IPv4 tcp 2222 -").port(2222), Allow, RuleAdmits},
		{"22 udp", query(t, "ingress IPv4 udp 22 -"), Deny, NoRule},
		{"23 icmp only", query(t, "ingress IPv4 icmp - -"), Deny, NoRule},
		{"24 egress only", query(t, "egress IPv4 tcp 22 -"), Deny, NoRule},
		{"25 protocol 0", query(t, "ingress IPv4 0 - -"), Unknown, ProtocolZero},
		{"26 protocol 132", query(t, "ingress IPv4 132 - -"), Deny, NoRule},
		{"27 second group admits", query(t).bound("none", "open").groups(group(t, "none"), group(t, "open", ssh)), Allow, RuleAdmits},
		{"28 the group is on the other port", query(t).bound("none").groups(group(t, "none"), group(t, "open", ssh)), Deny, NoRule},
		{"29 remote group self, member", self.from("10.0.0.5"), Allow, RuleAdmits},
		{"30 remote group self, member's floating IP", self.from("198.51.100.5"), Deny, NoRule},
		{"31 remote group self, router's gateway", self.from("198.51.100.1"), Deny, NoRule},
		{"32 remote group, member on another network", other.members("G2", Members{Addresses: addrs("10.9.0.5"), Complete: true}).from("10.9.0.5"), Allow, RuleAdmits},
		{"33 remote group is empty", other.members("G2", Members{Complete: true}).from("10.9.0.5"), Deny, NoRule},
		{"34 remote group of a v4 rule, v6 source", other.members("G2", Members{Addresses: addrs("2001:db8::5"), Complete: true}).from("2001:db8::5"), Deny, NoRule},
		{"35 member's pair, ML2", self.members("g", paired).from("10.0.0.99").on(ML2), Allow, PairAdmits},
		{"35 member's pair, OVN", self.members("g", paired).from("10.0.0.99").on(OVN), Deny, NoRule},
		{"35 member's pair, backend unknown", self.members("g", paired).from("10.0.0.99"), Unknown, PairsUnknown},
		{"36 pair of everything, ML2", self.members("g", open).on(ML2), Allow, PairAdmits},
		{"36 pair of everything, OVN", self.members("g", open).on(OVN), Deny, NoRule},
		{"37 group unreadable", other, Unknown, MembersUnreadable},
		{"38 address group holds the source", query(t, "ingress IPv4 tcp 22 ag:A").addressGroup("A", "203.0.113.0/24"), Allow, RuleAdmits},
		{"39 address group unreadable", query(t, "ingress IPv4 tcp 22 ag:A"), Unknown, AddressGroupUnreadable},
		{"40 address group of the other family", query(t, "ingress IPv4 tcp 22 ag:A").addressGroup("A", "2001:db8::/32"), Unknown, AddressGroupMissed},
		{"41 port security off", query(t).bound().with(func(q *Query) { q.Port.PortSecurityEnabled = &no }), Allow, PortSecurityDisabled},
		{"42 port security on, no groups", query(t).bound().with(func(q *Query) { q.Port.PortSecurityEnabled = &yes }), Deny, NoGroups},
		{"43 port security absent, no rule", query(t), Deny, NoRule},
		{"44 macvtap", query(t).with(func(q *Query) { q.Port.VNICType = "macvtap" }), Allow, VNICUnfiltered},
		{"45 direct", query(t).with(func(q *Query) { q.Port.VNICType = "direct" }), Unknown, VNICUncertain},
		{"46 stateful, no egress", query(t).groups(stateful(group(t, "g", ssh), true)), Allow, RuleAdmits},
		{"47 stateless, default egress", stateless("egress IPv4 - - -", "egress IPv6 - - -"), Allow, RuleAdmits},
		{"48 stateless, no egress", stateless(), Unknown, StatelessReply},
		{"49 stateless, egress to 22", stateless("egress IPv4 tcp 22 -"), Unknown, StatelessReply},
		{"50 stateless, egress to ephemeral ports", stateless("egress IPv4 tcp 1024-65535 -"), Allow, RuleAdmits},
		{"51 stateless, egress to elsewhere", stateless("egress IPv4 tcp - 10.0.0.0/8"), Unknown, StatelessReply},
		{"52 stateful absent, no egress", query(t).groups(group(t, "g", ssh)), Allow, RuleAdmits},
		{"53 no extension", query(t).bound().with(func(q *Query) { q.Facts.Unsupported = true }), Allow, NoExtension},
		{"54 one group unreadable, others miss", query(t).bound("g", "hidden"), Unknown, GroupUnreadable},
		{"55 one group unreadable, another admits", query(t, ssh).bound("g", "hidden"), Allow, RuleAdmits},
		{"56 port admin down", query(t, ssh).with(func(q *Query) { q.Port.AdminStateUp = false; q.Port.Status = "DOWN" }), Allow, RuleAdmits},
		{"57 port forwarding to 22, rule for 22", query(t, "ingress IPv4 tcp 22 -").port(22), Allow, RuleAdmits},
		{"58 port forwarding to 22, rule for 2222", query(t, "ingress IPv4 tcp 2222 -").port(22), Deny, NoRule},
		{"59 source unknown, from anywhere", query(t, ssh).from(""), Allow, RuleAdmits},
		{"60 source unknown, from a prefix", query(t, "ingress IPv4 tcp 22 203.0.113.0/24").from(""), Unknown, SourceUnknown},
		{"61 v4 in v6", query(t, ssh).from("::ffff:203.0.113.7"), Allow, RuleAdmits},
		{"62 link-local", query(t, "ingress IPv6 tcp 22 -").from("fe80::1"), Allow, RuleAdmits},
		{"63 member's floating IP by prefix", query(t, "ingress IPv4 tcp 22 198.51.100.5/32").from("198.51.100.5"), Allow, RuleAdmits},
		{"64 network:dhcp", query(t).with(func(q *Query) { q.Port.DeviceOwner = "network:dhcp" }), Allow, NetworkDevice},
		{"65 outside the address group", query(t, "ingress IPv4 tcp 22 ag:A").addressGroup("A", "192.0.2.0/24"), Unknown, AddressGroupMissed},

		// Beyond the reference's vectors.
		{"vif without filter", query(t).with(func(q *Query) { q.Port.VIFDetails = map[string]any{"port_filter": false} }), Allow, VIFUnfiltered},
		{"vif with filter", query(t).with(func(q *Query) { q.Port.VIFDetails = map[string]any{"port_filter": true} }), Deny, NoRule},
		{"direct without groups", query(t).bound().with(func(q *Query) { q.Port.VNICType = "direct" }), Unknown, VNICUncertain},
		{"normal", query(t).with(func(q *Query) { q.Port.VNICType = "normal" }), Deny, NoRule},
		{"protocol any in capitals", query(t, "ingress IPv4 ANY - -"), Allow, RuleAdmits},
		{"bare address as prefix", query(t, "ingress IPv4 tcp 22 203.0.113.7"), Allow, RuleAdmits},
		{"prefix that is none", query(t, "ingress IPv4 tcp 22 nowhere"), Unknown, RuleUnreadable},
		{"family that is none", query(t, "ingress IPX tcp 22 -"), Unknown, RuleUnreadable},
		{"half a range", query(t, ssh).with(func(q *Query) { q.Groups[0].Rules[0].PortRangeMax = nil }), Unknown, RuleUnreadable},
		{"members not complete", other.members("G2", Members{}).from("10.9.0.5"), Unknown, MembersUnreadable},
		{"zone of a link-local source", query(t, "ingress IPv6 tcp 22 fe80::/10").from("fe80::1%eth0"), Allow, RuleAdmits},
		{"source unknown, destination v6, rule v4", query(t, ssh).from("").with(func(q *Query) { q.Destination = netip.MustParseAddr("2001:db8::1") }), Deny, NoRule},
		{"source unknown, no rule for tcp", query(t, "ingress IPv4 icmp - -").from(""), Deny, NoRule},
		{"stateless, part of the ephemeral ports", stateless("egress IPv4 tcp 1024-40000 -"), Unknown, ReplyUncertain},
		{"two doubts about one rule", query(t, "ingress IPv4 0 - 203.0.113.0/24").from(""), Unknown, ProtocolZero},
		{"stateless and a group unreadable", stateless().bound("g", "hidden"), Unknown, GroupUnreadable},
	} {
		t.Run(v.name, func(t *testing.T) {
			got := Evaluate(v.q)
			if got.Answer != v.answer || got.Reason != v.reason {
				t.Errorf("got %v (%v), want %v (%v)", got.Answer, got.Reason, v.answer, v.reason)
			}
			holdsTogether(t, got)
		})
	}
}

// holdsTogether checks what every verdict promises of its parts.
func holdsTogether(t testing.TB, v Verdict) {
	t.Helper()
	if v.Reason == NotEvaluated {
		t.Error("no reason")
	}
	if v.Answer == Allow && v.Miss != nil {
		t.Error("a miss beside an admission")
	}
	if v.Answer == Deny && (v.Rule != nil || len(v.Unreadable) > 0) {
		t.Error("a denial with a deciding rule or an unreadable group")
	}
	if (v.Reason == RuleAdmits || v.Reason == StatelessReply || v.Reason == SourceUnknown) && v.Rule == nil {
		t.Errorf("%v without its rule", v.Reason)
	}
	if v.Miss != nil && len(v.Miss.Fields) == 0 {
		t.Error("a miss with nothing in the way")
	}
	if v.Certain() && v.Likely() != v.Answer {
		t.Errorf("certain %v but likely %v", v.Answer, v.Likely())
	}
}

func TestLikely(t *testing.T) {
	narrow := "ingress IPv4 tcp 22 192.0.2.0/24"
	for _, v := range []struct {
		name string
		q    Query
		want Answer
	}{
		{"denied", query(t, narrow), Deny},
		{"source unknown", query(t, narrow).from(""), Deny},
		{"source unknown and a group unreadable", query(t, narrow).from("").bound("g", "hidden"), Unknown},
		{"address group missed", query(t, "ingress IPv4 tcp 22 ag:A").addressGroup("A", "192.0.2.0/24"), Deny},
		{"address group missed, another rule in the dark", query(t, "ingress IPv4 tcp 22 ag:A", "ingress IPv4 0 - -").addressGroup("A", "192.0.2.0/24"), Unknown},
		{"stateless", query(t).groups(stateful(group(t, "g", ssh), false)), Deny},
		{"stateless, part of the ephemeral ports", query(t).groups(stateful(group(t, "g", ssh, "egress IPv4 tcp 1024-40000 -"), false)), Unknown},
		{"direct", query(t).with(func(q *Query) { q.Port.VNICType = "direct" }), Unknown},
		{"admitted", query(t, ssh), Allow},
	} {
		if got := Evaluate(v.q).Likely(); got != v.want {
			t.Errorf("%s: got %v, want %v", v.name, got, v.want)
		}
	}
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}
