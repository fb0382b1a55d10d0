package diagnose

import (
	"fmt"
	"net/netip"
	"slices"

	"osssh/internal/openstack"
	"osssh/internal/terminal"
	"osssh/resolve"
)

// The causes of the path at the server's own port, network and subnet, and in
// the guest behind it.

func findPortDisabled(f *Facts) *Finding {
	for _, w := range f.ways() {
		if w.port == nil || w.port.AdminStateUp {
			continue
		}
		return &Finding{
			Confidence: f.sure(w, Certain),
			What:       fmt.Sprintf("port %s of %s is switched off", short(w.port.ID), f.serverName()),
			Evidence:   []string{fmt.Sprintf("port %s: admin_state_up false", w.port.ID)},
			Fix:        Fix{Command: "openstack port set --enable " + w.port.ID},
		}
	}
	return nil
}

func findPortDown(f *Facts) *Finding {
	for _, w := range f.ways() {
		if w.port == nil || !f.running() || !w.port.AdminStateUp || w.network != nil && !w.network.AdminStateUp || !plain(*w.port) {
			continue
		}
		failed := w.port.VIFType == "binding_failed"
		if !failed && !slices.Contains([]string{"DOWN", "BUILD", "ERROR"}, w.port.Status) {
			continue
		}
		found := &Finding{
			Confidence: Probable,
			What:       fmt.Sprintf("port %s of %s is %s, though the server is ACTIVE", short(w.port.ID), f.serverName(), w.port.Status),
			Evidence:   []string{fmt.Sprintf("port %s: status %s", w.port.ID, w.port.Status)},
			Fix:        Fix{Command: "openstack server reboot --hard " + f.serverID(), Words: "plugs it in anew; else the operator must mend it"},
		}
		if failed {
			found.What = fmt.Sprintf("port %s of %s could not be bound to its machine", short(w.port.ID), f.serverName())
			found.Evidence = append(found.Evidence, "binding:vif_type binding_failed")
		}
		return found
	}
	return nil
}

// plain says whether a port is a virtual one: what SR-IOV passes through may be
// DOWN and work.
func plain(port openstack.Port) bool { return port.VNICType == "" || port.VNICType == "normal" }

func findNetworkDisabled(f *Facts) *Finding {
	for _, w := range f.ways() {
		if w.network == nil || w.network.AdminStateUp {
			continue
		}
		return &Finding{
			Confidence: f.sure(w, Certain),
			What:       fmt.Sprintf("network %s is switched off", nameOf(w.network.Name, w.network.ID)),
			Evidence:   []string{fmt.Sprintf("network %s: admin_state_up false", w.network.ID)},
			Fix:        Fix{Command: "openstack network set --enable " + w.network.ID},
		}
	}
	return nil
}

func findSubnetWithoutGateway(f *Facts) *Finding {
	for _, w := range f.ways() {
		if w.subnet == nil || w.subnet.GatewayIP.IsValid() || w.subnet.IPVersion == 6 || w.candidate.Why == resolve.OnLink || w.jump != nil && !w.jump.Joined {
			continue
		}
		return &Finding{
			Confidence: Probable,
			What:       fmt.Sprintf("subnet %s (%s) has no gateway: the guest can reply to its neighbours only", nameOf(w.subnet.Name, w.subnet.ID), w.subnet.CIDR),
			Evidence:   []string{fmt.Sprintf("subnet %s: gateway_ip is empty", w.subnet.ID)},
			Fix:        f.gatewayFix(*w.subnet),
		}
	}
	return nil
}

// gatewayFix names the router's own address on the subnet as its gateway.
func (f *Facts) gatewayFix(subnet openstack.Subnet) Fix {
	for _, port := range f.Neutron.RouterPorts {
		for _, ip := range port.FixedIPs {
			if ip.SubnetID == subnet.ID {
				return Fix{
					Command: fmt.Sprintf("openstack subnet set --gateway %s %s", ip.IPAddress, subnet.ID),
					Words:   f.rebootAfter(),
				}
			}
		}
	}
	return Fix{Words: "set the router's address as the gateway of subnet " + subnet.ID + ": openstack subnet set --gateway"}
}

// rebootAfter is what makes a guest ask for its address again.
func (f *Facts) rebootAfter() string {
	return "then openstack server reboot " + f.serverID() + ", so that the guest asks for its address again"
}

func findDHCPDisabled(f *Facts) *Finding {
	server := f.Nova.Server
	if server == nil || server.ConfigDrive != "" || len(f.Nova.Console.Addresses) > 0 {
		return nil
	}
	for _, w := range f.ways() {
		if w.subnet == nil || w.subnet.EnableDHCP || w.subnet.IPVersion == 6 {
			continue
		}
		return &Finding{
			Confidence: Probable,
			What:       fmt.Sprintf("subnet %s has no DHCP and %s no config drive: nothing tells the guest its address %s", nameOf(w.subnet.Name, w.subnet.ID), server.Name, w.candidate.Inside.Addr()),
			Evidence:   []string{fmt.Sprintf("subnet %s: enable_dhcp false; server %s: config_drive empty", w.subnet.ID, server.ID)},
			Fix:        Fix{Command: "openstack subnet set --dhcp " + w.subnet.ID, Words: f.rebootAfter()},
		}
	}
	return nil
}

func findAsymmetricReturn(f *Facts) *Finding {
	var routed []openstack.Port
	for _, port := range f.Neutron.Ways.Ports {
		if slices.ContainsFunc(port.FixedIPs, func(ip openstack.FixedIP) bool {
			subnet := f.subnetOf(port, ip.IPAddress)
			return subnet != nil && subnet.GatewayIP.Is4()
		}) {
			routed = append(routed, port)
		}
	}
	if len(routed) < 2 || !f.silent() {
		return nil
	}
	for _, w := range f.ways() {
		if w.port == nil || w.jump != nil || w.candidate.Why == resolve.OnLink || !w.candidate.Inside.Addr().Is4() {
			continue
		}
		found := &Finding{
			Confidence: Possible,
			What:       fmt.Sprintf("%s has %d interfaces with a gateway: it may reply by another one than %s", f.serverName(), len(routed), w.candidate.Inside.Addr()),
			Fix:        Fix{Words: "routing by source address in the guest, or the floating IP on its first interface"},
		}
		for _, port := range routed {
			found.Evidence = append(found.Evidence, fmt.Sprintf("port %s has %s", port.ID, joinAddresses(portAddresses(port))))
			if w.floating != nil && w.floating.PortID == w.port.ID && port.ID != w.port.ID && found.Fix.Command == "" {
				found.Fix = Fix{
					Command: fmt.Sprintf("openstack floating ip set --port %s %s", port.ID, w.floating.ID),
					Words:   "or routing by source address in the guest",
				}
			}
		}
		return found
	}
	return nil
}

// smallMTU is the least that IPv6 admits (RFC 8200, section 5), and what a
// network can always be set to.
const smallMTU = 1280

func findMTU(f *Facts) *Finding {
	p := f.foremost()
	if p == nil || !p.stalled() || f.Nova.Server == nil {
		return nil
	}
	found := &Finding{
		Confidence: Possible, ByWire: true,
		What:     fmt.Sprintf("the key exchange with %s stalls after its banner: packets of full size may be lost on the way", p.Candidate.Address),
		Evidence: []string{"after " + quoted(p.Version) + " nothing more came"},
		Fix:      Fix{Words: fmt.Sprintf("set a smaller MTU in the guest: ip link set dev INTERFACE mtu %d", smallMTU)},
	}
	if p.SmallSegments != nil && *p.SmallSegments {
		found.Confidence = Certain
		found.What = fmt.Sprintf("packets of full size to or from %s are lost on the way: the key exchange goes through in small segments only", p.Candidate.Address)
		found.Evidence = append(found.Evidence, "with TCP segments of at most 1200 bytes it goes on")
	}
	if w := f.wayBy(p.Candidate); w.network != nil && w.network.ProjectID == f.Nova.Server.ProjectID {
		found.Evidence = append(found.Evidence, fmt.Sprintf("network %s has an MTU of %d", nameOf(w.network.Name, w.network.ID), w.network.MTU))
		if w.network.MTU > smallMTU {
			found.Fix = Fix{Command: fmt.Sprintf("openstack network set --mtu %d %s", smallMTU, w.network.ID), Words: f.rebootAfter()}
		}
	}
	return found
}

func findGuestAddress(f *Facts) *Finding {
	server := f.Nova.Server
	var known []netip.Prefix
	for _, port := range f.Neutron.Ways.Ports {
		for _, address := range portAddresses(port) {
			known = append(known, netip.PrefixFrom(address, address.BitLen()))
		}
		for _, pair := range port.AllowedAddressPairs {
			known = append(known, pairPrefix(pair)...)
		}
	}
	if server == nil || len(known) == 0 {
		return nil
	}
	var strange []netip.Addr
	for _, address := range f.Nova.Console.Addresses {
		if !address.Is4() {
			continue
		}
		if slices.ContainsFunc(known, func(p netip.Prefix) bool { return p.Contains(address) }) {
			return nil
		}
		strange = append(strange, address)
	}
	if len(strange) == 0 {
		return nil
	}
	return &Finding{
		Confidence: Certain,
		What:       fmt.Sprintf("the guest of %s has set itself %s; its port has %s", server.Name, joinAddresses(strange), joinAddresses(f.fixed())),
		Evidence:   []string{"console: the network devices have " + joinAddresses(f.Nova.Console.Addresses)},
		Fix: Fix{
			Command: "openstack console url show " + server.ID,
			Words: fmt.Sprintf("and let the guest take its address by DHCP; or openstack port set --allowed-address ip-address=%s %s for its neighbours",
				strange[0], f.Neutron.Ways.Ports[0].ID),
		},
	}
}

// pairPrefix reads an allowed-address pair, which is an address or a prefix.
func pairPrefix(pair openstack.AddressPair) []netip.Prefix {
	if prefix, err := netip.ParsePrefix(pair.IPAddress); err == nil {
		return []netip.Prefix{prefix}
	}
	if address, err := netip.ParseAddr(pair.IPAddress); err == nil {
		return []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
	}
	return nil
}

func findFirewallGroup(f *Facts) *Finding {
	for _, w := range f.ways() {
		if w.port == nil {
			continue
		}
		for _, group := range f.Neutron.FirewallGroups {
			if !f.covers(group, w) || len(group.Ports) == 0 {
				continue
			}
			name := nameOf(group.Name, group.ID)
			found := &Finding{
				Confidence: Possible,
				What:       fmt.Sprintf("firewall group %s stands before %s, and its rules are not read here", name, f.serverName()),
				Evidence:   []string{fmt.Sprintf("firewall group %s: status %s, ingress policy %s", group.ID, group.Status, group.IngressPolicyID)},
				Fix:        f.firewallFix(group, w),
			}
			switch {
			case !group.AdminStateUp:
				found.Confidence = Probable
				found.What = fmt.Sprintf("firewall group %s is switched off, and then drops everything for %s", name, f.serverName())
				found.Fix = Fix{Command: "openstack firewall group set --enable " + group.ID}
			case group.IngressPolicyID == "":
				found.Confidence = Probable
				found.What = fmt.Sprintf("firewall group %s has no ingress policy, and drops everything for %s", name, f.serverName())
			}
			return found
		}
	}
	return nil
}

// covers says whether a firewall group filters what goes to a way's port: there,
// or at the router before it.
func (f *Facts) covers(group openstack.FirewallGroup, w way) bool {
	if slices.Contains(group.Ports, w.port.ID) {
		return true
	}
	routers := f.routers(w)
	return slices.ContainsFunc(f.Neutron.RouterPorts, func(p openstack.Port) bool {
		return slices.Contains(group.Ports, p.ID) &&
			slices.ContainsFunc(routers, func(r openstack.Router) bool { return r.ID == p.DeviceID })
	})
}

// firewallFix adds a rule to the group's policy, or gives it one.
func (f *Facts) firewallFix(group openstack.FirewallGroup, w way) Fix {
	rule := terminal.Quote("ssh-" + f.serverName())
	source := ""
	if w.verdict != nil && w.verdict.Source.IsValid() {
		source = " --source-ip-address " + w.verdict.Source.String()
	}
	create := fmt.Sprintf("openstack firewall group rule create --name %s --protocol tcp --destination-port %d%s --action allow",
		rule, w.candidate.Inside.Port(), source)
	if group.IngressPolicyID != "" {
		return Fix{Command: fmt.Sprintf("%s && openstack firewall group policy add rule %s %s", create, group.IngressPolicyID, rule)}
	}
	return Fix{Command: fmt.Sprintf("%s && openstack firewall group policy create --firewall-rule %s %s && openstack firewall group set --ingress-firewall-policy %s %s",
		create, rule, rule, rule, group.ID)}
}
