package diagnose

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
	"osssh/secgroup"
)

const (
	bastionID = "b0000000-0000-4000-8000-00000000000a"
	allowWeb  = "osssh allow web --from 198.18.113.1/32"
)

// defaultRule is the default group's own: its members may do everything.
func defaultRule() openstack.SecurityGroupRule { return fromMembers(rule("", 0, 0, ""), groupID) }

func over6(r openstack.SecurityGroupRule) openstack.SecurityGroupRule {
	r.EtherType = "IPv6"
	return r
}

// membersKnown judges anew with the members of remote groups, of which there are
// none.
func membersKnown(f *Facts) *Facts {
	f.judgeFrom(here, secgroup.Facts{Members: map[string]secgroup.Members{groupID: {Complete: true}, bastionID: {Complete: true}}})
	return f
}

func from(f *Facts, source netip.Addr) *Facts {
	f.judgeFrom(source, secgroup.Facts{})
	return f
}

func stateless(f *Facts) *Facts {
	f.Neutron.Groups[0].Stateful = ptr(false)
	f.judge()
	return f
}

// otherGroup puts a group that admits SSH on a second port of web.
func otherGroup(f *Facts) {
	secondPort(f)
	f.Neutron.Ways.Ports[1].SecurityGroups = []string{"g2"}
	f.Neutron.Groups[0].Rules = nil
	f.Neutron.Groups = append(f.Neutron.Groups, openstack.SecurityGroup{ID: "g2", Name: "ssh-too", Rules: []openstack.SecurityGroupRule{ssh22("")}})
	f.judge()
}

func TestGroupCauses(t *testing.T) {
	nowhere := netip.Addr{}
	just := silentWeb()
	just.Neutron.Groups[0].Rules[0].CreatedAt = openstack.Time{Time: began.Add(-20 * time.Second)}
	just.judge()
	jump := ruledBy("inner", ssh22("10.99.0.0/16"))
	withoutWay(jump)
	jump.Way.Jump = &reach.Jump{
		Server: openstack.Server{Name: "bastion"}, From: netip.MustParseAddr("10.20.0.5"), To: netip.AddrPortFrom(fixedIP, 22), PortID: portID,
		Rules: secgroup.Evaluate(secgroup.Query{
			Port: jump.Neutron.Ways.Ports[0], Groups: jump.Neutron.Groups, Source: netip.MustParseAddr("10.20.0.5"), DestinationPort: 22,
		}),
	}
	checkCases(t, []factCase{
		{"none", "G1", webWith(func(f *Facts) { port(f).SecurityGroups = nil; f.judge() }), Certain,
			[]string{"port 6e7e03a9 of web has no security group", allowWeb}},
		{"default only", "G2", membersKnown(ruledBy("default", defaultRule())), Certain,
			[]string{"security group default lets no SSH in", "everything from members of default", allowWeb}},
		{"default only, source unknown", "G2", from(ruledBy("default", defaultRule()), nowhere), Probable, []string{"YOUR-ADDRESS/32"}},
		{"ping only", "G2", ruledBy("ssh-none", rule("icmp", 0, 0, "")), Certain, []string{"rule 1a2b3c4d of ssh-none: icmp"}},
		{"no ingress", "G2", ruledBy("empty"), Certain, []string{"no ingress rule at all"}},
		{"prefix", "G3", ruledBy("ssh-wrong-cidr", ssh22("192.0.2.0/24")), Certain, []string{
			"the security group admits SSH only from 192.0.2.0/24; you come from 198.18.113.1",
			"rule 1a2b3c4d of ssh-wrong-cidr: tcp/22 from 192.0.2.0/24", allowWeb,
		}},
		{"prefix beside the default group", "G3", membersKnown(ruledBy("ssh", defaultRule(), ssh22("192.0.2.0/24"))), Certain, nil},
		{"two prefixes", "G3", ruledBy("ssh", ssh22("192.0.2.0/24"), ssh22("203.0.113.9/24")), Certain, []string{"192.0.2.0/24, 203.0.113.0/24;"}},
		{"source unknown", "G3", from(ruledBy("ssh", ssh22("192.0.2.0/24")), nowhere), Probable, []string{"you may come from elsewhere", "--source ADDRESS"}},
		{"all protocols from a prefix", "G3", ruledBy("lan", rule("", 0, 0, "10.0.0.0/8")), Certain, []string{"only from 10.0.0.0/8"}},
		{"a jump host outside the prefix", "G3", jump, Certain,
			[]string{"jump host bastion comes from 10.20.0.5", "osssh allow web --from 10.20.0.5/32 --address 10.20.0.97"}},
		{"IPv6 only", "G4", ruledBy("v6", over6(ssh22(""))), Certain, []string{"over IPv6 only", "tcp/22 over IPv6"}},
		{"a prefix of IPv6 only", "G4", ruledBy("v6", over6(ssh22("2001:db8::/32"))), Certain, nil},
		{"another port", "G5", ruledBy("high", rule("tcp", 2222, 2222, "")), Certain, []string{"does not admit tcp/22; it lets you in by tcp/2222", allowWeb}},
		{"another port beside the default group", "G5", membersKnown(ruledBy("high", defaultRule(), rule("tcp", 23, 1024, ""))), Certain, []string{"tcp/23-1024"}},
		{"another protocol", "G5", ruledBy("udp", rule("udp", 22, 22, "")), Certain, []string{"udp/22"}},
		{"members of a group", "G6", membersKnown(ruledBy("inner", fromMembers(ssh22(""), bastionID))), Certain,
			[]string{"only from members of security group b0000000", "you come from 198.18.113.1", "dial 10.20.0.97 from a member"}},
		{"members of a group, by all protocols", "G6", membersKnown(ruledBy("inner", fromMembers(rule("", 0, 0, ""), bastionID))), Certain, nil},
		{"members, source unknown", "G6", from(ruledBy("inner", fromMembers(ssh22(""), bastionID)), nowhere), Probable, nil},
		{"a member by its floating IP", "G6", membersKnown(webWith(func(f *Facts) {
			f.Neutron.Groups[0].Rules = []openstack.SecurityGroupRule{defaultRule()}
			f.Neutron.Routers[0].Gateway.ExternalFixedIPs = []openstack.FixedIP{{IPAddress: here}}
		})), Certain, nil},
		{"on the other port", "G7", webWith(otherGroup), Certain,
			[]string{"ssh-too admits SSH, but it is not on port 6e7e03a9", allowWeb, "openstack port set --security-group g2 " + portID}},
		{"no egress", "G8", stateless(silentWeb()), Probable,
			[]string{"ssh-open is stateless", "--egress --ethertype IPv4 --protocol tcp --dst-port 1024:65535 " + groupID}},
		{"just added", "G9", just, Possible, []string{"was made 20s ago", "osssh why web"}},
		{"a group that is not shown", "G10", webWith(func(f *Facts) {
			port(f).SecurityGroups = []string{"feed0000-1"}
			f.judge()
		}), Possible, []string{"security group feed0000 of the port may not be read", "ask the owner"}},
		{"members that are not shown", "G10", ruledBy("inner", fromMembers(ssh22(""), bastionID)), Possible, []string{"not all members"}},
	})
}

// One closed port has one cause; an open one has none.
func TestOneGroupCause(t *testing.T) {
	for name, f := range map[string]*Facts{
		"open":                    silentWeb(),
		"port security off":       webWith(func(f *Facts) { port(f).SecurityGroups = nil; port(f).PortSecurityEnabled = ptr(false); f.judge() }),
		"groups may not be read":  webWith(func(f *Facts) { f.Way.Verdicts[0] = reach.Verdict{Candidate: f.Way.Candidates[0], Err: apiError(403)} }),
		"anywhere, source hidden": from(silentWeb(), netip.Addr{}),
		"no neutron":              webWith(func(f *Facts) { f.Neutron, f.Way.Verdicts = Neutron{}, nil }),
		"stateless with a way out": stateless(ruledBy("s", ssh22(""), openstack.SecurityGroupRule{
			Direction: "egress", EtherType: "IPv4",
		})),
	} {
		for _, cause := range groupCauses() {
			if found := cause.Find(f); found != nil {
				t.Errorf("%s: %s was found: %s", name, cause.ID, found.What)
			}
		}
	}
	for name, f := range map[string]*Facts{
		"G2": ruledBy("ssh-none", rule("icmp", 0, 0, "")), "G3": ruledBy("ssh", ssh22("192.0.2.0/24")), "G7": webWith(otherGroup),
		"G5": ruledBy("high", rule("tcp", 2222, 2222, ""), rule("icmp", 0, 0, "")),
	} {
		var ids []string
		for _, cause := range groupCauses() {
			if cause.Find(f) != nil {
				ids = append(ids, cause.ID)
			}
		}
		if got := strings.Join(ids, " "); got != name {
			t.Errorf("got %s, want %s", got, name)
		}
	}
	checkAbsent(t, "G9", map[string]*Facts{
		"an old rule": webWith(func(f *Facts) {
			f.Neutron.Groups[0].Rules[0].CreatedAt = openstack.Time{Time: began.Add(-time.Hour)}
			f.judge()
		}),
		"it answers": webWith(func(f *Facts) {
			f.Neutron.Groups[0].Rules[0].CreatedAt = openstack.Time{Time: began}
			f.judge()
			f.Probes[0] = failedProbe(f.Way.Candidates[0], connect.StageBanner, errEnough)
		}),
	})
}

// --fix runs what adds a rule only if it is known whom it lets in.
func TestAllowFix(t *testing.T) {
	f := ruledBy("ssh", ssh22("192.0.2.0/24"))
	if !findPrefixExcludes(f).Fix.Harmless {
		t.Error("a rule for one known address is harmless")
	}
	if findPrefixExcludes(from(f, netip.Addr{})).Fix.Harmless {
		t.Error("nobody knows whom YOUR-ADDRESS lets in")
	}
	f = ruledBy("ssh", ssh22("192.0.2.0/24"))
	f.Name, f.Port = "my web", 2022
	f.Way.Candidates = append([]resolve.Candidate{{Address: netip.MustParseAddrPort("198.18.113.25:2022")}}, f.Way.Candidates...)
	f.judge()
	want := "osssh allow 'my web' --from 198.18.113.1/32 --address 198.18.113.24 --port 2022"
	if got := findPrefixExcludes(f).Fix.Command; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
