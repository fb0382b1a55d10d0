package secgroup

import (
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"

	"osssh/internal/openstack"
)

// OpeningQuery asks what lets TCP connections from a prefix in to one port.
type OpeningQuery struct {
	Port   openstack.Port
	Groups []openstack.SecurityGroup // as in Query
	Facts  Facts
	Use    GroupUse
	// From is who is to be let in: masked, and of the family that is dialled.
	From            netip.Prefix
	DestinationPort int // at the instance, 1 to 65535

	ServerID, ServerName string    // for the marks and the name of a new group
	Until                time.Time // as in Mark
}

// GroupUse tells who else is concerned by a rule in a group. A group that is
// missing in a map is one of which that is not known.
type GroupUse struct {
	ProjectID string          // the project that asks
	Others    map[string]int  // by group id: the ports that bear it, the query's own apart
	Lent      map[string]bool // by group id: whether other projects' ports may bear it (RBAC)
}

// Opening is what has to be done, in this order: make the group, if there is a
// new one, and empty it; add the rules; put the new group on the port.
type Opening struct {
	// Unfiltered says why nothing filters the port at all; else NotEvaluated.
	Unfiltered Reason
	// Admitted is the ingress rule that admits the whole prefix already, if one does.
	Admitted *Rule
	// Group is the group that takes the rules, where one of the port's own may.
	Group *openstack.SecurityGroup
	// NewGroup is to be made where none of them may.
	NewGroup *openstack.NewSecurityGroup
	// Rules are what lacks: none, one, or two where replies need one too.
	// SecurityGroupID is empty for the new group.
	Rules []openstack.NewSecurityGroupRule
}

// Needed says whether anything has to be done.
func (o Opening) Needed() bool { return len(o.Rules) > 0 }

// Replies go to a port that the client's system chose, or a NAT on the way:
// every system keeps to these (RFC 6056 section 3.2; RFC 4787 REQ-3).
const replyLow, replyHigh = 1024, 65535

// PlanOpening decides what lets the prefix in and opens nothing else: a rule goes into
// a group that this port alone bears, or into a new one. The project's default
// group, which new servers get, is never used.
func PlanOpening(q OpeningQuery) Opening {
	one := Query{
		Port: q.Port, Groups: q.Groups, Facts: q.Facts, Source: q.From.Addr(),
		Destination: q.From.Addr(), DestinationPort: q.DestinationPort,
	}
	if r := unfiltered(one); r != NotEvaluated {
		return Opening{Unfiltered: r}
	}
	groups, _ := boundGroups(one)
	o := Opening{Admitted: q.admitting(one, groups, "ingress", holdsPort)}
	stateless := anyStateless(groups)
	if o.Admitted == nil {
		o.Rules = append(o.Rules, q.rule("ingress", q.DestinationPort, q.DestinationPort))
	}
	if stateless && q.admitting(one, groups, "egress", holdsEphemeral) == nil {
		o.Rules = append(o.Rules, q.rule("egress", replyLow, replyHigh))
	}
	if !o.Needed() {
		return o
	}
	if o.Group = q.own(groups, Evaluate(one).Miss); o.Group == nil {
		o.NewGroup = q.newGroup(stateless)
		return o
	}
	for i := range o.Rules {
		o.Rules[i].SecurityGroupID = o.Group.ID
	}
	return o
}

// admitting is the plainest rule that lets the whole prefix through, nil if
// none does for sure.
func (q OpeningQuery) admitting(one Query, groups []openstack.SecurityGroup, direction string, ports func(Query, int, int) Answer) *Rule {
	var best *matched
	for _, g := range groups {
		for _, r := range g.Rules {
			if r.Direction != direction {
				continue
			}
			m := match(one, Rule{g.ID, g.Name, r}, ports)
			if m.answer == Allow && q.coveredBy(m.rule) {
				best = first(best, m, clearer)
			}
		}
	}
	if best == nil {
		return nil
	}
	return &best.rule
}

// coveredBy says whether a rule that admits the prefix's first address admits
// all of them. Members of groups are addresses: no prefix is sure to be.
func (q OpeningQuery) coveredBy(r Rule) bool {
	admits := r.Admits().Prefix
	return q.From.IsSingleIP() || admits.IsValid() && admits.Bits() <= q.From.Bits()
}

func (q OpeningQuery) rule(direction string, low, high int) openstack.NewSecurityGroupRule {
	family := "IPv4"
	if q.From.Addr().Is6() {
		family = "IPv6"
	}
	return openstack.NewSecurityGroupRule{
		Direction: direction, EtherType: family, Protocol: "tcp", PortRangeMin: low, PortRangeMax: high,
		RemoteIPPrefix: q.From.String(), Description: Mark{q.ServerID, q.Until}.String(),
	}
}

// own is the group in which a rule concerns this port only: the one that was
// made for that, else the one with the nearest rule, else the first.
func (q OpeningQuery) own(groups []openstack.SecurityGroup, miss *Miss) *openstack.SecurityGroup {
	groups = slices.DeleteFunc(groups, func(g openstack.SecurityGroup) bool { return !q.isOwn(g) })
	for _, g := range groups {
		if m, ok := ParseMark(g.Description); ok && m.ServerID == q.ServerID {
			return &g
		}
	}
	for _, g := range groups {
		if miss != nil && miss.Rule.GroupID == g.ID {
			return &g
		}
	}
	if len(groups) == 0 {
		return nil
	}
	return &groups[0]
}

func (q OpeningQuery) isOwn(g openstack.SecurityGroup) bool {
	others, counted := q.Use.Others[g.ID]
	lent, known := q.Use.Lent[g.ID]
	return counted && others == 0 && known && !lent && !g.Shared &&
		g.Name != "default" && g.ProjectID == q.Use.ProjectID
}

// newGroup is stateless only where the port's groups are: neutron takes no
// mixture (neutron/db/securitygroups_db.py).
func (q OpeningQuery) newGroup(stateless bool) *openstack.NewSecurityGroup {
	g := &openstack.NewSecurityGroup{Name: groupName(q.ServerName), Description: Mark{ServerID: q.ServerID}.String()}
	if stateless {
		g.Stateful = new(bool)
	}
	return g
}

// maxGroupName is neutron's bound in characters (neutron_lib.db.constants.NAME_FIELD_SIZE).
const maxGroupName = 255

// groupName is the name of a server's own group. Neutron's database may hold no
// character beyond U+FFFF (MySQL's utf8mb3).
func groupName(server string) string {
	safe := strings.Map(func(r rune) rune {
		if r > 0xFFFF || r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '_'
		}
		return r
	}, server)
	name := []rune("osssh-" + safe)
	return strings.TrimSpace(string(name[:min(len(name), maxGroupName)]))
}
