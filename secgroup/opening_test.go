package secgroup

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"osssh/internal/openstack"
)

const serverA, serverB = "6f1c2d3e-0000-4000-8000-00000000000a", "6f1c2d3e-0000-4000-8000-00000000000b"

// opening is the query of a port with one group of the project that no other
// bears, and neutron's default egress.
func opening(t testing.TB, from string, rules ...string) OpeningQuery {
	t.Helper()
	g := group(t, "g", append(rules, "egress IPv4 - - -", "egress IPv6 - - -")...)
	g.ProjectID = project
	return OpeningQuery{
		Port: openstack.Port{ID: "p", SecurityGroups: []string{"g"}}, Groups: []openstack.SecurityGroup{g},
		Use:  GroupUse{ProjectID: project, Others: map[string]int{"g": 0}, Lent: map[string]bool{"g": false}},
		From: netip.MustParsePrefix(from).Masked(), DestinationPort: 22, ServerID: serverA, ServerName: "web",
	}
}

// said is an opening in short: "in g: ingress IPv4 22 203.0.113.7/32".
func said(o Opening) string {
	switch {
	case o.Unfiltered != NotEvaluated:
		return "unfiltered: " + o.Unfiltered.String()
	case !o.Needed():
		return "admitted: " + o.Admitted.ID
	}
	where := ""
	if o.Group != nil {
		where = "in " + o.Group.ID
	} else {
		where = "new " + o.NewGroup.Name
		if s := o.NewGroup.Stateful; s != nil {
			where += map[bool]string{false: " stateless", true: " stateful"}[*s]
		}
	}
	for _, r := range o.Rules {
		ports := "1024-65535"
		if r.PortRangeMin == r.PortRangeMax {
			ports = "22"
		}
		where += ": " + strings.Join([]string{r.Direction, r.EtherType, r.Protocol, ports, r.RemoteIPPrefix}, " ")
	}
	return where
}

func TestPlanOpening(t *testing.T) {
	const me, one = "203.0.113.7/32", ": ingress IPv4 tcp 22 203.0.113.7/32"
	yes, no := true, false
	with := func(q OpeningQuery, change func(*OpeningQuery)) OpeningQuery {
		change(&q)
		return q
	}
	second := func(q OpeningQuery, change func(*openstack.SecurityGroup)) OpeningQuery {
		g := group(t, "h", "ingress IPv4 tcp 80 -")
		g.ProjectID = project
		change(&g)
		q.Port.SecurityGroups = append(q.Port.SecurityGroups, "h")
		q.Groups = append(q.Groups, g)
		q.Use.Others["h"], q.Use.Lent["h"] = 0, false
		return q
	}
	icmp := "ingress IPv4 icmp - -"
	for _, test := range []struct {
		name string
		q    OpeningQuery
		want string
	}{
		// in the port's own group
		{"no rule at all", opening(t, me), "in g" + one},
		{"ping only", opening(t, me, icmp), "in g" + one},
		{"another prefix", opening(t, me, "ingress IPv4 tcp 22 192.0.2.0/24"), "in g" + one},
		{"another port", opening(t, me, "ingress IPv4 tcp 2222 -"), "in g" + one},
		{"the other family", opening(t, me, "ingress IPv6 tcp 22 -"), "in g" + one},
		{"IPv6", opening(t, "2001:db8::7/128", "ingress IPv4 tcp 22 -"), "in g: ingress IPv6 tcp 22 2001:db8::7/128"},
		{"anywhere", opening(t, "0.0.0.0/0", "ingress IPv4 tcp 22 203.0.113.0/24"), "in g: ingress IPv4 tcp 22 0.0.0.0/0"},
		{"a wider prefix than one that is there", opening(t, "203.0.113.0/24", "ingress IPv4 tcp 22 203.0.113.0/25"), "in g: ingress IPv4 tcp 22 203.0.113.0/24"},

		// admitted already
		{"by its prefix", opening(t, me, "ingress IPv4 tcp 22 203.0.113.0/24"), "admitted: ingress IPv4 tcp 22 203.0.113.0/24"},
		{"by all", opening(t, me, "ingress IPv4 - - -"), "admitted: ingress IPv4 - - -"},
		{"a prefix by the same", opening(t, "203.0.113.0/24", "ingress IPv4 tcp 22 203.0.113.0/24"), "admitted: ingress IPv4 tcp 22 203.0.113.0/24"},
		{"a prefix by a wider one with host bits", opening(t, "203.0.113.0/24", "ingress IPv4 tcp 1-1024 203.0.113.9/16"), "admitted: ingress IPv4 tcp 1-1024 203.0.113.9/16"},
		{"anywhere", opening(t, "0.0.0.0/0", "ingress IPv4 tcp 22 -"), "admitted: ingress IPv4 tcp 22 -"},
		{"as a member", with(opening(t, me, "ingress IPv4 tcp 22 sg:m"), func(q *OpeningQuery) {
			q.Facts.Members = map[string]Members{"m": {Addresses: addrs("203.0.113.7"), Complete: true}}
		}), "admitted: ingress IPv4 tcp 22 sg:m"},
		{"members are no prefix", with(opening(t, "203.0.113.7/31", "ingress IPv4 tcp 22 sg:m"), func(q *OpeningQuery) {
			q.Facts.Members = map[string]Members{"m": {Addresses: addrs("203.0.113.6", "203.0.113.7"), Complete: true}}
		}), "in g: ingress IPv4 tcp 22 203.0.113.6/31"},
		{"in doubt is not admitted", opening(t, me, "ingress IPv4 tcp 22 ag:unread", "ingress IPv4 0 - -"), "in g" + one},

		// a group of its own, where a rule would open more
		{"others bear it", with(opening(t, me, icmp), func(q *OpeningQuery) { q.Use.Others["g"] = 1 }), "new osssh-web" + one},
		{"not known who bears it", with(opening(t, me, icmp), func(q *OpeningQuery) { delete(q.Use.Others, "g") }), "new osssh-web" + one},
		{"other projects may bear it", with(opening(t, me, icmp), func(q *OpeningQuery) { q.Use.Lent["g"] = true }), "new osssh-web" + one},
		{"not known whether they may", with(opening(t, me, icmp), func(q *OpeningQuery) { delete(q.Use.Lent, "g") }), "new osssh-web" + one},
		{"it is lent to us", with(opening(t, me, icmp), func(q *OpeningQuery) { q.Groups[0].Shared = true }), "new osssh-web" + one},
		{"it is another project's", with(opening(t, me, icmp), func(q *OpeningQuery) { q.Groups[0].ProjectID = "x" }), "new osssh-web" + one},
		{"it is the default group", with(opening(t, me, icmp), func(q *OpeningQuery) { q.Groups[0].Name = "default" }), "new osssh-web" + one},
		{"the port has none", with(opening(t, me), func(q *OpeningQuery) { q.Port.SecurityGroups = nil }), "new osssh-web" + one},
		{"none can be read", with(opening(t, me), func(q *OpeningQuery) { q.Groups = nil }), "new osssh-web" + one},
		{"one of two can be read", with(opening(t, me), func(q *OpeningQuery) { q.Port.SecurityGroups = []string{"hidden", "g"} }), "in g" + one},

		// which of several
		{"the nearest rule's", second(opening(t, me, icmp), func(g *openstack.SecurityGroup) {
			g.Rules = append(g.Rules, rule(t, "ingress IPv4 tcp 22 192.0.2.0/24"))
		}), "in h" + one},
		{"the one that allow made", second(opening(t, me, "ingress IPv4 tcp 22 192.0.2.0/24"), func(g *openstack.SecurityGroup) {
			g.Description = Mark{ServerID: serverA}.String()
		}), "in h" + one},
		{"not one that it made for another server", second(opening(t, me, "ingress IPv4 tcp 22 192.0.2.0/24"), func(g *openstack.SecurityGroup) {
			g.Description = Mark{ServerID: serverB}.String()
		}), "in g" + one},
		{"the one that is its own", second(with(opening(t, me, "ingress IPv4 tcp 22 192.0.2.0/24"), func(q *OpeningQuery) { q.Use.Others["g"] = 3 }),
			func(*openstack.SecurityGroup) {}), "in h" + one},

		// nothing filters
		{"port security is off", with(opening(t, me), func(q *OpeningQuery) { q.Port.PortSecurityEnabled, q.Port.SecurityGroups = &no, nil }), "unfiltered: port-security-disabled"},
		{"port security is on", with(opening(t, me), func(q *OpeningQuery) { q.Port.PortSecurityEnabled = &yes }), "in g" + one},
		{"no extension", with(opening(t, me), func(q *OpeningQuery) { q.Facts.Unsupported = true }), "unfiltered: no-extension"},
		{"a port that may not be filtered", with(opening(t, me), func(q *OpeningQuery) { q.Port.VNICType = "direct" }), "in g" + one},

		// stateless: replies need a rule
		{"default egress lets replies out", with(opening(t, me), func(q *OpeningQuery) { q.Groups[0].Stateful = &no }), "in g" + one},
		{"no egress", with(opening(t, me), func(q *OpeningQuery) { q.Groups[0].Stateful, q.Groups[0].Rules = &no, nil }),
			"in g" + one + ": egress IPv4 tcp 1024-65535 203.0.113.7/32"},
		{"admitted, but no egress", with(opening(t, me), func(q *OpeningQuery) {
			q.Groups[0] = stateful(group(t, "g", "ingress IPv4 tcp 22 -", "egress IPv4 tcp 22 -"), false)
			q.Groups[0].ProjectID = project
		}), "in g: egress IPv4 tcp 1024-65535 203.0.113.7/32"},
		{"egress to some of the prefix", with(opening(t, "203.0.113.0/24"), func(q *OpeningQuery) {
			q.Groups[0] = stateful(group(t, "g", "ingress IPv4 tcp 22 -", "egress IPv4 - - 203.0.113.0/25"), false)
			q.Groups[0].ProjectID = project
		}), "in g: egress IPv4 tcp 1024-65535 203.0.113.0/24"},
		{"a new one beside it is stateless too", with(opening(t, me), func(q *OpeningQuery) {
			q.Groups[0].Stateful, q.Use.Others["g"] = &no, 1
		}), "new osssh-web stateless" + one},
		{"stateful needs none", with(opening(t, me), func(q *OpeningQuery) { q.Groups[0].Stateful, q.Groups[0].Rules = &yes, nil }), "in g" + one},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := PlanOpening(test.q)
			if got := said(o); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			for _, r := range o.Rules {
				if (r.SecurityGroupID != "") != (o.Group != nil) || o.Group != nil && r.SecurityGroupID != o.Group.ID {
					t.Errorf("the rule is for group %q", r.SecurityGroupID)
				}
			}
		})
	}
}

// What was opened bears marks, with an end only on the rules: the group may
// outlive them.
func TestPlanOpeningMarks(t *testing.T) {
	q := opening(t, "203.0.113.7/32")
	q.Use.Others["g"] = 1
	q.Until = time.Date(2026, 11, 23, 15, 0, 0, 0, time.FixedZone("", 3600))
	o := PlanOpening(q)
	if got, want := o.NewGroup.Description, "osssh allow: server "+serverA; got != want {
		t.Errorf("group: %q, want %q", got, want)
	}
	if got, want := o.Rules[0].Description, "osssh allow: server "+serverA+", until 2026-11-23T14:00:00Z"; got != want {
		t.Errorf("rule: %q, want %q", got, want)
	}
}

func TestGroupName(t *testing.T) {
	for server, want := range map[string]string{
		"web":                     "osssh-web",
		"":                        "osssh-",
		"größer 中":                "osssh-größer 中",
		"a\nb\x00c\u202e":         "osssh-a_b_c_",
		"😀":                       "osssh-_",
		"a\xff":                   "osssh-a_",
		"web ":                    "osssh-web",
		strings.Repeat("ä", 300):  "osssh-" + strings.Repeat("ä", 249),
		strings.Repeat("a", 249):  "osssh-" + strings.Repeat("a", 249),
		"default":                 "osssh-default",
		"$(touch /tmp/x); rm -rf": "osssh-$(touch /tmp/x); rm -rf",
	} {
		if got := groupName(server); got != want || utf8.RuneCountInString(got) > 255 {
			t.Errorf("%q: %q, want %q", server, got, want)
		}
	}
}

// FuzzPlanOpening holds every opening against Evaluate: with the new rules the
// port admits both ends of the prefix, and no rule goes where another port is
// concerned.
func FuzzPlanOpening(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, "192.0.2.0/24", seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64, raw string, choice uint64) {
		one := draw(t, seed, raw)
		froms := []string{"203.0.113.7/32", "203.0.113.0/24", "0.0.0.0/0", "2001:db8::7/128", "::/0", "10.0.0.4/30"}
		q := OpeningQuery{
			Port: one.Port, Groups: one.Groups, Facts: one.Facts, From: netip.MustParsePrefix(froms[choice%6]),
			DestinationPort: 22, ServerID: serverA, ServerName: raw,
			Use: GroupUse{ProjectID: project, Others: map[string]int{"a": int(choice % 2), "b": 0}, Lent: map[string]bool{"a": false, "b": choice%5 == 0}},
		}
		for i := range q.Groups {
			if choice%3 > 0 {
				q.Groups[i].ProjectID = project
			}
		}
		o := PlanOpening(q)
		if o.Group != nil && (q.Use.Others[o.Group.ID] != 0 || q.Use.Lent[o.Group.ID] || o.Group.ID == "d" || o.Group.ProjectID != project) {
			t.Errorf("a rule in group %s, which is not the port's own", o.Group.ID)
		}
		after := q.applied(o)
		for _, source := range []netip.Addr{q.From.Addr(), last(q.From)} {
			after.Source = source
			v := Evaluate(after)
			unread := v.Reason == GroupUnreadable // an egress rule may be there
			if v.Answer != Allow && !unread {
				t.Errorf("%s is not let in by %s: %v (%v)", source, said(o), v.Answer, v.Reason)
			}
		}
	})
}

// applied is the port behind an opening.
func (q OpeningQuery) applied(o Opening) Query {
	after := Query{Port: q.Port, Groups: slices.Clone(q.Groups), Facts: q.Facts, DestinationPort: q.DestinationPort}
	if !o.Needed() {
		return after
	}
	id := "new"
	if o.Group != nil {
		id = o.Group.ID
	} else {
		after.Port.SecurityGroups = append(slices.Clone(after.Port.SecurityGroups), id)
		after.Groups = append(after.Groups, openstack.SecurityGroup{ID: id, Stateful: o.NewGroup.Stateful})
	}
	for i := range after.Groups {
		if after.Groups[i].ID != id {
			continue
		}
		for _, r := range o.Rules {
			after.Groups[i].Rules = append(slices.Clone(after.Groups[i].Rules), openstack.SecurityGroupRule{
				Direction: r.Direction, EtherType: r.EtherType, Protocol: &r.Protocol,
				PortRangeMin: &r.PortRangeMin, PortRangeMax: &r.PortRangeMax, RemoteIPPrefix: &r.RemoteIPPrefix,
			})
		}
	}
	return after
}

// last is the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
