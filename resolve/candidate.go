package resolve

import "net/netip"

// Why says why an address is worth dialling, best first.
type Why int

// The order is that of openstacksdk's interface_ip (cloud/meta.py), with what
// it does not know of put where it belongs.
const (
	Given            Why = iota // the user chose it
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
	Kind    Kind   // what Why hides where the user chose
	Network string // the fixed address's network by name, "" where unknown
	// PortID is the neutron port that it leads to, "" where unknown; Inside is
	// the address and port there, which security groups judge.
	PortID string
	Inside netip.AddrPort
}

// Kind is what sort of address leads to a server.
type Kind string

// The kinds of a Candidate. A Choice knows the first two.
const (
	KindFixed      Kind = "fixed"
	KindFloating   Kind = "floating"
	KindForwarding Kind = "forwarding" // a floating IP's port forwarding
	KindAccess     Kind = "access"     // accessIPv4, accessIPv6
)
