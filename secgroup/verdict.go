package secgroup

import "osssh/internal/openstack"

// Answer is what the rules say of a packet.
type Answer int8

// Unknown is the zero value: what rests on missing facts is never a Deny.
const (
	Unknown Answer = iota
	Deny
	Allow
)

// String names the answer in lower case.
func (a Answer) String() string {
	switch a {
	case Deny:
		return "deny"
	case Allow:
		return "allow"
	}
	return "unknown"
}

// Reason says what an answer rests on.
type Reason int8

// Reasons to allow, to deny and to doubt. Among the doubts those where either
// side may be true stand before those that lean to a denial: where several
// rules are in doubt the first in this order speaks for all.
const (
	NotEvaluated Reason = iota

	RuleAdmits           // Verdict.Rule admits the source
	PairAdmits           // Verdict.Rule admits it as an allowed-address pair of a member (ML2 agents)
	NoExtension          // neutron has no security groups
	NetworkDevice        // device_owner network:*, never filtered
	PortSecurityDisabled // port_security_enabled is false
	VNICUnfiltered       // macvtap, direct-physical, baremetal
	VIFUnfiltered        // vif_details: port_filter false

	NoGroups // a secured port without a group drops everything
	NoRule   // no ingress rule admits it; Verdict.Miss came closest

	GroupUnreadable        // Verdict.Unreadable may hold the rule
	MembersUnreadable      // members of the rule's remote group: not readable, or not all of them
	PairsUnknown           // the source is a member's address pair: ML2 agents admit it, OVN does not
	AddressGroupUnreadable // the rule's address group is not readable
	ProtocolZero           // protocol "0" or "ip": everything in iptables, only protocol 0 in OVN
	RuleUnreadable         // a field of the rule is not as neutron writes it
	VNICUncertain          // no rule admits it, but not every driver filters this vnic type
	ReplyUncertain         // as StatelessReply, but an egress rule may let the reply out

	SourceUnknown      // the rule admits some sources and it is not known what the port sees
	AddressGroupMissed // outside the rule's address group; ML2's iptables drivers let all in until neutron bug 2058138 was mended
	StatelessReply     // admitted, but no egress rule of a stateless group lets the reply out; OVN enforces that
)

// String names the reason as a slug.
func (r Reason) String() string {
	switch r {
	case RuleAdmits:
		return "rule-admits"
	case PairAdmits:
		return "pair-admits"
	case NoExtension:
		return "no-extension"
	case NetworkDevice:
		return "network-device"
	case PortSecurityDisabled:
		return "port-security-disabled"
	case VNICUnfiltered:
		return "vnic-unfiltered"
	case VIFUnfiltered:
		return "vif-unfiltered"
	case NoGroups:
		return "no-groups"
	case NoRule:
		return "no-rule"
	case GroupUnreadable:
		return "group-unreadable"
	case MembersUnreadable:
		return "members-unreadable"
	case PairsUnknown:
		return "pairs-unknown"
	case AddressGroupUnreadable:
		return "address-group-unreadable"
	case ProtocolZero:
		return "protocol-zero"
	case RuleUnreadable:
		return "rule-unreadable"
	case VNICUncertain:
		return "vnic-uncertain"
	case ReplyUncertain:
		return "reply-uncertain"
	case SourceUnknown:
		return "source-unknown"
	case AddressGroupMissed:
		return "address-group-missed"
	case StatelessReply:
		return "stateless-reply"
	}
	return "not-evaluated"
}

// Verdict is the answer with what it rests on.
type Verdict struct {
	Answer Answer
	Reason Reason
	// Rule decides: it admits the source (Allow, StatelessReply,
	// ReplyUncertain), or it may (every other doubt about a rule). Else nil.
	Rule *Rule
	// Miss is the rule that came closest to admitting the source, nil with
	// Allow or where no ingress rule missed.
	Miss *Miss
	// Unreadable holds the ids of the port's groups that Query.Groups lacks.
	Unreadable []string
}

// Certain reports whether the answer rests on complete knowledge.
func (v Verdict) Certain() bool { return v.Answer != Unknown }

// Likely is the answer, or where that is Unknown the side to which the doubt
// leans: Deny where only an unlikely circumstance lets the packet through,
// Unknown where nothing speaks for either side.
func (v Verdict) Likely() Answer {
	if v.Answer == Unknown && v.Reason >= SourceUnknown && len(v.Unreadable) == 0 {
		return Deny
	}
	return v.Answer
}

// Rule is a security group rule with the group it stands in.
type Rule struct {
	GroupID, GroupName string
	openstack.SecurityGroupRule
}

// Field is a part of a rule that a packet must match.
type Field int8

// The fields in the order in which a firewall reads them.
const (
	Family Field = iota
	Protocol
	Port
	Remote
	fields
)

// String names the field in lower case.
func (f Field) String() string {
	switch f {
	case Family:
		return "family"
	case Protocol:
		return "protocol"
	case Port:
		return "port"
	}
	return "remote"
}

// Miss is an ingress rule that does not admit the source.
type Miss struct {
	Rule   Rule
	Fields []Field // what stands in the way, in the order of the constants; never empty
}

// Only reports whether f alone stands in the way.
func (m *Miss) Only(f Field) bool { return len(m.Fields) == 1 && m.Fields[0] == f }
