package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/secgroup"
)

// groupRuling is what the security groups have against one way.
type groupRuling struct {
	way
	id         string // of the cause, "" where nothing speaks against it
	confidence Confidence
	rules      []secgroup.Rule // that come nearest, best first
}

// groupRuling judges the first way that the rules close, or may.
func (f *Facts) groupRuling() groupRuling {
	for _, w := range f.ways() {
		if w.port == nil || w.verdict == nil || w.verdict.Err != nil || w.verdict.Rules.Reason == secgroup.NotEvaluated {
			continue
		}
		r := groupRuling{way: w, confidence: f.sure(w, ruled(w.verdict.Rules))}
		r.id, r.rules = f.whyClosed(w)
		if r.id != "" {
			return r
		}
	}
	return groupRuling{}
}

// ruled is how sure a verdict against a way is.
func ruled(v secgroup.Verdict) Confidence {
	switch {
	case v.Certain():
		return Certain
	case v.Likely() == secgroup.Deny, v.Reason == secgroup.SourceUnknown:
		return Probable
	}
	return Possible
}

// whyClosed names the cause by which the rules close a way, and the rules that
// come nearest to admitting it.
func (f *Facts) whyClosed(w way) (id string, rules []secgroup.Rule) {
	v := w.verdict.Rules
	switch v.Reason {
	case secgroup.NoGroups:
		return "G1", nil
	case secgroup.StatelessReply, secgroup.ReplyUncertain:
		return "G8", deciding(v)
	case secgroup.AddressGroupMissed:
		return "G3", deciding(v)
	case secgroup.GroupUnreadable, secgroup.MembersUnreadable, secgroup.AddressGroupUnreadable,
		secgroup.PairsUnknown, secgroup.ProtocolZero, secgroup.RuleUnreadable:
		return "G10", deciding(v)
	}
	if v.Answer == secgroup.Allow {
		return "", nil
	}
	if len(w.port.SecurityGroups) == 0 { // on a port that may not be filtered
		return "G1", nil
	}
	if rules := f.elsewhere(w); len(rules) > 0 {
		return "G7", rules
	}
	return f.nearest(w)
}

func deciding(v secgroup.Verdict) []secgroup.Rule {
	if v.Rule == nil {
		return nil
	}
	return []secgroup.Rule{*v.Rule}
}

// elsewhere are rules of other ports of the server that would admit what this
// one does not.
func (f *Facts) elsewhere(w way) (rules []secgroup.Rule) {
	for _, other := range f.Neutron.Ways.Ports {
		if other.ID == w.port.ID || other.PortSecurityEnabled != nil && !*other.PortSecurityEnabled {
			continue
		}
		swapped := *w.port
		swapped.SecurityGroups = other.SecurityGroups
		if v := w.judge(swapped, f.Neutron.Groups); v.Answer == secgroup.Allow && v.Rule != nil {
			rules = append(rules, *v.Rule)
		}
	}
	return rules
}

// judge asks what groups would say of a way. Members of remote groups are not
// known here: a rule that names one neither admits nor denies.
func (w way) judge(port openstack.Port, groups []openstack.SecurityGroup) secgroup.Verdict {
	return secgroup.Evaluate(secgroup.Query{
		Port: port, Groups: groups, Source: w.verdict.Source,
		Destination: w.candidate.Inside.Addr(), DestinationPort: int(w.candidate.Inside.Port()),
	})
}

// nearest sorts the rules of a closed port by what they lack for this way. SSH
// rules go first: a prefix, a group, a family; then rules for other ports.
func (f *Facts) nearest(w way) (id string, rules []secgroup.Rule) {
	lacking := map[string][]secgroup.Rule{}
	for _, group := range f.groupsOf(*w.port) {
		for _, rule := range group.Rules {
			if rule.Direction == "ingress" {
				one := secgroup.Rule{GroupID: group.ID, GroupName: group.Name, SecurityGroupRule: rule}
				id := f.lacks(w, one)
				lacking[id] = append(lacking[id], one)
			}
		}
	}
	for _, id := range []string{"G3", "G6", "G4", "G5"} {
		if len(lacking[id]) > 0 {
			return id, lacking[id]
		}
	}
	return "G2", lacking["G2"]
}

// groupsOf are the readable security groups of a port.
func (f *Facts) groupsOf(port openstack.Port) []openstack.SecurityGroup {
	var groups []openstack.SecurityGroup
	for _, id := range port.SecurityGroups {
		if group := find(f.Neutron.Groups, func(g openstack.SecurityGroup) bool { return g.ID == id }); group != nil {
			groups = append(groups, *group)
		}
	}
	return groups
}

// lacks says which cause it is that one rule does not admit a way.
func (f *Facts) lacks(w way, rule secgroup.Rule) string {
	alone := *w.port
	alone.SecurityGroups = []string{rule.GroupID}
	v := w.judge(alone, []openstack.SecurityGroup{{ID: rule.GroupID, Rules: []openstack.SecurityGroupRule{rule.SecurityGroupRule}}})
	admits := rule.Admits()
	if v.Miss == nil || v.Miss.Only(secgroup.Remote) { // the source alone is wrong, or not known
		return f.lacksSource(w, rule.GroupID, admits)
	}
	port := int(w.candidate.Inside.Port())
	forSSH := admits.Protocol == "tcp" && admits.First <= port && port <= admits.Last
	wrong := func(one ...secgroup.Field) bool {
		return !slices.ContainsFunc(v.Miss.Fields, func(x secgroup.Field) bool { return !slices.Contains(one, x) })
	}
	switch {
	case forSSH && wrong(secgroup.Family, secgroup.Remote):
		return "G4"
	case wrong(secgroup.Protocol, secgroup.Port) && admits.Prefix.IsValid() && slices.Contains([]string{"tcp", "udp", "17"}, admits.Protocol):
		return "G5"
	}
	return "G2"
}

// lacksSource tells a rule for other addresses from one for members of a group.
// The default group's own rule, which admits its members to everything, says
// nothing of SSH, unless one comes from a member by its floating IP.
func (f *Facts) lacksSource(w way, groupID string, admits secgroup.Admits) string {
	switch {
	case admits.RemoteGroupID == "":
		return "G3"
	case admits.RemoteGroupID != groupID, admits.Protocol == "tcp", f.translated(w):
		return "G6"
	}
	return "G2"
}

// translated says whether one comes from the project's own networks by a NAT: the
// port sees a router's address, or another server's floating IP.
func (f *Facts) translated(w way) bool {
	source := w.verdict.Source
	if !source.IsValid() {
		return false
	}
	for _, router := range f.Neutron.Routers {
		if router.Gateway != nil && slices.ContainsFunc(router.Gateway.ExternalFixedIPs, func(ip openstack.FixedIP) bool { return ip.IPAddress == source }) {
			return true
		}
	}
	return slices.ContainsFunc(f.Control, func(c Control) bool { return c.Address.Addr() == source })
}

// closed is what every cause of a closed port has in common.
func (f *Facts) closed(id string) (groupRuling, *Finding) {
	r := f.groupRuling()
	if r.id != id {
		return r, nil
	}
	found := &Finding{Confidence: r.confidence, Fix: f.allowFix(r.way)}
	for _, rule := range r.rules[:min(len(r.rules), maxRules)] {
		found.Evidence = append(found.Evidence, fmt.Sprintf("rule %s of %s: %s", short(rule.ID), rule.GroupName, f.admitsWords(rule.Admits())))
	}
	if hidden := len(r.rules) - maxRules; hidden > 0 {
		found.Evidence = append(found.Evidence, fmt.Sprintf("and %d more", hidden))
	}
	if !r.verdict.Source.IsValid() && r.verdict.Rules.Reason == secgroup.SourceUnknown {
		found.Evidence = append(found.Evidence, "the address that the port sees of you is not known: a NAT may stand between (--source ADDRESS)")
	}
	return r, found
}

// maxRules is how many rules stand in the evidence.
const maxRules = 4

// allowFix is the command that adds the rule that lacks.
func (f *Facts) allowFix(w way) Fix {
	from := netip.Addr{}
	if w.verdict != nil {
		from = w.verdict.Source
	}
	fix := Fix{Command: "osssh allow " + terminal.Quote(f.Name) + " --from " + prefixWords(from), Harmless: from.IsValid()}
	if !from.IsValid() {
		fix.Words = "YOUR-ADDRESS is the one that your network shows to the outside"
	}
	if w.jump != nil || len(f.Way.Candidates) > 0 && f.Way.Candidates[0].Address != w.candidate.Address {
		fix.Command += " --address " + w.candidate.Address.Addr().String()
	}
	if f.Port != 0 {
		fix.Command += fmt.Sprintf(" --port %d", f.Port)
	}
	return fix
}

// prefixWords is an address as a prefix of itself.
func prefixWords(address netip.Addr) string {
	if !address.IsValid() {
		return "YOUR-ADDRESS/32"
	}
	return netip.PrefixFrom(address, address.BitLen()).String()
}

// comer says from where the port is asked.
func (r groupRuling) comer(f *Facts) string {
	source := r.verdict.Source
	switch {
	case r.jump != nil:
		return fmt.Sprintf("jump host %s comes from %s", r.jump.Server.Name, source)
	case source.IsValid():
		return "you come from " + source.String()
	case f.Way.Proxied:
		return "the host on the way may come from elsewhere"
	}
	return "you may come from elsewhere"
}

// service is what is asked for: SSH, or its port where that is another one.
func (r groupRuling) service() string {
	if port := r.candidate.Inside.Port(); port != 22 {
		return fmt.Sprintf("tcp/%d", port)
	}
	return "SSH"
}

// admitsWords is a rule in short: "tcp/22 from 192.0.2.0/24", "icmp", "everything
// over IPv6 from members of bastion".
func (f *Facts) admitsWords(a secgroup.Admits) string {
	what := a.Service()
	if a.EtherType == "IPv6" {
		what += " over IPv6"
	}
	if !a.Anywhere() {
		what += " from " + f.fromWords(a)
	}
	return what
}

// fromWords is whom a rule admits.
func (f *Facts) fromWords(a secgroup.Admits) string {
	switch {
	case a.RemoteGroupID != "":
		return "members of " + f.groupName(a.RemoteGroupID)
	case a.AddressGroupID != "":
		return "address group " + short(a.AddressGroupID)
	case a.Anywhere():
		return "anywhere"
	case a.Prefix.IsValid():
		return a.Prefix.String()
	}
	return "nowhere"
}

func (f *Facts) groupName(id string) string {
	if group := find(f.Neutron.Groups, func(g openstack.SecurityGroup) bool { return g.ID == id }); group != nil {
		return nameOf(group.Name, group.ID)
	}
	return "security group " + short(id)
}

// groupNames are the groups of a port by name.
func (f *Facts) groupNames(port openstack.Port) string {
	var names []string
	for _, id := range port.SecurityGroups {
		names = append(names, f.groupName(id))
	}
	return strings.Join(names, ", ")
}

// froms lists whom rules admit, each once.
func (f *Facts) froms(rules []secgroup.Rule) string {
	var all []string
	for _, rule := range rules {
		all = addOnce(all, f.fromWords(rule.Admits()))
	}
	if len(all) > maxRules {
		all = append(all[:maxRules], "…")
	}
	return strings.Join(all, ", ")
}
