package demo

import (
	"net/netip"
	"slices"
)

// loopback is the floating IP of every instance that has one, and the address
// of `direct` on the provider network: the only address that every system's
// loopback interface has.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// admits says whether the port's security groups let a TCP packet through, as
// neutron's firewall drivers enforce them.
func (c *Cloud) admits(port object, source netip.Addr, dport int) bool {
	if secured, given := port["port_security_enabled"].(bool); given && !secured {
		return true
	}
	groups, _ := port["security_groups"].([]string)
	for _, rule := range c.network.collections["security-group-rules"].rows {
		if slices.Contains(groups, text(rule["security_group_id"])) && c.fits(rule, source, dport) {
			return true
		}
	}
	return false
}

func (c *Cloud) fits(rule object, source netip.Addr, dport int) bool {
	shown := c.view("security-group-rules", rule)
	if shown["direction"] != "ingress" || (shown["ethertype"] == "IPv6") != source.Is6() {
		return false
	}
	if !slices.Contains([]string{"", "tcp", "6"}, text(shown["protocol"])) {
		return false
	}
	if low, ok := number(shown["port_range_min"]); ok && dport < low {
		return false
	}
	if high, ok := number(shown["port_range_max"]); ok && dport > high {
		return false
	}
	if group := text(shown["remote_group_id"]); group != "" {
		return c.isMember(group, source)
	}
	if group := c.network.collections["address-groups"].byID[text(shown["remote_address_group_id"])]; group != nil {
		return slices.ContainsFunc(group["addresses"].([]string), func(p string) bool { return covers(p, source) })
	}
	prefix := text(shown["normalized_cidr"])
	return prefix == "" || covers(prefix, source)
}

func covers(prefix string, a netip.Addr) bool {
	p, err := netip.ParsePrefix(prefix)
	return err == nil && p.Contains(a)
}

func (c *Cloud) isMember(group string, source netip.Addr) bool {
	for _, port := range c.network.collections["ports"].rows {
		if slices.Contains(port["security_groups"].([]string), group) && hasAddress(port, source.String()) {
			return true
		}
	}
	return false
}

func hasAddress(port object, address string) bool {
	ips, _ := port["fixed_ips"].([]object)
	return slices.ContainsFunc(ips, func(ip object) bool { return ip["ip_address"] == address })
}

// outside says whether the world, which is this machine's loopback, reaches the
// server's SSH port: at a floating IP or on the provider network, let through
// by the groups of that port.
func (c *Cloud) outside(s *server, dport int) bool {
	for _, port := range c.network.portsOf[s.id] {
		if (hasAddress(port, loopback.String()) && c.wired(port) || c.translated(port)) && c.admits(port, loopback, dport) {
			return true
		}
	}
	return false
}

// inside finds the instance that a server reaches at a fixed address, and
// whether the groups there let it through. Networks of one router reach one
// another, and no address is translated between them: the groups see the fixed
// address that the packet leaves with.
func (c *Cloud) inside(from *server, to netip.Addr) (i *Instance, admitted bool) {
	for _, s := range c.servers {
		if s.instance == nil || s.deleted || !stateOf(s.status).up {
			continue
		}
		for _, port := range c.network.portsOf[s.id] {
			if !hasAddress(port, to.String()) || !c.wired(port) {
				continue
			}
			for _, mine := range c.network.portsOf[from.id] {
				source := sourceOf(mine, to)
				if source.IsValid() && c.wired(mine) && c.joined(text(mine["network_id"]), text(port["network_id"])) {
					return s.instance, c.admits(port, source, s.instance.door.addr.Port)
				}
			}
		}
	}
	return nil, false
}

// joined says whether two networks are one, or have an interface of one router
// each that is switched on.
func (c *Cloud) joined(a, b string) bool {
	return a == b || slices.ContainsFunc(c.routersOf(a), func(id string) bool {
		return slices.Contains(c.routersOf(b), id) && c.on("routers", c.network.collections["routers"].byID[id])
	})
}

// routersOf lists the routers that have an interface on a network.
func (c *Cloud) routersOf(network string) []string {
	routers := []string{}
	for _, router := range c.network.collections["routers"].rows {
		id := text(router["id"])
		if slices.ContainsFunc(c.network.portsOf[id], func(p object) bool { return p["network_id"] == network }) {
			routers = append(routers, id)
		}
	}
	return routers
}

// sourceOf is the port's first address of the family of to, if it has one.
func sourceOf(port object, to netip.Addr) netip.Addr {
	ips, _ := port["fixed_ips"].([]object)
	for _, ip := range ips {
		if a := netip.MustParseAddr(text(ip["ip_address"])); a.Is4() == to.Is4() {
			return a
		}
	}
	return netip.Addr{}
}
