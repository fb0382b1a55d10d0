package diagnose

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/secgroup"
)

// groupCauses are those that the catalogue numbers with G. A port that the rules
// close has one of them: groupRuling says which.
func groupCauses() []Cause {
	return []Cause{
		{
			ID: "G1", Slug: "no-secgroup", Layer: Group,
			Title: "the server's port has no security group, so nothing is let in",
			Shows: "a timeout",
			Told:  "the port has port security and no group",
			Mends: "osssh allow NAME, or openstack server add security group SERVER GROUP",
			Find:  findNoGroup,
		},
		{
			ID: "G2", Slug: "secgroup-no-ssh", Layer: Group,
			Title: "no rule of the security groups lets SSH in from outside",
			Shows: "a timeout",
			Told:  "the rules of all groups of the port, one by one",
			Mends: "osssh allow NAME",
			Find:  findNoSSHRule,
		},
		{
			ID: "G3", Slug: "secgroup-prefix", Layer: Group,
			Title: "the security group admits SSH from other addresses only",
			Shows: "a timeout, while others get in",
			Told:  "the rule that comes nearest, and the address that the port sees of you",
			Mends: "osssh allow NAME",
			Find:  findPrefixExcludes,
		},
		{
			ID: "G4", Slug: "secgroup-family", Layer: Group,
			Title: "the security group admits SSH over the other address family only",
			Shows: "a timeout over IPv6, while IPv4 works; or the other way round",
			Told:  "the rule that comes nearest is of another ethertype",
			Mends: "osssh allow NAME, or osssh -4, osssh -6",
			Find:  findOtherFamily,
		},
		{
			ID: "G5", Slug: "secgroup-port", Layer: Group,
			Title: "the security group lets you in by another port or protocol than SSH's",
			Shows: "a timeout, though other services answer",
			Told:  "rules that admit your address, for other ports or protocols",
			Mends: "osssh allow NAME, or osssh -p PORT if sshd listens on a port that is open",
			Find:  findOtherPort,
		},
		{
			ID: "G6", Slug: "secgroup-members-only", Layer: Group,
			Title: "the security group admits members of a group, and you come from outside or through NAT",
			Shows: "a timeout by the floating IP, while the fixed address works from a member",
			Told:  "the rule names a remote group; members count by their fixed addresses only",
			Mends: "dial the fixed address from a member, or osssh allow NAME",
			Find:  findMembersOnly,
		},
		{
			ID: "G7", Slug: "secgroup-other-port", Layer: Group,
			Title: "the group that admits SSH is on another port of the server",
			Shows: "a timeout",
			Told:  "each port is judged by its own groups",
			Mends: "osssh allow NAME, or openstack port set --security-group GROUP PORT",
			Find:  findOtherInterface,
		},
		{
			ID: "G8", Slug: "secgroup-stateless", Layer: Group,
			Title: "the security group is stateless, and no egress rule lets the replies out",
			Shows: "a timeout",
			Told:  "stateful is false; no egress rule covers the ports of clients",
			Mends: "openstack security group rule create --egress --protocol tcp --dst-port 1024:65535 GROUP",
			Find:  findStatelessReply,
		},
		{
			ID: "G9", Slug: "secgroup-just-added", Layer: Group,
			Title: "the rule that admits you is new, and may not be in force yet",
			Shows: "a timeout, and a moment later a login",
			Told:  "the rule was made less than a minute ago",
			Mends: "try again",
			Find:  findJustAdded,
		},
		{
			ID: "G10", Slug: "secgroup-unreadable", Layer: Group,
			Title: "a security group or an address group may not be read, so nobody can tell",
			Shows: "unclear",
			Told:  "404 for a group that the port bears or a rule names",
			Mends: "ask its owner, or osssh allow NAME",
			Find:  findUnreadableGroup,
		},
	}
}

func findNoGroup(f *Facts) *Finding {
	r, found := f.closed("G1")
	if found == nil {
		return nil
	}
	found.What = fmt.Sprintf("port %s of %s has no security group, so nothing is let in", short(r.port.ID), f.serverName())
	found.Evidence = append(found.Evidence, fmt.Sprintf("port %s: security_groups is empty", r.port.ID))
	return found
}

func findNoSSHRule(f *Facts) *Finding {
	r, found := f.closed("G2")
	if found == nil {
		return nil
	}
	names := f.groupNames(*r.port)
	found.What = fmt.Sprintf("security group %s lets no %s in", names, r.service())
	if len(r.port.SecurityGroups) > 1 {
		found.What = fmt.Sprintf("none of the security groups %s lets %s in", names, r.service())
	}
	if len(r.rules) == 0 {
		found.Evidence = append(found.Evidence, "no ingress rule at all")
	}
	return found
}

func findPrefixExcludes(f *Facts) *Finding {
	r, found := f.closed("G3")
	if found == nil {
		return nil
	}
	found.What = fmt.Sprintf("the security group admits %s only from %s; %s", r.service(), f.froms(r.rules), r.comer(f))
	if r.verdict.Rules.Reason == secgroup.AddressGroupMissed {
		found.Evidence = append(found.Evidence, "some network drivers do not enforce address groups (neutron bug 2058138)")
	}
	return found
}

func findOtherFamily(f *Facts) *Finding {
	r, found := f.closed("G4")
	if found == nil {
		return nil
	}
	other, this, flag := "IPv6", "IPv4", "-6"
	if !r.candidate.Inside.Addr().Is4() {
		other, this, flag = "IPv4", "IPv6", "-4"
	}
	found.What = fmt.Sprintf("the security group admits %s over %s only, and %s is dialled over %s", r.service(), other, r.candidate.Address, this)
	if hasFamily(*r.port, flag == "-4") {
		found.Fix.Words = strings.TrimPrefix(found.Fix.Words+fmt.Sprintf("; or osssh %s %s", flag, terminal.Quote(f.Name)), "; ")
	}
	return found
}

func hasFamily(port openstack.Port, four bool) bool {
	return slices.ContainsFunc(port.FixedIPs, func(ip openstack.FixedIP) bool { return ip.IPAddress.Is4() == four })
}

func findOtherPort(f *Facts) *Finding {
	r, found := f.closed("G5")
	if found == nil {
		return nil
	}
	var open []string
	for _, rule := range r.rules {
		open = addOnce(open, f.admitsWords(rule.Admits()))
	}
	if len(open) > maxRules {
		open = append(open[:maxRules], "…")
	}
	found.What = fmt.Sprintf("the security group does not admit tcp/%d; it lets you in by %s", r.candidate.Inside.Port(), strings.Join(open, ", "))
	return found
}

func findMembersOnly(f *Facts) *Finding {
	r, found := f.closed("G6")
	if found == nil {
		return nil
	}
	found.What = fmt.Sprintf("the security group admits %s only from %s, by their fixed addresses; %s", r.service(), f.froms(r.rules), r.comer(f))
	if fixed := r.candidate.Inside.Addr(); fixed.IsValid() && fixed != r.candidate.Address.Addr() {
		found.Fix.Words = strings.TrimPrefix(found.Fix.Words+fmt.Sprintf("; or dial %s from a member", fixed), "; ")
	}
	return found
}

func findOtherInterface(f *Facts) *Finding {
	r, found := f.closed("G7")
	if found == nil {
		return nil
	}
	rule := r.rules[0]
	found.What = fmt.Sprintf("security group %s admits %s, but it is not on port %s, which %s leads to", rule.GroupName, r.service(), short(r.port.ID), r.candidate.Address.Addr())
	found.Evidence = append(found.Evidence, fmt.Sprintf("port %s has %s", r.port.ID, f.groupNames(*r.port)))
	found.Fix.Words = strings.TrimPrefix(found.Fix.Words+fmt.Sprintf("; or openstack port set --security-group %s %s", rule.GroupID, r.port.ID), "; ")
	return found
}

func findStatelessReply(f *Facts) *Finding {
	r, found := f.closed("G8")
	if found == nil {
		return nil
	}
	group, id := "a security group", "GROUP"
	if len(r.rules) > 0 {
		group, id = "security group "+r.rules[0].GroupName, r.rules[0].GroupID
	}
	for _, g := range f.groupsOf(*r.port) { // the rule may stand in another one
		if g.Stateful != nil && !*g.Stateful {
			group, id = "security group "+g.Name, g.ID
			break
		}
	}
	found.What = group + " is stateless, and no egress rule lets the replies out"
	found.Evidence = append(found.Evidence, "OVN enforces that; other network drivers may not")
	found.Fix = Fix{Command: fmt.Sprintf("openstack security group rule create --egress --ethertype %s --protocol tcp --dst-port 1024:65535 %s", familyOf(r.candidate.Inside.Addr()), id)}
	if r.verdict.Rules.Reason == secgroup.ReplyUncertain {
		found.What = group + " is stateless, and its egress rules may not let the replies out"
	}
	return found
}

func familyOf(address netip.Addr) string {
	if address.Is6() && !address.Is4In6() {
		return "IPv6"
	}
	return "IPv4"
}

// inForce is how long agents take at most to apply a rule, in a cloud that is
// well.
const inForce = time.Minute

func findJustAdded(f *Facts) *Finding {
	if !f.silent() {
		return nil
	}
	for _, w := range f.ways() {
		if !w.open() || w.verdict.Rules.Rule == nil {
			continue
		}
		rule := w.verdict.Rules.Rule
		age := f.now().Sub(rule.CreatedAt.Time)
		if rule.CreatedAt.IsZero() || age > inForce || age < -inForce {
			continue
		}
		return &Finding{
			Confidence: Possible,
			What:       fmt.Sprintf("the rule that admits you was made %s ago, and may not be in force yet", max(age, 0).Round(time.Second)),
			Evidence:   []string{fmt.Sprintf("rule %s of %s: %s, made at %s", short(rule.ID), rule.GroupName, f.admitsWords(rule.Admits()), rule.CreatedAt.UTC().Format(time.RFC3339))},
			Fix:        Fix{Command: "osssh why " + terminal.Quote(f.Name), Words: "again in a minute"},
		}
	}
	return nil
}

func findUnreadableGroup(f *Facts) *Finding {
	r, found := f.closed("G10")
	if found == nil {
		return nil
	}
	found.Confidence = Possible
	v := r.verdict.Rules
	switch {
	case len(v.Unreadable) > 0:
		found.What = fmt.Sprintf("security group %s of the port may not be read, and may hold the rule", short(v.Unreadable[0]))
		found.Evidence = append(found.Evidence, fmt.Sprintf("neutron does not show security group %s", v.Unreadable[0]))
		// nor does it change the groups of a port that has one which the project may not use
		found.Fix = Fix{Words: "ask the owner of that security group to admit you, or to take it off the port"}
		return found
	case v.Reason == secgroup.AddressGroupUnreadable:
		found.What = "the address group that a rule admits may not be read"
	case v.Reason == secgroup.MembersUnreadable:
		found.What = "not all members of the group that a rule admits can be seen"
	default:
		found.What = "whether a rule admits you depends on the network driver"
	}
	found.Fix.Words = strings.TrimPrefix(found.Fix.Words+"; or ask its owner", "; ")
	return found
}
