package secgroup

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"osssh/internal/openstack"
)

// marked is a group with rules that allow added: each "ID SERVER MINUTES" with
// the minutes until its end, or "-". A rule without a mark is "ID".
func marked(id, server string, rules ...string) openstack.SecurityGroup {
	g := openstack.SecurityGroup{ID: id, Name: "name-of-" + id, ProjectID: project}
	if server != "" {
		g.Description = Mark{ServerID: server}.String()
	}
	tcp, port, from := "tcp", 22, "203.0.113.7/32"
	for _, s := range rules {
		f := strings.Fields(s)
		r := openstack.SecurityGroupRule{ID: f[0], Direction: "ingress", EtherType: "IPv4", Protocol: &tcp,
			PortRangeMin: &port, PortRangeMax: &port, RemoteIPPrefix: &from, Description: "ssh"}
		if len(f) == 3 {
			m := Mark{ServerID: f[1]}
			var minutes int
			if n, _ := fmt.Sscan(f[2], &minutes); n == 1 {
				m.Until = closingTime.Add(time.Duration(minutes) * time.Minute)
			}
			r.Description = m.String()
		}
		g.Rules = append(g.Rules, r)
	}
	return g
}

var closingTime = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)

// saidClosing is a closing in short: "rules r1 r2; groups own(p1); kept other(1,0,0)".
func saidClosing(c Closing) string {
	var rules, groups, kept []string
	for _, r := range c.Rules {
		rules = append(rules, r.ID)
	}
	for _, e := range c.Groups {
		var ports []string
		for _, p := range e.Ports {
			ports = append(ports, p.ID)
		}
		groups = append(groups, e.Group.ID+"("+strings.Join(ports, ",")+")")
	}
	for _, k := range c.Kept {
		kept = append(kept, fmt.Sprintf("%s(%d,%d,%d)", k.Group.ID, k.Rules, k.Ports, k.Named))
	}
	return fmt.Sprintf("rules %s; groups %s; kept %s", strings.Join(rules, " "), strings.Join(groups, " "), strings.Join(kept, " "))
}

func TestPlanClosing(t *testing.T) {
	port := func(id, device string, groups ...string) openstack.Port {
		return openstack.Port{ID: id, DeviceID: device, SecurityGroups: groups}
	}
	own := "own"
	naming := marked("else", "")
	naming.Rules = []openstack.SecurityGroupRule{{ID: "n", Direction: "ingress", RemoteGroupID: &own}}
	foreign := marked("theirs", "", "r "+serverA+" -")
	foreign.ProjectID = "x"
	type groups = []openstack.SecurityGroup
	type ports = []openstack.Port
	for _, test := range []struct {
		name, server string // "": all that is expired
		groups       groups
		ports        ports
		want         string
	}{
		{"nothing", serverA, groups{marked("g", "", "r1")}, nil, "rules ; groups ; kept "},
		{"a rule in a group of the user's", serverA, groups{marked("g", "", "r1", "r2 "+serverA+" -")}, ports{port("p", serverA, "g")}, "rules r2; groups ; kept "},
		{"another server's", serverA, groups{marked("g", "", "r2 "+serverB+" -")}, nil, "rules ; groups ; kept "},
		{"another project's", serverA, groups{foreign}, nil, "rules ; groups ; kept "},
		{"its own group", serverA, groups{marked("own", serverA, "r1 "+serverA+" -", "r2 "+serverA+" 5")}, ports{port("p", serverA, "g", "own"), port("q", serverA, "g")}, "rules r1 r2; groups own(p); kept "},
		{"on two ports", serverA, groups{marked("own", serverA, "r1 "+serverA+" -")}, ports{port("p", serverA, "own"), port("q", serverA, "own")}, "rules r1; groups own(p,q); kept "},
		{"an own group that was left behind", serverA, groups{marked("own", serverA)}, nil, "rules ; groups own(); kept "},
		{"two of one name", serverA, groups{marked("own", serverA), marked("own2", serverA, "r "+serverA+" -")}, ports{port("p", serverA, "own2")}, "rules r; groups own() own2(p); kept "},
		{"others added a rule", serverA, groups{marked("own", serverA, "r1 "+serverA+" -", "r2")}, ports{port("p", serverA, "own")}, "rules r1; groups ; kept own(1,0,0)"},
		{"others bear it", serverA, groups{marked("own", serverA, "r1 "+serverA+" -")}, ports{port("p", serverA, "own"), port("q", serverB, "own")}, "rules r1; groups ; kept own(0,1,0)"},
		{"others name it", serverA, groups{marked("own", serverA, "r1 "+serverA+" -"), naming}, ports{port("p", serverA, "own")}, "rules r1; groups ; kept own(0,0,1)"},

		{"expired", "", groups{marked("g", "", "r1", "r2 "+serverA+" -", "r3 "+serverA+" 1", "r4 "+serverA+" -1", "r5 "+serverB+" 0")}, nil, "rules r4 r5; groups ; kept "},
		{"an own group that expired", "", groups{marked("own", serverA, "r1 "+serverA+" -1"), marked("own2", serverB, "r2 "+serverB+" 1")}, ports{port("p", serverA, "own")}, "rules r1; groups own(p); kept "},
		{"one of its rules did", "", groups{marked("own", serverA, "r1 "+serverA+" -1", "r2 "+serverA+" 1")}, ports{port("p", serverA, "own")}, "rules r1; groups ; kept own(1,0,0)"},
		{"one that is just being made", "", groups{marked("own", serverA)}, nil, "rules ; groups ; kept "},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := PlanClosing(ClosingQuery{
				ProjectID: project, Groups: test.groups, Ports: test.ports, Servers: []string{test.server},
				Pick: func(_ Rule, m Mark) bool {
					return test.server == "" && m.Expired(closingTime) || m.ServerID == test.server
				},
			})
			if got := saidClosing(c); got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
			if c.Needed() != (test.want[:8] != "rules ; " || !strings.Contains(test.want, "groups ;")) {
				t.Errorf("needed: %v", c.Needed())
			}
		})
	}
}

// Only what was picked goes, whoever else is marked.
func TestPlanClosingPicks(t *testing.T) {
	c := PlanClosing(ClosingQuery{
		ProjectID: project, Groups: []openstack.SecurityGroup{marked("own", serverA, "r1 "+serverA+" -", "r2 "+serverA+" -"), marked("left", serverA)},
		Pick: func(r Rule, _ Mark) bool { return slices.Contains([]string{"r2"}, r.ID) },
	})
	if got, want := saidClosing(c), "rules r2; groups ; kept own(1,0,0)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
