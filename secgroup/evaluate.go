// Package secgroup answers whether a packet may reach a port through its
// neutron security groups, which rule decides, and which rule lacks.
package secgroup

import (
	"net/netip"
	"slices"
	"strings"

	"osssh/internal/openstack"
)

// Query asks of one TCP connection to one port.
type Query struct {
	Port openstack.Port
	// Groups are the readable ones of Port.SecurityGroups; a missing one
	// counts as unreadable. Others are passed over.
	Groups []openstack.SecurityGroup
	// Source is the client as the port sees it, behind every NAT on the way.
	// Zero = not known.
	Source netip.Addr
	// Destination is the address of the port that is dialled. It tells the
	// family where Source is not known; zero = not known either.
	Destination netip.Addr
	// DestinationPort is the port at the instance: behind a port forwarding the internal one.
	DestinationPort int
	Facts           Facts
}

// Facts is what Evaluate needs beyond port and groups; see Gather.
type Facts struct {
	Unsupported   bool               // neutron has no extension security-group
	Members       map[string]Members // by id of the remote group; absent = unreadable
	AddressGroups map[string]openstack.AddressGroup
	Backend       Backend
}

// Members are the ports bound to a security group.
type Members struct {
	Addresses []netip.Addr   // fixed IPs
	Pairs     []netip.Prefix // allowed-address pairs
	Complete  bool           // no further member can exist that we may not see
}

// Backend is what enforces the rules. A tenant is not told; ports that an
// administrator reads name it.
type Backend int8

// They differ in whether a member's allowed-address pairs are members.
const (
	BackendUnknown Backend = iota
	ML2                    // neutron's agents: openvswitch, linuxbridge
	OVN
)

// Evaluate says whether the query's packet passes. It asks nothing and changes
// nothing; the order of groups and rules is of no account.
func Evaluate(q Query) Verdict {
	q.Source = q.Source.Unmap().WithZone("")
	q.Destination = q.Destination.Unmap().WithZone("")
	if r := unfiltered(q); r != NotEvaluated {
		return Verdict{Answer: Allow, Reason: r}
	}
	if len(q.Port.SecurityGroups) == 0 {
		return doubtVNIC(q, Verdict{Answer: Deny, Reason: NoGroups})
	}
	groups, unreadable := boundGroups(q)
	v := ingress(q, groups)
	v.Unreadable = unreadable
	if v.Answer == Allow && anyStateless(groups) {
		return reply(q, groups, v)
	}
	if v.Answer == Deny && len(unreadable) > 0 {
		v.Answer, v.Reason = Unknown, GroupUnreadable
	}
	return doubtVNIC(q, v)
}

// unfiltered gives the reason why no rule applies to the port, if there is one.
func unfiltered(q Query) Reason {
	p := q.Port
	filter, told := p.VIFDetails["port_filter"].(bool)
	switch {
	case q.Facts.Unsupported:
		return NoExtension
	case strings.HasPrefix(p.DeviceOwner, "network:"):
		return NetworkDevice
	case p.PortSecurityEnabled != nil && !*p.PortSecurityEnabled:
		return PortSecurityDisabled
	case p.VNICType == "macvtap", p.VNICType == "direct-physical", p.VNICType == "baremetal":
		return VNICUnfiltered
	case told && !filter:
		return VIFUnfiltered
	}
	return NotEvaluated
}

// doubtVNIC turns a denial into a doubt where the driver may not filter at
// all: SR-IOV's direct ports are filtered with switchdev only.
func doubtVNIC(q Query, v Verdict) Verdict {
	if v.Answer == Deny && q.Port.VNICType != "" && q.Port.VNICType != "normal" {
		v.Answer, v.Reason = Unknown, VNICUncertain
	}
	return v
}

// boundGroups gives the port's groups that can be read, and the ids of the others.
func boundGroups(q Query) (groups []openstack.SecurityGroup, unreadable []string) {
	for _, id := range q.Port.SecurityGroups {
		i := slices.IndexFunc(q.Groups, func(g openstack.SecurityGroup) bool { return g.ID == id })
		if i < 0 {
			unreadable = append(unreadable, id)
			continue
		}
		groups = append(groups, q.Groups[i])
	}
	return groups, unreadable
}

func anyStateless(groups []openstack.SecurityGroup) bool {
	return slices.ContainsFunc(groups, func(g openstack.SecurityGroup) bool {
		return g.Stateful != nil && !*g.Stateful
	})
}

// ingress joins all ingress rules: one that admits decides, else one in doubt, else none.
func ingress(q Query, groups []openstack.SecurityGroup) Verdict {
	var admits, doubted, missed *matched
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Direction != "ingress" {
				continue
			}
			m := match(q, Rule{g.ID, g.Name, r}, holdsPort)
			switch m.answer {
			case Allow:
				admits = first(admits, m, clearer)
			case Unknown:
				doubted = first(doubted, m, clearer)
			default:
				missed = first(missed, m, nearer)
			}
		}
	}
	switch {
	case admits != nil:
		return Verdict{Answer: Allow, Reason: admits.reason, Rule: &admits.rule}
	case doubted != nil:
		return Verdict{Answer: Unknown, Reason: doubted.reason, Rule: &doubted.rule, Miss: missed.miss()}
	}
	return Verdict{Answer: Deny, Reason: NoRule, Miss: missed.miss()}
}

// reply doubts an admission where a stateless group tracks no connection: then
// an egress rule must let the reply out to the client's ephemeral port. Only
// OVN enforces that everywhere, so a missing rule is no denial.
func reply(q Query, groups []openstack.SecurityGroup, admitted Verdict) Verdict {
	v := admitted
	v.Answer, v.Reason = Unknown, StatelessReply
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Direction != "egress" {
				continue
			}
			switch match(q, Rule{g.ID, g.Name, r}, holdsEphemeral).answer {
			case Allow:
				return admitted
			case Unknown:
				v.Reason = ReplyUncertain
			}
		}
	}
	if len(v.Unreadable) > 0 {
		v.Reason = GroupUnreadable
	}
	return v
}

// first keeps the one of two that comes first in the given order.
func first(a *matched, b matched, before func(a, b *matched) bool) *matched {
	if a == nil || before(&b, a) {
		return &b
	}
	return a
}
