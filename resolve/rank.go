package resolve

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"

	"osssh/internal/openstack"
)

// Why says why an address is worth dialling, best first.
type Why int

// The order is that of openstacksdk's interface_ip (cloud/meta.py), with what
// it does not know of put where it belongs.
const (
	Given            Why = iota // the user named this address
	DefaultInterface            // on the network that clouds.yaml marks default_interface
	Private                     // fixed, and clouds.yaml says `private: true`
	Floating                    // floating IP
	Forwarding                  // a floating IP's port forwarding
	Access                      // accessIPv4, accessIPv6
	External                    // fixed, on an external network or one with routes_externally
	Global                      // fixed, a global IPv6 address
	OnLink                      // fixed, on a network that this machine has a leg in
	Routed                      // fixed, on a network that this machine has a route to, the default route apart
	Shared                      // fixed, on a network that the operator shares with all projects
	Behind                      // fixed, and the way leads through another host
)

var whyWords = [...]string{
	"given", "default_interface", "private: true", "floating IP", "port forwarding", "accessIP",
	"external network", "global IPv6", "on-link", "routed", "shared network", "behind a proxy",
}

func (w Why) String() string { return whyWords[w] }

// Candidate is one address that could lead to the server's SSH port.
type Candidate struct {
	Address netip.AddrPort // to be dialled
	Why     Why
	Network string // the fixed address's network by name, "" where unknown
	// PortID is the neutron port that it leads to, "" where unknown; Inside is
	// the address and port there, which security groups judge.
	PortID string
	Inside netip.AddrPort
}

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
	Address netip.Addr // dial this one only, if valid
	Port    int        // of SSH; 0: the server's metadata osssh_port, else 22
	Family  int        // 4 or 6 for one family only, 0 for both
	Proxied bool       // the way leads through another host, which may reach what this machine does not
}

// SSHPort is the port on which the server's sshd listens.
func SSHPort(server openstack.Server, given int) int {
	if given != 0 {
		return given
	}
	if port, err := strconv.ParseUint(server.Metadata["osssh_port"], 10, 16); err == nil && port > 0 {
		return int(port)
	}
	return 22
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
			r.add(Candidate{Why: Access, Address: netip.AddrPortFrom(address, uint16(r.port))})
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
	slices.SortStableFunc(r.found, func(a, b Candidate) int {
		return cmp.Or(cmp.Compare(a.Why, b.Why), cmp.Compare(precedence(a.Address.Addr()), precedence(b.Address.Addr())),
			a.Address.Compare(b.Address))
	})
	return r.found
}

type ranking struct {
	Preferences
	server openstack.Server
	ways   Ways
	port   int
	found  []Candidate
}

// add takes a candidate that the user's wishes and this machine allow, once.
func (r *ranking) add(c Candidate) {
	address := c.Address.Addr()
	switch {
	case r.Address.IsValid() && r.Address != address,
		r.Family == 4 && !address.Is4(), r.Family == 6 && !address.Is6(),
		slices.ContainsFunc(r.found, func(have Candidate) bool { return have.Address == c.Address }):
		return
	}
	if r.Address.IsValid() {
		c.Why = Given
	} else if address.Is6() && !address.IsLoopback() && !r.Proxied && (!r.Local.IPv6 || r.Cloud.ForceIPv4 && r.Family != 6) {
		return
	}
	r.found = append(r.found, c)
}

func (r *ranking) addFloating(ip openstack.FloatingIP) {
	for _, f := range ip.PortForwardings {
		if f.Protocol == "tcp" && f.InternalPort == r.port && r.hasPort(f.InternalPortID) {
			r.add(Candidate{
				Why: Forwarding, PortID: f.InternalPortID,
				Address: netip.AddrPortFrom(ip.FloatingIPAddress, uint16(f.ExternalPort)),
				Inside:  netip.AddrPortFrom(f.InternalIPAddress, uint16(f.InternalPort)),
			})
		}
	}
	if r.hasPort(ip.PortID) {
		r.add(Candidate{
			Why: Floating, PortID: ip.PortID,
			Address: netip.AddrPortFrom(ip.FloatingIPAddress, uint16(r.port)),
			Inside:  netip.AddrPortFrom(ip.FixedIPAddress, uint16(r.port)),
		})
	}
}

func (r *ranking) hasPort(id string) bool {
	return slices.ContainsFunc(r.ways.Ports, func(p openstack.Port) bool { return p.ID == id })
}

func (r *ranking) addFixed(port openstack.Port, address netip.Addr) {
	network := r.ways.Networks[port.NetworkID]
	if why, ok := r.whyFixed(network, address); ok {
		at := netip.AddrPortFrom(address, uint16(r.port))
		r.add(Candidate{Why: why, Network: network.Name, PortID: port.ID, Address: at, Inside: at})
	}
}

// whyFixed says why a fixed address may be dialled from here, if it may.
func (r *ranking) whyFixed(network openstack.Network, address netip.Addr) (Why, bool) {
	config := r.networkConfig(network)
	switch {
	case r.Address.IsValid():
		return Given, true
	case address.IsLinkLocalUnicast():
		return 0, false
	case config.DefaultInterface:
		return DefaultInterface, true
	case r.Cloud.Private:
		return Private, true
	case network.External, address.Is4() && config.RoutesIPv4Externally, address.Is6() && config.RoutesIPv6Externally:
		return External, true
	case address.Is6() && address.IsGlobalUnicast() && !address.IsPrivate():
		return Global, true
	case r.Local.OnLinkWith(address):
		return OnLink, true
	case contains(r.Local.Routes, address):
		return Routed, true
	case network.Shared:
		return Shared, true
	case r.Proxied:
		return Behind, true
	}
	return 0, false
}

// networkConfig is what clouds.yaml says of a network, by name or id.
func (r *ranking) networkConfig(network openstack.Network) openstack.NetworkConfig {
	for _, config := range r.Cloud.Networks {
		if config.Name != "" && (config.Name == network.Name || config.Name == network.ID) {
			return config
		}
	}
	return openstack.NetworkConfig{}
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
			why, ok := Floating, true
			if a.Type != "floating" {
				why, ok = r.whyFixed(openstack.Network{Name: name}, address)
			}
			if ok {
				at := netip.AddrPortFrom(address, uint16(r.port))
				r.add(Candidate{Why: why, Network: name, Address: at, Inside: at})
			}
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
