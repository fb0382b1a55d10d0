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

// findStale collects the addresses that ssh_config, DNS and memory have for the
// name and that the server has not.
func (g *gathering) findStale(ctx context.Context, plan *reach.Plan, ways resolve.Ways) {
	var had []netip.Addr
	if g.request.Settings.HostName() != "" && !plan.Proxied() {
		for _, c := range plan.Candidates {
			had = append(had, c.Address.Addr())
		}
	}
	if past, _, ok := g.memory.Remembered(g.request.Name); ok {
		had = append(had, past.Address.Addr())
	}
	if _, literal := addressOf(g.request.Name); !literal && strings.Contains(g.request.Name, ".") {
		had = append(had, lookUp(ctx, g.request.Name)...)
	}
	own := addressesOf(plan.Server, ways)
	var stale []netip.Addr
	for _, address := range had {
		if !slices.Contains(own, address) && !slices.Contains(stale, address) {
			stale = append(stale, address)
		}
	}
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
