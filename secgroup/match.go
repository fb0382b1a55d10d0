package secgroup

import (
	"cmp"
	"net/netip"

	"osssh/internal/openstack"
)

// matched is what became of one rule.
type matched struct {
	rule   Rule
	answer Answer
	reason Reason         // RuleAdmits, PairAdmits or the doubt
	by     [fields]Answer // field by field
	named  bool           // the rule speaks of this very TCP port, not of everything
}

// match holds a rule against the query; ports says which of the rule's ports count.
func match(q Query, r Rule, ports func(Query, int, int) Answer) matched {
	m := matched{rule: r, reason: RuleAdmits}
	doubt := NotEvaluated
	note := func(f Field, a Answer, why Reason) {
		m.by[f] = a
		if a == Unknown && (doubt == NotEvaluated || why < doubt) {
			doubt = why
		}
		if a == Allow && why == PairAdmits {
			m.reason = PairAdmits
		}
	}
	a, why := matchFamily(q, r.EtherType)
	note(Family, a, why)
	a, why = matchProtocol(r.SecurityGroupRule)
	note(Protocol, a, why)
	a, why = matchPort(q, r.SecurityGroupRule, ports)
	note(Port, a, why)
	a, why = matchRemote(q, r.SecurityGroupRule)
	note(Remote, a, why)

	m.named = protocolOf(r.SecurityGroupRule) == "tcp" && r.PortRangeMin != nil && m.by[Port] == Allow
	m.answer = Allow
	for _, a := range m.by {
		if a == Deny {
			m.answer = Deny
		}
	}
	if m.answer == Allow && doubt != NotEvaluated {
		m.answer, m.reason = Unknown, doubt
	}
	return m
}

// matchFamily: a rule is of one family, the source's, else the destination's, decides.
func matchFamily(q Query, etherType string) (Answer, Reason) {
	addr := q.Source
	if !addr.IsValid() {
		addr = q.Destination
	}
	switch {
	case etherType != "IPv4" && etherType != "IPv6":
		return Unknown, RuleUnreadable
	case !addr.IsValid():
		return Allow, NotEvaluated
	}
	return answer(addr.Is4() == (etherType == "IPv4")), NotEvaluated
}

func matchProtocol(r openstack.SecurityGroupRule) (Answer, Reason) {
	switch protocolOf(r) {
	case "", "tcp":
		return Allow, NotEvaluated
	case "0", "ip":
		return Unknown, ProtocolZero
	}
	return Deny, NotEvaluated
}

// matchPort passes over the range of protocols that have no ports: ICMP keeps
// type and code there.
func matchPort(q Query, r openstack.SecurityGroupRule, ports func(Query, int, int) Answer) (Answer, Reason) {
	switch protocolOf(r) {
	case "", "tcp", "0", "ip", "udp", "17", "sctp", "132", "dccp", "33", "udplite", "136":
	default:
		return Allow, NotEvaluated
	}
	if r.PortRangeMin == nil && r.PortRangeMax == nil {
		return Allow, NotEvaluated
	}
	if r.PortRangeMin == nil || r.PortRangeMax == nil {
		return Unknown, RuleUnreadable
	}
	return ports(q, *r.PortRangeMin, *r.PortRangeMax), ReplyUncertain // only egress is ever in doubt
}

func holdsPort(q Query, low, high int) Answer {
	return answer(low <= q.DestinationPort && q.DestinationPort <= high)
}

// Linux's net.ipv4.ip_local_port_range: a reply goes to one of these.
const ephemeralLow, ephemeralHigh = 32768, 60999

func holdsEphemeral(_ Query, low, high int) Answer {
	switch {
	case low <= ephemeralLow && ephemeralHigh <= high:
		return Allow
	case high < ephemeralLow || ephemeralHigh < low || high < low:
		return Deny
	}
	return Unknown
}

func matchRemote(q Query, r openstack.SecurityGroupRule) (Answer, Reason) {
	if id := deref(r.RemoteGroupID); id != "" {
		return matchMembers(q, id)
	}
	if id := deref(r.RemoteAddressGroupID); id != "" {
		return matchAddressGroup(q, id)
	}
	prefix, ok := prefixOf(r)
	switch {
	case !ok:
		return Unknown, RuleUnreadable
	case prefix.Bits() == 0:
		return Allow, NotEvaluated // the family is matched on its own
	case !q.Source.IsValid():
		return Unknown, SourceUnknown
	}
	return answer(prefix.Contains(q.Source)), NotEvaluated
}

// matchMembers: members are the fixed IPs of the group's ports. To ML2's agents
// so are their allowed-address pairs (neutron/db/securitygroups_rpc_base.py,
// _select_ips_for_remote_group), to OVN they are not.
func matchMembers(q Query, id string) (Answer, Reason) {
	members, readable := q.Facts.Members[id]
	switch {
	case !q.Source.IsValid():
		return Unknown, SourceUnknown
	case !readable:
		return Unknown, MembersUnreadable
	}
	for _, a := range members.Addresses {
		if a == q.Source {
			return Allow, NotEvaluated
		}
	}
	if q.Facts.Backend != OVN && containsAddr(members.Pairs, q.Source) {
		if q.Facts.Backend == ML2 {
			return Allow, PairAdmits
		}
		return Unknown, PairsUnknown
	}
	if !members.Complete {
		return Unknown, MembersUnreadable
	}
	return Deny, NotEvaluated
}

// matchAddressGroup never denies: a tenant cannot tell whether the driver
// enforces address groups at all.
func matchAddressGroup(q Query, id string) (Answer, Reason) {
	group, readable := q.Facts.AddressGroups[id]
	switch {
	case !readable:
		return Unknown, AddressGroupUnreadable
	case !q.Source.IsValid():
		return Unknown, SourceUnknown
	}
	for _, s := range group.Addresses {
		if p, ok := parsePrefix(s); ok && p.Contains(q.Source) {
			return Allow, NotEvaluated
		}
	}
	return Unknown, AddressGroupMissed
}

func containsAddr(prefixes []netip.Prefix, a netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func answer(yes bool) Answer {
	if yes {
		return Allow
	}
	return Deny
}

// clearer orders rules that admit or may admit: the plainest reason first, then
// the rule that speaks of this port. The id makes the choice repeatable.
func clearer(a, b *matched) bool {
	return cmp.Or(
		cmp.Compare(a.reason, b.reason),
		trueFirst(a.named, b.named),
		cmp.Compare(a.rule.ID, b.rule.ID),
		cmp.Compare(a.rule.GroupID, b.rule.GroupID),
	) < 0
}

// nearer orders rules that miss: the fewest fields in the way first, then the
// rule that speaks of this port (meant for SSH, unlike the default group's),
// then the one that failed latest.
func nearer(a, b *matched) bool {
	inA, inB := a.inTheWay(), b.inTheWay()
	return cmp.Or(
		cmp.Compare(len(inA), len(inB)),
		trueFirst(a.named, b.named),
		cmp.Compare(inB[0], inA[0]),
		cmp.Compare(a.rule.ID, b.rule.ID),
		cmp.Compare(a.rule.GroupID, b.rule.GroupID),
	) < 0
}

func trueFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (m *matched) inTheWay() []Field {
	var out []Field
	for f := range fields {
		if m.by[f] == Deny {
			out = append(out, f)
		}
	}
	return out
}

func (m *matched) miss() *Miss {
	if m == nil {
		return nil
	}
	return &Miss{Rule: m.rule, Fields: m.inTheWay()}
}
