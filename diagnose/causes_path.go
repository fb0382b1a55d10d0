package diagnose

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"osssh/internal/openstack"
	"osssh/resolve"
)

// pathCauses are those that the catalogue numbers with P: routers, networks,
// subnets and ports. P12 shows in the key exchange, after TCP.
func pathCauses() []Cause {
	return []Cause{
		{
			ID: "P1", Slug: "router-without-gateway", Layer: Path,
			Title: "the router has no gateway, so nothing leads to the networks behind it",
			Shows: "a timeout",
			Told:  "the router's external_gateway_info is empty",
			Mends: "openstack router set --external-gateway NETWORK ROUTER",
			Find:  findRouterWithoutGateway,
		},
		{
			ID: "P2", Slug: "subnet-without-router", Layer: Path,
			Title: "the server's subnet is on no router, so no floating IP leads to it",
			Shows: "a timeout, or no address that can be reached",
			Told:  "no port of a router is on the subnet, or the floating IP has no router",
			Mends: "openstack router add subnet ROUTER SUBNET",
			Find:  findSubnetWithoutRouter,
		},
		{
			ID: "P3", Slug: "router-down", Layer: Path,
			Title: "the router is switched off, or in error",
			Shows: "a timeout",
			Told:  "the router's admin_state_up and status",
			Mends: "openstack router set --enable ROUTER",
			Find:  findRouterDown,
		},
		{
			ID: "P4", Slug: "floating-ip-down", Layer: Path,
			Title: "the floating IP is not in place on its router",
			Shows: "a timeout",
			Told:  "the floating IP's status is DOWN or ERROR (clouds with OVN report ACTIVE always)",
			Mends: "take it off its port and put it there again",
			Find:  findFloatingIPDown,
		},
		{
			ID: "P5", Slug: "router-dead", Layer: Path,
			Title: "the machine that runs the router is dead, or its gateway port is",
			Shows: "a timeout, for every server behind the router",
			Told:  "other servers behind the same router are silent too, though their rules admit you",
			Mends: "the operator mends it",
			Find:  findRouterDead,
		},
		{
			ID: "P6", Slug: "port-disabled", Layer: Path,
			Title: "the server's port is switched off",
			Shows: "a timeout",
			Told:  "the port's admin_state_up is false",
			Mends: "openstack port set --enable PORT",
			Find:  findPortDisabled,
		},
		{
			ID: "P7", Slug: "port-down", Layer: Path,
			Title: "the server's port is not plugged in",
			Shows: "a timeout",
			Told:  "the port is DOWN, BUILD or ERROR, or its binding failed, though the server is ACTIVE",
			Mends: "openstack server reboot --hard SERVER",
			Find:  findPortDown,
		},
		{
			ID: "P8", Slug: "network-disabled", Layer: Path,
			Title: "the server's network is switched off",
			Shows: "a timeout",
			Told:  "the network's admin_state_up is false",
			Mends: "openstack network set --enable NETWORK",
			Find:  findNetworkDisabled,
		},
		{
			ID: "P9", Slug: "subnet-without-gateway", Layer: Path,
			Title: "the subnet has no gateway, so the guest's replies reach its neighbours only",
			Shows: "a timeout from outside, while neighbours get in",
			Told:  "the subnet's gateway_ip is empty",
			Mends: "openstack subnet set --gateway ADDRESS SUBNET, then reboot the server",
			Find:  findSubnetWithoutGateway,
		},
		{
			ID: "P10", Slug: "dhcp-disabled", Layer: Path,
			Title: "the subnet has no DHCP and the server no config drive, so the guest learns no address",
			Shows: "a timeout",
			Told:  "enable_dhcp and config_drive; no address on the console",
			Mends: "openstack subnet set --dhcp SUBNET, then reboot the server",
			Find:  findDHCPDisabled,
		},
		{
			ID: "P11", Slug: "asymmetric-return", Layer: Path,
			Title: "with several interfaces the guest may reply by another one than was asked",
			Shows: "a timeout",
			Told:  "several ports of the server have a gateway, and only one of them is dialled",
			Mends: "routing by source address in the guest, or the floating IP on the first interface",
			Find:  findAsymmetricReturn,
		},
		{
			ID: "P12", Slug: "mtu", Layer: Transport,
			Title: "packets of full size are lost on the way",
			Shows: "the connection hangs after the server's banner",
			Told:  "the key exchange stalls, and goes through in small segments",
			Mends: "a smaller MTU on the network or in the guest",
			Find:  findMTU,
		},
		{
			ID: "P13", Slug: "guest-address", Layer: Path,
			Title: "the guest uses another address than its port has, so what it sends is dropped",
			Shows: "a timeout",
			Told:  "the addresses that the console shows, beside the port's fixed_ips",
			Mends: "let the guest take its address by DHCP, or openstack port set --allowed-address",
			Find:  findGuestAddress,
		},
		{
			ID: "P14", Slug: "firewall-group", Layer: Path,
			Title: "a firewall group (FWaaS) stands before the server",
			Shows: "a timeout",
			Told:  "a firewall group covers the server's port or its router's",
			Mends: "a rule of the firewall group's policy that allows SSH",
			Find:  findFirewallGroup,
		},
		{
			ID: "P15", Slug: "local-egress", Layer: Path,
			Title: "the network here lets no SSH out",
			Shows: "a timeout for every server",
			Told:  "other servers are silent too, whatever router they are behind, and the API answers",
			Mends: "another network, a VPN, or a port forwarding from port 443",
			Find:  findLocalEgress,
		},
	}
}

func findRouterWithoutGateway(f *Facts) *Finding {
	for _, w := range f.ways() {
		routers := f.routers(w)
		if len(routers) == 0 || slices.ContainsFunc(routers, hasGateway) {
			continue
		}
		switch {
		case w.floating != nil:
			return withoutGateway(f, routers[0], f.sure(w, Certain))
		case w.candidate.Why == resolve.Global:
			return withoutGateway(f, routers[0], f.sure(w, Probable))
		}
	}
	if router := f.deadEnd(); router != nil {
		return withoutGateway(f, *router, Certain)
	}
	return nil
}

func hasGateway(r openstack.Router) bool { return r.Gateway != nil }

// deadEnd is a router without a gateway, where a server that has no way in is
// behind such ones only: no floating IP can be given to it.
func (f *Facts) deadEnd() *openstack.Router {
	if !f.noWay() {
		return nil
	}
	var first *openstack.Router
	for _, id := range f.subnetIDs() {
		routers, any := f.routersOn(id)
		if any && len(routers) == 0 || slices.ContainsFunc(routers, hasGateway) {
			return nil
		}
		if first == nil && len(routers) > 0 {
			first = &routers[0]
		}
	}
	return first
}

// subnetIDs are the subnets of the server's IPv4 addresses.
func (f *Facts) subnetIDs() []string {
	var ids []string
	for _, port := range f.Neutron.Ways.Ports {
		for _, ip := range port.FixedIPs {
			if ip.IPAddress.Is4() {
				ids = addOnce(ids, ip.SubnetID)
			}
		}
	}
	return ids
}

func withoutGateway(f *Facts, router openstack.Router, c Confidence) *Finding {
	found := &Finding{
		Confidence: c,
		What:       fmt.Sprintf("router %s has no gateway", nameOf(router.Name, router.ID)),
		Evidence:   []string{fmt.Sprintf("router %s: external_gateway_info is empty", router.ID)},
	}
	network := f.outside()
	if network == "" {
		network = "NETWORK"
		found.Fix.Words = "openstack network list --external names the networks"
	}
	found.Fix.Command = fmt.Sprintf("openstack router set --external-gateway %s %s", network, router.ID)
	return found
}

// outside is an external network by its id: that of the server's floating IPs,
// or of the project's free ones. "": none is known.
func (f *Facts) outside() string {
	for _, ip := range slices.Concat(f.Neutron.Ways.FloatingIPs, f.Neutron.FreeIPs) {
		if ip.FloatingNetworkID != "" {
			return ip.FloatingNetworkID
		}
	}
	return f.externalNetwork()
}

// nameOf is how a person knows a thing: by its name, else by its id.
func nameOf(name, id string) string {
	if name == "" {
		return short(id)
	}
	return name
}

func findSubnetWithoutRouter(f *Facts) *Finding {
	for _, w := range f.ways() {
		if w.floating == nil || w.port == nil {
			continue
		}
		unbound := w.floating.RouterID == "" && w.floating.PortID != ""
		if w.subnet != nil && (unbound || f.offRouter(*w.port, w.subnet.ID)) {
			return withoutRouter(f, *w.subnet, f.sure(w, Certain),
				fmt.Sprintf("floating IP %s cannot lead to %s", w.floating.FloatingIPAddress, w.candidate.Inside.Addr()))
		}
	}
	if subnet := f.unrouted(); subnet != nil {
		return withoutRouter(f, *subnet, Certain, "no floating IP can lead there")
	}
	return nil
}

// offRouter says that no router is on a subnet. Only the network's owner can
// tell: the routers of others are not shown to a tenant.
func (f *Facts) offRouter(port openstack.Port, subnetID string) bool {
	network, known := f.Neutron.Ways.Networks[port.NetworkID]
	if !known || network.External || f.Nova.Server == nil || network.ProjectID != f.Nova.Server.ProjectID ||
		f.Phase < Addressed || slices.ContainsFunc(f.Asked, func(a Asked) bool { return a.What == "routers" && a.Err != nil }) {
		return false
	}
	_, any := f.routersOn(subnetID)
	return !any
}

// unrouted is the subnet of a server that has no way in, where none of its
// subnets is on a router. nil: there is a router, or it cannot be told.
func (f *Facts) unrouted() *openstack.Subnet {
	if !f.noWay() {
		return nil
	}
	var first *openstack.Subnet
	for _, port := range f.Neutron.Ways.Ports {
		for _, ip := range port.FixedIPs {
			if !ip.IPAddress.Is4() {
				continue
			}
			if !f.offRouter(port, ip.SubnetID) {
				return nil
			}
			if first == nil {
				first = f.subnetOf(port, ip.IPAddress)
			}
		}
	}
	return first
}

func withoutRouter(f *Facts, subnet openstack.Subnet, c Confidence, so string) *Finding {
	found := &Finding{
		Confidence: c,
		What:       fmt.Sprintf("subnet %s (%s) is on no router: %s", nameOf(subnet.Name, subnet.ID), subnet.CIDR, so),
		Evidence:   []string{"no router has a port on subnet " + subnet.ID},
	}
	router := "ROUTER"
	if all := slices.Concat(f.Neutron.Routers, f.Neutron.SpareRouters); len(all) > 0 {
		router = withGatewayFirst(all).ID
	} else {
		found.Fix.Words = "openstack router list names the routers"
	}
	add := fmt.Sprintf("openstack router add subnet %s %s", router, subnet.ID)
	if !subnet.GatewayIP.IsValid() { // neutron refuses such a one
		found.Fix.Words = fmt.Sprintf("it has no gateway either: openstack subnet set --gateway ADDRESS %s; then %s", subnet.ID, add)
		return found
	}
	found.Fix.Command = add
	return found
}

// withGatewayFirst prefers a router that leads somewhere.
func withGatewayFirst(all []openstack.Router) openstack.Router {
	if leads := find(all, hasGateway); leads != nil {
		return *leads
	}
	return all[0]
}

func findRouterDown(f *Facts) *Finding {
	works := func(r openstack.Router) bool { return r.AdminStateUp && r.Status != "ERROR" }
	for _, w := range f.ways() {
		routers := f.routers(w)
		if len(routers) == 0 || slices.ContainsFunc(routers, works) {
			continue
		}
		router := routers[0]
		found := &Finding{
			Confidence: Certain,
			What:       fmt.Sprintf("router %s is switched off", nameOf(router.Name, router.ID)),
			Evidence:   []string{fmt.Sprintf("router %s: admin_state_up %t, status %s", router.ID, router.AdminStateUp, router.Status)},
			Fix:        Fix{Command: "openstack router set --enable " + router.ID},
		}
		if router.AdminStateUp {
			found.What = fmt.Sprintf("router %s is in status %s", nameOf(router.Name, router.ID), router.Status)
			found.Fix = Fix{
				Command: fmt.Sprintf("openstack router set --disable %s && openstack router set --enable %s", router.ID, router.ID),
				Words:   "builds it anew; else the operator must mend it",
			}
		}
		if w.floating == nil {
			found.Confidence = Probable
		}
		found.Confidence = f.sure(w, found.Confidence)
		return found
	}
	return nil
}

func findFloatingIPDown(f *Facts) *Finding {
	for _, w := range f.ways() {
		ip := w.floating
		if ip == nil || ip.Status != "DOWN" && ip.Status != "ERROR" || !f.running() {
			continue
		}
		found := &Finding{
			Confidence: Probable,
			What:       fmt.Sprintf("floating IP %s is %s: its router does not serve it", ip.FloatingIPAddress, ip.Status),
			Evidence:   []string{fmt.Sprintf("floating IP %s: status %s, router %s", ip.ID, ip.Status, ip.RouterID)},
			Fix:        Fix{Words: "tell the operator about floating IP " + ip.ID},
		}
		if ip.PortID != "" {
			found.Fix = Fix{
				Command: fmt.Sprintf("openstack floating ip unset --port %s && openstack floating ip set --port %s %s", ip.ID, ip.PortID, ip.ID),
				Words:   "puts it in place anew; else the operator must mend it",
			}
		}
		return found
	}
	return nil
}

// controls sorts the connections to other servers by where they lead and whether
// they were answered. A router that answers is alive.
func (f *Facts) controls() (sameAnswered, sameSilent, otherAnswered, otherSilent []Control) {
	for _, c := range f.Control {
		switch {
		case !strings.HasPrefix(c.What, "server ") && !strings.HasPrefix(c.What, "router "):
		case c.SamePath && c.Err == nil:
			sameAnswered = append(sameAnswered, c)
		case c.SamePath:
			sameSilent = append(sameSilent, c)
		case c.Err == nil:
			otherAnswered = append(otherAnswered, c)
		default:
			otherSilent = append(otherSilent, c)
		}
	}
	return sameAnswered, sameSilent, otherAnswered, otherSilent
}

func findRouterDead(f *Facts) *Finding {
	sameAnswered, sameSilent, otherAnswered, otherSilent := f.controls()
	if !f.silent() || len(sameSilent) == 0 || len(sameAnswered) > 0 || len(otherSilent) > 0 && len(otherAnswered) == 0 {
		return nil
	}
	found := &Finding{
		Confidence: Probable,
		What:       "nothing behind the router answers: it, or the machine that runs it, is dead",
		Evidence:   controlEvidence(slices.Concat(sameSilent, otherAnswered)),
		Fix:        Fix{Words: "tell the operator"},
	}
	for _, w := range f.ways() {
		if routers := f.routers(w); len(routers) > 0 {
			found.What = fmt.Sprintf("nothing behind router %s answers: it, or the machine that runs it, is dead", nameOf(routers[0].Name, routers[0].ID))
			found.Fix.Words = "tell the operator about router " + routers[0].ID
			break
		}
	}
	return found
}

func controlEvidence(all []Control) []string {
	var lines []string
	for _, c := range all {
		line := fmt.Sprintf("%s at %s answers", c.What, c.Address)
		if c.Err != nil {
			line = fmt.Sprintf("%s at %s is silent too, though its rules admit you", c.What, c.Address)
		}
		lines = append(lines, line)
	}
	return lines
}

func findLocalEgress(f *Facts) *Finding {
	for _, p := range f.Probes {
		if p.Through == "" && p.Failed != nil && (errors.Is(p.Failed.Err, syscall.EPERM) || errors.Is(p.Failed.Err, syscall.EACCES)) {
			return &Finding{
				Confidence: Certain,
				What:       fmt.Sprintf("this machine's own firewall lets nothing out to %s", p.Candidate.Address),
				Evidence:   []string{"connect: " + innermost(p.Failed.Err).Error()},
				Fix:        Fix{Words: fmt.Sprintf("open port %d outwards in this machine's firewall", p.Candidate.Address.Port())},
			}
		}
	}
	sameAnswered, sameSilent, otherAnswered, otherSilent := f.controls()
	alive := len(sameSilent) > 0 && len(sameAnswered) > 0 // the router answers, what is behind it does not
	if !f.silent() || len(otherSilent) == 0 && !alive || len(otherAnswered) > 0 || answeredBeside(sameAnswered) {
		return nil
	}
	return &Finding{
		Confidence: Probable,
		What:       fmt.Sprintf("the network here lets no SSH out: %d other servers are silent too, and the API answers", len(sameSilent)+len(otherSilent)),
		Evidence:   controlEvidence(slices.Concat(otherSilent, sameSilent, sameAnswered)),
		Fix:        Fix{Words: "try from another network or through a VPN; or forward port 443 of a floating IP to the server's SSH port"},
	}
}

// answeredBeside says whether a server answered: a router answers on another
// port than SSH's, which is what tells a closed port from a dead path.
func answeredBeside(all []Control) bool {
	return slices.ContainsFunc(all, func(c Control) bool { return strings.HasPrefix(c.What, "server ") })
}
