package diagnose

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"osssh/connect"
	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/reach"
	"osssh/resolve"
)

// addressCauses are those that the catalogue numbers with A.
func addressCauses() []Cause {
	return []Cause{
		{
			ID: "A1", Slug: "no-interface", Layer: Address,
			Title: "the server has no port, or no port of it has an address",
			Shows: "no address",
			Told:  "neutron's ports of the server",
			Mends: "openstack server add network SERVER NETWORK",
			Find:  findNoInterface,
		},
		{
			ID: "A2", Slug: "private-only", Layer: Address,
			Title: "the server has private addresses only, and no floating IP",
			Shows: "a timeout, or no route to host",
			Told:  "no floating IP or port forwarding; the address is not on-link and has no route",
			Mends: "give it a floating IP, or go through a jump host",
			Find:  findPrivateOnly,
		},
		{
			ID: "A3", Slug: "floating-ip-elsewhere", Layer: Address,
			Title: "the floating IP that was dialled is free, or leads to another port",
			Shows: "a timeout, or the wrong host",
			Told:  "the floating IP's port",
			Mends: "openstack floating ip set --port PORT ADDRESS",
			Find:  findFloatingIPElsewhere,
		},
		{
			ID: "A4", Slug: "floating-ip-second-address", Layer: Address,
			Title: "the floating IP leads to an address that the guest does not answer on",
			Shows: "a timeout",
			Told:  "it is bound to another fixed address or interface than the first",
			Mends: "openstack floating ip set --port PORT --fixed-ip-address ADDRESS FLOATING-IP",
			Find:  findFloatingIPSecond,
		},
		{
			ID: "A5", Slug: "stale-address", Layer: Address,
			Title: "ssh_config or DNS has an address for the name that the server has not",
			Shows: "another host key, or a timeout",
			Told:  "the address is none of the server's",
			Mends: "correct the record",
			Find:  findStaleAddress,
		},
		{
			ID: "A6", Slug: "forwarded-port", Layer: Address,
			Title: "the server is behind a port forwarding, which leads from or to another port",
			Shows: "refused, or a timeout on port 22",
			Told:  "the floating IP's port forwardings",
			Mends: "dial the outer port (osssh does by itself), or forward one to the SSH port",
			Find:  findForwardedPort,
		},
		{
			ID: "A7", Slug: "ipv6-only", Layer: Address,
			Title: "the server has IPv6 only, and this machine has none",
			Shows: "network is unreachable",
			Told:  "the address families of both",
			Mends: "a machine or a jump host with IPv6",
			Find:  findIPv6Only,
		},
		{
			ID: "A8", Slug: "overlapping-range", Layer: Address,
			Title: "the server's private range is in use in this machine's own network too",
			Shows: "another host answers, or a timeout",
			Told:  "a local network holds the address, and not the server answers there",
			Mends: "go through a jump host, or a floating IP",
			Find:  findOverlappingRange,
		},
		{
			ID: "A9", Slug: "virtual-address", Layer: Address,
			Title: "the address belongs to a load balancer or is shared by several servers",
			Shows: "another server than expected, each time",
			Told:  "the port's owner, and allowed-address pairs that hold the address",
			Mends: "log in by the server's own name or address",
			Find:  findVirtualAddress,
		},
	}
}

// noWay says that no address of the server can be dialled from here, and no jump
// host was found.
func (f *Facts) noWay() bool {
	return f.Nova.Server != nil && len(f.Way.Candidates) == 0 && !f.Way.Proxied && f.Way.Jump == nil && f.Phase >= Addressed
}

// fixed are the addresses of the server's ports.
func (f *Facts) fixed() []netip.Addr {
	var all []netip.Addr
	for _, port := range f.Neutron.Ways.Ports {
		for _, ip := range port.FixedIPs {
			all = append(all, ip.IPAddress)
		}
	}
	return all
}

func findNoInterface(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || f.Phase < Addressed || f.Neutron.Missing != nil || slices.Contains([]string{"BUILD", "ERROR", "SHELVED_OFFLOADED", "DELETED", "SOFT_DELETED"}, server.Status) || len(f.fixed()) > 0 || len(f.Way.Candidates) > 0 || f.gap("addresses") {
		return nil
	}
	found := &Finding{Confidence: Certain, What: server.Name + " has no port on any network", Fix: Fix{Command: "openstack server add network " + server.ID + " NETWORK"}}
	if len(f.Neutron.Ways.Ports) > 0 {
		found.What = server.Name + " has a port, but no address on it"
		found.Evidence = []string{"port " + f.Neutron.Ways.Ports[0].ID + " has no fixed_ips"}
	}
	return found
}

// gap says whether something could not be asked.
func (f *Facts) gap(what string) bool {
	return slices.ContainsFunc(f.Gaps, func(g Gap) bool { return g.What == what })
}

func findPrivateOnly(f *Facts) *Finding {
	if !f.noWay() || len(f.fixed()) == 0 || f.onlyIPv6() || len(f.forwardings()) > 0 {
		return nil
	}
	server := f.Nova.Server
	found := &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("%s has private addresses only (%s), which cannot be reached from here", server.Name, joinAddresses(f.fixed())),
		Evidence:   []string{"no floating IP or port forwarding leads to it"},
	}
	if f.unrouted() != nil || f.deadEnd() != nil {
		found.Confidence = Probable // no floating IP can be given to it before that is mended
	}
	if _, refused := f.refusingJump(); refused != nil {
		found.Confidence = Probable // there would be a way, if that host let one pass
	}
	var none *reach.NoJumpError
	if errors.As(f.Way.JumpErr, &none) {
		found.Evidence = append(found.Evidence, fmt.Sprintf("no jump host among the %d servers beside it", none.Considered))
	}
	if len(f.Neutron.FreeIPs) > 0 {
		found.Fix.Command = fmt.Sprintf("openstack server add floating ip %s %s", server.ID, f.Neutron.FreeIPs[0].FloatingIPAddress)
		return found
	}
	external := f.externalNetwork()
	if external == "" {
		found.Fix.Words = "it needs a router with a gateway, and then a floating IP"
		return found
	}
	found.Fix.Command = fmt.Sprintf("openstack server add floating ip %s $(openstack floating ip create -f value -c floating_ip_address %s)", server.ID, external)
	return found
}

// externalNetwork is the network that floating IPs for the server come from: the
// gateway's of a router that joins its networks. "": none is known.
func (f *Facts) externalNetwork() string {
	for _, router := range f.Neutron.Routers {
		if router.Gateway != nil {
			return router.Gateway.NetworkID
		}
	}
	return ""
}

func joinAddresses(all []netip.Addr) string {
	var words []string
	for _, address := range all {
		words = append(words, address.String())
	}
	return strings.Join(words, ", ")
}

func findFloatingIPElsewhere(f *Facts) *Finding {
	owner := f.Neutron.Owner
	if owner == nil || owner.Floating == nil || !f.notFound() || isBalancer(owner) {
		return nil
	}
	found := &Finding{Confidence: Certain, What: fmt.Sprintf("floating IP %s is bound to no port", owner.Address)}
	found.Fix.Command = fmt.Sprintf("openstack server add floating ip SERVER %s", owner.Address)
	if owner.Floating.PortID != "" {
		found.What = fmt.Sprintf("floating IP %s leads to port %s, which is no server's", owner.Address, owner.Floating.PortID)
		found.Fix.Command = fmt.Sprintf("openstack floating ip set --port PORT %s", owner.Floating.ID)
	}
	found.Fix.Words = "or log in by the server's name"
	return found
}

func findFloatingIPSecond(f *Facts) *Finding {
	if !f.silent() {
		return nil
	}
	for _, ip := range f.Neutron.Ways.FloatingIPs {
		i := slices.IndexFunc(f.Neutron.Ways.Ports, func(p openstack.Port) bool { return p.ID == ip.PortID })
		if i < 0 {
			continue
		}
		port := f.Neutron.Ways.Ports[i]
		first := f.ownIPv4(port)
		if !first.IsValid() || ip.FixedIPAddress == first || slices.Contains(f.Nova.Console.Addresses, ip.FixedIPAddress) {
			continue
		}
		return &Finding{
			Confidence: Probable,
			What:       fmt.Sprintf("floating IP %s leads to %s, another address of its port than the guest's first: it may know %s only", ip.FloatingIPAddress, ip.FixedIPAddress, first),
			Evidence:   []string{fmt.Sprintf("port %s has %s", port.ID, joinAddresses(portAddresses(port)))},
			// unset first: the client leaves out a port that stays the same, which neutron does not take
			Fix: Fix{Command: fmt.Sprintf("openstack floating ip unset --port %s && openstack floating ip set --port %s --fixed-ip-address %s %s", ip.ID, port.ID, first, ip.ID)},
		}
	}
	return nil
}

func portAddresses(port openstack.Port) []netip.Addr {
	var all []netip.Addr
	for _, ip := range port.FixedIPs {
		all = append(all, ip.IPAddress)
	}
	return all
}

// ownIPv4 is the address of a port that the guest surely has: the one that its
// console shows, else the first, which DHCP offers.
func (f *Facts) ownIPv4(port openstack.Port) (first netip.Addr) {
	for _, address := range portAddresses(port) {
		switch {
		case !address.Is4():
		case slices.Contains(f.Nova.Console.Addresses, address):
			return address
		case !first.IsValid():
			first = address
		}
	}
	return first
}

func findStaleAddress(f *Facts) *Finding {
	if len(f.Way.Stale) == 0 || f.Nova.Server == nil {
		return nil
	}
	stale := f.Way.Stale[0]
	found := &Finding{
		Confidence: Certain, ByWire: true,
		What: fmt.Sprintf("ssh_config's HostName leads to %s, which is not an address of %s", stale.Address, f.serverName()),
		Fix:  Fix{Words: "correct HostName in ~/.ssh/config, or take it out: osssh finds the address"},
	}
	if stale.DNS {
		found = &Finding{
			Confidence: Possible,
			What:       fmt.Sprintf("DNS knows %s at %s, which is not an address of the server: other programs go there", f.Name, stale.Address),
			Fix:        Fix{Words: "correct the DNS record"},
		}
	}
	for _, ip := range f.Neutron.Ways.FloatingIPs {
		found.Evidence = append(found.Evidence, fmt.Sprintf("its floating IP is %s", ip.FloatingIPAddress))
	}
	return found
}

// forwardings are the port forwardings that lead to the server, with their
// floating IPs.
func (f *Facts) forwardings() []forwarding {
	var all []forwarding
	for _, ip := range f.Neutron.Ways.FloatingIPs {
		for _, pf := range ip.PortForwardings {
			if pf.Protocol == "tcp" && (slices.Contains(f.fixed(), pf.InternalIPAddress) || f.hasPort(pf.InternalPortID)) {
				all = append(all, forwarding{ip, pf})
			}
		}
	}
	return all
}

type forwarding struct {
	ip openstack.FloatingIP
	openstack.PortForwarding
}

func (f *Facts) hasPort(id string) bool {
	return slices.ContainsFunc(f.Neutron.Ways.Ports, func(p openstack.Port) bool { return p.ID == id })
}

func findForwardedPort(f *Facts) *Finding {
	all := f.forwardings()
	if len(all) == 0 || f.Nova.Server == nil || slices.ContainsFunc(f.Way.Candidates, func(c resolve.Candidate) bool { return c.Kind == resolve.KindForwarding }) {
		return nil
	}
	port := resolve.SSHPort(*f.Nova.Server, f.Port)
	found := &Finding{Confidence: Certain, Fix: Fix{Command: "osssh " + terminal.Quote(f.Name), Words: "without -p: the outer port is found"}}
	for _, one := range all {
		line := fmt.Sprintf("%s:%d leads to %s:%d", one.ip.FloatingIPAddress, one.ExternalPort, one.InternalIPAddress, one.InternalPort)
		found.Evidence = append(found.Evidence, line)
		if f.Port != 0 && one.ExternalPort == f.Port {
			found.What = fmt.Sprintf("port %d is the outer port of a port forwarding: %s", f.Port, line)
			return found
		}
	}
	first := all[0]
	found.What = fmt.Sprintf("a port forwarding leads to %s, but none to its SSH port %d", f.serverName(), port)
	found.Fix = Fix{Command: fmt.Sprintf("openstack floating ip port forwarding create --protocol tcp --port %s --internal-ip-address %s --internal-protocol-port %d --external-protocol-port %d %s",
		first.InternalPortID, first.InternalIPAddress, port, freePort(first.ip), first.ip.ID)}
	return found
}

// freePort is an outer port that no forwarding of the floating IP uses.
func freePort(ip openstack.FloatingIP) int {
	port := 2222
	for slices.ContainsFunc(ip.PortForwardings, func(p openstack.PortForwarding) bool { return p.ExternalPort == port }) {
		port++
	}
	return port
}

// onlyIPv6 says that the server has addresses of IPv6 only.
func (f *Facts) onlyIPv6() bool {
	fixed := f.fixed()
	return len(fixed) > 0 && !slices.ContainsFunc(fixed, netip.Addr.Is4)
}

func findIPv6Only(f *Facts) *Finding {
	if !f.noWay() || !f.onlyIPv6() || f.Setup.Local.IPv6 {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("%s has IPv6 only (%s), and this machine has none", f.serverName(), joinAddresses(f.fixed())),
		Fix:        Fix{Words: "use a network with IPv6, or osssh -J HOST " + terminal.Quote(f.Name) + " with a host that has both"},
	}
}

func findOverlappingRange(f *Facts) *Finding {
	for _, probe := range f.Probes {
		address := probe.Candidate.Address.Addr()
		local := probe.Candidate.Why == resolve.OnLink || probe.Candidate.Why == resolve.Routed
		if !local || probe.Through != "" || !address.IsPrivate() || probe.Failed == nil {
			continue
		}
		var stranger *reach.HostKeyRefusedError
		answered := errors.As(probe.Failed.Err, &stranger)
		if !answered && probe.Failed.Stage != connect.StageDial {
			continue
		}
		found := &Finding{
			Confidence: Probable, ByWire: answered,
			What: fmt.Sprintf("this machine's own network holds %s too, so that not %s is dialled there", address, f.serverName()),
			Fix:  Fix{Command: "osssh --address floating " + terminal.Quote(f.Name), Words: "or through a jump host: osssh -J HOST " + terminal.Quote(f.Name)},
		}
		for _, prefix := range slices.Concat(f.Setup.Local.OnLink, f.Setup.Local.Routes) {
			if prefix.Contains(address) {
				found.Evidence = append(found.Evidence, "this machine has a way of its own to "+prefix.String())
			}
		}
		if answered {
			found.Evidence = append(found.Evidence, "what answers there shows another host key")
		} else {
			found.Confidence = Possible
		}
		return found
	}
	return nil
}

// isBalancer says whether an address is a load balancer's or another service's.
func isBalancer(owner *AddressOwner) bool {
	if len(owner.VIPOf) > 0 {
		return true
	}
	return owner.Port != nil && owner.Port.DeviceOwner != "" && !strings.HasPrefix(owner.Port.DeviceOwner, "compute:")
}

func findVirtualAddress(f *Facts) *Finding {
	owner := f.Neutron.Owner
	if owner == nil || !isBalancer(owner) {
		return nil
	}
	found := &Finding{
		Confidence: Certain, ByWire: true,
		What: fmt.Sprintf("%s is no server's own address", owner.Address),
		Fix:  Fix{Command: "osssh list", Words: "and log in by the server's name"},
	}
	if owner.Port != nil && owner.Port.DeviceOwner != "" {
		found.What = fmt.Sprintf("%s belongs to %s, not to a server", owner.Address, owner.Port.DeviceOwner)
		found.Evidence = []string{"port " + owner.Port.ID}
	}
	for _, port := range owner.VIPOf {
		found.Evidence = append(found.Evidence, fmt.Sprintf("port %s of server %s may use it too", port.ID, port.DeviceID))
	}
	return found
}
