package reach

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"osssh/internal/openstack"
	"osssh/resolve"
	"osssh/secgroup"
)

// neighbour is a server on network "private", with floating IPs.
func neighbour(id, fixed string, groups []string, floating ...string) resolve.Neighbour {
	port := openstack.Port{
		ID: "port-" + id, NetworkID: "private", DeviceID: id, SecurityGroups: groups,
		FixedIPs: []openstack.FixedIP{{IPAddress: netip.MustParseAddr(fixed)}},
	}
	n := resolve.Neighbour{ServerID: id, Near: []openstack.Port{port}, Ways: resolve.Ways{Ports: []openstack.Port{port}}}
	for _, address := range floating {
		n.Ways.FloatingIPs = append(n.Ways.FloatingIPs, openstack.FloatingIP{
			FloatingIPAddress: netip.MustParseAddr(address), PortID: port.ID, FixedIPAddress: port.FixedIPs[0].IPAddress, Status: "ACTIVE"})
	}
	return n
}

// sshFrom is a group that admits tcp/22 from members of another group, or from
// a prefix.
func sshFrom(id, group, prefix string) openstack.SecurityGroup {
	tcp, port := "tcp", 22
	rule := openstack.SecurityGroupRule{ID: "rule-" + id, Direction: "ingress", EtherType: "IPv4", Protocol: &tcp, PortRangeMin: &port, PortRangeMax: &port}
	if group != "" {
		rule.RemoteGroupID = &group
	}
	if prefix != "" {
		rule.RemoteIPPrefix = &prefix
	}
	return openstack.SecurityGroup{ID: id, Name: id, Rules: []openstack.SecurityGroupRule{rule}}
}

// jumpWorld is a target on "private" that admits members of group "trusted".
func jumpWorld(neighbours ...resolve.Neighbour) jumpFacts {
	var members secgroup.Members
	members.Complete = true
	for _, n := range neighbours {
		for _, port := range n.Ways.Ports {
			if slices.Contains(port.SecurityGroups, "trusted") {
				members.Addresses = append(members.Addresses, port.FixedIPs[0].IPAddress)
			}
		}
	}
	target := openstack.Port{ID: "target", NetworkID: "private", SecurityGroups: []string{"from-trusted"},
		FixedIPs: []openstack.FixedIP{{IPAddress: netip.MustParseAddr("fd00::9")}, {IPAddress: netip.MustParseAddr("10.20.0.9")}}}
	return jumpFacts{
		ways: resolve.Ways{Ports: []openstack.Port{target}}, port: 22, neighbours: neighbours,
		groups: []openstack.SecurityGroup{sshFrom("from-trusted", "trusted", ""), sshFrom("trusted", "", "0.0.0.0/0"), sshFrom("closed", "", "192.0.2.0/24")},
		facts:  secgroup.Facts{Members: map[string]secgroup.Members{"trusted": members}},
		from:   resolve.Preferences{Cloud: &openstack.Cloud{}},
		source: func(netip.AddrPort) netip.Addr { return netip.MustParseAddr("198.18.113.1") },
		hasKey: func(openstack.Server) bool { return true },
	}
}

func TestPossibleJumps(t *testing.T) {
	trusted, stranger := []string{"trusted"}, []string{"closed"}
	joined := neighbour("joined", "10.40.0.5", trusted, "198.18.113.8")
	joined.Joined, joined.Near[0].NetworkID = true, "neighbour"
	unjoined := neighbour("unjoined", "10.40.0.6", trusted, "198.18.113.9")
	unjoined.Near[0].NetworkID = "elsewhere"
	onIPv6 := neighbour("on-ipv6", "fd00::5", trusted, "198.18.113.10")
	for _, c := range []struct {
		name       string
		neighbours []resolve.Neighbour
		want       []string
		none       NoJumpError
	}{
		{"alone", nil, nil, NoJumpError{}},
		{"one that leads there", []resolve.Neighbour{neighbour("a", "10.20.0.1", trusted, "198.18.113.2")}, []string{"a"}, NoJumpError{Considered: 1}},
		{"without an address of its own", []resolve.Neighbour{neighbour("a", "10.20.0.1", trusted)}, nil, NoJumpError{Considered: 1, Unreachable: 1}},
		{"whom the target does not admit", []resolve.Neighbour{neighbour("a", "10.20.0.1", stranger, "198.18.113.2")}, nil, NoJumpError{Considered: 1, Denied: 1}},
		{"on another network", []resolve.Neighbour{unjoined}, nil, NoJumpError{Considered: 1, Denied: 1}},
		{"a router's network is second", []resolve.Neighbour{joined, neighbour("z", "10.20.0.1", trusted, "198.18.113.2")}, []string{"z", "joined"}, NoJumpError{Considered: 2}},
		{"IPv6 finds no IPv6 rule", []resolve.Neighbour{onIPv6}, nil, NoJumpError{Considered: 1, Denied: 1}},
		{"by id where all is equal", []resolve.Neighbour{neighbour("b", "10.20.0.2", trusted, "198.18.113.3"), neighbour("a", "10.20.0.1", trusted, "198.18.113.2")},
			[]string{"a", "b"}, NoJumpError{Considered: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			jumps, none := jumpWorld(c.neighbours...).possible()
			var got []string
			for _, jump := range jumps {
				got = append(got, jump.Server.ID)
				if jump.To != netip.MustParseAddrPort("10.20.0.9:22") || jump.PortID != "target" {
					t.Errorf("%s leads to %s", jump.Server.ID, jump.To)
				}
			}
			if !slices.Equal(got, c.want) || fmt.Sprint(none) != fmt.Sprint(c.none) {
				t.Errorf("got %v and %+v, want %v and %+v", got, none, c.want, c.none)
			}
		})
	}
}

// Whom the target surely admits goes before whom it may admit.
func TestPossibleJumpsUnsure(t *testing.T) {
	f := jumpWorld(neighbour("a", "10.20.0.1", []string{"closed"}, "198.18.113.2"), neighbour("z", "10.20.0.2", []string{"trusted"}, "198.18.113.3"))
	members := f.facts.Members["trusted"]
	members.Complete = false
	f.facts.Members["trusted"] = members
	jumps, _ := f.possible()
	if len(jumps) != 2 || jumps[0].Server.ID != "z" || jumps[1].Rules.Answer != secgroup.Unknown {
		t.Errorf("got %+v", jumps)
	}
}

func TestUsableJump(t *testing.T) {
	server := openstack.Server{ID: "a", Name: "bastion", Status: "ACTIVE", KeyName: "work"}
	stopped, moved := server, server
	stopped.Status = "SHUTOFF"
	moved.Metadata = map[string]string{"osssh_port": "2222"}
	for _, c := range []struct {
		name   string
		server openstack.Server
		groups []string
		key    bool
		want   string // the candidate's address
		none   NoJumpError
	}{
		{"all is there", server, []string{"trusted"}, true, "198.18.113.2:22", NoJumpError{}},
		{"stopped", stopped, []string{"trusted"}, true, "", NoJumpError{Stopped: 1}},
		{"no key", server, []string{"trusted"}, false, "", NoJumpError{NoKey: 1}},
		{"closed to this machine", server, []string{"trusted-not", "closed"}, true, "", NoJumpError{Unreachable: 1}},
		{"on a port that nothing opens", moved, []string{"trusted"}, true, "", NoJumpError{Unreachable: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := jumpWorld(neighbour("a", "10.20.0.1", c.groups, "198.18.113.2"))
			f.groups = append(f.groups, openstack.SecurityGroup{ID: "trusted-not"})
			f.hasKey = func(openstack.Server) bool { return c.key }
			var none NoJumpError
			jump, ok := f.usable(Jump{Server: openstack.Server{ID: "a"}}, c.server, &none)
			if got := jump.Candidate.Address; ok != (c.want != "") || ok && (got.String() != c.want || jump.Server.Name != "bastion") || fmt.Sprint(none) != fmt.Sprint(c.none) {
				t.Errorf("got %v %v and %+v", got, ok, none)
			}
		})
	}
}
