package secgroup

import (
	"slices"

	"osssh/internal/openstack"
)

// ClosingQuery asks what takes rules back that an Opening added.
type ClosingQuery struct {
	ProjectID string                    // whose groups count
	Groups    []openstack.SecurityGroup // all of the project
	Ports     []openstack.Port          // that bear the marked ones of them; more do no harm
	// Pick chooses among the rules that bear a mark.
	Pick func(Rule, Mark) bool
	// Servers are those by id whose groups go even where no rule is left in them.
	Servers []string
}

// Closing is what has to be done, in this order: delete the rules, take the
// groups off the ports, delete the groups.
type Closing struct {
	Rules  []Rule
	Groups []EmptiedGroup
	Kept   []KeptGroup
}

// Needed says whether anything has to be done.
func (c Closing) Needed() bool { return len(c.Rules) > 0 || len(c.Groups) > 0 }

// EmptiedGroup is a server's own group in which no rule is left.
type EmptiedGroup struct {
	Group openstack.SecurityGroup
	Ports []openstack.Port // that bear it: of that server, all of them
}

// KeptGroup is a server's own group that others have begun to use.
type KeptGroup struct {
	Group openstack.SecurityGroup
	Rules int // that are not picked
	Ports int // of other devices
	Named int // rules of other groups that admit its members
}

// PlanClosing decides what takes the picked rules back, and nothing else: an own
// group goes with its last rule, unless others use it.
func PlanClosing(q ClosingQuery) Closing {
	var c Closing
	for _, g := range q.Groups {
		if g.ProjectID != q.ProjectID {
			continue
		}
		picked := 0
		for _, r := range g.Rules {
			rule := Rule{g.ID, g.Name, r}
			if m, ok := markOf(rule); ok && q.Pick(rule, m) {
				c.Rules = append(c.Rules, rule)
				picked++
			}
		}
		m, own := ParseMark(g.Description)
		if !own || picked == 0 && !slices.Contains(q.Servers, m.ServerID) {
			continue
		}
		kept := KeptGroup{Group: g, Rules: len(g.Rules) - picked, Named: q.naming(g.ID)}
		emptied := EmptiedGroup{Group: g}
		for _, p := range q.Ports {
			switch {
			case !slices.Contains(p.SecurityGroups, g.ID):
			case p.DeviceID == m.ServerID:
				emptied.Ports = append(emptied.Ports, p)
			default:
				kept.Ports++
			}
		}
		if kept.Rules+kept.Ports+kept.Named > 0 {
			c.Kept = append(c.Kept, kept)
		} else {
			c.Groups = append(c.Groups, emptied)
		}
	}
	return c
}

// naming counts the rules of other groups that admit a group's members: they
// would go with it.
func (q ClosingQuery) naming(id string) int {
	n := 0
	for _, g := range q.Groups {
		for _, r := range g.Rules {
			if g.ID != id && deref(r.RemoteGroupID) == id {
				n++
			}
		}
	}
	return n
}
