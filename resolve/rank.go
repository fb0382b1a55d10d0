package resolve

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"osssh/internal/openstack"
)

// Local is what this machine's network tells of the way out.
type Local struct {
	OnLink []netip.Prefix // networks of its interfaces
	Routes []netip.Prefix // networks with a route of their own, the default route apart
	IPv6   bool           // has an IPv6 address beyond link-local and loopback
}

// OnLinkWith says whether address is a neighbour, or this machine itself.
func (l Local) OnLinkWith(address netip.Addr) bool {
	return address.IsLoopback() || contains(l.OnLink, address)
}

func contains(prefixes []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// Preferences is what the user, clouds.yaml and this machine say of addresses.
type Preferences struct {
	Cloud   *openstack.Cloud
	Local   Local
	Choice  Choice // only what fits it, and that though this machine seems not to reach it
	Port    int    // of SSH; 0: the server's metadata osssh_port, else 22
	Family  int    // 4 or 6 for one family only, 0 for both
	Proxied bool   // the way leads through another host, which may reach what this machine does not
}

// defaultPort is where sshd listens unless something says otherwise.
const defaultPort = 22

// Takes says whether an address is of the wanted family.
func (p Preferences) Takes(address netip.Addr) bool {
	return p.Family == 0 || (p.Family == 4) == address.Is4()
}

// SSHPort is the port on which the server's sshd listens.
func SSHPort(server openstack.Server, given int) int {
	if given != 0 {
		return given
	}
	if port, err := strconv.ParseUint(server.Metadata["osssh_port"], 10, 16); err == nil && port > 0 {
		return int(port)
	}
	return defaultPort
}

// Rank gives the addresses worth dialling, best first. What is left out cannot
// be reached from here but through another host.
func Rank(server openstack.Server, ways Ways, p Preferences) []Candidate {
	r := ranking{server: server, ways: ways, Preferences: p, port: SSHPort(server, p.Port)}
	for _, ip := range ways.FloatingIPs {
		r.addFloating(ip)
	}
	for _, access := range []string{server.AccessIPv4, server.AccessIPv6} {
		if address, err := netip.ParseAddr(access); err == nil {
			r.add(ranked{usual: Access, Candidate: Candidate{Kind: KindAccess, Address: r.at(address)}})
		}
	}
	for _, port := range ways.Ports {
		for _, ip := range port.FixedIPs {
			r.addFixed(port, ip.IPAddress)
		}
	}
	if len(ways.Ports) == 0 {
		r.addFromNova()
	}
	slices.SortStableFunc(r.found, ranked.compare)
	var candidates []Candidate
	for _, c := range r.found {
		candidates = append(candidates, c.Candidate)
	}
	return candidates
}

type ranking struct {
	Preferences
	server openstack.Server
	ways   Ways
	port   int
	found  []ranked
}

// ranked is a candidate with its place.
type ranked struct {
	Candidate
	usual Why  // its Why, had the user not chosen
	last  bool // behind the others of that rank
}

func (c ranked) compare(other ranked) int {
	return cmp.Or(cmp.Compare(c.usual, other.usual), compareBools(c.last, other.last),
		cmp.Compare(precedence(c.Address.Addr()), precedence(other.Address.Addr())), c.Address.Compare(other.Address))
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// at is the SSH port at an address.
func (r *ranking) at(address netip.Addr) netip.AddrPort {
	return netip.AddrPortFrom(address.Unmap(), uint16(r.port))
}

// add takes a candidate that the user's wishes and this machine allow. Networks
// are those that a choice of it may mean.
func (r *ranking) add(c ranked, networks ...openstack.Network) {
	address := c.Address.Addr()
	if !address.IsValid() || address.IsUnspecified() || address.IsMulticast() || !r.Choice.admits(c.Candidate, networks) || !r.Takes(address) {
		return
	}
	c.Why = c.usual
	unusable := address.Is6() && !address.IsLoopback() && !r.Proxied && (!r.Local.IPv6 || r.Cloud.ForceIPv4 && r.Family != 6)
	if unusable && !r.Choice.Given() {
		return
	}
	if unusable {
		c.usual, c.last = Behind, true
	}
	if r.Choice.Given() {
		c.Why = Given
	}
	for i, have := range r.found {
		if have.Address == c.Address {
			r.found[i] = have.merge(c)
			return
		}
	}
	r.found = append(r.found, c)
}

// merge joins two records of one address: the better rank, and the port of the
// one that knows it. An accessIPv4 is often a fixed address or a floating IP.
func (c ranked) merge(other ranked) ranked {
	if other.compare(c) < 0 {
		c, other = other, c
	}
	if c.PortID == "" {
		c.PortID, c.Inside, c.Network = other.PortID, other.Inside, other.Network
	}
	return c
}

func (r *ranking) addFloating(ip openstack.FloatingIP) {
	down := ip.Status != "" && ip.Status != "ACTIVE" // only behind the others: OVN says DOWN wrongly
	outside := r.network(ip.FloatingNetworkID)
	for _, f := range ip.PortForwardings {
		port, mine := r.portOf(f.InternalPortID)
		external, leads := externalPort(f, r.port)
		if mine && leads {
			r.add(ranked{usual: Forwarding, last: down, Candidate: Candidate{
				Kind: KindForwarding, PortID: f.InternalPortID,
				Address: netip.AddrPortFrom(ip.FloatingIPAddress, external),
				Inside:  r.at(f.InternalIPAddress),
			}}, r.network(port.NetworkID), outside)
		}
	}
	if port, mine := r.portOf(ip.PortID); mine {
		r.add(ranked{usual: Floating, last: down, Candidate: Candidate{
			Kind: KindFloating, PortID: ip.PortID,
			Address: r.at(ip.FloatingIPAddress),
			Inside:  r.at(ip.FixedIPAddress),
		}}, r.network(port.NetworkID), outside)
	}
}

func (r *ranking) portOf(id string) (openstack.Port, bool) {
	for _, port := range r.ways.Ports {
		if port.ID == id {
			return port, true
		}
	}
	return openstack.Port{}, false
}

// network is what is known of a network: its id at least.
func (r *ranking) network(id string) openstack.Network {
	if n, ok := r.ways.Networks[id]; ok {
		return n
	}
	return openstack.Network{ID: id}
}

func (r *ranking) addFixed(port openstack.Port, address netip.Addr) {
	network := r.network(port.NetworkID)
	if why, ok := r.whyFixed(network, address); ok {
		r.add(ranked{usual: why, Candidate: Candidate{
			Kind: KindFixed, Network: network.Name, PortID: port.ID, Address: r.at(address), Inside: r.at(address),
		}}, network)
	}
}

// whyFixed says why a fixed address may be dialled from here, if it may.
func (r *ranking) whyFixed(network openstack.Network, address netip.Addr) (Why, bool) {
	config, listed := r.networkConfig(network)
	switch {
	case address.IsLinkLocalUnicast():
		return Behind, r.Choice.Address == address
	case config.DefaultInterface:
		return DefaultInterface, true
	case r.Cloud.Private:
		return Private, true
	case network.External && !listed, address.Is4() && config.RoutesIPv4Externally, address.Is6() && config.RoutesIPv6Externally:
		return External, true
	case address.Is6() && address.IsGlobalUnicast() && !address.IsPrivate():
		return Global, true
	case r.Local.OnLinkWith(address):
		return OnLink, true
	case contains(r.Local.Routes, address):
		return Routed, true
	case network.Shared:
		return Shared, true
	}
	return Behind, r.Proxied || r.Choice.Given()
}

// networkConfig is what clouds.yaml says of a network, by name or id. One that
// it lists routes externally only if it says so, whatever neutron says.
func (r *ranking) networkConfig(network openstack.Network) (config openstack.NetworkConfig, listed bool) {
	for _, config := range r.Cloud.Networks {
		if config.Name != "" && (config.Name == network.Name || config.Name == network.ID) {
			return config, true
		}
	}
	return openstack.NetworkConfig{}, false
}

// addFromNova takes nova's own cache of the addresses, for a cloud whose
// neutron is missing or may not be asked. It knows networks by name only.
func (r *ranking) addFromNova() {
	for name, addresses := range r.server.Addresses {
		for _, a := range addresses {
			address, err := netip.ParseAddr(a.Address)
			if err != nil {
				continue
			}
			network := openstack.Network{Name: name}
			c := ranked{usual: Floating, Candidate: Candidate{Kind: KindFloating, Address: r.at(address)}}
			if a.Type != "floating" {
				why, ok := r.whyFixed(network, address)
				if !ok {
					continue
				}
				c = ranked{usual: why, Candidate: Candidate{
					Kind: KindFixed, Network: name, Address: r.at(address), Inside: r.at(address),
				}}
			}
			r.add(c, network)
		}
	}
}

// precedence orders addresses of one rank as RFC 6724, section 2.1, does:
// global IPv6, then IPv4, then unique local IPv6.
func precedence(address netip.Addr) int {
	switch {
	case address.Is4():
		return 1
	case address.IsPrivate():
		return 2
	}
	return 0
}
