package main

import (
	"fmt"
	"net/netip"
	"strings"

	"osssh/reach"
	"osssh/secgroup"
)

// verdictWords says what the rules have against a candidate, how sure that is,
// and the command that mends it. Rules that admit it have no words.
func verdictWords(v reach.Verdict) (cause, fix string) {
	if v.Err != nil {
		return fmt.Sprintf("security groups could not be checked: %s", explain(v.Err).what), ""
	}
	sure := "certain"
	if !v.Rules.Certain() {
		sure = "probable"
	}
	if v.Rules.Likely() != secgroup.Deny && v.Rules.Reason != secgroup.SourceUnknown {
		return "", ""
	}
	port := int(v.Candidate.Inside.Port())
	switch v.Rules.Reason {
	case secgroup.NoGroups:
		return fmt.Sprintf("the port has no security group, so nothing is let in [%s]", sure),
			"openstack port set --security-group GROUP " + quote(v.Candidate.PortID)
	case secgroup.SourceUnknown:
		rule := v.Rules.Rule
		return fmt.Sprintf("security group %s admits tcp/%d only from %s, and you may come from elsewhere (rule %s) [%s]",
			rule.GroupName, port, fromWords(rule.Admits()), shortID(rule.ID), sure), mend(port, "YOUR-ADDRESS/32", rule.GroupName)
	case secgroup.StatelessReply:
		return fmt.Sprintf("security group %s is stateless, and no egress rule lets the reply out [%s]", v.Rules.Rule.GroupName, sure),
			"openstack security group rule create --egress --protocol tcp --dst-port 1024:65535 " + quote(v.Rules.Rule.GroupName)
	}
	from := "YOUR-ADDRESS/32"
	if v.Source.IsValid() {
		from = netip.PrefixFrom(v.Source, v.Source.BitLen()).String()
	}
	if v.Rules.Miss == nil {
		return fmt.Sprintf("no security group of the port admits tcp/%d [%s]", port, sure), mend(port, from, "GROUP")
	}
	return missedRule(v, port, sure), mend(port, from, v.Rules.Miss.Rule.GroupName)
}

// missedRule says what the nearest rule lacks.
func missedRule(v reach.Verdict, port int, sure string) string {
	miss := v.Rules.Miss
	admits := miss.Rule.Admits()
	where := fmt.Sprintf("(security group %s, rule %s) [%s]", miss.Rule.GroupName, shortID(miss.Rule.ID), sure)
	if miss.Only(secgroup.Remote) {
		you := "you come from elsewhere"
		if v.Source.IsValid() {
			you = "you come from " + v.Source.String()
		}
		return fmt.Sprintf("tcp/%d is admitted only from %s, %s %s", port, fromWords(admits), you, where)
	}
	return fmt.Sprintf("no rule admits tcp/%d; the nearest admits %s %s", port, admitsWords(admits), where)
}

// admitsWords is a rule in short: "icmp over IPv4", "tcp/80 over IPv4 from 10.0.0.0/8".
func admitsWords(a secgroup.Admits) string {
	what := a.Protocol
	switch {
	case what == "":
		what = "everything"
	case a.First == 0 && a.Last == 0:
	case a.First == a.Last:
		what += fmt.Sprintf("/%d", a.First)
	default:
		what += fmt.Sprintf("/%d-%d", a.First, a.Last)
	}
	what += " over " + a.EtherType
	if !a.Anywhere() {
		what += " from " + fromWords(a)
	}
	return what
}

func fromWords(a secgroup.Admits) string {
	switch {
	case a.RemoteGroupID != "":
		return "members of security group " + shortID(a.RemoteGroupID)
	case a.AddressGroupID != "":
		return "address group " + shortID(a.AddressGroupID)
	case a.Prefix.IsValid():
		return a.Prefix.String()
	}
	return "nowhere"
}

// shortID is enough of an id to find it by.
func shortID(id string) string {
	short, _, _ := strings.Cut(id, "-")
	return short
}

func mend(port int, from, group string) string {
	return fmt.Sprintf("openstack security group rule create --protocol tcp --dst-port %d --remote-ip %s %s", port, from, quote(group))
}
