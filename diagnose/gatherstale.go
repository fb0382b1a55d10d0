package diagnose

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"osssh/internal/openstack"
	"osssh/reach"
	"osssh/resolve"
)

// namePatience bounds asking DNS for the name that was typed.
const namePatience = time.Second

// findStale collects the addresses that ssh_config and DNS have for the name and
// that the server has not. What a login remembers it mends by itself.
func (g *gathering) findStale(ctx context.Context, plan *reach.Plan, ways resolve.Ways) {
	var had []StaleAddress
	if g.request.Settings.HostName() != "" && !plan.Proxied() {
		for _, c := range plan.Candidates {
			had = append(had, StaleAddress{Address: c.Address.Addr()})
		}
	}
	if _, literal := addressOf(g.request.Name); !literal && strings.Contains(g.request.Name, ".") {
		for _, address := range lookUp(ctx, g.request.Name) {
			had = append(had, StaleAddress{Address: address, DNS: true})
		}
	}
	own := addressesOf(plan.Server, ways)
	stale := slices.DeleteFunc(had, func(s StaleAddress) bool { return slices.Contains(own, s.Address) })
	g.note(func(f *Facts) { f.Way.Stale = stale })
}

// addressesOf are all addresses that lead to a server, as far as the APIs tell.
func addressesOf(server openstack.Server, ways resolve.Ways) (all []netip.Addr) {
	for _, text := range []string{server.AccessIPv4, server.AccessIPv6} {
		if address, err := netip.ParseAddr(text); err == nil {
			all = append(all, address.Unmap())
		}
	}
	for _, addresses := range server.Addresses {
		for _, a := range addresses {
			if address, err := netip.ParseAddr(a.Address); err == nil {
				all = append(all, address.Unmap())
			}
		}
	}
	for _, port := range ways.Ports {
		for _, ip := range port.FixedIPs {
			all = append(all, ip.IPAddress)
		}
	}
	for _, ip := range ways.FloatingIPs {
		all = append(all, ip.FloatingIPAddress)
	}
	return all
}

// lookUp asks DNS for a name's addresses, for at most a second.
func lookUp(ctx context.Context, name string) []netip.Addr {
	ctx, end := context.WithTimeout(ctx, namePatience)
	defer end()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	if err != nil {
		return nil
	}
	for i := range addresses {
		addresses[i] = addresses[i].Unmap()
	}
	return addresses
}
