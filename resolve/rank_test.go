package resolve

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"osssh/internal/openstack"
)

var (
	publicNet   = openstack.Network{ID: "n-public", Name: "public", External: true}
	privateNet  = openstack.Network{ID: "n-private", Name: "private"}
	providerNet = openstack.Network{ID: "n-provider", Name: "provider", Shared: true}
)

func port(id string, network openstack.Network, addresses ...string) openstack.Port {
	p := openstack.Port{ID: id, NetworkID: network.ID}
	for _, a := range addresses {
		p.FixedIPs = append(p.FixedIPs, openstack.FixedIP{IPAddress: netip.MustParseAddr(a)})
	}
	return p
}

func floatingIP(address, portID, fixed string) openstack.FloatingIP {
	return openstack.FloatingIP{
		FloatingIPAddress: netip.MustParseAddr(address), PortID: portID,
		FixedIPAddress: netip.MustParseAddr(fixed), Status: "ACTIVE",
	}
}

func forwarding(address, portID, fixed string, external, internal int) openstack.FloatingIP {
	return openstack.FloatingIP{
		FloatingIPAddress: netip.MustParseAddr(address),
		PortForwardings: []openstack.PortForwarding{{
			Protocol: "tcp", ExternalPort: external, InternalPort: internal,
			InternalPortID: portID, InternalIPAddress: netip.MustParseAddr(fixed),
		}},
	}
}

func down(ip openstack.FloatingIP) openstack.FloatingIP {
	ip.Status = "DOWN"
	return ip
}

func TestRank(t *testing.T) {
	laptop := Local{OnLink: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}}
	onLink := Local{OnLink: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}
	routed := Local{Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	v6 := Local{IPv6: true}
	for _, c := range []struct {
		what   string
		server openstack.Server
		ways   Ways
		p      Preferences
		want   string
	}{
		{
			what: "a floating IP, not the private address",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}, FloatingIPs: []openstack.FloatingIP{floatingIP("198.51.100.7", "p1", "10.0.0.5")}},
			p:    Preferences{Local: laptop},
			want: "198.51.100.7:22 floating IP",
		},
		{
			what: "a floating IP of another port is none",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}, FloatingIPs: []openstack.FloatingIP{floatingIP("198.51.100.7", "p9", "10.0.0.6")}},
			want: "",
		},
		{
			what: "two networks: the floating IP before the external network",
			ways: Ways{
				Ports:       []openstack.Port{port("p1", publicNet, "198.51.100.9"), port("p2", privateNet, "10.0.0.5")},
				FloatingIPs: []openstack.FloatingIP{floatingIP("198.51.100.7", "p2", "10.0.0.5")},
			},
			want: "198.51.100.7:22 floating IP, 198.51.100.9:22 external network",
		},
		{
			what: "a port forwarding to the SSH port, at its external port",
			ways: Ways{
				Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")},
				FloatingIPs: []openstack.FloatingIP{
					forwarding("198.51.100.7", "p1", "10.0.0.5", 8080, 80), forwarding("198.51.100.7", "p1", "10.0.0.5", 2222, 22),
				},
			},
			want: "198.51.100.7:2222 port forwarding",
		},
		{
			what: "default_interface wins",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}, FloatingIPs: []openstack.FloatingIP{floatingIP("198.51.100.7", "p1", "10.0.0.5")}},
			p:    Preferences{Cloud: &openstack.Cloud{Networks: []openstack.NetworkConfig{{Name: "private", DefaultInterface: true}}}},
			want: "10.0.0.5:22 default_interface, 198.51.100.7:22 floating IP",
		},
		{
			what: "private: true",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}, FloatingIPs: []openstack.FloatingIP{floatingIP("198.51.100.7", "p1", "10.0.0.5")}},
			p:    Preferences{Cloud: &openstack.Cloud{Private: true}},
			want: "10.0.0.5:22 private: true, 198.51.100.7:22 floating IP",
		},
		{
			what: "routes_externally by id",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}},
			p:    Preferences{Cloud: &openstack.Cloud{Networks: []openstack.NetworkConfig{{Name: "n-private", RoutesIPv4Externally: true}}}},
			want: "10.0.0.5:22 external network",
		},
		{
			what: "on-link, routed, shared",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "198.51.100.20"), port("p2", providerNet, "172.16.0.4")}},
			p:    Preferences{Local: onLink},
			want: "198.51.100.20:22 on-link, 172.16.0.4:22 shared network",
		},
		{
			what: "a route of its own",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.9.0.5")}},
			p:    Preferences{Local: routed},
			want: "10.9.0.5:22 routed",
		},
		{
			what: "private and far",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5", "fd00::5", "fe80::5")}},
			p:    Preferences{Local: v6},
			want: "",
		},
		{
			what: "global IPv6, from a machine that has it",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5", "2001:db8::5")}},
			p:    Preferences{Local: v6},
			want: "[2001:db8::5]:22 global IPv6",
		},
		{
			what: "global IPv6, from a machine without",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5", "2001:db8::5")}},
			want: "",
		},
		{
			what: "global IPv6 under force_ipv4",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "198.51.100.9", "2001:db8::5")}},
			p:    Preferences{Local: v6, Cloud: &openstack.Cloud{ForceIPv4: true}},
			want: "198.51.100.9:22 external network",
		},
		{
			what: "of one rank RFC 6724 decides: global IPv6, IPv4, unique local IPv6",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "fd00::9", "198.51.100.9", "2001:db8::9")}},
			p:    Preferences{Local: v6},
			want: "[2001:db8::9]:22 external network, 198.51.100.9:22 external network, [fd00::9]:22 external network",
		},
		{
			what: "-4",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "198.51.100.9", "2001:db8::9")}},
			p:    Preferences{Local: v6, Family: 4},
			want: "198.51.100.9:22 external network",
		},
		{
			what: "-6",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "198.51.100.9", "2001:db8::9")}},
			p:    Preferences{Local: v6, Family: 6},
			want: "[2001:db8::9]:22 external network",
		},
		{
			what:   "accessIPv4",
			server: openstack.Server{AccessIPv4: "198.51.100.30"},
			ways:   Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}},
			want:   "198.51.100.30:22 accessIP",
		},
		{
			what:   "the port of the server's metadata, and -p before it",
			server: openstack.Server{Metadata: map[string]string{"osssh_port": "2200"}},
			ways:   Ways{Ports: []openstack.Port{port("p1", publicNet, "198.51.100.9")}},
			want:   "198.51.100.9:2200 external network",
		},
		{
			what:   "nova alone: floating and on-link addresses",
			server: openstack.Server{Addresses: map[string][]openstack.Addr{"private": {{Address: "10.0.0.5", Type: "fixed"}, {Address: "198.51.100.7", Type: "floating"}}, "office": {{Address: "192.168.1.40", Type: "fixed"}}}},
			p:      Preferences{Local: laptop},
			want:   "198.51.100.7:22 floating IP, 192.168.1.40:22 on-link",
		},
		{
			what: "nova alone: what clouds.yaml says of networks by name",
			server: openstack.Server{Addresses: map[string][]openstack.Addr{
				"private": {{Address: "10.0.0.5", Type: "fixed"}}, "lab": {{Address: "10.1.0.5", Type: "fixed"}, {Address: "2001:db8::5", Type: "fixed"}},
			}},
			p: Preferences{Local: v6, Cloud: &openstack.Cloud{Networks: []openstack.NetworkConfig{
				{Name: "lab", RoutesIPv4Externally: true}, {Name: "private", DefaultInterface: true}}}},
			want: "10.0.0.5:22 default_interface, 10.1.0.5:22 external network, [2001:db8::5]:22 global IPv6",
		},
		{
			what:   "nova alone: private: true",
			server: openstack.Server{Addresses: map[string][]openstack.Addr{"private": {{Address: "10.0.0.5", Type: "fixed"}, {Address: "198.51.100.7", Type: "floating"}}}},
			p:      Preferences{Cloud: &openstack.Cloud{Private: true}},
			want:   "10.0.0.5:22 private: true, 198.51.100.7:22 floating IP",
		},
		{
			what: "neutron is there: nova's cache does not count",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5")}},
			server: openstack.Server{Addresses: map[string][]openstack.Addr{
				"private": {{Address: "10.0.0.5", Type: "fixed"}, {Address: "198.51.100.7", Type: "floating"}}}},
			want: "",
		},
		{
			what:   "hostile records",
			server: openstack.Server{AccessIPv4: "x", Metadata: map[string]string{"osssh_port": "99999"}, Addresses: map[string][]openstack.Addr{"n": {{Address: "nonsense", Type: "floating"}}}},
			want:   "",
		},
		{
			what:   "addresses that cannot be dialled",
			server: openstack.Server{AccessIPv4: "0.0.0.0", AccessIPv6: "ff02::1"},
			ways: Ways{
				Ports:       []openstack.Port{{ID: "p1", NetworkID: publicNet.ID, FixedIPs: []openstack.FixedIP{{}}}, port("p2", publicNet, "224.0.0.1", "::", "fe80::1")},
				FloatingIPs: []openstack.FloatingIP{{PortID: "p1", PortForwardings: []openstack.PortForwarding{{Protocol: "tcp", InternalPort: 22, ExternalPort: 22, InternalPortID: "p1"}}}},
			},
			p:    Preferences{Local: v6},
			want: "",
		},
		{
			what:   "an IPv6 form of an IPv4 address",
			server: openstack.Server{AccessIPv6: "::ffff:198.51.100.30"},
			ways:   Ways{Ports: []openstack.Port{port("p1", publicNet, "::ffff:198.51.100.9")}},
			p:      Preferences{Family: 4},
			want:   "198.51.100.30:22 accessIP, 198.51.100.9:22 external network",
		},
		{
			what: "floating IPs: on another port of the server, on another address of the port, and DOWN",
			ways: Ways{
				Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5", "10.0.0.6"), port("p2", privateNet, "10.0.0.7")},
				FloatingIPs: []openstack.FloatingIP{
					down(floatingIP("198.51.100.1", "p1", "10.0.0.5")), floatingIP("198.51.100.3", "p2", "10.0.0.7"), floatingIP("198.51.100.2", "p1", "10.0.0.6"),
				},
			},
			want: "198.51.100.2:22 floating IP, 198.51.100.3:22 floating IP, 198.51.100.1:22 floating IP",
		},
		{
			what: "one that is DOWN is still before what is worse, and a forwarding too",
			ways: Ways{
				Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5"), port("p2", publicNet, "198.51.100.9")},
				FloatingIPs: []openstack.FloatingIP{
					down(forwarding("198.51.100.1", "p1", "10.0.0.5", 2222, 22)), forwarding("198.51.100.2", "p1", "10.0.0.5", 2222, 22),
					down(floatingIP("198.51.100.3", "p2", "198.51.100.9")),
				},
			},
			want: "198.51.100.3:22 floating IP, 198.51.100.2:2222 port forwarding, 198.51.100.1:2222 port forwarding, 198.51.100.9:22 external network",
		},
		{
			what:   "a forwarding to the server's own SSH port",
			server: openstack.Server{Metadata: map[string]string{"osssh_port": "2200"}},
			ways: Ways{
				Ports:       []openstack.Port{port("p1", privateNet, "10.0.0.5")},
				FloatingIPs: []openstack.FloatingIP{forwarding("198.51.100.1", "p1", "10.0.0.5", 22, 22), forwarding("198.51.100.2", "p1", "10.0.0.5", 7022, 2200)},
			},
			want: "198.51.100.2:7022 port forwarding",
		},
		{
			what:   "accessIPv4 that is a floating IP, a fixed address, a forwarding's",
			server: openstack.Server{AccessIPv4: "198.51.100.7", AccessIPv6: "2001:db8::9"},
			ways: Ways{
				Ports:       []openstack.Port{port("p1", privateNet, "10.0.0.5", "2001:db8::9")},
				FloatingIPs: []openstack.FloatingIP{floatingIP("198.51.100.7", "p1", "10.0.0.5"), forwarding("198.51.100.7", "p1", "10.0.0.5", 2222, 22)},
			},
			p:    Preferences{Local: v6},
			want: "198.51.100.7:22 floating IP, 198.51.100.7:2222 port forwarding, [2001:db8::9]:22 accessIP",
		},
		{
			what: "one address on two ports",
			ways: Ways{Ports: []openstack.Port{port("p1", providerNet, "172.16.0.4"), port("p2", publicNet, "172.16.0.4")}},
			want: "172.16.0.4:22 external network",
		},
		{
			what: "a network that clouds.yaml lists as internal is not external",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "198.51.100.9", "2001:db8::9")}},
			p: Preferences{Local: v6, Cloud: &openstack.Cloud{Networks: []openstack.NetworkConfig{
				{Name: "public", RoutesIPv6Externally: true}}}},
			want: "[2001:db8::9]:22 external network",
		},
		{
			what: "default_interface of both families",
			ways: Ways{Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5", "fd00::5", "2001:db8::5", "fe80::5")}},
			p: Preferences{Local: v6, Cloud: &openstack.Cloud{Networks: []openstack.NetworkConfig{
				{Name: "private", DefaultInterface: true}}}},
			want: "[2001:db8::5]:22 default_interface, 10.0.0.5:22 default_interface, [fd00::5]:22 default_interface",
		},
		{
			what: "IPv6 only, from a machine without: through another host only",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "2001:db8::9")}},
			want: "",
		},
		{
			what: "IPv6 only, through another host",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "2001:db8::9"), port("p2", privateNet, "fd00::5")}},
			p:    Preferences{Proxied: true},
			want: "[2001:db8::9]:22 external network, [fd00::5]:22 behind a proxy",
		},
		{
			what: "-6 beats force_ipv4",
			ways: Ways{Ports: []openstack.Port{port("p1", publicNet, "2001:db8::9", "198.51.100.9")}},
			p:    Preferences{Local: v6, Family: 6, Cloud: &openstack.Cloud{ForceIPv4: true}},
			want: "[2001:db8::9]:22 external network",
		},
		{
			what: "a network that may not be read",
			ways: Ways{Ports: []openstack.Port{port("p1", openstack.Network{ID: "n-hidden"}, "10.0.0.5", "198.51.100.9")}},
			p:    Preferences{Cloud: &openstack.Cloud{Networks: []openstack.NetworkConfig{{Name: "n-hidden", RoutesIPv4Externally: true}}}},
			want: "10.0.0.5:22 external network, 198.51.100.9:22 external network",
		},
	} {
		if c.p.Cloud == nil {
			c.p.Cloud = &openstack.Cloud{}
		}
		c.ways.Networks = map[string]openstack.Network{publicNet.ID: publicNet, privateNet.ID: privateNet, providerNet.ID: providerNet}
		var got []string
		for _, candidate := range Rank(c.server, c.ways, c.p) {
			got = append(got, fmt.Sprintf("%s %s", candidate.Address, candidate.Why))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.what, strings.Join(got, ", "), c.want)
		}
	}
}

func TestRankKnowsWhatRulesJudge(t *testing.T) {
	ways := Ways{
		Ports: []openstack.Port{port("p1", privateNet, "10.0.0.5", "10.0.0.6"), port("p2", publicNet, "198.51.100.9")},
		FloatingIPs: []openstack.FloatingIP{
			forwarding("198.51.100.7", "p1", "10.0.0.5", 2222, 22), floatingIP("198.51.100.8", "p1", "10.0.0.6"),
			floatingIP("198.51.100.10", "p2", "198.51.100.9"),
		},
		Networks: map[string]openstack.Network{privateNet.ID: privateNet, publicNet.ID: publicNet},
	}
	want := []string{
		"198.51.100.8:22 floating p1 10.0.0.6:22 ",
		"198.51.100.10:22 floating p2 198.51.100.9:22 ",
		"198.51.100.7:2222 forwarding p1 10.0.0.5:22 ",
		"198.51.100.9:22 access p2 198.51.100.9:22 public", // accessIPv4, and the port that bears it
	}
	server := openstack.Server{AccessIPv4: "198.51.100.9"}
	var got []string
	for _, c := range Rank(server, ways, Preferences{Cloud: &openstack.Cloud{}}) {
		got = append(got, fmt.Sprintf("%s %s %s %s %s", c.Address, c.Kind, c.PortID, c.Inside, c.Network))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

func TestSSHPort(t *testing.T) {
	metadata := openstack.Server{Metadata: map[string]string{"osssh_port": "2200"}}
	if got := SSHPort(metadata, 2022); got != 2022 {
		t.Errorf("-p 2022: %d", got)
	}
	if got := SSHPort(metadata, 0); got != 2200 {
		t.Errorf("osssh_port: %d", got)
	}
	if got := SSHPort(openstack.Server{}, 0); got != 22 {
		t.Errorf("default: %d", got)
	}
}
