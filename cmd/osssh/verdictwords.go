package main

import (
	"fmt"
	"strings"

	"osssh/reach"
	"osssh/secgroup"
)

func speaksAgainst(v secgroup.Verdict) bool {
	return v.Likely() == secgroup.Deny || v.Reason == secgroup.SourceUnknown
}

// reasonWords says what the rules' answer for a candidate rests on, whatever it is.
func reasonWords(v reach.Verdict) string {
	switch {
	case v.Err != nil:
		return fmt.Sprintf("security groups could not be checked: %s", explain(v.Err).what)
	case v.Rules.Reason == secgroup.NotEvaluated:
		return "it is not known which port this address leads to"
	case speaksAgainst(v.Rules):
		return denialWords(v)
	case v.Rules.Rule == nil && v.Rules.Answer == secgroup.Allow:
		return unfilteredWords(v.Rules.Reason)
	}
	return admissionWords(v.Rules, int(v.Candidate.Inside.Port()))
}

// admissionWords names the rule that admits, or may, and what is in doubt.
func admissionWords(v secgroup.Verdict, port int) string {
	switch {
	case v.Answer == secgroup.Unknown && len(v.Unreadable) > 0:
		return fmt.Sprintf("security group %s may not be read, and may hold the rule", shortID(v.Unreadable[0]))
	case v.Rule == nil:
		return "no rule admits it, but not every network driver filters such a port"
	case v.Reason == secgroup.RuleUnreadable:
		return fmt.Sprintf("rule %s of %s is not as neutron writes one", shortID(v.Rule.ID), v.Rule.GroupName)
	}
	from := fromWords(v.Rule.Admits())
	if v.Rule.Admits().Anywhere() {
		from = "anywhere"
	}
	return fmt.Sprintf("%s admits tcp/%d from %s (rule %s)", v.Rule.GroupName, port, from, shortID(v.Rule.ID)) + doubtWords(v.Reason)
}

// doubtWords say why a rule may admit a source, and may not.
func doubtWords(r secgroup.Reason) string {
	switch r {
	case secgroup.PairAdmits:
		return ", as an allowed-address pair"
	case secgroup.MembersUnreadable:
		return ", whose members may not be read"
	case secgroup.PairsUnknown:
		return "; whether an allowed-address pair counts depends on the network driver"
	case secgroup.AddressGroupUnreadable:
		return ", which may not be read"
	case secgroup.ProtocolZero:
		return "; whether protocol 0 means all depends on the network driver"
	case secgroup.ReplyUncertain:
		return ", but the group is stateless and may not let the reply out"
	}
	return ""
}

// denialWords says what stands in the way.
func denialWords(v reach.Verdict) string {
	port := int(v.Candidate.Inside.Port())
	switch rule := v.Rules.Rule; v.Rules.Reason {
	case secgroup.NoGroups:
		return "the port has no security group, so nothing is let in"
	case secgroup.SourceUnknown:
		return fmt.Sprintf("security group %s admits tcp/%d only from %s, and you may come from elsewhere (rule %s)",
			rule.GroupName, port, fromWords(rule.Admits()), shortID(rule.ID))
	case secgroup.StatelessReply:
		return fmt.Sprintf("security group %s is stateless, and no egress rule lets the reply out", rule.GroupName)
	}
	if v.Rules.Miss == nil {
		return fmt.Sprintf("no security group of the port admits tcp/%d", port)
	}
	return missedRule(v, port)
}

// missedRule says what the nearest rule lacks.
func missedRule(v reach.Verdict, port int) string {
	miss := v.Rules.Miss
	admits := miss.Rule.Admits()
	where := fmt.Sprintf("(security group %s, rule %s)", miss.Rule.GroupName, shortID(miss.Rule.ID))
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
	what := a.Service() + " over " + a.EtherType
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
